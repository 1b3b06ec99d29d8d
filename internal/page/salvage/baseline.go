package salvage

import "github.com/bucketocr/bucketocr/internal/page/jpegfile"

// table is a Huffman table: codes in the order of their length, and what they stand for.
type table struct {
	counts  [17]int // codes of each length
	symbols []byte
}

func (f *file) huffman(b []byte) bool {
	for len(b) >= 17 {
		class, number := b[0]>>4, b[0]&15
		t, n := &table{}, 0
		for length := 1; length <= 16; length++ {
			t.counts[length] = int(b[length])
			n += t.counts[length]
		}
		if class > 1 || number > 3 || n > 256 || len(b) < 17+n {
			return false
		}
		t.symbols = b[17 : 17+n]
		f.tables[class][number], b = t, b[17+n:]
	}
	return len(b) == 0
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

// filledUp keeps the units that are whole and puts flat ones in the place of those that are missing: each block like the
// one before it, and nothing more.
func (f *file) filledUp() ([]byte, bool) {
	units := f.units()
	r := &reader{b: f.b, at: f.scan}
	kept := place{at: f.scan}
	n := 0
	for ; n < units && f.unit(r, n); n++ {
		kept = r.place()
	}
	if n == 0 || n == units {
		return nil, false
	}
	w := &writer{b: append([]byte(nil), f.b[:kept.at]...)}
	if kept.bits > 0 {
		w.put(uint32(f.b[kept.at]>>(8-kept.bits)), kept.bits)
	}
	for ; n < units; n++ {
		if f.interval > 0 && n%f.interval == 0 {
			w.marker(jpegfile.RST0 + byte(n/f.interval-1)%8)
		}
		for _, c := range f.comps {
			dc, dcBits := c.dc.code(0)
			end, endBits := c.ac.code(0)
			for range c.h * c.v {
				w.put(dc, dcBits)
				w.put(end, endBits)
			}
		}
	}
	w.marker(jpegfile.EOI)
	return w.b, true
}

// unit passes over unit n and reports whether it is whole.
func (f *file) unit(r *reader, n int) bool {
	if f.interval > 0 && n > 0 && n%f.interval == 0 && !r.restart(jpegfile.RST0+byte(n/f.interval-1)%8) {
		return false
	}
	for _, c := range f.comps {
		for range c.h * c.v {
			if !r.block(c) {
				return false
			}
		}
	}
	return true
}

// block passes over the codes of one block.
func (r *reader) block(c component) bool {
	size, ok := r.symbol(c.dc)
	if !ok || size > 16 || !r.skip(int(size)) {
		return false
	}
	for k := 1; k < 64; k++ {
		s, ok := r.symbol(c.ac)
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
