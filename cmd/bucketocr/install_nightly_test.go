//go:build nightly

package main

import (
	"archive/zip"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// released is the version that the checkout is given out as.
const released = "v0.99.0"

// TestInstalledProgramsAreAllThatIsNeeded: the two commands of README, with nothing cached, from a proxy that has the
// checkout as a version: what they install reads a file and a folder, far from any checkout and with nothing else on
// PATH. What that downloads and how long it takes is logged: README says it.
func TestInstalledProgramsAreAllThatIsNeeded(t *testing.T) {
	t.Parallel()
	root, home := checkout(), t.TempDir()
	proxy, bin := filepath.Join(home, "proxy"), filepath.Join(home, "bin")
	const module = "github.com/bucketocr/bucketocr"
	release(t, proxy, module, root)
	release(t, proxy, module+"/localocr", filepath.Join(root, "localocr"))
	env := map[string]string{
		"PATH": os.Getenv("PATH"), "HOME": home, "GOBIN": bin, "GOPATH": filepath.Join(home, "go"),
		"GOCACHE": filepath.Join(home, "cache"),
		"GOFLAGS": "-modcacherw", "GOSUMDB": "off", "GOTOOLCHAIN": "local",
		// Other modules are those that this test was built from, where they are still there.
		"GOPROXY": "file://" + proxy + ",file://" + goEnv(t, "GOMODCACHE") + "/cache/download," + goEnv(t, "GOPROXY"),
	}
	begun := time.Now()
	for _, program := range []string{module + "/cmd/bucketocr", module + "/localocr"} {
		runIn(t, home, env, "go", "install", program+"@latest")
		t.Logf("%s: installed after %v", program, time.Since(begun).Round(time.Second))
	}
	t.Logf("module cache: %d MB downloaded, %d MB in all; build cache: %d MB",
		megabytes(t, filepath.Join(home, "go/pkg/mod/cache/download"), ".zip"),
		megabytes(t, filepath.Join(home, "go/pkg/mod"), ""), megabytes(t, env["GOCACHE"], ""))

	away := t.TempDir()
	sample, err := os.ReadFile(filepath.Join(root, "examples", "samples", "lion-1912.png"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"page.png", "scans/page.png"} {
		(&desk{t: t, dir: away}).drop(name, sample)
	}
	users := map[string]string{"PATH": bin, "HOME": home}
	if out := runIn(t, away, users, "bucketocr", "version"); !strings.Contains(out, released) {
		t.Errorf("it calls itself %s", out)
	}
	begun = time.Now()
	if out := runIn(t, away, users, "bucketocr", "read", "page.png"); !strings.Contains(out, "LION") {
		t.Errorf("read: %s", out)
	}
	t.Logf("the first text after %v", time.Since(begun).Round(time.Second))
	if out := runIn(t, away, users, "bucketocr", "up", "--once", "scans"); !strings.Contains(out, "LION") ||
		!strings.Contains(out, "1 done, 0 failed") {
		t.Errorf("up: %s", out)
	}
}

// release puts a module into a proxy: what git has of it, or is about to have, without the modules in folders of it.
func release(t *testing.T, proxy, module, root string) {
	t.Helper()
	dir := filepath.Join(proxy, filepath.FromSlash(module), "@v")
	mod, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"list": released + "\n", released + ".mod": string(mod),
		released + ".info": fmt.Sprintf(`{"Version":%q,"Time":"2026-11-01T00:00:00Z"}`, released),
	} {
		(&desk{t: t, dir: dir}).drop(name, []byte(text))
	}
	list := exec.Command("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	list.Dir = root
	names, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.Create(filepath.Join(dir, released+".zip"))
	if err != nil {
		t.Fatal(err)
	}
	archive := zip.NewWriter(file)
	for _, name := range strings.Split(strings.TrimSuffix(string(names), "\x00"), "\x00") {
		if inOtherModule(root, name) {
			continue
		}
		data, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
		if errors.Is(err, fs.ErrNotExist) {
			continue // deleted
		}
		w, zipErr := archive.Create(module + "@" + released + "/" + name)
		if err := errors.Join(err, zipErr); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(data); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(archive.Close(), file.Close()); err != nil {
		t.Fatal(err)
	}
}

// inOtherModule reports whether a file below root is of a module of its own.
func inOtherModule(root, name string) bool {
	for dir := filepath.Dir(filepath.FromSlash(name)); dir != "."; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(root, dir, "go.mod")); err == nil {
			return true
		}
	}
	return false
}

// runIn runs a program of the environment's PATH and returns its standard output.
func runIn(t *testing.T, dir string, env map[string]string, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	for path := range strings.SplitSeq(env["PATH"], string(filepath.ListSeparator)) {
		if program := filepath.Join(path, name); isFile(program) {
			cmd = exec.Command(program, args...)
			break
		}
	}
	cmd.Dir, cmd.Env = dir, environ(env)
	out, err := cmd.Output()
	if failed, ok := errors.AsType[*exec.ExitError](err); ok {
		t.Fatalf("%s: %v\n%s", cmd, err, failed.Stderr)
	}
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

func goEnv(t *testing.T, name string) string {
	t.Helper()
	out, err := exec.Command("go", "env", name).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

// megabytes adds up the files below a folder whose names end so.
func megabytes(t *testing.T, dir, end string) int64 {
	t.Helper()
	var sum int64
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || !strings.HasSuffix(path, end) {
			return err
		}
		info, err := d.Info()
		if err == nil {
			sum += info.Size()
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return sum / 1e6
}
