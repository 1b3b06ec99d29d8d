package main

import (
	"encoding/csv"
	"regexp"
	"strings"

	"github.com/spf13/pflag"
	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"

	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/ui/render"
)

// tableFormat is the output format of tables; the model writes HTML.
type tableFormat string

// Table formats.
const (
	tablesHTML     tableFormat = "html"
	tablesMarkdown tableFormat = "markdown"
	tablesCSV      tableFormat = "csv"
)

// tableFlag declares --tables.
func tableFlag(fs *pflag.FlagSet) *choice {
	c := &choice{value: string(tablesHTML), of: []string{string(tablesHTML), string(tablesMarkdown), string(tablesCSV)}}
	fs.Var(c, "tables", "write tables as `html|markdown|csv`; tables with spanning cells stay HTML")
	return c
}

// wholeTable matches a table. A table with a nested one is matched up to the end of the latter; convertTables leaves it
// alone.
var wholeTable = regexp.MustCompile(`(?is)\n*[ \t]*(<table(?:\s[^>]*)?>.*?</table\s*>)[ \t]*\n*`)

// convertTables converts the tables of a text: to Markdown with a row of dashes below the first row, or to fenced CSV.
// Tables that these formats cannot express are kept: those with spanning cells, nested tables, or no cells, and in
// Markdown those with \|.
func convertTables(text string, format tableFormat) string {
	if format == tablesHTML {
		return text
	}
	pages := strings.Split(text, document.PageBreak)
	for i := range pages {
		pages[i] = convertPage(pages[i], format)
	}
	return strings.Join(pages, document.PageBreak)
}

func convertPage(text string, format tableFormat) string {
	var out strings.Builder
	last := 0
	for _, at := range wholeTable.FindAllStringSubmatchIndex(text, -1) {
		rows, caption, ok := tableRows(text[at[2]:at[3]])
		if !ok || format == tablesMarkdown && strings.Contains(text[at[2]:at[3]], `\|`) { // a norm in TeX
			continue
		}
		out.WriteString(text[last:at[0]])
		if out.Len() > 0 && !strings.HasSuffix(out.String(), "\n\n") {
			out.WriteString("\n\n")
		}
		if caption != "" {
			out.WriteString(caption + "\n\n")
		}
		if format == tablesCSV {
			out.WriteString(csvTable(rows))
		} else {
			out.WriteString(pipeTable(rows))
		}
		if last = at[1]; last < len(text) {
			out.WriteString("\n\n")
		} else if strings.HasSuffix(text, "\n") {
			out.WriteByte('\n')
		}
	}
	out.WriteString(text[last:])
	return out.String()
}

// tableRows returns the cells of a table, padded to rows of equal length, and reports whether they represent the table
// completely.
func tableRows(source string) (rows [][]*html.Node, caption string, ok bool) {
	body := &html.Node{Type: html.ElementNode, Data: "body", DataAtom: atom.Body}
	nodes, err := html.ParseFragment(strings.NewReader(render.Tags(source)), body)
	if err != nil || len(nodes) != 1 || nodes[0].DataAtom != atom.Table {
		return nil, "", false // a nested table, or text between rows
	}
	width := 0
	for n := range nodes[0].Descendants() {
		switch n.DataAtom {
		case atom.Table:
			return nil, "", false
		case atom.Caption:
			caption = markdownOf(n)
		case atom.Tr:
			rows = append(rows, nil)
		case atom.Td, atom.Th:
			if spans(n) || len(rows) == 0 {
				return nil, "", false
			}
			row := &rows[len(rows)-1]
			*row = append(*row, n)
			width = max(width, len(*row))
		}
	}
	for i := range rows {
		for len(rows[i]) < width {
			rows[i] = append(rows[i], &html.Node{})
		}
	}
	return rows, caption, width > 0
}

func spans(cell *html.Node) bool {
	for _, a := range cell.Attr {
		if (a.Key == "colspan" || a.Key == "rowspan") && strings.TrimSpace(a.Val) != "1" {
			return true
		}
	}
	return false
}

// pipeTable returns a table in GitHub's Markdown, with the first row as the header that Markdown requires.
func pipeTable(rows [][]*html.Node) string {
	var b strings.Builder
	for i, row := range rows {
		for _, cell := range row {
			b.WriteString("| " + markdownOf(cell) + " ")
		}
		b.WriteString("|\n")
		if i == 0 {
			b.WriteString(strings.Repeat("| --- ", len(row)) + "|\n")
		}
	}
	return strings.TrimSuffix(b.String(), "\n")
}

func csvTable(rows [][]*html.Node) string {
	var b strings.Builder
	w := csv.NewWriter(&b)
	for _, row := range rows {
		cells := make([]string, len(row))
		for i, cell := range row {
			cells[i] = strings.TrimSpace(linesOf(cell))
		}
		_ = w.Write(cells) // cannot fail: it writes to memory
	}
	w.Flush()
	return "```csv\n" + b.String() + "```"
}

// markdownMarks maps elements to the marks around their content. Other elements are dropped without loss in a cell.
var markdownMarks = map[atom.Atom][2]string{
	atom.B: {"**", "**"}, atom.Strong: {"**", "**"}, atom.I: {"*", "*"}, atom.Em: {"*", "*"}, atom.Code: {"`", "`"},
	atom.Sup: {"<sup>", "</sup>"}, atom.Sub: {"<sub>", "</sub>"},
}

// tag and entity match text that Markdown would take for HTML.
var (
	tag    = regexp.MustCompile(`<([a-zA-Z/!?])`)
	entity = regexp.MustCompile(`&(#?[0-9a-zA-Z]+;)`)
)

// markdownOf returns an element's content as one line of Markdown.
func markdownOf(n *html.Node) string {
	text := strings.TrimSpace(inlined(n, func(s string) string {
		s = entity.ReplaceAllString(s, "&amp;$1")
		return strings.ReplaceAll(tag.ReplaceAllString(s, "&lt;$1"), "|", `\|`)
	}, markdownMarks))
	return strings.Join(strings.FieldsFunc(text, func(r rune) bool { return r == '\n' }), "<br>")
}

// linesOf returns an element's text.
func linesOf(n *html.Node) string {
	return inlined(n, func(s string) string { return s }, nil)
}

// inlined joins the texts in an element, with spaces as a browser shows them and a line feed at each line break.
func inlined(n *html.Node, escape func(string) string, marks map[atom.Atom][2]string) string {
	var b strings.Builder
	for c := range n.ChildNodes() {
		switch {
		case c.Type == html.TextNode:
			words := strings.Join(strings.Fields(c.Data), " ")
			if words != "" && strings.TrimLeft(c.Data, " \t\r\n") != c.Data {
				words = " " + words
			}
			if words == "" || strings.TrimRight(c.Data, " \t\r\n") != c.Data {
				words += " "
			}
			b.WriteString(escape(words))
		case c.DataAtom == atom.Br:
			b.WriteByte('\n')
		case c.DataAtom == atom.P, c.DataAtom == atom.Div, c.DataAtom == atom.Li:
			b.WriteString("\n" + strings.TrimSpace(inlined(c, escape, marks)) + "\n")
		default:
			inner := inlined(c, escape, marks)
			mark, marked := marks[c.DataAtom]
			if !marked && (c.DataAtom == atom.Sup || c.DataAtom == atom.Sub) {
				inner = render.Shifted(inner, c.DataAtom == atom.Sup)
			}
			if strings.TrimSpace(inner) == "" {
				mark = [2]string{}
			}
			b.WriteString(mark[0] + inner + mark[1])
		}
	}
	return strings.TrimPrefix(squeezed.ReplaceAllString(b.String(), "\n"), "\n")
}

var squeezed = regexp.MustCompile(` *\n[ \n]*`)
