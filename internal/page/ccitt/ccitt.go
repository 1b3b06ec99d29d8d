// Package ccitt decodes fax images: T.4 (Group 3, one- and two-dimensional, with any fill before the end of a row), T.6
// (Group 4), and TIFF's variants without codes for the end of a row. It is as lenient as libtiff: rows before a fault
// are decoded, and in Group 3 those after it, too. The package keeps no state; all functions may be called
// concurrently.
//
// Files, in reading order: ccitt.go pictures and rows, bits.go reading bits, codes.go the tables of codes.
package ccitt

import (
	"context"
	"errors"
)

// Coding says how rows are coded and separated.
type Coding int

const (
	Group3 Coding = iota // T.4: each row begins with a code, which may be missing where TwoDimensional is not set
	Group4               // T.6
	Bytes                // one-dimensional rows of T.4, each beginning at a byte
	Words                // the same, each beginning at a multiple of two bytes
)

// Format describes how a picture is coded. The highest bit of each byte comes first.
type Format struct {
	Coding         Coding
	Width          int  // pixels per row, positive
	TwoDimensional bool // Group3: a bit before each row tells whether it is one- or two-dimensional
	Uncompressed   bool // the picture may use uncompressed mode, which is not supported: see ErrUncompressed
}

var (
	// ErrDamaged means that rows are missing or broken; the others were decoded.
	ErrDamaged = errors.New("ccitt: rows are missing or broken")
	// ErrUncompressed means that a picture uses uncompressed mode.
	ErrUncompressed = errors.New("ccitt: uncompressed mode")
)

// Decode fills dst with rows of (Width+7)/8 bytes, one bit per pixel, 0 for white, and returns the number of rows that
// it decoded before the picture ended or became unreadable. The rest of a broken row is white, if later rows can still
// be read. Errors: ErrDamaged, ErrUncompressed, or ctx's, which is checked every few rows. It allocates at most 8 bytes
// per pixel of a row.
func (f Format) Decode(ctx context.Context, dst, data []byte) (rows int, err error) {
	d := decoder{Format: f, reader: reader{data: data}, codes: tables()}
	stride := (f.Width + 7) / 8
	whole := true
	for ; len(dst) >= stride; dst = dst[stride:] {
		if rows%64 == 0 && ctx.Err() != nil {
			return rows, ctx.Err()
		}
		oneDimensional, ok := d.begin()
		if !ok {
			return rows, ErrDamaged
		}
		d.above, d.row = d.row, d.above[:0]
		if oneDimensional {
			ok = d.oneDimensional()
		} else {
			ok = d.twoDimensional()
		}
		switch {
		case d.uncompressed:
			return rows, ErrUncompressed
		case !ok && !d.marked:
			return rows, ErrDamaged
		}
		whole = whole && ok
		paint(dst[:stride], d.row, f.Width)
		rows++
		d.end()
	}
	if !whole {
		err = ErrDamaged
	}
	return rows, err
}

// decoder decodes a picture row by row. A row is stored as the positions where its colour changes, from left to right.
// It begins with white, so a row whose first pixel is black has a change at 0.
type decoder struct {
	Format
	reader
	*codes
	above, row   []int32
	marked       bool // Group3: rows begin with a code, so the row after a broken one can be found
	uncompressed bool // uncompressed mode was met
}

// begin reads the codes before a row. ok is false if there are no more rows.
func (d *decoder) begin() (oneDimensional, ok bool) {
	if d.Coding == Group4 {
		return false, !d.ended() && d.peek(2*eolBits) != 1<<eolBits|1
	}
	oneDimensional = true
	if d.Coding == Group3 {
		if d.marked {
			d.sync()
		}
		for d.endOfRow() { // the picture ends with six of them
			d.marked = true
			if d.TwoDimensional {
				oneDimensional = d.peek(1) == 1
				d.skip(1)
			}
		}
	}
	return oneDimensional, !d.ended()
}

// end skips the padding after a row.
func (d *decoder) end() {
	switch d.Coding {
	case Bytes:
		d.align(8)
	case Words:
		d.align(16)
	}
}

// endOfRow consumes the code that ends a row, and the fill before it, and reports whether there was one. It also
// consumes fill that lasts to the end of the data.
func (d *decoder) endOfRow() bool {
	before := d.reader
	zeros := d.skipZeros()
	switch {
	case d.ended():
		return false
	case zeros >= eolBits-1:
		d.skip(1)
		return true
	}
	d.reader = before
	return false
}

// sync skips to the next code that ends a row.
func (d *decoder) sync() {
	for !d.ended() && d.peek(eolBits-1) != 0 {
		d.skip(1)
	}
}

// colour returns the current colour of the row: 0 white, 1 black.
func (d *decoder) colour() int { return len(d.row) & 1 }

// change changes the colour at x, which is not left of the last change. In a two-dimensional row, two changes at the
// same position both count for the row below, as in libtiff and the programs that write such rows.
func (d *decoder) change(x int) {
	if x < d.Width {
		d.row = append(d.row, int32(x))
	}
}

// crowded reports whether a row has more changes than pixels, which only empty runs can cause.
func (d *decoder) crowded() bool { return len(d.row) > d.Width+2 }

// run reads the length of a run of a colour, -1 if there is no valid code.
func (d *decoder) run(colour int) int {
	for sum := 0; ; {
		c := d.runs[colour][d.peek(runBits)]
		if c.bits == 0 {
			return -1
		}
		d.skip(int(c.bits))
		if sum += int(c.value); c.value < 64 {
			return sum
		}
	}
}

func (d *decoder) oneDimensional() bool {
	for x := 0; x < d.Width; {
		n := d.run(d.colour())
		if n < 0 {
			return false
		}
		x += n
		if last := len(d.row) - 1; last >= 0 && int(d.row[last]) == x { // an empty run
			d.row = d.row[:last]
			continue
		}
		d.change(x)
	}
	return true
}

// twoDimensional decodes a row relative to the one above it. Variables are named as in T.6.
func (d *decoder) twoDimensional() bool {
	next := 0 // the first change above that is right of a0
	above := func(i int) int {
		if i < len(d.above) {
			return int(d.above[i])
		}
		return d.Width
	}
	for a0 := -1; a0 < d.Width; {
		for next < len(d.above) && int(d.above[next]) <= a0 {
			next++
		}
		b1 := next
		if b1&1 != d.colour() {
			b1++
		}
		mode := d.modes[d.peek(modeBits)]
		if mode.bits == 0 || d.crowded() {
			return false
		}
		d.skip(int(mode.bits))
		switch mode.value {
		case modePass:
			a0 = above(b1 + 1)
		case modeHorizontal:
			colour := d.colour()
			first, second := d.run(colour), d.run(1-colour)
			if first < 0 || second < 0 {
				return false
			}
			a1 := max(a0, 0) + first
			d.change(a1)
			a0 = a1 + second
			d.change(a0)
		case modeExtension:
			d.uncompressed = d.Uncompressed
			return false
		default: // vertical
			a1 := above(b1) + int(mode.value) - modeV0
			if a1 < max(a0, 0) {
				return false
			}
			a0 = a1
			d.change(a0)
		}
	}
	return true
}

// paint draws a row of width pixels.
func paint(dst []byte, row []int32, width int) {
	clear(dst)
	for i := 0; i < len(row); i += 2 {
		from, to := int(row[i]), width
		if i+1 < len(row) {
			to = int(row[i+1])
		}
		if from == to {
			continue
		}
		first, last := from/8, (to-1)/8
		left, right := byte(0xff>>(from%8)), byte(0xff<<(7-(to-1)%8))
		if first == last {
			dst[first] |= left & right
			continue
		}
		dst[first] |= left
		for at := first + 1; at < last; at++ {
			dst[at] = 0xff
		}
		dst[last] = right
	}
}
