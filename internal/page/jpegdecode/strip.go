package jpegdecode

import "github.com/bucketocr/bucketocr/internal/page/jpegfile"

// channel is a channel of the picture.
type channel struct {
	jpegfile.Component
	number        int // of its table of quantization
	width, height int // samples that show something of the picture
	across        int // blocks, to the end of the last unit
	down          int // rows of them
	realAcross    int // blocks that show something of the picture
	realDown      int // rows of them

	side  int    // samples of a block, across and down, as it is shown
	pix   []byte // samples of rows of blocks
	first int    // row of blocks with which pix begins

	// Of a progressive picture:
	kept  int      // sums of each block
	coefs []int16  // these sums
	signs []uint64 // two for each block: see sums
	coded [64]int8 // by coefficient one more than how many of its lowest bits are missing; 0: all

	terms     *[64]term // nil until a scan has reached the channel
	dc, ac    *huffman
	predictor int
	there     int // blocks
}

// begin asks the sink in which size it takes the picture, and makes room for it.
func (d *decoder) begin() {
	d.begun = true
	p := d.picture()
	reduce := d.sink.Begin(p)
	for i := range d.channels {
		c := &d.channels[i]
		c.side = 8 / reduce[i]
		rows := c.down
		if d.strict || d.progressive { // it is shown by rows of units
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

// sums returns those of a block.
func (c *channel) sums(x, y int) sums {
	i := y*c.across + x
	return sums{c.coefs[i*c.kept:][:c.kept], &c.signs[2*i], &c.signs[2*i+1], c.terms}
}

// complete reports whether nothing can be added to the channel of a progressive picture.
func (c *channel) complete() bool {
	for _, low := range c.coded {
		if low != 1 {
			return false
		}
	}
	return true
}

// show puts the samples of a block into its place. A flat one has no more than its first coefficient.
func (c *channel) show(block *[64]int32, flat bool, x, y int) {
	stride := c.side * c.across
	pix := c.pix[c.side*((y-c.first)*stride+x):]
	if flat {
		showFlat(block[0], c.side, pix, stride)
		return
	}
	show(block, c.side, pix, stride)
}

// showSums shows a row of blocks of a progressive picture.
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

// showUnits has the sink take a row of units, and makes room for the next one.
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

// samples returns what is in pix as if it were all.
func (c *channel) samples() Samples {
	by := 8 / c.side
	return Samples{Pix: c.pix, Stride: c.side * c.across, Width: ceilDiv(c.width, by), Height: ceilDiv(c.height, by)}
}

// showAll has the sink take the whole picture.
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

// showProgressive shows the coefficients row by row. What no scan has reached stays white.
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
