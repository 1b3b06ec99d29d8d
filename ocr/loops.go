package ocr

import (
	"iter"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The detector of loops asks one question: does the text end in more equal pieces than a page can hold? Honest pages repeat themselves,
// so the thresholds come from paper, not from taste. How the text ended is evidence too: a model that stopped by itself had reached the
// end of a page, one that ran into a limit was in the middle of something, and then much less is needed.
//
// A false alarm costs two more tries and, if they come out the same, the repeated part after its first piece, with a warning. A loop
// that goes unseen costs a document full of rubbish that calls itself complete.
const (
	// loopSpan: characters that any loop must fill. At the 1540 pixels that the model sees, no line holds that many, so that neither a
	// dotted leader nor a line to fill in is one.
	loopSpan = 400

	// Copies of a row of a table, of a short phrase or line. A line needs some 12 pixels, so a page has 128 at most: an empty
	// ledger is honest up to there. Where the text was cut off, two dozen: more than the equal rows at the
	// end of any page that is also too long.
	loopRows, loopRowsCut = 129, 24

	// Copies of a sentence, that is, of loopLetters letters or more outside tables. What repeats whole sentences is a sheet of
	// address labels, 30 at most, or lines written as a punishment.
	loopSentences, loopSentencesCut = 36, 8
	loopLetters                     = 20

	// Copies that differ only in numbers that grow evenly. Numbered lines, question sheets with four columns of fifty answers and
	// lists of days are honest.
	loopCounting, loopCountingCut = 256, 64

	// loopPiece is the longest piece, in bytes, that is searched for: most of a page.
	loopPiece = 4 << 10

	// loopMark is how many bytes at the end of a loop are searched for to find where the piece before ends. All of them are equal to those
	// before in any loop, since eight pieces and loopSpan characters are the least.
	loopMark = 64

	// loopAfter is how much, in bytes, may follow a loop that the model left by itself just before it stopped: the end of a
	// table, a last line. A loop in the middle of a page is left alone: cutting there would lose the rest.
	loopAfter = 256

	// loopWindow is how many bytes at the end of a text are searched for a loop that counts, some 8000 tokens.
	loopWindow = 32 << 10
)

// findLoop reports where a loop at the end of a text begins to repeat itself: after its first piece, which may well be on the page. The
// text was cut off, or the model ended it. It takes time in proportion to the text at worst, and hardly any for a text without a loop.
func findLoop(text string, cut bool) (from int, found bool) {
	if len(text) < loopSpan {
		return 0, false
	}
	for _, end := range loopEnds(text) {
		for period, run := range repeats(text[:end]) {
			if start := end - run; isLoop(text[start:end], period, cut) {
				return pieceEnd(text, start+period, period), true
			}
		}
	}
	return countingLoop(text, cut)
}

// loopTail matches what may follow the last piece of a loop.
var loopTail = regexp.MustCompile("(?:\\s|</[a-z]+>|\\$\\$|`{3}|\\\\end\\{[a-z]+\\})+$")

// loopEnds returns the places where a loop may have ended: the very end, before closing markup, and before the last lines.
func loopEnds(text string) []int {
	ends := []int{len(text)}
	least := max(0, len(text)-loopAfter)
	if at := loopTail.FindStringIndex(text[least:]); at != nil && at[0] > 0 {
		ends = append(ends, least+at[0])
	}
	for end := strings.LastIndexByte(text, '\n'); end >= least && end > 0 && len(ends) < 6; end = strings.LastIndexByte(text[:end], '\n') {
		ends = append(ends, end)
	}
	return ends
}

// repeats yields the periods of the end of s, each with the number of bytes that it holds for, the shortest first. Multiples of a
// period are left out: two loops are never the same one.
func repeats(s string) iter.Seq2[int, int] {
	return func(yield func(period, run int) bool) {
		if len(s) < loopMark {
			return
		}
		mark := s[len(s)-loopMark:]
		base := max(0, len(s)-loopMark-loopPiece)
		for at := len(s) - loopMark; ; {
			// Before at, and so that the mark may overlap itself.
			at = base + strings.LastIndex(s[base:at+loopMark-1], mark)
			if at < base {
				return
			}
			period := len(s) - loopMark - at
			run := period
			for run < len(s) && s[len(s)-1-run] == s[len(s)-1-run+period] {
				run++
			}
			if !yield(period, run) {
				return
			}
			if run >= 2*period { // what is shorter than the rest of the run could only be a multiple
				if at -= run - 2*period; at < base {
					return
				}
			}
		}
	}
}

// isLoop compares the number of a run's pieces with what a page can hold of their kind.
func isLoop(run string, period int, cut bool) bool {
	copies := len(run) / period
	return copies >= pick(cut, loopSentencesCut, loopRowsCut) && utf8.RuneCountInString(run) >= loopSpan &&
		copies >= leastCopies(run[len(run)-period:], cut)
}

func pick(cut bool, whenCut, otherwise int) int {
	if cut {
		return whenCut
	}
	return otherwise
}

// notRead matches what a reader of the page does not see: tags, entities, commands.
var notRead = regexp.MustCompile(`<[^<>]*>|&[a-z#0-9]+;|\\[a-zA-Z]+`)

// leastCopies returns how many copies of a piece make a loop. A run can begin anywhere in a piece, so the piece is examined doubled.
func leastCopies(piece string, cut bool) int {
	double := piece + piece
	shown := notRead.ReplaceAllString(double, "")
	letters, read := 0, 0
	for _, r := range shown {
		if unicode.IsLetter(r) {
			letters++
		}
		if unicode.IsLetter(r) || unicode.IsDigit(r) || r == '\n' {
			read++
		}
	}
	row := strings.Contains(double, "</t") || strings.Contains(double, "<t") || strings.Contains(double, "|")
	switch {
	case !row && read == 0 && shown == double: // dots, dashes, blanks: longer than a line, without a line break
		return loopRowsCut
	case row || letters/2 < loopLetters:
		return pick(cut, loopRowsCut, loopRows)
	}
	return pick(cut, loopSentencesCut, loopSentences)
}

// pieceEnd returns where to cut after a first piece. A run begins where the text before it happens to be equal already, so the end of
// the line or of the tag that the first piece breaks off in belongs to it.
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

// numbered returns the shape of a text, in which each number is one zero byte, so that lines that differ only in their numbers are
// equal, and the numbers, -1 for those that are too long to count with.
func numbered(text string) (shape string, numbers []int64) {
	numbers = make([]int64, 0, len(text)/8)
	out := make([]byte, 0, len(text))
	for i := 0; i < len(text); {
		digits := i
		for digits < len(text) && isDigit(text[digits]) {
			digits++
		}
		if digits == i {
			out = append(out, text[i])
			i++
			continue
		}
		value, err := strconv.ParseInt(text[i:digits], 10, 64)
		if err != nil {
			value = -1
		}
		out, numbers, i = append(out, 0), append(numbers, value), digits
	}
	return string(out), numbers
}

func isDigit(b byte) bool { return '0' <= b && b <= '9' }

// startOf returns where in a text the last part of its shape begins, in bytes.
func startOf(text string, part string) int {
	at := len(text)
	for i := len(part) - 1; i >= 0; i-- {
		at--
		for part[i] == 0 && at > 0 && isDigit(text[at]) && isDigit(text[at-1]) {
			at--
		}
	}
	return at
}

// countingLoop looks for pieces that are equal but for numbers that grow evenly. Tables of figures have that shape too, but their figures do
// not. A number at the very end may be cut off and is left out.
func countingLoop(text string, cut bool) (int, bool) {
	text = strings.TrimRight(text, "0123456789")
	shape, numbers := numbered(text[runeStart(text, max(0, len(text)-loopWindow)):])
	least := pick(cut, loopCountingCut, loopCounting)
	if len(numbers) < least || strings.Contains(text, "\x00") { // which would pass for a number
		return 0, false
	}
	for _, end := range loopEnds(shape) {
		before := numbers[:len(numbers)-strings.Count(shape[end:], "\x00")]
		for period, run := range repeats(shape[:end]) {
			if run/period < least {
				continue
			}
			copies := min(counted(before, strings.Count(shape[end-period:end], "\x00")), run/period)
			if start := end - copies*period; copies >= least && len(text)-startOf(text, shape[start:]) >= loopSpan {
				return pieceEnd(text, startOf(text, shape[start+period:]), period), true
			}
		}
	}
	return 0, false
}

// counted returns how many pieces at the end, each of so many numbers, count: every number is what it was one piece before plus a step
// of its own, and at least one step is not zero.
func counted(numbers []int64, fields int) int {
	last := len(numbers) - 1
	if fields == 0 || last < 2*fields {
		return 0
	}
	grows := false
	for i := 0; i < fields; i++ {
		grows = grows || numbers[last-i] != numbers[last-i-fields]
	}
	if !grows {
		return 0
	}
	back := 0
	for at := last; at-2*fields >= 0; at-- {
		now, previous, earlier := numbers[at], numbers[at-fields], numbers[at-2*fields]
		if now-previous != previous-earlier || now < 0 {
			break
		}
		back++
	}
	return back/fields + 2
}
