package render

import (
	"bytes"
	"html"
	"strings"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"
)

// formulas is the extension of goldmark that keeps Markdown's hands off maths: $…$, $$…$$, \(…\) and \[…\].
type formulas struct{}

// Extend adds the parsers.
func (formulas) Extend(m goldmark.Markdown) {
	m.Parser().AddOptions(
		parser.WithInlineParsers(util.Prioritized(inlineMath{}, 50)), // before emphasis and backslashes
		parser.WithBlockParsers(util.Prioritized(blockMath{}, 50)),
	)
}

var (
	kindFormula = ast.NewNodeKind("Formula")
	kindDisplay = ast.NewNodeKind("DisplayFormula")
)

// formula is maths within a line.
type formula struct {
	ast.BaseInline
	written string
}

func (*formula) Kind() ast.NodeKind           { return kindFormula }
func (f *formula) Dump(source []byte, at int) { ast.DumpHelper(f, source, at, nil, nil) }

// display is maths in lines of its own.
type display struct{ ast.BaseBlock }

func (*display) Kind() ast.NodeKind           { return kindDisplay }
func (*display) IsRaw() bool                  { return true }
func (d *display) Dump(source []byte, at int) { ast.DumpHelper(d, source, at, nil, nil) }

type inlineMath struct{}

func (inlineMath) Trigger() []byte { return []byte{'$', '\\'} }

func (inlineMath) Parse(_ ast.Node, block text.Reader, _ parser.Context) ast.Node {
	line, _ := block.PeekLine()
	n := mathAt(string(line))
	if n == 0 {
		return nil
	}
	block.Advance(n)
	return &formula{written: string(line[:n])}
}

type blockMath struct{}

func (blockMath) Trigger() []byte             { return []byte{'$', '\\'} }
func (blockMath) CanInterruptParagraph() bool { return true }
func (blockMath) CanAcceptIndentedLine() bool { return false }

func (blockMath) Close(ast.Node, text.Reader, parser.Context) {}

// Open takes a line that begins with $$ or \[ and does not end that formula in its middle.
func (blockMath) Open(_ ast.Node, reader text.Reader, _ parser.Context) (ast.Node, parser.State) {
	line, segment := reader.PeekLine()
	shut, ok := displayEnd(line)
	if !ok {
		return nil, parser.NoChildren
	}
	rest := bytes.TrimSpace(line)[2:]
	if at := bytes.Index(rest, shut); at >= 0 && at+2 < len(rest) {
		return nil, parser.NoChildren // a formula within a line of text
	}
	d := &display{}
	d.Lines().Append(segment)
	reader.AdvanceToEOL()
	return d, parser.NoChildren
}

// Continue takes lines up to the one that ends the formula; an unfinished one ends with a blank line.
func (blockMath) Continue(node ast.Node, reader text.Reader, _ parser.Context) parser.State {
	d := node.(*display)
	written := bytes.TrimSpace(d.Lines().Value(reader.Source()))
	line, segment := reader.PeekLine()
	shut, _ := displayEnd(written)
	if len(written) > 2 && bytes.HasSuffix(written[2:], shut) || len(bytes.TrimSpace(line)) == 0 {
		return parser.Close
	}
	d.Lines().Append(segment)
	reader.AdvanceToEOL()
	return parser.Continue | parser.NoChildren
}

// displayEnd is what ends the display formula that a line begins.
func displayEnd(line []byte) ([]byte, bool) {
	switch line = bytes.TrimSpace(line); {
	case bytes.HasPrefix(line, []byte("$$")):
		return []byte("$$"), true
	case bytes.HasPrefix(line, []byte(`\[`)):
		return []byte(`\]`), true
	}
	return nil, false
}

func renderFormula(w util.BufWriter, _ []byte, node ast.Node, entering bool) (ast.WalkStatus, error) {
	if entering {
		_, _ = w.WriteString(`<code class="` + classInline + `">` + html.EscapeString(node.(*formula).written) + `</code>`)
	}
	return ast.WalkSkipChildren, nil
}

func renderDisplay(w util.BufWriter, source []byte, node ast.Node, entering bool) (ast.WalkStatus, error) {
	if entering {
		written := strings.TrimSpace(string(node.Lines().Value(source)))
		_, _ = w.WriteString(`<p><code class="` + classDisplay + `">` + html.EscapeString(written) + "</code></p>\n")
	}
	return ast.WalkSkipChildren, nil
}
