package ocr

import (
	"strings"
	"unicode"
)

// answer is one answer, judged by how it ended and by its text.
type answer struct {
	asked   question
	turned  int // by how many degrees the page was turned for it
	text    string
	model   string // "" if the server does not say
	dialect string
	usage   Usage
	stop    ending // as the server says
	ending  ending // as the text says, too
	ended   bool   // by the model itself
	loop    loop   // if ending is looped
	// disputed: the server saw a loop in what a page may well hold, and the rest of the page is unread.
	disputed bool
}

// ending is how the text ended, from best to worst.
type ending int

const (
	unusable  ending = iota // there is no text: an error says why
	complete                // the model says that this is all
	truncated               // a limit cut it off
	looped                  // it holds a loop, or may
)

// String returns the name that [Try] has for it.
func (e ending) String() string {
	return [...]string{unusable: "", complete: "complete", truncated: WarningTruncated, looped: WarningRepetition}[e]
}

// examine looks for a loop in the text: it can end in any way. Where the server saw one, it is believed, and what it
// saw is looked for without regard to what a page can hold.
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
	case found:
		a.ending, a.loop = looped, l
	}
	return a
}

// trimBlankLoop cuts off white space at the end of a text that no page needs.
func trimBlankLoop(text string) string {
	if kept := strings.TrimRightFunc(text, unicode.IsSpace); len(text)-len(kept) > loopWindow {
		return kept
	}
	return text
}

// sure reports whether the text ends in a loop that no page can hold, so that its copies can be cut off.
func (a answer) sure() bool { return a.ending == looped && a.loop.sure && !a.loop.inside }

// unique returns the text without the copies, by which answers are compared.
func (a answer) unique() string {
	if a.ending == looped {
		return a.text[:a.loop.first] + a.text[a.loop.end:]
	}
	return a.text
}

// kept returns the text that is worth keeping. What the model ended itself is kept whole, and so is what is only in
// doubt; of what was cut off in a loop the copies are dropped. What that leaves open is closed.
func (a answer) kept() string {
	switch {
	case a.sure() && !a.ended:
		return closeOpen(strings.TrimRight(a.text[:a.loop.first], " \t\r\n"))
	case !a.ended:
		return closeOpen(a.text)
	}
	return a.text
}

func (a answer) empty() bool { return strings.TrimSpace(a.text) == "" }

// warnings returns those of the text alone.
func (a answer) warnings() []string {
	switch {
	case a.ending == truncated:
		return []string{WarningTruncated}
	case a.ending == looped && !a.ended && !a.sure():
		return []string{WarningRepetition, WarningTruncated}
	case a.ending == looped:
		return []string{WarningRepetition}
	}
	return nil
}

const (
	// floorBytes and floorShare: an answer that is shorter than the better part of another of more than floorBytes has
	// lost the page.
	floorBytes, floorShare = 200, 2

	// What a page can hold of a loop that two answers agree on: copies of it, and bytes.
	agreedCopies, agreedBytes = 400, 12 << 10
)

// better returns the answer that has more of the page: one that is complete, unless the page is lost in it; else the
// one with more text; else the earlier.
func better(a, b answer) answer {
	if (a.ending == complete) != (b.ending == complete) {
		whole, other := a, b
		if b.ending == complete {
			whole, other = b, a
		}
		rest := len(other.unique())
		if whole.turned == other.turned && rest > floorBytes && len(whole.text)*floorShare < rest || whole.empty() &&
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

// worth returns how much text an answer has, in bytes: without copies where they are sure to be some.
func (a answer) worth() int {
	if a.ending == looped && a.loop.sure {
		return len(strings.TrimSpace(a.unique()))
	}
	return len(strings.TrimSpace(a.text))
}

// agree reports whether two answers that the model ended hold the same loop, as long in both, and a page can hold it:
// then it is on the page. A loop that is not ends anywhere.
func agree(a, b answer) bool {
	return a.ended && b.ended && a.ending == looped && b.ending == looped &&
		near(len(a.text), len(b.text), len(a.text)) && near(a.loop.start, b.loop.start, len(a.text)) &&
		a.loop.end-a.loop.start <= agreedBytes && a.loop.end-a.loop.start <= agreedCopies*max(1, a.loop.period)
}

// near reports whether two sizes differ by two in a hundred of the whole at most.
func near(a, b, whole int) bool { return max(a-b, b-a)*50 <= whole }

// provenBy returns the answer as the loop of a later one shows it in: one that was cut off saying what the later one
// says for ever is in the same loop.
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

// lastRun returns what a text repeats at its end so many times at least, from where that begins first. It counts as
// sure.
func lastRun(text string, copies int) loop {
	last := loop{start: len(text), first: len(text), end: len(text), sure: true}
	all, _ := runs(text)
	for _, r := range all {
		if r.end == len(text) && r.start < last.start && r.copies() >= copies {
			last.start, last.first, last.period = r.start, pieceEnd(text, r.start+r.period, r.period), r.period
		}
	}
	return last
}
