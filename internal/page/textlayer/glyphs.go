package textlayer

import (
	"image"
	"math"
	"slices"
	"strings"
	"unicode"
)

// A sheet is a drawing of the known characters in one font: square cells of cellSide pixels, each with a character of
// CellSize pixels.
const (
	CellSize = 40
	cellSide = 64
	cellLeft = 12
	cellBase = 44 // the baseline, below the cell's top
)

// SheetSide returns the side of a sheet of n characters, in pixels.
func SheetSide(n int) int { return cellSide * sheetCells(n) }

func sheetCells(n int) int { return int(math.Ceil(math.Sqrt(float64(n)))) }

// Cell returns the origin of character i on a sheet of n.
func Cell(i, n int) (x, y int) {
	cells := sheetCells(n)
	return i%cells*cellSide + cellLeft, i/cells*cellSide + cellBase
}

// glyphSide is the side of the square in which characters are compared, including a margin of one pixel.
const glyphSide = 18

// look describes how a character looks: its ink, scaled to a square, and its vertical position.
type look struct {
	ink         [glyphSide * glyphSide]float32 // with a mean of 0 and a sum of squares of 1
	top, bottom float32                        // above the baseline, in units of the font size
}

// Glyphs knows how characters look. After Settle it may be used concurrently.
type Glyphs struct {
	looks  map[rune][]look
	sheet  int             // number of fonts learned
	near   map[rune][]rune // characters that a character must not be mistaken for
	cases  map[rune][]rune // the same letter in the other case
	marked map[rune][]rune // characters that differ only by a diacritic
}

// NewGlyphs returns an empty Glyphs.
func NewGlyphs() *Glyphs {
	return &Glyphs{looks: map[rune][]look{}, near: map[rune][]rune{}, marked: map[rune][]rune{},
		cases: map[rune][]rune{}}
}

// Learn adds the looks of a sheet's characters.
func (g *Glyphs) Learn(sheet *image.Gray, runes []rune) {
	for i, r := range runes {
		x, y := Cell(i, len(runes))
		cell := Rect{float64(x - cellLeft), float64(y - cellBase), float64(x - cellLeft + cellSide),
			float64(y - cellBase + cellSide)}
		if l, ok := lookAt(sheet, cell, float64(y), CellSize); ok {
			g.looks[r] = append(g.looks[r], l)
		} else {
			g.looks[r] = append(g.looks[r], look{})
		}
	}
	g.sheet++
}

// sameLook is the likeness above which two characters of a font are indistinguishable.
const sameLook = 0.93

// Settle ends learning and computes which characters can be confused.
func (g *Glyphs) Settle() {
	runes := Known()
	for i, a := range runes {
		for _, b := range runes[i+1:] {
			switch {
			case resemble(a, b):
			case g.sameLook(a, b):
			case unicode.ToLower(a) == unicode.ToLower(b):
				g.cases[a], g.cases[b] = append(g.cases[a], b), append(g.cases[b], a)
			case baseOf(a) == baseOf(b):
				g.marked[a], g.marked[b] = append(g.marked[a], b), append(g.marked[b], a)
			case isWord(a) != isWord(b):
			case isCommon(b) && sameAlphabet(a, b):
				g.near[a] = append(g.near[a], b)
				if isCommon(a) {
					g.near[b] = append(g.near[b], a)
				}
			case isCommon(a) && sameAlphabet(a, b):
				g.near[b] = append(g.near[b], a)
			}
		}
	}
}

// sameLook reports whether two characters are indistinguishable in any of the fonts.
func (g *Glyphs) sameLook(a, b rune) bool {
	for s := range g.sheet {
		if g.looks[a][s].like(&g.looks[b][s], 1) > sameLook {
			return true
		}
	}
	return false
}

// resembling lists groups of characters that look alike in some font.
var resembling = []string{"1lI|!¡Jjİ", "0Oo°ºОоΟο", "-‐‑–—_~", "'’‘‚,´`‹›", "\"“”„«»", ".·•", "*×", "µμ", "ßβ", "ſf",
	"ªa"}

func resemble(a, b rune) bool {
	return slices.ContainsFunc(resembling, func(s string) bool {
		return strings.ContainsRune(s, a) && strings.ContainsRune(s, b)
	})
}

func isDigit(r rune) bool { return r >= '0' && r <= '9' }

// isWord reports whether a character may be in a word or number.
func isWord(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) || ligatures[r] != "" }

// isCommon reports whether a character is ASCII or a letter without diacritics.
func isCommon(r rune) bool { return r <= '~' || baseOf(r) == r && unicode.IsLetter(r) }

// sameAlphabet reports whether two characters are of the same alphabet, or at least one is not a letter.
func sameAlphabet(a, b rune) bool {
	for _, table := range []*unicode.RangeTable{unicode.Latin, unicode.Greek, unicode.Cyrillic} {
		if unicode.Is(table, a) != unicode.Is(table, b) {
			return !unicode.IsLetter(a) || !unicode.IsLetter(b)
		}
	}
	return true
}

// bases lists the letters that differ from a base letter by a diacritic.
var bases = map[rune]string{
	'a': "àáâãäåāăąά", 'c': "çćĉċč", 'd': "ďđ", 'e': "èéêëēĕėęě", 'g': "ĝğġģ", 'h': "ĥħ", 'i': "ìíîïĩīĭįı", 'j': "ĵ",
	'k': "ķĸ", 'l': "ĺļľŀł", 'n': "ñńņňŋ", 'o': "òóôõöøōŏő", 'r': "ŕŗř", 's': "śŝşšș", 't': "ţťŧț", 'u': "ùúûüũūŭůűų",
	'w': "ŵ", 'y': "ýÿŷ",
	'z': "źżž", 'и': "й", 'е': "ё", 'і': "ї", 'г': "ґ", 'α': "ά", 'ε': "έ", 'η': "ή", 'ι': "ίϊΐ", 'ο': "ό", 'υ': "ύϋΰ",
	'ω': "ώ", 'ш': "щ", 'ь': "ъы"}

var baseByMarked = func() map[rune]rune {
	all := map[rune]rune{}
	for base, marked := range bases {
		for _, r := range marked {
			all[r], all[unicode.ToUpper(r)] = base, unicode.ToUpper(base)
		}
	}
	return all
}()

// baseOf returns a letter without its diacritic.
func baseOf(r rune) rune {
	if base, ok := baseByMarked[r]; ok {
		return base
	}
	return r
}

// like returns the likeness of two looks, from about -1 to 1. Characters of l's font are larger by scale.
func (l *look) like(m *look, scale float32) float32 {
	var sum float32
	for i, v := range l.ink {
		sum += v * m.ink[i]
	}
	const play = 0.05 // of the font size
	off := func(a, b float32) float32 { return max(0, max(a-b, b-a)-play) }
	return sum - off(l.top/scale, m.top) - off(l.bottom/scale, m.bottom)
}

// lookAt returns the look of the drawing within a box, except for parts in other boxes. ok is false if there is none.
func lookAt(m *image.Gray, box Rect, base, size float64, but ...Rect) (l look, ok bool) {
	d := darknessIn(m, box, but...)
	if d == nil {
		return l, false
	}
	side := float64(max(d.w(), d.h()))
	left, top := float64(d.x0)-(side-float64(d.w()))/2, float64(d.y0)-(side-float64(d.h()))/2
	const inner = glyphSide - 2
	step := side / inner
	var sum float64
	for y := range inner {
		for x := range inner {
			v := d.mean(left+float64(x)*step, top+float64(y)*step, step)
			l.ink[(y+1)*glyphSide+x+1] = float32(v)
			sum += v
		}
	}
	mean := float32(sum / (glyphSide * glyphSide))
	var squares float64
	for i := range l.ink {
		l.ink[i] -= mean
		squares += float64(l.ink[i]) * float64(l.ink[i])
	}
	if squares == 0 {
		return l, false
	}
	root := float32(math.Sqrt(squares))
	for i := range l.ink {
		l.ink[i] /= root
	}
	l.top, l.bottom = float32((base-float64(d.y0))/size), float32((base-float64(d.y1))/size)
	return l, true
}

// darkness holds the contrast of each pixel in a part of a drawing with its surroundings, from 0 to 1. Its bounds are
// those of the ink.
type darkness struct {
	x0, y0, x1, y1 int
	stride, ox, oy int
	v              []float32
}

func (d *darkness) w() int { return d.x1 - d.x0 }
func (d *darkness) h() int { return d.y1 - d.y0 }

// mean returns the mean of a square. It is 0 outside the bounds.
func (d *darkness) mean(x, y, side float64) float64 {
	var sum float64
	for py := max(d.y0, int(math.Floor(y))); py < d.y1 && float64(py) < y+side; py++ {
		high := min(float64(py)+1, y+side) - max(float64(py), y)
		for px := max(d.x0, int(math.Floor(x))); px < d.x1 && float64(px) < x+side; px++ {
			wide := min(float64(px)+1, x+side) - max(float64(px), x)
			sum += float64(d.v[(py-d.oy)*d.stride+px-d.ox]) * high * wide
		}
	}
	return sum / (side * side)
}

const (
	leastContrast = 48   // of 255, between a character and its surroundings
	inkOf         = 0.35 // of the greatest contrast: pixels with less are outside a character's bounds
)

// darknessIn returns the darkness within a box, without that in other boxes; nil if nothing is visible.
func darknessIn(m *image.Gray, box Rect, but ...Rect) *darkness {
	b := m.Bounds()
	d := &darkness{x0: max(b.Min.X, int(math.Floor(box.X0+0.2))), y0: max(b.Min.Y, int(math.Floor(box.Y0+0.2))),
		x1: min(b.Max.X, int(math.Ceil(box.X1-0.2))), y1: min(b.Max.Y, int(math.Ceil(box.Y1-0.2)))}
	d.x1, d.y1 = max(d.x1, min(b.Max.X, d.x0+1)), max(d.y1, min(b.Max.Y, d.y0+1))
	if d.x0 >= d.x1 || d.y0 >= d.y1 || d.w() > 2000 || d.h() > 2000 {
		return nil
	}
	ground := int(surround(m, d.x0-1, d.y0-1, d.x1, d.y1))
	most := 0
	for y := d.y0; y < d.y1; y++ {
		for _, v := range m.Pix[y*m.Stride+d.x0 : y*m.Stride+d.x1] {
			most = max(most, int(v)-ground, ground-int(v))
		}
	}
	if most < leastContrast {
		return nil
	}
	d.ox, d.oy, d.stride = d.x0, d.y0, d.w()
	d.v = make([]float32, d.w()*d.h())
	x0, y0, x1, y1 := d.x1, d.y1, d.x0, d.y0
	for y := d.y0; y < d.y1; y++ {
		for x := d.x0; x < d.x1; x++ {
			v := int(m.Pix[y*m.Stride+x])
			part := float32(max(v-ground, ground-v)) / float32(most)
			if slices.ContainsFunc(but, func(b Rect) bool { return b.holds(float64(x)+0.5, float64(y)+0.5) }) {
				part = 0
			}
			d.v[(y-d.oy)*d.stride+x-d.ox] = part
			if part >= inkOf {
				x0, y0, x1, y1 = min(x0, x), min(y0, y), max(x1, x+1), max(y1, y+1)
			}
		}
	}
	if x0 >= x1 || y0 >= y1 {
		return nil
	}
	d.x0, d.y0, d.x1, d.y1 = x0, y0, x1, y1
	return d
}

// surround returns the median of the pixels on the edge of a box, clipped to the picture.
func surround(m *image.Gray, x0, y0, x1, y1 int) byte {
	b := m.Bounds()
	x0, y0, x1, y1 = max(x0, b.Min.X), max(y0, b.Min.Y), min(x1, b.Max.X-1), min(y1, b.Max.Y-1)
	var edge []byte
	for x := x0; x <= x1; x++ {
		edge = append(edge, m.Pix[y0*m.Stride+x], m.Pix[y1*m.Stride+x])
	}
	for y := y0; y <= y1; y++ {
		edge = append(edge, m.Pix[y*m.Stride+x0], m.Pix[y*m.Stride+x1])
	}
	slices.Sort(edge)
	return edge[len(edge)/2]
}

// Darkest returns a drawing on white in gray, each pixel being the darkest of its channels.
func Darkest(m *image.RGBA) *image.Gray {
	g := image.NewGray(image.Rect(0, 0, m.Rect.Dx(), m.Rect.Dy()))
	for y := range g.Rect.Dy() {
		row := m.Pix[y*m.Stride:]
		for x := range g.Rect.Dx() {
			p := (*[4]byte)(row[4*x:])
			v := int(min(p[0], p[1], p[2]))
			g.Pix[y*g.Stride+x] = byte((v*int(p[3]) + 255*(255-int(p[3]))) / 255)
		}
	}
	return g
}

// Thresholds of likeness, measured on 9 fonts, that separate characters which look like their text from others.
const (
	leastLike  = 0.38 // the least likeness to its own look in some known font
	leastMark  = 0.20 // the same for other than letters and digits, which vary more
	mostWorse  = 0.06 // how much more it may be like another character than like its own,
	mostDigit  = 0.03 // between digits,
	mostCase   = 0.12 // between the cases of a letter,
	mostMarked = 0.30 // and between a letter with and without a diacritic
	sameGlyph  = 0.90 // the likeness above which one of two equal characters of a font is enough
)

const (
	// different looks of a character in one font, which depend on its position between pixels and its surroundings
	mostLooks  = 100
	mostGlyphs = 3000 // on a page
)

// compare returns a doubt if a character is not drawn, or does not look like its text.
func compare(chars []Char, m *image.Gray, known *Glyphs) Doubt {
	type sort struct {
		font string
		r    rune
	}
	groups := map[string][]*glyph{}
	bySort := map[sort][]*glyph{} // glyphs that look different
	looks := 0
	for i := range chars {
		c := &chars[i]
		if c.Space || c.Rune == softHyphen {
			continue
		}
		l, ok := lookAt(m, c.Box, c.Y, c.Size)
		if !ok {
			return Hidden
		}
		others := beside(chars, i)
		k := sort{c.Font, c.Rune}
		if slices.ContainsFunc(bySort[k], func(g *glyph) bool { return g.look.like(&l, 1) > sameGlyph }) {
			continue
		}
		if looks++; len(bySort[k]) > mostLooks || looks > mostGlyphs {
			return Unlike
		}
		g := &glyph{char: c, look: l}
		if len(others) > 0 {
			if g.alone, ok = lookAt(m, c.Box, c.Y, c.Size, others...); !ok {
				return Hidden
			}
		}
		bySort[k] = append(bySort[k], g)
		groups[c.Font] = append(groups[c.Font], g)
	}
	for _, group := range groups {
		scale := known.scale(group)
		if known.exchanged(group, scale) {
			return Unlike
		}
		for _, g := range group {
			if doubt := known.judge(g, scale); doubt != "" {
				return doubt
			}
		}
	}
	return ""
}

// glyph is a character and its look.
type glyph struct {
	char  *Char
	look  look
	alone look // without the parts of its box that are in neighbours' boxes; zero if there are none
}

// beside returns the boxes of the neighbours that overlap a character's box.
func beside(chars []Char, i int) (boxes []Rect) {
	c := &chars[i]
	for j := max(0, i-3); j < min(len(chars), i+4); j++ {
		if o := &chars[j]; j != i && !o.Space && o.Box.Touches(c.Box) {
			boxes = append(boxes, o.Box)
		}
	}
	return boxes
}

// scale returns how much larger the characters of a font are than the known ones, relative to the font size.
func (k *Glyphs) scale(group []*glyph) float32 {
	var all []float32
	for _, g := range group {
		own := k.looks[g.char.Rune]
		if len(own) == 0 || !unicode.IsLetter(g.char.Rune) && !unicode.IsDigit(g.char.Rune) {
			continue
		}
		var heights []float32
		for i := range own {
			heights = append(heights, own[i].top-own[i].bottom)
		}
		slices.Sort(heights)
		if h := heights[len(heights)/2]; h > 0 {
			all = append(all, (g.look.top-g.look.bottom)/h)
		}
	}
	if len(all) == 0 {
		return 1
	}
	slices.Sort(all)
	return max(0.3, min(3, all[len(all)/2]))
}

// exchanged reports whether two characters of a font each look more like the other than like themselves.
func (k *Glyphs) exchanged(group []*glyph, scale float32) bool {
	rather := map[[2]rune]bool{}
	for _, g := range group {
		r := g.char.Rune
		own := k.best(r, &g.look, scale)
		if (g.alone != look{}) {
			own = max(own, k.best(r, &g.alone, scale))
		}
		for _, other := range k.near[r] {
			if k.best(other, &g.look, scale) > own {
				if rather[[2]rune{other, r}] {
					return true
				}
				rather[[2]rune{r, other}] = true
			}
		}
	}
	return false
}

// judge returns a doubt if a glyph does not look like its character, or looks more like another one.
func (k *Glyphs) judge(g *glyph, scale float32) Doubt {
	r := g.char.Rune
	if strings.ContainsRune(bullets, r) && len(k.looks[r]) == 0 {
		return "" // bullets without a known look are not compared
	}
	if !k.saysTheTruth(r, &g.look, scale) && (g.alone == look{} || !k.saysTheTruth(r, &g.alone, scale)) {
		return Unlike
	}
	return ""
}

func (k *Glyphs) saysTheTruth(r rune, l *look, scale float32) bool {
	own := k.best(r, l, scale)
	if own < leastLike && (isWord(r) || own < leastMark) {
		return false
	}
	better := func(by float32) func(rune) bool {
		return func(other rune) bool { return k.best(other, l, scale) > own+by }
	}
	digit := func(other rune) bool { return isDigit(r) && isDigit(other) && better(mostDigit)(other) }
	return !slices.ContainsFunc(k.near[r], better(mostWorse)) && !slices.ContainsFunc(k.near[r], digit) &&
		!slices.ContainsFunc(k.cases[r], better(mostCase)) && !slices.ContainsFunc(k.marked[r], better(mostMarked))
}

// best returns the likeness of a look to a character in the most similar known font.
func (k *Glyphs) best(r rune, l *look, scale float32) float32 {
	best := float32(-1)
	for i := range k.looks[r] {
		best = max(best, l.like(&k.looks[r][i], scale))
	}
	return best
}
