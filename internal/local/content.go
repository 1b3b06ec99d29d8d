package local

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
)

// Open is [document.Objects].Open. The file must be in the state that the generation stands for, both when it is opened
// ([document.ErrObjectGone]) and when its last byte is read ([document.ErrStorageUnavailable]: what was read may be a
// mixture). A file that is replaced or removed while it is read is read to its end as it was.
func (w *World) Open(ctx context.Context, o document.Object) (document.Content, error) {
	if err := ctx.Err(); err != nil {
		return document.Content{}, err
	}
	return openIn(ctx, w.root, w.Store, o, w.find(o.Name))
}

// Open is [document.Objects].Open for a process that only looks on: of what the last scan of the directory has seen.
func (s *Store) Open(ctx context.Context, o document.Object) (document.Content, error) {
	var state object
	err := s.rows(ctx, func(rows *sql.Rows) error {
		return rows.Scan(&state.generation, &state.mtime, &state.size, &state.gone)
	}, "SELECT generation, mtime, size, gone FROM objects WHERE name = ?", o.Name)
	if err != nil {
		return document.Content{}, err
	}
	root, err := os.OpenRoot(string(s.folder))
	if err != nil {
		return document.Content{}, storageError(o.Name, err)
	}
	defer root.Close()
	return openIn(ctx, root, s, o, state)
}

func openIn(ctx context.Context, root *os.Root, s *Store, o document.Object, state object) (document.Content, error) {
	if o.Bucket != s.bucket || state.gone || state.generation != o.Generation || state.generation == 0 {
		return document.Content{}, gone(o.Name)
	}
	if _, err := statIn(root, s.folder, o.Name); err != nil { // before opening it: opening a pipe would wait for its writer
		return document.Content{}, storageError(o.Name, err)
	}
	file, err := root.Open(o.Name)
	if err != nil {
		return document.Content{}, storageError(o.Name, err)
	}
	c := &content{ctx: ctx, file: file, want: state.stamp, left: state.size}
	if err := c.unchanged(); err != nil {
		file.Close()
		return document.Content{}, gone(o.Name)
	}
	return document.Content{ReadCloser: c, Size: state.size}, nil
}

// Live is [document.Objects].Live. Where the file is in a state that no scan has noticed yet, it gives the generation
// that the next scan will give it if it stays so.
func (w *World) Live(ctx context.Context, bucket, name string) (document.Object, document.Attributes, error) {
	if err := ctx.Err(); err != nil {
		return document.Object{}, document.Attributes{}, err
	}
	if bucket != w.bucket || !validName(name) {
		return document.Object{}, document.Attributes{}, gone(name)
	}
	info, err := w.stat(name)
	if err != nil {
		return document.Object{}, document.Attributes{}, storageError(name, err)
	}
	state := w.find(name)
	if s := stampOf(info); !state.is(s) {
		state = state.next(s, time.Now())
	}
	return w.object(name, state), attributes(name, state), nil
}

func (w *World) object(name string, o object) document.Object {
	return document.Object{Bucket: w.bucket, Name: name, Generation: o.generation}
}

func attributes(name string, o object) document.Attributes {
	return document.Attributes{ContentType: ContentType(name), Size: o.size}
}

func gone(name string) error { return fmt.Errorf("%w: %q", document.ErrObjectGone, name) }

// storageError wraps a file system error in what it is about.
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
	err  error // what every further Read answers
}

func (c *content) Close() error { return c.file.Close() }

// Read hands out the last byte together with io.EOF or with what was found wrong.
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

// unchanged fails where the open file is not in the wanted state.
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
