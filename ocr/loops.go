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

// loop is a part of a text that says the same again and again.
type loop struct {
	start, end int // of the part, in bytes
	first      int // where its first piece ends, which may well be on the page
	period     int // of its second piece, in bytes; 0 if no piece is known
	sure       bool
	inside     bool // more text follows
}

// The detector of loops asks one question: does a text hold more equal pieces than a page of paper can? Honest pages
// repeat themselves, most of all those that are long enough to be cut off, since these are tables. So what a page could
// just hold is a doubt, and a doubt costs one further answer and no text: whether the next answer agrees decides. What
// no page can hold is sure.
const (
	// loopSpan: characters that a leader must fill. At the 1540 pixels that the model sees, no line holds that many, so
	// that neither dots nor a line to fill in is a loop. loopBox is more than the lines of a box for comments.
	loopSpan, loopBox = 400, 1000

	// loopLetters make a sentence of a piece outside tables, and of several rows inside.
	loopLetters = 20

	// loopBlock, in bytes, with loopBlockLetters make a block: a paragraph, a block of rows, half a page.
	loopBlock, loopBlockLetters = 400, 100

	// loopAfter is how much, in bytes, may follow a loop that the model left by itself just before it stopped: the end
	// of a table, a last line.
	loopAfter = 256

	// loopReach is how many bytes at the end of a text are searched: more than the longest context holds.
	loopReach = 256 << 10
)

// copies is how many copies of a piece are a loop: a doubt where the text was cut off, a doubt where the model ended
// it, and sure.
type copies struct{ cut, ended, sure int }

// What a page can hold of each kind of piece. A line needs some 12 pixels, so there are 128 at most, in four columns if
// they are short; no legible row has 64 cells. What counts is never sure to be a loop, since no piece says what another
// does. What the model ended itself is doubted earlier where such a page is rare, since the next answer tells.
var (
	copiesOfBlock = copies{3, 4, 8} // in bytes and letters, see above
	// labels are 80 on a sheet, lines of a punishment 100: their answers agree
	copiesOfSentence = copies{8, 12, 36}
	copiesOfRows     = copies{8, 36, 36}    // several rows of a table with loopLetters letters or more
	copiesOfRow      = copies{24, 129, 129} // an empty ledger and a form are honest up to there
	// of one row: a model that was cut off may have been in the middle of a calendar
	copiesOfCell    = copies{64, 36, 257}
	copiesOfPhrase  = copies{24, 36, 257}    // in one line: a word, figures, signs that are no leader
	copiesOfLine    = copies{24, 36, 129}    // short, with letters
	copiesOfFigures = copies{24, 129, 257}   // lines without letters
	copiesNumbered  = copies{24, 100, 257}   // sentences that differ in their numbers: a log, claims
	copiesListed    = copies{24, 36, 129}    // sentences that differ in the counter before them
	copiesCounting  = copies{36, 36, never}  // shorter pieces, with letters, whose numbers grow evenly
	copiesOfNumbers = copies{64, 256, never} // others whose numbers do: answer sheets, numbered lines and rows
)

const never = math.MaxInt

func (c copies) doubtful(ended bool) int {
	if ended {
		return c.ended
	}
	return c.cut
}

// findLoop returns the loop that a text ends in, or else one inside it that no page can hold. The model ended the text,
// or it was cut off. It takes time in proportion to the text.
func findLoop(text string, ended bool) (found loop, ok bool) {
	from := runeStart(text, max(0, len(text)-loopReach))
	text = text[from:]
	tail := loopTail.FindStringIndex(text)[0]
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

// before reports whether l goes before another loop of the same text: the one at the end, the one that is sure, the one
// that begins first.
func (l loop) before(other loop) bool {
	switch {
	case l.inside != other.inside:
		return other.inside
	case l.sure != other.sure:
		return l.sure
	}
	return l.start < other.start
}

// A drifting loop says nearly the same again and again. Only short lines outside tables and forms are looked at: in
// long ones a letter or two is what a list of honest sentences differs in.
const (
	driftLines, driftLinesCut = 36, 60 // at the end of the text, of which three in four must be near one of
	driftBack                 = 12     // lines before them, by at most
	driftEdits                = 2      // letters inserted, left out or changed
	// letters that a line must have, and characters that it may have, without its figures
	driftLetters, driftMost = 6, 40
)

// drifting returns a loop of lines that are near to one said a moment before. It is never sure.
func drifting(text string, ended bool) (loop, bool) {
	least := driftLinesCut
	if ended {
		least = driftLines
	}
	most := least - least*3/4                           // lines that may be near to none
	lines := make([][]rune, 0, driftLinesCut+driftBack) // without figures, from the last to the first
	letters := make([]rune, 0, 512)                     // of all these lines
	first := len(text)                                  // where the first of the least lines begins
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
				if most--; most < 0 { // most pages end here, after a few lines
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

// appendSaid appends what a line says: without figures, and without space around it.
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

// within reports whether one line becomes the other by so many edits. It looks at each letter a few times at most.
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

// view is a text in which pieces that differ in little are equal: one zero byte takes the place of the box of a layout
// marker and, in the view that is numbered, of each number.
type view struct {
	text     string
	numbered bool
	cuts     []cut
}

// cut is what a zero byte took the place of.
type cut struct {
	at       int // in the view
	from, to int // in the text
	value    int64
}

// box matches what follows the label of a layout marker, and the name and the box of a picture.
var box = regexp.MustCompile(`!\[[A-Za-z_][\w-]*\+?\](\([^()\n]{0,60}\)(?:\d+,\d+,\d+,\d+)?)`)

// enumerator matches the counter of a list at the start of a line that is not a number: (iv), b), C.
var enumerator = regexp.MustCompile(`(?m)^[ \t]*\(?([ivxlcdmIVXLCDM]{1,12}|[a-zA-Z]{1,2})[.)]`)

const (
	noValue     = -1 // of a number that cannot be counted with
	sameValue   = 0  // of a box
	hanNumerals = "〇零一二三四五六七八九十百千"
)

func viewOf(text string, numbered bool) view {
	v := view{text: text, numbered: numbered}
	if strings.Contains(text, "\x00") { // which would pass for a number
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

// numbersOf lists the numbers of a text, in figures and in Chinese numerals.
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

// replace puts a zero byte in the place of each cut; one that begins inside another is dropped.
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

// in returns where in the text a position of the view is.
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

// judge compares the copies in a run with what a page can hold of their kind. What follows tail in the text is said by
// no page.
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
	l := loop{start: v.in(r.start), end: v.in(r.end), sure: have >= least.sure}
	if span { // it is a leader, of which copies say nothing
		n := utf8.RuneCountInString(text[l.start:l.end])
		if n < loopSpan {
			return loop{}, false
		}
		l.sure = n >= loopBox
	}
	l.inside = len(text)-l.end > loopAfter && l.end < tail
	if l.inside && !l.sure {
		return loop{}, false
	}
	next := v.in(r.start + r.period)
	l.period = v.in(r.start+2*r.period) - next
	l.first = max(l.start, pieceEnd(text, next, l.period))
	return l, true
}

// loopTail matches what may follow the last piece of a loop, however long it is: at the end of any text, be it nothing.
var loopTail = regexp.MustCompile("(?:\\s|</[a-z]+>|\\$\\$|`{3}|\\\\end\\{[a-z]+\\})*$")

// notRead matches what a reader of the page does not see: tags, entities, commands.
var notRead = regexp.MustCompile(`<[^<>]*>|&[a-z#0-9]+;|\\[a-zA-Z]+|!\[[A-Za-z_][\w-]*\+?\]`)

// leastCopies returns how many copies of a run's piece make a loop; or that they are a leader. A run can begin anywhere
// in a piece, so the piece is looked at doubled.
func (v view) leastCopies(r run) (least copies, leader bool) {
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
		return copies{1, 1, 1}, true
	case line && (letters > 0 || strings.Contains(double, "&") || strings.Trim(shown, "\x00 \n") == "" &&
		shown != double):
		return copiesOfLine, false
	case line:
		return copiesOfFigures, false
	}
	return copiesOfPhrase, false
}

// listed reports whether the pieces of a run differ in counters that are no figures.
func (v view) listed(r run) bool {
	i, _ := slices.BinarySearchFunc(v.cuts, r.end-r.period, func(c cut, at int) int { return c.at - at })
	for ; i < len(v.cuts) && v.cuts[i].at < r.end; i++ {
		if v.cuts[i].value != noValue {
			return false
		}
	}
	return true
}

// counted returns how many pieces at the end of a run count: every number is what it was one piece before plus a step
// of its own.
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

// pieceEnd returns where to cut after a first piece. A run begins where the text before it happens to be equal already,
// so the end of the line or of the tag that the first piece breaks off in belongs to it.
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

// runeStart moves a position back to the beginning of its character.
func runeStart(text string, at int) int {
	for at > 0 && at < len(text) && !utf8.RuneStart(text[at]) {
		at--
	}
	return at
}
