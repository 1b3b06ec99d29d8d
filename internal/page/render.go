package page

import (
	"image"

	"github.com/bucketocr/bucketocr/internal/page/jpegfile"
)

// render returns the picture upright and in its final size: w x h before it is turned, at most that of img unless its
// pixels are oblong. The result is an *image.Gray, an *image.YCbCr (4:2:0, the only ratio that the JPEG encoder writes)
// or an opaque *image.RGBA, and its bounds begin at the origin.
func render(img image.Image, w, h int, o orientation) image.Image {
	switch m := img.(type) {
	case *image.YCbCr:
		return renderYCbCr(m, w, h, o)
	case laid:
		return renderYCbCr(m.YCbCr, w, h, o)
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
	out := opaque(image.Rect(0, 0, upW, upH))
	red := o.place(out.Pix, w, h, 4, out.Stride)
	green, blue := red, red
	green.at, blue.at = red.at+1, red.at+2
	shrink(x, y, row, fill, red, green, blue)
	return withoutColour(out)
}

// opaque returns a black picture.
func opaque(r image.Rectangle) *image.RGBA {
	m := image.NewRGBA(r)
	for i := 3; i < len(m.Pix); i += 4 {
		m.Pix[i] = 255
	}
	return m
}

// renderYCbCr scales plane by plane, without converting to RGB.
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

// withoutColour returns a picture without colour as gray: scanners often store black on white as RGB.
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
