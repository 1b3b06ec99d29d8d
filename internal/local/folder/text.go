package folder

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
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

// textName returns where the text of an object lies below the folder of texts: NAME.md. No two objects share one, and none
// needs a folder where another has its file: folders whose name ends in .md get a ~ more, and names that are too long for
// a path go by their id.
func textName(o document.Object) string {
	segments := strings.Split(o.Name, "/")
	last := len(segments) - 1
	for i := range segments[:last] {
		if looksLikeText.MatchString(segments[i]) {
			segments[i] += "~"
		}
	}
	segments[last] += ".md"
	name := filepath.Join(segments...)
	for _, s := range segments {
		if len(s) > maxSegment || len(name) > maxPath {
			return filepath.Join(longTexts, o.ID()+".md")
		}
	}
	return name
}

// textPath returns the path of the file that holds the text of the object of a name, or will hold it.
func (b *Bucket) textPath(name string) string {
	return filepath.Join(b.dir.texts(), textName(document.Object{Bucket: b.name, Name: name}))
}

// WriteText brings the file of a record's text in line with the record: where it is done, the file holds its text and ends
// in a line feed, and the path is returned; in any other status there is no text, so the file is removed and the path is
// empty. The pages of a long text are read from records, the store that the record is from. The file is replaced in one
// step, never seen half-written, and not touched where it is right already. One call works at a time.
//
// Errors are the store's, the context's or the file system's; it may be repeated after any.
func (b *Bucket) WriteText(ctx context.Context, records document.Store, r *document.Record) (path string, err error) {
	path = b.textPath(r.Name)
	if r.Status != document.StatusDone {
		return "", b.removeText(path)
	}
	text, err := fileText(ctx, records, r)
	if err != nil {
		return "", err
	}
	b.texts.Lock()
	defer b.texts.Unlock()
	if old, err := os.ReadFile(path); err == nil && bytes.Equal(old, text) {
		return path, nil
	}
	if err := replaceFile(path, b.dir.texts(), text); err != nil {
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

// replaceFile writes path through a file in temp, a folder of the same file system. It is synced first: nothing would
// repair a file that a power cut has left empty.
func replaceFile(path, temp string, data []byte) (err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return err
	}
	file, err := os.OpenFile(filepath.Join(temp, tempText+rand.Text()), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			os.Remove(file.Name())
		}
	}()
	_, err = file.Write(data)
	if err == nil {
		err = file.Sync()
	}
	if err := errors.Join(err, file.Close()); err != nil {
		return err
	}
	return os.Rename(file.Name(), path)
}

// removeText removes the file and the folders that it leaves empty.
func (b *Bucket) removeText(path string) error {
	b.texts.Lock()
	defer b.texts.Unlock()
	if err := os.Remove(path); errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return fmt.Errorf("text cannot be removed: %w", err)
	}
	for dir := filepath.Dir(path); dir != b.dir.texts(); dir = filepath.Dir(dir) {
		if os.Remove(dir) != nil {
			break // not empty
		}
	}
	return nil
}

// sweepTexts removes what a killed process was writing.
func (b *Bucket) sweepTexts() error {
	entries, err := os.ReadDir(b.dir.texts())
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), tempText) {
			err = errors.Join(err, os.Remove(filepath.Join(b.dir.texts(), e.Name())))
		}
	}
	return err
}
