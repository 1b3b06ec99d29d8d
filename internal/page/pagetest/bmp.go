package pagetest

import (
	"encoding/binary"
	"image"
	"image/color"
	"slices"
)

// BMP describes a file to write, of a picture in at most 16 colours. Zero values mean what Windows writes.
type BMP struct {
	Header      int // size of the header in bytes: 12 and 16 to 64 are OS/2's, 40, 52, 56, 108 and 124 Windows'
	Depth       int // bits per pixel
	Compression int
	Masks       []uint32 // red, green, blue and perhaps alpha
	TopDown     bool
	Gap         int  // bytes before the pixels
	Colours     int  // as declared in the header
	Entries     int  // of the palette
	NoOffset    bool // the header does not say where the pixels are
	Bare        bool // no file header
	Array       bool // in an OS/2 bitmap array
	NoEnd       bool // runs lack the end mark
	Skips       bool // runs skip pixels of the last colour
	Fourth      byte // fourth byte of a 32-bit pixel without masks
	Alpha       byte // alpha of all pixels, if there is a mask for it
}

// Write returns the file of a picture.
func (f BMP) Write(m *image.Paletted) []byte {
	le := binary.LittleEndian
	w, h := m.Rect.Dx(), m.Rect.Dy()
	head := le.AppendUint32(nil, uint32(f.Header))
	if f.Header == 12 {
		head = le.AppendUint16(le.AppendUint16(head, uint16(w)), uint16(h))
	} else {
		signed := int32(h)
		if f.TopDown {
			signed = -signed
		}
		head = le.AppendUint32(le.AppendUint32(head, uint32(w)), uint32(signed))
	}
	head = le.AppendUint16(le.AppendUint16(head, 1), uint16(f.Depth))
	rest := make([]byte, 124)
	le.PutUint32(rest, uint32(f.Compression))
	le.PutUint32(rest[16:], uint32(f.Colours))
	for i, mask := range f.Masks {
		le.PutUint32(rest[24+4*i:], mask)
	}
	head = append(head, rest[:f.Header-len(head)]...)
	if f.Header < 52 && len(f.Masks) > 0 {
		for _, mask := range f.Masks {
			head = le.AppendUint32(head, mask)
		}
	}
	if f.Depth <= 8 {
		entries := f.Entries
		if entries == 0 {
			entries = 1 << f.Depth
		}
		for i := range entries {
			c := color.RGBA{}
			if i < len(m.Palette) {
				c = color.RGBAModel.Convert(m.Palette[i]).(color.RGBA)
			}
			if head = append(head, c.B, c.G, c.R); f.Header > 12 {
				head = append(head, 0)
			}
		}
	}
	head = append(head, make([]byte, f.Gap)...)
	pixels := f.pixels(m)
	if f.Bare {
		return append(head, pixels...)
	}
	at := 14 + len(head)
	if f.Array {
		at += 14
	}
	if f.NoOffset {
		at = 0
	}
	file := le.AppendUint32([]byte("BM"), uint32(14+len(head)+len(pixels)))
	file = le.AppendUint32(append(file, 0, 0, 0, 0), uint32(at))
	file = slices.Concat(file, head, pixels)
	if f.Array {
		file = slices.Concat([]byte("BA\x28\x00\x00\x00\x00\x00\x00\x00\x00\x04\x00\x03"), file)
	}
	return file
}

func (f BMP) pixels(m *image.Paletted) (b []byte) {
	w, h := m.Rect.Dx(), m.Rect.Dy()
	for i := range h {
		y := h - 1 - i
		if f.TopDown {
			y = i
		}
		row := m.Pix[y*m.Stride:][:w]
		switch f.Compression {
		case 1, 2, 4:
			b = append(b, f.runs(m, row, y)...)
		default:
			b = append(b, f.row(m, row)...)
		}
	}
	switch runs := f.Compression == 1 || f.Compression == 2 || f.Compression == 4; {
	case runs && f.NoEnd:
		b = b[:len(b)-2] // without the end of the last row, too
	case runs:
		b = append(b, 0, 1)
	}
	return b
}

// row returns an uncompressed row.
func (f BMP) row(m *image.Paletted, row []byte) []byte {
	var b []byte
	acc, n := 0, 0
	for _, index := range row {
		if f.Depth > 8 {
			b = append(b, f.pixel(m, index)...)
			continue
		}
		if acc, n = acc<<f.Depth|int(index), n+f.Depth; n == 8 {
			b, acc, n = append(b, byte(acc)), 0, 0
		}
	}
	if n > 0 {
		b = append(b, byte(acc<<(8-n)))
	}
	for len(b)%4 > 0 {
		b = append(b, 0)
	}
	return b
}

// pixel returns a pixel of more than 8 bits.
func (f BMP) pixel(m *image.Paletted, index byte) []byte {
	c := color.RGBAModel.Convert(m.Palette[index]).(color.RGBA)
	masks := f.Masks
	if masks == nil {
		masks = []uint32{0xff0000, 0xff00, 0xff}
		if f.Depth == 16 {
			masks = []uint32{0x7c00, 0x3e0, 0x1f}
		}
	}
	pixel := uint32(0)
	if f.Depth == 32 && f.Masks == nil {
		pixel = uint32(f.Fourth) << 24
	}
	for i, mask := range masks {
		v := [...]byte{c.R, c.G, c.B, f.Alpha}[i]
		low := mask & -mask
		pixel |= uint32(uint64(v)*uint64(mask/max(low, 1))/255) * low
	}
	return binary.LittleEndian.AppendUint32(nil, pixel)[:f.Depth/8]
}

// runs returns row y in runs of equal pixels, alternating with literal pixels, and with moves if pixels of the last
// colour are skipped.
func (f BMP) runs(m *image.Paletted, row []byte, y int) (b []byte) {
	last := byte(len(m.Palette) - 1)
	for x := 0; x < len(row); {
		n := 1
		for x+n < len(row) && n < 255 && row[x+n] == row[x] {
			n++
		}
		if f.Skips && row[x] == last {
			b = append(b, 0, 2, byte(n), 0)
			x += n
			continue
		}
		if literal := min(5, len(row)-x); n == 1 && literal >= 3 && y%2 == 0 &&
			!(f.Skips && slices.Contains(row[x:x+literal], last)) {
			b = append(b, 0, byte(literal))
			var pixels []byte
			for i, index := range row[x : x+literal] {
				switch {
				case f.Depth > 8:
					pixels = append(pixels, f.pixel(m, index)...)
				case f.Depth == 8:
					pixels = append(pixels, index)
				case i%2 == 0:
					pixels = append(pixels, index<<4)
				default:
					pixels[len(pixels)-1] |= index
				}
			}
			if len(pixels)%2 > 0 {
				pixels = append(pixels, 0)
			}
			b, x = append(b, pixels...), x+literal
			continue
		}
		switch b = append(b, byte(n)); {
		case f.Depth > 8:
			b = append(b, f.pixel(m, row[x])...)
		case f.Depth == 8:
			b = append(b, row[x])
		default:
			b = append(b, row[x]<<4|row[x])
		}
		x += n
	}
	return append(b, 0, 0)
}

// BMPs returns every supported kind of file, by name. The picture must have 4 grays, white being the last.
func BMPs() map[string]BMP {
	rgb565, rgb555 := []uint32{0xf800, 0x7e0, 0x1f}, []uint32{0x7c00, 0x3e0, 0x1f}
	rgb, bgr := []uint32{0xff0000, 0xff00, 0xff}, []uint32{0xff, 0xff00, 0xff0000}
	withAlpha, deep := append(slices.Clone(rgb), 0xff000000), []uint32{0x3ff00000, 0xffc00, 0x3ff}
	return map[string]BMP{
		"2 bits": {Header: 40, Depth: 2}, "4 bits": {Header: 40, Depth: 4}, "8 bits": {Header: 40, Depth: 8},
		"24 bits": {Header: 40, Depth: 24}, "32 bits": {Header: 40, Depth: 32}, "16 bits": {Header: 40, Depth: 16},
		"top down": {Header: 40, Depth: 8, TopDown: true}, "24 bits, top down": {Header: 40, Depth: 24, TopDown: true},
		"few colours":                 {Header: 40, Depth: 8, Colours: 4, Entries: 4},
		"too many colours":            {Header: 40, Depth: 8, Colours: 300, Entries: 300},
		"fewer colours than declared": {Header: 40, Depth: 8, Entries: 4},
		"gap":                         {Header: 40, Depth: 8, Gap: 77}, "24 bits, gap": {Header: 40, Depth: 24, Gap: 5},
		"no offset":             {Header: 40, Depth: 8, NoOffset: true},
		"16 bits as 565":        {Header: 40, Depth: 16, Compression: 3, Masks: rgb565},
		"16 bits as 555":        {Header: 40, Depth: 16, Compression: 3, Masks: rgb555},
		"32 bits with masks":    {Header: 40, Depth: 32, Compression: 3, Masks: rgb},
		"32 bits, other masks":  {Header: 40, Depth: 32, Compression: 3, Masks: bgr},
		"32 bits, 10 each":      {Header: 40, Depth: 32, Compression: 3, Masks: deep},
		"version 2":             {Header: 52, Depth: 32, Compression: 3, Masks: bgr},
		"version 3":             {Header: 56, Depth: 32, Compression: 3, Masks: withAlpha, Alpha: 255},
		"version 4":             {Header: 108, Depth: 32, Compression: 3, Masks: withAlpha, Alpha: 255},
		"version 5, no alpha":   {Header: 124, Depth: 32, Compression: 3, Masks: withAlpha},
		"version 5, not masked": {Header: 124, Depth: 32, Fourth: 3},
		"alpha masks":           {Header: 40, Depth: 32, Compression: 6, Masks: withAlpha, Alpha: 255},
		"OS/2":                  {Header: 12, Depth: 4}, "OS/2, 8 bits": {Header: 12, Depth: 8},
		"OS/2, 24 bits": {Header: 12, Depth: 24},
		"OS/2 2":        {Header: 64, Depth: 8}, "OS/2 2, short": {Header: 16, Depth: 8},
		"OS/2 2, odd": {Header: 48, Depth: 4},
		"OS/2 array":  {Header: 12, Depth: 4, Array: true}, "Windows in an array": {Header: 40, Depth: 8, Array: true},
		"clipboard": {Header: 40, Depth: 8, Bare: true}, "clipboard, 24 bits": {Header: 40, Depth: 24, Bare: true},
		"clipboard, alpha masks":   {Header: 40, Depth: 32, Compression: 6, Masks: withAlpha, Alpha: 255, Bare: true},
		"clipboard, masks":         {Header: 40, Depth: 32, Compression: 3, Masks: rgb, Bare: true},
		"runs of 8":                {Header: 40, Depth: 8, Compression: 1},
		"runs of 4":                {Header: 40, Depth: 4, Compression: 2},
		"runs that skip":           {Header: 40, Depth: 8, Compression: 1, Skips: true},
		"runs of 4 that skip":      {Header: 40, Depth: 4, Compression: 2, Skips: true},
		"runs without an end":      {Header: 40, Depth: 8, Compression: 1, NoEnd: true},
		"runs of 24":               {Header: 64, Depth: 24, Compression: 4},
		"runs of 4 without an end": {Header: 64, Depth: 4, Compression: 2, NoEnd: true},
	}
}

// FourGrays returns Paper in 4 grays, white being the last.
func FourGrays(width, height int) *image.Paletted {
	paper := Paper(width, height, 5)
	m := image.NewPaletted(paper.Rect,
		color.Palette{color.Black, color.Gray{Y: 0x84}, color.Gray{Y: 0xc6}, color.White})
	for i, v := range paper.Pix {
		m.Pix[i] = v >> 6
	}
	return m
}
