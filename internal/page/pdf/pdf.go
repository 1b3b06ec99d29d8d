// Package pdf draws the pages of PDF files with PDFium, compiled to WebAssembly.
//
// Files, in reading order: unseen.go what a blank page holds, layer.go the text layer that replaces reading a drawn
// page, known.go the letters that it is compared with, pdf.go the engine, text.go the characters of a page, fonts.go
// substitutes for fonts that are not embedded, lenient.go files that viewers accept and PDFium does not, writer.go
// writing PDFs, errors.go errors.
package pdf

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"io"
	"math"
	"time"

	"github.com/klippa-app/go-pdfium"
	"github.com/klippa-app/go-pdfium/enums"
	pdfiumerrors "github.com/klippa-app/go-pdfium/errors"
	"github.com/klippa-app/go-pdfium/references"
	"github.com/klippa-app/go-pdfium/requests"
	"github.com/klippa-app/go-pdfium/webassembly"
	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"

	"github.com/bucketocr/bucketocr/internal/page/textlayer"
	"github.com/bucketocr/bucketocr/internal/page/wasm"
)

// Engine draws pages. It starts on first use, which takes seconds unless it is kept in a folder, and stays loaded. Each
// call has its own instance, so that no call can affect the next. Not safe for concurrent use.
//
// PDFium cannot be interrupted: support for that would make drawing four to ten times as slow. So it should run in a
// separate process: see package sandbox.
type Engine struct {
	pool   pdfium.Pool
	fonts  *fonts
	next   *wasm.Memory      // of the next instance
	glyphs *textlayer.Glyphs // nil until needed
}

// Start does what the first call would otherwise do: it loads PDFium from the folder, or compiles it for this machine
// and keeps it there.
func (e *Engine) Start(f *wasm.Folder) error { return e.start(f.Start) }

// Load is like Start, but returns wasm.ErrNotKept instead of compiling.
func (e *Engine) Load(f *wasm.Folder) error { return e.start(f.Load) }

// Kept reports whether Load is likely to succeed.
func (e *Engine) Kept(f *wasm.Folder) bool { return f.Has(name, nil) }

// name is the engine's name in a folder. PDFium's module is not accessible for a checksum, but the version of the Go
// module that contains it identifies it.
const name = "pdf"

func (e *Engine) start(how wasm.Starter) (err error) {
	if e.pool != nil {
		return nil
	}
	if e.fonts, err = newFonts(); err != nil {
		return err
	}
	c := wazero.NewRuntimeConfig().WithCoreFeatures(api.CoreFeaturesV2 | experimental.CoreFeaturesExceptionHandling)
	return how(name, nil, c, func(c wazero.RuntimeConfig) error {
		e.pool, err = webassembly.Init(webassembly.Config{
			Context:  wasm.WithMemory(context.Background(), func() *wasm.Memory { return e.next }),
			MaxTotal: 1, Stdout: io.Discard, Stderr: io.Discard,
			// Nothing else: nil would show it the whole disk.
			FSConfig:      wazero.NewFSConfig().WithFSMount(e.fonts, "/"),
			RuntimeConfig: c,
		})
		return err
	})
}

// Count returns the number of pages of the file b. It uses at most room bytes of memory.
func (e *Engine) Count(b []byte, room int64) (n int, err error) {
	err = e.call(b, room, func(i pdfium.Pdfium, doc references.FPDF_DOCUMENT) error {
		count, err := i.FPDF_GetPageCount(&requests.FPDF_GetPageCount{Document: doc})
		if err != nil {
			return crash(err)
		}
		n = count.PageCount
		return nil
	})
	switch {
	case err != nil || n > 0:
		return n, err
	case bytes.Contains(b, []byte("/Encrypt")): // PDFium does not know the encryption and finds no pages
		return 0, ErrLocked
	}
	return 0, fmt.Errorf("%w: no pages", ErrBroken)
}

// Drawing is a drawn page.
type Drawing struct {
	*image.NRGBA      // unprinted parts may be transparent
	LacksGlyphs  bool // some characters are in no font and were not drawn
	Damaged      bool // a picture was not drawn, or is cut off; not all such pictures are noticed
}

// Draw draws page n, counted from 1, of the file b as viewers do: rotated and cropped as the page says, with
// annotations and form fields. The longest side is edge pixels. Draw uses at most room bytes of memory in addition to
// the result and to copies while the memory grows.
func (e *Engine) Draw(b []byte, n, edge int, room int64) (d Drawing, err error) {
	err = e.call(b, room, func(i pdfium.Pdfium, doc references.FPDF_DOCUMENT) error {
		e.fonts.asked = false
		page := requests.Page{ByIndex: &requests.PageByIndex{Document: doc, Index: n - 1}}
		w, h, err := size(i, page, edge)
		if err != nil {
			return err
		}
		drawn, err := i.RenderPageInPixels(&requests.RenderPageInPixels{Page: page, Width: w, Height: h,
			RenderFlags: enums.FPDF_RENDER_FLAG_ANNOT, RenderForm: true, Document: &doc})
		if err != nil {
			return crash(err)
		}
		defer drawn.Cleanup()
		m, ok := drawn.Result.RenderedImage.(*image.RGBA)
		if !ok {
			return fmt.Errorf("PDFium drew a %T", drawn.Result.RenderedImage)
		}
		// m's pixels belong to the instance
		d.NRGBA = &image.NRGBA{Pix: bytes.Clone(m.Pix), Stride: m.Stride, Rect: m.Rect}
		// If either check fails, its result is unknown, but the page is drawn.
		d.Damaged, err = lacksPicture(i, page, b)
		d.Damaged = d.Damaged || err != nil
		if !e.fonts.asked {
			return nil
		}
		text, err := openText(i, page)
		if err == nil {
			d.LacksGlyphs, err = text.lacksGlyphs(d.NRGBA)
		}
		d.LacksGlyphs = d.LacksGlyphs || err != nil
		return nil
	})
	return d, err
}

// size returns the size in pixels in which a page is drawn.
func size(i pdfium.Pdfium, page requests.Page, edge int) (w, h int, err error) {
	s, err := i.GetPageSize(&requests.GetPageSize{Page: page})
	switch {
	case errors.Is(err, pdfiumerrors.ErrPage):
		return 0, 0, ErrPage
	case err != nil:
		return 0, 0, crash(err)
	case !(s.Width > 0 && s.Height > 0) || math.IsInf(s.Width+s.Height, 0):
		return 0, 0, fmt.Errorf("%w: it is %v x %v points", ErrPage, s.Width, s.Height)
	}
	longest := max(s.Width, s.Height)
	side := func(points float64) int { return max(1, int(math.Round(points/longest*float64(edge)))) }
	return side(s.Width), side(s.Height), nil
}

// call opens b in an instance of room bytes and calls f with both.
func (e *Engine) call(b []byte, room int64, f func(pdfium.Pdfium, references.FPDF_DOCUMENT) error) (err error) {
	if err := e.Start(nil); err != nil {
		return fmt.Errorf("pdf: starting PDFium: %w", err)
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
	defer i.Close() // its errors are of no use here
	doc, err := openDocument(i, headed(b))
	if errors.Is(err, ErrLocked) {
		if b := unlocked(b); b != nil {
			doc, err = openDocument(i, headed(b))
		}
	}
	if err == nil {
		err = f(i, doc)
	}
	if m.Refused() { // even without an error: PDFium omits pictures that do not fit
		return ErrRoom
	}
	return err
}

func openDocument(i pdfium.Pdfium, b []byte) (doc references.FPDF_DOCUMENT, err error) {
	opened, err := i.OpenDocument(&requests.OpenDocument{FileReader: bytes.NewReader(b), FileReaderSize: int64(len(b))})
	if err != nil {
		return doc, opening(err)
	}
	return opened.Document, nil
}

// opening classifies PDFium's error about a file that it cannot open.
func opening(err error) error {
	switch {
	case errors.Is(err, pdfiumerrors.ErrPassword), errors.Is(err, pdfiumerrors.ErrSecurity):
		return ErrLocked
	case errors.Is(err, pdfiumerrors.ErrFormat), errors.Is(err, pdfiumerrors.ErrFile),
		errors.Is(err, pdfiumerrors.ErrUnknown),
		errors.Is(err, pdfiumerrors.ErrPage), errors.Is(err, pdfiumerrors.ErrSuccess):
		return fmt.Errorf("%w: %w", ErrBroken, err)
	}
	return crash(err)
}
