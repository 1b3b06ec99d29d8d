// Package pdf draws the pages of PDF files with PDFium, compiled to WebAssembly.
//
// Files, in reading order: layer.go the text of a page that is to be taken instead of its drawing, known.go the letters
// that it is compared with, pdf.go the engine, text.go what characters a page has, fonts.go the fonts for those whose
// own is not in the file, lenient.go what PDFium refuses though viewers read it, writer.go files of our own.
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

// What is wrong with a file or a page. All other errors are the engine's.
var (
	ErrBroken = errors.New("not a readable PDF")
	ErrLocked = errors.New("locked with a password")
	ErrPage   = errors.New("the page cannot be read")
	ErrRoom   = errors.New("needs more memory") // than room
	ErrCrash  = errors.New("PDFium crashed")
)

// Engine draws pages. It starts on first use, which takes seconds where it is not kept, and stays. Each call has an
// instance of its own, so that none can do harm to the next. Not safe for concurrent use.
//
// While PDFium runs it cannot be interrupted, for which it would draw four to ten times as slowly. So it belongs into a
// process of its own: see package sandbox.
type Engine struct {
	pool   pdfium.Pool
	fonts  *fonts
	next   *wasm.Memory      // of the instance that is made next
	glyphs *textlayer.Glyphs // once they are needed
}

// Start does beforehand what the first call would do: PDFium is loaded from the folder, or compiled for this machine
// and kept there.
func (e *Engine) Start(f *wasm.Folder) error { return e.start(f.Start) }

// Load is Start, but returns wasm.ErrNotKept where Start would compile.
func (e *Engine) Load(f *wasm.Folder) error { return e.start(f.Load) }

// Kept reports whether Load is likely to succeed.
func (e *Engine) Kept(f *wasm.Folder) bool { return f.Has(name, nil) }

// name is that of the engine in a folder. PDFium's module is out of reach there, but is named by that of Go which it
// comes in.
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

// Count returns the number of pages of the file b, with at most room bytes of memory.
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
	case bytes.Contains(b, []byte("/Encrypt")): // in a way that PDFium does not know, so that it finds nothing
		return 0, ErrLocked
	}
	return 0, fmt.Errorf("%w: no pages", ErrBroken)
}

// Drawing is a drawn page.
type Drawing struct {
	*image.NRGBA      // where nothing is drawn it may be transparent
	LacksGlyphs  bool // some characters could not be drawn, as no font has them
}

// Draw draws page n, counted from 1, of the file b, as a viewer shows it: turned by its own mark, cut to its box, with
// notes and what is filled into forms. Its longest side is edge pixels. At most room bytes of memory are used, beside
// the result, and while the memory grows.
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
		d.NRGBA = &image.NRGBA{Pix: bytes.Clone(m.Pix), Stride: m.Stride, Rect: m.Rect} // its pixels are the instance's
		if !e.fonts.asked {
			return nil
		}
		text, err := openText(i, page)
		if err == nil {
			d.LacksGlyphs, err = text.lacksGlyphs(d.NRGBA)
		}
		d.LacksGlyphs = d.LacksGlyphs || err != nil // it cannot be told, though the page is drawn
		return nil
	})
	return d, err
}

// HasText reports whether page n of the file b has characters other than spaces, visible or not, with at most room
// bytes of memory.
func (e *Engine) HasText(b []byte, n int, room int64) (has bool, err error) {
	err = e.call(b, room, func(i pdfium.Pdfium, doc references.FPDF_DOCUMENT) error {
		text, err := openText(i, requests.Page{ByIndex: &requests.PageByIndex{Document: doc, Index: n - 1}})
		if err == nil {
			has, err = text.any()
		}
		return err
	})
	return has, err
}

// size is the box in pixels that a page is drawn into.
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

// call opens b in an instance of room bytes and has f work with it.
func (e *Engine) call(b []byte, room int64, f func(pdfium.Pdfium, references.FPDF_DOCUMENT) error) (err error) {
	if err := e.Start(nil); err != nil {
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
	doc, err := openDocument(i, headed(b))
	if errors.Is(err, ErrLocked) {
		if b := unlocked(b); b != nil {
			doc, err = openDocument(i, headed(b))
		}
	}
	if err == nil {
		err = f(i, doc)
	}
	if m.Refused() { // even if all seems well: pictures that did not fit are left out
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

// opening classifies what PDFium says of a file that it cannot open.
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

// crash is the end of an instance, which what is in the file has brought about.
func crash(err error) error { return fmt.Errorf("%w: %w", ErrCrash, err) }
