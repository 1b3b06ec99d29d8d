package jpegdecode

import "math/bits"

// difference reads a DC difference and adds it to the predictor.
func (s *scan) difference(c *channel) {
	r := s.r
	if r.n < enough {
		r.fill()
	}
	e := c.dc.look[r.acc>>(64-lookBits)]
	if e&entryWhole != 0 {
		length := uint(e & entryLength)
		r.acc, r.n = r.acc<<length, r.n-int(length)
		c.predictor = int(int16(c.predictor + int(e>>entryValue)))
		return
	}
	size := r.symbol(c.dc)
	if size > 16 {
		r.wrong, size = true, 0
	}
	c.predictor = int(int16(c.predictor + extended(r.take(size), size)))
}

// sequential decodes a block of a baseline scan, adds its scaled coefficients to block, and returns the index of the
// last one in zigzag order.
func (s *scan) sequential(c *channel, block *[64]int32) (last int) {
	s.difference(c)
	terms, ac, r := c.terms, c.ac, s.r
	block[terms[0].at] = int32(c.predictor) * terms[0].scale
	acc, n := r.acc, r.n
	for k := 1; k < 64; k++ {
		if n < enough {
			r.acc, r.n = acc, n
			r.fill()
			acc, n = r.acc, r.n
		}
		e := ac.look[acc>>(64-lookBits)]
		length := uint(e & entryLength)
		value := int32(e >> entryValue)
		if e&entryWhole != 0 {
			k += int(e>>entryZeros) & 15
		} else {
			symbol := int(value)
			if length == 0 {
				if symbol, length = codeOf(ac, acc); length == 0 {
					r.wrong, symbol, length = true, 0, 16
				}
			}
			size := uint(symbol & 15)
			k += symbol >> 4
			if size == 0 {
				acc, n = acc<<length, n-int(length)
				if symbol < 0xf0 {
					break
				}
				continue
			}
			v := int32(acc << length >> (64 - size))
			if length += size; v < 1<<(size-1) {
				v -= 1<<size - 1
			}
			value = v
		}
		acc, n = acc<<length, n-int(length)
		if k > 63 {
			r.wrong = true
			break
		}
		last = k
		t := terms[k]
		block[t.at&63] += value * t.scale
	}
	r.acc, r.n = acc, n
	return last
}

// codeOf calls h.code; it keeps h.code from being inlined into the loop of sequential.
func codeOf(h *huffman, bits uint64) (symbol int, length uint) {
	s, l := h.code(bits)
	return s, uint(l)
}

func (s *scan) firstDC(c *channel, b sums) {
	s.difference(c)
	if *b.seen&1 != 0 {
		s.r.wrong = true
		return
	}
	*b.seen |= 1
	b.add(0, c.predictor<<s.low)
}

func (s *scan) refineDC(_ *channel, b sums) {
	if s.r.take(1) > 0 && *b.seen&1 != 0 {
		b.add(0, 1<<s.low)
	}
}

func (s *scan) firstAC(c *channel, b sums) {
	if s.run > 0 {
		s.run--
		return
	}
	for k := s.from; k <= s.last; k++ {
		symbol := s.r.symbol(c.ac)
		run, size := symbol>>4, symbol&15
		if size == 0 && run < 15 {
			s.run = 1<<run + s.r.take(run) - 1
			return
		}
		v := s.r.take(size)
		if k += run; size == 0 {
			continue
		}
		if k > 63 {
			s.r.wrong = true
			return
		}
		s.r.wrong = !b.set(k, extended(v, size)<<s.low) || s.r.wrong
	}
}

func (s *scan) refineAC(c *channel, b sums) {
	k := s.from
	for s.run == 0 && k <= s.last && s.r.n >= 0 {
		symbol := s.r.symbol(c.ac)
		zeros, size := symbol>>4, symbol&15
		value := 0
		switch {
		case size > 0:
			s.r.wrong = s.r.wrong || size > 1
			if value = -1 << s.low; s.r.take(1) > 0 {
				value = 1 << s.low
			}
		case zeros < 15:
			s.run = 1<<zeros + s.r.take(zeros)
			continue
		}
		k = s.refine(b, k, zeros)
		if value != 0 && k <= s.last {
			b.set(k, value)
		}
		k++
	}
	if s.run > 0 {
		s.run--
		s.refine(b, k, -1)
	}
}

// refine reads a bit for each coefficient from k on that is not 0. It skips as many zero coefficients as zeros says and
// returns the index of the zero after them; a negative zeros skips all.
func (s *scan) refine(b sums, k, zeros int) int {
	if zeros < 0 {
		zeros = 64
	}
	r := s.r
	for k <= s.last {
		skip := bits.TrailingZeros64(*b.seen >> k)
		if skip > zeros {
			return k + zeros
		}
		zeros -= skip
		if k += skip; k > s.last {
			break
		}
		if r.n < 1 {
			r.fill()
		}
		bit := r.acc >> 63
		if r.acc, r.n = r.acc<<1, r.n-1; bit > 0 {
			b.add(k, (1-2*int(*b.minus>>k&1))<<s.low)
		}
		k++
	}
	return k
}
