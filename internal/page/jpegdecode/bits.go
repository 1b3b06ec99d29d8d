package jpegdecode

import (
	"encoding/binary"
	"io"

	"github.com/bucketocr/bucketocr/internal/page/jpegfile"
)

// reader reads a file front to back: segments through Next, the entropy-coded bits between them through take and
// symbol.
type reader struct {
	src io.Reader // supplies the bytes after b; nil: none
	err error     // of src, other than io.EOF
	b   []byte
	at  int // index of the next byte in b

	// The next n bits, in the highest bits of acc. Lower bits are 0 or already belong to the bytes from at on. n is
	// negative after taking more bits than there are.
	acc   uint64
	n     int
	ended bool // no bits after n: a marker or the end of the file follows

	wrong bool // the file is damaged
}

// more makes sure that b holds n bytes from at on, and reports whether the file has that many.
func (r *reader) more(n int) bool {
	for len(r.b)-r.at < n {
		if r.src == nil {
			return false
		}
		if cap(r.b)-r.at < max(n, readSize) {
			to := r.b[:0]
			if cap(to) < n+readSize {
				to = make([]byte, 0, n+readSize)
			}
			r.b, r.at = append(to, r.b[r.at:]...), 0
		}
		got, err := r.src.Read(r.b[len(r.b):cap(r.b)])
		r.b = r.b[:len(r.b)+got]
		if err != nil {
			if r.src = nil; err != io.EOF {
				r.err = err
			}
		}
	}
	return true
}

// readSize is the bytes read at a time.
const readSize = 4 << 10

// Next implements jpegfile.Source.
func (r *reader) Next(n int) ([]byte, error) {
	if !r.more(n) {
		return nil, io.ErrUnexpectedEOF
	}
	r.at += n
	return r.b[r.at-n : r.at], nil
}

// align drops the remaining bits of the coded data.
func (r *reader) align() { r.acc, r.n, r.ended = 0, 0, false }

// enough is the least number of bits after fill, unless the coded data ends: enough for a code and its value.
const enough = 32

// fill tops up acc.
func (r *reader) fill() {
	if r.at+8 <= len(r.b) && !r.ended {
		if v := binary.BigEndian.Uint64(r.b[r.at:]); !hasFF(v) {
			r.acc |= v >> (uint(r.n) & 63)
			r.at += (63 - r.n) >> 3
			r.n |= 56
			return
		}
	}
	r.fillByBytes()
}

// hasFF reports whether a byte of v is 0xff.
func hasFF(v uint64) bool {
	const ones = 0x0101010101010101
	return v&(^v-ones)&(ones<<7) != 0
}

func (r *reader) fillByBytes() {
	for r.n <= 56 && !r.ended {
		if !r.more(1) {
			r.ended = true
			return
		}
		c, size := r.b[r.at], 1
		if c == 0xff {
			for r.more(2) && r.b[r.at+1] == 0xff { // fill bytes, of which there may be any number
				r.at++
			}
			switch {
			case !r.more(2), r.b[r.at+1] >= jpegfile.SOF0:
				r.ended = true
				return
			case r.b[r.at+1] != 0: // not a valid marker
				r.wrong = true
			default:
				size = 2
			}
		}
		r.at += size
		r.acc |= uint64(c) << (56 - r.n)
		r.n += 8
	}
}

// take returns the next n bits, at most 16, as a number. Bits beyond the end are 0.
func (r *reader) take(n int) int {
	if r.n < n {
		r.fill()
	}
	v := int(r.acc >> (64 - uint(n)))
	r.acc, r.n = r.acc<<uint(n), r.n-n
	return v
}

// symbol returns the symbol of the next code, 0 for an invalid code.
func (r *reader) symbol(h *huffman) int {
	if r.n < 16 {
		r.fill()
	}
	symbol, length := h.code(r.acc)
	if length == 0 {
		r.wrong, length = true, 16
	}
	r.acc, r.n = r.acc<<uint(length), r.n-length
	return symbol
}

// extended returns the signed value of a coded number of size bits: the standard's EXTEND.
func extended(v, size int) int {
	if size > 0 && v < 1<<(size-1) {
		return v - 1<<size + 1
	}
	return v
}

// zigzag maps the coding order of coefficients to their places in a block.
var zigzag = [64]int{
	0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5,
	12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21, 28,
	35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51,
	58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
}
