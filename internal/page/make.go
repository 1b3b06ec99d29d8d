package page

import (
	"bufio"
	"bytes"
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

// passMax is the most bytes that pass as they are. A page in the size that the model looks at has rarely more than 5 MB;
// what has is mostly something else (metadata, further pictures), and 16 MiB in base64 are under Cloud Run's limit of
// 32 MiB for a request.
const passMax = 16 << 20

// make makes the page of a picture. Page settles the account afterwards.
func (p *Pages) make(ctx context.Context, pic picture) (*Page, error) {
	switch h := pic.common(); {
	case !p.passes(h) || p.size > passMax:
		return p.convert(ctx, pic)
	case p.size < 0:
		return p.passUnsized(ctx, pic)
	default:
		return p.pass(ctx, h), nil
	}
}

// passes reports whether the picture is right as it is. The bytes after the header are not known then, and need not be:
// whoever reads them next decodes them anyway.
func (p *Pages) passes(h *header) bool {
	return p.format.plain && len(h.changes) == 0 && h.orientation == upright && max(h.width, h.height) <= p.lim.Edge
}

var errSize = errors.New("page: the source's size has changed since it was first opened")

// pass makes a page of the object's own bytes, neither read nor decoded. Its first Open goes on with the stream of Split.
func (p *Pages) pass(ctx context.Context, h *header) *Page {
	pg := p.passed(h, p.size)
	pg.Open = func() (io.ReadCloser, error) {
		s, err := p.take(ctx)
		if err != nil {
			return nil, err
		}
		if s.size != p.size {
			s.Close()
			return nil, errSize
		}
		if pg.Type == "image/png" {
			return newPNGReader(s), nil
		}
		return s, nil
	}
	return pg
}

// passUnsized passes the bytes of a source that does not know its size. A page has to know it, so they are read into memory.
// If they are too many the page is converted after all.
func (p *Pages) passUnsized(ctx context.Context, pic picture) (*Page, error) {
	most := min(passMax, p.lim.MaxBytes)
	err := p.acquire(ctx, 3*most) // a buffer that grows has the old one, half as large, beside the new
	if isTooLarge(err) {
		return p.convert(ctx, pic) // no memory for what it might be; its header says what it needs
	}
	if err != nil {
		return nil, err
	}
	b, err := p.readAtMost(ctx, most)
	p.settle()
	if isTooLarge(err) || err == nil && b == nil {
		return p.convert(ctx, pic)
	}
	if err != nil {
		return nil, err
	}
	pg := p.passed(pic.common(), int64(len(b)))
	if pg.Type == "image/png" && endsInPixels(b) {
		return nil, cutOff(io.ErrUnexpectedEOF)
	}
	pg.Open = opening(b)
	return pg, nil
}

// passed returns the page that passes through, without Open.
func (p *Pages) passed(h *header, size int64) *Page {
	return &Page{Width: h.width, Height: h.height, Type: "image/" + strings.ToLower(p.format.name), Size: size, How: "passed through"}
}

// opening returns an Open for bytes in memory.
func opening(b []byte) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b)), nil }
}

// convert makes a page by decoding: scaled, upright, encoded again. The compressed bytes are never in memory as a whole, except
// for files whose parts are read in no order.
func (p *Pages) convert(ctx context.Context, pic picture) (*Page, error) {
	img, err := p.decode(ctx, pic)
	s, ok := pic.(salvager)
	damaged := ok && isCorrupt(err)
	if damaged {
		img, err = p.salvage(ctx, s, err)
	}
	if err != nil {
		return nil, err
	}
	if len(p.entries) == 1 {
		p.data = nil
	}
	h, stored := pic.common(), img.Bounds().Size()
	w, ht := fit(stored.X, stored.Y, p.lim.Edge)
	img = render(img, w, ht, h.orientation)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	b, kind, err := encode(img, h.lossy)
	if err != nil {
		return nil, err
	}
	pg := &Page{Width: img.Bounds().Dx(), Height: img.Bounds().Dy(), Type: kind, Size: int64(len(b)), Open: opening(b), Blank: isBlank(img),
		How: p.how(h, stored, image.Pt(w, ht))}
	if damaged {
		pg.How, pg.Warnings = pg.How+", the missing part left empty", []string{WarnDamaged}
	}
	return pg, nil
}

// how says what was done to a picture, whose sizes are those before it was turned.
func (p *Pages) how(h *header, stored, made image.Point) string {
	var did []string
	if !p.format.plain {
		did = append(did, "from "+p.format.name)
	}
	if p.format.drawn {
		did = append(did, fmt.Sprintf("drawn at %dx%d", stored.X, stored.Y))
	}
	if made != stored {
		did = append(did, fmt.Sprintf("scaled %dx%d to %dx%d", stored.X, stored.Y, made.X, made.Y))
	}
	if words := h.orientation.words(); words != "" {
		did = append(did, words)
	}
	if did = append(did, h.changes...); len(did) == 0 {
		return "encoded again"
	}
	return strings.Join(did, ", ")
}

// decode decodes a picture, its engine given more and more memory where it needs that.
func (p *Pages) decode(ctx context.Context, pic picture) (img image.Image, err error) {
	s, ok := pic.(sandboxed)
	if !ok {
		return p.decodeIn(ctx, pic, 0)
	}
	err = p.tryRooms(s.uses().rooms, func(room int64) (err error) {
		img, err = p.decodeIn(ctx, pic, room)
		return err
	})
	return img, err
}

// large is from how many bytes of a picture on the garbage of others is collected before it is decoded. It is not accounted
// for any more, and so much of it is still in memory, where the collector comes late, that an instance can die of it.
const large = 32 << 20

// decodeIn acquires the memory for a picture and decodes it, an engine using so much more as room. After an error no more than
// what is loaded is accounted for.
func (p *Pages) decodeIn(ctx context.Context, pic picture, room int64) (img image.Image, err error) {
	h, use := pic.common(), engineUse{}
	if s, ok := pic.(sandboxed); ok {
		use = *s.uses()
	}
	need := plus(h.peak(p.lim.Edge), room)
	if p.format.pages != nil {
		err = p.load(ctx, use.engine, need)
	} else {
		err = p.acquire(ctx, need)
	}
	if err != nil {
		return nil, err
	}
	if h.memory >= large {
		runtime.GC()
	}
	if p.format.pages != nil {
		img, err = p.guarded(ctx, pic, p.input(room))
	} else {
		img, err = p.decodeStream(ctx, pic)
	}
	if err == nil {
		err = p.checkDecoded(img, h, use)
	}
	if err != nil {
		p.settle()
	}
	return img, err
}

// checkDecoded compares a decoded picture with what its header declared, since memory was acquired for that: a file may lie to
// an engine about it, but of a decoder that reads the same header it is a bug.
func (p *Pages) checkDecoded(img image.Image, h *header, use engineUse) error {
	w, ht := img.Bounds().Dx(), img.Bounds().Dy()
	if w == h.width && ht == h.height || use.maySmaller && w <= h.width && ht <= h.height {
		return nil
	}
	err := fmt.Errorf("page: the %s decoder returned %v for %d x %d", p.format.name, img.Bounds(), h.width, h.height)
	if use.engine != "" {
		return corrupt("the "+p.format.name+" is not as large as it says", err)
	}
	return err
}

// decodeStream decodes a picture while it reads the object to its end.
func (p *Pages) decodeStream(ctx context.Context, pic picture) (image.Image, error) {
	s, err := p.take(ctx)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	img, err := p.guarded(ctx, pic, input{r: attentive{s, bufio.NewReaderSize(s, 32<<10)}})
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

// guarded runs a decoder. Its complaints become *Error (those of an engine are already); a panic becomes an error that is
// none, because the bug is ours.
func (p *Pages) guarded(ctx context.Context, pic picture, in input) (img image.Image, err error) {
	defer func() {
		if v := recover(); v != nil {
			img, err = nil, fmt.Errorf("page: the %s decoder panicked: %v", p.format.name, v)
		}
	}()
	img, err = pic.decode(ctx, in)
	if _, ok := pic.(sandboxed); !ok {
		err = complaint(p.format.name, err)
	}
	return img, err
}

// complaint classifies what a decoder says of a stream that did not fail.
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

// salvage decodes what is left of a picture that is cut off or broken. Where that is nothing the error stays why.
func (p *Pages) salvage(ctx context.Context, pic salvager, why error) (image.Image, error) {
	size := p.size
	if size < 0 {
		size = p.lim.MaxBytes
	}
	h := pic.common()
	// The file, growing if its size is unknown, the completed one, and what is added to that for each block at most.
	if err := p.acquire(ctx, plus(h.peak(p.lim.Edge), plus(times(3, size), h.pixels()/4))); err != nil {
		return nil, err
	}
	b, err := p.readWhole(ctx)
	if err != nil {
		return nil, err
	}
	completed, ok := pic.salvage(b)
	if !ok {
		return nil, why
	}
	img, err := p.guarded(ctx, pic, input{r: bytes.NewReader(completed)})
	switch {
	case isCorrupt(err):
		return nil, why
	case err != nil:
		return nil, err
	case p.checkDecoded(img, h, engineUse{}) != nil || isEmpty(img):
		return nil, why
	}
	return img, nil
}
