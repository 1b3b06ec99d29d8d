package ocr

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"
)

const lead = "# Delivery note 4711\n\nThe goods below were handed over in good order.\n\n"

// counting repeats a format with growing numbers.
func counting(format string, from, n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, format, from+i)
	}
	return b.String()
}

// Loops as the models write them. A loop of the table must be found; kept is how the text that is left ends.
func TestLoopsAreFound(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, text string
		cut        bool
		kept       string
	}{
		{"line until the limit", lead + strings.Repeat("Please see the terms overleaf.\n", 100) + "Please see the te", true, "\n\nPlease see the terms overleaf."},
		{"line, few", lead + strings.Repeat("The remainder of this page was intentionally left without any text.\n", 9), true, "without any text."},
		{"line, ended by itself", lead + strings.Repeat("Please see the terms overleaf.\n", 60), false, "\n\nPlease see the terms overleaf."},
		{"line, ended by itself with a last line", lead + strings.Repeat("Please see the terms overleaf.\n", 60) + "\nEnd of page", false, "\n\nPlease see the terms overleaf."},
		{"explaining what is not on the page", lead + strings.Repeat("There is no further text in this image. ", 40), false, "in this image. "},
		{"row", lead + "<table>" + strings.Repeat("<tr><td>Bolts</td><td>200</td><td>12.50</td></tr>\n", 60), true, "<td>12.50</td></tr>"},
		{"row, closed and ended", lead + "<table>" + strings.Repeat("<tr><td>Bolts</td><td>200</td></tr>", 140) + "</table>\n", false, "<tr><td>Bolts</td><td>200</td></tr>"},
		{"empty cells", lead + "<table><tr>" + strings.Repeat("<td></td>", 900), true, "<tr><td></td>"},
		{"Markdown row", lead + strings.Repeat("| 0 | 0 | 0 |\n", 200), true, "| 0 | 0 | 0 |"},
		{"short phrase", lead + strings.Repeat("and so on, ", 300), true, "and so on, "},
		{"one word", lead + strings.Repeat("the ", 900), true, "the "},
		{"one character", lead + strings.Repeat("l", 4000), true, "l"},
		{"one digit", lead + strings.Repeat("0", 4000), true, "0"},
		{"dots", lead + strings.Repeat(".", 3000), true, "."},
		{"dots that ended", lead + strings.Repeat(". ", 400), false, "order.\n\n."},
		{"blanks", lead + strings.Repeat(" ", 3000), true, ""},
		{"line breaks", lead + strings.Repeat("\n", 3000), true, ""},
		{"entities", lead + strings.Repeat("&nbsp;", 700), true, "&nbsp;"},
		{"commands", lead + "$" + strings.Repeat(`\quad `, 500), true, `\quad `},
		{"Chinese", lead + strings.Repeat("本页无正文内容。", 200), true, "本页无正文内容。"},
		{"paragraph", lead + strings.Repeat(strings.Repeat("Lorem ipsum dolor sit amet, consetetur. ", 10)+"\n\n", 12), true, "consetetur. \n"},
		{"growing numbers", lead + counting("%d. Item\n", 1, 500), true, "\n1. Item"},
		{"growing numbers, cut in a number", lead + counting("%d. Item\n", 1, 90) + "9", true, "\n1. Item"},
		{"growing numbers that ended", lead + counting("%d, ", 1, 400), false, "1, "},
		{"growing years", lead + counting("In the year %d nothing happened.\n", 1900, 150), true, "1900 nothing happened."},
		{"growing boxes", lead + counting("![text](100,%d,200,50) Total\n", 10, 120), true, "Total"},
		{"rows with their number", lead + "<table>" + counting("<tr><td>%d</td><td></td></tr>\n", 1, 400), true, "<tr><td>1</td><td></td></tr>"},
		{"longer than the window", strings.Repeat("x y z, ", 20000), true, "x y z, "},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			from, found := findLoop(test.text, test.cut)
			if !found {
				t.Fatal("not found")
			}
			if kept := test.text[:from]; !strings.HasSuffix(strings.TrimRight(kept, " \n"), strings.TrimRight(test.kept, " \n")) || len(kept) > len(lead)+len(test.text)/5 {
				t.Errorf("%d bytes are left, ending in %q, want %q", from, kept[max(0, from-60):], test.kept)
			}
		})
	}
}

// Honest repetition, also where a page was cut off in the middle of it.
func TestHonestRepetitionIsKept(t *testing.T) {
	t.Parallel()
	row := "<tr><td>n/a</td><td>0.00</td><td>0.00</td></tr>\n"
	tests := []struct {
		name, text string
		cut        bool
	}{
		{"empty", "", true},
		{"a page", lead + "Nothing here is said twice, and the page ends with a signature.\n", true},
		{"a dozen equal rows", lead + "<table>" + strings.Repeat(row, 12) + "</table>", false},
		{"a dozen equal rows, cut", lead + "<table>" + strings.Repeat(row, 12), true},
		{"twenty equal rows, cut", lead + "<table>" + strings.Repeat(row, 20) + "<tr><td>n/", true},
		{"a full empty ledger", lead + "<table>" + strings.Repeat("<tr><td></td><td></td><td></td><td></td></tr>", 66) + "</table>", false},
		{"a table of zeros", lead + "<table>" + strings.Repeat("<tr>"+strings.Repeat("<td>0</td>", 12)+"</tr>\n", 40) + "</table>", false},
		{"a Markdown table of zeros", lead + strings.Repeat("| 0 | 0 | 0 | 0 |\n", 50), false},
		{"a wide row of zeros, cut", lead + "<table><tr>" + strings.Repeat("<td>0</td>", 23), true},
		{"dotted leaders", lead + strings.Repeat("Chapter "+strings.Repeat(".", 120)+" 7\n", 30), false},
		{"a spaced leader, cut", lead + "Total " + strings.Repeat(". ", 70), true},
		{"a line to sign on", lead + "Signature: " + strings.Repeat("_", 150), true},
		{"a ruler", lead + strings.Repeat("-", 200) + "\n", true},
		{"a form with lines to fill in", lead + strings.Repeat(strings.Repeat("_", 60)+"\n", 30), false},
		{"a form with equal fields", lead + strings.Repeat("Name: ____________ Date: ________\n", 25), false},
		{"check boxes", lead + strings.Repeat("☐ yes ☐ no\n", 45), false},
		{"a sheet of labels", lead + strings.Repeat("ACME Supplies Limited\n12 Harbour Road\nBristol\n\n", 30), false},
		{"seven labels, cut", lead + strings.Repeat("ACME Supplies Limited\n12 Harbour Road\nBristol BS1 4QT\n\n", 7), true},
		{"a poem with refrains", strings.Repeat("Row on, row on, the night is long,\nThe river hums its evening song.\n\nAnd still we sing, and still we row,\nAnd still we sing, and still we row.\n\n", 6), false},
		{"a column of equal entries", lead + strings.Repeat("see overleaf\n", 100), false},
		{"a chorus", lead + strings.Repeat("Hallelujah, hallelujah, hallelujah!\n", 16), false},
		{"lines written as a punishment", strings.Repeat("I must not talk in class.\n", 30), false},
		{"numbered lines", lead + counting("%d. ____________________\n", 1, 60), false},
		{"numbered lines, cut", lead + counting("%d. ____________________\n", 1, 60), true},
		{"an answer sheet", lead + counting("%d (A) (B) (C) (D)\n", 1, 200), false},
		{"line numbers in the margin", lead + counting("%d\n", 1, 55), false},
		{"a hundred square", lead + counting("%d ", 1, 100), false},
		{"a column of figures", lead + figures(120), true},
		{"a table of figures", lead + "<table>" + figureRows(100) + "</table>", true},
		{"a hex dump", lead + strings.Repeat(strings.Repeat("00 ", 16)+"\n", 40), false},
		{"a long loop that the model left", lead + strings.Repeat("Please see the terms overleaf.\n", 60) + strings.Repeat("The rest of the page is honest and goes on for long. Not a word of it is said again, but for this: ", 1) + figures(60), false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if from, found := findLoop(test.text, test.cut); found {
				t.Errorf("a loop was found after %q", test.text[max(0, from-60):from])
			}
		})
	}
}

// figures are numbers that do not grow evenly.
func figures(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "%d.%02d\n", 100+i*i%37, i*7%100)
	}
	return b.String()
}

func figureRows(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "<tr><td>%d</td><td>%d.%02d</td></tr>\n", i, i*i%91, i*13%100)
	}
	return b.String()
}

// Just below and just above each threshold.
func TestLoopThresholds(t *testing.T) {
	t.Parallel()
	row, sentence, line := "<tr><td>Bolts</td></tr>", "I must not talk in the class room. ", "12. Item number %d\n"
	tests := []struct {
		name  string
		piece func(n int) string
		cut   bool
		least int
	}{
		{"rows", func(n int) string { return strings.Repeat(row, n) }, false, loopRows},
		{"rows, cut", func(n int) string { return strings.Repeat(row, n) }, true, loopRowsCut},
		{"sentences", func(n int) string { return strings.Repeat(sentence, n) }, false, loopSentences},
		{"sentences, cut", func(n int) string { return strings.Repeat(sentence+sentence[:30], n) }, true, loopSentencesCut},
		{"span", func(n int) string { return strings.Repeat(".", n) }, true, loopSpan},
		{"counting", func(n int) string { return counting(line, 1, n) }, false, loopCounting},
		{"counting, cut", func(n int) string { return counting(line, 1, n) }, true, loopCountingCut},
	}
	for _, test := range tests {
		for n, want := range map[int]bool{test.least - 1: false, test.least: true, test.least + 1: true} {
			if _, found := findLoop("#"+test.piece(n), test.cut); found != want {
				t.Errorf("%s: %d pieces: found %v", test.name, n, found)
			}
		}
	}
}

// A try costs seconds of GPU; looking at its text is to cost nothing beside that.
func BenchmarkFindLoop(b *testing.B) {
	page := figureRows(400)[:12<<10]
	for name, text := range map[string]string{"honest": page, "honest64KB": strings.Repeat(page, 6)[:64<<10] + "x", "loop": page[:2<<10] + strings.Repeat("the ", 3<<10)} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				findLoop(text, true)
			}
		})
	}
}

func FuzzFindLoop(f *testing.F) {
	f.Add(lead+strings.Repeat("Please see the terms overleaf.\n", 100), true)
	f.Add(lead+counting("%d. Item\n", 1, 500), true)
	f.Add(strings.Repeat("本页", 300), false)
	f.Add(strings.Repeat("1\x002 ", 300), true)
	f.Add(strings.Repeat("99999999999999999999 ", 100), true)
	f.Fuzz(func(t *testing.T, text string, cut bool) {
		from, found := findLoop(text, cut)
		if !found {
			return
		}
		if from <= 0 || from > len(text) || len(text)-from+loopSpan < 0 {
			t.Fatalf("from %d of %d", from, len(text))
		}
		if utf8.ValidString(text) && !utf8.ValidString(text[:from]) {
			t.Fatalf("cut inside a character at %d", from)
		}
		if len(text) < loopSpan {
			t.Fatalf("a loop in %d bytes", len(text))
		}
		if _, still := findLoop(text, true); !cut && !still {
			t.Fatal("a text that was cut off needs more than one that was not")
		}
	})
}
