package folder

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/local/sqlite"
)

// View is the bucket as of its last scan, for processes other than the one that scans. All methods may be called
// concurrently.
type View struct {
	dir   Dir
	name  string
	files sqlite.Files
}

var (
	_ document.Objects      = (*View)(nil)
	_ document.ObjectLister = (*View)(nil)
)

// NewView returns a view of the directory as a bucket with a name. files is the stored state of the directory's files.
func NewView(dir Dir, name string, files sqlite.Files) *View { return &View{dir, name, files} }

// Name returns the bucket's name.
func (v *View) Name() string { return v.name }

// Open implements [document.Objects] for files that the last scan has seen; see [Bucket.Open].
func (v *View) Open(ctx context.Context, o document.Object) (document.Content, error) {
	if o.Bucket != v.name {
		return document.Content{}, gone(o.Name)
	}
	file, err := v.files.Get(ctx, o.Name)
	if err != nil {
		return document.Content{}, err
	}
	root, err := os.OpenRoot(string(v.dir))
	if err != nil {
		return document.Content{}, storageError(o.Name, err)
	}
	defer root.Close()
	return openFile(ctx, root, v.dir, o, state{File: file})
}

// Live implements [document.Objects] for files that the last scan has seen.
func (v *View) Live(ctx context.Context, bucket, name string) (document.Object, document.Attributes, error) {
	if bucket != v.name {
		return document.Object{}, document.Attributes{}, gone(name)
	}
	file, err := v.files.Get(ctx, name)
	if err == nil && (file.Gone || file.Generation == 0) {
		err = gone(name)
	}
	if err != nil {
		return document.Object{}, document.Attributes{}, err
	}
	found := v.listed(name, file)
	return found.Object, found.Attributes, nil
}

// listBatch is how many objects are read at once.
const listBatch = 1000

// ListObjects implements [document.ObjectLister] for files that the last scan has seen.
func (v *View) ListObjects(ctx context.Context, l document.Listing, fn func(document.Listed) error) error {
	if l.Bucket != v.name {
		return fmt.Errorf("%w: the bucket of this folder is %s", document.ErrObjectGone, v.name)
	}
	for last := l.After; ; {
		names, files, err := v.files.List(ctx, last, l.Prefix, listBatch)
		if err != nil || len(names) == 0 {
			return err
		}
		for i, name := range names {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := fn(v.listed(name, files[i])); err != nil {
				return err
			}
		}
		last = names[len(names)-1]
	}
}

func (v *View) listed(name string, f sqlite.File) document.Listed {
	return document.Listed{
		Object:     document.Object{Bucket: v.name, Name: name, Generation: f.Generation},
		Attributes: attributes(name, f),
		Created:    time.Unix(0, f.Noticed).UTC(),
	}
}
