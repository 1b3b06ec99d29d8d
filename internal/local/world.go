package local

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
)

// World is a directory as bucket with its records, held by this process alone. All methods may be called concurrently.
type World struct {
	*Store
	root *os.Root // the directory: no name leads out of it
	lock *os.File

	scanning  sync.Mutex       // one scan at a time; guards the next two
	unsettled map[string]stamp // new and changed files of the last scan that were not stable
	told      map[Passed]bool  // what scans have reported

	known   sync.Mutex        // guards objects; not held while a scan walks or stores
	objects map[string]object // by name

	texts sync.Mutex // guards the tree of texts
}

var _ document.Objects = (*World)(nil)

// Open takes the directory for this process and opens its records, creating what is missing. It fails where another
// process works in it, where dir is a file or cannot be written, and where its records are damaged, not ours or a newer
// version's; the error says what to do. The caller closes the world.
func Open(dir string) (*World, error) {
	f, err := findFolder(dir)
	if err != nil {
		return nil, err
	}
	if err := f.make(); err != nil {
		return nil, err
	}
	w := &World{unsettled: map[string]stamp{}, told: map[Passed]bool{}}
	if err := w.open(f); err != nil {
		return nil, errors.Join(err, w.Close())
	}
	return w, nil
}

func (w *World) open(f folder) (err error) {
	if w.lock, err = takeLock(f); err != nil {
		return err
	}
	if w.root, err = os.OpenRoot(string(f)); err != nil {
		return fmt.Errorf("folder %s cannot be read: %w", string(f), err)
	}
	if w.Store, err = openStore(f); err != nil {
		return err
	}
	if w.objects, err = w.loadObjects(context.Background()); err != nil {
		return f.unusable(err)
	}
	return errors.Join(w.sweepTexts(), w.sweepIncoming())
}

// Close ends the world and lets the directory go. It may be called twice.
func (w *World) Close() error {
	var errs []error
	if w.Store != nil {
		errs = append(errs, w.Store.Close())
	}
	if w.root != nil {
		errs = append(errs, w.root.Close())
	}
	if w.lock != nil { // last: the directory is free only when nothing of ours is open
		if err := w.lock.Close(); !errors.Is(err, os.ErrClosed) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// Orphans is called once at the start, before any work: records in processing are then those of a process that died in
// this directory. Their leases end now, so the sweep takes them over at once and counts the interruption. It returns how
// many there were; after an error it may be called again.
func (w *World) Orphans(ctx context.Context) (int, error) {
	ids, _, err := w.list(ctx, "SELECT id, rev, doc FROM records WHERE status = 'processing' ORDER BY id")
	if err != nil {
		return 0, err
	}
	for i, id := range ids {
		if _, err := document.Update(ctx, w, id, document.Unread(), endLease); err != nil {
			return i, err
		}
	}
	return len(ids), nil
}

func endLease(old *document.Record) (*document.Change, error) {
	if old == nil || old.Status != document.StatusProcessing {
		return nil, nil
	}
	next, now := *old, time.Now()
	next.Due, next.WindowStart = now, now
	if old.Lease != nil {
		lease := *old.Lease
		lease.Expires = now
		next.Lease = &lease
	}
	return &document.Change{Record: &next}, nil
}

// held fails where the directory on which this world rests is no longer the one at its path (removed, unmounted, moved):
// what looks like a bucket without files then is none.
func (w *World) held() error {
	mine, err := w.lock.Stat()
	if err != nil {
		return fmt.Errorf("%w: %w", document.ErrStorageUnavailable, err)
	}
	there, err := os.Stat(w.folder.lock())
	if err != nil || !os.SameFile(mine, there) {
		return fmt.Errorf("%w: %s was moved or removed while bucketocr up works in it",
			document.ErrStorageUnavailable, w.folder.ours())
	}
	return nil
}
