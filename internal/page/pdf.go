package page

import (
	"context"
	"errors"
	"image"

	"github.com/bucketocr/bucketocr/internal/page/pdf"
	"github.com/bucketocr/bucketocr/internal/page/sandbox"
)

// openPDF counts a PDF's pages. What they are is found out when they are drawn.
func openPDF(ctx context.Context, b []byte, lim Limits, room int64) ([]leaf, error) {
	m, err := decodeCall(ctx, "pdf.count", b, room)
	if err != nil {
		return nil, err
	}
	if m.Args[0] > int64(lim.MaxPages) {
		return nil, tooManyPages(lim)
	}
	leaves := make([]leaf, m.Args[0])
	for i := range leaves {
		leaves[i].head = pdfHeader(i+1, lim)
	}
	return leaves, nil
}

// pdfHeader is a page that is drawn at the edge's size, whatever is on it: a scan is as good as its pixels and the text of a
// small page as large as the model can look at it.
func pdfHeader(n int, lim Limits) *header {
	return &header{format: "PDF", foreign: true, drawn: true, atMost: true, width: lim.Edge, height: lim.Edge, orientation: upright, channels: 3,
		memory: 2 * 4 * int64(lim.Edge) * int64(lim.Edge), engine: "pdf", rooms: engineRooms,
		decode: func(in input) (image.Image, error) {
			m, err := decodeCall(in.ctx, "pdf.draw", in.data, in.room, int64(n), int64(lim.Edge))
			if err != nil {
				return nil, err
			}
			return received(m)
		}}
}

// pdfCalls are what the child does with a PDF. The first number is the room.
func pdfCalls(calls map[string]sandbox.Handler, e *pdf.Engine) {
	calls["pdf"] = starts(e.Start)
	calls["pdf.count"] = func(m sandbox.Message) (sandbox.Message, error) {
		n, err := e.Count(m.Data, m.Args[0])
		return sandbox.Message{Args: []int64{int64(n)}}, pdfComplaint(err)
	}
	calls["pdf.draw"] = func(m sandbox.Message) (sandbox.Message, error) {
		img, err := e.Draw(m.Data, int(m.Args[1]), int(m.Args[2]), m.Args[0])
		if err != nil {
			return sandbox.Message{}, pdfComplaint(err)
		}
		return sent(img)
	}
}

// pdfComplaint classes what is wrong with a PDF. What PDFium fails on by itself stays an error of the program.
func pdfComplaint(err error) error {
	switch {
	case errors.Is(err, pdf.ErrRoom):
		return errRoom
	case errors.Is(err, pdf.ErrLocked):
		return &Error{Kind: Encrypted, Msg: "the PDF is locked with a password"}
	case errors.Is(err, pdf.ErrBroken):
		return corrupt("broken or cut-off PDF", err)
	case errors.Is(err, pdf.ErrPage):
		return corrupt("broken page of a PDF", err)
	}
	return err
}
