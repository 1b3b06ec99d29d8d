package textlayer

import (
	"slices"
)

// block holds lines that are read one after the other.
type block struct {
	lines []*piece
	right float64 // right edge of its lines
}

const (
	mostPieces = 3000
	margin     = 0.09 // fraction of the page's height that is a margin, which may have a page number and running title
)

// ordered returns pieces in reading order, column by column. It has to agree with the order in the file, since either
// may be wrong.
func ordered(pieces []*piece, h float64) ([]block, Doubt) {
	if len(pieces) > mostPieces {
		return nil, TooMuch
	}
	fixed := 0
	for _, p := range pieces {
		if p.fixed == p.chars {
			fixed++
		}
	}
	if fixed > 1 {
		return nil, Code
	}
	pieces = withMarks(pieces)
	inMargin := func(p *piece) bool { return p.Y1 < margin*h || p.Y0 > (1-margin)*h }
	blocks, doubt := columns(pieces, inMargin, 0, false)
	if doubt != "" {
		return nil, doubt
	}
	last := -1
	for _, b := range blocks {
		for _, p := range b.lines {
			switch {
			case inMargin(p):
			case p.first < last:
				return nil, Unordered
			default:
				last = p.first
			}
		}
		if hasSlips(b.lines) {
			return nil, Unordered
		}
		if hasRivers(b.lines) {
			return nil, Table
		}
	}
	return blocks, ""
}

// withMarks merges the bullets and numbers of list items with the lines that they precede. A piece has only one mark:
// a second one stays apart.
func withMarks(pieces []*piece) (joined []*piece) {
	rows := rowsOf(pieces)
	gone := map[*piece]bool{}
	for _, r := range rows {
		for i := 0; i+1 < len(r); i++ {
			m, p := r[i], r[i+1]
			const far = 4 // in font sizes
			if m.isMark() && m.mark == "" && p.mark == "" && (i == 0 || m.X0-r[i-1].X1 > wideGap*m.size) &&
				p.X0-m.X1 < far*p.size && p.first > m.first && p.letters > 0 {
				p.mark, p.markAt = m.text.String(), m.X0
				p.first = m.first
				gone[m] = true
			}
		}
	}
	for _, p := range pieces {
		if !gone[p] {
			joined = append(joined, p)
		}
	}
	return joined
}

// left returns the left edge of a piece, including its mark.
func (p *piece) left() float64 {
	if p.mark != "" {
		return p.markAt
	}
	return p.X0
}

// columns divides pieces into blocks. A row with several pieces must belong to columns, or be in the margin without
// such a row above it. Pieces of a column must be lines of text.
func columns(pieces []*piece, inMargin func(*piece) bool, depth int, column bool) ([]block, Doubt) {
	const deep = 8
	if len(pieces) == 0 {
		return nil, ""
	}
	if depth > deep {
		return nil, Unordered
	}
	rows := rowsOf(pieces)
	gutter, from, to, both := widestColumns(rows)
	if both == 0 {
		if column && !isProse(pieces) {
			return nil, Table
		}
		return blocksOf(rows), ""
	}
	const least = 4 // rows with pieces on both sides that make columns
	if both < least {
		for i, r := range rows {
			if len(r) > 1 && (slices.ContainsFunc(r, func(p *piece) bool { return !inMargin(p) }) || i > 0 &&
				len(rows[i-1]) > 1) {
				return nil, Table
			}
		}
		return blocksOf(rows), ""
	}
	var above, left, right, below []*piece
	for i, r := range rows {
		for _, p := range r {
			switch {
			case i < from:
				above = append(above, p)
			case i >= to:
				below = append(below, p)
			case p.X1 <= gutter:
				left = append(left, p)
			default:
				right = append(right, p)
			}
		}
	}
	var all []block
	for i, part := range [][]*piece{above, left, right, below} {
		blocks, doubt := columns(part, inMargin, depth+1, i == 1 || i == 2 || column)
		if doubt != "" {
			return nil, doubt
		}
		all = append(all, blocks...)
	}
	return all, ""
}

// blocksOf returns one block of all pieces, row by row.
func blocksOf(rows []row) []block {
	var b block
	for _, r := range rows {
		for _, p := range r {
			b.lines = append(b.lines, p)
			b.right = max(b.right, p.X1)
		}
	}
	return []block{b}
}

// widestColumns returns the X of the gutter that separates most rows into left and right, the range of rows that it
// does not cut, and how many of them have pieces on both sides.
func widestColumns(rows []row) (gutter float64, from, to, both int) {
	tried := map[int]bool{}
	for _, r := range rows {
		for i := 0; i+1 < len(r); i++ {
			x := (r[i].X1 + r[i+1].left()) / 2
			if tried[int(x)] {
				continue
			}
			tried[int(x)] = true
			if f, t, n := longestRun(rows, x); n > both {
				gutter, from, to, both = x, f, t, n
			}
		}
	}
	return gutter, from, to, both
}

// longestRun returns the range of rows without a piece at x that has the most rows with pieces on both sides of it.
// Rows at either end are left out if they have one side only and are apart.
func longestRun(rows []row, x float64) (from, to, both int) {
	for i := 0; i < len(rows); i++ {
		if covers(rows[i], x) {
			continue
		}
		j := i
		for j < len(rows) && !covers(rows[j], x) {
			j++
		}
		f, t := trimmed(rows, i, j, x)
		n := 0
		for _, r := range rows[f:t] {
			if sides(r, x) == 2 {
				n++
			}
		}
		if n > both {
			from, to, both = f, t, n
		}
		i = j
	}
	return from, to, both
}

func covers(r row, x float64) bool {
	return slices.ContainsFunc(r, func(p *piece) bool { return p.left() < x && x < p.X1 })
}

func sides(r row, x float64) int {
	left := slices.ContainsFunc(r, func(p *piece) bool { return p.X1 <= x })
	right := slices.ContainsFunc(r, func(p *piece) bool { return p.left() >= x })
	if left && right {
		return 2
	}
	return 1
}

// trimmed removes rows from both ends of a run that have one side only and are apart from the others.
func trimmed(rows []row, from, to int, x float64) (int, int) {
	const apart = 1.7 // in font sizes
	for again := true; again; {
		again = false
		for i := from; i+1 < to && sides(rows[i], x) < 2; i++ {
			if rows[i+1].base()-rows[i].base() > apart*rows[i][0].size {
				from, again = i+1, true
				break
			}
		}
		for i := to - 1; i > from && sides(rows[i], x) < 2; i-- {
			if rows[i].base()-rows[i-1].base() > apart*rows[i][0].size {
				to, again = i, true
				break
			}
		}
	}
	return from, to
}

// isProse reports whether pieces are lines of text, as in a column, rather than cells of a table.
func isProse(pieces []*piece) bool {
	var chars []int
	var widths []float64
	x0, x1 := pieces[0].left(), pieces[0].X1
	letters, all := 0, 0
	for _, p := range pieces {
		chars, widths = append(chars, p.chars), append(widths, p.width())
		letters, all = letters+p.letters, all+p.chars
		x0, x1 = min(x0, p.left()), max(x1, p.X1)
	}
	slices.Sort(chars)
	slices.Sort(widths)
	return len(pieces) >= 5 && chars[len(chars)/2] >= 18 && widths[len(widths)/2] > 0.55*(x1-x0) &&
		float64(letters) > 0.7*float64(all)
}

// hasSlips reports whether two lines overlap vertically without having the same baseline, so that it is unclear which
// one is first.
func hasSlips(lines []*piece) bool {
	for i := range lines[:max(0, len(lines)-1)] {
		a, b := lines[i], lines[i+1]
		height := func(p *piece) float64 { return 0.5 * p.size } // of lower-case letters
		common := min(a.base, b.base) - max(a.base-height(a), b.base-height(b))
		if common > 0.4*min(height(a), height(b)) && max(a.base-b.base, b.base-a.base) > 0.02*min(a.size, b.size) {
			return true
		}
	}
	return false
}

// hasRivers reports whether consecutive lines have wide gaps in the same place.
func hasRivers(lines []*piece) bool {
	const rows = 3
	type river struct {
		between
		rows int
	}
	var rivers []river
	for _, p := range lines {
		var next []river
		for _, g := range p.gaps {
			grown := river{g, 1}
			for _, r := range rivers {
				x0, x1 := max(r.x0, g.x0), min(r.x1, g.x1)
				if x1-x0 > 0.3*p.size && r.rows+1 > grown.rows {
					grown = river{between{x0, x1}, r.rows + 1}
				}
			}
			if grown.rows >= rows {
				return true
			}
			next = append(next, grown)
		}
		rivers = next
	}
	return false
}
