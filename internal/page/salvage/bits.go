package salvage

// table is a Huffman table: codes in the order of their length, and what they mean.
type table struct {
	counts  [17]int // codes of each length
	symbols []byte
}

// code returns the code of a symbol; a length of 0 says that it has none.
func (t *table) code(symbol byte) (code uint32, length int) {
	next, at := uint32(0), 0
	for length = 1; length <= 16; length++ {
		for range t.counts[length] {
			if t.symbols[at] == symbol {
				return next, length
			}
			next++
			at++
		}
		next <<= 1
	}
	return 0, 0
}

func (t *table) has(symbol byte) bool {
	_, length := t.code(symbol)
	return length > 0
}

// reader reads entropy-coded bits, up to a marker or the end.
type reader struct {
	b    []byte
	at   int // of the byte that is read
	used int // bits of it
}

// bit returns the next one; false if there is none.
func (r *reader) bit() (uint32, bool) {
	if r.used == 8 {
		if r.at++; r.b[r.at-1] == 0xff {
			r.at++ // the 0 that says that it is no marker
		}
		r.used = 0
	}
	if r.at >= len(r.b) || r.b[r.at] == 0xff && (r.at+1 >= len(r.b) || r.b[r.at+1] != 0) {
		return 0, false
	}
	r.used++
	return uint32(r.b[r.at]>>(8-r.used)) & 1, true
}

func (r *reader) skip(n int) bool {
	for range n {
		if _, ok := r.bit(); !ok {
			return false
		}
	}
	return true
}

// symbol reads one code of a table.
func (r *reader) symbol(t *table) (byte, bool) {
	code, first, at := 0, 0, 0
	for length := 1; length <= 16; length++ {
		bit, ok := r.bit()
		if !ok {
			return 0, false
		}
		code |= int(bit)
		if n := t.counts[length]; code-first < n {
			return t.symbols[at+code-first], true
		}
		at, first = at+t.counts[length], (first+t.counts[length])<<1
		code <<= 1
	}
	return 0, false
}

// block passes over the codes of one block.
func (r *reader) block(dc, ac *table) bool {
	size, ok := r.symbol(dc)
	if !ok || size > 16 || !r.skip(int(size)) {
		return false
	}
	for k := 1; k < 64; k++ {
		s, ok := r.symbol(ac)
		switch run, size := int(s>>4), int(s&15); {
		case !ok || !r.skip(size):
			return false
		case size == 0 && run != 15:
			return true
		default:
			k += run
		}
	}
	return true
}

// restart passes over a restart marker, which begins a byte.
func (r *reader) restart(marker byte) bool {
	at := r.at
	if r.used > 0 {
		if at++; r.b[at-1] == 0xff {
			at++
		}
	}
	if at+2 > len(r.b) || r.b[at] != 0xff || r.b[at+1] != marker {
		return false
	}
	r.at, r.used = at+2, 0
	return true
}

// writer writes entropy-coded bits.
type writer struct {
	b    []byte
	bits uint32
	n    int
}

func (w *writer) put(bits uint32, n int) {
	for n > 0 {
		n--
		w.bits, w.n = w.bits<<1|bits>>n&1, w.n+1
		if w.n < 8 {
			continue
		}
		if w.b = append(w.b, byte(w.bits)); byte(w.bits) == 0xff {
			w.b = append(w.b, 0)
		}
		w.bits, w.n = 0, 0
	}
}

// marker fills the byte up and writes a marker.
func (w *writer) marker(m byte) {
	if w.n > 0 {
		w.put(0x7f, 8-w.n)
	}
	w.b = append(w.b, 0xff, m)
}
