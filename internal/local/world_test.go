package local

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
)

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

func TestOpenMakesTheFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "deep", "scans 100% #1?")
	w := openWorld(t, dir)
	if w.Bucket() != "scans 100% #1?" {
		t.Errorf("bucket is %q", w.Bucket())
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

func TestOpenRelative(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.Mkdir("inbox", 0o777); err != nil {
		t.Fatal(err)
	}
	t.Chdir("inbox")
	if w := openWorld(t, "."); w.Bucket() != "inbox" || !filepath.IsAbs(w.TextPath("a")) {
		t.Errorf("bucket %q, texts at %s", w.Bucket(), w.TextPath("a"))
	}
}

func TestOpenRefuses(t *testing.T) {
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
		{blocked, []string{"cannot be written", filepath.Join(blocked, ".bucketocr")}},
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
	dir := t.TempDir()
	if os.Chmod(dir, 0o555); os.WriteFile(filepath.Join(dir, "probe"), nil, 0o666) == nil {
		t.Skip("this user may write everywhere")
	}
	_, err := Open(dir)
	wantError(t, err, dir, "cannot be written", "permission denied")
}

func TestOneWorldAtATime(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, ".bucketocr", "lock"), strings.Repeat("9", 15), time.Time{}) // of a dead process
	w := openWorld(t, dir)
	_, err := Open(dir)
	wantError(t, err, "another bucketocr up works in "+dir, fmt.Sprintf("(pid %d)", os.Getpid()))
	closeWorld(t, w)
	closeWorld(t, w)
	openWorld(t, dir)
}

// A moved directory is the same bucket: its documents and what is finished stay found.

func TestMovedFolderKeepsItsBucket(t *testing.T) {
	parent := t.TempDir()
	before, after := filepath.Join(parent, "before"), filepath.Join(parent, "after")
	w := openWorld(t, before)
	put(t, w, retrying(w, "a"))
	closeWorld(t, w)
	if err := os.Rename(before, after); err != nil {
		t.Fatal(err)
	}
	w = openWorld(t, after)
	if w.Bucket() != "before" {
		t.Errorf("bucket is %q, want the name of its first day", w.Bucket())
	}
	get(t, w.Store, "a")
	if !strings.HasPrefix(w.TextPath("a"), after) {
		t.Errorf("texts at %s", w.TextPath("a"))
	}
}

func TestOrphans(t *testing.T) {
	dir := t.TempDir()
	w := openWorld(t, dir)
	held := retrying(w, "held")
	held.Status = document.StatusProcessing
	held.Due = time.Now().Add(time.Hour)
	held.Lease = &document.Lease{ID: "dead", Expires: held.Due, Alone: true}
	held.Attempt = 3
	put(t, w, held)
	other := put(t, w, retrying(w, "other"))
	closeWorld(t, w)

	w = openWorld(t, dir)
	before := time.Now()
	if n, err := w.Orphans(t.Context()); n != 1 || err != nil {
		t.Fatalf("Orphans = %d, %v; want 1", n, err)
	}
	got, now := get(t, w.Store, "held"), time.Now()
	if got.Lease.Expires.After(now) || got.Lease.Expires.Before(before) || !got.Due.Equal(got.Lease.Expires) {
		t.Errorf("lease ends %v, due %v; want now, %v", got.Lease.Expires, got.Due, now)
	}
	if got.Lease.ID != "dead" || !got.Lease.Alone || got.Status != document.StatusProcessing || got.Attempt != 3 {
		t.Errorf("the sweep must find the dead attempt as it was, found %+v", got.Record)
	}
	if again := get(t, w.Store, "other"); again.Version != other.Version {
		t.Error("a record that nobody held was touched")
	}
	if due, err := w.Due(t.Context(), now, 9); len(due) != 2 || err != nil {
		t.Errorf("%d records due, %v; want 2", len(due), err)
	}
	old := *got.Record
	old.Status = document.StatusDone
	if c, err := endLease(&old); c != nil || err != nil {
		t.Error("a record that ended meanwhile must be left alone")
	}
}

// Pages spoiled in the middle of a run are an error of the store, not a panic.

// zeroFrom overwrites a file from an offset on.
