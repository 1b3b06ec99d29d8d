package folder

import (
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestOddNames(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	w := openBucket(t, dir)
	names := []string{" ", "-rf", "%d %s %", "#1?.png", "a b.png", "é.png", "日本語/頁 1.png", "'; DROP TABLE objects; --",
		"~", "$HOME"}
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
	t.Parallel()
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
	w := openBucket(t, dir)
	events, c := scan(t, w)
	if want := "+chained.go +in.png +sub/real.png"; events != want {
		t.Errorf("events %q, want %q", events, want)
	}
	var passed []string
	for _, p := range c.Passed {
		if !strings.Contains(p.Why, "symbolic link") {
			t.Errorf("%s is ignored: it %s", p.Name, p.Why)
		}
		passed = append(passed, p.Name)
	}
	if len(passed) != 8 {
		t.Errorf("ignored %q, want 8 names", passed)
	}
	if _, c = scan(t, w); len(c.Passed) != 0 {
		t.Errorf("told again: %v", c.Passed)
	}
}

func TestPassedOverSpecial(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	w := openBucket(t, dir)
	if err := os.WriteFile(filepath.Join(dir, "bad\xff.png"), nil, 0o666); err != nil {
		t.Skipf("this file system takes UTF-8 only: %v", err)
	}
	if err := makePipe(filepath.Join(dir, "pipe.png")); err != nil {
		t.Skip(err)
	}
	events, c := scan(t, w)
	if events != "" || len(c.Passed) != 2 {
		t.Errorf("events %q, passed %v; want two names ignored", events, c.Passed)
	}
}

// TestPassedOverLong: a name that no event may have is not an object's, and a folder of such names is reported once; a
// link of a good name to such a file counts.
func TestPassedOverLong(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	w := openBucket(t, dir)
	top := strings.Repeat("0123456/", 125)
	fits, over, deep := top+strings.Repeat("n", 24), top+strings.Repeat("é", 12)+"n", top+strings.Repeat("d", 25)
	for _, name := range []string{fits, over, deep + "/a.png", deep + "/b.png"} {
		writeFile(t, filepath.Join(dir, filepath.FromSlash(name)), name, long)
	}
	want := "+" + fits
	if os.Symlink(filepath.FromSlash(over), filepath.Join(dir, "short.png")) == nil {
		want += " +short.png"
	}
	events, c := scan(t, w)
	if events != want {
		t.Errorf("events %q, want %q", events, want)
	}
	var passed []string
	for _, p := range c.Passed {
		if p.Why != "has a path of 1025 bytes, over 1024" {
			t.Errorf("it %s", p.Why)
		}
		passed = append(passed, p.Name)
	}
	if slices.Sort(passed); !slices.Equal(passed, []string{deep, over}) {
		t.Errorf("ignored %q", passed)
	}
	for _, ev := range c.Events {
		if got := readAll(t, w, ev.Object); got != ev.Name && got != over {
			t.Errorf("%q holds %q", ev.Name, got)
		}
	}
}

// TestFindChecksTheName: the name of a bucket is part of every event, too.
func TestFindChecksTheName(t *testing.T) {
	t.Parallel()
	for name, ok := range map[string]bool{
		strings.Repeat("b", 255): true, strings.Repeat("b", 256): false, strings.Repeat("é", 128): false,
		"b\xff": false,
	} {
		if _, err := Find(filepath.Join(t.TempDir(), name)); (err == nil) != ok {
			t.Errorf("%.20q of %d bytes: %v", name, len(name), err)
		} else if !ok {
			wantError(t, err, "cannot be a bucket", "UTF-8, of at most 255 bytes")
		}
	}
}

func TestBlind(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	w := openBucket(t, dir)
	writeFile(t, filepath.Join(dir, "sub", "a"), "x", long)
	scan(t, w)
	s := &survey{blind: []string{"sub", "b"}}
	states, _ := w.compare(s, time.Now())
	if len(states) != 0 {
		t.Errorf("took for vanished: %v", states)
	}
	s.blind = []string{"su", "sub/", "sub/a/b"}
	if states, _ = w.compare(s, time.Now()); len(states) != 1 || !states["sub/a"].Gone {
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
