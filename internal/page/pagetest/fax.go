package pagetest

import (
	"image"
	"math/bits"
	"strings"

	"github.com/bucketocr/bucketocr/internal/page/ccitt"
)

// FaxOptions selects a variant of a fax. The zero value is the usual form of its compression, one-dimensional in Group
// 3.
type FaxOptions struct {
	TwoDimensional bool // Group 3
	Fill           bool // Group 3: each row ends at a byte boundary
	NoEnds         bool // Group 3: rows lack their end codes
	BlackIsZero    bool // the page declares 0 as black, though white runs still consist of 0
	LowFirst       bool // the lowest bit of each byte comes first
	Missing        int  // number of rows missing at the end of each strip
}

// Fax encodes a picture, black where the gray is below 128, in strips of rows. The compression is 2 (rows begin at a
// byte), 3 (Group 3), 4 (Group 4) or 32771 (rows begin at a pair of bytes).
func Fax(m *image.Gray, compression, rows int, o FaxOptions) Picture {
	w, h := m.Rect.Dx(), m.Rect.Dy()
	p := described(w, h, rows, 1, 1, 0, compression)
	if o.BlackIsZero {
		p = p.With(262, 3, 1)
	}
	if o.LowFirst {
		p = p.With(266, 3, 2)
	}
	if compression == 3 {
		options := uint32(0)
		if o.TwoDimensional {
			options |= 1
		}
		if o.Fill {
			options |= 4
		}
		p = p.With(292, 4, options)
	}
	for y := 0; y < h; y += rows {
		var e faxEncoder
		end := max(y, min(y+rows, h)-o.Missing)
		e.strip(m.SubImage(image.Rect(0, y, w, end)).(*image.Gray), compression, o)
		p.Strips = append(p.Strips, e.bytes(o.LowFirst))
	}
	return p
}

// faxEncoder collects bits as digits.
type faxEncoder struct{ strings.Builder }

const endOfRow = "000000000001"

func (e *faxEncoder) strip(m *image.Gray, compression int, o FaxOptions) {
	above := make([]int, m.Rect.Dx())
	for y := range m.Rect.Dy() {
		row := make([]int, m.Rect.Dx())
		for x := range row {
			row[x] = int(1 - m.Pix[y*m.Stride+x]>>7)
			if o.BlackIsZero {
				row[x] = 1 - row[x]
			}
		}
		switch {
		case compression == 4:
			e.twoDimensional(above, row)
		case compression != 3:
			e.oneDimensional(row)
			for e.Len()%8 != 0 || compression == 32771 && e.Len()%16 != 0 {
				e.WriteByte('0')
			}
		default:
			e.group3(above, row, y%4 != 0, o)
		}
		above = row
	}
	switch {
	case compression == 4:
		e.WriteString(endOfRow + endOfRow)
	case compression == 3 && !o.NoEnds:
		tag := ""
		if o.TwoDimensional {
			tag = "1"
		}
		e.WriteString(strings.Repeat(endOfRow+tag, 6))
	}
}

func (e *faxEncoder) group3(above, row []int, byAbove bool, o FaxOptions) {
	if !o.NoEnds {
		for o.Fill && (e.Len()+len(endOfRow))%8 != 0 {
			e.WriteByte('0')
		}
		e.WriteString(endOfRow)
	}
	switch {
	case !o.TwoDimensional:
		e.oneDimensional(row)
	case byAbove:
		e.WriteByte('0')
		e.twoDimensional(above, row)
	default:
		e.WriteByte('1')
		e.oneDimensional(row)
	}
}

// changeAfter returns the position of the first pixel from x on that does not have the colour.
func changeAfter(row []int, x, colour int) int {
	for x < len(row) && row[x] == colour {
		x++
	}
	return x
}

func (e *faxEncoder) oneDimensional(row []int) {
	for x, colour := 0, 0; x < len(row); colour = 1 - colour {
		next := changeAfter(row, x, colour)
		e.WriteString(ccitt.RunCodes(colour, next-x))
		x = next
	}
}

// twoDimensional codes a row relative to the one above it. Variables are named as in T.6.
func (e *faxEncoder) twoDimensional(above, row []int) {
	vertical := []string{"0000010", "000010", "010", "1", "011", "000011", "0000011"}
	for a0, colour := -1, 0; a0 < len(row); {
		a1 := changeAfter(row, max(a0, 0), colour)
		b1 := a0 + 1
		at := func(x int) int {
			if x < 0 {
				return 0
			}
			return above[x]
		}
		for b1 < len(row) && !(above[b1] != at(b1-1) && above[b1] != colour) {
			b1++
		}
		b2 := b1
		if b1 < len(row) {
			b2 = changeAfter(above, b1, 1-colour)
		}
		switch d := a1 - b1; {
		case b2 < a1:
			e.WriteString("0001")
			a0 = b2
		case -3 <= d && d <= 3:
			e.WriteString(vertical[d+3])
			a0, colour = a1, 1-colour
		default:
			a2 := changeAfter(row, a1, 1-colour)
			e.WriteString("001" + ccitt.RunCodes(colour, a1-max(a0, 0)) + ccitt.RunCodes(1-colour, a2-a1))
			a0 = a2
		}
	}
}

func (e *faxEncoder) bytes(lowFirst bool) []byte {
	digits := e.String()
	b := make([]byte, (len(digits)+7)/8)
	for i, d := range digits {
		b[i/8] |= byte(d-'0') << (7 - i%8)
	}
	for i := range b {
		if lowFirst {
			b[i] = bits.Reverse8(b[i])
		}
	}
	return b
}
