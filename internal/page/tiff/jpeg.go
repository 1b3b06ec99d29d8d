package tiff

import (
	"bytes"
	"encoding/binary"
	"image"
	"image/draw"
	"image/jpeg"
)

// decodeJPEG puts the picture together from its strips or tiles, each of them a JPEG, with its tables in a tag of the
// directory, as scanners write it.
func (p *Page) decodeJPEG(b []byte) (image.Image, error) {
	offsets, counts := uint16(tagStripOffsets), uint16(tagStripCounts)
	if p.tiled() {
		offsets, counts = tagTileOffsets, tagTileCounts
	}
	bw, bh := p.block()
	if bw == 0 || bh == 0 {
		return nil, FormatError("no strips")
	}
	across, down := (p.Width+bw-1)/bw, (p.Height+bh-1)/bh
	if p.count(offsets) < across*down || p.count(counts) < across*down {
		return nil, FormatError("strips are missing")
	}
	var whole draw.Image
	for i := range across * down {
		at, n := int64(p.number(offsets, i, 0)), int64(p.number(counts, i, 0))
		if at+n > int64(len(b)) {
			return nil, errCut
		}
		m, err := p.piece(b[at:at+n], bw, bh)
		if err != nil {
			return nil, err
		}
		if across*down == 1 && m.Bounds() == image.Rect(0, 0, p.Width, p.Height) {
			return p.inverted(m), nil
		}
		if whole, err = p.put(whole, m, i%across*bw, i/across*bh); err != nil {
			return nil, err
		}
	}
	return p.inverted(unwrapped(whole)), nil
}

// piece decodes one strip or tile of at most w x h pixels.
func (p *Page) piece(b []byte, w, h int) (image.Image, error) {
	file := p.withTables(b)
	if err := fits(file, w, h); err != nil {
		return nil, err
	}
	return jpeg.Decode(bytes.NewReader(file))
}

// withTables completes a strip with the tables of the directory, and with a mark that its colours are RGB where they are:
// a JPEG by itself would be taken for YCbCr.
func (p *Page) withTables(b []byte) []byte {
	var file []byte
	file = append(file, 0xff, 0xd8)
	if p.photometric() == rgb {
		file = append(file, 0xff, 0xee, 0, 14, 'A', 'd', 'o', 'b', 'e', 0, 100, 0, 0, 0, 0, 0)
	}
	if t := p.value(tagJPEGTable).raw; len(t) > 4 {
		file = append(file, bytes.TrimSuffix(t[2:], []byte{0xff, 0xd9})...)
	}
	return append(file, b[min(2, len(b)):]...)
}

// fits looks for the frame of a strip and holds it against the size that memory was reserved for.
func fits(b []byte, w, h int) error {
	for i := 2; i+4 <= len(b) && b[i] == 0xff; i += 2 + int(binary.BigEndian.Uint16(b[i+2:])) {
		for i+4 < len(b) && b[i+1] == 0xff {
			i++
		}
		switch m := b[i+1]; {
		case m == 0xc2:
			return UnsupportedError("TIFF with progressive JPEG")
		case m == 0xc0 || m == 0xc1:
			if i+9 > len(b) {
				return errCut
			}
			if int(binary.BigEndian.Uint16(b[i+5:])) > h || int(binary.BigEndian.Uint16(b[i+7:])) > (w+15)&^15 {
				return FormatError("a strip is larger than it should be")
			}
			return nil
		case m == 0xda:
			return FormatError("a strip without frame")
		}
	}
	return FormatError("a strip that is no JPEG")
}

// put copies a piece to its place in the picture, which the first one makes.
func (p *Page) put(whole draw.Image, piece image.Image, x, y int) (draw.Image, error) {
	bounds := image.Rect(0, 0, p.Width, p.Height)
	switch m := piece.(type) {
	case *image.YCbCr:
		if whole == nil {
			whole = planes{image.NewYCbCr(bounds, m.SubsampleRatio)}
		}
		if w, ok := whole.(planes); ok && w.SubsampleRatio == m.SubsampleRatio && w.put(m, x, y) {
			return whole, nil
		}
	case *image.Gray, *image.RGBA:
		if _, gray := m.(*image.Gray); whole == nil && gray {
			whole = image.NewGray(bounds)
		} else if whole == nil {
			whole = image.NewRGBA(bounds)
		}
		draw.Draw(whole, m.Bounds().Add(image.Pt(x, y)), m, image.Point{}, draw.Src)
		return whole, nil
	}
	return nil, FormatError("strips do not match")
}

// inverted turns gray the right way round where white is stored as zero.
func (p *Page) inverted(img image.Image) image.Image {
	if m, ok := img.(*image.Gray); ok && p.photometric() == whiteIsZero {
		for i := range m.Pix {
			m.Pix[i] = ^m.Pix[i]
		}
	}
	return img
}
