// Package textlayer decides whether the text that a PDF holds is what its page shows, and writes it as Markdown. Text
// is not relied on because it is there: a page may show more, less or other than its text says. So the page is drawn,
// each character is compared with what is drawn in its place, and what is drawn beside them must not be more than
// lines. Whatever stays in doubt is no text: the page is to be read as it looks.
//
// Files, in reading order: layer.go the line, markdown.go paragraphs, headings and lists, order.go in what order they
// are read, lines.go pieces of lines, ink.go what is drawn, glyphs.go how characters look, glance.go what is seen
// without a drawing, char.go characters, their places and what is doubted of them.
package textlayer

import (
	"image"
)

// Page is a page with its drawing, in pixels of which the characters' places are.
type Page struct {
	Chars   []Char
	Drawing *image.Gray
}

// fits reports whether the characters take no more place than a page has for them, so that looking at each costs no
// more than looking at the page.
func fits(chars []Char, page image.Rectangle) bool {
	all := Rect{X1: float64(page.Dx()), Y1: float64(page.Dy())}
	taken := 0.0
	for _, c := range chars {
		if !c.Space {
			taken += c.Box.Intersect(all).area() + c.Size
		}
	}
	return taken <= 1.5*all.area()
}

// Read returns a page as Markdown, or why that cannot be.
func Read(p Page, known *Glyphs) (markdown string, doubt Doubt) {
	chars, doubt := single(joined(p.Chars))
	if doubt != "" {
		return "", doubt
	}
	if !fits(chars, p.Drawing.Rect) {
		return "", TooMuch
	}
	if doubt := compare(chars, p.Drawing, known); doubt != "" {
		return "", doubt
	}
	dots, doubt := unsaid(chars, p.Drawing)
	if doubt != "" {
		return "", doubt
	}
	pieces, doubt := piecesOf(chars)
	if doubt != "" {
		return "", doubt
	}
	if !marked(pieces, dots) {
		return "", Unsaid
	}
	blocks, doubt := ordered(pieces, float64(p.Drawing.Rect.Dy()))
	if doubt != "" {
		return "", doubt
	}
	if markdown = write(blocks); markdown == "" {
		return "", NoText
	}
	return markdown, ""
}
