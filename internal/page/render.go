package page

import (
	"image"

	"github.com/bucketocr/bucketocr/internal/page/jpegfile"
)

// render makes the upright picture in its final size: w x h before it is turned, not larger than img. The result is a
// *image.Gray, *image.YCbCr (4:2:0, all that the JPEG encoder can write) or opaque *image.RGBA with its corner at (0,
//
//	0).
func render(img image.Image, w, h int, o orientation) image.Image {
	if m, ok := img.(*image.YCbCr); ok {
		return renderYCbCr(m, w, h, o)
	}
	b := img.Bounds()
	x, y := lengthwise(b.Dx(), w), lengthwise(b.Dy(), h)
	upW, upH := o.size(w, h)
	channels, fill := rowsOf(img)
	row := make([][]byte, channels)
	for c := range row {
		row[c] = make([]byte, b.Dx())
	}
	if channels == 1 {
		out := image.NewGray(image.Rect(0, 0, upW, upH))
		shrink(x, y, row, fill, o.place(out.Pix, w, h, 1, out.Stride))
		return out
	}
	out := image.NewRGBA(image.Rect(0, 0, upW, upH))
	for i := 3; i < len(out.Pix); i += 4 {
		out.Pix[i] = 255
	}
	red := o.place(out.Pix, w, h, 4, out.Stride)
	green, blue := red, red
	green.at, blue.at = red.at+1, red.at+2
	shrink(x, y, row, fill, red, green, blue)
	return withoutColour(out)
}

// renderYCbCr scales plane by plane, without the way over RGB.
func renderYCbCr(m *image.YCbCr, w, h int, o orientation) image.Image {
	b := m.Bounds()
	upW, upH := o.size(w, h)
	out := image.NewYCbCr(image.Rect(0, 0, upW, upH), image.YCbCrSubsampleRatio420)
	x, y := lengthwise(b.Dx(), w), lengthwise(b.Dy(), h)
	plane(x, y, m.Y, m.YStride, o.place(out.Y, w, h, 1, out.YStride))
	across, down := jpegfile.Sampling(m.SubsampleRatio)
	x, y = x.halved(across, o.flipsX()), y.halved(down, o.flipsY())
	plane(x, y, m.Cb, m.CStride, o.place(out.Cb, x.cells, y.cells, 1, out.CStride))
	plane(x, y, m.Cr, m.CStride, o.place(out.Cr, x.cells, y.cells, 1, out.CStride))
	return out
}

func plane(x, y axis, pix []byte, stride int, t target) {
	shrink(x, y, make([][]byte, 1), func(r int, row [][]byte) { row[0] = pix[r*stride:][:x.samples] }, t)
}

// withoutColour returns a picture as gray if it has no colour: scanners often store black on white as RGB.
func withoutColour(m *image.RGBA) image.Image {
	for i := 0; i < len(m.Pix); i += 4 {
		if m.Pix[i] != m.Pix[i+1] || m.Pix[i] != m.Pix[i+2] {
			return m
		}
	}
	out := image.NewGray(m.Rect)
	for i := range out.Pix {
		out.Pix[i] = m.Pix[4*i]
	}
	return out
}
