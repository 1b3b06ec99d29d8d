package pagetest

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"math/bits"
	"slices"
)

// IrregularPNGs returns changes to a PNG with a palette and transparency that other programs tolerate. The picture
// stays the same.
func IrregularPNGs() map[string]func(file []byte) []byte {
	return map[string]func([]byte) []byte{
		"wrong sum of a comment": func(b []byte) []byte {
			b = WithPNGChunk(b, "tEXt", []byte("Title\x00x"))
			b[8+25+8] ^= 1
			return b
		},
		"wrong sum of the end": func(b []byte) []byte {
			b = bytes.Clone(b)
			b[len(b)-1] ^= 1
			return b
		},
		"wrong sum of pixels": func(b []byte) []byte {
			b = bytes.Clone(b)
			b[bytes.Index(b, []byte("IEND"))-5] ^= 1
			return b
		},
		"no sum of the pixels themselves": func(b []byte) []byte {
			at := bytes.Index(b, []byte("IEND")) - 4 - 4 - 4
			b = bytes.Clone(b)
			copy(b[at:], "\x00\x00\x00\x00")
			return FixPNGSums(b)
		},
		"no end": func(b []byte) []byte { return b[:len(b)-12] },
		"transparency first": func(b []byte) []byte {
			from := bytes.Index(b, []byte("tRNS")) - 4
			n := 12 + int(binary.BigEndian.Uint32(b[from:]))
			chunk := bytes.Clone(b[from : from+n])
			return slices.Concat(b[:33], chunk, b[33:from], b[from+n:])
		},
		"two of each": func(b []byte) []byte {
			from := bytes.Index(b, []byte("PLTE")) - 4
			to := bytes.Index(b, []byte("IDAT")) - 4
			return slices.Concat(b[:to], b[from:to], b[to:])
		},
	}
}

// WithTransparency replaces the tRNS chunk of a PNG.
func WithTransparency(b, body []byte) []byte {
	from := bytes.Index(b, []byte("tRNS")) - 4
	n := int(binary.BigEndian.Uint32(b[from:]))
	chunk := append(binary.BigEndian.AppendUint32(nil, uint32(len(body))), "tRNS"...)
	chunk = append(chunk, body...)
	chunk = binary.BigEndian.AppendUint32(chunk, crc32.ChecksumIEEE(chunk[4:]))
	return slices.Concat(b[:from], chunk, b[from+12+n:])
}

// IrregularJPEGs returns changes to a baseline JPEG of three channels, with the standard's tables, that other programs
// tolerate. The picture stays the same.
func IrregularJPEGs() map[string]func(file []byte) []byte {
	frame := func(b []byte) int { return bytes.Index(b, []byte{0xff, 0xc0, 0}) }
	scan := func(b []byte) int { return bytes.Index(b, []byte{0xff, 0xda, 0}) }
	return map[string]func([]byte) []byte{
		"stray bytes":            func(b []byte) []byte { return slices.Concat(b[:2], []byte("\r\n\x00"), b[2:]) },
		"comment of no length":   func(b []byte) []byte { return WithJPEGSegments(b, []byte{0xff, 0xfe, 0, 1}) },
		"height in its place":    func(b []byte) []byte { return WithJPEGSegments(b, JPEGSegment(0xdc, []byte{0, 9})) },
		"two beginnings":         func(b []byte) []byte { return slices.Concat(b[:2], b) },
		"nothing after the scan": func(b []byte) []byte { return b[:len(b)-2] },
		"height after the scan": func(b []byte) []byte {
			b = bytes.Clone(b)
			height := bytes.Clone(b[frame(b)+5:][:2])
			copy(b[frame(b)+5:], "\x00\x00")
			return slices.Concat(b[:len(b)-2], JPEGSegment(0xdc, height), b[len(b)-2:])
		},
		"channels of one number": func(b []byte) []byte {
			b = bytes.Clone(b)
			for i := range 3 {
				b[frame(b)+10+3*i], b[scan(b)+5+2*i] = 1, 1
			}
			return b
		},
		"channels of other numbers": func(b []byte) []byte {
			b = bytes.Clone(b)
			for i := range 3 {
				b[scan(b)+5+2*i] = byte(7 + i)
			}
			return b
		},
		"no tables": func(b []byte) []byte {
			for {
				at := bytes.Index(b[:scan(b)], []byte{0xff, 0xc4})
				if at < 0 {
					return b
				}
				b = slices.Concat(b[:at], b[at+2+int(binary.BigEndian.Uint16(b[at+2:])):])
			}
		},
	}
}

// BlockJPEG returns a baseline JPEG of across x down units of flat blocks, with the given sampling factors per channel.
// value returns the sample of a block. If transform is not negative, there is an Adobe segment with it. Each row of
// units ends with a restart marker.
func BlockJPEG(across, down int, sampling [][2]int, transform int, value func(channel, x, y int) byte) []byte {
	b := []byte{0xff, 0xd8}
	if transform >= 0 {
		b = append(b, JPEGSegment(0xee, append([]byte("Adobe\x00\x64\x00\x00\x00\x00"), byte(transform)))...)
	}
	b = append(b, JPEGSegment(0xdb, append([]byte{0}, bytes.Repeat([]byte{8}, 64)...))...)
	h, v := 1, 1
	for _, s := range sampling {
		h, v = max(h, s[0]), max(v, s[1])
	}
	frame := binary.BigEndian.AppendUint16([]byte{8}, uint16(8*v*down))
	frame = append(binary.BigEndian.AppendUint16(frame, uint16(8*h*across)), byte(len(sampling)))
	scan := []byte{byte(len(sampling))}
	for i, s := range sampling {
		frame = append(frame, byte(i+1), byte(s[0]<<4|s[1]), 0)
		scan = append(scan, byte(i+1), 0)
	}
	b = append(b, JPEGSegment(0xc0, frame)...)
	// DC differences of up to 8 bits, whose sizes have codes of four bits; blocks have no AC coefficients.
	dc := append([]byte{0, 0, 0, 0, 9}, make([]byte, 12)...)
	b = append(b, JPEGSegment(0xc4, append(dc, 0, 1, 2, 3, 4, 5, 6, 7, 8))...)
	b = append(b, JPEGSegment(0xc4, append(append([]byte{0x10, 1}, make([]byte, 15)...), 0))...)
	b = append(b, JPEGSegment(0xdd, binary.BigEndian.AppendUint16(nil, uint16(across)))...)
	b = append(b, JPEGSegment(0xda, append(scan, 0, 63, 0))...)
	for y := range down {
		var w bitWriter
		before := make([]int, len(sampling))
		for x := range across {
			for c, s := range sampling {
				for r := range s[1] {
					for i := range s[0] {
						dc := int(value(c, x*s[0]+i, y*s[1]+r)) - 128
						difference := dc - before[c]
						before[c] = dc
						size := bits.Len(uint(max(difference, -difference)))
						if difference < 0 {
							difference += 1<<size - 1
						}
						w.put(size, 4)
						w.put(difference, size)
						w.put(0, 1)
					}
				}
			}
		}
		b = append(b, w.bytes()...)
		if y < down-1 {
			b = append(b, 0xff, 0xd0+byte(y%8))
		}
	}
	return append(b, 0xff, 0xd9)
}

// bitWriter writes entropy-coded bits of a JPEG.
type bitWriter struct {
	b   []byte
	acc uint
	n   int
}

func (w *bitWriter) put(v, n int) {
	for n--; n >= 0; n-- {
		w.acc, w.n = w.acc<<1|uint(v>>n)&1, w.n+1
		if w.n == 8 {
			if w.b = append(w.b, byte(w.acc)); byte(w.acc) == 0xff {
				w.b = append(w.b, 0)
			}
			w.acc, w.n = 0, 0
		}
	}
}

// bytes pads the last byte and returns all bytes.
func (w *bitWriter) bytes() []byte {
	for w.n > 0 {
		w.put(1, 1)
	}
	return w.b
}
