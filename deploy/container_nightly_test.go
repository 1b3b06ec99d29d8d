//go:build nightly

package deploytest

import (
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/bucketocr/bucketocr/internal/page/pagetest"
	"github.com/bucketocr/bucketocr/ocr/ocrtest"
)

// TestImageDoesNotCompile builds what the container's image consists of, by the very commands of its Dockerfile. Its
// program then reads a PDF: the engines that came with it are used, and none is compiled, which would leave one beside
// them.
func TestImageDoesNotCompile(t *testing.T) {
	need(t, "bash")
	built, image, home := t.TempDir(), t.TempDir(), t.TempDir()
	for _, dir := range []string{built, image} {
		if err := os.Chmod(dir, 0o700); err != nil { // whatever the umask says
			t.Fatal(err)
		}
	}
	run := regexp.MustCompile(`(?m)^RUN (?:--mount=\S+ (?:\\\n\s*)?)*(.*/built/.*)$`)
	commands := run.FindAllStringSubmatch(read(t, "deploy/container/Dockerfile"), -1)
	if len(commands) != 2 {
		t.Fatalf("%q", commands)
	}
	t.Cleanup(func() { _ = exec.Command("chmod", "-R", "u+w", built, image).Run() })
	for _, c := range commands {
		cmd := exec.Command("bash", "-euc", strings.ReplaceAll(c[1], "/built", built))
		cmd.Dir = ".."
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", c[1], err, out)
		}
	}
	for at, from := range copied(t) {
		from = strings.Replace(from, "/built", built, 1)
		if out, err := exec.Command("cp", "-a", from, filepath.Join(image, at)).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	engines := filepath.Join(image, "bucketocr-engines")
	if info, err := os.Stat(engines); err != nil || info.Mode().Perm() != 0o555 {
		t.Fatal(info, err)
	}
	if err := os.Chmod(engines, 0o755); err != nil { // so that another could be left there
		t.Fatal(err)
	}
	before := listed(t, engines)
	service := ocrtest.New(t)
	service.Default(ocrtest.Text("read"))
	file := filepath.Join(home, "page.pdf")
	if err := os.WriteFile(file, pagetest.PDF("", []pagetest.PDFPage{pagetest.Text("a page")}), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(filepath.Join(image, "bucketocr"), "read", file)
	cmd.Env = []string{"HOME=" + home, "OCR_URL=" + service.URL, "PATH=" + os.Getenv("PATH")}
	if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "read") {
		t.Fatalf("%v: %s", err, out)
	}
	if after := listed(t, engines); len(before) != 6 || !maps.Equal(before, after) {
		t.Errorf("%v became %v", before, after)
	}
	if left := listed(t, filepath.Join(home, ".cache")); len(left) > 0 {
		t.Errorf("left in the user's cache: %v", left)
	}
}

// listed are the files in a folder and those below it, if there is one, with their times.
func listed(t *testing.T, folder string) map[string]time.Time {
	t.Helper()
	files := map[string]time.Time{}
	err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			files[path] = info.ModTime()
		}
		return err
	})
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return files
}
