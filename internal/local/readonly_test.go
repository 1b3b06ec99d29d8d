package local

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
)

func TestReadOnlyBesideAWriter(t *testing.T) {
	dir := t.TempDir()
	w := openWorld(t, dir)
	put(t, w, retrying(w, "before"))
	c := startChild(t, "watch", dir)
	if got := c.line(); got != "watches "+w.Bucket() {
		t.Fatalf("child says %q", got)
	}
	names := []string{"before", "b", "c"}
	for i := range 200 {
		r := retrying(w, names[i%3])
		r.Faults, r.Text = i, strings.Repeat("x", 100*i)
		put(t, w, r)
	}
	for _, name := range append(names, "end") {
		put(t, w, *finished(w, name, "done"))
	}
	if got := c.line(); got != "saw 4" {
		t.Errorf("child says %q", got)
	}
}

func TestOpenReadOnly(t *testing.T) {
	dir := t.TempDir()
	_, err := OpenReadOnly(dir)
	wantError(t, err, "no records in "+dir, "run bucketocr up there first")
	if entries, _ := os.ReadDir(dir); len(entries) != 0 {
		t.Errorf("looking on made %v", entries)
	}
	writeFile(t, filepath.Join(dir, ".bucketocr", "records.db"), "", time.Time{})
	_, err = OpenReadOnly(dir)
	wantError(t, err, "still empty")

	w := openWorld(t, dir)
	stored := put(t, w, retrying(w, "a"))
	path := writeText(t, w, finished(w, "b", "text"))
	for _, running := range []bool{true, false} {
		s, err := OpenReadOnly(dir)
		if err != nil {
			t.Fatal(err)
		}
		if got := get(t, s, "a"); got.Version != stored.Version || s.TextPath("b") != path || s.Bucket() != w.Bucket() {
			t.Errorf("read-only store shows %v, %s, %s", got, s.TextPath("b"), s.Bucket())
		}
		_, err = s.Commit(t.Context(), "id", nil, &document.Change{Record: &document.Record{}})
		if err2 := s.ClearPages(t.Context(), "id", 0); !errors.Is(err, document.ErrStoreMisconfigured) || !errors.Is(err2, document.ErrStoreMisconfigured) {
			t.Errorf("writing: %v, %v", err, err2)
		}
		if err := errors.Join(s.Close(), s.Close()); err != nil {
			t.Error(err)
		}
		if running {
			closeWorld(t, w)
		}
	}
}
