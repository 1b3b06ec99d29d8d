package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"golang.org/x/term"
)

// Names, errors and texts come from whoever made a folder, a bucket's objects or a page, and a terminal obeys control
// characters. What this file returns holds none: no C0 but line feed and tab, no DEL, no C1 (U+009B begins a command as
// ESC [ does), and nothing that reorders what follows it.

// obeyed reports whether a terminal could do something else than to show a character.
func obeyed(r rune) bool {
	switch {
	case r == '\n', r == '\t':
		return false
	case r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069: // bidirectional embeddings, overrides and isolates
		return true
	}
	return unicode.IsControl(r)
}

// shown returns what is shown instead of a character. Page breaks and carriage returns stand beside line feeds and need
// nothing.
func shown(r rune) rune {
	switch {
	case r == '\r', r == '\f':
		return -1
	case obeyed(r):
		return utf8.RuneError
	}
	return r
}

// clean makes a text harmless on a terminal. It keeps its lines.
func clean(s string) string { return strings.Map(shown, s) }

// oneLine makes a sentence harmless on a terminal, and in a line of a list: it cannot begin another.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' {
			return ' '
		}
		return shown(r)
	}, s)
}

// plain makes a name harmless on a terminal. It is quoted where it is not what it looks like.
func plain[S ~string](s S) string {
	quoted := fmt.Sprintf("%q", string(s))
	if inner := quoted[1 : len(quoted)-1]; inner != string(s) {
		return quoted
	}
	return string(s)
}

// shellWord is s as one word of a shell, harmless on a terminal: what a person may copy to the next command, whoever
// named the object. Where it holds what is not printable, it is written as bash and zsh have it.
func shellWord(s string) string {
	if !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) || r == utf8.RuneError }) {
		return singleQuoted(s)
	}
	var b strings.Builder
	b.WriteString("$'")
	for _, c := range []byte(s) {
		if c > ' ' && c < 0x7f && c != '\'' && c != '\\' {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "\\%03o", c)
		}
	}
	return b.String() + "'"
}

// singleQuoted is s as one word of a shell.
func singleQuoted(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// terminal is a terminal that shows what is written to it and obeys nothing. Its methods may be called concurrently.
type terminal struct {
	raw io.Writer

	mu   sync.Mutex
	rest []byte // the first bytes of a character whose others are not written yet
}

// onTerminal returns f, by way of a terminal where it is one: files and pipes get every byte.
func onTerminal(f *os.File) io.Writer {
	if term.IsTerminal(int(f.Fd())) {
		return &terminal{raw: f}
	}
	return f
}

// terminalInput is standard input that is a terminal.
type terminalInput struct{ io.Reader }

// fromTerminal returns f, as a terminal where it is one.
func fromTerminal(f *os.File) io.Reader {
	if term.IsTerminal(int(f.Fd())) {
		return terminalInput{f}
	}
	return f
}

// isTerminal reports whether w is a terminal.
func isTerminal(w io.Writer) bool {
	_, ok := w.(*terminal)
	return ok
}

// movesCursor reports whether standard error is a terminal on which a line can be drawn over, and in colour.
func movesCursor(sys system) bool {
	kind, _ := sys.lookup("TERM")
	return isTerminal(sys.stderr) && kind != "dumb" && (kind != "" || runtime.GOOS == "windows")
}

// Write is [io.Writer]. It shows the bytes up to the last whole character.
func (t *terminal) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	text := append(t.rest, p...)
	end := whole(text)
	t.rest = bytes.Clone(text[end:])
	if _, err := io.WriteString(t.raw, clean(string(text[:end]))); err != nil {
		return 0, err
	}
	return len(p), nil
}

// whole returns the length of text without a character at its end that may go on.
func whole(text []byte) int {
	for n := 1; n <= min(utf8.UTFMax-1, len(text)); n++ {
		if last := text[len(text)-n:]; utf8.RuneStart(last[0]) {
			if !utf8.FullRune(last) {
				return len(text) - n
			}
			break
		}
	}
	return len(text)
}

// jsonTo returns where JSON for w is written: to a terminal with an escape sequence of JSON in place of each character
// that a terminal obeys, which says the same.
func jsonTo(w io.Writer) io.Writer {
	if isTerminal(w) {
		return jsonTerminal{w}
	}
	return w
}

// jsonTerminal takes whole values of JSON: in them such characters can stand in strings alone.
type jsonTerminal struct{ io.Writer }

func (j jsonTerminal) Write(p []byte) (int, error) {
	var b strings.Builder
	for _, r := range string(p) {
		if r != utf8.RuneError && obeyed(r) {
			fmt.Fprintf(&b, "\\u%04x", r)
		} else {
			b.WriteRune(r)
		}
	}
	_, err := io.WriteString(j.Writer, b.String())
	return len(p), err
}
