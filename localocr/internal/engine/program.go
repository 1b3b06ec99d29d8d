package engine

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// program runs the installed tesseract, once per page: 50 to 75 MB while it runs, and three to four
// times as fast as WebAssembly.
type program struct {
	path, version string
	psm           int
	data          string // directory with our model, if the program has no English of its own
}

const (
	probeLimit  = 10 * time.Second // for querying the program's version and languages
	oldestMajor = 5                // the first version with Sauvola's thresholding
)

var versionLine = regexp.MustCompile(`^tesseract v?((\d+)\.[\w.-]+)`)

// findProgram looks for tesseract on PATH. Every error is ErrNoProgram or wraps it.
func findProgram(ctx context.Context, psm int) (*program, error) {
	path, err := exec.LookPath("tesseract")
	if err != nil {
		return nil, ErrNoProgram
	}
	ctx, cancel := context.WithTimeout(ctx, probeLimit)
	defer cancel()
	out, err := exec.CommandContext(ctx, path, "--version").CombinedOutput()
	m := versionLine.FindSubmatch(out)
	if err != nil || m == nil {
		return nil, fmt.Errorf("%w: its version cannot be determined (%v)", ErrNoProgram, err)
	}
	if major, _ := strconv.Atoi(string(m[2])); major < oldestMajor {
		return nil, fmt.Errorf("%w: found %s", ErrNoProgram, m[1])
	}
	p := &program{path: path, version: string(m[1]), psm: psm}
	langs, err := exec.CommandContext(ctx, path, "--list-langs").CombinedOutput()
	if err != nil || !slices.Contains(strings.Fields(string(langs)), language) {
		if p.data, err = writeModel(); err != nil {
			return nil, fmt.Errorf("%w: it lacks English, and %v", ErrNoProgram, err)
		}
	}
	return p, nil
}

// writeModel puts our model into a new directory, for a program that has none.
func writeModel() (string, error) {
	dir, err := os.MkdirTemp("", "localocr-")
	if err != nil {
		return "", err
	}
	err = os.WriteFile(filepath.Join(dir, language+".traineddata"), model, 0o600)
	if err != nil {
		return "", errors.Join(err, os.RemoveAll(dir))
	}
	return dir, nil
}

func (p *program) Version() string                      { return p.version }
func (p *program) String() string                       { return "the installed Tesseract " + p.version }
func (p *program) Open(context.Context) (Engine, error) { return programEngine{p}, nil }

func (p *program) Close() error {
	if p.data == "" {
		return nil
	}
	return os.RemoveAll(p.data)
}

// args returns the arguments of a run that reads a PNG from standard input and writes text to standard output.
func (p *program) args() []string {
	args := []string{"stdin", "stdout", "-l", language, "--psm", strconv.Itoa(p.psm),
		"-c", "thresholding_method=" + thresholding, "-c", "page_separator="}
	if p.data != "" {
		args = append(args, "--tessdata-dir", p.data)
	}
	return args
}

type programEngine struct{ *program }

// Read runs the program and kills it when ctx ends.
func (e programEngine) Read(ctx context.Context, png []byte) (string, error) {
	cmd := exec.CommandContext(ctx, e.path, e.args()...)
	cmd.Env = append(os.Environ(), "OMP_THREAD_LIMIT=1") // more threads only get in each other's way
	cmd.WaitDelay = 2 * time.Second                      // for pipes that a grandchild keeps open
	var out, diag bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(png), &out, &diag
	if err := cmd.Run(); err != nil {
		last := diag.String()[max(0, diag.Len()-200):]
		return "", fmt.Errorf("tesseract: %w: %q", cmp.Or(context.Cause(ctx), err), last)
	}
	return out.String(), nil
}

func (programEngine) Close() error { return nil }
