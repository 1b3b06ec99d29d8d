package tiff

import (
	"image"
	"image/color"
)

// canvas is the picture that is being decoded. It is white where nothing has been put.
type canvas struct {
	img     image.Image // *image.Gray, *image.Paletted, *image.NRGBA, or *image.YCbCr, allocated for the first piece
	palette []color.NRGBA
	opaque  bool // all pixels so far are fully transparent: see finished
	lab     labTable
}

func (p *Page) newCanvas() (c canvas, err error) {
	c.opaque = p.alpha > 0
	r := image.Rect(0, 0, p.Width, p.Height)
	if p.colour == palette {
		if c.palette, err = p.colourMap(); err != nil {
			return c, err
		}
	}
	switch {
	case p.colour == ycbcr && p.jpeg() && p.planes == 1:
	case p.colour == ycbcr:
		c.img = newYCbCr(r, ratios[p.sampled])
	case p.paletted():
		m := &image.Paletted{Pix: make([]byte, p.Width*p.Height), Stride: p.Width, Rect: r}
		lightest := 0
		for i, v := range c.palette {
			m.Palette = append(m.Palette, v)
			if luma(v) > luma(c.palette[lightest]) {
				lightest = i
			}
		}
		c.img = m
		fill(m.Pix, byte(lightest))
	case p.colour <= blackIsZero && p.alpha == 0:
		m := image.NewGray(r)
		c.img = m
		fill(m.Pix, 0xff)
	default:
		m := image.NewNRGBA(r)
		c.img = m
		fill(m.Pix, 0xff)
	}
	if p.colour == cieLab || p.colour == iccLab {
		c.lab = newLabTable(p.colour == cieLab)
	}
	return c, nil
}

func fill(pix []byte, v byte) {
	for i := range pix {
		pix[i] = v
	}
}

func luma(c color.NRGBA) int { return 299*int(c.R) + 587*int(c.G) + 114*int(c.B) }

// colourMap returns the palette. Its values have 16 bits, but some programs write 8.
func (p *Page) colourMap() ([]color.NRGBA, error) {
	n := 1 << p.bits
	if p.count(tagColorMap) < 3*n {
		return nil, FormatError("its palette is too small")
	}
	largest := uint64(0)
	for i := range 3 * n {
		largest = max(largest, p.number(tagColorMap, i, 0))
	}
	shift := 8
	if largest < 256 {
		shift = 0
	}
	value := func(i int) byte { return byte(p.number(tagColorMap, i, 0) >> shift) }
	colours := make([]color.NRGBA, n)
	for i := range colours {
		colours[i] = color.NRGBA{value(i), value(n + i), value(2*n + i), 255}
	}
	return colours, nil
}

// pixels holds the samples of a block as stored.
type pixels struct {
	pix                             []byte
	stride, width, height, channels int
}

// putRows puts rows of samples at (x, y), from one piece with all channels or from a piece per channel.
func (d *decoder) putRows(x, y, rows int, pieces ...pixels) {
	w := min(d.blockWidth, d.Width-x)
	if len(d.line) < w*d.n {
		d.line = make([]byte, w*d.n)
	}
	for i := range rows {
		for first, p := range pieces {
			d.samples.read(d.line[first:], len(pieces), p.pix[i*p.stride:], w*d.n/len(pieces))
		}
		d.putLine(x, y+i, d.line[:w*d.n])
	}
}

// putLine puts a row of pixels of n samples each, beginning at (x, y).
func (d *decoder) putLine(x, y int, line []byte) {
	switch m := d.img.(type) {
	case *image.Gray:
		out := m.Pix[m.PixOffset(x, y):]
		flip := byte(0)
		if d.colour == whiteIsZero {
			flip = 0xff
		}
		for i := 0; i*d.n < len(line); i++ {
			out[i] = line[i*d.n] ^ flip
		}
	case *image.Paletted:
		out := m.Pix[m.PixOffset(x, y):]
		for i := 0; i*d.n < len(line); i++ {
			out[i] = line[i*d.n]
		}
	case *image.NRGBA:
		out := m.Pix[m.PixOffset(x, y):]
		if d.colour == rgb && d.alpha == 0 {
			for ; len(line) >= d.n; line, out = line[d.n:], out[4:] {
				out[0], out[1], out[2] = line[0], line[1], line[2]
			}
			return
		}
		for ; len(line) >= d.n; line, out = line[d.n:], out[4:] {
			d.putPixel((*[4]byte)(out), line)
		}
	case *image.YCbCr: // in separate planes
		for i := 0; i*d.n < len(line); i++ {
			at := m.YOffset(x+i, y)
			m.Y[at], m.Cb[at], m.Cr[at] = line[3*i], line[3*i+1], line[3*i+2]
		}
	}
}

// putPixel converts samples to a colour.
func (d *decoder) putPixel(out *[4]byte, s []byte) {
	a := byte(255)
	if d.alpha > 0 {
		a = s[d.alpha]
		d.opaque = d.opaque && a == 0
	}
	r, g, b := s[0], s[0], s[0]
	switch d.colour {
	case whiteIsZero:
		r, g, b = ^r, ^g, ^b
	case rgb:
		g, b = s[1], s[2]
	case palette:
		c := d.palette[s[0]]
		r, g, b = c.R, c.G, c.B
		if d.bits < 8 {
			a = byte(int(a) * 255 / (1<<d.bits - 1))
		}
	case cmyk:
		r, g, b = inked(s[0], s[3]), inked(s[1], s[3]), inked(s[2], s[3])
	case cieLab, iccLab:
		r, g, b = d.lab.rgb(s[0], s[1], s[2])
	}
	if d.scaled && a > 0 {
		r, g, b = divided(r, a), divided(g, a), divided(b, a)
	}
	*out = [4]byte{r, g, b, a}
}

// inked returns the value of white under an ink and black.
func inked(ink, black byte) byte { return byte((255 - uint32(ink)) * (255 - uint32(black)) / 255) }

// divided undoes the multiplication of a colour by alpha.
func divided(v, alpha byte) byte { return byte(min(255, (int(v)*255+int(alpha)/2)/int(alpha))) }

// finished returns the picture. If all of it is transparent, its alpha is ignored: the page would be empty.
func (d *decoder) finished() image.Image {
	if m, ok := d.img.(*image.NRGBA); ok && d.opaque {
		for i := 3; i < len(m.Pix); i += 4 {
			m.Pix[i] = 0xff
		}
	}
	return d.img
}
