// Package local is the driver of the local run: a directory as bucket and record store.
//
// [Open] takes a directory for one process. Its bucket ([folder.Bucket]) holds the objects, finds the events and keeps the
// texts; its records ([sqlite.Store]) are those of the bucket. [OpenBeside] is for other processes meanwhile. Nothing here
// delivers or redelivers: the caller loops over [folder.Bucket.Scan] and [sqlite.Store.Due].
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
	lock    *folder.Lock
}

// Open takes the directory for this process and opens its records, creating what is missing. It fails where another
// process works in it, where path is a file or cannot be written, and where its records are damaged, not ours or a newer
// version's; the error says what to do. The caller closes the directory.
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
	if d.lock, err = dir.Lock(); err != nil {
		return err
	}
	if d.Records, err = sqlite.Open(dir.Database(), dir.Base()); err != nil {
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
	if d.lock != nil { // last: the directory is free only when nothing of ours is open
		errs = append(errs, d.lock.Close())
	}
	return errors.Join(errs...)
}

// OpenBeside opens a directory beside the process that works in it, if any: the records to read and change, and the bucket
// as the last scan found it. It takes no lock and may be called any number of times; a directory in which nothing has run
// yet is an error. The caller closes the records.
func OpenBeside(path string) (*sqlite.Store, *folder.View, error) {
	dir, err := folder.Find(path)
	if err != nil {
		return nil, nil, err
	}
	records, err := sqlite.OpenBeside(dir.Database())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, fmt.Errorf("no records in %s: run bucketocr up there first", string(dir))
	}
	if err != nil {
		return nil, nil, err
	}
	return records, folder.NewView(dir, records.Bucket(), records.Files()), nil
}
