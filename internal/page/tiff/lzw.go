package tiff

import "math/bits"

// lzwStrings is the string table of TIFF's LZW. Each string is part of the decompressed bytes, so its offset and size
// are enough.
type lzwStrings struct {
	at   [lzwCodes]int32 // offset of a code's string
	size [lzwCodes]int32
}

const (
	lzwCodes             = 1 << 12
	lzwClear, lzwEnd     = 256, 257
	lzwFirst             = 258 // code of the first string longer than a byte
	lzwLeast, lzwLargest = 9, 12
)

// unpack decompresses src into dst and returns the number of bytes, which is less than len(dst) if src ends early or is
// broken. It stops when dst is full, whether or not src has an end code.
func (s *lzwStrings) unpack(dst, src []byte) (n int) {
	// files from before 1988: the lowest bit comes first, and codes grow later
	old := len(src) > 1 && src[0] == 0 && src[1]&1 == 1
	early := 1
	if old {
		early = 0
	}
	next, width := lzwFirst, lzwLeast
	before, beforeSize := 0, 0 // the previous code's string
	held, valid := uint32(0), 0
	for n < len(dst) {
		for ; valid < width; valid += 8 {
			if len(src) == 0 {
				return n
			}
			b := src[0]
			if old {
				b = bits.Reverse8(b)
			}
			held |= uint32(b) << (24 - valid)
			src = src[1:]
		}
		code := int(held >> (32 - width))
		if old {
			code = int(bits.Reverse32(uint32(code)) >> (32 - width))
		}
		held <<= width
		valid -= width
		at := n
		switch {
		case code == lzwClear:
			next, width, beforeSize = lzwFirst, lzwLeast, 0
			continue
		case code == lzwEnd:
			return n
		case code < lzwClear:
			dst[n] = byte(code)
			n++
		case code < next:
			from := int(s.at[code])
			n += copy(dst[n:], dst[from:from+int(s.size[code])])
		case code == next && beforeSize > 0: // the previous string and its first byte
			n += copy(dst[n:], dst[before:before+beforeSize])
			if n < len(dst) {
				dst[n] = dst[before]
				n++
			}
		default:
			return n
		}
		if beforeSize > 0 && next < lzwCodes {
			s.at[next], s.size[next] = int32(before), int32(beforeSize+1)
			next++
			if next+early == 1<<width && width < lzwLargest {
				width++
			}
		}
		before, beforeSize = at, n-at
	}
	return n
}
