package textlayer

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// piece is a part of a line: a sequence of characters without wide gaps.
type piece struct {
	Rect               // union of its characters' advances
	base, size float64 // baseline and font size of most of them
	text       strings.Builder
	first      int       // index of its first character in the file
	chars      int       // visible characters
	letters    int       // among these
	fixed      int       // among these in monospaced fonts
	gaps       []between // wider than most gaps between words
	firstWord  float64   // width of its first word
	open       bool      // its first word has not ended yet
	raised     bool      // it is within superscript
	soft       bool      // it ends with a soft hyphen
	second     float64   // X of its second word
	last       Char
	mark       string  // bullet or number of a list item; "" if it is not one
	markAt     float64 // X of the mark
}

// between is a horizontal range of a line.
type between struct{ x0, x1 float64 }

// Gaps between characters, in font sizes.
const (
	noGap     = 0.12 // the widest within a word
	wordGap   = 0.25 // the narrowest that is never within a word
	someGap   = 0.08 // the narrowest of a space that is in the file
	wideGap   = 1.0  // wider gaps separate pieces,
	wideSpace = 2.5  // or these, if the file has spaces, as in a justified line
	overlap   = 0.35 // the most by which characters overlap
	riverGap  = 0.6  // several such gaps below each other make a table
)

// piecesOf joins characters to pieces, in the order of the file.
func piecesOf(chars []Char) (all []*piece, doubt Doubt) {
	var p *piece
	unclear, seen := 0, 0
	space, guessed := false, false
	for i, c := range chars {
		if c.Space {
			space, guessed = true, guessed && space || c.Guessed && !space
			continue
		}
		if c.Rune == softHyphen {
			if p != nil {
				p.soft = true
			}
			continue
		}
		seen++
		far := wideGap
		if space && !guessed {
			far = wideSpace
		}
		shift := placed(p, &c, far)
		if shift == "low" {
			return nil, Formula
		}
		if shift == "" {
			p = &piece{Rect: c.Advance, base: c.Y, size: c.Size, first: i, open: true}
			all = append(all, p)
		} else {
			gap := (c.Advance.X0 - p.last.Advance.X1) / min(p.size, max(c.Size, p.last.Size))
			ends := space
			switch {
			case space && !guessed:
				if gap < someGap {
					unclear++
				}
			case gap < noGap:
				if space {
					unclear++
				}
				ends = false
			default:
				if !space || gap < wordGap && !guessed {
					unclear++
				}
				ends = true
			}
			p.soft = false
			if shift == "foot" {
				p.raise(&c)
			}
			p.space(ends, gap, &c, shift == "high")
		}
		p.add(&c)
		space, guessed = false, false
	}
	for _, p := range all {
		p.close()
	}
	if unclear > 1+seen/400 {
		return nil, Spacing
	}
	return all, ""
}

// placed returns the position of a character relative to the piece before it: "level"; "high" for superscript; "low"
// for other small characters off the baseline; "foot" if the piece itself is a superscript number, as in a footnote; or
// "" if the character begins another piece.
func placed(p *piece, c *Char, far float64) string {
	if p == nil {
		return ""
	}
	gap := c.Advance.X0 - p.last.Advance.X1
	size := max(p.size, c.Size)
	if gap > far*size || gap < -overlap*size {
		return ""
	}
	up := p.base - c.Y
	const level, small = 0.08, 0.8
	switch {
	case max(up, -up) < level*size:
		return "level"
	case c.Size <= small*p.size && up > 0 && up < 0.7*p.size && gap < 0.3*p.size &&
		strings.ContainsRune("0123456789*†‡,", c.Rune):
		return "high"
	case p.size <= small*c.Size && up < 0 && -up < 0.7*c.Size && p.chars <= 3 && p.letters == 0:
		return "foot"
	case c.Size <= small*p.size && max(up, -up) < 0.7*p.size && gap < 0.3*p.size:
		return "low"
	}
	return ""
}

// raise makes the piece so far a superscript before a character.
func (p *piece) raise(c *Char) {
	number := p.text.String()
	p.text.Reset()
	p.text.WriteString("<sup>" + number + "</sup>")
	p.base, p.size = c.Y, c.Size
}

// space ends a word, and begins or ends superscript.
func (p *piece) space(ends bool, gap float64, c *Char, high bool) {
	if p.raised && !high {
		p.text.WriteString("</sup>")
		p.raised = false
	}
	if ends {
		p.text.WriteByte(' ')
		p.open = false
		if gap > riverGap {
			p.gaps = append(p.gaps, between{p.last.Advance.X1, c.Advance.X0})
		}
	}
	if high && !p.raised {
		p.text.WriteString("<sup>")
		p.raised = true
	}
}

func (p *piece) add(c *Char) {
	p.Rect = p.union(c.Advance)
	p.chars++
	if !p.open && p.second == 0 {
		p.second = c.Advance.X0
	}
	if unicode.IsLetter(c.Rune) {
		p.letters++
	}
	if c.Fixed {
		p.fixed++
	}
	if p.open {
		p.firstWord = p.X1 - p.X0
	}
	p.text.WriteString(escaped(Spelled(c.Rune)))
	p.last = *c
}

func (p *piece) close() {
	if p.raised {
		p.text.WriteString("</sup>")
	}
	text := p.text.String()
	mark, rest, ok := strings.Cut(text, " ")
	bullet := utf8.RuneCountInString(mark) == 1 && strings.Contains(bullets, mark) && mark != "–"
	if ok && p.second > 0 && (bullet || number.MatchString(mark)) {
		p.mark, p.markAt, p.X0 = mark, p.X0, p.second
		p.chars -= utf8.RuneCountInString(mark)
		p.text.Reset()
		p.text.WriteString(rest)
	}
}

// number matches the number of a list item.
var number = regexp.MustCompile(`\A\(?(?:\d{1,3}|[a-zA-Z]|[ivx]{1,4})[.)]\z`)

// isMark reports whether a piece is only the bullet or number of a list item.
func (p *piece) isMark() bool {
	text := p.text.String()
	if p.chars == 1 && strings.ContainsAny(text, bullets) {
		return true
	}
	if p.chars > 6 {
		return false
	}
	number := strings.Trim(text, "().")
	if number == text && !strings.Contains(text, ".") {
		return false
	}
	for _, r := range number {
		if r != '.' && !unicode.IsDigit(r) && !(unicode.IsLetter(r) && len(number) <= 4) {
			return false
		}
	}
	return true
}

// row holds pieces beside each other, from left to right.
type row []*piece

func (r row) base() float64 { return r[0].base }

// rowsOf groups pieces into rows, from top to bottom.
func rowsOf(pieces []*piece) (rows []row) {
	sorted := slices.Clone(pieces)
	slices.SortStableFunc(sorted, func(a, b *piece) int { return cmp.Compare(a.base, b.base) })
	for _, p := range sorted {
		if n := len(rows); n > 0 && p.base-rows[n-1].base() < 0.4*min(p.size, rows[n-1][0].size) {
			rows[n-1] = append(rows[n-1], p)
			continue
		}
		rows = append(rows, row{p})
	}
	for _, r := range rows {
		slices.SortStableFunc(r, func(a, b *piece) int { return cmp.Compare(a.X0, b.X0) })
	}
	return rows
}
