package main

import (
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/bucketocr/bucketocr/ocr/ocrtest"
)

// TestDecodersAreCompiledOnce: the next command loads what the first has left in the user's cache.
func TestDecodersAreCompiledOnce(t *testing.T) {
	t.Parallel()
	avif, err := os.ReadFile("../../internal/page/testdata/small-rgb.avif")
	if err != nil {
		t.Fatal(err)
	}
	d := newDesk(t, map[string][]byte{"picture.avif": avif})
	d.ocr.Default(ocrtest.Text("read"))
	home := t.TempDir()
	if err := os.Chmod(home, 0o700); err != nil { // whatever the umask says
		t.Fatal(err)
	}
	read := func() map[string]time.Time {
		cmd := program("read", filepath.Join(d.dir, "picture.avif"))
		cmd.Env = []string{asMain + "=1", "OCR_URL=" + d.ocr.URL,
			"HOME=" + home, "XDG_CACHE_HOME=" + home, "LocalAppData=" + home}
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		made := map[string]time.Time{}
		err := filepath.WalkDir(home, func(path string, e fs.DirEntry, err error) error {
			if err != nil || filepath.Base(filepath.Dir(path)) != "engines" {
				return err
			}
			info, err := e.Info()
			if err == nil {
				made[e.Name()] = info.ModTime()
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return made
	}
	first := read()
	if again := read(); len(first) != 1 || !maps.Equal(first, again) {
		t.Errorf("%v, then %v", first, again)
	}
}
