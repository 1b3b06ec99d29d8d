package tiff

import (
	"bytes"
	"context"
	"image"
	"image/draw"
	"image/jpeg"
	"io"

	"github.com/bucketocr/bucketocr/internal/page/jpegfile"
)

// decodeJPEG puts the picture together from its strips or tiles, each of them a JPEG, with its tables in a tag of the
// directory, as scanners write it.
func (p *Page) decodeJPEG(ctx context.Context) (image.Image, error) {
	offsets, counts := p.places()
	bw, bh := p.block()
	if bw == 0 || bh == 0 {
		return nil, FormatError("no strips")
	}
	if p.tiled() && min(bw, bh) < 8 {
		return nil, FormatError("tiles of less than 8 pixels") // each costs as much as one that is worth it
	}
	across, down := (p.Width+bw-1)/bw, (p.Height+bh-1)/bh
	if p.count(offsets) < across*down || p.count(counts) < across*down {
		return nil, FormatError("strips are missing")
	}
	front, err := p.front()
	if err != nil {
		return nil, err
	}
	var whole image.Image
	for i := range across * down {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		at, n := int64(p.number(offsets, i, 0)), int64(p.number(counts, i, 0))
		if at+n > int64(len(p.file)) {
			return nil, errCut
		}
		m, err := piece(front, p.file[at:at+n], bw, bh)
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
	return p.inverted(whole), nil
}

// piece decodes one strip or tile of at most w x h pixels, with what goes before it in place of its first marker.
func piece(front, b []byte, w, h int) (image.Image, error) {
	b = b[min(2, len(b)):]
	if err := fits(b, w, h); err != nil {
		return nil, err
	}
	return jpeg.Decode(io.MultiReader(bytes.NewReader(front), bytes.NewReader(b)))
}

// maxTables is several times what all tables of a JPEG take in bytes. They are read once for each strip.
const maxTables = 16 << 10

// front is what goes before each strip: the first marker, a mark that its colours are RGB where they are, since a JPEG by itself would be
// taken for YCbCr, and the tables of the directory.
func (p *Page) front() ([]byte, error) {
	front := []byte{0xff, 0xd8}
	if p.photometric() == rgb {
		front = append(front, 0xff, jpegfile.APP14, 0, 14, 'A', 'd', 'o', 'b', 'e', 0, 100, 0, 0, 0, 0, 0)
	}
	t := p.value(tagJPEGTable).raw
	if len(t) <= 4 {
		return front, nil
	}
	if len(t) > maxTables {
		return nil, FormatError("too many JPEG tables")
	}
	for s := (&jpegfile.Bytes{File: t, At: 2}); ; {
		whole := s.At
		switch marker, _, err := s.Segment(); {
		case err != nil || marker == jpegfile.EOI: // what is cut off must not take a part of the strip for the rest of it
			return append(front, t[2:whole]...), nil
		case marker == jpegfile.SOS || marker >= jpegfile.SOF0 && marker <= jpegfile.SOF2:
			return nil, FormatError("a picture among the JPEG tables") // whose size nobody has looked at
		}
	}
}

// fits compares the frame of a strip, without its first marker, with the size that memory was acquired for.
func fits(b []byte, w, h int) error {
	const errFile = FormatError("a strip that is no JPEG")
	s := &jpegfile.Bytes{File: b}
	for {
		marker, body, err := s.Segment()
		switch {
		case marker == jpegfile.SOF2:
			return UnsupportedError("TIFF with progressive JPEG")
		case marker == jpegfile.SOS:
			return FormatError("a strip without frame")
		case err != nil || marker == jpegfile.EOI:
			return errFile
		case marker == jpegfile.SOF0 || marker == jpegfile.SOF1:
			switch f, ok := jpegfile.ParseFrame(body); {
			case !ok:
				return errFile
			case f.Height > h || f.Width > (w+15)&^15:
				return FormatError("a strip is larger than it should be")
			}
			return nil
		}
	}
}

// put copies a piece to its place in the picture, which the first one makes.
func (p *Page) put(whole, piece image.Image, x, y int) (image.Image, error) {
	m, planes := piece.(*image.YCbCr)
	_, gray := piece.(*image.Gray)
	_, colour := piece.(*image.RGBA)
	bounds := image.Rect(0, 0, p.Width, p.Height)
	switch {
	case whole != nil:
	case planes:
		whole = image.NewYCbCr(bounds, m.SubsampleRatio)
	case gray:
		whole = image.NewGray(bounds)
	case colour:
		whole = image.NewRGBA(bounds)
	}
	switch w := whole.(type) {
	case *image.YCbCr:
		if planes && w.SubsampleRatio == m.SubsampleRatio && putPlanes(w, m, x, y) {
			return whole, nil
		}
	case draw.Image:
		if gray || colour {
			draw.Draw(w, piece.Bounds().Add(image.Pt(x, y)), piece, image.Point{}, draw.Src)
			return whole, nil
		}
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

// putPlanes copies m to (x, y) of w. It reports false if a sample of colour would have to be split.
func putPlanes(w, m *image.YCbCr, x, y int) bool {
	across, down := jpegfile.Sampling(m.SubsampleRatio)
	if x%across != 0 || y%down != 0 || !image.Pt(x, y).In(w.Rect) {
		return false
	}
	r := m.Rect.Add(image.Pt(x, y)).Intersect(w.Rect)
	copyPlane(w.Y[w.YOffset(x, y):], w.YStride, m.Y, m.YStride, r.Dx(), r.Dy())
	cw, ch := (r.Dx()+across-1)/across, (r.Dy()+down-1)/down
	copyPlane(w.Cb[w.COffset(x, y):], w.CStride, m.Cb, m.CStride, cw, ch)
	copyPlane(w.Cr[w.COffset(x, y):], w.CStride, m.Cr, m.CStride, cw, ch)
	return true
}

func copyPlane(dst []byte, dstStride int, src []byte, srcStride, w, h int) {
	for y := range h {
		copy(dst[y*dstStride:][:w], src[y*srcStride:])
	}
}
