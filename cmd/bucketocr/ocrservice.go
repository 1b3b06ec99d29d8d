package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// ocrModule is the module path of localocr, by which its source is recognised.
const ocrModule = "module github.com/bucketocr/bucketocr/localocr"

// readyLine is what localocr prints when it listens.
const readyLine = "listening "

// ocrService is the OCR service of a local run: the user's own, or localocr as a child process.
type ocrService struct {
	url   string
	cmd   *exec.Cmd // nil: the user's own
	stdin io.Closer
	ended chan struct{} // closed when the child has ended
	logs  *os.File
}

func (s *ocrService) own() bool { return s.cmd != nil }

func (s *ocrService) describe() string {
	if s.own() {
		return s.url + " (localocr, Tesseract: stands in for the model; English, plain text, no layout)"
	}
	return s.url
}

// wait ends with ctx, or with an error when the child has ended by itself.
func (s *ocrService) wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case <-s.ended: // never of a service that is not ours: nil
		return fmt.Errorf("localocr exited unexpectedly: see %s", s.logs.Name())
	}
}

// stop ends the child and waits for it.
func (s *ocrService) stop() {
	if !s.own() {
		return
	}
	s.stdin.Close()
	select {
	case <-s.ended:
	case <-time.After(5 * time.Second):
		_ = s.cmd.Process.Kill()
		<-s.ended
	}
	s.logs.Close()
}

// findOCR returns the service at OCR_URL, or builds and starts localocr.
func (u *upRun) findOCR(ctx context.Context) (*ocrService, error) {
	if url, ok := u.sys.lookup("OCR_URL"); ok && url != "" {
		return &ocrService{url: url}, nil
	}
	program, err := u.buildOCR(ctx)
	if err != nil {
		return nil, err
	}
	return startOCR(ctx, program, filepath.Join(u.dir, ".bucketocr"))
}

// buildOCR makes localocr from its source in the checkout around the working directory, or finds it on PATH.
func (u *upRun) buildOCR(ctx context.Context) (string, error) {
	source := findSource()
	_, noGo := exec.LookPath("go")
	program, err := filepath.Abs(filepath.Join(u.dir, ".bucketocr", "localocr"+exeSuffix))
	if err != nil {
		return "", err
	}
	if source == "" || noGo != nil {
		if _, err := os.Stat(program); err == nil {
			return program, nil // of an earlier run
		}
		if program, err := exec.LookPath("localocr"); err == nil {
			return program, nil
		}
		return "", errors.New("no OCR service: set OCR_URL to one, run this in a checkout of bucketocr with Go installed, " +
			"or put localocr on PATH (go install github.com/bucketocr/bucketocr/localocr@latest)")
	}
	if _, err := os.Stat(program); err != nil {
		fmt.Fprintln(u.sys.stdout, "building localocr, the OCR service of this run (the first time takes about half a minute)")
	}
	build := exec.CommandContext(ctx, "go", "build", "-o", program, ".")
	build.Dir, build.SysProcAttr = source, ownGroup()
	if out, err := build.CombinedOutput(); ctx.Err() != nil {
		return "", ctx.Err()
	} else if err != nil {
		return "", fmt.Errorf("localocr cannot be built: %w\n%s", err, bytes.TrimSpace(out))
	}
	return program, nil
}

// findSource looks for the folder localocr here and above; empty where there is none.
func findSource() string {
	dir, err := os.Getwd()
	for err == nil {
		source := filepath.Join(dir, "localocr")
		if mod, err := os.ReadFile(filepath.Join(source, "go.mod")); err == nil && strings.HasPrefix(string(mod), ocrModule) {
			return source
		}
		if filepath.Dir(dir) == dir {
			break
		}
		dir = filepath.Dir(dir)
	}
	return ""
}

// startOCR starts the program and waits until it listens. It is out of reach of Ctrl-C, which has to let the work in hand
// finish, and ends with this process in any case, for its standard input ends then.
func startOCR(ctx context.Context, program, logDir string) (*ocrService, error) {
	logs, err := os.Create(filepath.Join(logDir, "localocr.log"))
	if err != nil {
		return nil, err
	}
	s := &ocrService{cmd: exec.Command(program, "-parent-stdin"), ended: make(chan struct{}), logs: logs}
	s.cmd.Stderr = logs
	s.cmd.SysProcAttr = ownGroup()
	s.stdin, err = s.cmd.StdinPipe()
	stdout, outErr := s.cmd.StdoutPipe()
	if err := errors.Join(err, outErr, s.cmd.Start()); err != nil {
		return nil, errors.Join(fmt.Errorf("localocr cannot be started: %w", err), logs.Close())
	}
	ready := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(stdout).ReadString('\n')
		ready <- line
		_, _ = io.Copy(io.Discard, stdout)
		_ = s.cmd.Wait()
		close(s.ended)
	}()
	select {
	case line := <-ready:
		url, ok := strings.CutPrefix(strings.TrimSpace(line), readyLine)
		if !ok {
			s.stop()
			return nil, fmt.Errorf("localocr did not start: see %s", logs.Name())
		}
		s.url = url
		return s, nil
	case <-ctx.Done():
		s.stop()
		return nil, ctx.Err()
	}
}
