package render

import (
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// Text returns a page's text without markup: headings, list items and table rows become lines, cells are separated by
// tabs, and formulas are kept verbatim.
func (r *Renderer) Text(text string) string {
	nodes, err := html.ParseFragment(strings.NewReader(r.HTML(text)),
		&html.Node{Type: html.ElementNode, Data: "div", DataAtom: atom.Div})
	if err != nil {
		return text // cannot happen when reading from a string
	}
	var w strings.Builder
	for _, n := range nodes {
		writeText(&w, n, false)
	}
	return strings.TrimSpace(w.String()) + "\n"
}

// lines holds the elements that end a line, and paragraphs those followed by an empty line.
var (
	lines = map[atom.Atom]bool{atom.Li: true, atom.Tr: true, atom.Br: true, atom.Dt: true, atom.Dd: true,
		atom.Caption: true}
	paragraphs = map[atom.Atom]bool{
		atom.P: true, atom.H1: true, atom.H2: true, atom.H3: true, atom.H4: true, atom.H5: true, atom.H6: true,
		atom.Pre:        true,
		atom.Blockquote: true, atom.Ul: true, atom.Ol: true, atom.Table: true, atom.Hr: true,
	}
)

func writeText(w *strings.Builder, n *html.Node, verbatim bool) {
	if n.Type == html.TextNode {
		if !verbatim && strings.TrimSpace(n.Data) == "" && strings.Contains(n.Data, "\n") {
			return // between elements
		}
		w.WriteString(n.Data)
		return
	}
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		writeText(w, c, verbatim || n.DataAtom == atom.Pre)
	}
	switch {
	case n.DataAtom == atom.Td || n.DataAtom == atom.Th:
		if n.NextSibling != nil {
			w.WriteByte('\t')
		}
	case lines[n.DataAtom]:
		w.WriteByte('\n')
	case paragraphs[n.DataAtom]:
		if !strings.HasSuffix(w.String(), "\n") {
			w.WriteByte('\n')
		}
		w.WriteByte('\n')
	}
}
