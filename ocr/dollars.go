package ocr

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

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
