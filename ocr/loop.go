package ocr

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The detector asks one question: does the text end in more equal pieces than a page can hold? Honest pages repeat themselves, so the
// thresholds come from paper, not from taste. How the text ended is evidence too: a model that stopped by itself had reached the
// end of a page, one that ran into a limit was in the middle of something, and then much less is needed.
//
// A false alarm costs two more readings and, if they come out the same, the repeated part behind its first piece, with a warning. A loop
// that goes unseen costs a document full of rubbish that says it is complete.
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

	// loopWindow is how many bytes from the end are searched, some 8000 tokens. A loop that reaches back further is followed.
	loopWindow = 32 << 10

	// loopAfter is how much, in bytes, may stand behind a loop that the model left by itself just before it stopped: the end of a
	// table, a last line. A loop in the middle of a page is left alone: cutting there would lose the rest.
	loopAfter = 256
)

// findLoop reports where a loop at the end of a text begins to repeat itself: behind its first piece, which may well be on the page. It
// takes time in proportion to the window.
func findLoop(text string, cut bool) (from int, found bool) {
	if len(text) < loopSpan {
		return 0, false
	}
	for _, end := range loopEnds(text) {
		if from, found = plainLoop(text[:end], cut); found {
			return from, true
		}
		if from, found = countingLoop(text[:end], cut); found {
			return from, true
		}
	}
	return 0, false
}

// loopTail is what may follow the last piece of a loop.
var loopTail = regexp.MustCompile("(?:\\s|</[a-z]+>|\\$\\$|`{3}|\\\\end\\{[a-z]+\\})+$")

// loopEnds are the places where a loop may have ended: the very end, before closing markup, and before the last lines.
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

// plainLoop looks for equal pieces.
func plainLoop(text string, cut bool) (int, bool) {
	window := text[max(0, len(text)-loopWindow):]
	least := loopSentences
	if cut {
		least = loopSentencesCut
	}
	matches := repeats(window)
	for period := 1; period <= len(window)/min(least, loopSpan); period++ {
		run := period + int(matches[period])
		if run < loopSpan || run/period < least {
			continue
		}
		start := len(text) - run
		for start > 0 && text[start-1] == text[start-1+period] { // beyond the window
			start--
		}
		if isLoop(text[start:], period, cut) {
			return pieceEnd(text, start+period, period), true
		}
	}
	return 0, false
}

// repeats gives, for each distance from the end of s, how many bytes before it are equal to those at the end: the Z function of s read
// backwards. A period p then holds for the last p + repeats[p] bytes.
func repeats(s string) []int32 {
	n := len(s)
	z := make([]int32, n+1)
	at := func(i int) byte { return s[n-1-i] }
	left, right := 0, 0
	for i := 1; i < n; i++ {
		k := 0
		if i < right {
			k = min(right-i, int(z[i-left]))
		}
		for i+k < n && at(k) == at(i+k) {
			k++
		}
		z[i] = int32(k)
		if i+k > right {
			left, right = i, i+k
		}
	}
	return z
}

// isLoop counts a run's pieces against what a page can hold of their kind.
func isLoop(run string, period int, cut bool) bool {
	if utf8.RuneCountInString(run) < loopSpan {
		return false
	}
	copies := len(run) / period
	switch letters, kind := pieceKind(run[len(run)-period:]); {
	case kind == leader:
		return true // longer than a line, without a line break
	case kind == tableRow || letters < loopLetters:
		return copies >= pick(cut, loopRowsCut, loopRows)
	default:
		return copies >= pick(cut, loopSentencesCut, loopSentences)
	}
}

func pick(cut bool, whenCut, otherwise int) int {
	if cut {
		return whenCut
	}
	return otherwise
}

// kinds of pieces
const (
	words    = iota
	tableRow // part of a table, as HTML or Markdown
	leader   // dots, dashes, blanks: nothing to read, and no end of a line
)

// notRead is what a reader of the page does not see: tags, entities, commands.
var notRead = regexp.MustCompile(`<[^<>]*>|&[a-z#0-9]+;|\\[a-zA-Z]+`)

// pieceKind tells what a piece is and how many letters it shows. A run can begin anywhere in a piece, so the piece is looked at doubled.
func pieceKind(piece string) (letters, kind int) {
	double := piece + piece
	shown := notRead.ReplaceAllString(double, "")
	read := 0
	for _, r := range shown {
		if unicode.IsLetter(r) {
			letters++
		}
		if unicode.IsLetter(r) || unicode.IsDigit(r) || r == '\n' {
			read++
		}
	}
	switch {
	case strings.Contains(double, "</t") || strings.Contains(double, "<t") || strings.Contains(double, "|"):
		return letters / 2, tableRow
	case read == 0 && shown == double:
		return 0, leader
	}
	return letters / 2, words
}

// pieceEnd is where to cut behind a first piece. A run begins where the text before it happens to be equal already, so the end of the line
// or of the tag that the first piece breaks off in belongs to it.
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
