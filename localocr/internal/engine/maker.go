package engine

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"strings"
)

// Settings of both engines. Sauvola's thresholding makes shaded photographs readable and costs nothing otherwise.
const (
	language     = "eng"
	thresholding = "2" // Sauvola
)

// model is the small English model, see model/README.md.
//
//go:embed model/eng.traineddata
var model []byte

// An Engine reads pages, one at a time: it is not safe for concurrent use.
type Engine interface {
	// Read returns the text of a gray PNG as Tesseract wrote it. When ctx ends it stops as soon as
	// it can and returns an error. After an error the engine may be broken: Close it, open another.
	Read(ctx context.Context, png []byte) (string, error)
	// Close frees what the engine holds. It is called once, with no Read running.
	Close() error
}

// A Maker opens engines of one kind, with the same settings. It is safe for concurrent use.
type Maker interface {
	// Open returns a new engine. It may take seconds.
	Open(ctx context.Context) (Engine, error)
	// Version returns Tesseract's version, such as "5.3.0".
	Version() string
	// String describes the engine, for logs.
	fmt.Stringer
	// Close removes what the maker left on disk, and no compiled code, which may be running still.
	// It is called once, last.
	Close() error
}

// ErrNoProgram reports that no usable tesseract program is installed.
var ErrNoProgram = errors.New("no tesseract program of version 5 or newer on PATH")

// Tidy makes Tesseract's text plain: no form feed, no white space at the end of a line, one blank
// line between paragraphs and none around the page. A blank page becomes "".
func Tidy(text string) string {
	var b strings.Builder
	blank := false
	for line := range strings.Lines(strings.ReplaceAll(text, "\f", "\n")) {
		line = strings.TrimRight(line, " \t\r\n")
		if line == "" {
			blank = true
			continue
		}
		if b.Len() > 0 {
			b.WriteByte('\n')
			if blank {
				b.WriteByte('\n')
			}
		}
		blank = false
		b.WriteString(line)
	}
	return strings.ToValidUTF8(b.String(), "\uFFFD")
}
