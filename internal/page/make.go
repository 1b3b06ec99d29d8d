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

// passMax is the most bytes that pass through unchanged: in base64 they stay below Cloud Run's request limit of 32 MiB.
// A page of the model's size rarely exceeds 5 MB; larger files mostly hold other data (metadata, further pictures).
const passMax = 16 << 20

// make makes the page of a picture: unchanged if possible and decoded is false, else by decoding. The caller settles
// the memory account afterwards.
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

// passes reports whether the picture can be sent unchanged. The bytes after the header are not checked, since the OCR
// service decodes them anyway.
func (o *object) passes(h *header) bool {
	return o.format.plain && len(h.changes) == 0 && h.orientation == upright && max(h.width, h.height) <= o.lim.Edge &&
		!isThin(h.width, h.height, o.lim.Edge)
}

var errSize = errors.New("page: the source's size has changed since it was first opened")

// pass makes a page of the object's own bytes without reading them. Its first Open continues the stream of Split.
func (o *object) pass(ctx context.Context, h *header) *Page {
	pg := o.passThrough(h, o.size)
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

// passUnsized passes the bytes of a source of unknown size. A page must know its size, so they are read into memory. If
// there are too many, the page is converted instead.
func (o *object) passUnsized(ctx context.Context, pic *picture) (*Page, error) {
	most := min(passMax, o.lim.MaxBytes)
	err := o.acquire(ctx, 3*most) // while a buffer grows, the old one of half the size exists, too
	var b []byte
	if err == nil {
		b, err = o.readAll(ctx, most)
		o.settle()
	}
	switch {
	case isKind(err, TooLarge) || err == nil && b == nil:
		// also if memory for the worst case is lacking: the header says what conversion needs
		return o.convert(ctx, pic)
	case err != nil:
		return nil, err
	}
	pg := o.passThrough(&pic.header, int64(len(b)))
	if pg.Type == "image/png" {
		if w := newChunkWalk(); w.endsInPixels(b) {
			return o.convert(ctx, pic)
		}
	}
	pg.Open = opening(b)
	return pg, nil
}

// readAll reads the whole object. It returns nil if it has more than most bytes.
func (o *object) readAll(ctx context.Context, most int64) ([]byte, error) {
	s, err := o.take(ctx)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	var b bytes.Buffer
	_, _ = io.Copy(&b, io.LimitReader(s, min(most, s.max)+1)) // s remembers the failure
	if err := s.failure(); err != nil || int64(b.Len()) > most {
		return nil, err
	}
	return b.Bytes(), nil
}

// passThrough returns a page that passes through, without Open.
func (o *object) passThrough(h *header, size int64) *Page {
	return &Page{Width: h.width, Height: h.height, Type: "image/" + strings.ToLower(o.format.name), Size: size,
		How: "passed through", Passed: true}
}

// opening returns an Open for bytes in memory.
func opening(b []byte) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b)), nil }
}

// convert makes a page by decoding, scaling, turning and re-encoding. The compressed bytes are held in memory only for
// pictures that the Decoder decodes.
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
	if p.byOpacity {
		pg.How += ", drawn in black since it is white on a transparent ground"
	}
	if p.damaged {
		pg.How, pg.Warnings = pg.How+", the missing part left empty", []string{WarnDamaged}
	}
	if p.lacksGlyphs {
		pg.Warnings = append(pg.Warnings, WarnMissingGlyphs)
	}
	return pg, nil
}

// how describes what was done to a picture that was stored at the given size.
func (o *object) how(h *header, stored image.Point) string {
	var did []string
	if !o.format.plain {
		did = append(did, "from "+o.format.name)
	}
	if o.format.drawn {
		did = append(did, fmt.Sprintf("drawn at %dx%d", stored.X, stored.Y))
	}
	w, ht := o.finishing(h).fit(stored)
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
		return "re-encoded"
	}
	return strings.Join(did, ", ")
}

// decode decodes and finishes a picture, in this process or in the Decoder, where an engine that runs out of memory is
// retried with more.
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

// salvage decodes a picture that its own decoder refused as far as it is intact. If nothing is, a refusal as
// unsupported remains the error.
func (o *object) salvage(ctx context.Context, pic *picture, why error) (p finished, err error) {
	left := *pic
	left.sized = pic.salvageSized
	err = o.tryRooms(nil, func(int64) error {
		p, err = o.decodeThere(ctx, &left, pic.salvage, 0, left.peak(o.lim.Edge))
		return err
	})
	if isKind(err, Corrupt) && isKind(why, Unsupported) {
		err = why
	}
	return p, err
}

// large is the size in bytes from which garbage is collected before a picture is decoded. The garbage of earlier
// pictures is no longer accounted for, but until it is collected there may be enough of it for the instance to run out
// of memory.
const large = 32 << 20

func (o *object) finishing(h *header) finishing {
	return finishing{edge: o.lim.Edge, shape: h.shape, orientation: h.orientation, lossy: h.lossy}
}

// decodeThere has the Decoder make the page by call. It acquires need bytes for that, including room. After an error
// only the loaded object's memory is held.
func (o *object) decodeThere(ctx context.Context, pic *picture, call string, room, need int64) (p finished, err error) {
	if err := o.load(ctx, pic.engine, need); err != nil {
		return p, err
	}
	if pic.decoding(o.lim.Edge) >= large {
		debug.FreeOSMemory() // the Decoder's process needs the memory
	}
	m, err := o.call(ctx, call, append(o.finishing(&pic.header).args(room), pic.args...)...)
	if err == nil {
		p, err = finishedOf(m, o.lim.Edge)
	}
	if err == nil && !pic.expects(p.stored) {
		err = corrupt(fmt.Sprintf("the %s does not have its declared size", o.format.name), nil)
	}
	if err != nil {
		o.settle()
	}
	return p, err
}

// expects reports whether a decoded picture has the size that its header declared, for which memory was acquired.
func (h *header) expects(stored image.Point) bool {
	return stored == image.Pt(h.width, h.height) || h.maySmaller && stored.X <= h.width && stored.Y <= h.height
}
