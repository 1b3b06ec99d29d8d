package render

import (
	"regexp"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// mathElements are those of MathML Core that hold text or each other. Links, annotations and HTML within maths are not.
const mathElements = " math mrow mi mn mo ms mtext mspace mfrac msqrt mroot mstyle mpadded mphantom menclose msub msup msubsup " +
	"munder mover munderover mmultiscripts mprescripts mtable mtr mtd "

// mathAttributes are those that are kept. Style is not: the page's policy forbids it.
const mathAttributes = " accent accentunder columnalign columnspan depth display displaystyle fence form height largeop linethickness lspace " +
	"mathvariant maxsize minsize movablelimits rowspan rspace scriptlevel separator stretchy symmetric voffset width class "

var mathClass = regexp.MustCompile(`^[a-z0-9 -]{1,60}$`)

// readMathML makes a tree of what Temml wrote, copying what is allowed and nothing else; nil where there is more.
func readMathML(written string) *html.Node {
	body := &html.Node{Type: html.ElementNode, Data: "body", DataAtom: atom.Body}
	parsed, err := html.ParseFragment(strings.NewReader(written), body)
	if err != nil || len(parsed) != 1 || parsed[0].Data != "math" {
		return nil
	}
	return copyMath(parsed[0])
}

func copyMath(n *html.Node) *html.Node {
	switch {
	case n.Type == html.TextNode:
		return &html.Node{Type: html.TextNode, Data: n.Data}
	case n.Type != html.ElementNode || n.Namespace != "math" || !strings.Contains(mathElements, " "+n.Data+" "):
		return nil
	}
	out := &html.Node{Type: html.ElementNode, Data: n.Data, Namespace: "math"}
	for _, a := range n.Attr {
		if strings.Contains(mathAttributes, " "+a.Key+" ") && (a.Key != "class" || mathClass.MatchString(a.Val)) {
			out.Attr = append(out.Attr, html.Attribute{Key: a.Key, Val: a.Val})
		}
	}
	for c := range n.ChildNodes() {
		child := copyMath(c)
		if child == nil {
			return nil
		}
		out.AppendChild(child)
	}
	return out
}
