package pagetest

import (
	"encoding/binary"
	"image"
	"image/color"
)

// GIF describes a file to write, of a picture in few colours.
type GIF struct {
	Screen      image.Point // size of the screen
	At          image.Point // position of the picture on the screen
	CodeSize    int         // bits per pixel; 0: as many as the colours need
	NoPalette   bool
	Local       bool // the palette is the picture's own
	Transparent int  // index of a colour plus 1; 0: none
	Interlaced  bool
	NoClear     bool // the codes do not begin with a clear code
	Stray       bool // bytes between the blocks
}

// Write returns the file of a picture.
func (f GIF) Write(m *image.Paletted) []byte {
	le := binary.LittleEndian
	bits := 1
	for 1<<bits < len(m.Palette) {
		bits++
	}
	var palette []byte
	for i := range 1 << bits {
		c := color.RGBA{}
		if i < len(m.Palette) {
			c = color.RGBAModel.Convert(m.Palette[i]).(color.RGBA)
		}
		palette = append(palette, c.R, c.G, c.B)
	}
	flags, own := byte(0x80|bits-1), byte(0)
	if f.NoPalette || f.Local {
		flags = 0
	}
	b := le.AppendUint16(le.AppendUint16([]byte("GIF89a"), uint16(f.Screen.X)), uint16(f.Screen.Y))
	b = append(b, flags, 0, 0)
	if flags != 0 {
		b = append(b, palette...)
	}
	if f.Stray {
		b = append(b, 0, 7)
	}
	if f.Transparent > 0 {
		b = append(b, 0x21, 0xf9, 4, 1, 0, 0, byte(f.Transparent-1), 0)
	}
	if f.Local {
		own = 0x80 | byte(bits-1)
	}
	if f.Interlaced {
		own |= 0x40
	}
	b = append(b, 0x2c)
	for _, n := range []int{f.At.X, f.At.Y, m.Rect.Dx(), m.Rect.Dy()} {
		b = le.AppendUint16(b, uint16(n))
	}
	if b = append(b, own); f.Local {
		b = append(b, palette...)
	}
	size := f.CodeSize
	if size == 0 {
		size = max(bits, 2)
	}
	b = append(b, byte(size))
	for codes := f.compressed(m, size); len(codes) > 0; {
		n := min(len(codes), 255)
		b, codes = append(append(b, byte(n)), codes[:n]...), codes[n:]
	}
	return append(b, 0, 0x3b)
}

// compressed returns the pixels in LZW.
func (f GIF) compressed(m *image.Paletted, size int) (b []byte) {
	acc, n, width := uint64(0), 0, size+1
	put := func(code int) {
		acc, n = acc|uint64(code)<<n, n+width
		for ; n >= 8; n -= 8 {
			b, acc = append(b, byte(acc)), acc>>8
		}
	}
	known, next, last := map[[2]int]int{}, 1<<size+2, -1
	if !f.NoClear {
		put(1 << size)
	}
	rows := [][2]int{{0, 1}}
	if f.Interlaced {
		rows = [][2]int{{0, 8}, {4, 8}, {2, 4}, {1, 2}}
	}
	for _, pass := range rows {
		for y := pass[0]; y < m.Rect.Dy(); y += pass[1] {
			for _, pixel := range m.Pix[y*m.Stride:][:m.Rect.Dx()] {
				code, seen := known[[2]int{last, int(pixel)}]
				switch {
				case last < 0:
					last = int(pixel)
					continue
				case seen:
					last = code
					continue
				}
				put(last)
				if next < 1<<12 {
					known[[2]int{last, int(pixel)}] = next
					if next == 1<<width && width < 12 {
						width++
					}
					next++
				} else {
					put(1 << size)
					known, next, width = map[[2]int]int{}, 1<<size+2, size+1
				}
				last = int(pixel)
			}
		}
	}
	put(last)
	if next == 1<<width && width < 12 {
		width++
	}
	put(1<<size + 1)
	return append(b, byte(acc))
}

// GIFs returns every supported kind of file of a picture of this size, by name.
func GIFs(size image.Point) map[string]GIF {
	return map[string]GIF{
		"usual": {Screen: size}, "own palette": {Screen: size, Local: true},
		"interlaced":    {Screen: size, Interlaced: true},
		"no clear code": {Screen: size, NoClear: true}, "stray bytes": {Screen: size, Stray: true},
		"8 bits": {Screen: size, CodeSize: 8}, "9 bits": {Screen: size, CodeSize: 9},
		"11 bits":   {Screen: size, CodeSize: 11},
		"no screen": {}, "larger than its screen": {Screen: size.Div(2)},
		"transparent white": {Screen: size, Transparent: 4},
	}
}
