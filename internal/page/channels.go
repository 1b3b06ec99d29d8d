package page

import (
	"image"
	"image/color"
	"image/draw"
)

// rowsOf returns the number of channels of a picture, 1 for gray or 3 for colour, and a function that fills one row
// with 8-bit samples laid on white. The most common types have a case each, which is twice as fast as drawing.
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
		return 3, func(y int, row [][]byte) { premultiplied(row, m.Pix[y*m.Stride:]) }
	case *image.NRGBA:
		return 3, func(y int, row [][]byte) { straight(row, m.Pix[y*m.Stride:]) }
	case opacity:
		return 1, m.rows()
	}
	at := img.Bounds().Min
	drawn := image.NewRGBA(image.Rect(0, 0, img.Bounds().Dx(), 1))
	return 3, func(y int, row [][]byte) {
		draw.Draw(drawn, drawn.Rect, img, at.Add(image.Pt(0, y)), draw.Src)
		premultiplied(row, drawn.Pix)
	}
}

// opacity shows how opaque a picture is: black where it is opaque, white where it is transparent.
type opacity struct{ image.Image }

// rows returns the function of rowsOf.
func (o opacity) rows() func(y int, row [][]byte) {
	switch m := o.Image.(type) {
	case laid:
		return func(y int, row [][]byte) {
			for x, a := range m.alpha.Pix[y*m.alpha.Stride:][:len(row[0])] {
				row[0][x] = 255 - a
			}
		}
	case *image.Paletted:
		var table [256]byte // an index outside the palette is black
		for i, c := range m.Palette {
			_, _, _, a := c.RGBA()
			table[i] = 255 - byte(a>>8)
		}
		return func(y int, row [][]byte) {
			for x, v := range m.Pix[y*m.Stride:][:len(row[0])] {
				row[0][x] = table[v]
			}
		}
	}
	at := o.Bounds().Min
	drawn := image.NewRGBA(image.Rect(0, 0, o.Bounds().Dx(), 1))
	return func(y int, row [][]byte) {
		draw.Draw(drawn, drawn.Rect, o.Image, at.Add(image.Pt(0, y)), draw.Src)
		for x := range row[0] {
			row[0][x] = 255 - drawn.Pix[4*x+3]
		}
	}
}

func onWhite(c color.Color) (r, g, b byte) {
	n := color.NRGBAModel.Convert(c).(color.NRGBA)
	return lay(n.R, n.A), lay(n.G, n.A), lay(n.B, n.A)
}

func lay(v, alpha byte) byte {
	return byte((uint32(v)*uint32(alpha) + 255*(255-uint32(alpha)) + 127) / 255)
}

// premultiplied reads RGBA whose colours are multiplied by alpha.
func premultiplied(row [][]byte, pix []byte) {
	r, g, b := row[0], row[1], row[2]
	g, b = g[:len(r)], b[:len(r)]
	for x := range r {
		p := (*[4]byte)(pix[4*x:])
		white := 255 - p[3]
		r[x], g[x], b[x] = p[0]+white, p[1]+white, p[2]+white
	}
}

// straight reads RGBA whose colours are not multiplied by alpha.
func straight(row [][]byte, pix []byte) {
	r, g, b := row[0], row[1], row[2]
	g, b = g[:len(r)], b[:len(r)]
	for x := range r {
		p := (*[4]byte)(pix[4*x:])
		if r[x], g[x], b[x] = p[0], p[1], p[2]; p[3] != 255 {
			r[x], g[x], b[x] = lay(p[0], p[3]), lay(p[1], p[3]), lay(p[2], p[3])
		}
	}
}

// palettedRows is rowsOf for a picture with a palette. A palette of grays makes one channel. An index outside the
// palette is black, as in libpng.
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
