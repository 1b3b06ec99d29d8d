package tiff

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"image"
	"image/jpeg"
	"io"

	"github.com/bucketocr/bucketocr/internal/page/jpegfile"
	"github.com/bucketocr/bucketocr/internal/page/salvage"
)

// jpegBlock is block for strips or tiles that are JPEG files each. Scanners write their tables to a tag of the
// directory.
func (d *decoder) jpegBlock(ctx context.Context, i, x, y, want int) (rows int, err error) {
	if d.tiled() && min(d.blockWidth, d.blockHeight) < 8 {
		return 0, FormatError("it has tiles smaller than 8 pixels") // each would cost as much as a larger one
	}
	pieces := make([]pixels, d.planes)
	rows = want
	for plane := range pieces {
		m, damage := d.jpegPiece(ctx, d.piece(plane*d.across*d.down+i))
		if m == nil {
			return 0, damage
		}
		if d.colour == ycbcr && d.planes == 1 {
			rows, err := d.putJPEG(m, x, y, want)
			return rows, cmp.Or(err, damage)
		}
		err = cmp.Or(err, damage)
		p, ok := samplesOf(m)
		if !ok || p.channels*d.planes != d.n || p.width < min(d.blockWidth, d.Width-x) {
			return 0, FormatError("its strips do not match")
		}
		rows = min(rows, p.height)
		pieces[plane] = p
	}
	d.putRows(x, y, rows, pieces...)
	if rows < want {
		err = ErrCut
	}
	return rows, err
}

// putJPEG puts a piece of YCbCr at (x, y). A piece of the picture's size is used as the picture.
func (d *decoder) putJPEG(img image.Image, x, y, want int) (rows int, err error) {
	m, ok := img.(*image.YCbCr)
	if !ok {
		return 0, FormatError("its strips do not match")
	}
	bounds := image.Rect(0, 0, d.Width, d.Height)
	if m.Rect == bounds {
		d.img = m
		return want, nil
	}
	if d.img == nil {
		d.img = newYCbCr(bounds, m.SubsampleRatio)
	}
	if w := d.img.(*image.YCbCr); w.SubsampleRatio != m.SubsampleRatio || !putPlanes(w, m, x, y) {
		return 0, FormatError("its strips do not match")
	}
	if rows = min(want, m.Rect.Dy()); rows < want || m.Rect.Dx() < min(d.blockWidth, d.Width-x) {
		err = ErrCut
	}
	return rows, err
}

// samplesOf returns the samples of a picture, which it overwrites.
func samplesOf(img image.Image) (pixels, bool) {
	size := img.Bounds().Size()
	switch m := img.(type) {
	case *image.Gray:
		return pixels{m.Pix, m.Stride, size.X, size.Y, 1}, true
	case *image.RGBA:
		for y := range size.Y {
			row := m.Pix[y*m.Stride:]
			for x := range size.X {
				copy(row[3*x:3*x+3], row[4*x:])
			}
		}
		return pixels{m.Pix, m.Stride, size.X, size.Y, 3}, true
	case *image.CMYK: // image/jpeg has inverted the stored values
		for i, v := range m.Pix {
			m.Pix[i] = ^v
		}
		return pixels{m.Pix, m.Stride, size.X, size.Y, 4}, true
	}
	return pixels{}, false
}

// jpegPiece decodes a strip or tile. If it is cut off or broken, it returns the readable part and an error.
func (d *decoder) jpegPiece(ctx context.Context, b []byte) (image.Image, error) {
	if len(b) < 2 {
		return nil, errMissing
	}
	parts, err := fits(b[2:], d.blockWidth, d.blockHeight)
	if err != nil {
		return nil, err
	}
	return d.decodeJPEG(ctx, append([][]byte{d.front}, parts...))
}

// mostSalvaged bounds the damaged pieces per page that are salvaged, which takes as long as decoding them.
const mostSalvaged = 16

// decodeJPEG decodes a JPEG that is given in parts. If it is cut off or broken, it returns the readable part and an
// error.
func (d *decoder) decodeJPEG(ctx context.Context, parts [][]byte) (image.Image, error) {
	var readers []io.Reader
	for _, part := range parts {
		readers = append(readers, bytes.NewReader(part))
	}
	img, err := jpeg.Decode(io.MultiReader(readers...))
	if err == nil {
		return img, nil
	}
	if d.salvaged < mostSalvaged {
		d.salvaged++
		switch part, failed := salvage.JPEG(ctx, bytes.Join(parts, nil), d.blockHeight); {
		case failed == nil && part.There == part.All && !part.Wrong: // irregular, but complete
			return part.Image, nil
		case failed == nil:
			return part.Image, cut(err)
		case ctx.Err() != nil:
			return nil, ctx.Err()
		}
	}
	if _, unsupported := errors.AsType[jpeg.UnsupportedError](err); unsupported {
		return nil, UnsupportedError("TIFF with JPEG that is not baseline")
	}
	return nil, cut(err)
}

// maxTables bounds the bytes of the JPEG tables, several times what they need: they are read once for each strip.
const maxTables = 16 << 10

// jpegFront returns the bytes to insert before each strip: the first marker, a segment that declares the colours, which
// only the directory may tell, and the directory's tables.
func (p *Page) jpegFront() ([]byte, error) {
	front := p.jpegColours()
	t := p.bytes(tagJPEGTables)
	if len(t) <= 4 {
		return front, nil
	}
	if len(t) > maxTables {
		return nil, FormatError("its JPEG tables are too large")
	}
	for s := (&jpegfile.Bytes{File: t, At: 2}); ; {
		whole := s.At
		switch marker, _, err := s.Segment(); {
		// a truncated segment must not continue in the strip
		case err != nil || marker == jpegfile.EOI:
			return append(front, t[2:whole]...), nil
		case marker == jpegfile.SOS || marker >= jpegfile.SOF0 && marker <= jpegfile.SOF2:
			return nil, FormatError("it has a picture among its JPEG tables") // its size was not checked
		}
	}
}

// jpegColours returns the beginning of a JPEG, with a segment that declares its samples as YCbCr or as not to be
// converted.
func (p *Page) jpegColours() []byte {
	if p.colour == ycbcr {
		return []byte{0xff, 0xd8, 0xff, jpegfile.APP0, 0, 16, 'J', 'F', 'I', 'F', 0, 1, 1, 0, 0, 1, 0, 1, 0, 0}
	}
	return []byte{0xff, 0xd8, 0xff, jpegfile.APP14, 0, 14, 'A', 'd', 'o', 'b', 'e', 0, 100, 0, 0, 0, 0, 0}
}

// fits returns an error if the frame of a strip, given without its first marker, is larger than memory was acquired
// for. It returns the strip without its application segments, since they may contradict the directory about the
// colours.
func fits(b []byte, w, h int) (parts [][]byte, err error) {
	const errFile = FormatError("it has a strip that is not a JPEG")
	const whole = 16 // pixels: the largest unit of a JPEG
	from, framed := 0, false
	for s := (&jpegfile.Bytes{File: b}); ; {
		before := s.At
		marker, body, err := s.Segment()
		switch {
		case err != nil || marker == jpegfile.EOI:
			return nil, errFile
		case marker >= jpegfile.APP0 && marker <= jpegfile.APP15:
			parts = append(parts, b[from:before])
			from = s.At
		case marker == jpegfile.SOF0 || marker == jpegfile.SOF1:
			f, ok := jpegfile.ParseFrame(body)
			switch {
			case !ok || framed:
				return nil, errFile
			case f.Bits != 8:
				return nil, UnsupportedError("TIFF with JPEG of more than 8 bits per channel")
			case f.Height > (h+whole-1)&^(whole-1) || f.Width > (w+whole-1)&^(whole-1):
				return nil, FormatError("it has a strip that is larger than it should be")
			}
			framed = true
		case marker > jpegfile.SOF1 && marker < jpegfile.RST0 && marker != jpegfile.DHT && marker != 0xc8:
			return nil, UnsupportedError("TIFF with JPEG that is not baseline")
		case marker == jpegfile.SOS && !framed:
			return nil, FormatError("it has a strip without a frame")
		case marker == jpegfile.SOS:
			return append(parts, b[from:]), nil
		}
	}
}
