package salvage

import (
	"bytes"

	"github.com/bucketocr/bucketocr/internal/page/jpegfile"
)

// scan is one pass over the blocks of some channels.
type scan struct {
	d               *jpegDecoder
	r               bits
	comps           []*component
	first, last     int // coefficients, in zigzag order
	refines         bool
	low             int // lowest bit that the scan has
	run             int // blocks without further coefficients, of a progressive scan
	readBlock       func(c *component, block []int16) bool
	restarts, until int // how many there were, and units until the next
}

// scan decodes the scan whose header is body, and reports whether more can follow.
func (d *jpegDecoder) scan(body []byte) bool {
	s := &scan{d: d, r: bits{b: d.s.File, at: d.s.At}}
	if d.comps == nil {
		return false
	}
	if !d.painted {
		d.paint()
		d.painted = true
	}
	if !s.header(body) {
		d.wrong = true
		return true
	}
	across, down := d.acrossUnits, d.downUnits
	single := len(s.comps) == 1
	if single {
		across, down = s.comps[0].realAcross, s.comps[0].realDown
	}
	s.until = d.interval
	missing := false // up to the next restart
	for y := 0; y < down && d.ctx.Err() == nil; y++ {
		for x := range across {
			if d.interval > 0 && s.until == 0 {
				var more bool
				if missing, more = s.restart(); !more {
					y = down
					break
				}
			}
			s.until--
			if !missing && !s.unit(x, y, single) {
				missing, s.r.wrong = true, true
			}
		}
		if missing && d.interval == 0 {
			break
		}
	}
	d.wrong = d.wrong || s.r.wrong
	d.s.At = s.r.at
	return true
}

// header takes over what a scan's header says, and reports whether it can be decoded.
func (s *scan) header(b []byte) bool {
	d := s.d
	if len(b) < 1 || b[0] < 1 || b[0] > 4 || len(b) != 4+2*int(b[0]) {
		return false
	}
	for i := range int(b[0]) {
		c := s.channel(b[1+2*i], i, int(b[0]))
		if c == nil {
			return false
		}
		if c.quant == nil {
			c.quant = d.quant[c.number]
		}
		c.dc, c.ac = d.tables[0][b[2+2*i]>>4&3], d.tables[1][b[2+2*i]&3]
		s.comps = append(s.comps, c)
	}
	s.first, s.last, s.refines, s.low = 0, 63, false, 0
	if s.readBlock = s.sequential; !d.progressive {
		s.start()
		return s.ready(true, true)
	}
	p := b[len(b)-3:]
	s.first, s.last, s.refines, s.low = int(p[0]), int(p[1]), p[2]>>4 > 0, int(p[2]&15)
	dc := s.first == 0
	if s.first > s.last || s.last > 63 || s.low > 13 || dc && s.last > 0 || !dc && len(s.comps) > 1 {
		return false
	}
	switch {
	case dc && s.refines:
		s.readBlock = s.refineDC
	case dc:
		s.start()
		s.readBlock = s.firstDC
	case s.refines:
		s.readBlock = s.refineAC
	default:
		s.readBlock = s.firstAC
	}
	for _, c := range s.comps {
		for k := s.first; k <= s.last; k++ {
			c.coded[k] = int8(s.low) + 1
		}
	}
	return s.ready(dc && !s.refines, !dc)
}

// channel returns the channel that the scan's ith of n is. Two may have the same number, and all may have others than
// the frame says.
func (s *scan) channel(id byte, i, n int) *component {
	for j := range s.d.comps {
		c := &s.d.comps[j]
		taken := false
		for _, other := range s.comps {
			taken = taken || other == c
		}
		if c.ID == id && !taken {
			return c
		}
	}
	if n == len(s.d.comps) {
		return &s.d.comps[i]
	}
	return nil
}

// start counts the blocks of the scan's channels from nothing.
func (s *scan) start() {
	for _, c := range s.comps {
		c.there = 0
	}
}

// ready reports whether all tables are there.
func (s *scan) ready(dc, ac bool) bool {
	for _, c := range s.comps {
		if c.quant == nil || dc && c.dc == nil || ac && c.ac == nil {
			return false
		}
		c.predictor = 0
	}
	return true
}

// restart goes to the next restart marker. It reports whether what follows up to the one after it is missing, and
// whether the scan goes on at all. The rules are libjpeg's; but a marker that is none of a scan counts as broken where
// more restarts follow.
func (s *scan) restart() (missing, more bool) {
	r := &s.r
	r.align()
	s.run, s.until = 0, s.d.interval
	for _, c := range s.comps {
		c.predictor = 0
	}
	expected := s.restarts & 7
	s.restarts++
	for {
		at, ok := markerFrom(r.b, r.at)
		if !ok {
			r.wrong, r.at = true, len(r.b)
			return true, false
		}
		r.wrong = r.wrong || len(bytes.Trim(r.b[r.at:at], "\xff")) > 0
		r.at = at
		marker := r.b[at+1]
		if marker == jpegfile.RST0+byte(expected) {
			r.at += 2
			return false, true
		}
		r.wrong = true
		if marker < jpegfile.RST0 || marker > jpegfile.RST7 {
			if r.at, more = s.nextRestart(at); !more {
				return true, false
			}
			continue
		}
		switch (int(marker) - jpegfile.RST0 - expected) & 7 {
		case 1, 2: // what was up to it is missing
			return true, true
		case 6, 7: // an earlier one
			r.at += 2
		default:
			r.at += 2
			return false, true
		}
	}
}

// markerFrom returns where the next marker is.
func markerFrom(b []byte, at int) (int, bool) {
	for {
		i := bytes.IndexByte(b[at:], 0xff)
		if i < 0 || at+i+1 >= len(b) {
			return 0, false
		}
		if at += i; b[at+1] != 0 && b[at+1] != 0xff {
			return at, true
		}
		at++
	}
}

// nextRestart returns where the next restart marker is; what it was given, and false, where the next scan or the end
// comes first.
func (s *scan) nextRestart(at int) (int, bool) {
	for from := at; ; {
		next, ok := markerFrom(s.r.b, from)
		if !ok || s.r.b[next+1] == jpegfile.SOS || s.r.b[next+1] == jpegfile.EOI {
			return at, false
		}
		if m := s.r.b[next+1]; m >= jpegfile.RST0 && m <= jpegfile.RST7 {
			return next, true
		}
		from = next + 2
	}
}

// unit decodes the blocks of one unit, and reports whether they were there.
func (s *scan) unit(x, y int, single bool) bool {
	for _, c := range s.comps {
		across, down := c.H, c.V
		if single {
			across, down = 1, 1
		}
		for v := range down {
			for h := range across {
				if !s.block(c, x*across+h, y*down+v) {
					return false
				}
			}
		}
	}
	return true
}

// block decodes one block.
func (s *scan) block(c *component, x, y int) bool {
	if s.d.progressive {
		at := 64 * (y*c.across + x)
		return s.readBlock(c, c.coefs[at:at+64])
	}
	var block [64]int16
	if !s.sequential(c, block[:]) {
		return false
	}
	c.show(&block, x, y)
	return true
}

// difference reads how much a DC coefficient differs from the one before.
func (s *scan) difference(c *component) bool {
	size, ok := s.r.symbol(c.dc)
	if size > 16 {
		s.r.wrong, size = true, 0
	}
	v, there := s.r.take(int(size))
	if c.predictor = int(int16(c.predictor + extended(v, int(size)))); ok && there {
		c.there++
		return true
	}
	return false
}

func (s *scan) sequential(c *component, block []int16) bool {
	if !s.difference(c) {
		return false
	}
	block[0] = int16(c.predictor)
	for k := 1; k < 64; k++ {
		symbol, ok := s.r.symbol(c.ac)
		if !ok {
			c.there--
			return false
		}
		run, size := int(symbol>>4), int(symbol&15)
		if size == 0 && run < 15 {
			break
		}
		v, ok := s.r.take(size)
		if !ok {
			c.there--
			return false
		}
		if k += run; size == 0 {
			continue
		}
		if k > 63 {
			s.r.wrong = true
			break
		}
		block[zigzag[k]] = int16(extended(v, size))
	}
	return true
}

func (s *scan) firstDC(c *component, block []int16) bool {
	if !s.difference(c) {
		return false
	}
	if block[0] = int16(c.predictor << s.low); block[0] == unread {
		block[0]++
	}
	return true
}

func (s *scan) refineDC(_ *component, block []int16) bool {
	bit, ok := s.r.take(1)
	if ok && bit > 0 && block[0] != unread {
		block[0] |= 1 << s.low
	}
	return ok
}

func (s *scan) firstAC(c *component, block []int16) bool {
	if s.run > 0 {
		s.run--
		return true
	}
	for k := s.first; k <= s.last; k++ {
		symbol, ok := s.r.symbol(c.ac)
		if !ok {
			return false
		}
		run, size := int(symbol>>4), int(symbol&15)
		if size == 0 && run < 15 {
			more, ok := s.r.take(run)
			s.run = 1<<run + more - 1
			return ok
		}
		v, ok := s.r.take(size)
		if !ok {
			return false
		}
		if k += run; size == 0 {
			continue
		}
		if k > 63 {
			s.r.wrong = true
			break
		}
		block[zigzag[k]] = int16(extended(v, size) << s.low)
	}
	return true
}

func (s *scan) refineAC(c *component, block []int16) bool {
	k := s.first
	for s.run == 0 && k <= s.last {
		symbol, ok := s.r.symbol(c.ac)
		if !ok {
			return false
		}
		zeros, size := int(symbol>>4), int(symbol&15)
		value := int16(0)
		switch {
		case size > 0:
			s.r.wrong = s.r.wrong || size > 1
			bit, ok := s.r.take(1)
			if !ok {
				return false
			}
			if value = -1 << s.low; bit > 0 {
				value = 1 << s.low
			}
		case zeros < 15:
			more, ok := s.r.take(zeros)
			if !ok {
				return false
			}
			s.run = 1<<zeros + more
			continue
		}
		if k, ok = s.refine(block, k, zeros); !ok {
			return false
		}
		if value != 0 && k <= s.last {
			block[zigzag[k]] = value
		}
		k++
	}
	if s.run > 0 {
		s.run--
		_, ok := s.refine(block, k, -1)
		return ok
	}
	return true
}

// refine adds a bit to each coefficient from k on that is not 0, up to the one after so many that are 0, which it
// returns; to the last where zeros is below 0.
func (s *scan) refine(block []int16, k, zeros int) (int, bool) {
	for ; k <= s.last; k++ {
		v := &block[zigzag[k]]
		if *v == 0 {
			if zeros == 0 {
				break
			}
			zeros--
			continue
		}
		bit, ok := s.r.take(1)
		if !ok {
			return k, false
		}
		if bit > 0 && *v&(1<<s.low) == 0 {
			if *v > 0 {
				*v += 1 << s.low
			} else {
				*v -= 1 << s.low
			}
		}
	}
	return k, true
}
