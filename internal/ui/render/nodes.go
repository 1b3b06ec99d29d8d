package render

import (
	"bytes"
	"io"
	"slices"
	"strings"

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

func writeTags(w util.BufWriter, raw []byte) { _, _ = w.WriteString(Tags(string(raw))) }

// Tags returns HTML in which only the tags of known elements are left, and other ones are text: they are on the page.
func Tags(raw string) string {
	var out strings.Builder
	z := html.NewTokenizer(strings.NewReader(bare(raw)))
	for {
		kind := z.Next()
		if kind == html.ErrorToken {
			if z.Err() != io.EOF {
				out.WriteString(html.EscapeString(string(z.Raw())))
			}
			return out.String()
		}
		z.NextIsNotRawText() // the content of <script> is ordinary text of the page
		written := string(z.Raw())
		token := z.Token()
		switch {
		case kind == html.TextToken:
			out.WriteString(html.EscapeString(token.Data))
		case kind != html.CommentToken && kind != html.DoctypeToken && isKnown(token.Data) && !isComparison(token):
			out.WriteString(token.String())
		default:
			out.WriteString(html.EscapeString(written))
		}
	}
}

// bare escapes each < that begins no tag of a known element, as in $a<b$, since a tokenizer would look for its end far
// behind.
func bare(raw string) string {
	var out strings.Builder
	for i, r := range raw {
		if r == '<' {
			name := strings.TrimPrefix(raw[i+1:], "/")
			end := strings.IndexAny(name, " \t\n\f\r/>")
			if end < 0 || end > longestTag || !isKnown(strings.ToLower(name[:end])) {
				out.WriteString("&lt;")
				continue
			}
		}
		out.WriteRune(r)
	}
	return out.String()
}

// longestTag is the length of the longest name of a known element.
const longestTag = len("blockquote")

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
