package pagetest

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"image"
	"image/color"
	"math"
	"math/bits"
	"slices"
)

// Storage says how a TIFF stores the samples of a picture, by the values of its tags. Zero values mean the usual: 8
// bits, no compression, one strip.
type Storage struct {
	Order       binary.AppendByteOrder // must be the file's; nil: little-endian
	Colour      int                    // 0 and 1 gray, 2 RGB, 5 CMYK, 6 YCbCr, 8 and 9 Lab (of gray pictures)
	Bits        int                    // 1 to 16, 24 or 32
	Alpha       int                    // an alpha channel: 1 premultiplied, 2 straight
	Compression int                    // 5 LZW, 8 deflate, 32773 PackBits
	Differences bool                   // store differences of 8-bit samples
	Apart       bool                   // store each channel in a separate plane
	Tile        int                    // side of a tile in pixels; 0: strips
	Rows        int                    // rows per strip
	LowFirst    bool                   // the lowest bit of each byte comes first
	NoEnd       bool                   // LZW without the end code of a strip
}

// Samples returns a page that stores a picture in this way.
func Samples(m image.Image, s Storage) Picture {
	if s.Order == nil {
		s.Order = binary.LittleEndian
	}
	if s.Bits == 0 {
		s.Bits = 8
	}
	w, h := m.Bounds().Dx(), m.Bounds().Dy()
	if s.Rows == 0 {
		s.Rows = h
	}
	n := len(s.pixel(m, 0, 0))
	p := described(w, h, s.Rows, s.Bits, n, s.Colour, max(1, s.Compression))
	bw, bh := w, s.Rows
	if s.Tile > 0 {
		bw, bh, p.Tiled = s.Tile, s.Tile, true
		p = p.With(322, 4, uint32(bw)).With(323, 4, uint32(bh))
	}
	for tag, set := range map[uint16]bool{338: s.Alpha > 0, 284: s.Apart, 317: s.Differences, 266: s.LowFirst} {
		if set {
			p = p.With(tag, 3, uint32(map[uint16]int{338: s.Alpha, 284: 2, 317: 2, 266: 2}[tag]))
		}
	}
	if s.Colour == 6 {
		p = p.With(530, 3, 1, 1)
	}
	planes := [][]int{nil}
	for c := range n {
		if s.Apart {
			planes = append(planes, []int{c})
		} else {
			planes[0] = append(planes[0], c)
		}
	}
	for _, channels := range planes {
		for y := 0; y < h && len(channels) > 0; y += bh {
			for x := 0; x < w; x += bw {
				rows := bh
				if !p.Tiled {
					rows = min(bh, h-y)
				}
				p.Strips = append(p.Strips, s.piece(m, x, y, bw, rows, channels))
			}
		}
	}
	return p
}

// pixel returns the samples of a pixel, of 32 bits each. Outside the picture it repeats the edge.
func (s Storage) pixel(m image.Image, x, y int) (samples []uint32) {
	b := m.Bounds()
	c := color.NRGBAModel.Convert(m.At(b.Min.X+min(x, b.Dx()-1), b.Min.Y+min(y, b.Dy()-1))).(color.NRGBA)
	if s.Alpha == 1 {
		p := color.RGBAModel.Convert(c).(color.RGBA)
		c.R, c.G, c.B = p.R, p.G, p.B
	}
	gray := color.GrayModel.Convert(color.RGBA{c.R, c.G, c.B, 255}).(color.Gray).Y
	values := []byte{gray}
	switch s.Colour {
	case 0:
		values = []byte{^gray}
	case 2:
		values = []byte{c.R, c.G, c.B}
	case 5:
		k := color.CMYKModel.Convert(color.RGBA{c.R, c.G, c.B, 255}).(color.CMYK)
		values = []byte{k.C, k.M, k.Y, k.K}
	case 6:
		y, cb, cr := color.RGBToYCbCr(c.R, c.G, c.B)
		values = []byte{y, cb, cr}
	case 8:
		values = []byte{lightness(gray), 0, 0}
	case 9:
		values = []byte{lightness(gray), 128, 128}
	}
	if s.Alpha > 0 {
		values = append(values, c.A)
	}
	for _, v := range values {
		samples = append(samples, uint32(v)<<24|uint32(^v)*0x010101) // bits below the highest 8 are noise
	}
	return samples
}

// lightness returns the L of Lab of an sRGB gray.
func lightness(v byte) byte {
	linear := float64(v) / 255
	if linear <= 0.04045 {
		linear /= 12.92
	} else {
		linear = math.Pow((linear+0.055)/1.055, 2.4)
	}
	if linear <= 216.0/24389 {
		return Clamp(linear * 24389 / 27 * 2.55)
	}
	return Clamp((116*math.Pow(linear, 1.0/3) - 16) * 2.55)
}

// piece encodes a strip or tile.
func (s Storage) piece(m image.Image, x, y, w, h int, channels []int) []byte {
	var b []byte
	for j := range h {
		var row []byte
		held, n := uint64(0), 0
		for i := range w {
			values := s.pixel(m, x+i, y+j)
			for _, c := range channels {
				switch v := values[c]; {
				case s.Bits == 16:
					row = s.Order.AppendUint16(row, uint16(v>>16))
				case s.Bits == 32:
					row = s.Order.AppendUint32(row, v)
				case s.Bits == 24 && s.Order == binary.AppendByteOrder(binary.LittleEndian):
					row = append(row, byte(v>>8), byte(v>>16), byte(v>>24))
				default:
					held, n = held<<s.Bits|uint64(v>>(32-s.Bits)), n+s.Bits
					for ; n >= 8; n -= 8 {
						row = append(row, byte(held>>(n-8)))
					}
				}
			}
		}
		if n > 0 {
			row = append(row, byte(held<<(8-n)))
		}
		for i := len(row) - 1; i >= len(channels) && s.Differences; i-- {
			row[i] -= row[i-len(channels)]
		}
		b = append(b, row...)
	}
	switch s.Compression {
	case 5:
		b = LZW(b, !s.NoEnd)
	case 8:
		var z bytes.Buffer
		w := zlib.NewWriter(&z)
		_, _ = w.Write(b)
		_ = w.Close()
		b = z.Bytes()
	case 32773:
		b = packBits(b)
	}
	for i := range b {
		if s.LowFirst {
			b[i] = bits.Reverse8(b[i])
		}
	}
	return b
}

// packBits codes runs of three or more bytes; all others are literal.
func packBits(b []byte) (out []byte) {
	run := func(i int) int {
		n := 1
		for i+n < len(b) && n < 128 && b[i+n] == b[i] {
			n++
		}
		return n
	}
	for i := 0; i < len(b); {
		if n := run(i); n > 2 {
			out = append(out, byte(1-n), b[i])
			i += n
			continue
		}
		n := 1
		for i+n < len(b) && n < 128 && run(i+n) < 3 {
			n++
		}
		out = append(append(out, byte(n-1)), b[i:i+n]...)
		i += n
	}
	return out
}

// LZW compresses bytes as in TIFF, with or without the end code.
func LZW(b []byte, end bool) (out []byte) {
	held, n, width := uint32(0), 0, 9
	put := func(code int) {
		held, n = held<<width|uint32(code), n+width
		for ; n >= 8; n -= 8 {
			out = append(out, byte(held>>(n-8)))
		}
	}
	const clearCode, endCode, first = 256, 257, 258
	var known map[string]int
	code := func(s []byte) (int, bool) {
		if len(s) == 1 {
			return int(s[0]), true
		}
		c, ok := known[string(s)]
		return c, ok
	}
	for at := 0; at < len(b); {
		put(clearCode)
		known, width = map[string]int{}, 9
		for at < len(b) && first+len(known) < 4094 {
			size := 1
			for at+size < len(b) {
				if _, ok := code(b[at : at+size+1]); !ok {
					break
				}
				size++
			}
			c, _ := code(b[at : at+size])
			put(c)
			if at+size < len(b) {
				known[string(b[at:at+size+1])] = first + len(known)
			}
			at += size
			if width < 12 && first+len(known) == 1<<width {
				width++
			}
		}
	}
	if end {
		put(endCode)
	}
	if n > 0 {
		out = append(out, byte(held<<(8-n)))
	}
	return out
}

// Indexed returns a page of palette indices of bitsEach bits, optionally with an alpha channel.
func Indexed(m *image.Paletted, bitsEach int, alpha bool) Picture {
	w, h := m.Rect.Dx(), m.Rect.Dy()
	n := 1
	if alpha {
		n = 2
	}
	p := described(w, h, h, bitsEach, n, 3, 1)
	colours := 1 << bitsEach
	table := make([]uint32, 3*colours)
	for i, c := range m.Palette {
		table[i], table[colours+i], table[2*colours+i], _ = c.RGBA()
	}
	p = p.With(320, 3, table...)
	if alpha {
		p = p.With(338, 3, 2)
	}
	var strip []byte
	for y := range h {
		held, have := 0, 0
		for x := range w {
			values := []int{int(m.Pix[y*m.Stride+x])}
			if _, _, _, a := m.Palette[values[0]].RGBA(); alpha {
				values = append(values, int(a)>>(16-bitsEach))
			}
			for _, v := range values {
				held, have = held<<bitsEach|v, have+bitsEach
				for ; have >= 8; have -= 8 {
					strip = append(strip, byte(held>>(have-8)))
				}
			}
		}
		if have > 0 {
			strip = append(strip, byte(held<<(8-have)))
		}
	}
	p.Strips = [][]byte{strip}
	return p
}

// Sampled returns a page of YCbCr without JPEG, with the chroma subsampling of the picture, in strips of rows.
func Sampled(m *image.YCbCr, rows int) Picture {
	w, h := m.Rect.Dx(), m.Rect.Dy()
	across, down := 1, 1
	for across < w && m.COffset(across, 0) == m.COffset(0, 0) {
		across++
	}
	for down < h && m.COffset(0, down) == m.COffset(0, 0) {
		down++
	}
	p := described(w, h, rows, 8, 3, 6, 1).With(530, 3, uint32(across), uint32(down))
	for top := 0; top < h; top += rows {
		var strip []byte
		for y := top; y < min(top+rows, h); y += down {
			for x := 0; x < w; x += across {
				for i := range across * down {
					strip = append(strip, m.Y[m.YOffset(min(x+i%across, w-1), min(y+i/across, h-1))])
				}
				at := m.COffset(x, y)
				strip = append(strip, m.Cb[at], m.Cr[at])
			}
		}
		p.Strips = append(p.Strips, strip)
	}
	return p
}

// OldJPEG returns a file of one page of old-style JPEG. Tags refer to its tables, and the scan is in a strip; or,
// without tables, a tag refers to a complete JPEG.
func OldJPEG(m *image.YCbCr, tables bool) []byte {
	file := EncodeJPEG(m)
	p := described(m.Rect.Dx(), m.Rect.Dy(), m.Rect.Dy(), 8, 3, 6, 6).With(530, 3, 2, 2)
	const at = 8 // offset of the first bytes
	from := at
	if !tables {
		p = p.With(513, 4, at).With(514, 4, uint32(len(file)))
	} else {
		q := map[byte]uint32{}
		i := 2
		for ; file[i+1] != 0xda; i += 2 + int(binary.BigEndian.Uint16(file[i+2:])) {
			body := i + 4
			for end := i + 2 + int(binary.BigEndian.Uint16(file[i+2:])); body < end; {
				switch key := file[body]; file[i+1] {
				case 0xdb:
					q[0xf0|key] = uint32(at + body + 1)
					body += 1 + 64
				case 0xc4:
					q[key] = uint32(at + body + 1)
					n := 17
					for _, v := range file[body+1 : body+17] {
						n += int(v)
					}
					body += n
				default:
					body = end
				}
			}
		}
		p = p.With(519, 4, q[0xf0], q[0xf1], q[0xf1]).With(520, 4, q[0], q[1], q[1]).With(521, 4, q[0x10], q[0x11],
			q[0x11])
		from += i + 2 + int(binary.BigEndian.Uint16(file[i+2:]))
	}
	p = p.With(273, 4, uint32(from)).With(279, 4, uint32(at+len(file)-from))
	b, _ := appendDirectory(binary.LittleEndian, append([]byte("II*\x00\x00\x00\x00\x00"), file...), 4,
		slices.Clone(p.Tags), false)
	return b
}
