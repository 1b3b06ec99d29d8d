package local

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bucketocr/bucketocr/internal/pipeline"
)

// Times of files: long is over, or in an hour, so that no test depends on how fast it runs.
var (
	long  = time.Date(2024, 5, 6, 7, 8, 9, 123456789, time.UTC)
	later = time.Now().Add(time.Hour)
)

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

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.RemoveAll(path); err != nil {
		t.Fatal(err)
	}
}

// scan is one Scan, its events in short and delivered.
func scan(t *testing.T, w *World) (events string, c Changes) {
	t.Helper()
	c, err := w.Scan(t.Context())
	if err != nil {
		t.Fatalf("Scan: %v", err)
	}
	for _, ev := range c.Events {
		if err := w.Delivered(t.Context(), ev); err != nil {
			t.Fatalf("Delivered: %v", err)
		}
	}
	return short(c.Events), c
}

// short says events in one line: + for a file, - for its end.
func short(events []pipeline.Event) string {
	var words []string
	for _, ev := range events {
		sign := "+"
		if ev.Kind == pipeline.Deleted {
			sign = "-"
		}
		words = append(words, sign+ev.Name)
	}
	return strings.Join(words, " ")
}

func TestScan(t *testing.T) {
	type step struct {
		do      func(dir string)
		want    string // events of the next scan
		pending int
	}
	write := func(name, content string, mtime time.Time) func(string) {
		return func(dir string) { writeFile(t, filepath.Join(dir, name), content, mtime) }
	}
	erase := func(name string) func(string) {
		return func(dir string) { remove(t, filepath.Join(dir, name)) }
	}
	nothing := func(string) {}
	for _, test := range []struct {
		name  string
		steps []step
	}{
		{"nothing there", []step{{nothing, "", 0}}},
		{"old file at once, and once", []step{{write("a.png", "x", long), "+a.png", 0}, {nothing, "", 0}, {nothing, "", 0}}},
		{"young file when it is stable", []step{{write("a.png", "x", later), "", 1}, {nothing, "+a.png", 0}, {nothing, "", 0}}},
		{"growing file", []step{
			{write("a.png", "x", later), "", 1},
			{write("a.png", "xx", later), "", 1},
			{write("a.png", "xxx", later.Add(1)), "", 1},
			{write("a.png", "xyz", later.Add(2)), "", 1},
			{nothing, "+a.png", 0},
		}},
		{"a writer who sets an old time at the end", []step{{write("a.png", "x", later), "", 1}, {write("a.png", "xx", long), "+a.png", 0}}},
		{"overwritten", []step{{write("a.png", "x", long), "+a.png", 0}, {write("a.png", "yy", long.Add(1)), "+a.png", 0}}},
		{"same size", []step{{write("a.png", "x", long), "+a.png", 0}, {write("a.png", "y", long.Add(1)), "+a.png", 0}}},
		{"same time", []step{{write("a.png", "x", long), "+a.png", 0}, {write("a.png", "yy", long), "+a.png", 0}}},
		{"touched into the past", []step{{write("a.png", "x", long), "+a.png", 0}, {write("a.png", "x", long.Add(-1)), "+a.png", 0}}},
		{"vanished", []step{{write("a.png", "x", long), "+a.png", 0}, {erase("a.png"), "-a.png", 0}, {nothing, "", 0}}},
		{"vanished and back as it was", []step{
			{write("a.png", "x", long), "+a.png", 0}, {erase("a.png"), "-a.png", 0},
			{write("a.png", "x", long), "+a.png", 0}, {erase("a.png"), "-a.png", 0},
		}},
		{"vanished before it was stable", []step{{write("a.png", "x", later), "", 1}, {erase("a.png"), "", 0}}},
		{"moved", []step{{write("a.png", "x", long), "+a.png", 0}, {func(dir string) {
			if err := os.Rename(filepath.Join(dir, "a.png"), filepath.Join(dir, "b.png")); err != nil {
				t.Fatal(err)
			}
		}, "-a.png +b.png", 0}}},
		{"folders", []step{
			{write("b/c/d.png", "x", long), "+b/c/d.png", 0},
			{write("b/a.png", "x", long), "+b/a.png", 0},
			{erase("b"), "-b/a.png -b/c/d.png", 0},
		}},
		{"a folder becomes a file", []step{
			{write("b/a.png", "x", long), "+b/a.png", 0},
			{func(dir string) { erase("b")(dir); write("b", "x", long)(dir) }, "+b -b/a.png", 0},
		}},
		{"dots", []step{
			{write(".a.png", "x", long), "", 0},
			{write(".hidden/a.png", "x", long), "", 0},
			{write("b/.a.png", "x", long), "", 0},
			{write("b/.hidden/a.png", "x", long), "", 0},
			{write("a..b.png", "x", long), "+a..b.png", 0},
		}},
		{"times before time", []step{{write("a", "x", time.Unix(0, 0)), "+a", 0}, {write("a", "y", time.Unix(-9, 0)), "+a", 0}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			w := openWorld(t, dir)
			generations := map[string]int64{}
			for i, s := range test.steps {
				s.do(dir)
				got, c := scan(t, w)
				if got != s.want || c.Pending != s.pending {
					t.Fatalf("step %d: %q, %d pending; want %q, %d", i+1, got, c.Pending, s.want, s.pending)
				}
				checkEvents(t, w, c.Events, generations)
			}
		})
	}
}

// checkEvents checks what holds for all events: an end is that of the last generation, a file has a greater one.
func checkEvents(t *testing.T, w *World, events []pipeline.Event, generations map[string]int64) {
	t.Helper()
	for _, ev := range events {
		last := generations[ev.Name]
		generations[ev.Name] = ev.Generation
		if ev.Kind == pipeline.Deleted {
			if ev.Generation != last {
				t.Errorf("%s: end of generation %d, want %d", ev.Name, ev.Generation, last)
			}
			continue
		}
		if ev.Generation <= last {
			t.Errorf("%s: generation %d after %d", ev.Name, ev.Generation, last)
		}
		live, attrs, err := w.Live(t.Context(), ev.Bucket, ev.Name)
		if live != ev.Object || !reflect.DeepEqual(attrs, ev.Attributes) || err != nil {
			t.Errorf("Live = %v, %v, %v; the event says %v, %v", live, attrs, err, ev.Object, ev.Attributes)
		}
	}
}

func TestEventFields(t *testing.T) {
	dir := t.TempDir()
	w := openWorld(t, dir)
	writeFile(t, filepath.Join(dir, "sub", "Scan 1.JPG"), "12345", long)
	before := time.Now()
	c, err := w.Scan(t.Context())
	if err != nil || len(c.Events) != 1 {
		t.Fatalf("Scan = %+v, %v", c, err)
	}
	ev := c.Events[0]
	want := pipeline.Event{
		Kind: pipeline.Finalized, ID: ev.ID, Time: ev.Time,
		Object:     pipeline.Object{Bucket: filepath.Base(dir), Name: "sub/Scan 1.JPG", Generation: long.UnixNano()},
		Attributes: pipeline.Attributes{ContentType: "image/jpeg", Size: 5},
	}
	if !reflect.DeepEqual(ev, want) {
		t.Errorf("event is %+v, want %+v", ev, want)
	}
	if len(ev.ID) != 32 || ev.Time.Before(before) || ev.Time.After(time.Now()) {
		t.Errorf("id %q, time %v", ev.ID, ev.Time)
	}
}

func TestOddNames(t *testing.T) {
	dir := t.TempDir()
	w := openWorld(t, dir)
	names := []string{" ", "-rf", "%d %s %", "#1?.png", "a b.png", "é.png", "日本語/頁 1.png", "'; DROP TABLE objects; --", "~", "$HOME"}
	if runtime.GOOS != "windows" {
		names = append(names, "line\nfeed.png", "tab\t.png", `back\slash`, `a\..\..\up`, "\x01", "C:", "*?\"<>|")
	}
	for _, name := range names {
		writeFile(t, filepath.Join(dir, filepath.FromSlash(name)), name, long)
	}
	c, err := w.Scan(t.Context())
	if err != nil || len(c.Events) != len(names) {
		t.Fatalf("%d events, %v; want %d", len(c.Events), err, len(names))
	}
	ids := map[string]bool{}
	for _, ev := range c.Events {
		ids[ev.ID] = true
		if got := readAll(t, w, ev.Object); got != ev.Name {
			t.Errorf("%q holds %q", ev.Name, got)
		}
	}
	if len(ids) != len(names) {
		t.Errorf("%d ids for %d events", len(ids), len(names))
	}
}

func TestPassedOver(t *testing.T) {
	dir, outside := t.TempDir(), t.TempDir()
	writeFile(t, filepath.Join(outside, "secret.png"), "x", long)
	writeFile(t, filepath.Join(dir, "sub", "real.png"), "xx", long)
	for link, target := range map[string]string{
		"in.png":     filepath.Join("sub", "real.png"),
		"out.png":    filepath.Join(outside, "secret.png"),
		"up.png":     filepath.Join("..", filepath.Base(outside), "secret.png"),
		"nowhere":    "nothing",
		"self":       "self",
		"sub/loop":   "..",
		"folder":     "sub",
		".hidden":    "nothing",
		"ours.png":   filepath.Join(".bucketocr", "records.db"),
		"sub/b.png":  filepath.Join("..", "ours.png"),
		"chained.go": "in.png",
	} {
		if err := os.Symlink(target, filepath.Join(dir, link)); err != nil {
			t.Skipf("no symbolic links here: %v", err)
		}
	}
	w := openWorld(t, dir)
	events, c := scan(t, w)
	if want := "+chained.go +in.png +sub/real.png"; events != want {
		t.Errorf("events %q, want %q", events, want)
	}
	var passed []string
	for _, p := range c.Passed {
		if !strings.Contains(p.Why, "symbolic link") {
			t.Errorf("%s is passed over: it %s", p.Name, p.Why)
		}
		passed = append(passed, p.Name)
	}
	if len(passed) != 8 {
		t.Errorf("passed over %q, want 8 names", passed)
	}
	if _, c = scan(t, w); len(c.Passed) != 0 {
		t.Errorf("told again: %v", c.Passed)
	}
}

func TestPassedOverSpecial(t *testing.T) {
	dir := t.TempDir()
	w := openWorld(t, dir)
	if err := os.WriteFile(filepath.Join(dir, "bad\xff.png"), nil, 0o666); err != nil {
		t.Skipf("this file system takes UTF-8 only: %v", err)
	}
	makePipe(t, filepath.Join(dir, "pipe.png"))
	events, c := scan(t, w)
	if events != "" || len(c.Passed) != 2 {
		t.Errorf("events %q, passed %v; want two names passed over", events, c.Passed)
	}
}

// What a scan has told comes again at the next start until it is delivered, the same to the letter.
func TestUndelivered(t *testing.T) {
	dir := t.TempDir()
	for i := range 4 {
		writeFile(t, filepath.Join(dir, fmt.Sprint(i)), "x", long)
	}
	w := openWorld(t, dir)
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
	closeWorld(t, w)

	writeFile(t, filepath.Join(dir, "1"), "changed while off", long.Add(time.Hour))
	remove(t, filepath.Join(dir, "3"))
	w = openWorld(t, dir)
	after, _ := w.Scan(t.Context())
	if got := short(after.Events); got != "+1 +2 -3" {
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
		w.Again(pipeline.Event{Object: pipeline.Object{Name: "unknown"}})
	}
	closeWorld(t, w)
	last, _ := openWorld(t, dir).Scan(t.Context())
	if got := short(last.Events); got != "+1 -3" {
		t.Errorf("at the end: %q", got)
	}
}

// A changed file that is not stable yet keeps back the event of the state that it leaves.
func TestUndeliveredAndReplaced(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "a"), "x", long)
	w := openWorld(t, dir)
	w.Scan(t.Context())
	closeWorld(t, w)
	writeFile(t, filepath.Join(dir, "a"), "y", later)
	w = openWorld(t, dir)
	if got, c := scan(t, w); got != "" || c.Pending != 1 {
		t.Errorf("%q, %d pending; want 1 pending", got, c.Pending)
	}
	if got, c := scan(t, w); got != "+a" || c.Events[0].Generation != later.UnixNano() {
		t.Errorf("%v", c.Events)
	}
}

func TestLiving(t *testing.T) {
	dir := t.TempDir()
	w := openWorld(t, dir)
	for _, name := range []string{"b", "a", "sub/c"} {
		writeFile(t, filepath.Join(dir, name), "x", long)
	}
	scan(t, w)
	remove(t, filepath.Join(dir, "a"))
	writeFile(t, filepath.Join(dir, "b"), "xx", long)
	scan(t, w)
	want := []pipeline.Object{
		{Bucket: w.Bucket(), Name: "b", Generation: long.UnixNano() + 1},
		{Bucket: w.Bucket(), Name: "sub/c", Generation: long.UnixNano()},
	}
	if got := w.Living(); !reflect.DeepEqual(got, want) {
		t.Errorf("Living is %v, want %v", got, want)
	}
}

func TestGenerations(t *testing.T) {
	now := time.Now()
	var o object
	for _, test := range []struct{ mtime, want int64 }{
		{-5, 1}, {0, 2}, {1000, 1000}, {1000, 1001}, {7, 1002},
		{1<<63 - 1, maxFromTime}, {1<<63 - 1, maxFromTime + 1}, {5, maxFromTime + 2},
	} {
		o = o.next(stamp{mtime: test.mtime}, now).end(now)
		if o.generation != test.want {
			t.Errorf("mtime %d: generation %d, want %d", test.mtime, o.generation, test.want)
		}
	}
}

// A folder that cannot be looked at is not an empty one.
func TestBlind(t *testing.T) {
	dir := t.TempDir()
	w := openWorld(t, dir)
	writeFile(t, filepath.Join(dir, "sub", "a"), "x", long)
	scan(t, w)
	s := &survey{blind: []string{"sub", "b"}}
	states, _ := w.compare(s, time.Now())
	if len(states) != 0 {
		t.Errorf("took for vanished: %v", states)
	}
	s.blind = []string{"su", "sub/", "sub/a/b"}
	if states, _ = w.compare(s, time.Now()); len(states) != 1 || !states["sub/a"].gone {
		t.Errorf("states %v, want the end of sub/a", states)
	}
	sub := filepath.Join(dir, "sub")
	t.Cleanup(func() { os.Chmod(sub, 0o777) })
	if os.Chmod(sub, 0); canRead(sub) {
		t.Skip("this user may read everything")
	}
	if got, c := scan(t, w); got != "" || len(c.Passed) != 1 {
		t.Errorf("events %q, passed %v", got, c.Passed)
	}
}

func canRead(dir string) bool { _, err := os.ReadDir(dir); return err == nil }

func TestScanFails(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "inbox")
	writeFile(t, filepath.Join(dir, "a"), "x", long)
	w := openWorld(t, dir)
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
	if _, err = w.Scan(t.Context()); !errors.Is(err, pipeline.ErrStorageUnavailable) {
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

// A store that fails loses nothing: the next scan finds it.
func TestScanStoreFails(t *testing.T) {
	dir := t.TempDir()
	w := openWorld(t, dir)
	writeFile(t, filepath.Join(dir, "a"), "x", long)
	execSQL(t, w, "PRAGMA query_only = 1")
	if _, err := w.Scan(t.Context()); !errors.Is(err, pipeline.ErrStoreMisconfigured) {
		t.Errorf("Scan over a store that may not be written: %v", err)
	}
	execSQL(t, w, "PRAGMA query_only = 0")
	c, err := w.Scan(t.Context())
	if err != nil || short(c.Events) != "+a" {
		t.Fatalf("the next scan: %v, %v", c.Events, err)
	}
	execSQL(t, w, "PRAGMA query_only = 1")
	if err := w.Delivered(t.Context(), c.Events[0]); !errors.Is(err, pipeline.ErrStoreMisconfigured) {
		t.Errorf("Delivered: %v", err)
	}
	execSQL(t, w, "PRAGMA query_only = 0")
	closeWorld(t, w)
	if got, _ := scan(t, openWorld(t, dir)); got != "+a" {
		t.Errorf("what could not be called delivered: %q", got)
	}
}

// Scans, deliveries and readers at once: for the race detector, and each event comes once.
func TestScanConcurrently(t *testing.T) {
	dir := t.TempDir()
	w := openWorld(t, dir)
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
