package render

import (
	"bytes"
	"html"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"
)

// formulas is a goldmark extension that keeps formulas from being parsed as Markdown: $…$, $$…$$, \(…\) and \[…\].
type formulas struct{}

// Extend adds the parsers.
func (formulas) Extend(m goldmark.Markdown) {
	m.Parser().AddOptions(
		parser.WithInlineParsers(util.Prioritized(inlineParser{}, 50)), // before emphasis and backslashes
		parser.WithBlockParsers(util.Prioritized(displayParser{}, 50)),
	)
}

var (
	kindInline  = ast.NewNodeKind("InlineFormula")
	kindDisplay = ast.NewNodeKind("DisplayFormula")
)

// inlineFormula is a formula within a line.
type inlineFormula struct {
	ast.BaseInline
	written string
}

func (*inlineFormula) Kind() ast.NodeKind           { return kindInline }
func (f *inlineFormula) Dump(source []byte, at int) { ast.DumpHelper(f, source, at, nil, nil) }

// displayFormula is a formula in lines of its own.
type displayFormula struct{ ast.BaseBlock }

func (*displayFormula) Kind() ast.NodeKind           { return kindDisplay }
func (*displayFormula) IsRaw() bool                  { return true }
func (d *displayFormula) Dump(source []byte, at int) { ast.DumpHelper(d, source, at, nil, nil) }

type inlineParser struct{}

func (inlineParser) Trigger() []byte { return []byte{'$', '\\'} }

func (inlineParser) Parse(_ ast.Node, block text.Reader, _ parser.Context) ast.Node {
	line, _ := block.PeekLine()
	n := formulaAt(string(line), block.PrecendingCharacter())
	if n == 0 {
		return nil
	}
	block.Advance(n)
	return &inlineFormula{written: string(line[:n])}
}

type displayParser struct{}

func (displayParser) Trigger() []byte             { return []byte{'$', '\\'} }
func (displayParser) CanInterruptParagraph() bool { return true }
func (displayParser) CanAcceptIndentedLine() bool { return false }

func (displayParser) Close(ast.Node, text.Reader, parser.Context) {}

// Open starts a formula at a line that begins with $$ or \[, unless text follows the formula on the line.
func (displayParser) Open(_ ast.Node, reader text.Reader, _ parser.Context) (ast.Node, parser.State) {
	line, segment := reader.PeekLine()
	end, ok := displayEnd(line)
	if !ok {
		return nil, parser.NoChildren
	}
	rest := bytes.TrimSpace(line)[2:]
	if at := bytes.Index(rest, end); at >= 0 && at+2 < len(rest) {
		return nil, parser.NoChildren // a formula within a line of text
	}
	d := &displayFormula{}
	d.Lines().Append(segment)
	reader.AdvanceToEOL()
	return d, parser.NoChildren
}

// Continue adds lines up to the one that ends the formula; an unterminated one ends at a blank line.
func (displayParser) Continue(node ast.Node, reader text.Reader, _ parser.Context) parser.State {
	d := node.(*displayFormula)
	written := bytes.TrimSpace(d.Lines().Value(reader.Source()))
	line, segment := reader.PeekLine()
	end, _ := displayEnd(written)
	if len(written) > 2 && bytes.HasSuffix(written[2:], end) || len(bytes.TrimSpace(line)) == 0 {
		return parser.Close
	}
	d.Lines().Append(segment)
	reader.AdvanceToEOL()
	return parser.Continue | parser.NoChildren
}

// displayEnd returns the closing delimiter of the display formula that a line begins.
func displayEnd(line []byte) ([]byte, bool) {
	switch line = bytes.TrimSpace(line); {
	case bytes.HasPrefix(line, []byte("$$")):
		return []byte("$$"), true
	case bytes.HasPrefix(line, []byte(`\[`)):
		return []byte(`\]`), true
	}
	return nil, false
}

func renderInline(w util.BufWriter, _ []byte, node ast.Node, entering bool) (ast.WalkStatus, error) {
	if entering {
		_, _ = w.WriteString(`<code class="` + classFormula + `">` + html.EscapeString(node.(*inlineFormula).written) +
			`</code>`)
	}
	return ast.WalkSkipChildren, nil
}

func renderDisplay(w util.BufWriter, source []byte, node ast.Node, entering bool) (ast.WalkStatus, error) {
	if entering {
		written := strings.TrimSpace(string(node.Lines().Value(source)))
		_, _ = w.WriteString(`<p><code class="` + classFormula + `">` + html.EscapeString(written) + "</code></p>\n")
	}
	return ast.WalkSkipChildren, nil
}

// delimiters are the delimiters of formulas, longer ones first.
var delimiters = []struct {
	open, end string
	display   bool
}{
	{"$$", "$$", true},
	{"$", "$", false},
	{`\(`, `\)`, false},
	{`\[`, `\]`, true},
}

// formulaAt returns the length in bytes of the formula at the start of s, or 0 if there is none. Single dollar signs
// mostly mean money, so they must have no blank just inside and no digit after them. Behind a letter or a digit, as in
// US$, only a formula that begins with an index or a command is one.
func formulaAt(s string, before rune) int {
	for _, d := range delimiters {
		inner, ok := strings.CutPrefix(s, d.open)
		if !ok {
			continue
		}
		at := endOf(inner, d.end)
		if at <= 0 || strings.TrimSpace(inner[:at]) == "" {
			return 0
		}
		if d.open == "$" && !betweenDollars(inner[:at], inner[at+1:]) {
			return 0
		}
		if d.open == "$" && (unicode.IsLetter(before) || unicode.IsDigit(before)) && !attached.MatchString(inner[:at]) {
			return 0 // as in US$m and C$m
		}
		return len(d.open) + at + len(d.end)
	}
	return 0
}

// attached matches what a formula right behind a word begins with: a power, an index, a command.
var attached = regexp.MustCompile(`^(?:[\^_]|\\[A-Za-z])`)

// endOf returns the index of the first end in s that is not escaped by a backslash, or -1.
func endOf(s, end string) int {
	for i := 0; i < len(s); i++ {
		switch {
		case strings.HasPrefix(s[i:], end):
			return i
		case s[i] == '\\':
			i++
		}
	}
	return -1
}

// betweenDollars reports whether inner, enclosed in single dollar signs and followed by rest, can be a formula. It is
// not in prices, in units such as ($m) and ($k), and in $HOME:$PATH.
func betweenDollars(inner, rest string) bool {
	first, _ := utf8.DecodeRuneInString(inner)
	last, _ := utf8.DecodeLastRuneInString(inner)
	next, _ := utf8.DecodeRuneInString(rest)
	bracket := strings.IndexAny(inner, "()[]")
	return !unicode.IsSpace(first) && !unicode.IsSpace(last) && !unicode.IsDigit(next) &&
		last != '(' && (bracket < 0 || inner[bracket] != ')') &&
		(!unicode.IsUpper(next) || strings.ContainsAny(inner, `\^_`))
}

// undelimit removes the delimiters of a formula.
func undelimit(written string) (tex string, display, ok bool) {
	written = strings.TrimSpace(written)
	for _, d := range delimiters {
		if tex, ok := strings.CutPrefix(written, d.open); ok {
			if tex, ok = strings.CutSuffix(tex, d.end); ok {
				return strings.TrimSpace(tex), d.display, true
			}
			return "", false, false
		}
	}
	return "", false, false
}
