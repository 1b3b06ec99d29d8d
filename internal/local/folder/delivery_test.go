package folder

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/local/sqlite"
)

func TestUndelivered(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for i := range 4 {
		writeFile(t, filepath.Join(dir, fmt.Sprint(i)), "x", long)
	}
	w := openBucket(t, dir)
	c, _ := w.Scan(t.Context())
	if again, _ := w.Scan(t.Context()); len(c.Events) != 4 || len(again.Events) != 0 {
		t.Fatalf("%q, then %q; want each once", short(c.Events), short(again.Events))
	}
	w.Again(c.Events[2])
	if again, _ := w.Scan(t.Context()); !reflect.DeepEqual(again.Events, c.Events[2:3]) {
		t.Errorf("after Again: %v, want %v", again.Events, c.Events[2:3])
	}
	for range 2 { // it may be repeated
		if err := w.Delivered(t.Context(), c.Events[0]); err != nil {
			t.Fatal(err)
		}
	}
	closeBucket(t, w)

	writeFile(t, filepath.Join(dir, "1"), "changed while off", long.Add(time.Hour))
	remove(t, filepath.Join(dir, "3"))
	w = openBucket(t, dir)
	after, _ := w.Scan(t.Context())
	// what was never delivered is, and ends as an object that is gone
	if got := short(after.Events); got != "+1 +2 +3" {
		t.Fatalf("after a restart: %q", got)
	}
	if !reflect.DeepEqual(after.Events[1], c.Events[2]) {
		t.Errorf("the same event became\n%+v, it was\n%+v", after.Events[1], c.Events[2])
	}
	// A late word on what has been overtaken says nothing about what came after.
	for _, ev := range c.Events {
		if err := w.Delivered(t.Context(), ev); err != nil {
			t.Fatal(err)
		}
		w.Again(document.Event{Object: document.Object{Name: "unknown"}})
	}
	closeBucket(t, w)
	last, _ := openBucket(t, dir).Scan(t.Context())
	if got := short(last.Events); got != "+1 -3" {
		t.Errorf("at the end: %q", got)
	}
}

// TestDeliveredLate: word that an event was delivered which comes while the next state is being stored says nothing
// about that.
func TestDeliveredLate(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	w := openBucket(t, dir)
	for _, name := range []string{"changed", "vanished"} {
		writeFile(t, filepath.Join(dir, name), "x", long)
	}
	c, err := w.Scan(t.Context())
	if err != nil || short(c.Events) != "+changed +vanished" {
		t.Fatalf("%q, %v", short(c.Events), err)
	}
	writeFile(t, filepath.Join(dir, "changed"), "xx", long)
	remove(t, filepath.Join(dir, "vanished"))
	now := time.Now()
	if err := w.files.Put(t.Context(), map[string]sqlite.File{ // as a scan does that has not got further yet
		"changed":  w.find("changed").next(stamp{long.UnixNano(), 2}, now).File,
		"vanished": w.find("vanished").end(now).File,
	}); err != nil {
		t.Fatal(err)
	}
	for _, ev := range c.Events {
		if err := w.Delivered(t.Context(), ev); err != nil {
			t.Fatal(err)
		}
	}
	closeBucket(t, w)
	if got, _ := scan(t, openBucket(t, dir)); got != "+changed -vanished" {
		t.Errorf("the next run: %q", got)
	}
}

// TestRedeliver: a delivered file is returned once more, the same event, unless it has changed or vanished since: that
// is an event of its own. In another run that is for its caller to say again.
func TestRedeliver(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	w := openBucket(t, dir)
	for _, name := range []string{"a", "changed", "vanished"} {
		writeFile(t, filepath.Join(dir, name), "x", long)
	}
	first, err := w.Scan(t.Context())
	if err != nil || len(first.Events) != 3 {
		t.Fatalf("%q, %v", short(first.Events), err)
	}
	w.Redeliver(t.Context(), first.Events[0].Object)
	if got, _ := scan(t, w); got != "" {
		t.Errorf("while it is delivered for the first time: %q", got)
	}
	for _, ev := range first.Events {
		if err := w.Delivered(t.Context(), ev); err != nil {
			t.Fatal(err)
		}
	}
	closeBucket(t, w)
	w = openBucket(t, dir)
	writeFile(t, filepath.Join(dir, "changed"), "xx", long)
	remove(t, filepath.Join(dir, "vanished"))
	for _, ev := range first.Events {
		w.Redeliver(t.Context(), ev.Object)
	}
	w.Redeliver(t.Context(), document.Object{Bucket: w.Name(), Name: "unknown", Generation: 7})
	got, c := scan(t, w)
	if got != "+a +changed -vanished" || !reflect.DeepEqual(c.Events[0], first.Events[0]) {
		t.Errorf("%q: %+v, want %+v", got, c.Events, first.Events[0])
	}
	if got, _ := scan(t, w); got != "" || w.Waiting() != 0 {
		t.Errorf("after that: %q", got)
	}
}

func TestUndeliveredAndReplaced(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "a"), "x", long)
	w := openBucket(t, dir)
	w.Scan(t.Context())
	closeBucket(t, w)
	writeFile(t, filepath.Join(dir, "a"), "y", later)
	w = openBucket(t, dir)
	if got, c := scan(t, w); got != "" || c.Pending != 1 {
		t.Errorf("%q, %d pending; want 1 pending", got, c.Pending)
	}
	if got, c := scan(t, w); got != "+a" || c.Events[0].Generation != later.UnixNano() {
		t.Errorf("%v", c.Events)
	}
}

func TestLiving(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	w := openBucket(t, dir)
	for _, name := range []string{"b", "a", "sub/c"} {
		writeFile(t, filepath.Join(dir, name), "x", long)
	}
	scan(t, w)
	remove(t, filepath.Join(dir, "a"))
	writeFile(t, filepath.Join(dir, "b"), "xx", long)
	scan(t, w)
	want := []document.Object{
		{Bucket: w.Name(), Name: "b", Generation: long.UnixNano() + 1},
		{Bucket: w.Name(), Name: "sub/c", Generation: long.UnixNano()},
	}
	if got := w.Living(); !reflect.DeepEqual(got, want) {
		t.Errorf("Living is %v, want %v", got, want)
	}
}

func TestGenerations(t *testing.T) {
	t.Parallel()
	now := time.Now()
	var s state
	for _, test := range []struct{ mtime, want int64 }{
		{-5, 1}, {0, 2}, {1000, 1000}, {1000, 1001}, {7, 1002},
		{1<<63 - 1, maxFromTime}, {1<<63 - 1, maxFromTime + 1}, {5, maxFromTime + 2},
	} {
		s = s.next(stamp{mtime: test.mtime}, now).end(now)
		if s.Generation != test.want {
			t.Errorf("mtime %d: generation %d, want %d", test.mtime, s.Generation, test.want)
		}
	}
}

func TestScanFails(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "inbox")
	writeFile(t, filepath.Join(dir, "a"), "x", long)
	w := openBucket(t, dir)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := w.Scan(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("on an ended context: %v", err)
	}
	if err := os.Rename(dir, dir+"2"); err != nil {
		t.Skipf("an open folder cannot be moved here: %v", err)
	}
	_, err := w.Scan(t.Context())
	wantError(t, err, "moved or removed")
	if err := os.MkdirAll(filepath.Join(dir, ".bucketocr"), 0o777); err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(dir, ".bucketocr", "lock"), "another's", time.Time{})
	if _, err = w.Scan(t.Context()); !errors.Is(err, document.ErrStorageUnavailable) {
		t.Errorf("with another folder in its place: %v", err)
	}
	remove(t, dir)
	if err := os.Rename(dir+"2", dir); err != nil {
		t.Fatal(err)
	}
	if got, _ := scan(t, w); got != "+a" {
		t.Errorf("back again: %q", got)
	}
}

func TestScanStoreFails(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	w := openBucket(t, dir)
	writeFile(t, filepath.Join(dir, "a"), "x", long)
	const refuse = " ON objects BEGIN SELECT RAISE(ABORT, 'refused'); END"
	execSQL(t, w, "CREATE TRIGGER refuse BEFORE INSERT"+refuse)
	if _, err := w.Scan(t.Context()); !errors.Is(err, document.ErrStoreUnavailable) {
		t.Errorf("Scan over a store that refuses: %v", err)
	}
	execSQL(t, w, "DROP TRIGGER refuse")
	c, err := w.Scan(t.Context())
	if err != nil || short(c.Events) != "+a" {
		t.Fatalf("the next scan: %v, %v", c.Events, err)
	}
	execSQL(t, w, "CREATE TRIGGER refuse BEFORE UPDATE"+refuse)
	if err := w.Delivered(t.Context(), c.Events[0]); !errors.Is(err, document.ErrStoreUnavailable) {
		t.Errorf("Delivered: %v", err)
	}
	execSQL(t, w, "DROP TRIGGER refuse")
	closeBucket(t, w)
	if got, _ := scan(t, openBucket(t, dir)); got != "+a" {
		t.Errorf("what could not be called delivered: %q", got)
	}
}

func TestScanConcurrently(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	w := openBucket(t, dir)
	const files = 40
	for i := range files {
		writeFile(t, filepath.Join(dir, fmt.Sprint(i)), "x", long)
	}
	var mu sync.Mutex
	seen := map[string]int{}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			c, err := w.Scan(t.Context())
			if err != nil {
				t.Error(err)
			}
			for _, ev := range c.Events {
				if got := readAll(t, w, ev.Object); got != "x" {
					t.Errorf("%s holds %q", ev.Name, got)
				}
				if err := w.Delivered(t.Context(), ev); err != nil {
					t.Error(err)
				}
				mu.Lock()
				seen[ev.Name]++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	for name, n := range seen {
		if n != 1 {
			t.Errorf("%s came %d times", name, n)
		}
	}
	if len(seen) != files {
		t.Errorf("%d files came, want %d", len(seen), files)
	}
}

// TestVanishedBeforeDelivered: a file that was noticed and vanished before its event was delivered still gets that
// event, in this run or the next, and then its deletion: every noticed object can end visibly.
func TestVanishedBeforeDelivered(t *testing.T) {
	t.Parallel()
	for _, restart := range []bool{false, true} {
		t.Run(fmt.Sprint("restart ", restart), func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			w := openBucket(t, dir)
			writeFile(t, filepath.Join(dir, "a"), "x", long)
			first, err := w.Scan(t.Context())
			if err != nil || short(first.Events) != "+a" {
				t.Fatalf("%q, %v", short(first.Events), err)
			}
			remove(t, filepath.Join(dir, "a"))
			if c, err := w.Scan(t.Context()); err != nil || len(c.Events) > 0 || w.Waiting() != 1 {
				t.Errorf("while the event is under way: %q, %v, %d waiting", short(c.Events), err, w.Waiting())
			}
			if w.Again(first.Events[0]); restart {
				closeBucket(t, w)
				w = openBucket(t, dir)
			}
			if got, c := scan(t, w); got != "+a" || !reflect.DeepEqual(c.Events, first.Events) {
				t.Errorf("the next one is %q: %+v", got, c.Events)
			}
			if _, err := w.Open(t.Context(), first.Events[0].Object); !errors.Is(err, document.ErrObjectGone) {
				t.Errorf("opened: %v", err)
			}
			if got, _ := scan(t, w); got != "-a" || w.Waiting() != 0 {
				t.Errorf("after it: %q, %d waiting", got, w.Waiting())
			}
			if got, _ := scan(t, w); got != "" {
				t.Errorf("after that: %q", got)
			}
		})
	}
}
