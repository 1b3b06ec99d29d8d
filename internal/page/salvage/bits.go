package salvage

import "github.com/bucketocr/bucketocr/internal/page/jpegfile"

// lookBits is how many bits of a code are looked up at once.
const lookBits = 9

// huffman is a table of codes.
type huffman struct {
	look    [1 << lookBits]uint16 // by the next bits: length of the code, symbol; 0: a longer code
	limit   [17]int               // by length: the first code that is longer, with the bits after it cut off
	offset  [17]int               // of a code of that length, to the index of its symbol
	symbols []byte
}

// newHuffman makes a table of the number of codes of each length, and the symbols in that order; nil if there cannot be
// such codes.
func newHuffman(counts []byte, symbols []byte) *huffman {
	h := &huffman{symbols: symbols}
	code, at := 0, 0
	for length := 1; length <= 16; length++ {
		n := int(counts[length-1])
		if code+n > 1<<length {
			return nil
		}
		h.offset[length] = at - code
		if length <= lookBits {
			for i := range n {
				first := (code + i) << (lookBits - length)
				for j := range 1 << (lookBits - length) {
					h.look[first+j] = uint16(length)<<8 | uint16(symbols[at+i])
				}
			}
		}
		code, at = code+n, at+n
		h.limit[length] = code
		code <<= 1
	}
	return h
}

// bits reads entropy-coded bits up to a marker or the end.
type bits struct {
	b   []byte
	at  int
	acc uint64
	n   int // bits of acc

	wrong bool // something was not as it should be
}

// need has n bits in acc, at most 16, and reports whether they are there.
func (r *bits) need(n int) bool {
	for r.n < n {
		if r.at >= len(r.b) {
			return false
		}
		c, size := r.b[r.at], 1
		if c == 0xff {
			for size = 2; r.at+size <= len(r.b) && r.b[r.at+size-1] == 0xff; size++ { // fill bytes
			}
			switch {
			case r.at+size > len(r.b):
				return false
			case r.b[r.at+size-1] == 0:
			case r.b[r.at+size-1] >= jpegfile.SOF0:
				return false
			default: // no marker of any file
				r.wrong, size = true, 1
			}
		}
		r.at += size
		r.acc, r.n = r.acc<<8|uint64(c), r.n+8
	}
	return true
}

// take returns the next n bits, at most 16, as a number; false if there are fewer.
func (r *bits) take(n int) (int, bool) {
	if !r.need(n) {
		return 0, false
	}
	r.n -= n
	return int(r.acc>>r.n) & (1<<n - 1), true
}

// symbol returns the next code's symbol; false at the end of the bits. A code that is none counts as 0.
func (r *bits) symbol(h *huffman) (byte, bool) {
	if r.need(lookBits) {
		if e := h.look[r.acc>>(r.n-lookBits)&(1<<lookBits-1)]; e != 0 {
			r.n -= int(e >> 8)
			return byte(e), true
		}
	}
	code := 0
	for length := 1; length <= 16; length++ {
		bit, ok := r.take(1)
		if !ok {
			return 0, false
		}
		if code = code<<1 | bit; code < h.limit[length] {
			return h.symbols[code+h.offset[length]], true
		}
	}
	r.wrong = true
	return 0, true
}

// extended is a value of so many bits, whose upper half of numbers are positive.
func extended(v, size int) int {
	if size > 0 && v < 1<<(size-1) {
		return v - 1<<size + 1
	}
	return v
}

// align drops what is left of a byte.
func (r *bits) align() { r.acc, r.n = 0, 0 }

// zigzag is the place of each coefficient in its block, by the order in which they are coded.
var zigzag = [64]int{
	0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5,
	12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21, 28,
	35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51,
	58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
}
