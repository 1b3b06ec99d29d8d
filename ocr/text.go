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

// maxFormula is the longest text, in bytes, that is taken for a formula between two dollars.
const maxFormula = 600

// dollar is a delimiter in a text: one dollar sign or two, each with a backslash or without.
type dollar struct {
	start, end int
	escaped    bool
	double     bool
}

// repairDollars removes the backslashes that the models sometimes put before the dollars around a formula, which would then be shown as
// text. It is careful: a pair of dollars is repaired only if what lies between reads as a formula and nothing speaks for prices.
// Otherwise not a byte is changed, and nothing but backslashes is ever removed.
func repairDollars(text string) string {
	if !strings.Contains(text, `\$`) {
		return text
	}
	var out strings.Builder
	done, at := 0, 0
	for _, code := range append(codeSpan.FindAllStringIndex(text, -1), []int{len(text), len(text)}) {
		found := findDollars(text, at, code[0])
		at = code[1]
		for i := 0; i+1 < len(found); i++ {
			left, right := found[i], found[i+1]
			if !isFormula(text, left, right) {
				continue
			}
			i++ // right closes, it cannot open
			if left.escaped && right.escaped || (left.escaped || right.escaped) && unbalanced(text, found, left) {
				sign := strings.ReplaceAll(text[left.start:left.end], `\`, "")
				out.WriteString(text[done:left.start] + sign + text[left.end:right.start] + sign)
				done = right.end
			}
		}
	}
	return out.String() + text[done:]
}

// codeSpan matches where a dollar is a dollar: fenced blocks, spans between backticks, HTML tags, which no formula reaches across.
var codeSpan = regexp.MustCompile("(?ms)^[ \t]*```.*?(?:^[ \t]*```|\\z)|`[^`\n]+`|</?[a-zA-Z][^<>\n]*>")

// delimiter matches dollars, and what else is escaped.
var delimiter = regexp.MustCompile(`(?s)\\\$(?:\\\$)?|\$\$?|\\.`)

// findDollars lists the delimiters between two positions.
func findDollars(text string, from, to int) []dollar {
	var found []dollar
	for _, at := range delimiter.FindAllStringIndex(text[from:to], -1) {
		d := dollar{start: from + at[0], end: from + at[1]}
		sign := strings.ReplaceAll(text[d.start:d.end], `\`, "")
		d.escaped, d.double = text[d.start] == '\\', sign == "$$"
		if d.double || sign == "$" {
			found = append(found, d)
		}
	}
	return found
}

// unbalanced reports whether the line of a delimiter has an odd number of plain ones like it: then an escaped one is their missing half.
func unbalanced(text string, found []dollar, like dollar) bool {
	begin := strings.LastIndexByte(text[:like.start], '\n') + 1
	n := 0
	for _, d := range found {
		if d.start >= begin && !strings.Contains(text[begin:d.start], "\n") && !d.escaped && d.double == like.double {
			n++
		}
	}
	return n%2 == 1
}

// isFormula looks at two neighbouring delimiters, what lies between them and what touches them.
func isFormula(text string, left, right dollar) bool {
	body := text[left.end:right.start]
	if left.double != right.double || len(body) > maxFormula || strings.Contains(body, "\n\n") || !left.double && strings.ContainsAny(body, "\r\n") {
		return false
	}
	before, _ := utf8.DecodeLastRuneInString(text[:left.start])
	after, _ := utf8.DecodeRuneInString(text[right.end:])
	if isWordRune(before) || isWordRune(after) {
		return false // US$5, 5$; $5-$6, where the second one opens
	}
	inner := strings.TrimSpace(body)
	if inner == "" || !left.double && unicode.IsSpace(rune(body[0])) != unicode.IsSpace(rune(body[len(body)-1])) {
		return false // blanks on one side only: the gap between two prices
	}
	return readsAsFormula(inner)
}

func isWordRune(r rune) bool {
	return r != utf8.RuneError && (unicode.IsLetter(r) || unicode.IsDigit(r))
}

var (
	command  = regexp.MustCompile(`\\[a-zA-Z]+\*?`)
	argument = regexp.MustCompile(`\\(?:text|mathrm|textbf|textit|mathbf|operatorname|begin|end|mbox)\*?\s*\{[^{}]*\}`)
	wordlike = regexp.MustCompile(`\p{L}{2,}`)
	operator = regexp.MustCompile(`[\^_=<>+*/|≤≥≠±×·→∈−-]`)
	letter   = regexp.MustCompile(`\p{L}`)
)

// readsAsFormula: brackets close, there is no word of prose, it does not hang on an operator at either end, and something in it is mathematics: a
// command, a power or index, a single letter. A number alone is no evidence, since prices are numbers.
func readsAsFormula(body string) bool {
	if !balanced(body) || strings.ContainsAny(body[:1], "=*/,;:)+.") || strings.ContainsAny(body[len(body)-1:], "=*/+-<>,;:(\\") {
		return false
	}
	bare := command.ReplaceAllString(argument.ReplaceAllString(body, "·"), "·")
	if wordlike.MatchString(bare) && !products(bare) {
		return false
	}
	switch {
	case strings.Contains(bare, "·"), strings.ContainsAny(bare, "^_"):
		return true
	case !letter.MatchString(bare):
		return false
	}
	return operator.MatchString(bare) || utf8.RuneCountInString(body) == 1 || strings.ContainsAny(bare, "(0123456789")
}

// sentence matches two words side by side; products of letters have something between them.
var sentence = regexp.MustCompile(`\p{L}{2,}\s+\p{L}|\p{L}\s+\p{L}{2,}`)

// products reports whether the runs of letters can be products of single letters, as in E = mc^2, and not words.
func products(bare string) bool {
	for _, w := range wordlike.FindAllString(bare, -1) {
		if utf8.RuneCountInString(w) > 3 {
			return false
		}
	}
	return strings.ContainsAny(bare, "^_=") && !sentence.MatchString(bare)
}

// balanced reports whether braces close, and square and round brackets in number: [0, 1) is an interval.
func balanced(body string) bool {
	braces, others := 0, 0
	for i := 0; i < len(body); i++ {
		switch body[i] {
		case '\\':
			i++
		case '{':
			braces++
		case '}':
			braces--
		case '(', '[':
			others++
		case ')', ']':
			others--
		}
		if braces < 0 || others < 0 {
			return false
		}
	}
	return braces == 0 && others == 0
}
