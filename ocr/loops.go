package ocr

import (
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// loop is a part of a text that repeats the same piece again and again.
type loop struct {
	start, end int // offsets in bytes
	first      int // end of its first piece, which may well be on the page
	copies     int // 0 if unknown; for a leader its length, on a scale on which agreedCopies is loopBox
	sure       bool
	inside     bool // more text follows
}

// The loop detector asks one question: does a text have more equal pieces than a sheet of paper can hold? Honest pages
// repeat themselves, especially those long enough to be cut off, which are mostly tables. So a loop that a page could
// just hold is doubtful, which costs one further answer but no text: it is decided by whether the next answer agrees. A
// loop that no page can hold is sure.
const (
	// loopSpan is the number of characters from which a leader is a loop. At the 1540 pixels that the model sees, no
	// line holds that many, so that neither leader dots nor a line to fill in is a loop. loopBox is more than the lines
	// of a box for comments have.
	loopSpan, loopBox = 400, 1000

	// loopLetters is the number of letters that make a piece a sentence, or several rows of a table with content.
	loopLetters = 20

	// A piece with loopBlock bytes and loopBlockLetters letters is a block: a paragraph, a block of rows, half a page.
	loopBlock, loopBlockLetters = 400, 100

	// loopAfter is the maximum length, in bytes, of the text after a loop that the model left by itself just before it
	// stopped: the end of a table, a last line.
	loopAfter = 256

	// loopReach is the number of bytes searched at the end of a text: more than the longest context holds.
	loopReach = 256 << 10
)

// copyLimits holds the numbers of copies from which a repetition is a loop: doubtful in a text that was cut off,
// doubtful in one that the model ended, and sure.
type copyLimits struct{ cut, ended, sure int }

// Limits for each kind of piece, by what a page can hold. A line needs some 12 pixels, so there are at most 128, in up
// to four columns if they are short; no legible row has 64 cells. Short pieces whose numbers grow evenly are never
// sure to be a loop, since a page may count. Texts that the model ended are doubted earlier where such a page is rare,
// since the next answer decides.
var (
	copiesOfBlock = copyLimits{3, 4, 8} // in bytes and letters, see above
	// sheets have up to 80 labels, written punishments 100 lines: answers for them agree
	copiesOfSentence = copyLimits{8, 12, 36}
	copiesOfRows     = copyLimits{8, 36, 36}    // several table rows with at least loopLetters letters
	copiesOfRow      = copyLimits{24, 129, 129} // empty ledgers and forms have up to this many
	// cells in one row: a model that was cut off may have been in the middle of a calendar
	copiesOfCell    = copyLimits{64, 36, 257}
	copiesOfPhrase  = copyLimits{24, 36, 257}   // in one line: words, figures, signs other than leaders
	copiesOfLine    = copyLimits{24, 36, 129}   // short lines with letters
	copiesOfFigures = copyLimits{24, 129, 257}  // lines without letters
	copiesNumbered  = copyLimits{24, 100, 257}  // sentences that differ in their numbers: logs, claims
	copiesListed    = copyLimits{24, 36, 129}   // sentences that differ in a leading counter
	copiesCounting  = copyLimits{36, 36, never} // shorter pieces with letters, whose numbers grow evenly
	// other pieces whose numbers grow evenly: answer sheets, numbered lines and rows
	copiesOfNumbers = copyLimits{64, 256, never}
)

const never = math.MaxInt

func (c copyLimits) doubtful(ended bool) int {
	if ended {
		return c.ended
	}
	return c.cut
}

// findLoop returns the loop at the end of a text, or else one inside it that no page can hold. ended reports whether
// the model ended the text, rather than a limit. findLoop takes time proportional to the length of the text.
func findLoop(text string, ended bool) (found loop, ok bool) {
	from := runeStart(text, max(0, len(text)-loopReach))
	text = text[from:]
	tail := tailOf(text)
	for _, v := range []view{viewOf(text, false), viewOf(text, true)} {
		all, _ := runs(v.text)
		for _, r := range all {
			l, is := v.judge(text, tail, r, ended)
			if is && (!ok || l.before(found)) {
				found, ok = l, true
			}
		}
	}
	if !ok {
		found, ok = drifting(text, ended)
	}
	found.start, found.end, found.first = found.start+from, found.end+from, found.first+from
	return found, ok
}

// before reports whether l takes precedence over another loop of the same text: first by being at the end, then by
// being sure, then by an earlier start.
func (l loop) before(other loop) bool {
	switch {
	case l.inside != other.inside:
		return other.inside
	case l.sure != other.sure:
		return l.sure
	}
	return l.start < other.start
}

// A drifting loop repeats nearly the same text. Only short lines outside tables and forms are examined: honest lists of
// long sentences may differ in just a letter or two.
const (
	driftLines, driftLinesCut = 36, 60 // at the end of the text, three quarters of which must be close to one of
	driftBack                 = 12     // preceding lines, by at most
	driftEdits                = 2      // letters inserted, deleted or changed
	// minimum of letters and maximum of characters in a line, without its figures
	driftLetters, driftMost = 6, 40
)

// drifting returns a loop of lines that are close to a recent one. It is never sure.
func drifting(text string, ended bool) (loop, bool) {
	least := driftLinesCut
	if ended {
		least = driftLines
	}
	most := least - least*3/4                           // lines that may be close to none
	lines := make([][]rune, 0, driftLinesCut+driftBack) // without figures, last to first
	letters := make([]rune, 0, 512)                     // of all these lines
	first := len(text)                                  // start of the first of the least lines
	for end := len(text); end > 0 && len(lines) < least+driftBack; {
		at := strings.LastIndexByte(text[:end], '\n') + 1
		from := len(letters)
		letters = appendSaid(letters, clip(text[at:end], 4*driftMost))
		if said := letters[from:]; len(said) > 0 {
			lines = append(lines, said)
			if len(lines) == least {
				first = at
			}
			if len(lines) <= least && !driftable(said) {
				if most--; most < 0 { // for most pages, after a few lines
					return loop{}, false
				}
			}
		}
		end = at - 1
	}
	if len(lines) < least {
		return loop{}, false
	}
	near := 0
	for i, said := range lines[:least] {
		if !driftable(said) {
			continue
		}
		if slices.ContainsFunc(lines[i+1:min(len(lines), i+1+driftBack)], func(before []rune) bool {
			return within(driftEdits, said, before)
		}) {
			near++
		}
	}
	if near < least*3/4 {
		return loop{}, false
	}
	return loop{start: first, first: first, end: len(text)}, true
}

// appendSaid appends a line without figures and surrounding space.
func appendSaid(said []rune, line string) []rune {
	from := len(said)
	for _, r := range line {
		if !unicode.IsDigit(r) && (len(said) > from || !unicode.IsSpace(r)) {
			said = append(said, r)
		}
	}
	for len(said) > from && unicode.IsSpace(said[len(said)-1]) {
		said = said[:len(said)-1]
	}
	return said
}

func driftable(said []rune) bool {
	letters := 0
	for _, r := range said {
		switch {
		case strings.ContainsRune("|<_＿", r):
			return false
		case unicode.IsLetter(r):
			letters++
		}
	}
	return letters >= driftLetters && len(said) <= driftMost
}

// within reports whether one line can be turned into the other with the given number of edits. It examines each letter
// only a few times.
func within(edits int, a, b []rune) bool {
	for len(a) > 0 && len(b) > 0 && a[0] == b[0] {
		a, b = a[1:], b[1:]
	}
	for len(a) > 0 && len(b) > 0 && a[len(a)-1] == b[len(b)-1] {
		a, b = a[:len(a)-1], b[:len(b)-1]
	}
	if len(a) == 0 || len(b) == 0 {
		return max(len(a), len(b)) <= edits
	}
	return edits > 0 && (within(edits-1, a[1:], b) || within(edits-1, a, b[1:]) || within(edits-1, a[1:], b[1:]))
}

// view is a text transformed so that similar pieces become equal: the box of each layout marker and, in the numbered
// view, each number is replaced with a zero byte.
type view struct {
	text     string
	numbered bool
	cuts     []cut
}

// cut is a part of the text that was replaced with a zero byte.
type cut struct {
	at       int // in the view
	from, to int // in the text
	value    int64
}

// box matches a layout marker or a picture; its group is the part after the label.
var box = regexp.MustCompile(`!\[[A-Za-z_][\w-]*\+?\](\([^()\n]{0,60}\)(?:\d+,\d+,\d+,\d+)?)`)

// enumerator matches a list counter other than a number at the start of a line: (iv), b), C.
var enumerator = regexp.MustCompile(`(?m)^[ \t]*\(?([ivxlcdmIVXLCDM]{1,12}|[a-zA-Z]{1,2})[.)]`)

const (
	noValue     = -1 // of a number too long to count with
	sameValue   = 0  // of a box
	hanNumerals = "〇零一二三四五六七八九十百千"
)

func viewOf(text string, numbered bool) view {
	v := view{text: text, numbered: numbered}
	if strings.Contains(text, "\x00") { // which would be mistaken for a number
		return v
	}
	for _, m := range box.FindAllStringSubmatchIndex(text, -1) {
		v.cuts = append(v.cuts, cut{from: m[2], to: m[3], value: sameValue})
	}
	if numbered {
		text = strings.TrimRight(text, "0123456789") // the last number may be cut off
		for _, m := range enumerator.FindAllStringSubmatchIndex(text, -1) {
			v.cuts = append(v.cuts, cut{from: m[2], to: m[3], value: noValue})
		}
		v.cuts = append(v.cuts, numbersOf(text)...)
		slices.SortStableFunc(v.cuts, func(a, b cut) int { return a.from - b.from })
		v.text, v.cuts = text, slices.DeleteFunc(v.cuts, func(c cut) bool { return c.to > len(text) })
	}
	return v.replace()
}

// numbersOf returns the numbers in a text, in figures and in Chinese numerals.
func numbersOf(text string) []cut {
	var all []cut
	for i := 0; i < len(text); {
		end := i
		for end < len(text) && isDigit(text[end]) {
			end++
		}
		if end > i {
			value, err := strconv.ParseInt(text[i:end], 10, 64)
			if err != nil {
				value = noValue
			}
			all, i = append(all, cut{from: i, to: end, value: value}), end
			continue
		}
		for r, size := utf8.DecodeRuneInString(text[end:]); r >= utf8.RuneSelf &&
			strings.ContainsRune(hanNumerals, r); r, size = utf8.DecodeRuneInString(text[end:]) {
			end += size
		}
		if end > i {
			all, i = append(all, cut{from: i, to: end, value: noValue}), end
			continue
		}
		i++
	}
	return all
}

func isDigit(b byte) bool { return '0' <= b && b <= '9' }

// replace replaces each cut with a zero byte; a cut that begins inside another is dropped.
func (v view) replace() view {
	if len(v.cuts) == 0 {
		return v
	}
	var out strings.Builder
	out.Grow(len(v.text))
	done, kept := 0, v.cuts[:0]
	for _, c := range v.cuts {
		if c.from < done {
			continue
		}
		out.WriteString(v.text[done:c.from])
		c.at = out.Len()
		out.WriteByte(0)
		kept, done = append(kept, c), c.to
	}
	out.WriteString(v.text[done:])
	return view{out.String(), v.numbered, kept}
}

// in returns the position in the text for a position in the view.
func (v view) in(at int) int {
	i, exact := slices.BinarySearchFunc(v.cuts, at, func(c cut, at int) int { return c.at - at })
	switch {
	case exact:
		return v.cuts[i].from
	case i == 0:
		return at
	}
	last := v.cuts[i-1]
	return last.to + at - last.at - 1
}

// judge compares the copies in a run with what a page can hold of their kind. The text after tail has no content.
func (v view) judge(text string, tail int, r run, ended bool) (loop, bool) {
	least, span := v.leastCopies(r)
	have := r.copies()
	if least == copiesCounting || least == copiesOfNumbers {
		have = min(have, v.counted(r))
		r.start = r.end - have*r.period
	}
	if have < min(least.doubtful(ended), least.sure) {
		return loop{}, false
	}
	l := loop{start: v.in(r.start), end: v.in(r.end), copies: have, sure: have >= least.sure}
	if span { // a leader, for which the number of copies means nothing
		n := utf8.RuneCountInString(text[l.start:l.end])
		if n < loopSpan {
			return loop{}, false
		}
		l.sure, l.copies = n >= loopBox, n*agreedCopies/loopBox
	}
	l.inside = len(text)-l.end > loopAfter && l.end < tail
	if l.inside && !l.sure {
		return loop{}, false
	}
	next := v.in(r.start + r.period)
	l.first = max(l.start, pieceEnd(text, next, v.in(r.start+2*r.period)-next))
	return l, true
}

// tailOf returns the offset of the part of a text that may follow the last piece of a loop, whatever its length: space,
// and the ends of elements, formulas, code and environments. No two of them end alike, so the way back is unambiguous.
func tailOf(text string) int {
	for {
		rest := strings.TrimRight(text, "\t\n\f\r ")
		switch {
		case strings.HasSuffix(rest, "$$"):
			rest = rest[:len(rest)-2]
		case strings.HasSuffix(rest, "```"):
			rest = rest[:len(rest)-3]
		case strings.HasSuffix(rest, ">"):
			rest = withoutWord(rest, "</")
		case strings.HasSuffix(rest, "}"):
			rest = withoutWord(rest, `\end{`)
		}
		if len(rest) == len(text) {
			return len(text)
		}
		text = rest
	}
}

// withoutWord returns text without its last byte, the word of small letters before it, and opened before that; if they
// are not there, text as it is.
func withoutWord(text, opened string) string {
	word := strings.TrimRight(text[:len(text)-1], "abcdefghijklmnopqrstuvwxyz")
	if before, ok := strings.CutSuffix(word, opened); ok && len(word) < len(text)-1 {
		return before
	}
	return text
}

// notRead matches markup that is invisible on the page: tags, entities, commands.
var notRead = regexp.MustCompile(`<[^<>]*>|&[a-z#0-9]+;|\\[a-zA-Z]+|!\[[A-Za-z_][\w-]*\+?\]`)

// leastCopies returns the number of copies of a run's piece that make a loop, and reports whether the run is a leader
// instead. Since a run can begin anywhere in a piece, it examines the piece twice in a row.
func (v view) leastCopies(r run) (least copyLimits, leader bool) {
	double := v.text[r.end-r.period : r.end]
	double += double
	shown := notRead.ReplaceAllString(double, "")
	letters, figures, signs := 0, 0, 0
	for _, c := range shown {
		switch {
		case unicode.IsLetter(c):
			letters++
		case unicode.IsDigit(c), c == 0 && v.numbered:
			figures++
		case c != 0 && !unicode.IsSpace(c) && !strings.ContainsRune(".·•…‧_-–—―=~*。", c):
			signs++
		}
	}
	letters /= 2
	table := strings.Contains(double, "</t") || strings.Contains(double, "<t") || strings.Contains(double, "|")
	rows := max(strings.Count(double, "</tr"), strings.Count(double, "|\n"))
	line := strings.Contains(double, "\n")
	numbers := v.numbered && figures > 0
	form := strings.Contains(double, "____") || strings.Contains(double, "＿＿")
	switch {
	case numbers && !table && letters >= loopLetters && v.listed(r):
		return copiesListed, false
	case numbers && !table && letters >= loopLetters:
		return copiesNumbered, false
	case numbers && !table && letters > 0:
		return copiesCounting, false
	case numbers:
		return copiesOfNumbers, false
	case r.period >= loopBlock && letters >= loopBlockLetters:
		return copiesOfBlock, false
	case table && rows > 2 && letters >= loopLetters:
		return copiesOfRows, false
	case table && rows > 0, form:
		return copiesOfRow, false
	case table:
		return copiesOfCell, false
	case letters >= loopLetters:
		return copiesOfSentence, false
	case !line && letters == 0 && figures == 0 && signs == 0 && shown == double:
		return copyLimits{1, 1, 1}, true
	case line && (letters > 0 || strings.Contains(double, "&") || strings.Trim(shown, "\x00 \n") == "" &&
		shown != double):
		return copiesOfLine, false
	case line:
		return copiesOfFigures, false
	}
	return copiesOfPhrase, false
}

// listed reports whether the pieces of a run differ in counters other than figures.
func (v view) listed(r run) bool {
	i, _ := slices.BinarySearchFunc(v.cuts, r.end-r.period, func(c cut, at int) int { return c.at - at })
	for ; i < len(v.cuts) && v.cuts[i].at < r.end; i++ {
		if v.cuts[i].value != noValue {
			return false
		}
	}
	return true
}

// counted returns the number of pieces at the end of a run that count: each number equals the one in the previous piece
// plus a constant step.
func (v view) counted(r run) int {
	first, _ := slices.BinarySearchFunc(v.cuts, r.start, func(c cut, at int) int { return c.at - at })
	next, _ := slices.BinarySearchFunc(v.cuts, r.end, func(c cut, at int) int { return c.at - at })
	fields := strings.Count(v.text[r.end-r.period:r.end], "\x00")
	numbers := v.cuts[first:next]
	last := len(numbers) - 1
	if fields == 0 || last < 2*fields {
		return 0
	}
	back := 0
	for at := last; at-2*fields >= 0; at-- {
		now, previous, earlier := numbers[at].value, numbers[at-fields].value, numbers[at-2*fields].value
		if now-previous != previous-earlier || now == noValue {
			break
		}
		back++
	}
	return back/fields + 2
}

// pieceEnd returns the position at which to cut after the first piece. Since a run may start in the middle of a line or
// tag, the rest of the line or tag in which the first piece ends belongs to it.
func pieceEnd(text string, at, period int) int {
	next := text[at:min(len(text), at+period)]
	if strings.LastIndexByte(text[:at], '<') > strings.LastIndexByte(text[:at], '>') {
		if end := strings.IndexByte(next, '>'); end >= 0 {
			return at + end + 1
		}
	}
	if end := strings.IndexByte(next, '\n'); end >= 0 && text[at-1] != '\n' {
		return at + end
	}
	return runeStart(text, at)
}

// runeStart returns the start of the character at a position.
func runeStart(text string, at int) int {
	for at > 0 && at < len(text) && !utf8.RuneStart(text[at]) {
		at--
	}
	return at
}
