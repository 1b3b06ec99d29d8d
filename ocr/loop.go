package ocr

import (
	"iter"
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

	// loopPiece is the longest piece, in bytes, that is looked for: most of a page.
	loopPiece = 4 << 10

	// loopMark is how many bytes at the end of a loop are looked up to find where the piece before ends. All of them are equal to those
	// before in any loop, since eight pieces and loopSpan characters are the least.
	loopMark = 64

	// loopAfter is how much, in bytes, may stand behind a loop that the model left by itself just before it stopped: the end of a
	// table, a last line. A loop in the middle of a page is left alone: cutting there would lose the rest.
	loopAfter = 256
)

// findLoop reports where a loop at the end of a text begins to repeat itself: behind its first piece, which may well be on the page. It
// takes time in proportion to the text at worst, and hardly any for a text without a loop.
func findLoop(text string, cut bool) (from int, found bool) {
	if len(text) < loopSpan {
		return 0, false
	}
	if from, found = plainLoop(text, cut); found {
		return from, true
	}
	return countingLoop(text, cut)
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
	for _, end := range loopEnds(text) {
		for period, run := range repeats(text[:end]) {
			if start := end - run; isLoop(text[start:end], period, cut) {
				return pieceEnd(text, start+period, period), true
			}
		}
	}
	return 0, false
}

// repeats gives the periods of the end of s, each with the number of bytes that it holds for, the shortest first. Multiples of a
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

// isLoop counts a run's pieces against what a page can hold of their kind.
func isLoop(run string, period int, cut bool) bool {
	copies := len(run) / period
	if copies < pick(cut, loopSentencesCut, loopRowsCut) || utf8.RuneCountInString(run) < loopSpan {
		return false
	}
	switch letters, kind := pieceKind(run[len(run)-period:]); {
	case kind == leader:
		return copies >= loopRowsCut // longer than a line, without a line break
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
