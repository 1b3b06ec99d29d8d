package ccitt

import "math/bits"

// reader reads bits from the high end of each byte. After the last byte there are zeros without end.
type reader struct {
	data []byte
	at   int    // of the next byte that is not in held
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

// skip reads n bits that were peeked at.
func (r *reader) skip(n int) {
	r.held <<= n
	r.n -= n
}

// read returns how many bits are read.
func (r *reader) read() int { return 8*r.at - r.n }

// ended reports whether all bits are read.
func (r *reader) ended() bool { return r.read() >= 8*len(r.data) }

// skipZeros reads zeros up to the next bit that is none, or to the end, and returns how many.
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

// align reads up to a multiple of so many bits, 8 or 16.
func (r *reader) align(to int) {
	rest := -r.read() & (to - 1)
	r.peek(rest)
	r.skip(rest)
}
