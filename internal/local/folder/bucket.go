package folder

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/local/sqlite"
)

// Bucket is a directory as a bucket, for the process that has locked it. All methods may be called concurrently.
type Bucket struct {
	dir   Dir
	name  string
	files sqlite.Files
	lock  *Lock
	root  *os.Root // the directory: no name can escape it
	texts *os.Root // the folder of texts in the data directory

	scanning  sync.Mutex       // one scan at a time; guards the next two
	unsettled map[string]stamp // new and changed files of the last scan that were not stable
	told      map[Passed]bool  // names already reported by scans

	mu    sync.Mutex       // guards known; not held while a scan walks or stores
	known map[string]state // by name

	writing sync.Mutex // guards the tree of texts
}

var _ document.Objects = (*Bucket)(nil)

// OpenBucket opens the locked directory as a bucket with a name. files is the stored state of the directory's files.
// The caller must close the bucket, and then the lock.
func OpenBucket(lock *Lock, name string, files sqlite.Files) (*Bucket, error) {
	root, err := os.OpenRoot(string(lock.data.dir))
	if err != nil {
		return nil, fmt.Errorf("folder %s cannot be read: %w", string(lock.data.dir), err)
	}
	texts, err := lock.data.openTexts()
	if err != nil {
		return nil, errors.Join(err, root.Close())
	}
	b := &Bucket{
		dir: lock.data.dir, name: name, files: files, lock: lock, root: root, texts: texts,
		unsettled: map[string]stamp{}, told: map[Passed]bool{}, known: map[string]state{},
	}
	if err := b.load(); err != nil {
		return nil, errors.Join(err, b.Close())
	}
	return b, nil
}

// load reads the stored states, and removes half-written files of a killed process.
func (b *Bucket) load() error {
	files, err := b.files.All(context.Background())
	if err != nil {
		return err
	}
	for name, f := range files {
		b.known[name] = state{File: f}
	}
	return errors.Join(b.sweepTexts(), b.sweepIncoming())
}

// Close closes the bucket. It may be repeated.
func (b *Bucket) Close() error { return errors.Join(b.texts.Close(), b.root.Close()) }

// Name returns the bucket's name; see the package's comment.
func (b *Bucket) Name() string { return b.name }

// Open implements [document.Objects]. The file must be in the state of the generation, both when it is opened
// (otherwise [document.ErrObjectGone]) and when its last byte is read (otherwise [document.ErrStorageUnavailable]: the
// bytes read may be a mixture). A file that is replaced or removed meanwhile is read to its end unchanged.
func (b *Bucket) Open(ctx context.Context, o document.Object) (document.Content, error) {
	if err := ctx.Err(); err != nil {
		return document.Content{}, err
	}
	if o.Bucket != b.name {
		return document.Content{}, gone(o.Name)
	}
	return openFile(ctx, b.root, b.dir, o, b.find(o.Name))
}

// Live implements [document.Objects]. If no scan has noticed the file's state yet, it returns the generation that the
// next scan will assign if that state persists.
func (b *Bucket) Live(ctx context.Context, bucket, name string) (document.Object, document.Attributes, error) {
	if err := ctx.Err(); err != nil {
		return document.Object{}, document.Attributes{}, err
	}
	if bucket != b.name || !validName(name) {
		return document.Object{}, document.Attributes{}, gone(name)
	}
	info, err := b.stat(name)
	if err != nil {
		return document.Object{}, document.Attributes{}, storageError(name, err)
	}
	s := b.find(name)
	if s.Gone && !b.spelled(name) {
		return document.Object{}, document.Attributes{}, gone(name)
	}
	if now := stampOf(info); !s.is(now) {
		s = s.next(now, time.Now())
	}
	return b.object(name, s), attributes(name, s.File), nil
}

// spelled reports whether the directory has a file of exactly this name: some file systems also find files by names
// that differ in case or Unicode form, which scans do not see.
func (b *Bucket) spelled(name string) bool {
	dir, base := path.Split(name)
	parent, err := b.root.Open(path.Clean("./" + dir))
	if err != nil {
		return false
	}
	defer parent.Close()
	for {
		names, err := parent.Readdirnames(1000)
		if slices.Contains(names, base) {
			return true
		}
		if err != nil {
			return false
		}
	}
}

// Living returns the objects that the last Scan has seen in the directory, with their newest generations, in the order
// of their names.
func (b *Bucket) Living() []document.Object {
	b.mu.Lock()
	defer b.mu.Unlock()
	var living []document.Object
	for name, s := range b.known {
		if !s.Gone {
			living = append(living, b.object(name, s))
		}
	}
	slices.SortFunc(living, func(a, b document.Object) int { return strings.Compare(a.Name, b.Name) })
	return living
}

// Waiting returns how many files are not processed yet: their events are not delivered, or they are not stable.
func (b *Bucket) Waiting() int {
	b.scanning.Lock()
	defer b.scanning.Unlock()
	b.mu.Lock()
	defer b.mu.Unlock()
	n := len(b.unsettled)
	for name, s := range b.known {
		if _, replaced := b.unsettled[name]; !s.Gone && !s.Delivered && !replaced {
			n++
		}
	}
	return n
}

// find returns the noticed state of a name, zero if there is none.
func (b *Bucket) find(name string) state {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.known[name]
}

// object returns the object for a state of a name.
func (b *Bucket) object(name string, s state) document.Object {
	return document.Object{Bucket: b.name, Name: name, Generation: s.Generation}
}
