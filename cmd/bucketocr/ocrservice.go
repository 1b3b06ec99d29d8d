package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"time"
)

// ocrModule is the first line of localocr's go.mod, which identifies its source.
const ocrModule = "module github.com/bucketocr/bucketocr/localocr"

// readyLine is the prefix of the line that localocr prints once it listens.
const readyLine = "listening "

// ocrService is the OCR service of a local run: the user's own, or localocr as a child process.
type ocrService struct {
	url   string
	cmd   *exec.Cmd // nil for the user's own
	stdin io.Closer
	ended chan struct{} // closed when the child has ended
	logs  *os.File
}

func (s *ocrService) own() bool { return s != nil && s.cmd != nil }

func (s *ocrService) describe() string {
	if s.own() {
		return s.url + " (localocr, Tesseract: stands in for the model; English, plain text, no layout)"
	}
	return s.url
}

// wait blocks until ctx ends, or returns an error if the child exits unexpectedly.
func (s *ocrService) wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case <-s.ended: // nil, so never ready, for the user's own service
		return fmt.Errorf("localocr exited unexpectedly: %s", logged(s.logs.Name()))
	}
}

// logged returns the last lines of a log for an error, since the log may be removed with its folder, and where it is.
func logged(name string) string {
	const most = 800 // bytes
	raw, _ := os.ReadFile(name)
	lines := strings.TrimSpace(string(raw[max(0, len(raw)-most):]))
	if lines == "" {
		return "it logged nothing to " + name
	}
	return "its log, " + name + ", ends with:\n" + lines
}

// stop stops the child and waits for it to exit.
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

// findOCR returns the service at OCR_URL, or builds and starts localocr, which writes to logs. It shows its progress on
// standard error: in a status line on a terminal, otherwise in occasional lines.
func findOCR(ctx context.Context, sys system, logs func() (*os.File, error)) (*ocrService, error) {
	if url, ok := sys.lookup("OCR_URL"); ok && url != "" {
		return &ocrService{url: url}, nil
	}
	s := newStage(sys)
	defer s.footer.finish()
	program, err := buildOCR(ctx, s)
	if err != nil {
		return nil, err
	}
	log, err := logs()
	if err != nil {
		return nil, err
	}
	s.is("starting localocr")
	return startOCR(ctx, program, log)
}

// stage shows the current step of the start-up and the time that has passed. Its methods may be called concurrently.
type stage struct {
	out    io.Writer
	footer *progress
	begun  time.Time
	what   atomic.Pointer[string]
}

func newStage(sys system) *stage {
	s := &stage{out: sys.stderr, begun: time.Now()}
	s.is("looking for localocr")
	s.footer = newFooter(sys, false, s.line)
	return s
}

func (s *stage) is(what string) { s.what.Store(&what) }

func (s *stage) line(now time.Time) string { return *s.what.Load() + ": " + age(now.Sub(s.begun)) }

// buildLog keeps the output of go build and shows its downloads in the stage. The go command does not report sizes.
type buildLog struct {
	stage *stage
	said  bytes.Buffer
}

func (b *buildLog) Write(said []byte) (int, error) {
	for line := range strings.Lines(string(said)) {
		if module, ok := strings.CutPrefix(line, "go: downloading "); ok {
			b.stage.is("building localocr, downloading " + oneLine(strings.TrimSpace(module)))
		}
	}
	return b.said.Write(said)
}

// buildOCR builds localocr from its source, returns the program built by an earlier run, or finds it on PATH. It
// searches neither the folder nor the working directory, which may be untrusted: the program found is run.
func buildOCR(ctx context.Context, s *stage) (string, error) {
	checkout := checkout()
	program, err := cachedOCR(checkout)
	if err != nil {
		return "", err
	}
	source := filepath.Join(checkout, "localocr")
	if _, err := exec.LookPath("go"); err == nil && isOCRSource(source) {
		s.is("building localocr")
		return program, compileOCR(ctx, s, source, program)
	}
	if _, err := os.Stat(program); err == nil {
		return program, nil
	}
	if program, err := exec.LookPath("localocr"); err == nil {
		return program, nil
	}
	return "", errors.New(
		"no OCR service: set OCR_URL, or install Go and run this from a checkout of bucketocr " +
			"(go run ./cmd/bucketocr up), or put localocr on PATH (go install github.com/bucketocr/bucketocr/localocr@latest)")
}

// compileOCR brings a program up to date with its source. It replaces the file, so another run that uses the program is
// not disturbed.
func compileOCR(ctx context.Context, s *stage, source, program string) error {
	if err := os.MkdirAll(filepath.Dir(program), 0o700); err != nil {
		return fmt.Errorf("localocr cannot be built: %w", err)
	}
	temp := filepath.Join(filepath.Dir(program), rand.Text()+exeSuffix)
	defer os.Remove(temp)
	linked := os.Link(program, temp) // a second name, so that go build can tell whether it is up to date
	if errors.Is(linked, fs.ErrNotExist) {
		s.footer.printLine(s.out,
			"building localocr, the OCR service of this run: the first time takes about half a minute, plus downloads")
	}
	err := goBuild(ctx, s, source, temp)
	if err != nil && linked == nil && ctx.Err() == nil { // go build does not replace an old one that is damaged
		_ = os.Remove(temp)
		err = goBuild(ctx, s, source, temp)
	}
	if err != nil {
		return err
	}
	if unchanged(temp, program) {
		return nil
	}
	if err := os.Rename(temp, program); err != nil {
		return fmt.Errorf("localocr cannot be built: %w", err)
	}
	return nil
}

// goBuild builds the command in the folder source.
func goBuild(ctx context.Context, s *stage, source, program string) error {
	build, log := exec.CommandContext(ctx, "go", "build", "-o", program, "."), &buildLog{stage: s}
	build.Dir, build.SysProcAttr = source, ownGroup()
	build.Stdout, build.Stderr = log, log
	if err := build.Run(); ctx.Err() != nil {
		return ctx.Err()
	} else if err != nil {
		return fmt.Errorf("localocr cannot be built: %w\n%s", err, bytes.TrimSpace(log.said.Bytes()))
	}
	return nil
}

// unchanged reports whether two paths name the same file.
func unchanged(a, b string) bool {
	infoA, errA := os.Stat(a)
	infoB, errB := os.Stat(b)
	return errors.Join(errA, errB) == nil && os.SameFile(infoA, infoB)
}

// cachedOCR returns the path of a checkout's localocr in the user's cache.
func cachedOCR(checkout string) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("no cache folder for localocr, the OCR service of this run: %w (or set OCR_URL)", err)
	}
	sum := sha256.Sum256([]byte(checkout))
	return filepath.Join(cache, "bucketocr", hex.EncodeToString(sum[:8]), "localocr"+exeSuffix), nil
}

// checkout returns the checkout that this program was built from, which is as trusted as the program. It is empty if
// the build did not record the path (-trimpath).
func checkout() string {
	_, file, _, ok := runtime.Caller(0)
	if !ok || !filepath.IsAbs(file) {
		return ""
	}
	return filepath.Dir(filepath.Dir(filepath.Dir(filepath.FromSlash(file))))
}

// isOCRSource reports whether a folder holds the source of localocr.
func isOCRSource(folder string) bool {
	mod, err := os.ReadFile(filepath.Join(folder, "go.mod"))
	return filepath.IsAbs(folder) && err == nil && strings.HasPrefix(string(mod), ocrModule)
}

// startOCR starts the program and waits until it listens. Ctrl-C does not reach the child, so that work in flight can
// finish; it exits with this process in any case, because its standard input ends then. Stopping it closes logs.
func startOCR(ctx context.Context, program string, logs *os.File) (*ocrService, error) {
	s := &ocrService{cmd: exec.Command(program, "-parent-stdin"), ended: make(chan struct{}), logs: logs}
	s.cmd.Stderr = logs
	s.cmd.SysProcAttr = ownGroup()
	stdin, inErr := s.cmd.StdinPipe()
	stdout, outErr := s.cmd.StdoutPipe()
	s.stdin = stdin
	err := errors.Join(inErr, outErr)
	if err == nil {
		err = s.cmd.Start()
	}
	if err != nil {
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
			return nil, fmt.Errorf("localocr did not start: %s", logged(logs.Name()))
		}
		s.url = url
		return s, nil
	case <-ctx.Done():
		s.stop()
		return nil, ctx.Err()
	}
}
