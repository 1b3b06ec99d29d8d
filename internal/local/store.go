package local

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
)

// Store is the records of one directory. It is a [document.Store] and a [document.Watcher]; all methods may be called
// concurrently. Times are kept to the nanosecond and come back in UTC; empty slices and maps come back nil.
//
// Errors are as [document.Store] says: [document.ErrStoreUnavailable] where the disk is full or fails or the store is
// closed, [document.ErrStoreMisconfigured] where the database is damaged or may not be written,
// [document.ErrStoreRejected] where a document is over 1 GB or holds a time beyond the year 9999.
type Store struct {
	folder folder
	bucket string
	read   *sql.DB
	write  *sql.DB             // one connection; nil where the store is opened read-only
	end    func(*sql.Tx) error // (*sql.Tx).Commit, but in tests

	mu      sync.Mutex
	changed chan struct{} // closed and replaced at each commit
}

var (
	_ document.Store   = (*Store)(nil)
	_ document.Watcher = (*Store)(nil)
)

// readers is how many reads run at once.
const readers = 4

// pollEvery is how late a process sees what another one commits.
const pollEvery = 200 * time.Millisecond

// OpenReadOnly opens the records of dir to look on, while another process works in dir or after. Commit and ClearPages of
// this store fail with [document.ErrStoreMisconfigured]; Watch sees commits at most 200 ms late. It takes no lock and may
// be called any number of times. A directory in which nothing has run yet is an error.
func OpenReadOnly(dir string) (*Store, error) {
	f, err := findFolder(dir)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(f.database()); errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("no records in %s: run bucketocr up there first", string(f))
	}
	s := &Store{folder: f, changed: make(chan struct{})}
	if s.read, err = connect(f.database(), "ro", readers); err != nil {
		return nil, f.unusable(err)
	}
	fresh, err := identify(context.Background(), s.read)
	if err == nil && fresh {
		err = errors.New("it is still empty")
	}
	if err == nil {
		s.bucket, err = bucketOf(context.Background(), s.read)
	}
	if err != nil {
		s.read.Close()
		return nil, f.unusable(err)
	}
	return s, nil
}

// openStore opens the records to read and write. The caller holds the lock of the folder.
func openStore(f folder) (*Store, error) {
	s := &Store{folder: f, end: (*sql.Tx).Commit, changed: make(chan struct{})}
	var err error
	if s.write, err = connect(f.database(), "rwc", 1); err != nil {
		return nil, f.unusable(err)
	}
	if s.bucket, err = prepare(context.Background(), s.write, f.bucket()); err == nil {
		s.read, err = connect(f.database(), "ro", readers)
	}
	if err != nil {
		s.write.Close()
		return nil, f.unusable(err)
	}
	return s, nil
}

// unusable is the sentence for a database that cannot be opened.
func (f folder) unusable(err error) error {
	err = classify(context.Background(), err)
	if errors.Is(err, document.ErrStoreMisconfigured) {
		return fmt.Errorf("records in %s cannot be used: %w (to start anew, move that file away; every image is read again then)",
			f.database(), err)
	}
	return fmt.Errorf("records in %s cannot be opened: %w", f.database(), err)
}

// Bucket is the name of the bucket: see the package's doc.
func (s *Store) Bucket() string { return s.bucket }

// Close ends the store. What runs at that time fails with [document.ErrStoreUnavailable]; Watch wants its context ended
// first. It may be called twice.
func (s *Store) Close() error {
	err := s.read.Close()
	if s.write != nil {
		err = errors.Join(err, s.write.Close()) // the last one: leaves one file, the log merged into it
	}
	return err
}

// stamped makes the record of the change as it will be stored.
func stamped(c *document.Change, now time.Time) *document.Record {
	r := *c.Record
	r.Updated = now
	if c.Stamps&document.StampCreated != 0 {
		r.Created = now
	}
	if c.Stamps&document.StampStarted != 0 {
		r.Started = now
	}
	if c.Stamps&document.StampFinished != 0 {
		r.Finished = now
	}
	return &r
}
