package ocr

import (
	"strings"
	"unicode"
)

// answer is one answer of the model, with the judgement of its ending and its text.
type answer struct {
	asked   question
	turned  int // degrees by which the page was rotated for it
	text    string
	model   string // "" if the server does not say
	dialect string
	usage   Usage
	stop    ending // as reported by the server
	ending  ending // as judged by the text as well
	ended   bool   // by the model itself
	loop    loop   // if ending is looped
	// disputed reports that the server stopped at a loop that a page may well hold, so that the rest of the page is
	// unread.
	disputed bool
}

// ending is the way in which a text ended. Worse endings have higher values.
type ending int

const (
	unusable  ending = iota // no text; an error has the reason
	complete                // the model ended the text
	truncated               // a limit cut it off
	looped                  // it has a loop, or may have one
)

// String returns the name used in [Try].
func (e ending) String() string {
	return [...]string{unusable: "", complete: "complete", truncated: WarningTruncated, looped: WarningRepetition}[e]
}

// examine looks for a loop in the text, whatever its ending. If the server reported a loop, examine trusts it, and
// looks for a repetition without regard to what a page can hold.
func (a answer) examine() answer {
	stopped := a.stop == looped
	a.ending, a.loop = a.stop, loop{}
	if a.ended = a.stop == complete; a.ended {
		a.text = trimBlankLoop(a.text)
	}
	l, found := findLoop(a.text, a.ended)
	a.disputed = stopped && !(found && l.sure && !l.inside)
	switch {
	case a.disputed:
		a.loop = lastRun(a.text, repetitionMinCount/2)
		a.loop.sure = false
	case found:
		a.ending, a.loop = looped, l
	}
	return a
}

// trimBlankLoop removes more trailing white space than any page needs.
func trimBlankLoop(text string) string {
	if kept := strings.TrimRightFunc(text, unicode.IsSpace); len(text)-len(kept) > loopWindow {
		return kept
	}
	return text
}

// sure reports whether the text ends in a loop that no page can hold, so that the copies can be cut off.
func (a answer) sure() bool { return a.ending == looped && a.loop.sure && !a.loop.inside }

// unique returns the text without copies, for the comparison of answers.
func (a answer) unique() string {
	if a.ending == looped {
		return a.text[:a.loop.first] + a.text[a.loop.end:]
	}
	return a.text
}

// kept returns the text to keep. A text that the model ended, or whose loop is doubtful, is kept whole; copies in a
// text that was cut off in a loop, or shortly after one, are dropped. Constructs left open by a cut are closed.
func (a answer) kept() string {
	switch {
	case a.sure() && !a.ended:
		kept := strings.TrimRight(a.text[:a.loop.first], " \t\r\n")
		if a.left() {
			kept += "\n" + a.text[a.loop.end:]
		}
		return closeOpen(kept)
	case !a.ended:
		return closeOpen(a.text)
	}
	return a.text
}

// left reports whether the model left the loop: other text follows.
func (a answer) left() bool { return strings.ContainsFunc(a.text[a.loop.end:], unicode.IsLetter) }

func (a answer) empty() bool { return strings.TrimSpace(a.text) == "" }

// warnings returns the warnings about the text itself.
func (a answer) warnings() []string {
	switch {
	case a.ending == truncated:
		return []string{WarningTruncated}
	case a.ending == looped && !a.ended && (!a.sure() || a.left()):
		return []string{WarningRepetition, WarningTruncated}
	case a.ending == looped:
		return []string{WarningRepetition}
	}
	return nil
}

const (
	// An answer has lost the page if it has less than 1/floorShare of the text of another one with more than
	// floorBytes.
	floorBytes, floorShare = 200, 2

	// Limits for a loop on which two answers agree to be on the page: copies and bytes.
	agreedCopies, agreedBytes = 400, 12 << 10
)

// better returns the answer with more of the page: a complete one unless it has lost the page, else the one with more
// text, else the earlier one. A page whose lines run sideways may well have less text than a loop.
func better(a, b answer) answer {
	if (a.ending == complete) != (b.ending == complete) {
		whole, other := a, b
		if b.ending == complete {
			whole, other = b, a
		}
		rest := len(other.unique())
		upright := (whole.turned-other.turned)%180 == 0 // or upside down, which is tried without a sign of it
		if upright && rest > floorBytes && len(whole.text)*floorShare < rest || whole.empty() &&
			!other.empty() {
			return other
		}
		return whole
	}
	if b.worth() > a.worth() {
		return b
	}
	return a
}

// worth returns the amount of text in an answer in bytes, without certain copies.
func (a answer) worth() int {
	if a.ending == looped && a.loop.sure {
		return len(strings.TrimSpace(a.unique()))
	}
	return len(strings.TrimSpace(a.text))
}

// agree reports whether two answers that the model ended have the same loop with the same length, which a page can
// hold: then it is on the page. A loop that the model invented would end anywhere.
func agree(a, b answer) bool {
	return a.ended && b.ended && a.ending == looped && b.ending == looped &&
		near(len(a.text), len(b.text), len(a.text)) && near(a.loop.start, b.loop.start, len(a.text)) &&
		a.loop.end-a.loop.start <= agreedBytes && a.loop.copies <= agreedCopies
}

// near reports whether two sizes differ by at most two per cent of the whole.
func near(a, b, whole int) bool { return max(a-b, b-a)*50 <= whole }

// provenBy returns a, judged again in the light of a later answer's loop: if a was cut off while repeating what the
// later answer repeats, it is in the same loop.
func (a answer) provenBy(later answer) answer {
	if a.ended || !later.sure() || a.turned != later.turned || len(a.text) < 2*loopWindow {
		return a
	}
	tail := a.text[len(a.text)-2*loopWindow:]
	if !strings.Contains(later.text[later.loop.start:later.loop.end], tail) {
		return a
	}
	if l := lastRun(a.text, 2); l.first < len(a.text) {
		a.ending, a.loop = looped, l
	}
	return a
}

// lastRun returns the repetition at the end of a text that has at least the given number of copies and begins first. It
// counts as sure.
func lastRun(text string, copies int) loop {
	last := loop{start: len(text), first: len(text), end: len(text), sure: true}
	all, _ := runs(text)
	for _, r := range all {
		if r.end == len(text) && r.start < last.start && r.copies() >= copies {
			last.start, last.first = r.start, pieceEnd(text, r.start+r.period, r.period)
		}
	}
	return last
}
