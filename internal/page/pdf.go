package page

import (
	"context"
	"errors"
	"fmt"
	"image"

	"github.com/bucketocr/bucketocr/internal/page/pdf"
	"github.com/bucketocr/bucketocr/internal/page/sandbox"
)

const pdfEngine = "pdf"

// pdfRooms lists the bytes that PDFium may use for a page. The first suffices for nearly all: an A4 colour scan takes
// 46 MiB at 300 and at 600 DPI, text 20 MiB. A failure with it takes only some hundredths of a second.
var pdfRooms = []int64{64 << 20, 256 << 20}

// pdfPages counts the pages of a PDF. They are examined only when they are drawn: always in the edge's size, which
// loses little of a scan and makes the text of a small page as large as the model can see it.
func pdfPages(ctx context.Context, o *object, room int64) ([]entry, error) {
	m, err := o.call(ctx, "pdf.count", room)
	if err != nil {
		return nil, err
	}
	lim := o.lim
	switch {
	case len(m.Args) != 1 || m.Args[0] < 1:
		return nil, fmt.Errorf("page: invalid decoder answer %v", m.Args)
	case m.Args[0] > int64(lim.MaxPages) && !lim.First:
		return nil, tooManyPages(lim.MaxPages)
	}
	o.total = int(m.Args[0])
	entries := make([]entry, min(o.total, lim.MaxPages))
	for i := range entries {
		entries[i].picture = &picture{call: "pdf.draw", args: []int64{int64(i + 1), int64(lim.Edge)},
			header: header{width: lim.Edge, height: lim.Edge, orientation: upright,
				memory: 4 * int64(lim.Edge) * int64(lim.Edge),
				engine: pdfEngine, rooms: pdfRooms, maySmaller: true}}
	}
	return entries, nil
}

// servePDF adds the PDF handlers of the decoder process. The argument of pdf.count is the room.
func servePDF(calls map[string]sandbox.Handler, e *pdf.Engine) {
	calls["pdf.count"] = func(_ context.Context, m sandbox.Message) (sandbox.Message, error) {
		n, err := e.Count(m.Data, m.Args[0])
		return sandbox.Message{Args: []int64{int64(n)}}, pdfComplaint(err)
	}
	calls["pdf.draw"] = func(_ context.Context, m sandbox.Message) (sandbox.Message, error) {
		room, f, own, err := finishingOf(m.Args)
		if err != nil {
			return sandbox.Message{}, err
		}
		p, err := drawPDF(e, m.Data, int(own[0]), int(own[1]), room, f)
		return p.message(), pdfComplaint(err)
	}
}

// drawPDF makes page n of a PDF, its longest side edge pixels. A page with characters is not blank, even if they are
// invisible. One that is blank because PDFium could not decode a picture is an error.
func drawPDF(e *pdf.Engine, b []byte, n, edge int, room int64, f finishing) (p finished, err error) {
	d, err := e.Draw(b, n, edge, room)
	if err != nil {
		return p, err
	}
	var img image.Image = d.NRGBA
	if d.Damaged {
		img = incomplete{img}
	}
	if p, err = f.finish(img); err != nil {
		return p, err
	}
	p.lacksGlyphs = d.LacksGlyphs
	if p.blank {
		u, err := e.Unseen(b, n, edge, room)
		switch {
		case err != nil:
			return p, err
		case u.Lost:
			return p, errNothingLeft
		}
		p.blank = !u.Text
	}
	return p, nil
}

// pdfComplaint converts errors about the PDF to *Error. Other errors are the program's.
func pdfComplaint(err error) error {
	switch {
	case errors.Is(err, pdf.ErrRoom):
		return errRoom
	case errors.Is(err, pdf.ErrLocked):
		return &Error{Kind: Encrypted, Msg: "the PDF is locked with a password"}
	case errors.Is(err, pdf.ErrCrash):
		return errDied
	case errors.Is(err, pdf.ErrBroken):
		return corrupt("damaged or cut-off PDF", err)
	case errors.Is(err, pdf.ErrPage):
		return corrupt("damaged page of a PDF", err)
	}
	return err
}
