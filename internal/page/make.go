package page

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"io"
	"runtime/debug"
	"strings"
)

// passMax is the most bytes that pass as they are: in base64 under Cloud Run's limit of 32 MiB for a request. A page in
// the size that the model looks at has rarely more than 5 MB; what has is mostly something else (metadata, further
// pictures).
const passMax = 16 << 20

// make makes the page of a picture, by decoding it or in whichever way does. The caller settles the account afterwards.
func (o *object) make(ctx context.Context, pic *picture, decoded bool) (*Page, error) {
	switch h := &pic.header; {
	case decoded || !o.passes(h) || o.size > passMax:
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
	return o.format.plain && len(h.changes) == 0 && h.orientation == upright && max(h.width, h.height) <= o.lim.Edge &&
		!isThin(h.width, h.height, o.lim.Edge)
}

var errSize = errors.New("page: the source's size has changed since it was first opened")

// pass makes a page of the object's own bytes, neither read nor decoded. Its first Open goes on with the stream of
// Split.
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

// passUnsized passes the bytes of a source that does not know its size. A page has to know it, so they are read into
// memory. If they are too many the page is converted after all.
func (o *object) passUnsized(ctx context.Context, pic *picture) (*Page, error) {
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
	pg := o.passed(&pic.header, int64(len(b)))
	if pg.Type == "image/png" {
		if w := newChunkWalk(); w.endsInPixels(b) {
			return o.convert(ctx, pic)
		}
	}
	pg.Open = opening(b)
	return pg, nil
}

// passed returns the page that passes through, without Open.
func (o *object) passed(h *header, size int64) *Page {
	return &Page{Width: h.width, Height: h.height, Type: "image/" + strings.ToLower(o.format.name), Size: size,
		How: "passed through", Passed: true}
}

// opening returns an Open for bytes in memory.
func opening(b []byte) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b)), nil }
}

// convert makes a page by decoding: scaled, upright, encoded again. The compressed bytes are never in memory as a
// whole, except for what the Decoder decodes.
func (o *object) convert(ctx context.Context, pic *picture) (*Page, error) {
	if o.single {
		defer o.drop()
	}
	p, err := o.decode(ctx, pic)
	if pic.salvage != "" && (isKind(err, Corrupt) || isKind(err, Unsupported)) && err != error(errDied) {
		p, err = o.salvage(ctx, pic, err)
	}
	if err != nil {
		return nil, err
	}
	pg := &Page{Width: p.size.X, Height: p.size.Y, Type: p.kind, Size: int64(len(p.bytes)), Open: opening(p.bytes),
		Blank: p.blank,
		Ink:   max(p.print.ink, LeastInk), Turns: p.print.turns(), How: o.how(&pic.header, p.stored)}
	if p.damaged {
		pg.How, pg.Warnings = pg.How+", the missing part left empty", []string{WarnDamaged}
	}
	if p.lacksGlyphs {
		pg.Warnings = append(pg.Warnings, WarnMissingGlyphs)
	}
	return pg, nil
}

// how says what was done to a picture, which was decoded in this size.
func (o *object) how(h *header, stored image.Point) string {
	var did []string
	if !o.format.plain {
		did = append(did, "from "+o.format.name)
	}
	if o.format.drawn {
		did = append(did, fmt.Sprintf("drawn at %dx%d", stored.X, stored.Y))
	}
	w, ht := fit(stored.X, stored.Y, o.lim.Edge)
	if image.Pt(w, ht) != stored {
		did = append(did, fmt.Sprintf("scaled %dx%d to %dx%d", stored.X, stored.Y, w, ht))
	}
	if words := h.orientation.words(); words != "" {
		did = append(did, words)
	}
	did = append(did, h.changes...)
	if isThin(w, ht, o.lim.Edge) {
		did = append(did, "with a white margin")
	}
	if len(did) == 0 {
		return "encoded again"
	}
	return strings.Join(did, ", ")
}

// decode decodes a picture and finishes it, in this process or, with more and more memory where an engine needs that,
// in the Decoder.
func (o *object) decode(ctx context.Context, pic *picture) (p finished, err error) {
	if pic.decode != nil {
		return o.decodeHere(ctx, pic)
	}
	err = o.tryRooms(pic.rooms, func(room int64) error {
		p, err = o.decodeThere(ctx, pic, pic.call, room, plus(pic.peak(o.lim.Edge), room))
		return err
	})
	return p, err
}

// salvage decodes a picture that another decoder refused, with one that shows what is there. Where that is nothing, a
// kind that is not supported stays the reason why.
func (o *object) salvage(ctx context.Context, pic *picture, why error) (p finished, err error) {
	err = o.tryRooms(nil, func(int64) error {
		p, err = o.decodeThere(ctx, pic, pic.salvage, 0, pic.peak(o.lim.Edge))
		return err
	})
	if isKind(err, Corrupt) && isKind(why, Unsupported) {
		err = why
	}
	return p, err
}

// large is from how many bytes of a picture on the garbage of others is collected before it is decoded. It is not
// accounted for any more, and so much of it is still in memory, where the collector comes late, that an instance can
// die of it.
const large = 32 << 20

func (o *object) finishing(h *header) finishing {
	return finishing{edge: o.lim.Edge, orientation: h.orientation, lossy: h.lossy}
}

// decodeThere has the Decoder make the page by a call for which so much memory is acquired, room included. After an
// error no more than what is loaded is accounted for.
func (o *object) decodeThere(ctx context.Context, pic *picture, call string, room, need int64) (p finished, err error) {
	if err := o.load(ctx, pic.engine, need); err != nil {
		return p, err
	}
	if pic.memory >= large {
		debug.FreeOSMemory() // it is needed in another process
	}
	m, err := o.call(ctx, call, append(o.finishing(&pic.header).args(room), pic.args...)...)
	if err == nil {
		p, err = finishedOf(m, o.lim.Edge)
	}
	if err == nil && !pic.expects(p.stored) {
		err = corrupt(fmt.Sprintf("the %s is not as large as it says", o.format.name), nil)
	}
	if err != nil {
		o.settle()
	}
	return p, err
}

// expects reports whether a picture that was decoded is as large as its header declared, since memory was acquired for
// that.
func (h *header) expects(stored image.Point) bool {
	return stored == image.Pt(h.width, h.height) || h.maySmaller && stored.X <= h.width && stored.Y <= h.height
}
