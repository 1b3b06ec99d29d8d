package render

import (
	"strings"
	"unicode/utf8"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// finish completes sanitised HTML: it adds the attributes of formulas for the page's script, and wraps tables in a box
// in which wide ones scroll.
func finish(sanitised string) (string, error) {
	body := &html.Node{Type: html.ElementNode, Data: "body", DataAtom: atom.Body}
	parsed, err := html.ParseFragment(strings.NewReader(sanitised), body)
	if err != nil {
		return "", err
	}
	for _, n := range parsed {
		body.AppendChild(n)
	}
	finishChildren(body, false)
	var out strings.Builder
	for n := range body.ChildNodes() {
		if err := html.Render(&out, n); err != nil {
			return "", err
		}
	}
	return out.String(), nil
}

// finishChildren completes the children of n. cell reports whether n is in a table cell: in cells written as HTML,
// Markdown has not found the formulas.
func finishChildren(n *html.Node, cell bool) {
	for c := n.FirstChild; c != nil; {
		next := c.NextSibling
		switch {
		case c.Type == html.TextNode && cell:
			finishCellText(c)
		case c.DataAtom == atom.Code:
			finishCode(c)
		case c.DataAtom == atom.Pre:
		case c.DataAtom == atom.Table:
			finishChildren(c, false)
			wrap(c, "table-box")
		default:
			finishChildren(c, cell || c.DataAtom == atom.Td || c.DataAtom == atom.Th)
		}
		c = next
	}
}

// wrap puts a box around a node.
func wrap(n *html.Node, class string) {
	box := &html.Node{Type: html.ElementNode, Data: "div", DataAtom: atom.Div,
		Attr: []html.Attribute{{Key: "class", Val: class}}}
	n.Parent.InsertBefore(box, n)
	n.Parent.RemoveChild(n)
	box.AppendChild(n)
}

// finishCode completes a formula, and leaves other code alone.
func finishCode(c *html.Node) {
	for _, a := range c.Attr {
		if a.Key == "class" && c.FirstChild != nil && c.FirstChild.Type == html.TextNode {
			c.Parent.InsertBefore(formulaElement(c.FirstChild.Data), c)
			c.Parent.RemoveChild(c)
			return
		}
	}
	finishChildren(c, false)
}

// finishCellText marks the formulas in the text of a cell.
func finishCellText(n *html.Node) {
	text, from := n.Data, 0
	for at := 0; at < len(text); at++ {
		if text[at] != '$' && text[at] != '\\' {
			continue
		}
		before, _ := utf8.DecodeLastRuneInString(text[:at])
		size := formulaAt(text[at:], before)
		if size == 0 {
			continue
		}
		n.Parent.InsertBefore(&html.Node{Type: html.TextNode, Data: text[from:at]}, n)
		n.Parent.InsertBefore(formulaElement(text[at:at+size]), n)
		from = at + size
		at = from - 1
	}
	n.Data = text[from:]
}

// formulaElement returns a formula as a code element, with its TeX and display style as attributes for the page's
// script (assets/formulas.js). If its delimiters do not match, the element has no attributes, and the script leaves it
// as it is.
func formulaElement(written string) *html.Node {
	code := &html.Node{Type: html.ElementNode, Data: "code", DataAtom: atom.Code,
		Attr: []html.Attribute{{Key: "class", Val: classFormula}}}
	if tex, display, ok := undelimit(written); ok {
		how := "inline"
		if display {
			how = "block"
		}
		code.Attr = append(code.Attr, html.Attribute{Key: "data-tex", Val: tex},
			html.Attribute{Key: "data-display", Val: how})
	}
	code.AppendChild(&html.Node{Type: html.TextNode, Data: written})
	return code
}
