package page

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"image/png"
	"io"
	"strings"
)

// develop makes a page by decoding: scaled, upright, encoded anew. The compressed bytes are never held as a whole.
func (p *Pages) develop(ctx context.Context) (*Page, error) {
	done, err := p.reserve(ctx, p.head.peak(p.lim.Edge))
	if err != nil {
		return nil, err
	}
	defer done()
	img, err := p.decode(ctx)
	if err != nil {
		return nil, err
	}
	h := p.head
	w, ht := h.fit(p.lim.Edge)
	img = render(img, w, ht, h.orientation)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	b, kind, err := encode(img, h.lossy)
	if err != nil {
		return nil, err
	}
	pg := h.held(b, img.Bounds().Dx(), img.Bounds().Dy(), h.how(w, ht))
	pg.Type = kind
	return pg, nil
}

// decode reads the object to its end. A picture that does not have the size its header declared is a bug, since memory was
// reserved for the declared one.
func (p *Pages) decode(ctx context.Context) (image.Image, error) {
	s, err := p.take(ctx)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	h := p.head
	img, err := guarded(h.format, h.decode, attentive{s, bufio.NewReaderSize(s, 32<<10)})
	if err := s.verdict(err); err != nil {
		return nil, err
	}
	if b := img.Bounds(); b.Dx() != h.width || b.Dy() != h.height {
		return nil, fmt.Errorf("page: the %s decoder gave %v for %d x %d", h.format, b, h.width, h.height)
	}
	return img, nil
}

// attentive asks the context often, since a decoder does not: with a few KiB a hostile progressive JPEG keeps one busy for
// seconds.
type attentive struct {
	s *stream
	r io.Reader
}

func (a attentive) Read(p []byte) (int, error) {
	if a.s.err = cmp.Or(a.s.ctx.Err(), a.s.err); a.s.failure() != nil {
		return 0, a.s.err
	}
	return a.r.Read(p[:min(len(p), 1<<10)])
}

// guarded runs a decoder. Its complaints become *Error; a panic becomes an error that is none, because the bug is ours.
func guarded(format string, decode func(io.Reader) (image.Image, error), r io.Reader) (img image.Image, err error) {
	defer func() {
		if v := recover(); v != nil {
			img, err = nil, fmt.Errorf("page: the %s decoder panicked: %v", format, v)
		}
	}()
	img, err = decode(r)
	return img, complaint(format, err)
}

// complaint classes what a decoder says of a stream that did not fail.
func complaint(format string, err error) error {
	if err == nil {
		return nil
	}
	_, notPNG := errors.AsType[png.UnsupportedError](err)
	_, notJPEG := errors.AsType[jpeg.UnsupportedError](err)
	switch {
	case notPNG || notJPEG:
		return &Error{Kind: Unsupported, Msg: "a " + format + " of a kind that is not supported", Err: err}
	case errors.Is(err, io.ErrUnexpectedEOF):
		return corrupt("the file is cut off", err)
	}
	return corrupt("broken "+format, err)
}

// how says what was done to the picture, w x h before it was turned.
func (h *header) how(w, ht int) string {
	var did []string
	if w != h.width || ht != h.height {
		did = append(did, fmt.Sprintf("scaled %dx%d to %dx%d", h.width, h.height, w, ht))
	}
	if words := h.orientation.words(); words != "" {
		did = append(did, words)
	}
	if did = append(did, h.mends...); len(did) == 0 {
		return "encoded anew"
	}
	return strings.Join(did, ", ")
}
