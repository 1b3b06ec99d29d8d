package local

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

func TestOpenMakesTheFolder(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "deep", "scans 100% #1?")
	w := open(t, dir)
	if w.Bucket.Name() != "scans 100% #1?" {
		t.Errorf("bucket is %q", w.Bucket.Name())
	}
	info, err := os.Stat(filepath.Join(dir, ".bucketocr", "records.db"))
	if err != nil || info.Size() == 0 {
		t.Errorf("no database where it should be: %v", err)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 1 {
		t.Errorf("the folder holds %v, want .bucketocr alone", entries)
	}
	info, err = os.Stat(filepath.Join(dir, ".bucketocr"))
	if err != nil || (runtime.GOOS != "windows" && info.Mode().Perm() != 0o700) {
		t.Errorf("mode of .bucketocr is %v, %v; what images tell is their owner's", info.Mode(), err)
	}
}

// textOf writes a text and returns its path.
func textOf(t *testing.T, d *Directory) string {
	t.Helper()
	path, err := d.Bucket.WriteText(t.Context(), d.Records, finished(d, "a", "text"))
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func TestRelativePathIsMadeAbsolute(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.Mkdir("inbox", 0o777); err != nil {
		t.Fatal(err)
	}
	t.Chdir("inbox")
	if w := open(t, "."); w.Bucket.Name() != "inbox" || !filepath.IsAbs(textOf(t, w)) {
		t.Errorf("bucket %q, texts at %s", w.Bucket.Name(), textOf(t, w))
	}
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	writeFile(t, file, "x", time.Time{})
	blocked := filepath.Join(dir, "blocked")
	writeFile(t, filepath.Join(blocked, ".bucketocr", "lock", "in the way"), "x", time.Time{})
	for _, test := range []struct {
		dir   string
		words []string
	}{
		{file, []string{file, "is a file, not a folder"}},
		{filepath.Join(file, "below"), []string{"cannot be used", "not a directory"}},
		{blocked, []string{filepath.Join(blocked, ".bucketocr", "lock"), "is a directory instead of a file", "delete"}},
		{string(filepath.Separator), []string{"cannot be a bucket"}},
	} {
		w, err := Open(test.dir)
		if err == nil {
			w.Close()
		}
		wantError(t, err, test.words...)
	}
}

func TestOpenUnwritable(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if os.Chmod(dir, 0o555); os.WriteFile(filepath.Join(dir, "probe"), nil, 0o666) == nil {
		t.Skip("this user may write everywhere")
	}
	_, err := Open(dir)
	wantError(t, err, dir, "cannot be written", "permission denied")
}

func TestOneProcessAtATime(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, ".bucketocr", "lock"), strings.Repeat("9", 15), time.Time{}) // of a dead process
	w := open(t, dir)
	_, err := Open(dir)
	wantError(t, err, "another bucketocr up works in "+dir, fmt.Sprintf("(pid %d)", os.Getpid()))
	shut(t, w)
	shut(t, w)
	open(t, dir)
}

// A moved directory is the same bucket: its documents and finished objects are still found.
func TestMovedFolderKeepsItsBucket(t *testing.T) {
	t.Parallel()
	parent := t.TempDir()
	before, after := filepath.Join(parent, "before"), filepath.Join(parent, "after")
	w := open(t, before)
	put(t, w, retrying(w, "a"))
	shut(t, w)
	if err := os.Rename(before, after); err != nil {
		t.Fatal(err)
	}
	w = open(t, after)
	if w.Bucket.Name() != "before" {
		t.Errorf("bucket is %q, want the name of its first day", w.Bucket.Name())
	}
	get(t, w.Records, "a")
	if at := textOf(t, w); !strings.HasPrefix(at, after) {
		t.Errorf("texts at %s", at)
	}
}
