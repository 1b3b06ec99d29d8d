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
	"runtime"
	"strings"
)

// develop makes a page by decoding: scaled, upright, encoded anew. The compressed bytes are never held as a whole, but for
// files that are read in no order.
func (p *Pages) develop(ctx context.Context, h *header) (*Page, error) {
	img, err := p.picture(ctx, h)
	damaged := h.mendable && isCorrupt(err)
	if damaged {
		img, err = p.rescue(ctx, h, err)
	}
	if err != nil {
		return nil, err
	}
	defer p.settle()
	if len(p.leaves) == 1 {
		p.data = nil
	}
	if h.atMost {
		h = h.as(img)
	}
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
	pg.Type, pg.Blank = kind, isBlank(img)
	if damaged {
		pg.How, pg.Warnings = pg.How+", the missing part left empty", []string{WarnDamaged}
	}
	return pg, nil
}

// picture decodes a page, in more and more room where that is needed. The caller settles, unless there is an error. What one
// page has needed, the next ones get at once.
func (p *Pages) picture(ctx context.Context, h *header) (img image.Image, err error) {
	if h.engine == "" {
		return p.attempt(ctx, h, 0)
	}
	for {
		img, err = p.attempt(ctx, h, h.rooms[p.room])
		if err != errRoom || p.room == len(h.rooms)-1 {
			return img, err
		}
		p.room++
	}
}

// large is from how many bytes of a picture on the garbage of others is collected before it is decoded. It is not counted any
// more, and so much of it is in memory yet, where the collector comes late, that an instance can die of it.
const large = 32 << 20

// attempt reserves the memory for a page and decodes it. It must be as large as its header declared, since memory was reserved
// for that: a file may lie to an engine about it, but of a decoder that reads the same header it is a bug.
func (p *Pages) attempt(ctx context.Context, h *header, room int64) (img image.Image, err error) {
	need := plus(h.peak(p.lim.Edge), room)
	if p.holder {
		err = p.hold(ctx, h.engine, need)
	} else {
		err = p.reserve(ctx, need)
	}
	if err != nil {
		return nil, err
	}
	if h.memory >= large {
		runtime.GC()
	}
	if p.holder {
		img, err = guarded(h, input{ctx: ctx, data: p.data, room: room})
	} else {
		img, err = p.decode(ctx, h)
	}
	if err == nil && !h.sized(img.Bounds()) {
		err = fmt.Errorf("page: the %s decoder gave %v for %d x %d", h.format, img.Bounds(), h.width, h.height)
		if h.engine != "" {
			err = corrupt("the "+h.format+" is not as large as it says", err)
		}
	}
	if err != nil {
		p.settle()
	}
	return img, err
}

// decode reads the object to its end.
func (p *Pages) decode(ctx context.Context, h *header) (image.Image, error) {
	s, err := p.take(ctx)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	img, err := guarded(h, input{r: attentive{s, bufio.NewReaderSize(s, 32<<10)}})
	return img, s.verdict(err)
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

// guarded runs a decoder. Its complaints become *Error (those of an engine are already); a panic becomes an error that is none, because the bug is ours.
func guarded(h *header, in input) (img image.Image, err error) {
	defer func() {
		if v := recover(); v != nil {
			img, err = nil, fmt.Errorf("page: the %s decoder panicked: %v", h.format, v)
		}
	}()
	if img, err = h.decode(in); h.engine == "" {
		err = complaint(h.format, err)
	}
	return img, err
}

// complaint classes what a decoder says of a stream that did not fail.
func complaint(format string, err error) error {
	if _, ours := errors.AsType[*Error](err); err == nil || ours {
		return err
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
	if h.foreign {
		did = append(did, "from "+h.format)
	}
	if h.drawn {
		did = append(did, fmt.Sprintf("drawn at %dx%d", w, ht))
	}
	if w != h.width || ht != h.height {
		did = append(did, fmt.Sprintf("scaled %dx%d to %dx%d", h.width, h.height, w, ht))
	}
	for _, o := range []orientation{h.orientation, h.turned} {
		if words := o.words(); words != "" {
			did = append(did, words)
		}
	}
	if did = append(did, h.mends...); len(did) == 0 {
		return "encoded anew"
	}
	return strings.Join(did, ", ")
}
