package ocr

import (
	"regexp"
	"strconv"
	"strings"
)

// Block is one piece of a page's layout, as LightOnOCR-3 reports it.
type Block struct {
	// Label is title, section, text, list, caption, footnote, aside_text, header, footer, page_number, table, chart, formula, code or
	// image; newer models may use others.
	Label string
	// Continued reports that the block goes on from the one before, as a paragraph does in the next column.
	Continued bool
	// Box is left, top, right, bottom in thousandths of the page's width and height.
	Box [4]int
	// Text is the block's Markdown; of an image a description, of a chart a table.
	Text string
}

// marker matches the beginning of a block: ![label](x1,y1,x2,y2), with a + after the label of one that continues.
var marker = regexp.MustCompile(`!\[([A-Za-z_][\w-]*)(\+?)\]\(\s*(\d{1,6})\s*,\s*(\d{1,6})\s*,\s*(\d{1,6})\s*,\s*(\d{1,6})\s*\)`)

// readLayout reads an answer in layout mode: its blocks, and their texts joined to Markdown. Text before the first marker belongs to no
// block but is kept.
func readLayout(raw string) ([]Block, string) {
	marks := marker.FindAllStringSubmatchIndex(raw, -1)
	lead := len(raw)
	if len(marks) > 0 {
		lead = marks[0][0]
	}
	var blocks []Block
	for i, at := range marks {
		end := len(raw)
		if i+1 < len(marks) {
			end = marks[i+1][0]
		}
		b := Block{Label: raw[at[2]:at[3]], Continued: at[4] < at[5], Text: repairDollars(strings.TrimSpace(raw[at[1]:end]))}
		for side := range b.Box {
			n, _ := strconv.Atoi(raw[at[6+2*side]:at[7+2*side]]) // six digits at most
			b.Box[side] = min(n, 1000)
		}
		blocks = append(blocks, b)
	}
	return blocks, joinBlocks(repairDollars(strings.TrimSpace(raw[:lead])), blocks)
}

// byLine holds the labels of blocks whose text consists of lines, so that a continuation begins a new one.
var byLine = map[string]bool{"list": true, "table": true, "code": true}

// joinBlocks puts blocks into paragraphs. One that continues goes on in its predecessor's paragraph, unless that has no text.
func joinBlocks(lead string, blocks []Block) string {
	var out strings.Builder
	out.WriteString(lead)
	follows := false
	for _, b := range blocks {
		if b.Text == "" {
			follows = false
			continue
		}
		switch {
		case out.Len() == 0:
		case b.Continued && follows && byLine[b.Label]:
			out.WriteByte('\n')
		case b.Continued && follows:
			out.WriteByte(' ')
		default:
			out.WriteString("\n\n")
		}
		out.WriteString(b.Text)
		follows = true
	}
	return out.String()
}
