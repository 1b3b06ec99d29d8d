package tiff

import (
	"bytes"
	"cmp"
	"context"
	"image"
	"slices"

	"github.com/bucketocr/bucketocr/internal/page/jpegfile"
)

// decodeOldJPEG decodes a page of old-style JPEG (TIFF 6.0, section 22), which every program wrote differently: tables
// and frame are in a separate JPEG, in tags or before the first strip, and the scan follows them or is in the strips.
// decodeOldJPEG assembles one JPEG from whatever it finds.
func (p *Page) decodeOldJPEG(ctx context.Context) (img image.Image, damage, err error) {
	bw, bh := p.block()
	switch {
	case p.Width == 0 || p.Height == 0:
		return nil, nil, FormatError("it has no size")
	case p.tiled() && (bw < p.Width || bh < p.Height):
		return nil, nil, UnsupportedError("TIFF compressed with old-style JPEG in tiles")
	}
	file, err := p.joinedJPEG()
	if err != nil {
		return nil, nil, err
	}
	parts, err := fits(file[2:], max(p.Width, bw), max(p.Height, bh))
	if err != nil {
		return nil, nil, err
	}
	d := &decoder{Page: p, blockWidth: p.Width, blockHeight: p.Height, across: 1, down: 1, samples: p.sampler()}
	whole, broken := d.decodeJPEG(ctx, append([][]byte{p.jpegColours()}, parts...))
	if whole == nil {
		return nil, nil, broken
	}
	if d.canvas, err = p.newCanvas(); err != nil {
		return nil, nil, err
	}
	if p.colour == ycbcr {
		rows, damage := d.putJPEG(whole, 0, 0, p.Height)
		if rows == 0 {
			return nil, nil, damage
		}
		return d.img, cmp.Or(broken, damage), nil
	}
	s, ok := samplesOf(whole)
	if !ok || s.channels != p.n || s.width < p.Width {
		return nil, nil, FormatError("its strips do not match")
	}
	rows := min(p.Height, s.height)
	damage = broken
	if rows < p.Height {
		damage = ErrCut
	}
	d.putRows(0, 0, rows, s)
	return d.finished(), damage, nil
}

// isNewJPEG reports whether each strip is a complete JPEG, although the page declares old-style JPEG.
func (p *Page) isNewJPEG() bool {
	return p.number(tagOldJPEG, 0, 0) == 0 && bytes.HasPrefix(p.piece(0), []byte{0xff, 0xd8})
}

// joinedJPEG assembles the JPEG.
func (p *Page) joinedJPEG() ([]byte, error) {
	head := p.oldHead()
	strips := p.count(tagStripOffsets)
	scan, headed := -1, len(head) > 2
	if headed {
		scan = afterScanHeader(head)
	}
	first := p.piece(0)
	switch {
	case scan > 0 && len(head)-scan > len(first)/2: // the JPEG is complete
		return head, nil
	case !headed:
		var err error
		if head, err = p.tabledHead(); err != nil {
			return nil, err
		}
	case scan < 0: // a frame without a scan; the scan's own header may name other channels
		head = append(slices.Clip(head), p.scanHeader(firstID(head))...)
		if bytes.HasPrefix(first, []byte{0xff, jpegfile.SOS}) {
			s := &jpegfile.Bytes{File: first}
			if _, _, err := s.Segment(); err != nil {
				return nil, ErrCut
			}
			first = first[s.At:]
		}
	}
	joined := append(slices.Clone(head), first...)
	for i := 1; i < strips; i++ {
		joined = append(joined, 0xff, byte(jpegfile.RST0+(i-1)%8))
		joined = append(joined, p.piece(i)...)
		if len(joined) > 2*len(p.file)+maxTables {
			return nil, FormatError("its strips overlap")
		}
	}
	return append(joined, 0xff, jpegfile.EOI), nil
}

// oldHead returns the JPEG that the page refers to, or the part of it that the file has.
func (p *Page) oldHead() []byte {
	at, n := p.number(tagOldJPEG, 0, 0), p.number(tagOldJPEGSize, 0, 0)
	size := uint64(len(p.file))
	if at == 0 || at >= size {
		return nil
	}
	if n == 0 {
		n = size
	}
	b := p.file[at:][:min(n, size-at)]
	if !bytes.HasPrefix(b, []byte{0xff, 0xd8}) {
		return nil
	}
	return b
}

// afterScanHeader returns the offset of the first scan's data, -1 if there is none.
func afterScanHeader(b []byte) int {
	for s := (&jpegfile.Bytes{File: b, At: 2}); ; {
		switch marker, _, err := s.Segment(); {
		case err != nil || marker == jpegfile.EOI:
			return -1
		case marker == jpegfile.SOS:
			return s.At
		}
	}
}

// tabledHead assembles the head of a JPEG from the tables that the page's tags refer to.
func (p *Page) tabledHead() ([]byte, error) {
	b := []byte{0xff, 0xd8}
	segment := func(marker byte, body []byte) {
		n := len(body) + 2
		b = append(append(b, 0xff, marker, byte(n>>8), byte(n)), body...)
	}
	for i := range p.n {
		at := func(tag uint16) []byte {
			return p.file[min(p.number(tag, i, p.number(tag, 0, 1<<62)), uint64(len(p.file))):]
		}
		q := at(tagOldQuantization)
		if len(q) < 64 {
			return nil, ErrCut
		}
		segment(jpegfile.DQT, append([]byte{byte(i)}, q[:64]...))
		for class, tag := range []uint16{tagOldDC, tagOldAC} {
			h := at(tag)
			if len(h) < 16 {
				return nil, ErrCut
			}
			n := 16
			for _, v := range h[:16] {
				n += int(v)
			}
			if n > 16+256 || n > len(h) {
				return nil, FormatError("its JPEG tables are broken")
			}
			segment(jpegfile.DHT, append([]byte{byte(class<<4 | min(i, 1))}, h[:n]...))
		}
	}
	w, h := p.Width, p.Height
	if p.tiled() {
		w, h = p.block()
	}
	frame := []byte{8, byte(h >> 8), byte(h), byte(w >> 8), byte(w), byte(p.n)}
	for i := range p.n {
		sampling := byte(0x11)
		if i == 0 && p.n > 1 && p.colour == ycbcr {
			sampling = byte(p.sampled[0]<<4 | p.sampled[1])
		}
		frame = append(frame, byte(i+1), sampling, byte(i))
	}
	segment(jpegfile.SOF0, frame)
	return append(b, p.scanHeader(1)...), nil
}

// restartInterval returns the number of blocks between two restart markers; by default the blocks of a strip, if there
// is more than one.
func (p *Page) restartInterval() int {
	if n := p.number(tagOldRestart, 0, 0); n > 0 || p.count(tagStripOffsets) < 2 {
		return int(n)
	}
	across, down := 8, 8
	if p.n > 1 && p.colour == ycbcr {
		across, down = 8*max(1, p.sampled[0]), 8*max(1, p.sampled[1])
	}
	_, rows := p.block()
	return ceilDiv(p.Width, across) * ceilDiv(rows, down)
}

// scanHeader returns the header of a scan of all channels, numbered from first, preceded by the restart interval.
func (p *Page) scanHeader(first int) (b []byte) {
	if interval := p.restartInterval(); interval > 0 {
		b = append(b, 0xff, jpegfile.DRI, 0, 4, byte(interval>>8), byte(interval))
	}
	b = append(b, 0xff, jpegfile.SOS, 0, byte(6+2*p.n), byte(p.n))
	for i := range p.n {
		b = append(b, byte(first+i), byte(min(i, 1)*0x11))
	}
	return append(b, 0, 63, 0)
}

// firstID returns the ID of the first channel in a JPEG's frame, 1 if there is none.
func firstID(head []byte) int {
	for s := (&jpegfile.Bytes{File: head, At: 2}); ; {
		marker, body, err := s.Segment()
		if err != nil {
			return 1
		}
		if marker == jpegfile.SOF0 {
			if f, ok := jpegfile.ParseFrame(body); ok && len(f.Components) > 0 {
				return int(f.Components[0].ID)
			}
		}
	}
}
