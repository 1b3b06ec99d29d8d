package app

import (
	"bytes"
	"errors"
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
	others, own := t.TempDir(), t.TempDir()
	if err := errors.Join(os.Chmod(others, 0o777), os.Chmod(own, 0o700)); err != nil {
		t.Fatal(err)
	}
	for folder, lines := range map[string]int{"": 0, filepath.Join(own, "new"): 0, others: 1} {
		var log bytes.Buffer
		KeepEngines(page.NewDecoder(), folder, slog.New(slog.NewTextHandler(&log, nil)))
		said := strings.Contains(log.String(), "can be written by other users")
		if got := strings.Count(log.String(), "\n"); got != lines || said != (lines > 0) {
			t.Errorf("%q: %s", folder, &log)
		}
	}
}
