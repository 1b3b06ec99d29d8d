package main

import (
	"archive/zip"
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
)

// sink is the destination of an export. Its methods are not called concurrently.
type sink interface {
	// has reports whether the sink already has the document in its version of that time.
	has(id, entry string, updated time.Time) bool
	add(entry string, r *document.Record, text string) error
	// close completes the output.
	close() error
}

// openSink returns the sink for an output name.
func openSink(sys system, name string) (sink, error) {
	switch {
	case name == "-":
		return &linesSink{out: jsonTo(sys.stdout)}, nil
	case isLines(name):
		return openLines(name)
	case isZip(name):
		return openZip(name)
	}
	return openTree(name)
}

func isLines(name string) bool { return strings.EqualFold(filepath.Ext(name), ".jsonl") }
func isZip(name string) bool   { return strings.EqualFold(filepath.Ext(name), ".zip") }

// treeSink writes to a folder. It follows no links out of it.
type treeSink struct{ root *os.Root }

func openTree(name string) (*treeSink, error) {
	if err := os.MkdirAll(name, 0o777); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(name)
	if err != nil {
		return nil, err
	}
	return &treeSink{root}, nil
}

func (t treeSink) has(_, entry string, updated time.Time) bool {
	info, err := t.root.Stat(entry)
	return err == nil && info.Mode().IsRegular() && sameTime(info.ModTime(), updated)
}

// add writes to a temporary file and renames it, so that a file under its final name is always complete.
func (t treeSink) add(entry string, r *document.Record, text string) error {
	temp := path.Join(path.Dir(entry), ".writing-"+r.Object().ID()[:16])
	defer t.root.Remove(temp) // unless it was renamed
	err := t.root.MkdirAll(path.Dir(entry), 0o777)
	if err == nil {
		err = t.root.WriteFile(temp, []byte(withNewline(text)), 0o666)
	}
	if err == nil {
		err = t.root.Chtimes(temp, r.Updated, r.Updated)
	}
	if err == nil {
		err = t.root.Rename(temp, entry)
	}
	return err
}

// remove removes a text, if it is there.
func (t treeSink) remove(entry string) error {
	if err := t.root.Remove(entry); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func (t treeSink) close() error { return t.root.Close() }

// withNewline returns text with a final newline.
func withNewline(text string) string {
	if text != "" && !strings.HasSuffix(text, "\n") {
		return text + "\n"
	}
	return text
}

// linesSink writes a line of JSON for each document to a file or to standard output.
type linesSink struct {
	out   io.Writer
	file  *os.File             // nil: standard output
	there map[string]time.Time // by ID: the update time of the exported document
	err   error                // of a write: the last line is incomplete, so no other may follow it
}

// openLines opens a file for appending. An incomplete last line, left by a run that was killed, is cut off.
func openLines(name string) (*linesSink, error) {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil {
		return nil, err
	}
	l := &linesSink{out: f, file: f, there: map[string]time.Time{}}
	if err := l.goOn(); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", name, err), f.Close())
	}
	return l, nil
}

func (l *linesSink) goOn() error {
	in, end := bufio.NewReader(l.file), int64(0)
	for {
		line, err := in.ReadBytes('\n')
		if err == io.EOF && cutOff(line) {
			break
		}
		if err != nil && err != io.EOF {
			return err
		}
		var there struct {
			ID      string    `json:"id"`
			Bucket  string    `json:"bucket"`
			Updated time.Time `json:"updated"`
		}
		if json.Unmarshal(line, &there) != nil || !exportID.MatchString(there.ID) || there.Bucket == "" {
			return errors.New("not an export: it contains a line that is not a document")
		}
		if err == io.EOF {
			break // only its line feed is missing
		}
		l.there[there.ID] = there.Updated
		end += int64(len(line))
	}
	if err := l.file.Truncate(end); err != nil {
		return err
	}
	_, err := l.file.Seek(end, io.SeekStart)
	return err
}

var exportID = regexp.MustCompile(`^[0-9a-f]{64}$`)

// cutOff reports whether a line is the beginning of one of an export. Only that may be removed: the file could be any
// other.
func cutOff(line []byte) bool {
	const start = `{"id":"`
	rest, ok := strings.CutPrefix(string(line), start)
	if !ok {
		return strings.HasPrefix(start, string(line))
	}
	id, _, whole := strings.Cut(rest, `"`)
	return !json.Valid(line) && (exportID.MatchString(id) || !whole && strings.Trim(id, "0123456789abcdef") == "")
}

func (l *linesSink) has(id, _ string, updated time.Time) bool {
	at, ok := l.there[id]
	return ok && sameTime(at, updated)
}

func (l *linesSink) add(_ string, r *document.Record, text string) error {
	whole := *r
	whole.Text, whole.TextInPages = text, false
	if l.err == nil {
		l.err = printJSON(l.out, &whole, nil)
	}
	return l.err
}

func (l *linesSink) close() error {
	if l.file == nil {
		return nil
	}
	return l.file.Close()
}

// zipSink writes an archive. It is written to a temporary file that finally replaces the old archive, whose unchanged
// entries are copied.
type zipSink struct {
	name, temp string
	file       *os.File
	w          *zip.Writer
	old        *zip.ReadCloser // nil if there is none
	entries    map[string]*zip.File
}

func openZip(name string) (*zipSink, error) {
	z := &zipSink{name: name, entries: map[string]*zip.File{}}
	old, err := zip.OpenReader(name)
	switch {
	case err == nil:
		z.old = old
		for _, f := range old.File {
			z.entries[f.Name] = f
		}
	case !errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if z.file, err = os.CreateTemp(filepath.Dir(name), filepath.Base(name)+".writing-"); err != nil {
		return nil, err
	}
	z.temp, z.w = z.file.Name(), zip.NewWriter(z.file)
	return z, nil
}

func (z *zipSink) has(_, entry string, updated time.Time) bool {
	f := z.entries[entry]
	return f != nil && sameTime(f.Modified, updated)
}

func (z *zipSink) add(entry string, r *document.Record, text string) error {
	delete(z.entries, entry) // its older version
	return addZipped(z.w, entry, r, text)
}

func addZipped(z *zip.Writer, entry string, r *document.Record, text string) error {
	w, err := z.CreateHeader(&zip.FileHeader{Name: entry, Method: zip.Deflate, Modified: r.Updated.UTC()})
	if err != nil {
		return err
	}
	_, err = io.Copy(w, bytes.NewReader([]byte(withNewline(text))))
	return err
}

func (z *zipSink) close() error {
	var errs []error
	if z.old != nil {
		for _, f := range z.old.File {
			if z.entries[f.Name] == f {
				errs = append(errs, z.w.Copy(f))
			}
		}
		errs = append(errs, z.old.Close())
	}
	errs = append(errs, z.w.Close(), z.file.Chmod(0o644), z.file.Close())
	if err := errors.Join(errs...); err != nil {
		return errors.Join(err, os.Remove(z.temp))
	}
	return os.Rename(z.temp, z.name)
}
