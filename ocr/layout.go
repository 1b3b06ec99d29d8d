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
	// formula, code or image. LightOn's own evaluation knows page_header, page_footer, page_footnote, header_image and
	// footer_image as well; newer models may use others.
	Label string
	// Continued reports that the block goes on with the last one before it of the same label, as a paragraph does in
	// the next column, or with the page before.
	Continued bool
	// Box is left, top, right, bottom in thousandths of the page's width and height.
	Box [4]int
	// Text is the block's Markdown: a title has its #, a section ##, a formula its dollars, code its fence, whether the
	// model wrote them or not. Of an image it is a description, of a chart a table.
	Text string
}

var (
	// marker matches the beginning of a block: ![label](x1,y1,x2,y2), with a + after the label of one that continues.
	marker = regexp.MustCompile(`!\[([\p{L}_][\p{L}\p{M}\p{N}_-]*)(\+?)\]\(\s*` + number + `\s*[,，]\s*` + number +
		`\s*[,，]\s*` + number + `\s*[,，]\s*` + number + `\s*\)`)
	cellTag = regexp.MustCompile(`(?i)</?t[dh](?:\s[^<>]*)?>`)
)

const number = `([0-9０-９]+)`

// readLayout reads an answer in layout mode: its blocks, and their texts joined to Markdown. Text before the first
// marker belongs to no block but is kept; descriptions of pictures are only in their blocks, since they are not on the
// page.
func readLayout(raw string) ([]Block, string) {
	var l layout
	l.read(raw)
	return l.blocks, l.text()
}

// layout is an answer in layout mode that is being read.
type layout struct {
	blocks   []Block
	lead     string
	texts    []string // of the blocks, without what is added to them
	examined int      // bytes, each as often as it was looked at
}

// read splits an answer into blocks.
func (l *layout) read(raw string) {
	marks := marker.FindAllStringSubmatchIndex(raw, -1)
	cells := cellTag.FindAllStringIndex(raw, -1)
	l.examined += 2 * len(raw)
	var text strings.Builder // of the block, as far as it is known
	done := 0
	for _, at := range marks {
		text.WriteString(raw[done:at[0]])
		done = at[1]
		for len(cells) > 1 && cells[1][0] < at[0] {
			cells = cells[1:]
			l.examined++
		}
		// Where one is in a cell of a table it begins no block, else the rest of the table would be its text.
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

// edge reads a coordinate. What is beyond the page becomes its edge.
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

// end takes the text of the last block, or what is before the first.
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

// trimCode removes blank lines around code, and blanks behind its marker, but not the indentation of its first line.
func trimCode(text string) string {
	text = strings.TrimRightFunc(text, unicode.IsSpace)
	inner := strings.TrimLeftFunc(text, unicode.IsSpace)
	if line := strings.LastIndexByte(text[:len(text)-len(inner)], '\n'); line >= 0 {
		return text[line+1:]
	}
	return inner
}

var (
	// pictures have descriptions, which are not on the page.
	pictures = map[string]bool{"image": true, "header_image": true, "footer_image": true}
	// asides are beside the flow of the text: a paragraph that goes on after one skips it.
	asides = map[string]bool{
		"table": true, "chart": true, "caption": true, "footnote": true, "aside_text": true, "header": true,
		"footer": true, "page_number": true,
		"page_header": true, "page_footer": true, "page_footnote": true,
	}
	// byLine holds the labels of blocks whose text consists of lines, so that a continuation begins a new one.
	byLine = map[string]bool{"list": true, "table": true, "chart": true, "code": true, "formula": true}
)

// paragraph is the text of a block and of those that continue it.
type paragraph struct {
	label string
	parts []string
}

// text joins the blocks. One that continues goes on in the paragraph of the last one with its label, if nothing but
// pictures and asides lies between.
func (l *layout) text() string {
	paragraphs := []paragraph{{parts: []string{l.lead}}}
	last := map[string]int{} // paragraph by label, of the text's flow only the last
	const flow = ""
	for i, b := range l.blocks {
		text, key := l.texts[i], flow
		if pictures[b.Label] {
			if !strings.Contains(text, "</t") { // else it has the rest of a table
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

// join puts the parts of a paragraph together.
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

// ownFences reports whether each part of code is complete, and some have a fence.
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

// suspended are the words before which a hyphen replaces the rest of a word: pre- and post-war.
var suspended = map[string]bool{
	"and": true, "or": true, "to": true, "und": true, "oder": true, "bis": true, "bzw": true, "sowie": true, "et": true,
	"ou": true, "y": true, "o": true, "e": true, "en": true,
	"of": true, "och": true, "eller": true, "og": true,
}

// seam returns what is left of a text that another one continues, and what belongs between the two: nothing where a
// word is split, or where the script has no blanks. The hyphen of a split word goes; one before a capital or a digit
// was there anyway.
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
		solid(last) && solid(first):
		return left, ""
	}
	return left, " "
}

// solid reports whether a sign belongs to a script that has no blanks between words.
func solid(r rune) bool {
	return unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana) || '\u3000' <= r && r <= '\u303f' ||
		'\uff00' <= r && r <= '\uffef'
}

// markUp adds the Markdown that a label implies to a text that has none.
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

// headed matches what is a heading, or HTML.
var headed = regexp.MustCompile(
	`(?i)^(?:#{1,6}(?:[ \t\n]|$)|<(?:h[1-6]|table|ul|ol|div|p)[\s>])|^[^\n]*\n(?:=+|-+)[ \t]*(?:\n|$)`)

// heading makes the first paragraph of a text a heading, which has one line.
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
	return sign + strings.Join(lines, " ") + rest
}

// display puts a formula between double dollars, unless there are dollars in it already. That a formula's are escaped
// is sure here.
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

// hasDollar reports whether there is a dollar without a backslash.
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
	// codeMarked matches code that is marked in another way: in backticks, or as HTML.
	codeMarked = regexp.MustCompile("^(?:`+[^`\n]+`+$|<(?:pre|code)[\\s>])")
	ticks      = regexp.MustCompile("`{3,}")
)

// fenced puts code into a fence, unless it has one; one without an end gets that.
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

// boxBehindImage matches the numbers that the weights of LightOnOCR-2 for boxes put right behind a picture's place.
var boxBehindImage = regexp.MustCompile(`(!\[image\]\(image_\d+\.[a-z]+\))\d{1,4}, ?\d{1,4}, ?\d{1,4}, ?\d{1,4}`)

// stripBoxes removes the boxes of pictures from a text of plain mode, which they are not part of. The places stay.
func stripBoxes(text string) string {
	if !strings.Contains(text, "![image](") {
		return text
	}
	var out strings.Builder
	done := 0
	for _, at := range boxBehindImage.FindAllStringSubmatchIndex(text, -1) {
		if goesOn.MatchString(text[at[1]:min(at[1]+2, len(text))]) {
			continue // four of more numbers, or another one
		}
		out.WriteString(text[done:at[3]])
		done = at[1]
	}
	return out.String() + text[done:]
}

// goesOn matches what shows that a number does not end.
var goesOn = regexp.MustCompile(`^(?:[\d%]|[,.]\d)`)
