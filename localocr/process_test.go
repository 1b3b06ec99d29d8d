package main

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestMain lets the test binary act as localocr, so that a test can start it as a process.
func TestMain(m *testing.M) {
	if os.Getenv("BE_LOCALOCR") != "" {
		main()
	}
	os.Exit(m.Run())
}

// startProcess starts localocr. It returns the process, its standard input and output, and the first line that it
// printed.
func startProcess(t *testing.T, args ...string) (cmd *exec.Cmd, stdin io.Closer, stdout *bufio.Reader, line string) {
	t.Helper()
	cmd = exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), "BE_LOCALOCR=1")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	stdout = bufio.NewReader(out)
	line, err = stdout.ReadString('\n')
	if err != nil {
		t.Fatalf("no line: %v", err)
	}
	return cmd, in, stdout, line
}

// ends waits for the end of the process and returns its exit code. The process must not print anything more.
func ends(t *testing.T, cmd *exec.Cmd, stdout io.Reader) int {
	t.Helper()
	watchdog := time.AfterFunc(20*time.Second, func() { _ = cmd.Process.Kill() })
	defer watchdog.Stop()
	rest, err := io.ReadAll(stdout)
	if err != nil || len(rest) > 0 {
		t.Errorf("standard output goes on with %q, %v", rest, err)
	}
	_ = cmd.Wait()
	return cmd.ProcessState.ExitCode()
}

func TestProcessDiesWithItsParent(t *testing.T) {
	cmd, stdin, stdout, line := startProcess(t, "-engine", "wasm", "-parent-stdin")
	url, ok := strings.CutPrefix(strings.TrimSpace(line), "listening ")
	if !ok || !strings.HasPrefix(url, "http://127.0.0.1:") {
		t.Fatalf("the line is %q", line)
	}
	res, err := http.Get(url + "/health")
	if err != nil || res.StatusCode != http.StatusOK {
		t.Errorf("health: %v, %v", res, err)
	}
	if err := stdin.Close(); err != nil { // as the kernel does when the parent is killed
		t.Fatal(err)
	}
	if code := ends(t, cmd, stdout); code != 0 {
		t.Errorf("exit code %d after the end of standard input", code)
	}
}

func TestProcessStopsOnSIGTERM(t *testing.T) {
	cmd, stdin, stdout, _ := startProcess(t, "-engine", "wasm")
	if err := stdin.Close(); err != nil { // has no effect without -parent-stdin
		t.Fatal(err)
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if code := ends(t, cmd, stdout); code != 0 {
		t.Errorf("exit code %d after SIGTERM", code)
	}
}

func TestFlags(t *testing.T) {
	for _, tt := range []struct {
		args, says string
		code       int
	}{
		{"-h", "-parent-stdin", 0},
		{"-nonsense", "not defined", 2},
		{"page.png", `unknown argument "page.png"`, 2},
		{"-psm 4", "want 3 or 6", 2},
		{"-workers 0", "must be positive", 2},
		{"-limit 0s", "must be positive", 2},
		{"-engine cloud", "want auto, wasm or tesseract", 1},
		{"-listen :0", "not a loopback address", 1},
		{"-listen 0.0.0.0:0", "not a loopback address", 1},
		{"-listen [::]:0", "not a loopback address", 1},
		{"-listen 192.0.2.1:0", "not a loopback address", 1},
		{"-listen nonsense", "missing port", 1},
	} {
		var stdout, stderr bytes.Buffer
		code := run(t.Context(), strings.Fields(tt.args), strings.NewReader(""), &stdout, &stderr)
		said := stderr.String()
		if code != tt.code || !strings.Contains(said, tt.says) || stdout.Len() > 0 {
			t.Errorf("%s: code %d, %q on stderr, %q on stdout; want %d and %q", tt.args, code, said, &stdout, tt.code,
				tt.says)
		}
	}
}
