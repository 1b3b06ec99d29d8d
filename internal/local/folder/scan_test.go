package folder

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
)

// Times of files: long past, or in an hour, so that no test depends on its own speed.
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

// scan runs one Scan, marks its events as delivered, and returns them in short.
func scan(t *testing.T, w *opened) (events string, c Changes) {
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

// short formats events in one line: + for a file, - for its removal.
func short(events []document.Event) string {
	var words []string
	for _, ev := range events {
		sign := "+"
		if ev.Kind == document.KindDeleted {
			sign = "-"
		}
		words = append(words, sign+ev.Name)
	}
	return strings.Join(words, " ")
}

func TestScan(t *testing.T) {
	t.Parallel()
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
		{"old file at once, and once",
			[]step{{write("a.png", "x", long), "+a.png", 0}, {nothing, "", 0}, {nothing, "", 0}}},
		{"young file when it is stable",
			[]step{{write("a.png", "x", later), "", 1}, {nothing, "+a.png", 0}, {nothing, "", 0}}},
		{"growing file", []step{
			{write("a.png", "x", later), "", 1},
			{write("a.png", "xx", later), "", 1},
			{write("a.png", "xxx", later.Add(1)), "", 1},
			{write("a.png", "xyz", later.Add(2)), "", 1},
			{nothing, "+a.png", 0},
		}},
		{"a writer who sets an old time at the end",
			[]step{{write("a.png", "x", later), "", 1}, {write("a.png", "xx", long), "+a.png", 0}}},
		{"overwritten", []step{{write("a.png", "x", long), "+a.png", 0},
			{write("a.png", "yy", long.Add(1)), "+a.png", 0}}},
		{"same size", []step{{write("a.png", "x", long), "+a.png", 0},
			{write("a.png", "y", long.Add(1)), "+a.png", 0}}},
		{"same time", []step{{write("a.png", "x", long), "+a.png", 0}, {write("a.png", "yy", long), "+a.png", 0}}},
		{"touched into the past",
			[]step{{write("a.png", "x", long), "+a.png", 0}, {write("a.png", "x", long.Add(-1)), "+a.png", 0}}},
		{"vanished", []step{{write("a.png", "x", long), "+a.png", 0}, {erase("a.png"), "-a.png", 0}, {nothing, "", 0}}},
		{"vanished and back as it was", []step{
			{write("a.png", "x", long), "+a.png", 0}, {erase("a.png"), "-a.png", 0},
			{write("a.png", "x", long), "+a.png", 0}, {erase("a.png"), "-a.png", 0},
		}},
		{"vanished before it was stable", []step{{write("a.png", "x", later), "", 1}, {erase("a.png"), "", 0}}},
		{"renamed when it is written", []step{
			{write("a.png.part", "x", long), "", 0}, {write("b.crdownload", "x", long), "", 0},
			{write("c.PDF.download/c.pdf", "x", long), "", 0},
			{write("~$d.png", "x", long), "", 0}, {write("e.png~", "x", long), "", 0},
			{write("f.TMP", "x", long), "", 0}, {write("g.partial", "x", long), "", 0},
			{func(dir string) {
				if err := os.Rename(filepath.Join(dir, "a.png.part"), filepath.Join(dir, "a.png")); err != nil {
					t.Fatal(err)
				}
			}, "+a.png", 0},
			{write("part.png", "x", long), "+part.png", 0},
		}},
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
		{"times before time",
			[]step{{write("a", "x", time.Unix(0, 0)), "+a", 0}, {write("a", "y", time.Unix(-9, 0)), "+a", 0}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			w := openBucket(t, dir)
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

// checkEvents checks all events: a removal has the last generation, a file a greater one.
func checkEvents(t *testing.T, w *opened, events []document.Event, generations map[string]int64) {
	t.Helper()
	for _, ev := range events {
		last := generations[ev.Name]
		generations[ev.Name] = ev.Generation
		if ev.Kind == document.KindDeleted {
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
	t.Parallel()
	dir := t.TempDir()
	w := openBucket(t, dir)
	writeFile(t, filepath.Join(dir, "sub", "Scan 1.JPG"), "12345", long)
	before := time.Now()
	c, err := w.Scan(t.Context())
	if err != nil || len(c.Events) != 1 {
		t.Fatalf("Scan = %+v, %v", c, err)
	}
	ev := c.Events[0]
	want := document.Event{
		Kind: document.KindFinalized, ID: ev.ID, Time: ev.Time,
		Object:     document.Object{Bucket: filepath.Base(dir), Name: "sub/Scan 1.JPG", Generation: long.UnixNano()},
		Attributes: document.Attributes{ContentType: "image/jpeg", Size: 5},
	}
	if !reflect.DeepEqual(ev, want) {
		t.Errorf("event is %+v, want %+v", ev, want)
	}
	if len(ev.ID) != 32 || ev.Time.Before(before) || ev.Time.After(time.Now()) {
		t.Errorf("id %q, time %v", ev.ID, ev.Time)
	}
}
