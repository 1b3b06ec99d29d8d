package render

import (
	"strconv"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"
)

// figures is a goldmark extension that keeps numbers as they are on the page. Markdown numbers the items of a list on
// from the first one, and takes the signs between figures for markup, as in 80*60*40 or 10~20.
type figures struct{}

// Extend adds the parsers.
func (figures) Extend(m goldmark.Markdown) {
	m.Parser().AddOptions(
		parser.WithInlineParsers(util.Prioritized(signs{}, 40)), // before emphasis and strikethrough
		parser.WithASTTransformers(util.Prioritized(numbers{}, 100)),
	)
}

// signs keeps an asterisk between two digits and a single tilde as text.
type signs struct{}

func (signs) Trigger() []byte { return []byte{'*', '~'} }

func (signs) Parse(_ ast.Node, block text.Reader, _ parser.Context) ast.Node {
	line, segment := block.PeekLine()
	before, next := block.PrecendingCharacter(), byte(0)
	if len(line) > 1 {
		next = line[1]
	}
	product := line[0] == '*' && isDigit(before) && isDigit(rune(next))
	tilde := line[0] == '~' && before != '~' && next != '~'
	if !product && !tilde {
		return nil
	}
	block.Advance(1)
	return ast.NewTextSegment(segment.WithStop(segment.Start + 1))
}

func isDigit(r rune) bool { return '0' <= r && r <= '9' }

// numbers gives the items of a numbered list their own numbers, unless they are consecutive.
type numbers struct{}

func (numbers) Transform(doc *ast.Document, reader text.Reader, _ parser.Context) {
	_ = ast.Walk(doc, func(n ast.Node, entering bool) (ast.WalkStatus, error) { // returns no error
		list, ok := n.(*ast.List)
		if !entering || !ok || !list.IsOrdered() {
			return ast.WalkContinue, nil
		}
		next := list.Start
		for item := list.FirstChild(); item != nil; item = item.NextSibling() {
			at := item.Pos()
			end := at
			for end < len(reader.Source()) && isDigit(rune(reader.Source()[end])) {
				end++
			}
			if number, err := strconv.Atoi(string(reader.Source()[at:end])); err == nil {
				if number != next {
					item.SetAttributeString("value", []byte(strconv.Itoa(number)))
				}
				next = number
			}
			next++
		}
		return ast.WalkContinue, nil
	})
}
