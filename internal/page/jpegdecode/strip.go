package jpegdecode

import "github.com/bucketocr/bucketocr/internal/page/jpegfile"

// channel is the state of decoding one channel.
type channel struct {
	jpegfile.Component
	number        int // of its quantization table
	width, height int // in samples, without padding
	across        int // blocks in a row, to the end of the last unit
	down          int // rows of blocks, to the end of the last unit
	realAcross    int // blocks in a row, without padding
	realDown      int // rows of blocks, without padding

	side  int    // of a block in samples, after reduction
	pix   []byte // samples of rows of blocks
	first int    // row of blocks that pix begins with

	// For progressive pictures only:
	kept  int      // sums per block
	coefs []int16  // the sums of all blocks
	signs []uint64 // two per block: see sums
	coded [64]int8 // per coefficient, its missing low bits plus 1; 0: not coded yet

	terms     *[64]term // nil until a scan has reached the channel
	dc, ac    *huffman
	predictor int
	there     int // blocks decoded
}

// begin asks the sink for the reduction of each channel and allocates the buffers.
func (d *decoder) begin() {
	d.begun = true
	p := d.picture()
	reduce := d.sink.Begin(p)
	for i := range d.channels {
		c := &d.channels[i]
		c.side = 8 / reduce[i]
		rows := c.down
		if d.strict || d.progressive { // shown one row of units at a time
			rows = c.V
		}
		c.pix = make([]byte, c.across*rows*c.side*c.side)
		white := p.white(i)
		for j := range c.pix {
			c.pix[j] = white
		}
		if d.progressive {
			c.kept = c.side * c.side
			c.coefs, c.signs = make([]int16, c.across*c.down*c.kept), make([]uint64, 2*c.across*c.down)
		}
	}
}

// sums is a block of a progressive picture: the sums of its scaled coefficients, and as bit sets the coefficients that
// are not 0 and those that are negative, which refining scans need.
type sums struct {
	pix         []int16
	seen, minus *uint64 // bit 0 of seen: a scan has reached the block
	terms       *[64]term
}

// sumBits is the number of fractional bits of a sum.
const sumBits = 6

// add adds value to coefficient k.
func (b sums) add(k, value int) {
	t := &b.terms[k]
	b.pix[t.at] += int16((value*int(t.scale) + 1<<(pointBits-sumBits-1)) >> (pointBits - sumBits))
}

// set sets coefficient k to a value other than 0. It reports false, and changes nothing, if it was set already.
func (b sums) set(k, value int) bool {
	if *b.seen>>k&1 != 0 {
		return false
	}
	*b.seen |= 1 << k
	if value < 0 {
		*b.minus |= 1 << k
	}
	b.add(k, value)
	return true
}

// sums returns the sums of the block at x, y.
func (c *channel) sums(x, y int) sums {
	i := y*c.across + x
	return sums{c.coefs[i*c.kept:][:c.kept], &c.signs[2*i], &c.signs[2*i+1], c.terms}
}

// complete reports whether all bits of all coefficients of a progressive channel have been coded.
func (c *channel) complete() bool {
	for _, low := range c.coded {
		if low != 1 {
			return false
		}
	}
	return true
}

// show writes the samples of a block to pix. flat means that all coefficients but the first are 0.
func (c *channel) show(block *[64]int32, flat bool, x, y int) {
	stride := c.side * c.across
	pix := c.pix[c.side*((y-c.first)*stride+x):]
	if flat {
		showFlat(block[0], c.side, pix, stride)
		return
	}
	show(block, c.side, pix, stride)
}

// showSums writes row y of a progressive channel's blocks to pix.
func (c *channel) showSums(y int) {
	var block [64]int32
	for x := range c.across {
		sums, flat := c.sums(x, y), true
		if *sums.seen&1 == 0 {
			continue
		}
		for i, v := range sums.pix {
			block[i] = int32(v) << (pointBits - sumBits)
			flat = flat && (v == 0 || i == 0)
		}
		c.show(&block, flat, x, y)
	}
}

// showUnits passes a row of units to the sink and moves on to the next.
func (d *decoder) showUnits() {
	strips := make([]Samples, 0, 4)
	for i := range d.channels {
		c := &d.channels[i]
		s := c.samples()
		s.Height = max(0, min(c.V*c.side, s.Height-c.first*c.side))
		strips = append(strips, s)
		c.first += c.V
	}
	d.sink.Strip(strips)
}

// samples returns pix as samples of the whole channel.
func (c *channel) samples() Samples {
	by := 8 / c.side
	return Samples{Pix: c.pix, Stride: c.side * c.across, Width: ceilDiv(c.width, by), Height: ceilDiv(c.height, by)}
}

// showAll passes the whole picture to the sink.
func (d *decoder) showAll() {
	if d.progressive {
		d.showProgressive()
		return
	}
	strips := make([]Samples, 0, 4)
	for i := range d.channels {
		strips = append(strips, d.channels[i].samples())
	}
	d.sink.Strip(strips)
}

// showProgressive transforms the coefficients row by row. Blocks that no scan has reached stay white.
func (d *decoder) showProgressive() {
	p := d.picture()
	for y := 0; y < d.downUnits && d.ctx.Err() == nil; y++ {
		for i := range d.channels {
			c := &d.channels[i]
			if white := p.white(i); c.there < c.across*c.down {
				for j := range c.pix {
					c.pix[j] = white
				}
			}
			for v := range c.V {
				if c.terms != nil {
					c.showSums(y*c.V + v)
				}
			}
		}
		d.showUnits()
	}
}
