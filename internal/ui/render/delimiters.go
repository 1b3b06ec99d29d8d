package render

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// delimiters are the ways to write maths, the longer ones first.
var delimiters = []struct {
	open, shut string
	display    bool
}{
	{"$$", "$$", true},
	{"$", "$", false},
	{`\(`, `\)`, false},
	{`\[`, `\]`, true},
}

// mathAt tells how many bytes the formula is long that s begins with; 0 where it begins with none. A single dollar is
// careful, since most of them are money: nothing blank inside it, no digit behind it.
func mathAt(s string) int {
	for _, d := range delimiters {
		inner, ok := strings.CutPrefix(s, d.open)
		if !ok {
			continue
		}
		end := mathEnd(inner, d.shut)
		if end <= 0 || strings.TrimSpace(inner[:end]) == "" {
			return 0
		}
		if d.open == "$" && !single(inner[:end], inner[end+1:]) {
			return 0
		}
		return len(d.open) + end + len(d.shut)
	}
	return 0
}

// mathEnd is where shut stands in s, not behind a backslash.
func mathEnd(s, shut string) int {
	for i := 0; i < len(s); i++ {
		switch {
		case strings.HasPrefix(s[i:], shut):
			return i
		case s[i] == '\\':
			i++
		}
	}
	return -1
}

// single tells whether what stands between two dollars can be a formula.
func single(inner, behind string) bool {
	first, _ := utf8.DecodeRuneInString(inner)
	last, _ := utf8.DecodeLastRuneInString(inner)
	next, _ := utf8.DecodeRuneInString(behind)
	return !unicode.IsSpace(first) && !unicode.IsSpace(last) && !unicode.IsDigit(next)
}

// undelimit takes the delimiters off a formula.
func undelimit(written string) (tex string, display, ok bool) {
	written = strings.TrimSpace(written)
	for _, d := range delimiters {
		if tex, ok := strings.CutPrefix(written, d.open); ok {
			if tex, ok = strings.CutSuffix(tex, d.shut); ok {
				return strings.TrimSpace(tex), d.display, true
			}
			return "", false, false
		}
	}
	return "", false, false
}
