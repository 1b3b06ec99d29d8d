package local

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/local/sqlite"
)

// open opens dir until the test ends.
func open(t testing.TB, dir string) *Directory {
	t.Helper()
	d, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { shut(t, d) })
	return d
}

func shut(t testing.TB, d *Directory) {
	t.Helper()
	if err := d.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
}

// put stores r unchanged under its own id.
func put(t testing.TB, d *Directory, r document.Record) *document.Stored {
	t.Helper()
	got, err := document.Update(t.Context(), d.Records, r.Object().ID(), document.Unread(),
		func(*document.Record) (*document.Change, error) {
			return &document.Change{Record: &r}, nil
		})
	if err != nil {
		t.Fatalf("Update: %v", err)
	}
	return got
}

// get reads the record of a name, which must exist.
func get(t testing.TB, s *sqlite.Store, name string) *document.Stored {
	t.Helper()
	got, err := s.Get(t.Context(), document.Object{Bucket: s.Bucket(), Name: name}.ID())
	if err != nil || got == nil {
		t.Fatalf("Get of %s = %v, %v", name, got, err)
	}
	return got
}

// retrying returns a small retrying record in the bucket of d.
func retrying(d *Directory, name string) document.Record {
	return document.Record{Bucket: d.Bucket.Name(), Name: name, Generation: 7, Status: document.StatusRetrying,
		Due: time.Unix(1, 0)}
}

// finished returns a done record in the bucket of d.
func finished(d *Directory, name, text string) *document.Record {
	return &document.Record{Bucket: d.Bucket.Name(), Name: name, Generation: 7, Status: document.StatusDone, Text: text,
		Pages: 1}
}

// long is a file time long past, so that no test depends on its own speed.
var long = time.Date(2024, 5, 6, 7, 8, 9, 123456789, time.UTC)

// writeFile writes a file with its folders and gives it a time, if there is one.
func writeFile(t testing.TB, path, content string, mtime time.Time) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o666); err != nil {
		t.Fatal(err)
	}
	if mtime.IsZero() {
		return
	}
	if err := os.Chtimes(path, mtime, mtime); err != nil {
		t.Fatal(err)
	}
}

// scan runs one Scan and marks its events as delivered.
func scan(t *testing.T, d *Directory) {
	t.Helper()
	c, err := d.Bucket.Scan(t.Context())
	if err != nil {
		t.Fatalf("Scan: %v", err)
	}
	for _, ev := range c.Events {
		if err := d.Bucket.Delivered(t.Context(), ev); err != nil {
			t.Fatalf("Delivered: %v", err)
		}
	}
}

// wantError checks that an error is a sentence with all the words.
func wantError(t *testing.T, err error, words ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want one with %q", words)
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("error is %q, want %q in it", err, word)
		}
	}
}
