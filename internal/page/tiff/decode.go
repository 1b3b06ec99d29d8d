package tiff

import (
	"encoding/binary"
	"errors"
	"image"
	"io"
	"slices"

	"golang.org/x/image/tiff"
)

// Decode decodes the page; b is the file that it was found in. Errors are the page's own Err, FormatError, UnsupportedError
// or the decoder's about the bytes.
func (p *Page) Decode(b []byte) (image.Image, error) {
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
	return q.decode()
}

func (p *Page) decode() (image.Image, error) {
	if p.Lossy {
		return p.decodeJPEG(p.file)
	}
	img, err := tiff.Decode(p.alone(p.file))
	if err != nil {
		return nil, classified(err)
	}
	if m, ok := img.(*image.NRGBA); ok && p.photometric() == cmyk {
		return &image.CMYK{Pix: m.Pix, Stride: m.Stride, Rect: m.Rect}, nil
	}
	if p.samples() == 4 && !p.transparent() {
		opaque(img)
	}
	return img, nil
}

// classified turns the decoder's own kind of "not supported" into ours.
func classified(err error) error {
	if u, ok := errors.AsType[tiff.UnsupportedError](err); ok {
		return UnsupportedError("TIFF with " + string(u))
	}
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
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

// alone shows the file as if the page were its only one: another header, the file itself, and after it a directory of
// what the decoder needs, in order.
func (p *Page) alone(b []byte) *overlay {
	o := &overlay{file: b, at: int64(len(b)+1) &^ 1}
	order := p.order.(binary.AppendByteOrder)
	o.head = append(o.head, b[:4]...)
	o.head = order.AppendUint32(o.head, uint32(o.at))
	shown := p.shown(order)
	tags := slices.DeleteFunc(slices.Clone(passed), func(t uint16) bool { return shown[t].count == 0 })
	o.tail = order.AppendUint16(o.tail, uint16(len(tags)))
	values := o.at + 2 + entrySize*int64(len(tags)) + 4
	var far []byte
	for _, tag := range tags {
		e := shown[tag]
		o.tail = order.AppendUint16(o.tail, tag)
		o.tail = order.AppendUint16(o.tail, e.kind)
		o.tail = order.AppendUint32(o.tail, e.count)
		if len(e.raw) <= 4 {
			o.tail = append(o.tail, append(slices.Clone(e.raw), 0, 0, 0, 0)[:4]...)
			continue
		}
		o.tail = order.AppendUint32(o.tail, uint32(values+int64(len(far))))
		far = append(far, e.raw...)
	}
	o.tail = append(append(o.tail, 0, 0, 0, 0), far...)
	return o
}

// shown are the page's entries as the decoder shall see them.
func (p *Page) shown(order binary.AppendByteOrder) map[uint16]value {
	shown := map[uint16]value{}
	for _, tag := range passed {
		shown[tag] = p.value(tag)
	}
	short := func(values ...uint16) value {
		e := value{kind: kindShort, count: uint32(len(values))}
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
type overlay struct {
	file, head, tail []byte
	at               int64 // where tail begins
}

// Read is there because the decoder asks for a Reader before it looks for a ReaderAt.
func (o *overlay) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func (o *overlay) ReadAt(p []byte, off int64) (int, error) {
	n := 0
	for _, part := range []struct {
		b  []byte
		at int64
	}{{o.head, 0}, {o.file, 0}, {o.tail, o.at}} {
		if from := off + int64(n) - part.at; n < len(p) && from >= 0 && from < int64(len(part.b)) {
			n += copy(p[n:], part.b[from:])
		}
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}
