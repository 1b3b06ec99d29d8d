package bmp

import (
	"image"
	"image/color"
	"math/bits"
)

// canvas is a picture that is being decoded.
type canvas struct {
	p        *Picture
	indices  *image.Paletted
	colours  *image.NRGBA
	alpha    bool // some pixel is not fully transparent
	channels [4]channel
}

// channel extracts one channel of a pixel.
type channel struct {
	mask  uint32
	shift int
	most  uint64
}

func newChannel(mask uint32) channel {
	c := channel{mask: mask, shift: bits.TrailingZeros32(mask)}
	c.most = uint64(mask) >> c.shift
	return c
}

// of returns the channel of a pixel, scaled to 8 bits.
func (c *channel) of(pixel uint32) byte {
	if c.most == 0 {
		return 0
	}
	return byte((uint64(pixel&c.mask)>>c.shift*255 + c.most/2) / c.most)
}

// canvas returns a white canvas.
func (p *Picture) canvas(file []byte) *canvas {
	c, r := &canvas{p: p}, image.Rect(0, 0, p.Width, p.Height)
	if p.depth > 8 {
		c.colours = image.NewNRGBA(r)
		for i := range c.colours.Pix {
			c.colours.Pix[i] = 255
		}
		for i, m := range p.masks {
			c.channels[i] = newChannel(m)
		}
		return c
	}
	palette := p.paletteOf(file)
	white := palette.Index(color.White)
	if len(palette) < 1<<8 {
		for len(palette) < 1<<p.depth { // indices without a colour
			palette = append(palette, color.Black)
		}
		if len(palette) < 1<<8 {
			white = len(palette)
			palette = append(palette, color.White)
		}
	}
	c.indices = image.NewPaletted(r, palette)
	for i := range c.indices.Pix {
		c.indices.Pix[i] = byte(white)
	}
	return c
}

// image returns the finished picture. If all of it is transparent, its alpha values are ignored.
func (c *canvas) image() image.Image {
	if c.indices != nil {
		return c.indices
	}
	if c.p.masks[3] == 0 || !c.alpha {
		for i := 3; i < len(c.colours.Pix); i += 4 {
			c.colours.Pix[i] = 255
		}
	}
	return c.colours
}

// row returns where the y-th stored row belongs in the picture.
func (c *canvas) row(y int) int {
	if c.p.topDown {
		return y
	}
	return c.p.Height - 1 - y
}
