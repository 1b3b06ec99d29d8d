package textlayer

import (
	"math"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

type paragraph struct {
	lines []*piece
	right float64 // right edge of its block
}

func (p *paragraph) size() float64 { return p.lines[0].size }

func (p *paragraph) chars() (n int) {
	for _, l := range p.lines {
		n += l.chars
	}
	return n
}

// write returns blocks as Markdown. Bullets that are answers are kept.
func write(blocks []block, answers string) string {
	var paragraphs []*paragraph
	for _, b := range blocks {
		paragraphs = append(paragraphs, paragraphsOf(b)...)
	}
	w := writer{words: vocabulary(blocks), sizes: headings(paragraphs), answers: answers}
	for _, p := range paragraphs {
		w.paragraph(p)
	}
	return w.b.String()
}

// sameSize reports whether two font sizes are practically the same.
func sameSize(a, b float64) bool { return max(a, b) < 1.06*min(a, b) }

// paragraphsOf divides a block before each line that has a wider gap above it, another font size or an indent, or is a
// list item.
func paragraphsOf(b block) (all []*paragraph) {
	pitch := pitchOf(b)
	var p *paragraph
	for i, l := range b.lines {
		if i == 0 || begins(p, b.lines[i-1], l, pitch) {
			p = &paragraph{right: b.right}
			all = append(all, p)
		}
		p.lines = append(p.lines, l)
	}
	return all
}

// pitchOf returns the usual distance between the lines of a block, in font sizes.
func pitchOf(b block) float64 {
	var all []float64
	for i, l := range b.lines[1:] {
		if d := l.base - b.lines[i].base; d > 0 && sameSize(l.size, b.lines[i].size) {
			all = append(all, d/l.size)
		}
	}
	if len(all) == 0 {
		return 1.2
	}
	slices.Sort(all)
	return min(2.5, all[len(all)/4])
}

func begins(p *paragraph, before, l *piece, pitch float64) bool {
	const apart = 1.22 // of the pitch
	in := 0.7 * l.size
	d := l.base - before.base
	switch {
	case !sameSize(l.size, before.size), l.mark != "", d <= 0, d > apart*pitch*l.size: // a new item, or a wider gap
		return true
	case p.lines[0].bulleted():
		return l.X0 < p.lines[0].X0-in
	case p.lines[0].mark != "": // which may also be a date at the beginning of a line
		return l.X0 < p.lines[0].left()-in
	case len(p.lines) == 1: // the first line may be indented
		return l.X0 > before.X0+in
	}
	return math.Abs(l.X0-before.X0) > in
}

// headings returns the font sizes of headings, the largest first: sizes of short paragraphs that are larger than the
// body text.
func headings(paragraphs []*paragraph) (sizes []float64) {
	body := bodySize(paragraphs)
	for _, p := range paragraphs {
		if isHeading(p, body) && !slices.ContainsFunc(sizes, func(s float64) bool { return sameSize(s, p.size()) }) {
			sizes = append(sizes, p.size())
		}
	}
	slices.Sort(sizes)
	slices.Reverse(sizes)
	return sizes
}

func isHeading(p *paragraph, body float64) bool {
	const larger, lines, chars = 1.15, 4, 200
	return p.size() > larger*body && len(p.lines) <= lines && p.chars() <= chars && !p.lines[0].bulleted() &&
		slices.ContainsFunc(p.lines, func(l *piece) bool { return l.letters > 0 })
}

// bulleted reports whether a piece is an item of an unnumbered list.
func (p *piece) bulleted() bool { return p.mark != "" && strings.Contains(bullets, p.mark) }

// bodySize returns the most frequent font size, counted in characters.
func bodySize(paragraphs []*paragraph) (body float64) {
	counts := map[int]int{}
	most := 0
	for _, p := range paragraphs {
		k := int(math.Round(p.size() * 2))
		if counts[k] += p.chars(); counts[k] > most || counts[k] == most && float64(k)/2 < body {
			most, body = counts[k], float64(k)/2
		}
	}
	return body
}

type writer struct {
	b     strings.Builder
	words map[string]bool
	sizes []float64 // of headings
	list  bool      // the last paragraph was a list item

	answers string
}

const mostLevels = 4

func (w *writer) paragraph(p *paragraph) {
	level := slices.IndexFunc(w.sizes, func(s float64) bool { return sameSize(s, p.size()) })
	heading := level >= 0 && isHeading(p, 0)
	mark := p.lines[0].mark
	if w.b.Len() > 0 {
		w.b.WriteByte('\n')
		if !w.list || mark == "" || heading {
			w.b.WriteByte('\n')
		}
	}
	w.list = mark != "" && !heading
	if heading {
		w.b.WriteString(strings.Repeat("#", min(level+1, mostLevels)) + " ")
	}
	switch {
	case p.lines[0].bulleted():
		w.b.WriteString("- ")
		if strings.Contains(w.answers, mark) {
			w.b.WriteString(mark + " ")
		}
	case mark != "":
		w.b.WriteString(mark + " ")
	}
	var text strings.Builder
	for i, l := range p.lines {
		line := l.text.String()
		if i > 0 {
			w.join(&text, p.lines[i-1], l, p.right, heading)
		}
		if mark == "" && !heading {
			line = escapedStart(line)
		}
		text.WriteString(line)
	}
	w.b.WriteString(text.String())
}

// join writes what separates two lines: a space if the second begins with a word that did not fit on the first, else a
// newline. Hyphens are removed or kept by the words of the page.
func (w *writer) join(text *strings.Builder, before, l *piece, right float64, heading bool) {
	so, next := text.String(), l.text.String()
	first, _ := utf8.DecodeRuneInString(next)
	switch {
	case before.soft && unicode.IsLower(first):
		return // the soft hyphen was dropped before
	case before.soft:
		text.WriteByte('-')
		return
	case endsWithHyphen(so):
		head, tail := so[strings.LastIndexAny(so, " \n")+1:], next
		if i := strings.IndexAny(tail, " \n"); i >= 0 {
			tail = tail[:i]
		}
		head, tail = strings.TrimLeftFunc(head, notLetter), strings.TrimRightFunc(tail, notLetter)
		whole := strings.ToLower(strings.TrimRight(head, "-‐\u2011") + tail)
		switch hyphened := strings.ToLower(head + tail); {
		case w.words[hyphened]:
			return
		case w.words[whole] && unicode.IsLower(first):
			cut := strings.TrimRight(so, "-‐\u2011")
			text.Reset()
			text.WriteString(cut)
			return
		}
		text.WriteByte('\n')
		return
	}
	fits := l.firstWord+0.25*l.size < right-before.X1
	if heading || !fits {
		text.WriteByte(' ')
	} else {
		text.WriteByte('\n')
	}
}

func notLetter(r rune) bool { return !unicode.IsLetter(r) }

func endsWithHyphen(text string) bool {
	cut := strings.TrimRight(text, "-‐\u2011")
	last, _ := utf8.DecodeLastRuneInString(cut)
	return len(text) > len(cut) && len(text)-len(cut) <= 3 && unicode.IsLetter(last)
}

// vocabulary returns the words of a page in lower case, without those divided at the end of a line.
func vocabulary(blocks []block) map[string]bool {
	words := map[string]bool{}
	for _, b := range blocks {
		for i, l := range b.lines {
			fields := strings.Fields(l.text.String())
			for k, f := range fields {
				divided := k == len(fields)-1 && (endsWithHyphen(f) || l.soft) || k == 0 && i > 0 &&
					(b.lines[i-1].soft || endsWithHyphen(b.lines[i-1].text.String()))
				if !divided {
					words[strings.ToLower(strings.TrimFunc(f, notLetter))] = true
				}
			}
		}
	}
	return words
}

// escaped escapes a character that is special in Markdown.
func escaped(s string) string {
	switch s {
	case "\\", "`", "*", "_", "<", "[", "|", "~":
		return "\\" + s
	}
	return s
}

// escapedStart escapes a line whose beginning is special in Markdown.
func escapedStart(line string) string {
	rest := strings.TrimLeft(line, "#")
	switch {
	case rest != line && (rest == "" || rest[0] == ' '),
		strings.HasPrefix(line, ">"), strings.HasPrefix(line, "+ "), strings.HasPrefix(line, "="),
		strings.HasPrefix(line, "---"):
		return "\\" + line
	}
	return line
}
