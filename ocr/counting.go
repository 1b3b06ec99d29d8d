package ocr

import (
	"strconv"
	"strings"
)

// loopWindow is how many bytes at the end of a text are searched for a loop that counts, some 8000 tokens.
const loopWindow = 32 << 10

// numbered is the end of a text with each number written as one zero byte, so that lines that differ only in their numbers are equal.
type numbered struct {
	shape   string
	numbers []int64 // in the order of the zero bytes
}

func isDigit(b byte) bool { return '0' <= b && b <= '9' }

func newNumbered(text string) numbered {
	n := numbered{numbers: make([]int64, 0, len(text)/8)}
	shape := make([]byte, 0, len(text))
	for i := 0; i < len(text); {
		digits := i
		for digits < len(text) && isDigit(text[digits]) {
			digits++
		}
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

// before is what of a text stands before the last part of its shape, in bytes.
func before(text string, part string) int {
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
	n := newNumbered(text[max(0, len(text)-loopWindow):])
	least := pick(cut, loopCountingCut, loopCounting)
	if len(n.numbers) < least || strings.Contains(text, "\x00") { // which would pass for a number
		return 0, false
	}
	for _, end := range loopEnds(n.shape) {
		shape := n.shape[:end]
		numbers := n.numbers[:len(n.numbers)-strings.Count(n.shape[end:], "\x00")]
		for period, run := range repeats(shape) {
			if run/period < least {
				continue
			}
			copies := min(counted(numbers, strings.Count(shape[end-period:], "\x00")), run/period)
			if copies < least {
				continue
			}
			start := end - copies*period
			from := before(text, n.shape[start:])
			if len(text)-from >= loopSpan {
				return pieceEnd(text, before(text, n.shape[start+period:]), period), true
			}
		}
	}
	return 0, false
}

// counted is how many pieces at the end, each of so many numbers, count: every number is what it was one piece before plus a step of its
// own, and at least one step is not zero.
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
		now, before, earlier := numbers[at], numbers[at-fields], numbers[at-2*fields]
		if now-before != before-earlier || now < 0 {
			break
		}
		back++
	}
	return back/fields + 2
}
