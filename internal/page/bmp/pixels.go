package bmp

import (
	"context"
	"encoding/binary"
)

// readRows reads uncompressed pixels and returns the number of complete rows.
func (p *Picture) readRows(ctx context.Context, b []byte, c *canvas) (rows int, err error) {
	// The last row may lack its padding.
	size, used := (int64(p.Width)*int64(p.depth)+31)/32*4, (int64(p.Width)*int64(p.depth)+7)/8
	for rows < p.Height && int64(len(b)) >= used {
		if err := ctx.Err(); err != nil {
			return rows, err
		}
		if p.depth <= 8 {
			at := c.row(rows) * c.indices.Stride
			unpack(c.indices.Pix[at:][:p.Width], b, p.depth)
		} else {
			at := c.row(rows) * c.colours.Stride
			c.fill(c.colours.Pix[at:][:4*p.Width], b)
		}
		b = b[min(size, int64(len(b))):]
		rows++
	}
	return rows, nil
}

// unpack reads a row of palette indices of depth bits each.
func unpack(row, b []byte, depth int) {
	each := 8 / depth
	for x := range row {
		row[x] = b[x/each] >> (8 - depth - x%each*depth) & (1<<depth - 1)
	}
}

// fill reads a row of colours of 16, 24 or 32 bits.
func (c *canvas) fill(row, b []byte) {
	size := c.p.depth / 8
	usual := c.p.masks == [4]uint32{0xff0000, 0xff00, 0xff, 0} && size > 2
	for x := 0; 4*x < len(row); x++ {
		to, from := row[4*x:][:4], b[x*size:][:size]
		if usual {
			to[0], to[1], to[2] = from[2], from[1], from[0]
			continue
		}
		pixel := uint32(binary.LittleEndian.Uint16(from))
		switch size {
		case 3:
			pixel |= uint32(from[2]) << 16
		case 4:
			pixel = binary.LittleEndian.Uint32(from)
		}
		for i := range 3 {
			to[i] = c.channels[i].of(pixel)
		}
		if c.p.masks[3] != 0 {
			to[3] = c.channels[3].of(pixel)
			c.alpha = c.alpha || to[3] > 0
		}
	}
}
