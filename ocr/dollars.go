package ocr

import (
	"regexp"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

// The longest texts, in bytes, that are taken for a formula between single dollars, and between double ones.
const (
	maxFormula = 600
	maxDisplay = 4000
)

// repairDollars removes the backslashes that the models sometimes put before the dollars around a formula, which would
// then be shown as text. It is careful: a pair of dollars is repaired only if what lies between reads as a formula and
// nothing speaks for prices or code. Otherwise not a byte is changed, and nothing but backslashes is ever removed. What
// it costs is proportional to the text.
func repairDollars(text string) string {
	if !strings.Contains(text, `\$`) {
		return text
	}
	s := dollarScan{text: text}
	s.run()
	return s.repaired()
}

// dollar is a delimiter in a text: one dollar sign or two, each with a backslash or without.
type dollar struct {
	start, end int
	escaped    bool
	double     bool
	stretch    int // a formula does not reach from one stretch into another: code and tags lie between them
	line       int // the part of a line that is in one stretch
}

// dollarScan finds the delimiters of a text, in one pass.
type dollarScan struct {
	text     string
	found    []dollar
	plain    [][2]int // by line, how many delimiters have no backslash: single, double
	stretch  int
	examined int // bytes, each as often as it was looked at

	// Of the line: where its text begins behind markers, whether it is a row of a table drawn with bars, where its
	// backticks are known to end, and where the last run of each length is.
	lineText int
	row      bool
	ticksEnd int
	lastTick map[int]int

	endless map[string]bool // ends that the rest of the text is known not to have

	// What decides whether an indented line is code: not the one that goes on in a paragraph or in a list.
	afterBlank, indented, list bool
}

// run finds the delimiters. Where a dollar is a dollar it finds none: in fenced and indented code, between backticks,
// in elements such as pre and code, in comments, tags and addresses.
func (s *dollarScan) run() {
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
			at += 2 // what is escaped is neither code nor a delimiter
		case text[at] == '\n':
			s.plain = append(s.plain, [2]int{})
			at++
		case text[at] == '`': // without an end: all of the run
			at += s.runLen(at)
		default:
			at++
		}
	}
}

// delimiterLen is the length of the delimiter that a text begins with; 0 if there is none.
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

// runLen counts how often the byte at a place is repeated there.
func (s *dollarScan) runLen(at int) int {
	n := 1
	for at+n < len(s.text) && s.text[at+n] == s.text[at] {
		n++
	}
	s.examined += n
	return n
}

// lineEnd returns where the line of a place ends, before its line feed.
func (s *dollarScan) lineEnd(at int) int {
	end := len(s.text)
	if n := strings.IndexByte(s.text[at:], '\n'); n >= 0 {
		end = at + n
	}
	s.examined += end - at
	return end
}

// skipLines returns the end of the code that a line begins, and the line's beginning if it begins none.
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

// itemMarker matches what may be before the text of a line: blanks, signs of quotation, the marker of a list's item.
var itemMarker = regexp.MustCompile(`^[ \t>]*(?:(?:[-*+]|\d{1,9}[.)])[ \t]+)?`)

// skipFence returns the end of a fenced block that begins at a place in a line, with the line that closes it if there
// is one.
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

// skipTicks returns the end of the code that a run of backticks begins: behind the next run of the same length in the
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

// verbatim holds the elements in which nothing is a formula, with whether one that begins a line goes on to the text's
// end if it has none, as Markdown has it.
var verbatim = map[string]bool{"pre": true, "script": true, "style": true, "code": false, "kbd": false, "samp": false}

// skipTag returns the end of a comment, of an element whose text is verbatim, or of a tag. What only looks like a tag,
// as in a<b, is none.
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

// skipVerbatim returns the end of what begins at a place and goes on up to an end, whose case does not matter. If that
// is missing, it is the text's end for a block that begins its line, else the line's.
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

// skipAddress returns the end of an address, from the signs on by which it is known.
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

// verdict is whether what lies between two delimiters is a formula.
type verdict int

const (
	no      verdict = iota
	perhaps         // a number, or a sign: it is if the model escapes other formulas of this text
	yes
)

// repaired returns the text without the backslashes of its formulas.
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

// pairs tells of each delimiter whether it opens a formula that is to be repaired. What is in doubt is one if both
// dollars of another are escaped, so that the model is known to do that, and takes no dollar from what is not in doubt.
func (s *dollarScan) pairs() []bool {
	opens, used := make([]bool, len(s.found)), make([]bool, len(s.found))
	var doubtful []int
	evident := false
	for i := 0; i+1 < len(s.found); i++ {
		left, right := s.found[i], s.found[i+1]
		both := left.escaped && right.escaped
		switch s.judge(left, right) {
		case perhaps:
			if both {
				doubtful = append(doubtful, i)
			}
		case yes:
			// Of an odd number of plain ones in the line one has lost its half, which is the escaped one.
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

// judge looks at two neighbouring delimiters, what lies between them and what touches them.
func (s *dollarScan) judge(left, right dollar) verdict {
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

// lazily compiles a pattern when it is first needed. Few texts have dollars to look at, and the letters and digits of
// all scripts make these patterns large: together they cost a cold start more than half a megabyte.
func lazily(pattern string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(pattern) })
}

var (
	blankLine   = regexp.MustCompile(`\n[ \t\r]*\n`)
	environment = lazily(`^\\begin\{(?s:.*)\\end\{[a-zA-Z]+\*?\}$`)

	// attachable matches the beginning of what may touch a word: a power, an index, a command. An index has one letter
	// unless it is in braces, else it is the name of a variable.
	attachable = lazily(
		`^(?:\{\})?[\^_](?:[{\\]|[^\s\p{L}\p{N}_]|[\p{L}\p{N}](?:[^\p{L}\p{N}_]|$))|^\\(?:[a-zA-Z]{2}|%)`)
	// relation matches a sign alone that may be between words or numbers.
	relation = lazily(`^[<>≤≥±×~]$`)
	// ordinal matches what may follow a formula: the nth.
	ordinal = lazily(`^(?:th|st|nd|rd)(?:[^\p{L}\p{N}]|$)`)
	// currency matches a country before a dollar.
	currency = lazily(`(?:^|[^\p{L}\p{N}])(?:US|HK|NZ|CA)$`)
	// amountIn matches the end of an amount whose dollars follow: 6 A$.
	amountIn = lazily(`\d[\s\p{Zs}]\p{Lu}$`)
)

// fits looks at what is before and after a formula with its dollars: a price or a variable has letters and digits
// there, US$5, 5$, or $5-$6, where the second one opens.
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

// readsAsPrice reports whether what has blanks beside its dollars can be prices: $ 5 a $ 6, 5 $ à 6 $, $ 5M; or their
// category: $$ o $$. A command speaks against it, and a power or index against the second.
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
	// argument matches what may hold words: of commands that set text, of environments, an index in braces; and the
	// names of functions.
	argument = lazily(`\\(?:text(?:rm|bf|it|sf|tt)?|math(?:rm|bf|it|sf|tt)|mbox|operatorname|label|tag)\*?\s*\{[^{}]*\}` +
		`|\\begin\s*\{[^{}]*\}(?:\s*\{[^{}\\]*\})?|\\end\s*\{[^{}]*\}|[_^]\s*\{\s*\p{L}+\s*\}|\b(?:sin|cos|tan|log|ln|exp|min|max|det|dim)\(`)
	wordlike = lazily(`\p{L}{2,}`)
	operator = lazily(`[\^_=<>+*/|≤≥≠±×·→∈−-]`)
	letter   = lazily(`\p{L}`)
	foreign  = lazily(`[\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}\p{Thai}]`) // letters that are words
	content  = lazily(`[\p{L}\p{N}` + mark + `]`)

	// scripts matches powers and indices alone: ^2, _{ij}, ^\circ, ^+, _4^{2-}.
	scripts = lazily(`^(?:\{\})?(?:[\^_](?:[\p{L}\p{N}*+−†‡§°'′∗-]|\{[^{}]*\}|\\[a-zA-Z]{2,}))+$`)
	// letters matches variables: n!, x', a, b, c.
	letters = lazily(`^\p{L}(?:['′!]+|(?:\s*,\s*\p{L})+)$`)
	// interval matches one between numbers; round brackets at both ends are a loss.
	interval = lazily(`^(?:\[\s*[-−]?\d[\d.]*\s*,\s*[-−]?\d[\d.]*\s*[\])]|\(\s*[-−]?\d[\d.]*\s*,\s*[-−]?\d[\d.]*\s*\])$`)
	// numbers matches numbers, also calculations with them, and signs alone.
	numbers = lazily(`^(?:[-+−±]?\d[\d.,]*(?:\s*[-+−*/=<>≤≥×·:]\s*[-+−]?\d[\d.,]*)*|[=<>≤≥±×~+−-])$`)
	// source matches what programs have and mathematics has not.
	source = lazily("[\"`" + mark + "]|&&|::|==")
)

// mark replaces what needs no further look. It is not a character that a model writes.
const mark = "\x01"

// readsAsFormula: brackets close, there is no word of prose, it does not hang on an operator at either end, and
// something in it is mathematics: a command, a power or index, a single letter. A number alone is no evidence, since
// prices are numbers.
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

// hangs reports whether a text ends or begins in the middle of something: of a sentence, or of a calculation unless a
// command tells that it is one, or unless it is a sign alone. What is displayed may end with its sentence's comma.
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

// hanging matches ends that take more than a byte.
var hanging = lazily(`(?:[→±·×≤≥−–、…]|\.\.)$`)

var (
	// sentence matches two words side by side; products of letters have something between them.
	sentence = lazily(`\p{L}{2,}\s+\p{L}|\p{L}\s+\p{L}{2,}`)
	lower    = lazily(`\p{Ll}{2,}`)
)

// products reports whether the runs of letters can be products of single letters, as in E = mc^2, or points, as in
// \triangle ABC, and not words.
func products(bare string) bool {
	for _, w := range wordlike().FindAllString(bare, -1) {
		if utf8.RuneCountInString(w) > 3 {
			return false
		}
	}
	maths := strings.ContainsAny(bare, "^_=") || strings.Contains(bare, mark) && !lower().MatchString(bare)
	return maths && !sentence().MatchString(bare)
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
