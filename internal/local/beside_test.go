package local

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
)

// TestBesideItIsTheBucketOfTheLastScan: another process lists the directory as of the last scan, and may write records.
func TestBesideItIsTheBucketOfTheLastScan(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for i := range 1100 { // more than one batch
		writeFile(t, filepath.Join(dir, fmt.Sprintf("sub/%04d.png", i)), "x", long)
	}
	writeFile(t, filepath.Join(dir, "a.png"), "four", long)
	w := open(t, dir)
	scan(t, w)
	if err := os.Remove(filepath.Join(dir, "sub/0003.png")); err != nil {
		t.Fatal(err)
	}
	scan(t, w)
	s, view, err := OpenBeside(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	list := func(l document.Listing) (names []string) {
		l.Bucket = s.Bucket()
		if err := view.ListObjects(t.Context(), l, func(o document.Listed) error {
			names = append(names, o.Name)
			return nil
		}); err != nil {
			t.Error(err)
		}
		return names
	}
	if got := list(document.Listing{}); len(got) != 1100 || got[0] != "a.png" || !slices.IsSorted(got) {
		t.Errorf("%d names, the first %q", len(got), got[0])
	}
	if got := list(document.Listing{Prefix: "sub/", After: "sub/1097.png"}); !slices.Equal(got,
		[]string{"sub/1098.png", "sub/1099.png"}) {
		t.Errorf("after a name: %q", got)
	}
	o, attrs, err := view.Live(t.Context(), s.Bucket(), "a.png")
	if want, _, _ := w.Bucket.Live(t.Context(), s.Bucket(), "a.png"); err != nil || o != want || attrs.Size != 4 {
		t.Errorf("%+v %+v %v", o, attrs, err)
	}
	if _, _, err := view.Live(t.Context(), s.Bucket(), "sub/0003.png"); !errors.Is(err, document.ErrObjectGone) {
		t.Errorf("of what was removed: %v", err)
	}
	watched := make(chan string, 1)
	go w.Records.Watch(t.Context(), func(_ string, r *document.Record) error { watched <- r.Name; return nil })
	rec := &document.Record{Bucket: o.Bucket, Name: o.Name, Generation: o.Generation, Status: document.StatusRetrying}
	if _, err := document.Update(t.Context(), s, o.ID(), document.Unread(),
		func(*document.Record) (*document.Change, error) {
			return &document.Change{Record: rec}, nil
		}); err != nil {
		t.Fatal(err)
	}
	if name := <-watched; name != "a.png" {
		t.Errorf("the directory saw %q", name)
	}
}

// TestBesideOneReadsWhatTheLastScanSaw, and nothing else.
func TestBesideOneReadsWhatTheLastScanSaw(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	w := open(t, dir)
	path := filepath.Join(dir, "a.png")
	if err := os.WriteFile(path, []byte("bytes"), 0o666); err != nil {
		t.Fatal(err)
	}
	for len(w.Bucket.Living()) == 0 {
		if _, err := w.Bucket.Scan(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	s, view, err := OpenBeside(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	o := w.Bucket.Living()[0]
	c, err := view.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if b, err := io.ReadAll(c); err != nil || string(b) != "bytes" {
		t.Errorf("%q %v", b, err)
	}
	other := o
	other.Generation++
	if _, err := view.Open(t.Context(), other); !errors.Is(err, document.ErrObjectGone) {
		t.Errorf("%v", err)
	}
	if err := os.WriteFile(path, []byte("changed since"), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := view.Open(t.Context(), o); !errors.Is(err, document.ErrObjectGone) {
		t.Errorf("%v", err)
	}
}

func TestBesideAWriterNoLastStateIsMissed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	w := open(t, dir)
	put(t, w, retrying(w, "before"))
	c := startChild(t, "watch", dir)
	if got := c.line(); got != "watches "+w.Bucket.Name() {
		t.Fatalf("child says %q", got)
	}
	names := []string{"before", "b", "c"}
	for i := range 200 {
		r := retrying(w, names[i%3])
		r.Interruptions, r.Text = i, strings.Repeat("x", 100*i)
		put(t, w, r)
	}
	for _, name := range append(names, "end") {
		put(t, w, *finished(w, name, "done"))
	}
	if got := c.line(); got != "saw 4" {
		t.Errorf("child says %q", got)
	}
}

func TestOpenBesideNeedsRecords(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	_, _, err := OpenBeside(dir)
	wantError(t, err, "no records in "+dir, "run bucketocr up there first")
	if entries, _ := os.ReadDir(dir); len(entries) != 0 {
		t.Errorf("looking on made %v", entries)
	}
	writeFile(t, filepath.Join(dir, ".bucketocr", "records.db"), "", time.Time{})
	_, _, err = OpenBeside(dir)
	wantError(t, err, "still empty")
}

func TestBesideTheRecordsAreTheSame(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	w := open(t, dir)
	stored := put(t, w, retrying(w, "a"))
	for _, running := range []bool{true, false} {
		s, view, err := OpenBeside(dir)
		if err != nil {
			t.Fatal(err)
		}
		if got := get(t, s, "a"); got.Version != stored.Version || s.Bucket() != w.Bucket.Name() ||
			view.Name() != w.Bucket.Name() {
			t.Errorf("beside, it is %v in %s and %s", got, s.Bucket(), view.Name())
		}
		if err := errors.Join(s.Close(), s.Close()); err != nil {
			t.Error(err)
		}
		if running {
			shut(t, w)
		}
	}
}
