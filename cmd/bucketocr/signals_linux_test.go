package main

import (
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/bucketocr/bucketocr/internal/app/apptest"
	"github.com/bucketocr/bucketocr/ocr/ocrtest"
)

// openTerminal returns a terminal whose output is dropped.
func openTerminal(t *testing.T) (master, terminal *os.File) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skipf("no terminals here: %v", err)
	}
	n, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		terminal, err = os.OpenFile(fmt.Sprint("/dev/pts/", n), os.O_RDWR|syscall.O_NOCTTY, 0)
	}
	if err != nil {
		t.Skipf("no terminals here: %v", err)
	}
	return master, terminal
}

// watchedOCR is a localocr that answers as d's OCR service and holds a pipe open as long as it runs. The channel is
// closed when it has ended.
func watchedOCR(t *testing.T, d *desk) (ended chan struct{}) {
	t.Helper()
	pipe := filepath.Join(t.TempDir(), "runs")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	d.env = map[string]string{
		"HOME": t.TempDir(), "XDG_CACHE_HOME": t.TempDir(), "PATH": "/usr/bin:/bin", "RETRY_WINDOW": "1h"}
	program := filepath.Join(d.env["XDG_CACHE_HOME"], strings.TrimPrefix(cachedBelow(t), "/"))
	script(t, program)
	text := "#!/bin/sh\nexec 9>" + pipe + "\necho 'listening " + d.ocr.URL + "'\ncat >/dev/null\n"
	if err := os.WriteFile(program, []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
	ended = make(chan struct{})
	go func() {
		defer close(ended)
		f, err := os.Open(pipe) // waits for its start
		if err == nil {
			_, _ = f.Read(make([]byte, 1)) // and for its end
			f.Close()
		}
	}()
	return ended
}

// cachedBelow is where localocr is kept in a user's cache.
func cachedBelow(t *testing.T) string {
	t.Helper()
	program, err := cachedOCR(checkout())
	if err != nil {
		t.Fatal(err)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimPrefix(program, cache)
}

// TestUpEndsWithItsTerminal: closing the terminal acts like Ctrl-C: the page being read is finished and its text is
// written, and the OCR service of the run has exited. The kernel and the shell may both send the signal.
func TestUpEndsWithItsTerminal(t *testing.T) {
	t.Parallel()
	d := newDesk(t, map[string][]byte{"a.png": apptest.PNG(50)})
	gate := ocrtest.NewGate()
	d.ocr.Default(ocrtest.Hold(gate, ocrtest.Text("read")))
	ended := watchedOCR(t, d)
	master, terminal := openTerminal(t)
	// a program inherits that a signal is ignored, as under nohup, but not that it is heard
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	defer signal.Stop(hangups)
	cmd := program("up", d.dir)
	cmd.Env = append(environ(d.env), asMain+"=1")
	out := newOutput()
	cmd.Stdin, cmd.Stdout, cmd.Stderr = terminal, terminal, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	terminal.Close()
	if err := gate.Wait(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	master.Close()
	out.until(t, "stopping: 1 object in progress")
	_ = cmd.Process.Signal(syscall.SIGHUP)
	gate.Open()
	_ = cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != exitInterrupted {
		t.Errorf("exit code %d: %s", code, cmd.ProcessState)
	}
	<-ended
	if d.text("a.png") != "read\n" {
		t.Errorf("text %q", d.text("a.png"))
	}
}

// TestUpSecondCtrlC: the run and its OCR service exit at once, whatever is in progress; the next run continues.
func TestUpSecondCtrlC(t *testing.T) {
	t.Parallel()
	d := newDesk(t, map[string][]byte{"a.png": apptest.PNG(50)})
	gate := ocrtest.NewGate()
	d.ocr.Next(ocrtest.Hold(gate, ocrtest.Text("never")))
	d.ocr.Default(ocrtest.Text("read"))
	ended := watchedOCR(t, d)
	out := newOutput()
	cmd := program("up", d.dir)
	cmd.Env, cmd.Stderr = append(environ(d.env), asMain+"=1"), out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if err := gate.Wait(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Process.Signal(os.Interrupt)
	out.until(t, "stopping: 1 object in progress")
	_ = cmd.Process.Signal(os.Interrupt)
	_ = cmd.Wait()
	if status := cmd.ProcessState.Sys().(syscall.WaitStatus); !status.Signaled() || status.Signal() != syscall.SIGINT {
		t.Errorf("ended with %s", cmd.ProcessState)
	}
	<-ended
	d.env = map[string]string{"OCR_URL": d.ocr.URL}
	if code, out := d.up(t.Context(), "--once"); code != exitGood || d.text("a.png") != "read\n" {
		t.Errorf("the next run: %d\n%s", code, out)
	}
}

// TestNohup: a process started with nohup outlives its terminal.
func TestNohup(t *testing.T) {
	t.Parallel()
	d := newDesk(t, map[string][]byte{"a.png": apptest.PNG(50)})
	gate := ocrtest.NewGate()
	d.ocr.Default(ocrtest.Hold(gate, ocrtest.Text("read")))
	d.env["HOME"] = t.TempDir()
	out := newOutput()
	cmd := program("up", d.dir)
	cmd.Args = append([]string{"sh", "-c", `trap "" HUP; exec "$@"`, "sh", cmd.Path}, cmd.Args[1:]...)
	cmd.Path, cmd.Env, cmd.Stderr = "/bin/sh", append(environ(d.env), asMain+"=1"), out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if err := gate.Wait(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Process.Signal(syscall.SIGHUP)
	gate.Open()
	out.until(t, "done        a.png")
	_ = cmd.Process.Signal(syscall.SIGTERM)
	_ = cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != exitGood {
		t.Errorf("ended with %s\n%s", cmd.ProcessState, out)
	}
	want(t, out, "stopping", "stopped: nothing left to read")
}
