package ocr

import (
	"regexp"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

// Maximum lengths, in bytes, of a formula between single and between double dollar signs.
const (
	maxFormula = 600
	maxDisplay = 4000
)

// repairDollars removes the backslashes that models sometimes put before the dollar signs around a formula, which would
// then be shown as text. It is careful: a pair is repaired only if the text between reads as a formula and nothing
// suggests prices or code. It never removes anything but backslashes. It takes time proportional to the length of the
// text.
func repairDollars(text string) string {
	if !strings.Contains(text, `\$`) {
		return text
	}
	s := dollarScan{text: text}
	s.findDelimiters()
	return s.repaired()
}

// dollar is a delimiter in a text: one or two dollar signs, each with or without a backslash.
type dollar struct {
	start, end int
	escaped    bool
	double     bool
	stretch    int // formulas do not extend across stretches, which are separated by code and tags
	line       int // the part of a line within one stretch
}

// dollarScan finds the delimiters of a text in one pass.
type dollarScan struct {
	text     string
	found    []dollar
	plain    [][2]int // by line, the number of delimiters without a backslash: single, double
	stretch  int
	examined int // bytes, each as often as it was looked at

	// State of the line: the start of its text after markers, whether it is a row of a table drawn with bars, the known
	// ends of its backticks, and the position of the last run of each length.
	lineText int
	row      bool
	ticksEnd int
	lastTick map[int]int

	endless map[string]bool // end marks known to be missing in the rest of the text

	// These decide whether an indented line is code: one that continues a paragraph or a list is not.
	afterBlank, indented, list bool
}

// findDelimiters skips text in which a dollar sign is literal: fenced and indented code, code between backticks,
// elements such as pre and code, comments, tags and URLs.
func (s *dollarScan) findDelimiters() {
	text := s.text
	s.plain = make([][2]int, 1)
	s.afterBlank = true
	for at := 0; at < len(text); {
		s.examined++
		next := at
		if at == 0 || text[at-1] == '\n' {
			next = s.skipLines(at)
		}
		if next == at {
			switch text[at] {
			case '`':
				next = s.skipTicks(at)
			case '<':
				next = s.skipTag(at)
			case ':', 'w':
				next = s.skipAddress(at)
			case '|':
				if s.row {
					next = at + 1
				}
			}
		}
		if next > at {
			s.stretch++
			s.plain = append(s.plain, [2]int{})
			at = next
			continue
		}
		switch n := delimiterLen(text[at:]); {
		case n > 0:
			s.add(at, at+n)
			at += n
		case text[at] == '\\' && at+1 < len(text) && text[at+1] != '\n':
			at += 2 // an escaped character is neither code nor a delimiter
		case text[at] == '\n':
			s.plain = append(s.plain, [2]int{})
			at++
		case text[at] == '`': // the whole run, if it has no end
			at += s.runLen(at)
		default:
			at++
		}
	}
}

// delimiterLen returns the length of the delimiter at the start of a text, or 0 if there is none.
func delimiterLen(text string) int {
	for _, d := range []string{`\$\$`, `\$`, `$$`, `$`} {
		if strings.HasPrefix(text, d) {
			return len(d)
		}
	}
	return 0
}

func (s *dollarScan) add(start, end int) {
	d := dollar{start: start, end: end, escaped: s.text[start] == '\\', stretch: s.stretch, line: len(s.plain) - 1}
	d.double = strings.Count(s.text[start:end], "$") == 2
	if !d.escaped {
		s.plain[d.line][kind(d)]++
	}
	s.found = append(s.found, d)
}

func kind(d dollar) int {
	if d.double {
		return 1
	}
	return 0
}

// runLen returns the length of the run of equal bytes at a position.
func (s *dollarScan) runLen(at int) int {
	n := 1
	for at+n < len(s.text) && s.text[at+n] == s.text[at] {
		n++
	}
	s.examined += n
	return n
}

// lineEnd returns the end of the line at a position, before its line feed.
func (s *dollarScan) lineEnd(at int) int {
	end := len(s.text)
	if n := strings.IndexByte(s.text[at:], '\n'); n >= 0 {
		end = at + n
	}
	s.examined += end - at
	return end
}

// skipLines returns the end of the code block that begins at a line, or the start of the line if none does.
func (s *dollarScan) skipLines(at int) int {
	end := s.lineEnd(at)
	line := s.text[at:end]
	inner := strings.TrimLeft(line, " \t")
	s.lineText = at + len(line) - len(inner)
	s.row = strings.HasPrefix(inner, "|")
	if strings.TrimSpace(inner) == "" {
		s.afterBlank = true
		return at
	}
	prefix := line[:len(line)-len(inner)]
	deep := strings.Contains(prefix, "\t") || len(prefix) >= 4
	if deep && !s.list && (s.afterBlank || s.indented) && inner[0] != '<' && !strings.HasPrefix(inner, `\$\$`) {
		s.afterBlank, s.indented = false, true
		return end
	}
	marker := itemMarker.FindString(line)
	switch {
	case strings.TrimSpace(marker) != "":
		s.list = true
	case s.afterBlank && len(prefix) < 2:
		s.list = false
	}
	s.afterBlank, s.indented, s.lineText = false, false, at+len(marker)
	return s.skipFence(at, s.lineText, end)
}

// itemMarker matches the markup before the text of a line: blanks, quote marks, a list item's marker.
var itemMarker = regexp.MustCompile(`^[ \t>]*(?:(?:[-*+]|\d{1,9}[.)])[ \t]+)?`)

// skipFence returns the end of the fenced block that begins at a position in a line, including its closing line if it
// has one.
func (s *dollarScan) skipFence(begin, at, end int) int {
	if at == end || s.text[at] != '`' && s.text[at] != '~' {
		return begin
	}
	n, sign := s.runLen(at), s.text[at:at+1]
	if n < 3 || sign == "`" && strings.Contains(s.text[at+n:end], sign) {
		return begin
	}
	for end < len(s.text) {
		at, end = end+1, s.lineEnd(end+1)
		line := strings.TrimSpace(strings.TrimLeft(s.text[at:end], " \t>"))
		if len(line) >= n && strings.Trim(line, sign) == "" {
			break
		}
	}
	return end
}

// skipTicks returns the end of the code that a run of backticks begins: after the next run of the same length in the
// line.
func (s *dollarScan) skipTicks(at int) int {
	if at >= s.ticksEnd {
		s.ticksEnd = s.lineEnd(at)
		s.lastTick = map[int]int{}
		for i := at; i < s.ticksEnd; i++ {
			if s.text[i] == '`' {
				n := s.runLen(i)
				s.lastTick[n] = i
				i += n
			}
		}
	}
	n := s.runLen(at)
	if s.lastTick[n] <= at {
		return at
	}
	for i := at + n; i < s.ticksEnd; {
		if s.text[i] != '`' {
			s.examined++
			i++
			continue
		}
		m := s.runLen(i)
		i += m
		if m == n {
			return i
		}
	}
	return at
}

// verbatim holds the elements that contain no formulas. The value reports whether one that begins a line but is not
// closed extends to the end of the text, as in Markdown.
var verbatim = map[string]bool{"pre": true, "script": true, "style": true, "code": false, "kbd": false, "samp": false}

// skipTag returns the end of a comment, of a verbatim element, or of a tag. Text that merely resembles a tag, as in
// a<b, is not skipped.
func (s *dollarScan) skipTag(at int) int {
	rest := s.text[at:]
	if strings.HasPrefix(rest, "<!--") {
		return s.skipVerbatim(at, at, "-->", true)
	}
	name := at + 1
	if strings.HasPrefix(rest, "</") {
		name++
	}
	end := name
	for end < len(s.text) && isNameByte(s.text[end]) {
		end++
	}
	s.examined += end - at
	if end == name || '0' <= s.text[name] && s.text[name] <= '9' || end == len(s.text) ||
		!strings.ContainsRune(" \t/>", rune(s.text[end])) {
		return at
	}
	close := strings.IndexAny(s.text[end:], "<>\n")
	if close < 0 {
		s.examined += len(s.text) - end
		return at
	}
	s.examined += close + 1
	close += end
	if s.text[close] != '>' {
		return at
	}
	element := strings.ToLower(s.text[name:end])
	if block, ok := verbatim[element]; ok && name == at+1 && s.text[close-1] != '/' {
		return s.skipVerbatim(at, close+1, "</"+element, block)
	}
	return close + 1
}

func isNameByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-'
}

// skipVerbatim returns the end of the text from a position up to and including an end mark, ignoring case. If the mark
// is missing, it returns the end of the text for a block that begins its line, and otherwise the end of the line.
func (s *dollarScan) skipVerbatim(begin, at int, end string, block bool) int {
	for i := at; !s.endless[end] && i < len(s.text); i++ {
		n := strings.IndexByte(s.text[i:], end[0])
		if n < 0 {
			s.examined += len(s.text) - i
			break
		}
		s.examined += n + len(end)
		i += n
		if stop := i + len(end); stop <= len(s.text) && strings.EqualFold(s.text[i:stop], end) {
			return stop
		}
	}
	if s.endless == nil {
		s.endless = map[string]bool{}
	}
	s.endless[end] = true
	if block && begin == s.lineText {
		return len(s.text)
	}
	return s.lineEnd(at)
}

// skipAddress returns the end of the URL whose characteristic part begins at a position.
func (s *dollarScan) skipAddress(at int) int {
	if rest := s.text[at:]; !strings.HasPrefix(rest, "://") && !strings.HasPrefix(rest, "www.") {
		return at
	}
	end := at
	for end < len(s.text) && !strings.ContainsRune(" \t\r\n<>\"", rune(s.text[end])) {
		end++
	}
	s.examined += end - at
	return end
}

// verdict is the judgement whether the text between two delimiters is a formula.
type verdict int

const (
	no      verdict = iota
	perhaps         // a number or a sign: a formula if the model escapes other formulas in this text
	yes
)

// repaired returns the text without the backslashes before formulas' delimiters.
func (s *dollarScan) repaired() string {
	var out strings.Builder
	done := 0
	for i, opens := range s.pairs() {
		if !opens {
			continue
		}
		left, right := s.found[i], s.found[i+1]
		sign := "$$"[:1+kind(left)]
		out.WriteString(s.text[done:left.start] + sign + s.text[left.end:right.start] + sign)
		done = right.end
	}
	return out.String() + s.text[done:]
}

// pairs reports for each delimiter whether it opens a formula to be repaired. A doubtful pair counts if both delimiters
// of another formula are escaped, which shows that the model does that, and if it takes no delimiter from a certain
// one.
func (s *dollarScan) pairs() []bool {
	opens, used := make([]bool, len(s.found)), make([]bool, len(s.found))
	var doubtful []int
	evident := false
	for i := 0; i+1 < len(s.found); i++ {
		left, right := s.found[i], s.found[i+1]
		both := left.escaped && right.escaped
		switch s.compare(left, right) {
		case perhaps:
			if both {
				doubtful = append(doubtful, i)
			}
		case yes:
			// If the line has an odd number of plain ones, the escaped one is the missing half of a pair.
			opens[i] = both || (left.escaped || right.escaped) && s.plain[left.line][kind(left)]%2 == 1
			evident = evident || both
			used[i], used[i+1] = true, true
			i++ // right closes, it cannot open
		}
	}
	for _, i := range doubtful {
		if evident && !used[i] && !used[i+1] {
			opens[i], used[i], used[i+1] = true, true, true
		}
	}
	return opens
}

// compare judges two neighbouring delimiters by the text between and around them.
func (s *dollarScan) compare(left, right dollar) verdict {
	body, limit := s.text[left.end:right.start], maxFormula
	if left.double {
		limit = maxDisplay
	}
	if left.double != right.double || left.stretch != right.stretch || len(body) > limit {
		return no
	}
	s.examined += len(body)
	inner := strings.TrimSpace(body)
	if inner == "" || blankLine.MatchString(body) || !left.double && strings.ContainsAny(body, "\r\n") &&
		!environment().MatchString(inner) {
		return no
	}
	first, _ := utf8.DecodeRuneInString(body)
	last, _ := utf8.DecodeLastRuneInString(body)
	spaced := unicode.IsSpace(first)
	if !left.double && spaced != unicode.IsSpace(last) {
		return no // blanks on one side only: the gap between two prices
	}
	if !fits(s.text[:left.start], inner, s.text[right.end:]) {
		return no
	}
	is := readsAsFormula(inner, left.double)
	if is == perhaps && (spaced || left.double) {
		return no // $ 5 $ is more likely a column of prices
	}
	if spaced && readsAsPrice(s.text[:left.start], inner, s.text[right.end:], left.double) {
		return no
	}
	return is
}

// lazily returns a function that compiles a pattern on first use. Few texts have dollar signs to examine, and character
// classes of all scripts make these patterns large: compiling them all would cost a cold start more than half a
// megabyte.
func lazily(pattern string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(pattern) })
}

var (
	blankLine   = regexp.MustCompile(`\n[ \t\r]*\n`)
	environment = lazily(`^\\begin\{(?s:.*)\\end\{[a-zA-Z]+\*?\}$`)

	// attachable matches the beginning of a formula that may touch a word: a power, an index, a command. An index
	// without braces has one letter; a longer one is part of a variable's name.
	attachable = lazily(
		`^(?:\{\})?[\^_](?:[{\\]|[^\s\p{L}\p{N}_]|[\p{L}\p{N}](?:[^\p{L}\p{N}_]|$))|^\\(?:[a-zA-Z]{2}|%)`)
	// relation matches a single sign that may be between words or numbers.
	relation = lazily(`^[<>≤≥±×~]$`)
	// ordinal matches the suffix of an ordinal after a formula, as in the nth.
	ordinal = lazily(`^(?:th|st|nd|rd)(?:[^\p{L}\p{N}]|$)`)
	// currency matches a country before a dollar.
	currency = lazily(`(?:^|[^\p{L}\p{N}])(?:US|HK|NZ|CA)$`)
	// amountIn matches the end of an amount whose dollars follow: 6 A$.
	amountIn = lazily(`\d[\s\p{Zs}]\p{Lu}$`)
)

// fits reports whether the text around a formula's delimiters suits a formula: prices and variables have letters and
// digits there, as in US$5, 5$, or $5-$6.
func fits(before, inner, after string) bool {
	left, _ := utf8.DecodeLastRuneInString(before)
	right, _ := utf8.DecodeRuneInString(after)
	switch {
	case left == '$', right == '$', left == '^', // a price category, a regular expression
		right == '{', right == '_' && left != '_', right == '(' && inner[0] == '(': // variables
		return false
	case isWordRune(left) && currency().MatchString(before[max(0, len(before)-4):]),
		currency().MatchString(inner), amountIn().MatchString(inner):
		return false
	case relation().MatchString(inner):
		return true
	case isWordRune(left):
		return attachable().MatchString(inner)
	case isWordRune(right):
		return attachable().MatchString(inner) && (inner[0] != '_' || left == ')' || left == ']') ||
			ordinal().MatchString(after[:min(8, len(after))])
	}
	return true
}

func isWordRune(r rune) bool {
	return r != utf8.RuneError && (unicode.IsLetter(r) || unicode.IsDigit(r))
}

var (
	startsWithNumber = lazily(`^[\s\p{Zs}]{0,4}[-+−(]?[.,]?\d`)
	endsWithNumber   = lazily(`\d[kKmMbBtT]?[\s\p{Zs}]{0,4}$`)
	amount           = lazily(`^[\d.,]+\s*[kKmMbBtT]$`)
)

// readsAsPrice reports whether a text with blanks inside its delimiters may be prices ($ 5 a $ 6, 5 $ à 6 $, $ 5M) or a
// price category ($$ o $$). A command rules out both, and a power or index the latter.
func readsAsPrice(before, inner, after string, double bool) bool {
	if longCommand().MatchString(inner) {
		return false
	}
	return startsWithNumber().MatchString(inner) && startsWithNumber().MatchString(after[:min(8, len(after))]) ||
		endsWithNumber().MatchString(inner) && endsWithNumber().MatchString(before[max(0, len(before)-8):]) &&
			!strings.ContainsAny(inner, "^_") ||
		amount().MatchString(inner) || double && utf8.RuneCountInString(inner) == 1
}

var (
	longCommand = lazily(`\\[a-zA-Z]{2,}`)
	command     = lazily(`\\(?:[a-zA-Z]+\*?|[{}%|])`)
	// argument matches parts of a formula that may contain words: arguments of text commands and environments, indices
	// in braces, and names of functions.
	argument = lazily(`\\(?:text(?:rm|bf|it|sf|tt)?|math(?:rm|bf|it|sf|tt)|mbox|operatorname|label|tag)\*?\s*\{[^{}]*\}` +
		`|\\begin\s*\{[^{}]*\}(?:\s*\{[^{}\\]*\})?|\\end\s*\{[^{}]*\}|[_^]\s*\{\s*\p{L}+\s*\}|\b(?:sin|cos|tan|log|ln|exp|min|max|det|dim)\(`)
	wordlike = lazily(`\p{L}{2,}`)
	operator = lazily(`[\^_=<>+*/|≤≥≠±×·→∈−-]`)
	letter   = lazily(`\p{L}`)
	foreign  = lazily(`[\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}\p{Thai}]`) // letters that are words
	content  = lazily(`[\p{L}\p{N}` + mark + `]`)

	// scripts matches mere powers and indices: ^2, _{ij}, ^\circ, ^+, _4^{2-}.
	scripts = lazily(`^(?:\{\})?(?:[\^_](?:[\p{L}\p{N}*+−†‡§°'′∗-]|\{[^{}]*\}|\\[a-zA-Z]{2,}))+$`)
	// letters matches variables: n!, x', a, b, c.
	letters = lazily(`^\p{L}(?:['′!]+|(?:\s*,\s*\p{L})+)$`)
	// interval matches an interval between numbers. Parentheses at both ends do not count, since they also mark losses
	// in accounts.
	interval = lazily(`^(?:\[\s*[-−]?\d[\d.]*\s*,\s*[-−]?\d[\d.]*\s*[\])]|\(\s*[-−]?\d[\d.]*\s*,\s*[-−]?\d[\d.]*\s*\])$`)
	// numbers matches numbers, calculations with numbers, and single signs.
	numbers = lazily(`^(?:[-+−±]?\d[\d.,]*(?:\s*[-+−*/=<>≤≥×·:]\s*[-+−]?\d[\d.,]*)*|[=<>≤≥±×~+−-])$`)
	// source matches signs of source code, which formulas do not have.
	source = lazily("[\"`" + mark + "]|&&|::|==")
)

// mark replaces text that needs no further examination. Models never write this character.
const mark = "\x01"

// readsAsFormula judges whether a text is a formula: its brackets match, it has no words of prose, it has no dangling
// operator at either end, and part of it is mathematics, such as a command, a power or index, or a single letter. A
// number alone is no evidence, since prices are numbers.
func readsAsFormula(body string, double bool) verdict {
	if scripts().MatchString(body) || interval().MatchString(body) {
		return yes
	}
	if !balanced(body) || hangs(body, double) || source().MatchString(body) {
		return no
	}
	bare := command().ReplaceAllString(argument().ReplaceAllString(body, mark), mark)
	if wordlike().MatchString(bare) && !products(bare) || foreign().MatchString(bare) {
		return no
	}
	switch {
	case numbers().MatchString(body):
		return perhaps
	case !content().MatchString(bare):
		return no
	case strings.ContainsAny(bare, "^_"+mark):
		return yes
	case !letter().MatchString(bare):
		return no
	case operator().MatchString(bare), utf8.RuneCountInString(body) == 1, strings.ContainsAny(bare, "(0123456789"),
		letters().MatchString(body):
		return yes
	}
	return no
}

// hangs reports whether a text begins or ends in the middle of a sentence or calculation. Calculations with a command,
// and single signs, do not count. A displayed formula may end with the punctuation of its sentence.
func hangs(body string, double bool) bool {
	first, last := body[:1], body[len(body)-1:]
	calculates := longCommand().MatchString(body) || numbers().MatchString(body)
	switch {
	case strings.Contains(",;:).", first), strings.Contains(`(\`, last):
		return true
	case calculates:
		return false
	}
	return hanging().MatchString(body) || strings.Contains("=*/+", first) || strings.Contains("=*/+-<>", last) ||
		!double && strings.Contains(",;:", last) ||
		(first == "|") != (last == "|")
}

// hanging matches dangling ends of more than one byte.
var hanging = lazily(`(?:[→±·×≤≥−–、…]|\.\.)$`)

var (
	// sentence matches two adjacent words; products of letters have a sign in between.
	sentence = lazily(`\p{L}{2,}\s+\p{L}|\p{L}\s+\p{L}{2,}`)
	lower    = lazily(`\p{Ll}{2,}`)
)

// products reports whether the runs of letters may be products of single letters, as in E = mc^2, or points, as in
// \triangle ABC, rather than words.
func products(bare string) bool {
	for _, w := range wordlike().FindAllString(bare, -1) {
		if utf8.RuneCountInString(w) > 3 {
			return false
		}
	}
	maths := strings.ContainsAny(bare, "^_=") || strings.Contains(bare, mark) && !lower().MatchString(bare)
	return maths && !sentence().MatchString(bare)
}

// balanced reports whether braces match, and whether the number of opening brackets and parentheses equals that of
// closing ones: [0, 1) is an interval.
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
