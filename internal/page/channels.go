package page

import (
	"image"
	"image/color"
)

// rowsOf returns a picture's rows as 8-bit channels laid on white: how many channels, 1 gray or 3 colour, and a function that
// fills one row. It knows the types that the decoders return; any other is read pixel by pixel, slower by an order.
func rowsOf(img image.Image) (channels int, fill func(y int, row [][]byte)) {
	switch m := img.(type) {
	case *image.Gray:
		return 1, func(y int, row [][]byte) { copy(row[0], m.Pix[y*m.Stride:]) }
	case *image.Gray16:
		return 1, func(y int, row [][]byte) {
			for x, pix := 0, m.Pix[y*m.Stride:]; x < len(row[0]); x++ {
				row[0][x] = pix[2*x]
			}
		}
	case *image.Paletted:
		return palettedRows(m)
	case *image.RGBA:
		return 3, func(y int, row [][]byte) { premultiplied(row, m.Pix[y*m.Stride:], 1) }
	case *image.RGBA64:
		return 3, func(y int, row [][]byte) { premultiplied(row, m.Pix[y*m.Stride:], 2) }
	case *image.NRGBA:
		return 3, func(y int, row [][]byte) { straight(row, m.Pix[y*m.Stride:], 1) }
	case *image.NRGBA64:
		return 3, func(y int, row [][]byte) { straight(row, m.Pix[y*m.Stride:], 2) }
	case *image.CMYK:
		return 3, func(y int, row [][]byte) { inks(row, m.Pix[y*m.Stride:]) }
	case *image.NYCbCrA:
		return 3, func(y int, row [][]byte) { lumaAndAlpha(row, m, m.Rect.Min.Y+y) }
	}
	b := img.Bounds()
	return 3, func(y int, row [][]byte) {
		for x := range row[0] {
			row[0][x], row[1][x], row[2][x] = onWhite(img.At(b.Min.X+x, b.Min.Y+y))
		}
	}
}

// onWhite lays a colour on white.
func onWhite(c color.Color) (r, g, b byte) {
	n := color.NRGBAModel.Convert(c).(color.NRGBA)
	return lay(n.R, n.A), lay(n.G, n.A), lay(n.B, n.A)
}

func lay(v, alpha byte) byte {
	return byte((uint32(v)*uint32(alpha) + 255*(255-uint32(alpha)) + 127) / 255)
}

// premultiplied reads RGBA whose colours are multiplied with alpha already, size bytes a channel, of which the first is enough.
func premultiplied(row [][]byte, pix []byte, size int) {
	r, g, b := row[0], row[1], row[2]
	g, b = g[:len(r)], b[:len(r)]
	for x := range r {
		p := pix[4*size*x:][:3*size+1]
		white := 255 - p[3*size]
		r[x], g[x], b[x] = p[0]+white, p[size]+white, p[2*size]+white
	}
}

// straight reads the same where they are not multiplied.
func straight(row [][]byte, pix []byte, size int) {
	r, g, b := row[0], row[1], row[2]
	g, b = g[:len(r)], b[:len(r)]
	for x := range r {
		p := pix[4*size*x:][:3*size+1]
		if alpha := p[3*size]; alpha == 255 {
			r[x], g[x], b[x] = p[0], p[size], p[2*size]
		} else {
			r[x], g[x], b[x] = lay(p[0], alpha), lay(p[size], alpha), lay(p[2*size], alpha)
		}
	}
}

func inks(row [][]byte, pix []byte) {
	for x := range row[0] {
		p := pix[4*x:][:4]
		row[0][x], row[1][x], row[2][x] = color.CMYKToRGB(p[0], p[1], p[2], p[3])
	}
}

// lumaAndAlpha reads a row of luma and chroma that are not multiplied with alpha.
func lumaAndAlpha(row [][]byte, m *image.NYCbCrA, y int) {
	for x := range row[0] {
		at, alpha := m.YCbCr.COffset(m.Rect.Min.X+x, y), m.A[m.AOffset(m.Rect.Min.X+x, y)]
		r, g, b := color.YCbCrToRGB(m.Y[m.YOffset(m.Rect.Min.X+x, y)], m.Cb[at], m.Cr[at])
		row[0][x], row[1][x], row[2][x] = lay(r, alpha), lay(g, alpha), lay(b, alpha)
	}
}

// palettedRows looks colours up. With a palette of grays there is one channel. A number that is not in the palette is
// black, as for libpng.
func palettedRows(m *image.Paletted) (int, func(int, [][]byte)) {
	var table [256][3]byte
	gray := true
	for i, c := range m.Palette {
		r, g, b := onWhite(c)
		table[i] = [3]byte{r, g, b}
		gray = gray && r == g && g == b
	}
	fill := func(y int, row [][]byte) {
		pix := m.Pix[y*m.Stride:]
		for c, samples := range row {
			for x := range samples {
				samples[x] = table[pix[x]][c]
			}
		}
	}
	if gray {
		return 1, fill
	}
	return 3, fill
}
