package local

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"github.com/bucketocr/bucketocr/internal/document"
)

// TestBesideAWorld: another process lists what the directory held at the last scan, and may write records beside it.
func TestBesideAWorld(t *testing.T) {
	dir := t.TempDir()
	for i := range 1100 { // more than one batch
		writeFile(t, filepath.Join(dir, fmt.Sprintf("sub/%04d.png", i)), "x", long)
	}
	writeFile(t, filepath.Join(dir, "a.png"), "four", long)
	w, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	scan(t, w)
	remove(t, filepath.Join(dir, "sub/0003.png"))
	scan(t, w)
	s, err := OpenRecords(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	list := func(l document.Listing) (names []string) {
		l.Bucket = s.Bucket()
		if err := s.ListObjects(t.Context(), l, func(o document.Listed) error { names = append(names, o.Name); return nil }); err != nil {
			t.Error(err)
		}
		return names
	}
	if got := list(document.Listing{}); len(got) != 1100 || got[0] != "a.png" || !slices.IsSorted(got) {
		t.Errorf("%d names, the first %q", len(got), got[0])
	}
	if got := list(document.Listing{Prefix: "sub/", After: "sub/1097.png"}); !slices.Equal(got, []string{"sub/1098.png", "sub/1099.png"}) {
		t.Errorf("behind a name: %q", got)
	}
	o, attrs, err := s.Live(t.Context(), s.Bucket(), "a.png")
	if want, _, _ := w.Live(t.Context(), s.Bucket(), "a.png"); err != nil || o != want || attrs.Size != 4 {
		t.Errorf("%+v %+v %v", o, attrs, err)
	}
	if _, _, err := s.Live(t.Context(), s.Bucket(), "sub/0003.png"); !errors.Is(err, document.ErrObjectGone) {
		t.Errorf("of what was removed: %v", err)
	}
	watched := make(chan string, 1)
	go w.Watch(t.Context(), func(_ string, r *document.Record) error { watched <- r.Name; return nil })
	rec := &document.Record{Bucket: o.Bucket, Name: o.Name, Generation: o.Generation, Status: document.StatusRetrying}
	if _, err := document.Update(t.Context(), s, o.ID(), document.Unread(), func(*document.Record) (*document.Change, error) {
		return &document.Change{Record: rec}, nil
	}); err != nil {
		t.Fatal(err)
	}
	if name := <-watched; name != "a.png" {
		t.Errorf("the world saw %q", name)
	}
}
