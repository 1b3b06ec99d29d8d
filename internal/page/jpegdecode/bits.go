package jpegdecode

import (
	"encoding/binary"
	"io"

	"github.com/bucketocr/bucketocr/internal/page/jpegfile"
)

// reader reads a file from front to back: its segments by Next, and entropy-coded bits between them.
type reader struct {
	src io.Reader // of what follows b; nil: nothing follows
	err error     // why src returns no more, other than its end
	b   []byte
	at  int // of the byte that is read next

	// The next n bits, the first of them highest. Below them may be more, of bytes from at on, but nothing else. n is
	// below 0 where more bits were taken than there are.
	acc   uint64
	n     int
	ended bool // the bits go no further than n: a marker or the end of the file follows

	wrong bool // something was not as it should be
}

// more has n bytes in b, from at on, and reports whether the file has as many.
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

// readSize is how much is read at a time, in bytes.
const readSize = 4 << 10

// Next implements jpegfile.Source.
func (r *reader) Next(n int) ([]byte, error) {
	if !r.more(n) {
		return nil, io.ErrUnexpectedEOF
	}
	r.at += n
	return r.b[r.at-n : r.at], nil
}

// align drops the bits that are left, so that bytes or other bits can follow.
func (r *reader) align() { r.acc, r.n, r.ended = 0, 0, false }

// enough is how many bits there are after fill at least, unless they have ended: a code and its value.
const enough = 32

// fill reads bits where there may be fewer than enough.
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
			for size = 2; r.more(size) && r.b[r.at+size-1] == 0xff; size++ { // fill bytes
			}
			switch {
			case !r.more(size), r.b[r.at+size-1] >= jpegfile.SOF0:
				r.ended = true
				return
			case r.b[r.at+size-1] != 0: // no marker of any file
				r.wrong, size = true, 1
			}
		}
		r.at += size
		r.acc |= uint64(c) << (56 - r.n)
		r.n += 8
	}
}

// take returns the next n bits, at most 16, as a number. Where there are fewer, the rest is 0.
func (r *reader) take(n int) int {
	if r.n < n {
		r.fill()
	}
	v := int(r.acc >> (64 - uint(n)))
	r.acc, r.n = r.acc<<uint(n), r.n-n
	return v
}

// symbol returns the symbol of the next code. A code that is none counts as 0.
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

// extended is a value of so many bits, whose upper half of numbers are positive.
func extended(v, size int) int {
	if size > 0 && v < 1<<(size-1) {
		return v - 1<<size + 1
	}
	return v
}

// zigzag is the place of each coefficient in its block, by the order in which they are coded.
var zigzag = [64]int{
	0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5,
	12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21, 28,
	35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51,
	58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
}
