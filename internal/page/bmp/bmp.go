// Package bmp decodes BMP files: of Windows and OS/2, of 1 to 32 bits a pixel, with palettes, bit fields or run lengths, also without
// the header of a file.
//
// Files, in reading order: bmp.go the header, pixels.go the pixels as they are, runs.go those in runs.
package bmp

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"image/color"
	"math/bits"
	"slices"
)

// HeadSize is how many bytes Read looks at, at most.
const HeadSize = arrayHead + fileHead + 124 + 4*4

const (
	arrayHead = 14 // of OS/2's file of several pictures
	fileHead  = 14
)

// What Read fails with, beside Unsupported.
var (
	ErrCut    = errors.New("bmp: the file is cut off")
	ErrBroken = errors.New("bmp: the header is broken")
)

// Unsupported names the kind of file that is not read.
type Unsupported string

func (u Unsupported) Error() string { return "bmp: unsupported: " + string(u) }

// How pixels are stored.
const (
	plain = iota
	runs8
	runs4
	bitFields
	runs24 // of OS/2; of Windows a JPEG
	embeddedPNG
	alphaFields
)

// Picture is what the header says.
type Picture struct {
	Width, Height int // in pixels, over 0
	topDown       bool
	depth         int // bits a pixel
	compression   int
	masks         [4]uint32 // of red, green, blue and alpha
	palette       int       // where it is
	entrySize     int       // of its colours in bytes
	colours       int       // as declared; 0: as many as can be told apart
	pixels        int       // where they are; 0: after the palette
}

// Is reports whether a file begins like a BMP: with a file's header or, as on a clipboard, without. Two letters are no proof, so it also
// looks at the header after them.
func Is(b []byte) bool {
	if len(b) >= arrayHead && string(b[:2]) == "BA" {
		b = b[arrayHead:]
	}
	if len(b) >= fileHead+4 && string(b[:2]) == "BM" {
		size := binary.LittleEndian.Uint32(b[fileHead:])
		return size == 12 || size >= 16 && size <= 64 || size == 108 || size == 124
	}
	return isBare(b)
}

// isBare reports whether a file is a BMP without a file's header.
func isBare(b []byte) bool {
	if len(b) < 40 {
		return false
	}
	le := binary.LittleEndian
	size, depth := le.Uint32(b), le.Uint16(b[14:])
	return (size == 40 || size == 108 || size == 124) && le.Uint16(b[12:]) == 1 && le.Uint32(b[16:]) <= alphaFields &&
		slices.Contains([]uint16{1, 2, 4, 8, 16, 24, 32}, depth)
}

// Read reads the header of a file that begins with b, all of it or HeadSize bytes. Errors are ErrCut, ErrBroken or Unsupported.
func Read(b []byte) (*Picture, error) {
	le := binary.LittleEndian
	p, at := &Picture{entrySize: 4}, 0 // at is the header's place
	if len(b) >= arrayHead && string(b[:2]) == "BA" {
		at = arrayHead
	}
	if len(b) < at+fileHead+4 {
		return nil, ErrCut
	}
	if string(b[at:at+2]) == "BM" {
		p.pixels = int(le.Uint32(b[at+10:]))
		at += fileHead
	}
	size := int(le.Uint32(b[at:]))
	if size != 12 && size < 16 || size > 124 {
		return nil, ErrBroken
	}
	if len(b) < at+size {
		return nil, ErrCut
	}
	h := make([]byte, 124) // what a shorter one does not have is 0
	copy(h, b[at:at+size])
	p.palette = at + size
	var width, height int64
	if size == 12 {
		width, height, p.depth, p.entrySize = int64(le.Uint16(h[4:])), int64(le.Uint16(h[6:])), int(le.Uint16(h[10:])), 3
	} else {
		width, height, p.depth = int64(int32(le.Uint32(h[4:]))), int64(int32(le.Uint32(h[8:]))), int(le.Uint16(h[14:]))
		p.compression, p.colours = int(min(le.Uint32(h[16:]), 99)), int(min(le.Uint32(h[32:]), 1<<16))
	}
	if p.topDown = height < 0; p.topDown {
		height = -height
	}
	if width <= 0 || height == 0 {
		return nil, ErrBroken
	}
	p.Width, p.Height = int(width), int(height)
	if err := p.checkKind(size); err != nil {
		return nil, err
	}
	p.defaultMasks()
	if p.compression == bitFields || p.compression == alphaFields {
		n := 3
		if p.compression == alphaFields || size >= 56 {
			n = 4
		}
		if size < 52 {
			p.palette += 4 * n // they follow the header
		}
		if len(b) < at+40+4*n {
			return nil, ErrCut
		}
		p.masks = [4]uint32{}
		for i := range n {
			p.masks[i] = le.Uint32(b[at+40+4*i:])
		}
	}
	return p, nil
}

// checkKind refuses what is not read, by the header's size too: OS/2 has other numbers for compression than Windows.
func (p *Picture) checkKind(size int) error {
	os2 := size == 64 || size > 12 && size < 40
	switch {
	case p.compression == bitFields && os2:
		return Unsupported("with Huffman coding")
	case p.compression == runs24 && !os2:
		return Unsupported("that contains a JPEG")
	case p.compression == embeddedPNG:
		return Unsupported("that contains a PNG")
	case p.compression > alphaFields:
		return Unsupported("with a compression of its own")
	}
	depths := [...][]int{plain: {1, 2, 4, 8, 16, 24, 32}, runs8: {8}, runs4: {4}, bitFields: {16, 24, 32}, runs24: {24}, embeddedPNG: nil, alphaFields: {16, 24, 32}}
	switch {
	case slices.Contains(depths[p.compression], p.depth):
		return nil
	case p.depth == 0 || p.depth > 64 || slices.Contains(depths[plain], p.depth):
		return ErrBroken
	}
	return Unsupported(fmt.Sprintf("with %d bits a pixel", p.depth))
}

func (p *Picture) defaultMasks() {
	if p.masks = [4]uint32{0xff0000, 0xff00, 0xff, 0}; p.depth == 16 {
		p.masks = [4]uint32{0x7c00, 0x3e0, 0x1f, 0}
	}
}

// PixelSize is how many bytes a decoded pixel takes.
func (p *Picture) PixelSize() int {
	if p.depth <= 8 {
		return 1
	}
	return 4
}

// Decode decodes the picture of a file, whose header was read from its first bytes. It returns how many rows are there; the others are
// white. The error is ctx's.
func (p *Picture) Decode(ctx context.Context, file []byte) (img image.Image, rows int, err error) {
	c := p.canvas(file)
	switch p.compression {
	case runs8, runs4, runs24:
		rows, err = p.readRuns(ctx, p.pixelsOf(file), c)
	default:
		rows, err = p.readRows(ctx, p.pixelsOf(file), c)
	}
	return c.image(), rows, err
}

// pixelsOf returns the bytes of the pixels.
func (p *Picture) pixelsOf(file []byte) []byte {
	at := p.pixels
	if p.depth <= 8 && at == p.palette { // a header that does not count the palette, of which there is one all the same
		at = 0
	}
	if after := p.palette + p.entrySize*len(p.paletteOf(file)); at < p.palette || at >= len(file) && after < len(file) {
		at = after
	}
	return file[min(at, len(file)):]
}

// paletteOf returns the colours, of as many as are there before the pixels.
func (p *Picture) paletteOf(file []byte) color.Palette {
	if p.depth > 8 {
		return nil
	}
	n, end := 1<<p.depth, len(file)
	if p.colours > 0 {
		n = min(n, p.colours)
	}
	if p.pixels > p.palette {
		end = min(end, p.pixels)
	}
	var all color.Palette
	for at := p.palette; len(all) < n && at+p.entrySize <= end; at += p.entrySize {
		all = append(all, color.RGBA{file[at+2], file[at+1], file[at], 255})
	}
	return all
}

// canvas is where pixels are put.
type canvas struct {
	p        *Picture
	indices  *image.Paletted
	colours  *image.NRGBA
	alpha    bool // some pixel is not wholly transparent
	channels [4]channel
}

// canvas returns a white one.
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
		for len(palette) < 1<<p.depth { // numbers without a colour
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

// image returns the finished picture. Where all is transparent, alpha is not meant.
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

// row returns the place of a row, counted in the order in which rows are stored.
func (c *canvas) row(y int) int {
	if c.p.topDown {
		return y
	}
	return c.p.Height - 1 - y
}

// channel is a part of a pixel.
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

// of returns a pixel's part in 8 bits.
func (c *channel) of(pixel uint32) byte {
	if c.most == 0 {
		return 0
	}
	return byte((uint64(pixel&c.mask)>>c.shift*255 + c.most/2) / c.most)
}
