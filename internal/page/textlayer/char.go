package textlayer

import "math"

// Doubt is a reason not to rely on a page's embedded text, for a log; "" for none.
type Doubt string

const (
	NoText    Doubt = "it has no text"
	TooMuch   Doubt = "it has too much text to compare"
	Notes     Doubt = "it has annotations or a form"
	Picture   Doubt = "it has a picture"
	Unmapped  Doubt = "it has characters without a Unicode value"
	Script    Doubt = "it has characters of a script that cannot be checked"
	Turned    Doubt = "it has text that is not upright"
	Hidden    Doubt = "it has invisible text"
	Overlap   Doubt = "it has overlapping characters"
	Small     Doubt = "it has characters that are too small to compare"
	Unlike    Doubt = "it has characters that do not look like its text"
	Unsaid    Doubt = "it shows more than its text"
	Spacing   Doubt = "it is unclear where its words end"
	Unwordly  Doubt = "its text has too few words"
	Formula   Doubt = "it has formulas"
	Code      Doubt = "it has lines in a monospaced font"
	Table     Doubt = "it may have a table"
	Unordered Doubt = "its reading order is unclear"
)

// Rect is a rectangle in pixels, with y downwards.
type Rect struct{ X0, Y0, X1, Y1 float64 }

// Intersect returns the intersection of r and s, the zero Rect if it is empty.
func (r Rect) Intersect(s Rect) Rect {
	i := Rect{max(r.X0, s.X0), max(r.Y0, s.Y0), min(r.X1, s.X1), min(r.Y1, s.Y1)}
	if i.X0 >= i.X1 || i.Y0 >= i.Y1 {
		return Rect{}
	}
	return i
}

// Touches reports whether r and s intersect.
func (r Rect) Touches(s Rect) bool { return r.Intersect(s) != Rect{} }

func (r Rect) holds(x, y float64) bool { return r.X0 <= x && x < r.X1 && r.Y0 <= y && y < r.Y1 }

func (r Rect) union(s Rect) Rect {
	return Rect{min(r.X0, s.X0), min(r.Y0, s.Y0), max(r.X1, s.X1), max(r.Y1, s.Y1)}
}

func (r Rect) width() float64  { return r.X1 - r.X0 }
func (r Rect) height() float64 { return r.Y1 - r.Y0 }
func (r Rect) area() float64   { return r.width() * r.height() }

// finite reports whether the coordinates are numbers of a plausible size.
func (r Rect) finite() bool {
	const most = 1e6
	for _, v := range []float64{r.X0, r.Y0, r.X1, r.Y1} {
		if math.IsNaN(v) || math.Abs(v) > most {
			return false
		}
	}
	return true
}

// Char is a character of a page. Only Space and Guessed are set for a space.
type Char struct {
	Rune    rune
	Space   bool // it has no ink: a space or the end of a line
	Guessed bool // the space is not in the file, but inferred from a gap
	Box     Rect // of its ink
	Advance Rect // as high as its line and as wide as its advance
	X, Y    float64
	Size    float64 // of its font, in pixels
	Font    string  // identifies the font
	Fixed   bool    // the font is monospaced
}
