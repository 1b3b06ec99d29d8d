package page

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
)

// passMax is the most bytes that pass as they are. A page in the size that the model looks at has rarely more than 5 MB;
// what has is mostly something else (metadata, further pictures), and 16 MiB in base64 are under Cloud Run's limit of
// 32 MiB for a request.
const passMax = 16 << 20

var errSize = errors.New("page: the source's size has changed since it was first opened")

// pass makes a page of the object's own bytes, neither read nor decoded. Its first Open goes on with the stream of Split.
func (p *Pages) pass(ctx context.Context, h *header) *Page {
	pg := h.page(h.width, h.height, p.size, "passed through")
	pg.Open = func() (io.ReadCloser, error) {
		s, err := p.take(ctx)
		if err != nil {
			return nil, err
		}
		if s.size != p.size {
			s.Close()
			return nil, errSize
		}
		if h.format == "PNG" {
			return newWhole(s), nil
		}
		return s, nil
	}
	return pg
}

// collect passes the bytes of a source that does not know its size. A page has to know it, so they are held. If they are
// too many the page is developed after all.
func (p *Pages) collect(ctx context.Context, h *header) (*Page, error) {
	b, err := p.readAll(ctx, min(passMax, p.lim.MaxBytes))
	if isTooLarge(err) {
		return p.develop(ctx, h) // no room for what it might be; its header says what it needs
	}
	if err != nil {
		return nil, err
	}
	if b == nil {
		return p.develop(ctx, h)
	}
	if h.format == "PNG" && isCut(b) {
		return nil, cutOff(io.ErrUnexpectedEOF)
	}
	return h.held(b, h.width, h.height, "passed through"), nil
}

// readAll reads an object of no more than most bytes; nil if it has more.
func (p *Pages) readAll(ctx context.Context, most int64) ([]byte, error) {
	if err := p.reserve(ctx, 3*most); err != nil { // a buffer that grows holds the old, half as large, beside the new
		return nil, err
	}
	defer p.settle()
	s, err := p.take(ctx)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	var b bytes.Buffer
	_, _ = io.Copy(&b, io.LimitReader(s, most+1)) // s remembers the failure
	if err := s.failure(); err != nil || int64(b.Len()) > most {
		return nil, err
	}
	return b.Bytes(), nil
}

// page is the finished page, without Open.
func (h *header) page(width, height int, size int64, how string) *Page {
	return &Page{Width: width, Height: height, Type: "image/" + strings.ToLower(h.format), Size: size, How: how}
}

// held is the page whose bytes are b.
func (h *header) held(b []byte, width, height int, how string) *Page {
	pg := h.page(width, height, int64(len(b)), how)
	pg.Open = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b)), nil }
	return pg
}
