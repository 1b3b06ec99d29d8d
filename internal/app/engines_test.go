package app

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/bucketocr/bucketocr/internal/page"
)

// TestFolderOfOthersIsSaidOnce: compiled code is executed, so it is not kept where another user can write.
func TestFolderOfOthersIsSaidOnce(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("modes do not count")
	}
	t.Parallel()
	others := filepath.Join(t.TempDir(), "engines")
	if err := os.Mkdir(others, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(others, 0o777); err != nil {
		t.Fatal(err)
	}
	for folder, lines := range map[string]int{"": 0, filepath.Join(t.TempDir(), "new"): 0, others: 1} {
		var log bytes.Buffer
		KeepEngines(page.NewDecoder(), folder, slog.New(slog.NewTextHandler(&log, nil)))
		said := strings.Contains(log.String(), "can be written by other users")
		if got := strings.Count(log.String(), "\n"); got != lines || said != (lines > 0) {
			t.Errorf("%q: %s", folder, &log)
		}
	}
}
