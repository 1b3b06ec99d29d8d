// Package render converts the model's output to HTML: Markdown with tables in HTML and formulas in TeX.
//
// The text is untrusted, since it was written by the author of the image. The output is limited to a short list of
// elements, with no scripts, no styles, no addresses except http, https and mailto in links, and nothing that is
// loaded. Other tags become text, so a page about HTML reads as it was printed. Formulas become code elements with
// their TeX as an attribute, which the page's script renders in the browser.
//
// Files, in reading order:
//
//	text.go      the text of a page without markup
//	render.go    conversion of a text to HTML
//	finish.go    completion of the sanitised tree
//	nodes.go     renderers that replace goldmark's
//	formulas.go  detection of formulas
//	figures.go   numbers and signs that Markdown would change
//	policy.go    allow-list of the sanitiser
package render

import (
	"bytes"
	"html"
	"strings"

	"github.com/microcosm-cc/bluemonday"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/renderer"
	rendering "github.com/yuin/goldmark/renderer/html"
	"github.com/yuin/goldmark/util"
)

// maxMarkdown is the length in bytes of the longest text that is parsed as Markdown. Pages usually have a few thousand.
const maxMarkdown = 60_000

// Renderer converts texts to HTML. Its methods may be called concurrently.
type Renderer struct {
	markdown goldmark.Markdown
	policy   *bluemonday.Policy
}

// New returns a Renderer.
func New() *Renderer {
	ours := renderer.WithNodeRenderers(util.Prioritized(nodes{}, 100)) // before goldmark's own
	return &Renderer{
		markdown: goldmark.New(
			// without definitions of links, which are not shown: on a page, "[1]: yes" is text
			goldmark.WithParser(parser.NewParser(parser.WithBlockParsers(parser.DefaultBlockParsers()...),
				parser.WithInlineParsers(parser.DefaultInlineParsers()...))),
			goldmark.WithExtensions(
				extension.NewTable(extension.WithTableCellAlignMethod(extension.TableCellAlignAttribute)),
				extension.Strikethrough, formulas{}, figures{}),
			goldmark.WithRendererOptions(rendering.WithHardWraps(), ours),
		),
		policy: policy(),
	}
}

// HTML renders the text of a page or of a part of it. It never fails: a text that is too long or cannot be parsed is
// shown verbatim.
func (r *Renderer) HTML(text string) string {
	if len(text) > maxMarkdown {
		return plain(text)
	}
	var out bytes.Buffer
	if err := r.markdown.Convert([]byte(text), &out); err != nil {
		return plain(text)
	}
	finished, err := finish(r.policy.Sanitize(out.String()))
	if err != nil {
		return plain(text)
	}
	return finished
}

func plain(text string) string {
	return "<pre>" + html.EscapeString(strings.ToValidUTF8(text, "\uFFFD")) + "</pre>"
}
