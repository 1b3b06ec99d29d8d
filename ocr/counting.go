package ocr

import (
	"strconv"
	"strings"
)

// numbered is the end of a text with each number written as one zero byte, so that lines that differ only in their numbers are equal.
type numbered struct {
	shape   string
	at      []int32 // where in the text each byte of shape is
	numbers []int64 // in the order of the zero bytes
}

// newNumbered reads text from a position on. A number at the very end may be cut off and is left out.
func newNumbered(text string, from int) numbered {
	text = strings.TrimRight(text, "0123456789")
	var n numbered
	shape := make([]byte, 0, len(text)-min(from, len(text)))
	for i := from; i < len(text); {
		digits := i
		for digits < len(text) && text[digits] >= '0' && text[digits] <= '9' {
			digits++
		}
		n.at = append(n.at, int32(i))
		if digits == i {
			shape = append(shape, text[i])
			i++
			continue
		}
		shape = append(shape, 0)
		value, err := strconv.ParseInt(text[i:digits], 10, 64)
		if err != nil {
			value = -1 // too long to count with
		}
		n.numbers = append(n.numbers, value)
		i = digits
	}
	n.shape = string(shape)
	return n
}

// countingLoop looks for pieces that are equal but for numbers that grow evenly. Tables of figures have that shape too, but their figures do
// not.
func countingLoop(text string, cut bool) (int, bool) {
	n := newNumbered(text, runeStart(text, max(0, len(text)-loopWindow)))
	least := pick(cut, loopCountingCut, loopCounting)
	if len(n.numbers) < least {
		return 0, false
	}
	matches := repeats(n.shape)
	for period := 1; period <= len(n.shape)/least; period++ {
		run := period + int(matches[period])
		if run/period < least {
			continue
		}
		fields := strings.Count(n.shape[len(n.shape)-period:], "\x00")
		if copies := min(n.counted(fields), run/period); copies >= least {
			start := len(n.shape) - copies*period
			if len(text)-int(n.at[start]) >= loopSpan {
				return pieceEnd(text, int(n.at[start+period]), int(n.at[start+period]-n.at[start])), true
			}
		}
	}
	return 0, false
}

// counted is how many pieces at the end, each of so many numbers, count: every number is what it was one piece before plus a step of its
// own, and at least one step is not zero.
func (n numbered) counted(fields int) int {
	last := len(n.numbers) - 1
	if fields == 0 || last < 2*fields {
		return 0
	}
	grows := false
	for i := 0; i < fields; i++ {
		grows = grows || n.numbers[last-i] != n.numbers[last-i-fields]
	}
	if !grows {
		return 0
	}
	back := 0
	for at := last; at-2*fields >= 0; at-- {
		now, before, earlier := n.numbers[at], n.numbers[at-fields], n.numbers[at-2*fields]
		if now-before != before-earlier || now < 0 {
			break
		}
		back++
	}
	return back/fields + 2
}
