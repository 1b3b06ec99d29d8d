// Package bmp decodes BMP files of Windows and OS/2: 1 to 32 bits per pixel, with palettes, bit fields or run-length
// encoding, with or without a file header.
//
// Files, in reading order: decode.go the picture, runs.go run-length encoded pixels, pixels.go uncompressed pixels,
// canvas.go the decoded picture, bmp.go the header.
package bmp

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
)

// HeadSize is the most bytes that Read needs.
const HeadSize = arrayHead + fileHead + 124 + 4*4

const (
	arrayHead = 14 // of an OS/2 bitmap array
	fileHead  = 14
)

// Errors of Read, in addition to Unsupported.
var (
	ErrCut    = errors.New("bmp: the file is cut off")
	ErrBroken = errors.New("bmp: the header is broken")
)

// Unsupported names an unsupported kind of BMP.
type Unsupported string

func (u Unsupported) Error() string { return "bmp: unsupported: " + string(u) }

// Compressions.
const (
	plain = iota
	runs8
	runs4
	bitFields
	runs24 // in OS/2; in Windows an embedded JPEG
	embeddedPNG
	alphaFields
)

// Picture is a BMP's header.
type Picture struct {
	Width, Height int // in pixels, positive
	topDown       bool
	depth         int // bits per pixel
	compression   int
	masks         [4]uint32 // of red, green, blue and alpha
	palette       int       // its offset
	entrySize     int       // of a palette entry in bytes
	colours       int       // as declared; 0: 1<<depth
	pixels        int       // their offset; 0: after the palette
}

// Is reports whether a file begins like a BMP: with a file header or, as from a clipboard, without. It also checks the
// header after the magic, since two letters prove nothing.
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

// isBare reports whether a file is a BMP without a file header.
func isBare(b []byte) bool {
	if len(b) < 40 {
		return false
	}
	le := binary.LittleEndian
	size, depth := le.Uint32(b), le.Uint16(b[14:])
	return (size == 40 || size == 108 || size == 124) && le.Uint16(b[12:]) == 1 && le.Uint32(b[16:]) <= alphaFields &&
		slices.Contains([]uint16{1, 2, 4, 8, 16, 24, 32}, depth)
}

// Read reads the header of a file, of which b holds at least the first HeadSize bytes, or all of it. Errors are ErrCut,
// ErrBroken or Unsupported.
func Read(b []byte) (*Picture, error) {
	le := binary.LittleEndian
	p, at := &Picture{entrySize: 4}, 0 // at is the header's offset
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
	h := make([]byte, 124) // fields that a shorter one lacks are 0
	copy(h, b[at:at+size])
	p.palette = at + size
	var width, height int64
	if size == 12 {
		width, height, p.depth, p.entrySize = int64(le.Uint16(h[4:])), int64(le.Uint16(h[6:])), int(le.Uint16(h[10:])),
			3
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
			p.palette += 4 * n // the masks follow the header
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

// checkKind returns an error for kinds that are not supported. OS/2 and Windows number their compressions differently;
// the header's size tells them apart.
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
		return Unsupported("with an unknown compression")
	}
	depths := [...][]int{plain: {1, 2, 4, 8, 16, 24, 32}, runs8: {8}, runs4: {4}, bitFields: {16, 24, 32}, runs24: {24},
		embeddedPNG: nil, alphaFields: {16, 24, 32}}
	switch {
	case slices.Contains(depths[p.compression], p.depth):
		return nil
	case p.depth == 0 || p.depth > 64 || slices.Contains(depths[plain], p.depth):
		return ErrBroken
	}
	return Unsupported(fmt.Sprintf("with %d bits per pixel", p.depth))
}

func (p *Picture) defaultMasks() {
	if p.masks = [4]uint32{0xff0000, 0xff00, 0xff, 0}; p.depth == 16 {
		p.masks = [4]uint32{0x7c00, 0x3e0, 0x1f, 0}
	}
}

// PixelSize returns the size of a decoded pixel in bytes.
func (p *Picture) PixelSize() int {
	if p.depth <= 8 {
		return 1
	}
	return 4
}
