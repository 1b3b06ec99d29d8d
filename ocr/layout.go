package ocr

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Block is one piece of a page's layout, as LightOnOCR-3 reports it.
type Block struct {
	// Label is title, section, text, list, caption, footnote, aside_text, header, footer, page_number, table, chart,
	// formula, code or image. LightOn's own evaluation also has page_header, page_footer, page_footnote, header_image
	// and footer_image; newer models may use others.
	Label string
	// Continued reports that the block continues the previous block with the same label, such as a paragraph in the
	// next column, or a block on the previous page.
	Continued bool
	// Box holds left, top, right and bottom, in thousandths of the page's width and height.
	Box [4]int
	// Text is the block's Markdown. Titles have #, sections ##, formulas dollar signs and code a fence, even if the
	// model omitted them. The text of an image is a description, and that of a chart a table.
	Text string
}

var (
	// marker matches the start of a block: ![label](x1,y1,x2,y2), with a + after the label of a continuation.
	marker = regexp.MustCompile(`!\[([\p{L}_][\p{L}\p{M}\p{N}_-]*)(\+?)\]\(\s*` + number + `\s*[,，]\s*` + number +
		`\s*[,，]\s*` + number + `\s*[,，]\s*` + number + `\s*\)`)
	cellTag = regexp.MustCompile(`(?i)</?t[dh](?:\s[^<>]*)?>`)
)

const number = `([0-9０-９]+)`

// readLayout parses an answer in layout mode and returns its blocks and the joined Markdown. Text before the first
// marker belongs to no block but is kept; descriptions of pictures, which are not on the page, are only in their
// blocks.
func readLayout(raw string) ([]Block, string) {
	var l layout
	l.read(raw)
	return l.blocks, l.text()
}

// layout parses an answer in layout mode.
type layout struct {
	blocks   []Block
	lead     string
	texts    []string // of the blocks, without added markup
	examined int      // bytes examined, counting repetitions
}

// read splits an answer into blocks.
func (l *layout) read(raw string) {
	marks := marker.FindAllStringSubmatchIndex(raw, -1)
	cells := cellTag.FindAllStringIndex(raw, -1)
	l.examined += 2 * len(raw)
	var text strings.Builder // of the current block, so far
	done := 0
	for _, at := range marks {
		text.WriteString(raw[done:at[0]])
		done = at[1]
		for len(cells) > 1 && cells[1][0] < at[0] {
			cells = cells[1:]
			l.examined++
		}
		// A marker in a table cell does not begin a block; otherwise the rest of the table would become its text.
		if len(cells) > 1 && cells[0][0] < at[0] && raw[cells[0][0]+1] != '/' && raw[cells[1][0]+1] == '/' {
			continue
		}
		l.end(text.String())
		text.Reset()
		b := Block{Label: raw[at[2]:at[3]], Continued: at[4] < at[5]}
		for side := range b.Box {
			b.Box[side] = edge(raw[at[6+2*side]:at[7+2*side]])
		}
		b.Box[0], b.Box[2] = min(b.Box[0], b.Box[2]), max(b.Box[0], b.Box[2])
		b.Box[1], b.Box[3] = min(b.Box[1], b.Box[3]), max(b.Box[1], b.Box[3])
		l.blocks = append(l.blocks, b)
	}
	text.WriteString(raw[done:])
	l.end(text.String())
}

// edge parses a coordinate and clamps it to the page.
func edge(digits string) int {
	n := 0
	for _, r := range digits {
		if r >= '０' {
			r -= '０' - '0'
		}
		n = min(10*n+int(r-'0'), 1000)
	}
	return n
}

// end sets the text of the last block, or the text before the first one.
func (l *layout) end(text string) {
	l.examined += len(text)
	if len(l.blocks) == 0 {
		l.lead = repairDollars(strings.TrimSpace(text))
		return
	}
	b := &l.blocks[len(l.blocks)-1]
	if b.Label == "code" {
		text = trimCode(text)
	} else {
		text = repairDollars(strings.TrimSpace(text))
	}
	l.texts = append(l.texts, text)
	b.Text = text
	if heads := b.Label == "title" || b.Label == "section"; !heads || !b.Continued {
		b.Text = markUp(b.Label, text)
	}
}

// trimCode removes blank lines around code and blanks after its marker, but keeps the indentation of its first line.
func trimCode(text string) string {
	text = strings.TrimRightFunc(text, unicode.IsSpace)
	inner := strings.TrimLeftFunc(text, unicode.IsSpace)
	if line := strings.LastIndexByte(text[:len(text)-len(inner)], '\n'); line >= 0 {
		return text[line+1:]
	}
	return inner
}

var (
	// pictures are blocks whose texts are descriptions, which are not on the page.
	pictures = map[string]bool{"image": true, "header_image": true, "footer_image": true}
	// asides are outside the flow of the text: a paragraph may continue after one.
	asides = map[string]bool{
		"table": true, "chart": true, "caption": true, "footnote": true, "aside_text": true, "header": true,
		"footer": true, "page_number": true,
		"page_header": true, "page_footer": true, "page_footnote": true,
	}
	// byLine holds the labels of blocks that consist of lines, so that a continuation starts a new line.
	byLine = map[string]bool{"list": true, "table": true, "chart": true, "code": true, "formula": true}
)

// paragraph is the text of a block and its continuations.
type paragraph struct {
	label string
	parts []string
}

// text joins the blocks. A continuation is appended to the paragraph of the last block with its label, if only pictures
// and asides lie in between.
func (l *layout) text() string {
	paragraphs := []paragraph{{parts: []string{l.lead}}}
	last := map[string]int{} // paragraph by label; in the flow of the text only the last
	const flow = ""
	for i, b := range l.blocks {
		text, key := l.texts[i], flow
		if pictures[b.Label] {
			if !strings.Contains(text, "</t") { // otherwise it has the rest of a table
				continue
			}
			key = b.Label
		}
		if asides[b.Label] {
			key = b.Label
		}
		n, ok := last[key]
		switch {
		case text == "":
			delete(last, key)
		case b.Continued && ok && paragraphs[n].label == b.Label:
			paragraphs[n].parts = append(paragraphs[n].parts, text)
		default:
			last[key] = len(paragraphs)
			paragraphs = append(paragraphs, paragraph{b.Label, []string{text}})
		}
	}
	var out strings.Builder
	for _, p := range paragraphs {
		text := markUp(p.label, join(p.label, p.parts))
		l.examined += len(text)
		if out.Len() > 0 && text != "" {
			out.WriteString("\n\n")
		}
		out.WriteString(text)
	}
	return out.String()
}

// join joins the parts of a paragraph.
func join(label string, parts []string) string {
	if label == "code" && ownFences(parts) {
		parts = slices.Clone(parts)
		for i := range parts {
			parts[i] = fenced(parts[i])
		}
	}
	if byLine[label] {
		return strings.Join(parts, "\n")
	}
	var out strings.Builder
	for i, part := range parts {
		if i+1 == len(parts) {
			out.WriteString(part)
			break
		}
		kept, gap := seam(part, parts[i+1])
		out.WriteString(kept + gap)
	}
	return out.String()
}

// ownFences reports whether all parts of code are complete and some have a fence.
func ownFences(parts []string) bool {
	some := false
	for _, part := range parts {
		n := len(fenceLine.FindAllString(part, -1))
		if n%2 == 1 {
			return false
		}
		some = some || n > 0
	}
	return some
}

// suspended holds words before which a hyphen stands for the rest of a word, as in pre- and post-war.
var suspended = map[string]bool{
	"and": true, "or": true, "to": true, "und": true, "oder": true, "bis": true, "bzw": true, "sowie": true, "et": true,
	"ou": true, "y": true, "o": true, "e": true, "en": true,
	"of": true, "och": true, "eller": true, "og": true,
}

// seam returns the part of left to keep before a continuation, and the gap to put in between: none if a word is split,
// or if the script uses no blanks. The hyphen of a split word is removed unless a capital letter or a digit follows,
// before which it is part of the word.
func seam(left, right string) (kept, gap string) {
	last, size := utf8.DecodeLastRuneInString(left)
	first, _ := utf8.DecodeRuneInString(right)
	kept = left[:len(left)-size]
	before, _ := utf8.DecodeLastRuneInString(kept)
	hyphen := last == '-' || last == '\u2010'
	switch {
	case last == '\u00ad' && unicode.IsLetter(before) && unicode.IsLetter(first):
		return kept, ""
	case hyphen && unicode.IsLower(before) && unicode.IsLower(first):
		word := right
		if end := strings.IndexFunc(right, func(r rune) bool { return !unicode.IsLetter(r) }); end >= 0 {
			word = right[:end]
		}
		if !suspended[word] {
			return kept, ""
		}
	case hyphen && isWordRune(before) && (unicode.IsUpper(first) || unicode.IsDigit(first)),
		solid(last) && solid(first), solid(last) && shared(first), shared(last) && solid(first):
		return left, ""
	}
	return left, " "
}

// solid reports whether a character belongs to a script without blanks between words, or is a sign of such a script.
func solid(r rune) bool {
	return unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Bopomofo, unicode.Thai, unicode.Lao,
		unicode.Khmer, unicode.Myanmar) ||
		'\u3000' <= r && r <= '\u303f' || '\u30a0' <= r && r <= '\u30ff' || '\uff00' <= r && r <= '\uffef'
}

// shared reports whether a character is a sign of scripts with and without blanks: a quotation mark, dash or ellipsis.
func shared(r rune) bool {
	return '\u2014' <= r && r <= '\u2015' || '\u2018' <= r && r <= '\u201f' || r == '\u2026' || r == '\u00b7'
}

// markUp adds the Markdown that a label implies, unless the text has it.
func markUp(label, text string) string {
	if text == "" {
		return ""
	}
	switch label {
	case "title":
		return heading("# ", text)
	case "section":
		return heading("## ", text)
	case "formula":
		return display(text)
	case "code":
		return fenced(text)
	}
	return text
}

// headed matches a text that starts with a heading or HTML.
var headed = regexp.MustCompile(
	`(?i)^(?:#{1,6}(?:[ \t\n]|$)|<(?:h[1-6]|table|ul|ol|div|p)[\s>])|^[^\n]*\n(?:=+|-+)[ \t]*(?:\n|$)`)

// heading turns the first paragraph of a text into a heading of one line.
func heading(sign, text string) string {
	if headed.MatchString(text) {
		return text
	}
	rest := ""
	if at := blankLine.FindStringIndex(text); at != nil {
		text, rest = text[:at[0]], text[at[0]:]
	}
	lines := strings.Split(text, "\n")
	for i := range lines {
		lines[i] = strings.TrimSpace(lines[i])
	}
	return sign + join("", lines) + rest
}

// display puts a formula between double dollar signs, unless it already has dollar signs. If these are escaped, the
// backslashes are removed, since the label makes it certain that this is a formula.
func display(text string) string {
	for _, sign := range []string{"$$", "$"} {
		escaped := strings.ReplaceAll(sign, "$", `\$`)
		inner, before := strings.CutPrefix(text, escaped)
		inner, after := strings.CutSuffix(inner, escaped)
		if before && after && !strings.Contains(inner, "$") && strings.TrimSpace(inner) != "" &&
			!strings.HasSuffix(inner, `\`) {
			return sign + inner + sign
		}
	}
	if hasDollar(text) || blankLine.MatchString(text) || strings.HasPrefix(text, `\[`) ||
		strings.HasPrefix(text, `\(`) || text[0] == '<' {
		return text
	}
	return "$$\n" + text + "\n$$"
}

// hasDollar reports whether a text has an unescaped dollar sign.
func hasDollar(text string) bool {
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '$':
			return true
		}
	}
	return false
}

var (
	fenceLine = regexp.MustCompile("(?m)^[ \t]*(`{3,}|~{3,})[^`\n]*$")
	// codeMarked matches code with other markup: backticks or HTML.
	codeMarked = regexp.MustCompile("^(?:`+[^`\n]+`+$|<(?:pre|code)[\\s>])")
	ticks      = regexp.MustCompile("`{3,}")
)

// fenced puts code into a fence, unless it has one; an unterminated fence is closed.
func fenced(text string) string {
	switch lines := fenceLine.FindAllStringSubmatch(text, -1); {
	case codeMarked.MatchString(text), len(lines) > 0 && len(lines)%2 == 0:
		return text
	case len(lines) > 0:
		return text + "\n" + lines[len(lines)-1][1]
	}
	fence := "```"
	for _, run := range ticks.FindAllString(text, -1) {
		if len(run) >= len(fence) {
			fence = run + "`"
		}
	}
	return fence + "\n" + text + "\n" + fence
}

// boxBehindImage matches the numbers that LightOnOCR-2's weights for boxes write right after a picture's placeholder.
var boxBehindImage = regexp.MustCompile(`(!\[image\]\(image_\d+\.[a-z]+\))` + thousandths +
	`, ?` + thousandths + `, ?` + thousandths + `, ?` + thousandths)

const thousandths = `(?:1000|\d{1,3})`

// stripBoxes removes the boxes of pictures, which do not belong in a text in plain mode, and keeps the placeholders.
func stripBoxes(text string) string {
	if !strings.Contains(text, "![image](") {
		return text
	}
	var out strings.Builder
	done := 0
	for _, at := range boxBehindImage.FindAllStringSubmatchIndex(text, -1) {
		if goesOn.MatchString(text[at[1]:min(at[1]+2, len(text))]) {
			continue // part of a longer series of numbers, or another number
		}
		out.WriteString(text[done:at[3]])
		done = at[1]
	}
	return out.String() + text[done:]
}

// goesOn matches the continuation of a number.
var goesOn = regexp.MustCompile(`^(?:[\d%]|[,.]\d)`)
