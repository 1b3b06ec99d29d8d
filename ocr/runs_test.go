package ocr

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

func TestRunsAreFoundWherever(t *testing.T) {
	t.Parallel()
	row := "<tr>" + strings.Repeat("<td></td>", 31) + "<td>Adams</td></tr>\n"
	tests := []struct {
		name, text string
		want       run
	}{
		{"at the end", lead + strings.Repeat("again and so on, ", 10), run{len(lead), len(lead) + 170, 17}},
		{"at the start", strings.Repeat("again and so on, ", 10) + lead, run{0, 170, 17}},
		{"one byte", lead + strings.Repeat("~", 100), run{len(lead), len(lead) + 100, 1}},
		{"rows that hold runs of cells", "Rows: " + strings.Repeat(row, 9), run{6, 6 + 9*len(row), len(row)}},
		{"the longest piece", lead + strings.Repeat(unlike(loopPiece), 2),
			run{len(lead), len(lead) + 2*loopPiece, loopPiece}},
	}
	for _, test := range tests {
		if found, _ := runs(test.text); !slices.Contains(found, test.want) {
			t.Errorf("%s: %v is not among %v", test.name, test.want, found)
		}
	}
	if found, _ := runs(lead + strings.Repeat(unlike(loopPiece+1), 2)); len(found) != 0 {
		t.Errorf("a longer piece is found: %v", found)
	}
}

// unlike returns text without repetition.
func unlike(n int) string {
	rng := rand.New(rand.NewPCG(uint64(n), 3))
	text := make([]byte, n)
	for i := range text {
		text[i] = byte('a' + rng.IntN(26))
	}
	return string(text)
}

// TestRunsAreFoundInLinearTime: for twice the text at most about twice as many bytes are compared, and never more than
// a few for each byte of the text.
func TestRunsAreFoundInLinearTime(t *testing.T) {
	t.Parallel()
	fibonacci := func(n int) string {
		a, b := "a", "ab"
		for len(b) < n {
			a, b = b, b+a
		}
		return b[:n]
	}
	repeat := func(piece string) func(int) string {
		return func(n int) string { return strings.Repeat(piece, n/len(piece)) }
	}
	for name, text := range map[string]func(int) string{
		"nothing again":  unlike,
		"one byte":       repeat("a"),
		"a paragraph":    repeat(unlike(600)),
		"Fibonacci word": fibonacci,
		"cells in rows":  repeat("<tr>" + strings.Repeat("<td></td>", 31) + "<td>Adams</td></tr>\n"),
		"rows in tables": repeat(strings.Repeat("<tr>"+strings.Repeat("<td>0</td>", 7)+"</tr>", 9) + "<p>\n"),
		"ever longer": func(n int) string {
			var b strings.Builder
			for i := 1; b.Len() < n; i++ {
				b.WriteString(strings.Repeat("a", i) + "b")
			}
			return b.String()[:n]
		},
		"nearly again": func(n int) string {
			var b strings.Builder
			for i := 0; b.Len() < n; i++ {
				fmt.Fprintf(&b, "The rest of this page has been left empty on purpose, page %d of %d. ", i*i%97, i%13)
			}
			return b.String()[:n]
		},
	} {
		_, once := runs(text(50_000))
		_, twice := runs(text(100_000))
		if twice > 5*once/2+loopPiece || twice > 16*100_000 {
			t.Errorf("%s: %d bytes compared, and %d for twice the text", name, once, twice)
		}
	}
}
