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

// Names, errors and texts may come from untrusted folders, objects and pages, and terminals obey control characters.
// Strings that are safe for a terminal have none: no C0 except line feed and tab, no DEL, no C1 (U+009B begins a
// command as ESC [ does), and no bidirectional controls, which reorder the text that follows.

// obeyed reports whether a terminal might do something other than show a character.
func obeyed(r rune) bool {
	switch {
	case r == '\n', r == '\t':
		return false
	case r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069: // bidirectional embeddings, overrides and isolates
		return true
	}
	return unicode.IsControl(r)
}

// shown returns the replacement for a character. Page breaks and carriage returns are dropped, since they accompany
// line feeds.
func shown(r rune) rune {
	switch {
	case r == '\r', r == '\f':
		return -1
	case obeyed(r):
		return utf8.RuneError
	}
	return r
}

// clean makes a text safe for a terminal. It keeps line feeds.
func clean(s string) string { return strings.Map(shown, s) }

// oneLine makes a text safe for a terminal, and joins its lines into one.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' {
			return ' '
		}
		return shown(r)
	}, s)
}

// plain makes a name safe for a terminal. It is quoted if it would be misleading otherwise.
func plain[S ~string](s S) string {
	quoted := fmt.Sprintf("%q", string(s))
	if inner := quoted[1 : len(quoted)-1]; inner != string(s) {
		return quoted
	}
	return string(s)
}

// shellWord quotes s as one word of a shell command, safe for a terminal: users may copy it even if an attacker has
// named the object. Unprintable characters are escaped in the syntax of bash and zsh.
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

// singleQuoted quotes s as one word of a shell command.
func singleQuoted(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// terminal writes to a terminal with control characters replaced. Its methods may be called concurrently.
type terminal struct {
	raw io.Writer

	mu   sync.Mutex
	rest []byte // the first bytes of an incomplete character
}

// onTerminal returns f, wrapped in a terminal if it is one: files and pipes get every byte.
func onTerminal(f *os.File) io.Writer {
	if term.IsTerminal(int(f.Fd())) {
		return &terminal{raw: f}
	}
	return f
}

// terminalInput marks standard input that is a terminal.
type terminalInput struct{ io.Reader }

// fromTerminal returns f, marked as a terminalInput if it is a terminal.
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

// movesCursor reports whether standard error is a terminal that supports redrawing a line, and colours.
func movesCursor(sys system) bool {
	kind, _ := sys.lookup("TERM")
	return isTerminal(sys.stderr) && kind != "dumb" && (kind != "" || runtime.GOOS == "windows")
}

// Write implements [io.Writer]. It holds back an incomplete character at the end.
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

// whole returns the length of text without an incomplete character at its end.
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

// jsonTo returns a writer of JSON to w. If w is a terminal, each character that a terminal obeys is replaced with the
// equivalent JSON escape sequence.
func jsonTo(w io.Writer) io.Writer {
	if isTerminal(w) {
		return jsonTerminal{w}
	}
	return w
}

// jsonTerminal writes complete JSON values, in which such characters occur only in strings.
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
