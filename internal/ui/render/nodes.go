package render

import (
	"bytes"
	"io"
	"slices"

	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/renderer"
	"github.com/yuin/goldmark/util"
	"golang.org/x/net/html"
)

// nodes renders HTML in the text, pictures and formulas in place of goldmark's renderers.
type nodes struct{}

// RegisterFuncs implements [renderer.NodeRenderer].
func (nodes) RegisterFuncs(r renderer.NodeRendererFuncRegisterer) {
	r.Register(ast.KindHTMLBlock, renderHTMLBlock)
	r.Register(ast.KindRawHTML, renderRawHTML)
	r.Register(ast.KindImage, renderPicture)
	r.Register(kindInline, renderInline)
	r.Register(kindDisplay, renderDisplay)
}

func renderHTMLBlock(w util.BufWriter, source []byte, node ast.Node, entering bool) (ast.WalkStatus, error) {
	if entering {
		n := node.(*ast.HTMLBlock)
		raw := n.Lines().Value(source)
		if n.HasClosure() {
			raw = append(bytes.Clone(raw), n.ClosureLine.Value(source)...)
		}
		writeTags(w, raw)
	}
	return ast.WalkContinue, nil
}

func renderRawHTML(w util.BufWriter, source []byte, node ast.Node, entering bool) (ast.WalkStatus, error) {
	if entering {
		writeTags(w, node.(*ast.RawHTML).Segments.Value(source))
	}
	return ast.WalkSkipChildren, nil
}

// writeTags passes on the tags of known elements and writes other tags as text. The result is sanitised later.
func writeTags(w util.BufWriter, raw []byte) {
	z := html.NewTokenizer(bytes.NewReader(raw))
	for {
		kind := z.Next()
		if kind == html.ErrorToken {
			if z.Err() != io.EOF {
				_, _ = w.WriteString(html.EscapeString(string(z.Raw())))
			}
			return
		}
		z.NextIsNotRawText() // the content of <script> is ordinary text of the page
		written := string(z.Raw())
		token := z.Token()
		switch {
		case kind == html.TextToken:
			_, _ = w.WriteString(html.EscapeString(token.Data))
		case kind != html.CommentToken && kind != html.DoctypeToken && isKnown(token.Data) && !isComparison(token):
			_, _ = w.WriteString(token.String())
		default:
			_, _ = w.WriteString(html.EscapeString(written))
		}
	}
}

// isComparison reports whether a tag is one by chance, as in "a<b and c>d": an element of one letter that has an
// attribute without a value.
func isComparison(tag html.Token) bool {
	return len(tag.Data) == 1 && slices.ContainsFunc(tag.Attr, func(a html.Attribute) bool { return a.Val == "" })
}

// renderPicture writes a placeholder for a picture: nothing is loaded.
func renderPicture(w util.BufWriter, _ []byte, _ ast.Node, entering bool) (ast.WalkStatus, error) {
	if entering {
		_, _ = w.WriteString(`<em class="` + classPicture + `">`)
	} else {
		_, _ = w.WriteString(`</em>`)
	}
	return ast.WalkContinue, nil
}
