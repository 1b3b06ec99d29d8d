package render

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// Text returns a page's text without markup: headings, list items and table rows become lines, cells are separated by
// tabs, and formulas are kept verbatim. Signs that may be on the page are kept: the numbers and dashes of lists, which
// Markdown also finds in dates and negative amounts, the > of quotations, and raised and lowered figures.
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
		data := n.Data
		if n.PrevSibling != nil && n.PrevSibling.DataAtom == atom.Br {
			data = strings.TrimPrefix(data, "\n")
		}
		w.WriteString(data)
		return
	}
	switch n.DataAtom {
	case atom.Blockquote:
		var inner strings.Builder
		writeChildren(&inner, n, verbatim)
		for line := range strings.SplitSeq(strings.TrimRight(inner.String(), "\n"), "\n") {
			w.WriteString(strings.TrimRight("> "+line, " ") + "\n")
		}
	case atom.Sup, atom.Sub:
		var inner strings.Builder
		writeChildren(&inner, n, verbatim)
		w.WriteString(Shifted(inner.String(), n.DataAtom == atom.Sup))
	case atom.Ol:
		number := 1
		if at := attribute(n, "start"); at != "" {
			number, _ = strconv.Atoi(at) // nine digits at most
		}
		for c := range n.ChildNodes() {
			if c.DataAtom == atom.Li {
				if at := attribute(c, "value"); at != "" {
					number, _ = strconv.Atoi(at)
				}
				w.WriteString(strconv.Itoa(number) + ". ")
				number++
			}
			writeText(w, c, verbatim)
		}
	case atom.Ul:
		for c := range n.ChildNodes() {
			if c.DataAtom == atom.Li {
				w.WriteString("- ")
			}
			writeText(w, c, verbatim)
		}
	default:
		writeChildren(w, n, verbatim || n.DataAtom == atom.Pre)
	}
	switch {
	case n.DataAtom == atom.Td || n.DataAtom == atom.Th:
		if n.NextSibling != nil {
			w.WriteByte('\t')
		}
	case n.DataAtom == atom.Li && strings.HasSuffix(w.String(), "\n"): // it ends with a list or a paragraph
	case lines[n.DataAtom]:
		w.WriteByte('\n')
	case paragraphs[n.DataAtom]:
		if !strings.HasSuffix(w.String(), "\n") {
			w.WriteByte('\n')
		}
		w.WriteByte('\n')
	}
}

func writeChildren(w *strings.Builder, n *html.Node, verbatim bool) {
	for c := range n.ChildNodes() {
		writeText(w, c, verbatim)
	}
}

func attribute(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

// The characters that Unicode has raised and lowered, in the same order as the others.
const (
	level   = "0123456789+-−=()n"
	raised  = "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻⁼⁽⁾ⁿ"
	lowered = "₀₁₂₃₄₅₆₇₈₉₊₋₋₌₍₎ₙ"
)

var raise, lower = shifter(raised), shifter(lowered)

func shifter(to string) *strings.Replacer {
	var pairs []string
	signs := []rune(to)
	for i, r := range []rune(level) {
		pairs = append(pairs, string(r), string(signs[i]))
	}
	return strings.NewReplacer(pairs...)
}

// Shifted returns raised or lowered text as plain text: in Unicode's characters if it has all of them, otherwise behind
// a ^ or _, so that neither 10⁶ nor a price with a footnote becomes another number.
func Shifted(text string, up bool) string {
	inner := strings.TrimSpace(text)
	has := strings.Trim(inner, level) == ""
	switch {
	case inner == "":
		return text
	case has && up:
		return raise.Replace(inner)
	case has:
		return lower.Replace(inner)
	}
	sign := "_"
	if up {
		sign = "^"
	}
	if utf8.RuneCountInString(inner) > 1 {
		return sign + "(" + inner + ")"
	}
	return sign + inner
}
