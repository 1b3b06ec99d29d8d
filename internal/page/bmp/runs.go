package bmp

import "context"

// The byte after a count of 0: one of these, or the number of literal pixels that follow.
const (
	endOfRow     = 0
	endOfPicture = 1
	move         = 2
)

// readRuns reads run-length encoded pixels. It returns the number of complete rows: all of them if the end is marked.
// Pixels that the file skips stay white.
func (p *Picture) readRuns(ctx context.Context, b []byte, c *canvas) (rows int, err error) {
	r := runs{c: c, b: b, size: max(p.depth/8, 1)}
	for steps := 0; r.y < p.Height; steps++ {
		if steps%(1<<12) == 0 && ctx.Err() != nil {
			return r.y, ctx.Err()
		}
		head := r.take(2)
		if head == nil {
			break
		}
		count, kind := int(head[0]), int(head[1])
		switch {
		case count > 0:
			r.b = b[len(b)-len(r.b)-1:] // kind is the first byte of the pixel
			if !r.run(count) {
				return r.rows(), nil
			}
		case kind == endOfRow:
			r.x, r.y = 0, r.y+1
		case kind == endOfPicture:
			return p.Height, nil
		case kind == move:
			by := r.take(2)
			if by == nil {
				return r.rows(), nil
			}
			r.x, r.y = r.x+int(by[0]), r.y+int(by[1])
		default:
			if !r.literal(kind) {
				return r.rows(), nil
			}
		}
	}
	return r.rows(), nil
}

// runs is the state of run-length decoding: the remaining bytes and the position of the next pixel.
type runs struct {
	c    *canvas
	b    []byte
	size int // of a pixel in bytes, at least 1
	x, y int
}

// rows returns the number of complete rows. The last row may lack its end mark.
func (r *runs) rows() int {
	if r.x >= r.c.p.Width {
		return min(r.y+1, r.c.p.Height)
	}
	return min(r.y, r.c.p.Height)
}

// take returns the next n bytes; nil if there are fewer.
func (r *runs) take(n int) []byte {
	if len(r.b) < n {
		r.b = nil
		return nil
	}
	b := r.b[:n]
	r.b = r.b[n:]
	return b
}

// run puts a pixel count times, or two pixels of 4 bits alternately.
func (r *runs) run(count int) bool {
	pixel := r.take(r.size)
	for i := range count {
		if pixel == nil {
			return false
		}
		r.put(pixel, i)
	}
	return true
}

// literal reads literal pixels, which are padded to an even number of bytes.
func (r *runs) literal(count int) bool {
	n := count * r.size
	if r.c.p.depth == 4 {
		n = (count + 1) / 2
	}
	b := r.b[:min(n, len(r.b))]
	for i := range count {
		at := i * r.size
		if r.c.p.depth == 4 {
			at = i / 2
		}
		if at+r.size > len(b) {
			return false
		}
		r.put(b[at:at+r.size], i)
	}
	r.b = r.b[min(n+n%2, len(r.b)):]
	return true
}

// put puts the next pixel. Of two pixels of 4 bits it puts the first if i is even. Pixels to the right of the picture
// are dropped.
func (r *runs) put(pixel []byte, i int) {
	if p := r.c.p; r.x < p.Width && r.y < p.Height {
		switch y := r.c.row(r.y); p.depth {
		case 4:
			r.c.indices.Pix[y*r.c.indices.Stride+r.x] = pixel[0] >> (4 * (1 - i%2)) & 15
		case 8:
			r.c.indices.Pix[y*r.c.indices.Stride+r.x] = pixel[0]
		default:
			r.c.fill(r.c.colours.Pix[y*r.c.colours.Stride+4*r.x:][:4], pixel)
		}
	}
	r.x++
}
