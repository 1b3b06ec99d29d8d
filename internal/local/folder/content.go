package folder

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/bucketocr/bucketocr/internal/document"
)

// openFile opens the file of the object o in dir if it is in the noticed state and that has o's generation.
func openFile(ctx context.Context, root *os.Root, dir Dir, o document.Object, noticed state) (document.Content, error) {
	if !validName(o.Name) || noticed.Gone || noticed.Generation != o.Generation || noticed.Generation == 0 {
		return document.Content{}, gone(o.Name)
	}
	if _, err := statIn(root, dir, o.Name); err != nil { // before opening: opening a pipe would wait for a writer
		return document.Content{}, storageError(o.Name, err)
	}
	file, err := root.Open(o.Name)
	if err != nil {
		return document.Content{}, storageError(o.Name, err)
	}
	c := &content{ctx: ctx, file: file, want: noticed.fileStamp(), left: noticed.Size}
	if err := c.unchanged(); err != nil {
		file.Close()
		return document.Content{}, gone(o.Name)
	}
	return document.Content{ReadCloser: c, Size: noticed.Size}, nil
}

func gone(name string) error { return fmt.Errorf("%w: %q", document.ErrObjectGone, name) }

// storageError wraps a file system error in the matching error of package document.
func storageError(name string, err error) error {
	switch {
	case missing(err):
		return gone(name)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w: %w", document.ErrStorageMisconfigured, err)
	}
	return fmt.Errorf("%w: %w", document.ErrStorageUnavailable, err)
}

// content reads one state of a file.
type content struct {
	ctx  context.Context
	file *os.File
	want stamp
	left int64 // bytes
	err  error // returned by every further Read
}

func (c *content) Close() error { return c.file.Close() }

// Read returns the last byte together with io.EOF or an error.
func (c *content) Read(p []byte) (int, error) {
	if c.err == nil {
		c.err = c.ctx.Err()
	}
	if c.err != nil {
		return 0, c.err
	}
	n, err := c.file.Read(p[:min(int64(len(p)), c.left)])
	c.left -= int64(n)
	switch {
	case err == io.EOF && c.left > 0:
		c.err = fmt.Errorf("%w: the file became shorter while it was read", document.ErrStorageUnavailable)
	case err != nil && err != io.EOF:
		c.err = fmt.Errorf("%w: %w", document.ErrStorageUnavailable, err)
	case c.left == 0:
		c.err = io.EOF
		if changed := c.unchanged(); changed != nil {
			c.err = fmt.Errorf("%w: %w", document.ErrStorageUnavailable, changed)
		}
	}
	return n, c.err
}

// unchanged returns an error if the open file is not in the wanted state.
func (c *content) unchanged() error {
	info, err := c.file.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() || stampOf(info) != c.want {
		return errors.New("the file was changed")
	}
	return nil
}
