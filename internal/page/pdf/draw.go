package pdf

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"math"

	"github.com/klippa-app/go-pdfium"
	"github.com/klippa-app/go-pdfium/enums"
	pdfiumerrors "github.com/klippa-app/go-pdfium/errors"
	"github.com/klippa-app/go-pdfium/references"
	"github.com/klippa-app/go-pdfium/requests"
)

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
	if err == nil && n < 1 {
		err = fmt.Errorf("%w: no pages", ErrBroken)
	}
	return n, err
}

// Draw draws page n, counted from 1, of the file b, as a viewer shows it: turned by its own mark, cut to its box, with notes
// and what is filled into forms. Its longest side is edge pixels. Where nothing is drawn the picture may be transparent. At
// most room bytes of memory are used, beside the result, and while the memory grows.
func (e *Engine) Draw(b []byte, n, edge int, room int64) (*image.NRGBA, error) {
	var img *image.NRGBA
	err := e.call(b, room, func(i pdfium.Pdfium, doc references.FPDF_DOCUMENT) error {
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
		img = &image.NRGBA{Pix: bytes.Clone(m.Pix), Stride: m.Stride, Rect: m.Rect} // its pixels are the instance's
		return nil
	})
	if err != nil {
		return nil, err
	}
	return img, nil
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
