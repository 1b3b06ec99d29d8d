package folder

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/bucketocr/bucketocr/internal/document"
)

const (
	longTexts = ".long" // no object's name has such a segment
	tempText  = ".writing-"

	maxSegment = 255  // bytes that file systems permit in one segment of a path
	maxPath    = 1024 // bytes of a text's path below the folder of texts
)

// looksLikeText matches names of folders that could collide with a text's file, and the names that replace them. It
// ignores case, since some file systems do not distinguish "a.MD" from "a.md".
var looksLikeText = regexp.MustCompile(`(?i)\.md~*$`)

// textName returns the slash-separated path of an object's text below the folder of texts: NAME.md. The object's name
// must be valid. No two objects share a path, and no path has a folder where another has its file: folders whose name
// ends in .md get an additional ~, and for names that are too long for a path it uses the object's id.
func textName(o document.Object) string {
	segments := strings.Split(o.Name, "/")
	last := len(segments) - 1
	for i := range segments[:last] {
		if looksLikeText.MatchString(segments[i]) {
			segments[i] += "~"
		}
	}
	segments[last] += ".md"
	name := strings.Join(segments, "/")
	for _, s := range segments {
		if len(s) > maxSegment || len(name) > maxPath {
			return path.Join(longTexts, o.ID()+".md")
		}
	}
	return name
}

// openTexts opens the folder of texts, and creates it if it is missing.
func (h *Data) openTexts() (*os.Root, error) {
	if err := h.root.Mkdir(textsName, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("folder %s cannot be written: %w", h.dir.data(), err)
	}
	texts, err := h.root.OpenRoot(textsName)
	if err != nil {
		return nil, fmt.Errorf("folder %s cannot be read: %w", h.path(textsName), err)
	}
	return texts, nil
}

// WriteText updates the file of a record's text. If the record is done, the file has its text and ends in a line feed,
// and WriteText returns its path; in any other status there is no text, so the file is removed and the path is empty.
// The pages of a long text are read from records, which must be the record's store. The file is replaced in one step,
// never visible half-written, and not touched if it is right already. Concurrent calls wait for each other.
//
// The store may be shared with others, and may contain any name that Cloud Storage permits: for a name that no file of
// this directory can have, the error is [ErrBadName], and links among the folders of texts are not followed.
//
// Other errors are the store's, the context's or the file system's; the call may be repeated after any.
func (b *Bucket) WriteText(ctx context.Context, records document.Store, r *document.Record) (path string, err error) {
	if !validName(r.Name) {
		return "", fmt.Errorf("text of %q: %w", r.Name, ErrBadName)
	}
	name := textName(document.Object{Bucket: b.name, Name: r.Name})
	if r.Status != document.StatusDone {
		return "", b.removeText(name)
	}
	text, err := fileText(ctx, records, r)
	if err != nil {
		return "", err
	}
	b.writing.Lock()
	defer b.writing.Unlock()
	path = filepath.Join(b.lock.data.Texts(), filepath.FromSlash(name))
	if b.holds(name, text) {
		return path, nil
	}
	if err := b.replaceText(name, text); err != nil {
		return "", fmt.Errorf("text of %q cannot be written: %w", r.Name, err)
	}
	return path, nil
}

// fileText returns the contents of the file.
func fileText(ctx context.Context, store document.Store, r *document.Record) ([]byte, error) {
	text, err := document.Text(ctx, store, r)
	if text != "" && !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	return []byte(text), err
}

// holds reports whether the file already has this text.
func (b *Bucket) holds(name string, text []byte) bool {
	info, err := b.texts.Lstat(name)
	if err != nil || !info.Mode().IsRegular() || info.Size() != int64(len(text)) || b.noLinks(name) != nil {
		return false
	}
	old, err := b.texts.ReadFile(name)
	return err == nil && bytes.Equal(old, text)
}

// noLinks returns an error if an existing parent of a text's file is not a folder.
func (b *Bucket) noLinks(name string) error {
	for i := range name {
		if name[i] != '/' {
			continue
		}
		info, err := b.texts.Lstat(name[:i])
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil
		case err != nil:
			return err
		case !info.IsDir():
			return fmt.Errorf("%s is %s instead of a directory",
				filepath.Join(b.lock.data.Texts(), filepath.FromSlash(name[:i])), kind(info))
		}
	}
	return nil
}

// replaceText replaces a text's file by way of a temporary one in the same file system. That is synced first: a file
// that a power cut has left empty would never be repaired. An existing file is replaced, never written to.
func (b *Bucket) replaceText(name string, data []byte) (err error) {
	if err := b.noLinks(name); err != nil {
		return err
	}
	if err := b.texts.MkdirAll(path.Dir(name), 0o777); err != nil {
		return err
	}
	temp := tempText + rand.Text()
	file, err := b.texts.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			b.texts.Remove(temp)
		}
	}()
	_, err = file.Write(data)
	if err == nil {
		err = file.Sync()
	}
	if err := errors.Join(err, file.Close()); err != nil {
		return err
	}
	return b.texts.Rename(temp, name)
}

// removeText removes a text's file and the folders that are then empty.
func (b *Bucket) removeText(name string) error {
	b.writing.Lock()
	defer b.writing.Unlock()
	err := b.noLinks(name)
	if err == nil {
		err = b.texts.Remove(name)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return fmt.Errorf("text cannot be removed: %w", err)
	}
	for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
		if b.texts.Remove(dir) != nil {
			break // not empty
		}
	}
	return nil
}

// sweepTexts removes half-written texts of a killed process.
func (b *Bucket) sweepTexts() error {
	folder, err := b.texts.Open(".")
	if err != nil {
		return err
	}
	defer folder.Close()
	names, err := folder.Readdirnames(-1)
	for _, name := range names {
		if strings.HasPrefix(name, tempText) {
			err = errors.Join(err, b.texts.Remove(name))
		}
	}
	return err
}
