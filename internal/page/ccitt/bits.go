package ccitt

import "math/bits"

// reader reads bits, the highest of each byte first. After the last byte it returns zeros.
type reader struct {
	data []byte
	at   int    // index of the next byte that is not in held
	held uint64 // the next bits, at its high end
	n    int    // how many of them are valid
}

// peek returns the next n bits, at most 32, without reading them.
func (r *reader) peek(n int) uint32 {
	for r.n < n {
		if r.at < len(r.data) {
			r.held |= uint64(r.data[r.at]) << (56 - r.n)
		}
		r.at++
		r.n += 8
	}
	return uint32(r.held >> (64 - n))
}

// skip consumes n bits that were peeked at.
func (r *reader) skip(n int) {
	r.held <<= n
	r.n -= n
}

// read returns the number of bits consumed.
func (r *reader) read() int { return 8*r.at - r.n }

// ended reports whether all bits are consumed.
func (r *reader) ended() bool { return r.read() >= 8*len(r.data) }

// skipZeros consumes zeros up to the next 1 or the end, and returns their number.
func (r *reader) skipZeros() (n int) {
	for !r.ended() {
		const step = 32
		zeros := bits.LeadingZeros32(r.peek(step))
		r.skip(zeros)
		if n += zeros; zeros < step {
			break
		}
	}
	return n
}

// align consumes bits up to a multiple of to, which is 8 or 16.
func (r *reader) align(to int) {
	rest := -r.read() & (to - 1)
	r.peek(rest)
	r.skip(rest)
}
