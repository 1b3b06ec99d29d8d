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

	maxSegment = 255  // bytes that file systems take in one segment of a path
	maxPath    = 1024 // bytes of a text's path below the folder of texts
)

// looksLikeText matches folders that could be mistaken for a text's file, and what those are renamed to. Case does not
// count, since some file systems do not tell "a.MD" from "a.md".
var looksLikeText = regexp.MustCompile(`(?i)\.md~*$`)

// textName returns where the text of an object of a valid name lies below the folder of texts, with slashes: NAME.md.
// No two objects share one, and none needs a folder where another has its file: folders whose name ends in .md get a ~
// more, and names that are too long for a path go by their id.
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

// openTexts opens the folder of texts, and makes it where it is missing.
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

// WriteText brings the file of a record's text in line with the record: where it is done, the file holds its text and
// ends in a line feed, and the path is returned; in any other status there is no text, so the file is removed and the
// path is empty. The pages of a long text are read from records, the store that the record is from. The file is
// replaced in one step, never seen half-written, and not touched where it is right already. One call works at a time.
//
// The store may be shared with others, and names in it may be any that Cloud Storage allows: one that no file of this
// directory can have is [ErrBadName], and links among the folders of texts are not followed.
//
// Errors are besides the store's, the context's or the file system's; it may be repeated after any.
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

// fileText returns what the file shall hold.
func fileText(ctx context.Context, store document.Store, r *document.Record) ([]byte, error) {
	text, err := document.Text(ctx, store, r)
	if text != "" && !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	return []byte(text), err
}

// holds reports whether the file of a text is right already.
func (b *Bucket) holds(name string, text []byte) bool {
	info, err := b.texts.Lstat(name)
	if err != nil || !info.Mode().IsRegular() || info.Size() != int64(len(text)) || b.noLinks(name) != nil {
		return false
	}
	old, err := b.texts.ReadFile(name)
	return err == nil && bytes.Equal(old, text)
}

// noLinks fails where something above the file of a text is there and no folder.
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

// replaceText writes a text's file through another one, of the same file system. It is synced first: nothing would
// repair a file that a power cut has left empty. What had the name is replaced, never written to.
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

// removeText removes a text's file and the folders that it leaves empty.
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

// sweepTexts removes what a killed process was writing.
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
