package folder

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
)

// TestPutFilesAppearWhole: a file appears whole, under its name and nowhere else, and replaces no other file unasked.
func TestPutFilesAppearWhole(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	outside := t.TempDir()
	w := openBucket(t, dir)
	for link, target := range map[string]string{"out": outside, "ours": ".bucketocr", "here": "a"} {
		if err := os.Symlink(target, filepath.Join(dir, link)); err != nil {
			t.Skip(err)
		}
	}
	for _, c := range []struct {
		name, content string
		replace       bool
		want          error
	}{
		{"a/b/c.png", "1", false, nil},
		{"a/b/c.png", "2", false, ErrExists},
		{"a/b/c.png", "3", true, nil},
		{"new.png", "4", true, nil},
		{"../x.png", "5", true, ErrBadName},
		{"/etc/x.png", "5", true, ErrBadName},
		{"", "5", true, ErrBadName},
		{".", "5", true, ErrBadName},
		{"a//x.png", "5", true, ErrBadName},
		{"a/../x.png", "5", true, ErrBadName},
		{".hidden.png", "5", true, ErrBadName},
		{"a/scan.png.part", "5", true, ErrBadName},
		{".bucketocr/records.db", "5", true, ErrBadName},
		{"a/.x/y.png", "5", true, ErrBadName},
		{"out/x.png", "5", true, ErrBadName},
		{"ours/records.db", "5", true, ErrBadName},
		{"here/x.png", "5", true, ErrBadName},
		{"a/b", "5", true, ErrBadName},
		{"new.png/x.png", "5", true, ErrBadName},
		{"not\xffutf8.png", "5", true, ErrBadName},
		{strings.Repeat("0123456/", 127) + "8901.png", "5", true, nil},
		{strings.Repeat("0123456/", 127) + "89012.png", "5", true, ErrBadName},
	} {
		if err := w.Put(t.Context(), c.name, strings.NewReader(c.content), c.replace); !errors.Is(err, c.want) {
			t.Errorf("%q: %v, want %v", c.name, err, c.want)
		}
	}
	checkPut(t, w, dir, outside)
}

// checkPut checks the directory after the puts.
func checkPut(t *testing.T, w *opened, dir, outside string) {
	t.Helper()
	cut := iotest.TimeoutReader(iotest.OneByteReader(strings.NewReader("cut off")))
	if err := w.Put(t.Context(), "cut.png", cut, false); !errors.Is(err, iotest.ErrTimeout) {
		t.Errorf("%v", err)
	}
	for name, want := range map[string]string{"a/b/c.png": "3", "new.png": "4"} {
		if b, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(b) != want {
			t.Errorf("%s: %q %v", name, b, err)
		}
	}
	s, err := w.look(t.Context())
	if err != nil || len(s.files) != 3 {
		t.Errorf("%v %v", s.files, err)
	}
	left, _ := filepath.Glob(filepath.Join(dir, incoming+"*"))
	outsiders, _ := os.ReadDir(outside)
	if len(left) > 0 || len(outsiders) > 0 {
		t.Errorf("left over: %v %v", left, outsiders)
	}
}

// TestPutClaimsItsName: without hard links Put reserves the name first, and frees it if it fails.
func TestPutClaimsItsName(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	w := openBucket(t, dir)
	if err := w.moveTo(incoming+"nothing", "a.png"); err == nil {
		t.Error("nothing was moved")
	}
	if _, err := os.Lstat(filepath.Join(dir, "a.png")); err == nil {
		t.Error("the claim stays")
	}
	if err := w.receive(t.Context(), incoming+"1", strings.NewReader("x")); err != nil {
		t.Fatal(err)
	}
	if err := w.moveTo(incoming+"1", "a.png"); err != nil {
		t.Error(err)
	}
	if err := w.receive(t.Context(), incoming+"2", strings.NewReader("left by a kill")); err != nil {
		t.Fatal(err)
	}
	if err := w.moveTo(incoming+"2", "a.png"); !errors.Is(err, ErrExists) {
		t.Error(err)
	}
	closeBucket(t, w)
	openBucket(t, dir)
	if left, _ := filepath.Glob(filepath.Join(dir, incoming+"*")); len(left) > 0 {
		t.Errorf("%v", left)
	}
}
