package event

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"
)

// compileGlob makes an expression of a glob; NewFilter says what a glob is. An expression, because Go's run in time
// linear in the name, whatever the pattern.
func compileGlob(glob string) (*regexp.Regexp, error) {
	if glob == "" {
		return nil, errors.New("is empty")
	}
	if !utf8.ValidString(glob) {
		return nil, errors.New("is not UTF-8")
	}
	var b strings.Builder
	b.WriteString(`(?s)\A`)
	for rest, start := glob, true; rest != ""; {
		expr, n, err := nextPart(rest, start)
		if err != nil {
			return nil, err
		}
		b.WriteString(expr)
		start = rest[n-1] == '/'
		rest = rest[n:]
	}
	b.WriteString(`\z`)
	return regexp.Compile(b.String())
}

// nextPart translates the first part of what is left of a glob, n bytes long; start says that a segment begins there.
func nextPart(glob string, start bool) (expr string, n int, err error) {
	switch glob[0] {
	case '*':
		stars := len(glob) - len(strings.TrimLeft(glob, "*"))
		switch {
		case stars == 1:
			return `[^/]*`, 1, nil
		case start && strings.HasPrefix(glob[stars:], "/"):
			return `(?:.*/)?`, stars + 1, nil
		}
		return `.*`, stars, nil
	case '?':
		return `[^/]`, 1, nil
	case '[':
		expr, n, err = class(glob[1:])
		return expr, n + 1, err
	case '{', '}':
		return "", 0, errors.New("braces are no choice here: write a pattern for each")
	}
	_, n = utf8.DecodeRuneInString(glob)
	return regexp.QuoteMeta(glob[:n]), n, nil
}

// class translates what follows a "[", up to and with its "]", n bytes long. A "]" that comes first matches itself, and
// so does a "-" that comes first or last.
func class(s string) (expr string, n int, err error) {
	rest, negated := s, false
	if strings.HasPrefix(s, "!") || strings.HasPrefix(s, "^") {
		rest, negated = s[1:], true
	}
	var b strings.Builder
	for first := true; first || !strings.HasPrefix(rest, "]"); first = false {
		var lo, hi rune
		if lo, hi, rest, err = span(rest); err != nil {
			return "", 0, err
		}
		if lo == '/' && hi == '/' && !negated {
			return "", 0, errors.New("a class never takes a slash")
		}
		writeSpan(&b, lo, hi)
	}
	n = len(s) - len(rest) + 1
	if negated {
		return `[^/` + b.String() + `]`, n, nil
	}
	return `[` + b.String() + `]`, n, nil
}

// span reads one character of a class, or two with "-" between them.
func span(s string) (lo, hi rune, rest string, err error) {
	if s == "" {
		return 0, 0, "", errors.New("a [ is not closed")
	}
	lo, size := utf8.DecodeRuneInString(s)
	hi, rest = lo, s[size:]
	if len(rest) > 1 && rest[0] == '-' && rest[1] != ']' {
		hi, size = utf8.DecodeRuneInString(rest[1:])
		rest = rest[1+size:]
	}
	if hi < lo {
		return 0, 0, "", fmt.Errorf("the range %c-%c runs backward", lo, hi)
	}
	return lo, hi, rest, nil
}

// writeSpan leaves the slash out of a range that runs across it.
func writeSpan(b *strings.Builder, lo, hi rune) {
	if lo <= '/' && '/' <= hi {
		if lo < '/' {
			writeSpan(b, lo, '/'-1)
		}
		if '/' < hi {
			writeSpan(b, '/'+1, hi)
		}
		return
	}
	fmt.Fprintf(b, `\x{%X}-\x{%X}`, lo, hi)
}
