// Package local is the driver of the local run: a directory as bucket and record store.
//
// [Open] takes a directory for one process. Its bucket ([folder.Bucket]) holds the objects, finds the events and keeps
// the texts; its records ([sqlite.Store]) are those of the bucket; its data directory ([folder.Data]) has room for logs
// and for the address at which the process takes events. [OpenBeside] and [Endpoint] are for other processes meanwhile.
// Nothing here delivers or redelivers: the caller loops over [folder.Bucket.Scan] and [sqlite.Store.Due].
//
// # Trust
//
// A directory may come from elsewhere: unpacked from an archive, cloned, on a share. Its content is hostile. Nothing in
// it is executed, no link in it is followed out of it, and names and bytes are data: what they are printed on or parsed
// by has to be ready for any.
//
// DIR/.bucketocr is this user's own once it has passed the checks of [folder.Dir.OpenData]: a directory that belongs to
// the user, that no other user can write to, in which every file of ours is a file with one name. From then on it is
// held open and reached through [os.Root]; texts, and files that each run rewrites, replace what has their name. It may
// still have been unpacked along with the rest. So what is in it is believed as data, not as instructions: the database
// may hold any records, but neither triggers nor views, and no rollback journal is played back (see package sqlite),
// names from it are checked before they become paths, and of an endpoint only a port of this machine is accepted. No
// token but the endpoint's own is ever sent there.
//
// What remains: SQLite opens its files by their paths. Whoever may write to the bucket's directory itself can put
// another .bucketocr in the place of the checked one in the moment between check and opening. Use a directory that
// others can write to only where you trust them that far. On Windows owners and modes are not checked.
package local

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/bucketocr/bucketocr/internal/local/folder"
	"github.com/bucketocr/bucketocr/internal/local/sqlite"
)

// Directory is a directory as bucket and record store, held by this process alone.
type Directory struct {
	Bucket  *folder.Bucket
	Records *sqlite.Store
	Data    *folder.Data
	lock    *folder.Lock
}

// Open takes the directory for this process and opens its records, creating what is missing. It fails where another
// process works in it, where path is a file or cannot be written, where its data directory is not this user's own (see
// Trust above), and where its records are damaged, not ours or a newer version's; the error says what to do. The caller
// closes the directory.
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

// Close closes the bucket and the records, and lets other processes have the directory. It may be called twice.
func (d *Directory) Close() error {
	var errs []error
	if d.Bucket != nil {
		errs = append(errs, d.Bucket.Close())
	}
	if d.Records != nil {
		errs = append(errs, d.Records.Close())
	}
	if d.lock != nil { // after these: the directory is free only when nothing of them is open
		errs = append(errs, d.lock.Close())
	}
	if d.Data != nil {
		errs = append(errs, d.Data.Close())
	}
	return errors.Join(errs...)
}

// OpenBeside opens a directory beside the process that works in it, if any: the records to read and change, and the
// bucket as the last scan found it. It takes no lock and may be called any number of times; a directory in which
// nothing has run yet is an error. The caller closes the records.
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

// Endpoint returns where the process that works in a directory takes events; see [folder.Data.Endpoint].
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

// withoutRecords says what to do where something is missing.
func withoutRecords(dir folder.Dir, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("no records in %s: run bucketocr up there first", string(dir))
	}
	return err
}
