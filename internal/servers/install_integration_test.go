//go:build integration

package servers

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestWhatIsMissingIsNamed: without Python, or without pip, the tests of the servers fail with its name and purpose.
func TestWhatIsMissingIsNamed(t *testing.T) {
	t.Parallel()
	// what is found may be a shim, which needs more
	out, err := exec.Command("python3", "-c", "import sys; print(sys.executable)").Output()
	if err != nil {
		t.Fatal(err)
	}
	real := strings.TrimSpace(string(out))
	for name, test := range map[string]struct{ python, words string }{
		"no Python":      {"", "missing: Python 3.10 to 3.13"},
		"too old":        {"exit 1", "missing: Python 3.10 to 3.13"},
		"no venv":        {`[ "$2" != venv ] && exec "$REAL" "$@"; exit 1`, "missing: Python's module venv"},
		"no pip":         {`[ "$2" != pip ] && exec "$REAL" "$@"; exit 1`, "missing: pip for"},
		"no such server": {`exec "$REAL" "$@"`, "usage: install.sh vllm VERSION TRANSFORMERS"},
	} {
		bin, cache := t.TempDir(), t.TempDir()
		for _, tool := range []string{"bash", "env", "mkdir", "flock", "rm", "touch"} {
			path, err := exec.LookPath(tool)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink(path, filepath.Join(bin, tool)); err != nil {
				t.Fatal(err)
			}
		}
		if test.python != "" {
			if err := os.WriteFile(filepath.Join(bin, "python3"), []byte("#!/usr/bin/env bash\n"+test.python+"\n"),
				0o700); err != nil {
				t.Fatal(err)
			}
		}
		args := []string{"litellm", litellmVersion}
		if name == "no such server" {
			args = []string{"ollama"}
		}
		cmd := exec.Command("./install.sh", args...)
		cmd.Env = []string{"PATH=" + bin, "SERVERS_CACHE=" + cache, "REAL=" + real, "HOME=" + os.Getenv("HOME")}
		if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(out), test.words) {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
}
