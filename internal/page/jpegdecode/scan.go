package jpegdecode

// scan is one pass over the blocks of one or more channels.
type scan struct {
	d          *decoder
	r          *reader
	channels   []*channel
	from, last int // first and last coefficient, in zigzag order
	refines    bool
	low        int // lowest bit that the scan codes
	run        int // blocks left in an end-of-band run of a progressive scan
	progress   func(c *channel, b sums)
	restarts   int // passed so far
	until      int // units until the next restart
}

// scan decodes the scan with header body and reports whether more segments may follow.
func (d *decoder) scan(body []byte) bool {
	if d.channels == nil {
		d.r.wrong = d.r.wrong || d.strict
		return false
	}
	s := &scan{d: d, r: &d.r}
	if !s.header(body) || d.strict && len(s.channels) < len(d.channels) {
		d.r.wrong = true
		return !d.strict
	}
	if !d.begun {
		d.begin()
	}
	for _, c := range s.channels {
		if c.terms == nil {
			c.terms = terms(d.quant[c.number], c.side)
		}
	}
	across, down := d.acrossUnits, d.downUnits
	single := len(s.channels) == 1
	if single {
		across, down = s.channels[0].realAcross, s.channels[0].realDown
	}
	d.r.align()
	s.until = d.interval
	missing := false // up to the next restart marker
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
				missing, d.r.wrong = true, true
			}
		}
		if missing && (d.interval == 0 || d.strict) || d.strict && d.r.wrong {
			break
		}
		if d.strict {
			d.showUnits()
		}
	}
	d.r.align()
	d.shown = d.strict && !missing
	return true
}

// header parses the header of a scan and reports whether the scan can be decoded.
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
		c.dc, c.ac = d.tables[0][b[2+2*i]>>4&3], d.tables[1][b[2+2*i]&3]
		s.channels = append(s.channels, c)
	}
	if s.from, s.last = 0, 63; !d.progressive {
		return s.start(true, true)
	}
	p := b[len(b)-3:]
	s.from, s.last, s.refines, s.low = int(p[0]), int(p[1]), p[2]>>4 > 0, int(p[2]&15)
	dc := s.from == 0
	if s.from > s.last || s.last > 63 || s.low > 13 || dc && s.last > 0 || !dc && len(s.channels) > 1 {
		return false
	}
	switch {
	case dc && s.refines:
		s.progress = s.refineDC
	case dc:
		s.progress = s.firstDC
	case s.refines:
		s.progress = s.refineAC
	default:
		s.progress = s.firstAC
	}
	if !s.start(dc && !s.refines, !dc) {
		return false
	}
	for _, c := range s.channels {
		for k := s.from; k <= s.last; k++ {
			c.coded[k] = int8(s.low) + 1
		}
	}
	return true
}

// channel returns the channel with the given ID, the scan's ith of n, or nil. Channels may share an ID; in a scan of
// all channels unknown IDs are matched by position.
func (s *scan) channel(id byte, i, n int) *channel {
	for j := range s.d.channels {
		c := &s.d.channels[j]
		taken := false
		for _, other := range s.channels {
			taken = taken || other == c
		}
		if c.ID == id && !taken {
			return c
		}
	}
	if n == len(s.d.channels) {
		return &s.d.channels[i]
	}
	return nil
}

// start resets the predictors and reports whether all tables are defined. dc and ac say which kinds of codes the scan
// has; a scan with DC coefficients restarts the count of blocks.
func (s *scan) start(dc, ac bool) bool {
	for _, c := range s.channels {
		if c.terms == nil && s.d.quant[c.number] == nil || dc && c.dc == nil || ac && c.ac == nil {
			return false
		}
		if c.predictor = 0; dc {
			c.there = 0
		}
	}
	return true
}

// unit decodes the blocks of one unit and reports whether the data sufficed.
func (s *scan) unit(x, y int, single bool) bool {
	for _, c := range s.channels {
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

// block decodes one block and reports whether the data sufficed.
func (s *scan) block(c *channel, x, y int) bool {
	if s.progress != nil {
		s.progress(c, c.sums(x, y))
	} else {
		block := (*[64]int32)(s.d.block[:])
		clear(block[:c.side*c.side])
		last := s.sequential(c, block)
		if s.r.n < 0 {
			return false
		}
		c.show(block, last == 0, x, y)
	}
	if s.r.n < 0 {
		return false
	}
	if s.from == 0 && !s.refines {
		c.there++
	}
	return true
}
