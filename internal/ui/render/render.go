// Package render makes HTML of what the model read: Markdown, tables as HTML, formulas as TeX.
//
// The text is hostile: whoever made the image wrote it. What comes out holds elements of a short list, no script, no
// style, no address but http, https and mailto in links, nothing that is loaded. Other tags are no tags but text, so a
// page about HTML reads as it was printed. Formulas are code, as they are written, with their TeX as an attribute: the
// page's script reads them in the browser.
//
// Files, in reading order:
//
//	text.go      the text of a page without its marks
//	render.go    the way of a text to HTML
//	finish.go    completes the sanitised tree
//	nodes.go     renders what is not left to goldmark
//	formulas.go  finds the formulas
//	policy.go    what may come out
package render

import (
	"bytes"
	"html"
	"strings"

	"github.com/microcosm-cc/bluemonday"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/renderer"
	rendering "github.com/yuin/goldmark/renderer/html"
	"github.com/yuin/goldmark/util"
)

// maxMarkdown is the longest text, in bytes, that is read as Markdown. A page holds some thousands.
const maxMarkdown = 60_000

// Renderer makes HTML of texts. Its methods may be called concurrently.
type Renderer struct {
	markdown goldmark.Markdown
	policy   *bluemonday.Policy
}

// New makes a renderer.
func New() *Renderer {
	ours := renderer.WithNodeRenderers(util.Prioritized(nodes{}, 100)) // before goldmark's own
	return &Renderer{
		markdown: goldmark.New(
			goldmark.WithExtensions(
				extension.NewTable(extension.WithTableCellAlignMethod(extension.TableCellAlignAttribute)),
				extension.Strikethrough, formulas{}),
			goldmark.WithRendererOptions(rendering.WithHardWraps(), ours),
		),
		policy: policy(),
	}
}

// HTML renders the text of a page or a part of one. It never fails: what is too long or cannot be read as Markdown is
// shown as it is written.
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
