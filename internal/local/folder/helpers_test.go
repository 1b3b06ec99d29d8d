package folder

import (
	"database/sql"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/local/sqlite"
)

// opened is a bucket with everything that it needs.
type opened struct {
	*Bucket
	records *sqlite.Store
	data    *Data
	lock    *Lock
}

// textPath returns the path of the text for the object of a name.
func (o *opened) textPath(name string) string {
	return filepath.Join(o.data.Texts(), filepath.FromSlash(textName(document.Object{Bucket: o.Name(), Name: name})))
}

// openBucket opens the bucket in dir until the test ends.
func openBucket(t testing.TB, dir string) *opened {
	t.Helper()
	o := &opened{}
	d, err := Find(dir)
	if err == nil {
		err = d.Make()
	}
	if err == nil {
		o.data, err = d.OpenData()
	}
	if err == nil {
		o.lock, err = o.data.Lock()
	}
	if err == nil {
		o.records, err = sqlite.Open(o.data.Database(), d.Base())
	}
	if err == nil {
		o.Bucket, err = OpenBucket(o.lock, o.records.Bucket(), o.records.Files())
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeBucket(t, o) })
	return o
}

func closeBucket(t testing.TB, o *opened) {
	t.Helper()
	if err := errors.Join(o.Close(), o.records.Close(), o.lock.Close(), o.data.Close()); err != nil {
		t.Errorf("Close: %v", err)
	}
}

// execSQL changes the database from outside.
func execSQL(t *testing.T, o *opened, statement string) {
	t.Helper()
	db, err := sql.Open("sqlite", o.data.Database())
	if err == nil {
		_, err = db.Exec(statement)
	}
	if err = errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
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
