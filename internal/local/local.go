// Package local is the driver for local runs: a directory as bucket and record store.
//
// [Open] opens a directory for one process. Its bucket ([folder.Bucket]) has the objects, finds the events and keeps
// the texts; its records ([sqlite.Store]) are those of the bucket; its data directory ([folder.Data]) also holds logs
// and the address at which the process receives events. [OpenBeside] and [Endpoint] are for other processes meanwhile.
// Nothing here delivers or redelivers: the caller loops over [folder.Bucket.Scan] and [sqlite.Store.Due].
//
// # Trust
//
// A directory may be from elsewhere: unpacked from an archive, cloned, on a share. Its content is hostile. Nothing in
// it is executed, no link is followed out of it, and code that prints or parses its names and bytes must expect
// anything.
//
// DIR/.bucketocr is this user's own once it has passed the checks of [folder.Dir.OpenData]: a directory that belongs to
// the user, that no other user can write to, in which every file of ours is a regular file with one name. From then on
// it is held open and accessed through [os.Root]; texts, and files that each run rewrites, replace existing files of
// their names. It may still have been unpacked together with the rest. So its contents are trusted as data, not as
// instructions: the database may have any records, but neither triggers nor views, and a rollback journal is never
// played back (see package sqlite); names from it are checked before they become paths, and an endpoint must be a port
// of this machine. Only the endpoint's own token is ever sent to it.
//
// One risk remains: SQLite opens its files by path, so users who can write to the bucket's directory itself can replace
// the checked .bucketocr in the moment between check and opening. Use a directory that others can write to only if you
// trust them that far. On Windows owners and modes are not checked.
package local

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/bucketocr/bucketocr/internal/local/folder"
	"github.com/bucketocr/bucketocr/internal/local/sqlite"
)

// Directory is a directory as bucket and record store, locked by this process.
type Directory struct {
	Bucket  *folder.Bucket
	Records *sqlite.Store
	Data    *folder.Data
	lock    *folder.Lock
}

// Open locks the directory for this process and opens its records, creating missing files. It fails if another process
// works in it, if path is a file or cannot be written, if its data directory is not this user's own (see Trust above),
// and if its records are damaged, another program's or a newer version's; the error says what to do. The caller must
// close the directory.
func Open(path string) (*Directory, error) {
	dir, err := folder.Find(path)
	if err != nil {
		return nil, err
	}
	if err := dir.Make(); err != nil {
		return nil, err
	}
	d := &Directory{}
	if err := d.open(dir); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

func (d *Directory) open(dir folder.Dir) (err error) {
	if d.Data, err = dir.OpenData(); err != nil {
		return err
	}
	if d.lock, err = d.Data.Lock(); err != nil {
		return err
	}
	if d.Records, err = sqlite.Open(d.Data.Database(), dir.Base()); err != nil {
		return err
	}
	d.Bucket, err = folder.OpenBucket(d.lock, d.Records.Bucket(), d.Records.Files())
	return err
}

// Close closes the bucket and the records, and unlocks the directory. It may be repeated.
func (d *Directory) Close() error {
	var errs []error
	if d.Bucket != nil {
		errs = append(errs, d.Bucket.Close())
	}
	if d.Records != nil {
		errs = append(errs, d.Records.Close())
	}
	if d.lock != nil { // last: the directory must stay locked while they are open
		errs = append(errs, d.lock.Close())
	}
	if d.Data != nil {
		errs = append(errs, d.Data.Close())
	}
	return errors.Join(errs...)
}

// OpenBeside opens a directory beside the process that works in it, if any: the records to read and change, and the
// bucket as of its last scan. It takes no lock and may be repeated; a directory in which bucketocr has not run yet is
// an error. The caller must close the records.
func OpenBeside(path string) (*sqlite.Store, *folder.View, error) {
	dir, err := folder.Find(path)
	if err != nil {
		return nil, nil, err
	}
	data, err := dir.OpenData()
	if err != nil {
		return nil, nil, withoutRecords(dir, err)
	}
	defer data.Close()
	records, err := sqlite.OpenBeside(data.Database())
	if err != nil {
		return nil, nil, withoutRecords(dir, err)
	}
	return records, folder.NewView(dir, records.Bucket(), records.Files()), nil
}

// Endpoint returns the address at which the process that works in a directory receives events; see
// [folder.Data.Endpoint].
func Endpoint(path string) (folder.Endpoint, error) {
	dir, err := folder.Find(path)
	if err != nil {
		return folder.Endpoint{}, err
	}
	data, err := dir.OpenData()
	if err != nil {
		return folder.Endpoint{}, withoutRecords(dir, err)
	}
	defer data.Close()
	return data.Endpoint()
}

// withoutRecords returns an error that says what to do if the records are missing.
func withoutRecords(dir folder.Dir, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("no records in %s: run bucketocr up there first", string(dir))
	}
	return err
}
