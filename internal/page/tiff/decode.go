package tiff

import (
	"context"
	"encoding/binary"
	"errors"
	"image"
	"io"
	"slices"

	"golang.org/x/image/tiff"
)

// Decode decodes the page; b is the file that it was found in. Errors are the page's own Err, FormatError, UnsupportedError,
// the decoder's about the bytes, or ctx's, which is asked between tiles or strips of JPEG, and else only at the beginning.
func (p *Page) Decode(ctx context.Context, b []byte) (image.Image, error) {
	if p.Err != nil {
		return nil, p.Err
	}
	for _, e := range p.entries {
		if e.at+e.size > int64(len(b)) {
			return nil, errCut
		}
	}
	q := *p
	q.file = b
	if err := q.checkPieces(ctx); err != nil {
		return nil, err
	}
	if p.Lossy {
		return q.decodeJPEG(ctx)
	}
	img, err := tiff.Decode(q.alone(b))
	u, unsupported := errors.AsType[tiff.UnsupportedError](err)
	switch {
	case unsupported:
		return nil, UnsupportedError("TIFF with " + string(u))
	case errors.Is(err, io.EOF):
		return nil, io.ErrUnexpectedEOF
	case err != nil:
		return nil, err
	}
	if m, ok := img.(*image.NRGBA); ok && q.photometric() == cmyk {
		return &image.CMYK{Pix: m.Pix, Stride: m.Stride, Rect: m.Rect}, nil
	}
	if q.samples() == 4 && !q.transparent() {
		opaque(img)
	}
	return img, nil
}

// What a piece of a picture may have beside twice what its samples take: all kinds of compression that are decoded here make data larger by
// less than that at worst, but for headers.
const pieceSpare = 64 << 10

// checkPieces bounds what decoding takes by the size of the file: no piece has much more bytes than its samples can need, which a
// decoder reads to their end even where they mean nothing, and all together not much more than the file, or they
// would overlap.
func (p *Page) checkPieces(ctx context.Context) error {
	w, h := p.block()
	most := pieceSpare + 4*float64(w)*float64(h)*float64(p.samples())*float64(max(p.bits()/8, 1))
	_, counts := p.places()
	sum := int64(0)
	for i := range p.count(counts) {
		if i%(1<<16) == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		n := p.number(counts, i, 0)
		if float64(n) > most {
			return FormatError("a strip has more bytes than its picture can take")
		}
		sum += int64(n)
	}
	if sum > 2*int64(len(p.file))+1<<20 { // some writers store equal tiles once
		return FormatError("strips overlap")
	}
	return nil
}

// places are the tags of where the pieces lie, and of how many bytes each has.
func (p *Page) places() (offsets, counts uint16) {
	if p.tiled() {
		return tagTileOffsets, tagTileCounts
	}
	return tagStripOffsets, tagStripCounts
}

// opaque makes a fourth channel that is no transparency have no effect.
func opaque(img image.Image) {
	switch m := img.(type) {
	case *image.NRGBA:
		for i := 3; i < len(m.Pix); i += 4 {
			m.Pix[i] = 0xff
		}
	case *image.NRGBA64:
		for i := 6; i < len(m.Pix); i += 8 {
			m.Pix[i], m.Pix[i+1] = 0xff, 0xff
		}
	}
}

// alone shows the file as if the page were its only one: another header, the file itself, and after it values and a directory
// of what the decoder needs, in order.
func (p *Page) alone(b []byte) *overlay {
	o := &overlay{file: b}
	order := p.order.(binary.AppendByteOrder)
	shown := p.shown(order)
	var directory []byte
	for _, tag := range passed {
		e := shown[tag]
		if e.count == 0 {
			continue
		}
		directory = order.AppendUint16(directory, tag)
		directory = order.AppendUint16(directory, e.kind)
		directory = order.AppendUint32(directory, e.count)
		if len(e.raw) <= 4 {
			directory = append(directory, append(slices.Clone(e.raw), 0, 0, 0, 0)[:4]...)
			continue
		}
		directory = order.AppendUint32(directory, uint32(len(b)+len(o.tail)))
		o.tail = append(o.tail, e.raw...)
	}
	o.head = order.AppendUint32(slices.Clone(b[:4]), uint32(len(b)+len(o.tail)))
	o.tail = order.AppendUint16(o.tail, uint16(len(directory)/entrySize))
	o.tail = append(append(o.tail, directory...), 0, 0, 0, 0)
	return o
}

// shown are the page's entries as the decoder shall see them.
func (p *Page) shown(order binary.AppendByteOrder) map[uint16]entry {
	shown := map[uint16]entry{}
	for _, tag := range passed {
		shown[tag] = p.value(tag)
	}
	short := func(values ...uint16) entry {
		e := entry{kind: kindShort, count: uint32(len(values))}
		for _, v := range values {
			e.raw = order.AppendUint16(e.raw, v)
		}
		return e
	}
	shown[tagBits] = short(slices.Repeat([]uint16{uint16(p.bits())}, p.samples())...)
	switch {
	case p.photometric() == cmyk:
		shown[tagPhotometric], shown[tagExtraSamples] = short(rgb), short(2)
	case p.samples() == 4 && !p.transparent():
		shown[tagExtraSamples] = short(2)
	case p.samples() < 4:
		delete(shown, tagExtraSamples)
	}
	return shown
}

// overlay is a file with its first bytes replaced and something added after it.
type overlay struct{ file, head, tail []byte }

// Read is there because the decoder asks for a Reader before it looks for a ReaderAt.
func (o *overlay) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func (o *overlay) ReadAt(p []byte, off int64) (int, error) {
	n := 0
	for _, part := range []struct {
		b  []byte
		at int64
	}{{o.head, 0}, {o.file, 0}, {o.tail, int64(len(o.file))}} {
		if from := off + int64(n) - part.at; n < len(p) && from >= 0 && from < int64(len(part.b)) {
			n += copy(p[n:], part.b[from:])
		}
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}
