package render

import (
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// maxFormulas is how many formulas of one text are read; those behind stay as they are written.
const maxFormulas = 1000

// finish works on the sanitised tree: formulas become MathML, wide tables get a box in which they scroll.
func (r *Renderer) finish(sanitised string) (string, error) {
	body := &html.Node{Type: html.ElementNode, Data: "body", DataAtom: atom.Body}
	parsed, err := html.ParseFragment(strings.NewReader(sanitised), body)
	if err != nil {
		return "", err
	}
	for _, n := range parsed {
		body.AppendChild(n)
	}
	f := finisher{maths: r.maths, left: maxFormulas}
	f.children(body, false)
	var out strings.Builder
	for n := range body.ChildNodes() {
		if err := html.Render(&out, n); err != nil {
			return "", err
		}
	}
	return out.String(), nil
}

type finisher struct {
	maths *maths
	left  int
}

// children finishes what is in n; cell says that it is a table's cell, written as HTML perhaps, where Markdown found no formula.
func (f *finisher) children(n *html.Node, cell bool) {
	for c := n.FirstChild; c != nil; {
		next := c.NextSibling
		switch {
		case c.Type == html.TextNode && cell:
			f.cellText(c)
		case c.DataAtom == atom.Code:
			f.code(c)
		case c.DataAtom == atom.Pre:
		case c.DataAtom == atom.Table:
			f.children(c, false)
			wrap(c, "table-box")
		default:
			f.children(c, cell || c.DataAtom == atom.Td || c.DataAtom == atom.Th)
		}
		c = next
	}
}

// wrap puts a box around a node.
func wrap(n *html.Node, class string) {
	box := &html.Node{Type: html.ElementNode, Data: "div", DataAtom: atom.Div, Attr: []html.Attribute{{Key: "class", Val: class}}}
	n.Parent.InsertBefore(box, n)
	n.Parent.RemoveChild(n)
	box.AppendChild(n)
}

// code puts MathML in the place of a formula.
func (f *finisher) code(c *html.Node) {
	for _, a := range c.Attr {
		if a.Key == "class" && c.FirstChild != nil && c.FirstChild.Type == html.TextNode {
			c.Parent.InsertBefore(f.formula(c.FirstChild.Data), c)
			c.Parent.RemoveChild(c)
			return
		}
	}
	f.children(c, false)
}

// cellText finds the formulas in a text of a cell.
func (f *finisher) cellText(n *html.Node) {
	text, from := n.Data, 0
	for at := 0; at < len(text); at++ {
		if text[at] != '$' && text[at] != '\\' {
			continue
		}
		size := mathAt(text[at:])
		if size == 0 {
			continue
		}
		n.Parent.InsertBefore(&html.Node{Type: html.TextNode, Data: text[from:at]}, n)
		n.Parent.InsertBefore(f.formula(text[at:at+size]), n)
		from = at + size
		at = from - 1
	}
	n.Data = text[from:]
}

// formula is the MathML of what is written, or what is written where that cannot be read.
func (f *finisher) formula(written string) *html.Node {
	tex, display, ok := undelimit(written)
	if f.left--; ok && f.left >= 0 {
		if ml, err := f.maths.mathML(tex, display); err == nil {
			if n := readMathML(ml); n != nil {
				return n
			}
		}
	}
	code := &html.Node{Type: html.ElementNode, Data: "code", DataAtom: atom.Code, Attr: []html.Attribute{
		{Key: "class", Val: "math-unread"}, {Key: "title", Val: "This formula could not be read; this is how it is written."}}}
	code.AppendChild(&html.Node{Type: html.TextNode, Data: written})
	return code
}
