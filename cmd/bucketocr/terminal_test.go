package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"
)

// wantHarmless checks that a terminal would obey nothing of what is written to it. Bytes that are no character count,
// too: some terminals take them for single ones.
func wantHarmless(t *testing.T, what, s string) {
	t.Helper()
	if !utf8.ValidString(s) {
		t.Errorf("%s: not UTF-8: %q", what, s)
	}
	for _, r := range s {
		if r < ' ' && r != '\n' && r != '\t' || r >= 0x7f && r <= 0x9f || r >= 0x202a && r <= 0x202e || r >= 0x2066 &&
			r <= 0x2069 {
			t.Errorf("%s: a terminal obeys %U: %q", what, r, s)
			return
		}
	}
}

// evil is a text in which there is one of everything that a terminal obeys.
const evil = "a\x1b[2Jb\u009b31mc\x07d\u202ee\u2066f\u2069g\x7fh\x9bi\bj\u0085k"

func TestClean(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]string{
		"plain ü 漢字 العربية עברית\u200e 👩‍👧\n\ttext": "plain ü 漢字 العربية עברית\u200e 👩‍👧\n\ttext",
		"one\r\ntwo\n\f\nthree": "one\ntwo\n\nthree",
		"\x1b]0;title\x07":      "�]0;title�",
		"\u009b31m":             "�31m",
		"\x9b31m":               "�31m",
		"\u202egnp.exe\u2066":   "�gnp.exe�",
		"\x7f\x00\u2028":        "��\u2028",
	} {
		if got := clean(s); got != want {
			t.Errorf("%q became %q", s, got)
		}
	}
	if got := oneLine("a\nb\tc\r\nd"); got != "a b c d" {
		t.Errorf("%q", got)
	}
	if got := plain("scan 1.png"); got != "scan 1.png" {
		t.Errorf("%q", got)
	}
}

// FuzzTerminal: nothing that a terminal obeys gets through, in whatever portions it is written, and what it does not
// obey stays.
func FuzzTerminal(f *testing.F) {
	f.Add(evil, uint8(1))
	f.Add("ü漢👩‍👧\r\n\f\xc2", uint8(2))
	f.Add("\xf0\x9f\x91", uint8(3))
	f.Fuzz(func(t *testing.T, s string, portion uint8) {
		var out bytes.Buffer
		screen := &terminal{raw: &out}
		for rest := []byte(s); len(rest) > 0; {
			n := min(max(int(portion), 1), len(rest))
			if _, err := screen.Write(rest[:n]); err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
		}
		if whole := clean(s[:len(s)-len(screen.rest)]); out.String() != whole || len(screen.rest) >= utf8.UTFMax {
			t.Errorf("%q came as %q, at once as %q", s, out.String(), whole)
		}
		for what, shown := range map[string]string{"clean": clean(s), "terminal": out.String(), "oneLine": oneLine(s),
			"plain": plain(s), "shellWord": shellWord(s)} {
			wantHarmless(t, what, shown)
		}
		if strings.ContainsAny(oneLine(s)+plain(s)+shellWord(s), "\n\t") {
			t.Errorf("%q begins another line", s)
		}
		if clean(clean(s)) != clean(s) || utf8.ValidString(s) && !strings.ContainsFunc(s, obeyed) && clean(s) != s {
			t.Errorf("%q became %q", s, clean(s))
		}
		checkJSON(t, s)
	})
}

// checkJSON writes a value of JSON to a terminal: it says the same there.
func checkJSON(t *testing.T, s string) {
	t.Helper()
	var plain, out bytes.Buffer
	if err := json.NewEncoder(jsonTo(&plain)).Encode(map[string]string{s: s}); err != nil {
		t.Fatal(err)
	}
	if err := json.NewEncoder(jsonTo(&terminal{raw: &out})).Encode(map[string]string{s: s}); err != nil {
		t.Fatal(err)
	}
	wantHarmless(t, "JSON", out.String())
	var want, got map[string]string
	if err := json.Unmarshal(plain.Bytes(), &want); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(out.Bytes(), &got); err != nil || len(got) != 1 {
		t.Fatalf("%s: %v", out.Bytes(), err)
	}
	for key, value := range want {
		if got[key] != value {
			t.Errorf("%q became %q", want, got)
		}
	}
}

// TestTerminalThatFails: what could not be written is not said to be.
func TestTerminalThatFails(t *testing.T) {
	t.Parallel()
	failing := &terminal{raw: failingWriter{}}
	if n, err := failing.Write([]byte("text")); n != 0 || err == nil {
		t.Errorf("%d, %v", n, err)
	}
}

type failingWriter struct{}

func (failingWriter) Write([]byte) (int, error) { return 0, iotest.ErrTimeout }
