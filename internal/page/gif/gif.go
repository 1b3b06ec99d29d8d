// Package gif decodes the first picture of a GIF. It is as lenient as browsers: a picture may be larger than its
// screen, and its palette or its end may be missing.
//
// Files, in reading order: gif.go the blocks up to the picture, lzw.go its pixels.
package gif

import (
	"context"
	"encoding/binary"
	"errors"
	"image"
	"image/color"
)

// Source reads a file from front to back.
type Source interface {
	// Next returns the next n bytes, which are valid until the next call, or an error.
	Next(n int) ([]byte, error)
}

// Errors of Read, in addition to the source's.
var (
	ErrNoPicture = errors.New("gif: no picture")
	ErrBroken    = errors.New("gif: broken before its picture")
)

// Picture holds the headers before the pixels.
type Picture struct {
	Width, Height int // of the screen, enlarged to hold its first picture

	frame       image.Rectangle
	interlaced  bool
	palette     color.Palette
	transparent int // index of a colour; negative: none
	codeSize    int // bits per pixel
}

// Blocks.
const (
	extension = 0x21
	picture   = 0x2c
	trailer   = 0x3b

	graphicControl = 0xf9

	maxStrays = 1 << 10 // bytes that belong to no block
)

// Read reads up to the first picture's pixels.
func Read(s Source) (*Picture, error) {
	b, err := s.Next(13)
	if err != nil {
		return nil, err
	}
	p := &Picture{Width: int(binary.LittleEndian.Uint16(b[6:])), Height: int(binary.LittleEndian.Uint16(b[8:])),
		transparent: -1}
	if err := p.readPalette(s, b[10]); err != nil {
		return nil, err
	}
	for strays := 0; strays < maxStrays; strays++ {
		if b, err = s.Next(1); err != nil {
			return nil, err
		}
		switch b[0] {
		case extension:
			strays--
			if err := p.readExtension(s); err != nil {
				return nil, err
			}
		case picture:
			return p, p.readFrame(s)
		case trailer:
			return nil, ErrNoPicture
		}
	}
	return nil, ErrBroken
}

// readPalette reads a palette if flags announce one.
func (p *Picture) readPalette(s Source, flags byte) error {
	if flags&0x80 == 0 {
		return nil
	}
	n := 2 << (flags & 7)
	b, err := s.Next(3 * n)
	if err != nil {
		return err
	}
	p.palette = make(color.Palette, n)
	for i := range p.palette {
		p.palette[i] = color.RGBA{b[3*i], b[3*i+1], b[3*i+2], 255}
	}
	return nil
}

// readExtension reads a label and blocks up to an empty one, and keeps the transparent colour.
func (p *Picture) readExtension(s Source) error {
	b, err := s.Next(1)
	if err != nil {
		return err
	}
	control := b[0] == graphicControl
	for {
		if b, err = s.Next(1); err != nil || b[0] == 0 {
			return err
		}
		if b, err = s.Next(int(b[0])); err != nil {
			return err
		}
		if control && len(b) >= 4 {
			if p.transparent = -1; b[0]&1 != 0 {
				p.transparent = int(b[3])
			}
		}
	}
}

// readFrame reads the header and the palette of the picture itself.
func (p *Picture) readFrame(s Source) error {
	b, err := s.Next(9)
	if err != nil {
		return err
	}
	number := func(at int) int { return int(binary.LittleEndian.Uint16(b[at:])) }
	w, h := number(4), number(6)
	if w == 0 || h == 0 {
		w, h = p.Width, p.Height
	}
	p.frame = image.Rect(0, 0, w, h).Add(image.Pt(number(0), number(2)))
	p.Width, p.Height = max(p.Width, p.frame.Max.X), max(p.Height, p.frame.Max.Y)
	flags := b[8]
	p.interlaced = flags&0x40 != 0
	if err := p.readPalette(s, flags); err != nil {
		return err
	}
	if b, err = s.Next(1); err != nil {
		return err
	}
	if p.codeSize = int(b[0]); p.codeSize < 1 || p.codeSize >= maxWidth {
		return ErrBroken
	}
	return nil
}

// Decode decodes the pixels that follow the part that Read has read. It returns the screen, which is transparent or
// white outside the picture, and how many of all rows of the picture the file has. The error is ctx's.
func (p *Picture) Decode(ctx context.Context, pixels []byte) (m *image.Paletted, there, all int, err error) {
	palette, paper := p.colours()
	m = image.NewPaletted(image.Rect(0, 0, p.Width, p.Height), palette)
	for i := range m.Pix {
		m.Pix[i] = paper
	}
	w, h := p.frame.Dx(), p.frame.Dy()
	if w == 0 || h == 0 {
		return m, 0, 1, nil
	}
	c := newCodes(pixels, p.codeSize)
	x, y := 0, 0
	for y < h {
		if err := ctx.Err(); err != nil {
			return nil, 0, 0, err
		}
		row := m.Pix[(p.frame.Min.Y+p.row(y, h))*m.Stride+p.frame.Min.X:][:w]
		if x = c.read(row); x < w {
			break
		}
		y++
	}
	if p.interlaced {
		p.coarsen(m, y, h)
	}
	return m, y, h, nil
}

// colours returns the palette to draw with, and the index of its transparent colour or, if it has none, of white or
// its lightest colour.
func (p *Picture) colours() (color.Palette, byte) {
	all := p.palette
	if all == nil { // a ramp of grays
		n := 1 << min(p.codeSize, 8)
		for i := range n {
			all = append(all, color.Gray{Y: byte(i * 255 / (n - 1))})
		}
	}
	for len(all) <= min(p.transparent, 255) {
		all = append(all, color.Black)
	}
	if p.transparent >= 0 {
		all[p.transparent] = color.Transparent
		return all, byte(p.transparent)
	}
	if len(all) < 256 && all.Convert(color.White) != color.Color(color.RGBA{255, 255, 255, 255}) {
		for len(all) < min(1<<p.codeSize, 255) { // indices without a colour
			all = append(all, color.Black)
		}
		all = append(all, color.White)
	}
	return all, byte(all.Index(color.White))
}

// row returns the position of the n-th stored row of a picture of h rows.
func (p *Picture) row(n, h int) int {
	if !p.interlaced {
		return n
	}
	for _, pass := range passes {
		rows := (h - pass.first + pass.step - 1) / pass.step
		if n < rows {
			return pass.first + n*pass.step
		}
		n -= max(rows, 0)
	}
	return 0
}

// passes lists the rows of an interlaced picture in the order in which they are stored.
var passes = [...]struct{ first, step int }{{0, 8}, {4, 8}, {2, 4}, {1, 2}}

// coarsen fills the rows of an interlaced picture that are missing with the row above.
func (p *Picture) coarsen(m *image.Paletted, there, h int) {
	known := make([]bool, h)
	for n := range there {
		known[p.row(n, h)] = true
	}
	for y := 1; y < h; y++ {
		if !known[y] {
			at := (p.frame.Min.Y+y)*m.Stride + p.frame.Min.X
			copy(m.Pix[at:at+p.frame.Dx()], m.Pix[at-m.Stride:])
		}
	}
}
