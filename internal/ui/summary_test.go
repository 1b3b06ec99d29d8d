package ui

import (
	"strings"
	"testing"
	"unicode/utf8"
)

// TestFirstLine: a row shows the first line that says something, as plain text, bounded, and nothing that a list must
// not show.
func TestFirstLine(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ text, want string }{
		{"", ""},
		{"# Invoice **No. 12**\n\nof May", "Invoice No. 12"},
		{"\n\n---\n\n| Name | Sum |\n|---|---|\n", "Name Sum"},
		{"![scan](image_1.png)\n\n> - A *quoted* line", "- A *quoted* line"},
		{"<table><tr><td>Total</td><td>4 &lt; 5</td></tr></table>", "Total 4 < 5"},
		{"[the deed](https://example.com/x) of 1912", "the deed of 1912"},
		{`1\. Minutes of the\_board`, "1. Minutes of the_board"},
		{"<script>alert(1)</script>", "alert(1)"},
		{"a\u202egnp.exe\u0000\u200b\tb\r\nsecond", "agnp.exe b"},
		{"\xff\xfepage", "page"},
		{"x < y > z", "x < y > z"},
		{"a <b>bold</b>, `coded` \u0026amp; **set**.", "a bold, coded & set."},
		{strings.Repeat("\n", lineLook) + "too far down", ""},
		{strings.Repeat("é", 500), strings.Repeat("é", lineRunes-1) + "…"},
		{strings.Repeat("日", lineLook), strings.Repeat("日", lineRunes-1) + "…"},
	} {
		if got := firstLine(c.text); got != c.want || !utf8.ValidString(got) {
			t.Errorf("%.40q: %q, want %q", c.text, got, c.want)
		}
	}
}
