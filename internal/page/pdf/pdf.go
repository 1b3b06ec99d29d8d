// Package pdf draws the pages of PDF files with PDFium, compiled to WebAssembly.
package pdf

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/klippa-app/go-pdfium"
	pdfiumerrors "github.com/klippa-app/go-pdfium/errors"
	"github.com/klippa-app/go-pdfium/references"
	"github.com/klippa-app/go-pdfium/requests"
	"github.com/klippa-app/go-pdfium/webassembly"
	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"

	"github.com/bucketocr/bucketocr/internal/page/wasm"
)

// What is wrong with a file or a page. All other errors are the engine's.
var (
	ErrBroken = errors.New("not a readable PDF")
	ErrLocked = errors.New("locked with a password")
	ErrPage   = errors.New("the page cannot be read")
	ErrRoom   = errors.New("needs more memory") // than room
)

// Engine draws pages. It starts on first use, which takes seconds, and stays. Each call has an instance of its own, so that
// none can do harm to the next. Not safe for concurrent use.
//
// While PDFium runs it cannot be interrupted, and Go's garbage collector waits for it, and all goroutines for that. With
// checks for an end it would draw four to ten times as slowly. So it belongs into a process of its own.
type Engine struct {
	pool pdfium.Pool
	next *wasm.Memory // of the instance that is made next
}

// Start does beforehand what the first call would do: PDFium is compiled for this machine.
func (e *Engine) Start() error {
	if e.pool != nil {
		return nil
	}
	p, err := e.start()
	if err == nil {
		e.pool = p
	}
	return err
}

func (e *Engine) start() (pdfium.Pool, error) {
	return webassembly.Init(webassembly.Config{
		Context:  wasm.WithMemory(context.Background(), func() *wasm.Memory { return e.next }),
		MaxTotal: 1, Stdout: io.Discard, Stderr: io.Discard,
		FSConfig: wazero.NewFSConfig(), // nil would show it the whole disk
		RuntimeConfig: wazero.NewRuntimeConfig().
			WithCoreFeatures(api.CoreFeaturesV2 | experimental.CoreFeaturesExceptionHandling),
	})
}

// call opens b in an instance of room bytes and has f work with it.
func (e *Engine) call(b []byte, room int64, f func(pdfium.Pdfium, references.FPDF_DOCUMENT) error) (err error) {
	if err := e.Start(); err != nil {
		return fmt.Errorf("pdf: start of PDFium: %w", err)
	}
	if e.next, err = wasm.NewMemory(room); err != nil {
		return fmt.Errorf("pdf: %w", err)
	}
	m := e.next
	defer m.Release()
	i, err := e.pool.GetInstance(time.Minute)
	if err != nil {
		return fmt.Errorf("pdf: %w", err)
	}
	defer i.Close() // what it says of an instance that is over is of no use
	doc, err := i.OpenDocument(&requests.OpenDocument{FileReader: bytes.NewReader(b), FileReaderSize: int64(len(b))})
	if err == nil {
		err = f(i, doc.Document)
	} else {
		err = opening(err)
	}
	if m.Refused() { // even if all seems well: pictures that did not fit are left out
		return ErrRoom
	}
	return err
}

// opening classifies what PDFium says of a file that it cannot open.
func opening(err error) error {
	switch {
	case errors.Is(err, pdfiumerrors.ErrPassword), errors.Is(err, pdfiumerrors.ErrSecurity):
		return ErrLocked
	case errors.Is(err, pdfiumerrors.ErrFormat), errors.Is(err, pdfiumerrors.ErrFile), errors.Is(err, pdfiumerrors.ErrUnknown),
		errors.Is(err, pdfiumerrors.ErrPage), errors.Is(err, pdfiumerrors.ErrSuccess):
		return fmt.Errorf("%w: %w", ErrBroken, err)
	}
	return crash(err)
}

// crash is the end of an instance, without the stack of it.
func crash(err error) error {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return fmt.Errorf("pdf: PDFium failed: %s", line)
}
