// Package textlayer decides whether the text embedded in a PDF is what its page shows, and writes it as Markdown.
// Embedded text is not trusted, since a page may show more, less or something else. So the page is drawn, each
// character is compared with the drawing at its position, and the rest of the drawing may only be straight lines. If
// any doubt remains, the page's image has to be read instead.
//
// Files, in reading order: layer.go the sequence of steps, markdown.go paragraphs, headings and lists, order.go the
// reading order, lines.go pieces of lines, ink.go drawing other than text, glyphs.go comparing characters with the
// drawing, glance.go checks without a drawing, char.go characters, rectangles and doubts.
package textlayer

import (
	"image"
)

// Page is a page with its drawing. Positions of characters are in pixels of the drawing.
type Page struct {
	Chars   []Char
	Drawing *image.Gray
}

// fits reports whether the total area of the characters is within that of the page, which bounds the cost of comparing
// them.
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

// Read returns the page's text as Markdown, or a doubt.
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
	if markdown = write(blocks, answers(chars)); markdown == "" {
		return "", NoText
	}
	return markdown, ""
}
