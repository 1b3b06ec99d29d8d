//go:build unix

package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/bucketocr/bucketocr/internal/app/apptest"
)

// TestUnreadableFolderCostsNoOther: the files after it are found.
func TestUnreadableFolderCostsNoOther(t *testing.T) {
	t.Parallel()
	if os.Geteuid() == 0 {
		t.Skip("root may read everything")
	}
	dir := t.TempDir()
	for _, name := range []string{"a.png", "closed/b.png", "open/c.png"} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, apptest.PNG(50), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(filepath.Join(dir, "closed"), 0); err != nil {
		t.Fatal(err)
	}
	defer os.Chmod(filepath.Join(dir, "closed"), 0o755)
	files := filesIn(dir)
	if len(files) != 3 || files[1].err == nil || files[2].name != filepath.Join(dir, "open", "c.png") {
		t.Errorf("%+v", files)
	}
}
