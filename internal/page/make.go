package page

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"image"
	"io"
	"runtime"
	"strings"
)

// passMax is the most bytes that pass as they are: in base64 under Cloud Run's limit of 32 MiB for a request. A page in the size
// that the model looks at has rarely more than 5 MB; what has is mostly something else (metadata, further pictures).
const passMax = 16 << 20

// make makes the page of a picture. Page settles the account afterwards.
func (o *object) make(ctx context.Context, pic picture) (*Page, error) {
	switch h := pic.common(); {
	case !o.passes(h) || o.size > passMax:
		return o.convert(ctx, pic)
	case o.size < 0:
		return o.passUnsized(ctx, pic)
	default:
		return o.pass(ctx, h), nil
	}
}

// passes reports whether the picture is right as it is. The bytes after the header are not known then, and need not be:
// whoever reads them next decodes them anyway.
func (o *object) passes(h *header) bool {
	return o.format.plain && len(h.changes) == 0 && h.orientation == upright && max(h.width, h.height) <= o.lim.Edge
}

var errSize = errors.New("page: the source's size has changed since it was first opened")

// pass makes a page of the object's own bytes, neither read nor decoded. Its first Open goes on with the stream of Split.
func (o *object) pass(ctx context.Context, h *header) *Page {
	pg := o.passed(h, o.size)
	pg.Open = func() (io.ReadCloser, error) {
		s, err := o.take(ctx)
		if err != nil {
			return nil, err
		}
		if s.size != o.size {
			s.Close()
			return nil, errSize
		}
		if pg.Type == "image/png" {
			return &pngReader{stream: s, chunks: newChunkWalk()}, nil
		}
		return s, nil
	}
	return pg
}

// passUnsized passes the bytes of a source that does not know its size. A page has to know it, so they are read into memory.
// If they are too many the page is converted after all.
func (o *object) passUnsized(ctx context.Context, pic picture) (*Page, error) {
	most := min(passMax, o.lim.MaxBytes)
	err := o.acquire(ctx, 3*most) // a buffer that grows has the old one, half as large, beside the new
	var b []byte
	if err == nil {
		b, err = o.readAll(ctx, most)
		o.settle()
	}
	switch {
	case isKind(err, TooLarge) || err == nil && b == nil:
		return o.convert(ctx, pic) // also without memory for what it might be; its header says what it needs
	case err != nil:
		return nil, err
	}
	pg := o.passed(pic.common(), int64(len(b)))
	if pg.Type == "image/png" {
		if w := newChunkWalk(); w.endsInPixels(b) {
			return nil, errCut
		}
	}
	pg.Open = opening(b)
	return pg, nil
}

// passed returns the page that passes through, without Open.
func (o *object) passed(h *header, size int64) *Page {
	return &Page{Width: h.width, Height: h.height, Type: "image/" + strings.ToLower(o.format.name), Size: size, How: "passed through"}
}

// opening returns an Open for bytes in memory.
func opening(b []byte) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b)), nil }
}

// convert makes a page by decoding: scaled, upright, encoded again. The compressed bytes are never in memory as a whole, except
// for files whose parts are read in no order.
func (o *object) convert(ctx context.Context, pic picture) (*Page, error) {
	h := pic.common()
	img, err := o.decode(ctx, pic)
	damaged := h.salvage != nil && isKind(err, Corrupt)
	if damaged {
		img, err = o.salvage(ctx, pic, err)
	}
	if err != nil {
		return nil, err
	}
	if o.single {
		o.data = nil
	}
	stored := img.Bounds().Size()
	w, ht := fit(stored.X, stored.Y, o.lim.Edge)
	img = render(img, w, ht, h.orientation)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	b, kind, err := encode(img, h.lossy)
	if err != nil {
		return nil, err
	}
	pg := &Page{Width: img.Bounds().Dx(), Height: img.Bounds().Dy(), Type: kind, Size: int64(len(b)), Open: opening(b), Blank: isBlank(img),
		How: o.how(h, stored, image.Pt(w, ht))}
	if damaged {
		pg.How, pg.Warnings = pg.How+", the missing part left empty", []string{WarnDamaged}
	}
	return pg, nil
}

// how says what was done to a picture, whose sizes are those before it was turned.
func (o *object) how(h *header, stored, made image.Point) string {
	var did []string
	if !o.format.plain {
		did = append(did, "from "+o.format.name)
	}
	if o.format.drawn {
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
func (o *object) decode(ctx context.Context, pic picture) (img image.Image, err error) {
	rooms := pic.common().rooms
	if rooms == nil {
		rooms = noRoom
	}
	err = o.tryRooms(rooms, func(room int64) (err error) {
		img, err = o.decodeIn(ctx, pic, room)
		return err
	})
	return img, err
}

// large is from how many bytes of a picture on the garbage of others is collected before it is decoded. It is not accounted
// for any more, and so much of it is still in memory, where the collector comes late, that an instance can die of it.
const large = 32 << 20

// decodeIn acquires the memory for a picture and decodes it, an engine using so much more as room. After an error no more than
// what is loaded is accounted for.
func (o *object) decodeIn(ctx context.Context, pic picture, room int64) (img image.Image, err error) {
	h := pic.common()
	need := plus(h.peak(o.lim.Edge), room)
	if o.format.pages != nil {
		err = o.load(ctx, h.engine, need)
	} else {
		err = o.acquire(ctx, need)
	}
	if err != nil {
		return nil, err
	}
	if h.memory >= large {
		runtime.GC()
	}
	if o.format.pages != nil {
		img, err = o.guarded(ctx, pic, o.input(room))
	} else {
		img, err = o.decodeStream(ctx, pic)
	}
	if err == nil {
		err = o.checkDecoded(img, h)
	}
	if err != nil {
		o.settle()
	}
	return img, err
}

// checkDecoded compares a decoded picture with what its header declared, since memory was acquired for that: a file may lie to
// an engine about it, but of a decoder that reads the same header it is a bug.
func (o *object) checkDecoded(img image.Image, h *header) error {
	w, ht := img.Bounds().Dx(), img.Bounds().Dy()
	if w == h.width && ht == h.height || h.maySmaller && w <= h.width && ht <= h.height {
		return nil
	}
	err := fmt.Errorf("page: the %s decoder returned %v for %d x %d", o.format.name, img.Bounds(), h.width, h.height)
	if h.engine != "" {
		return corrupt("the "+o.format.name+" is not as large as it says", err)
	}
	return err
}

// decodeStream decodes a picture while it reads the object to its end.
func (o *object) decodeStream(ctx context.Context, pic picture) (image.Image, error) {
	s, err := o.take(ctx)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	img, err := o.guarded(ctx, pic, input{r: attentive{s, bufio.NewReaderSize(s, 32<<10)}})
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
func (o *object) guarded(ctx context.Context, pic picture, in input) (img image.Image, err error) {
	defer func() {
		if v := recover(); v != nil {
			img, err = nil, fmt.Errorf("page: the %s decoder panicked: %v", o.format.name, v)
		}
	}()
	img, err = pic.decode(ctx, in)
	if pic.common().engine == "" {
		err = complaint(o.format.name, err)
	}
	return img, err
}

// salvage decodes what is left of a picture that is cut off or broken. Where that is nothing the error stays why.
func (o *object) salvage(ctx context.Context, pic picture, why error) (image.Image, error) {
	size := o.size
	if size < 0 {
		size = o.lim.MaxBytes
	}
	h := pic.common()
	// The file, growing if its size is unknown, the completed one, and what is added to that for each block at most.
	if err := o.acquire(ctx, plus(h.peak(o.lim.Edge), times(3, size), h.pixels()/4)); err != nil {
		return nil, err
	}
	b, err := o.readAll(ctx, o.lim.MaxBytes)
	if err != nil {
		return nil, err
	}
	completed, ok := h.salvage(b)
	if !ok {
		return nil, why
	}
	img, err := o.guarded(ctx, pic, input{r: bytes.NewReader(completed)})
	if isKind(err, Corrupt) || err == nil && (o.checkDecoded(img, h) != nil || isEmpty(img)) {
		return nil, why
	}
	return img, err
}
