package ocr

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"
)

const lead = "# Delivery note 4711\n\nThe goods below were handed over in good order.\n\n"

// counting returns n copies of a format, with increasing numbers.
func counting(format string, from, n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, format, from+i)
	}
	return b.String()
}

// Loops as the models write them. Each must be found; kept is the end of the text that is left.
func TestLoopsAreFound(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, text string
		cut        bool
		kept       string
	}{
		{"line until the limit", lead + strings.Repeat("Please see the terms overleaf.\n", 100) + "Please see the te",
			true, "\n\nPlease see the terms overleaf."},
		{"line, few", lead + strings.Repeat("The remainder of this page was intentionally left without any text.\n", 9),
			true, "without any text."},
		{"line, ended by itself", lead + strings.Repeat("Please see the terms overleaf.\n", 60), false,
			"\n\nPlease see the terms overleaf."},
		{"line, ended by itself with a last line", lead + strings.Repeat("Please see the terms overleaf.\n", 60) +
			"\nEnd of page", false, "\n\nPlease see the terms overleaf."},
		{"explaining what is not on the page", lead + strings.Repeat("There is no further text in this image. ", 40),
			false, "in this image. "},
		{"row", lead + "<table>" + strings.Repeat("<tr><td>Bolts</td><td>200</td><td>12.50</td></tr>\n", 60), true,
			"<td>12.50</td></tr>"},
		{"row, closed and ended", lead + "<table>" + strings.Repeat("<tr><td>Bolts</td><td>200</td></tr>", 140) +
			"</table>\n", false, "<tr><td>Bolts</td><td>200</td></tr>"},
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
		{"paragraph", lead + strings.Repeat(strings.Repeat("Lorem ipsum dolor sit amet, consetetur. ", 10)+"\n\n", 12),
			true, "consetetur. \n"},
		{"growing numbers", lead + counting("%d. Item\n", 1, 500), true, "\n1. Item"},
		{"growing numbers, cut in a number", lead + counting("%d. Item\n", 1, 90) + "9", true, "\n1. Item"},
		{"growing numbers that ended", lead + counting("%d, ", 1, 400), false, "1, "},
		{"growing years", lead + counting("In the year %d nothing happened.\n", 1900, 150), true,
			"1900 nothing happened."},
		{"growing boxes", lead + counting("![text](100,%d,200,50) Total\n", 10, 120), true, "Total"},
		{"rows with their number", lead + "<table>" + counting("<tr><td>%d</td><td></td></tr>\n", 1, 400), true,
			"<tr><td>1</td><td></td></tr>"},
		{"longer than the window", strings.Repeat("x y z, ", 20000), true, "x y z, "},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			l, found := findLoop(test.text, !test.cut)
			if !found {
				t.Fatal("not found")
			}
			if kept := test.text[:l.first]; !strings.HasSuffix(strings.TrimRight(kept, " \n"),
				strings.TrimRight(test.kept, " \n")) || len(kept) > len(lead)+len(test.text)/5 {
				t.Errorf("%d bytes are left, ending in %q, want %q", l.first, kept[max(0, l.first-60):], test.kept)
			}
		})
	}
}

// Honest repetition for which no further answer is requested, even if the page was cut off in the middle of it.
func TestOrdinaryRepetitionIsNoLoop(t *testing.T) {
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
		{"a full empty ledger", lead + "<table>" + strings.Repeat("<tr><td></td><td></td><td></td><td></td></tr>", 66) +
			"</table>", false},
		{"a table of zeros", lead + "<table>" + strings.Repeat("<tr>"+strings.Repeat("<td>0</td>", 12)+"</tr>\n", 40) +
			"</table>", false},
		{"a Markdown table of zeros", lead + strings.Repeat("| 0 | 0 | 0 | 0 |\n", 50), false},
		{"a wide row of zeros, cut", lead + "<table><tr>" + strings.Repeat("<td>0</td>", 23), true},
		{"dotted leaders", lead + strings.Repeat("Chapter "+strings.Repeat(".", 120)+" 7\n", 30), false},
		{"a spaced leader, cut", lead + "Total " + strings.Repeat(". ", 70), true},
		{"a line to sign on", lead + "Signature: " + strings.Repeat("_", 150), true},
		{"a ruler", lead + strings.Repeat("-", 200) + "\n", true},
		{"a form with lines to fill in", lead + strings.Repeat(strings.Repeat("_", 60)+"\n", 30), false},
		{"a form with equal fields", lead + strings.Repeat("Name: ____________ Date: ________\n", 25), false},
		{"seven labels, cut", lead + strings.Repeat("ACME Supplies Limited\n12 Harbour Road\nBristol BS1 4QT\n\n", 7),
			true},
		{"a poem with refrains",
			strings.Repeat("Row on, row on, the night is long,\nThe river hums its evening song.\n\nAnd still we sing, and still we row,\nAnd still we sing, and still we row.\n\n",
				6), false},
		{"lines written as a punishment", strings.Repeat("I must not talk in class.\n", 30), false},
		{"numbered lines", lead + counting("%d. ____________________\n", 1, 60), false},
		{"numbered lines, cut", lead + counting("%d. ____________________\n", 1, 60), true},
		{"line numbers in the margin", lead + counting("%d\n", 1, 55), false},
		{"a hundred square", lead + counting("%d ", 1, 100), false},
		{"a column of figures", lead + figures(120), true},
		{"a table of figures", lead + "<table>" + figureRows(100) + "</table>", true},
		{"numbers too long to count with, cut", lead + longNumbers(70), true},
		{"answers in letters, cut", lead + strings.Repeat("(a) yes\n(b) yes\n(c) no\n\n", 7), true},
		{"a hex dump", lead + strings.Repeat(strings.Repeat("00 ", 16)+"\n", 40), false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if l, found := findLoop(test.text, !test.cut); found {
				t.Errorf("a loop was found after %q", test.text[max(0, l.first-60):l.first])
			}
		})
	}
}

// Honest repetition that is doubtful: a further answer is requested.
func TestRepetitionThatAPageCanHoldIsADoubt(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, text string
		cut        bool
	}{
		{"check boxes", lead + strings.Repeat("☐ yes ☐ no\n", 45), false},
		{"a sheet of labels", lead + strings.Repeat("ACME Supplies Limited\n12 Harbour Road\nBristol\n\n", 30), false},
		{"a column of equal entries", lead + strings.Repeat("see overleaf\n", 100), false},
		{"a chorus", lead + strings.Repeat("Hallelujah, hallelujah, hallelujah!\n", 16), false},
		{"an answer sheet", lead + counting("%d (A) (B) (C) (D)\n", 1, 200), false},
		{"eighty labels", lead + strings.Repeat("Jane Example\n14 Orchard Lane\nBath BA1 1AA\n\n", 35), false},
		{"a packing list, cut", lead + "<table>" + counting("<tr><td>%d</td><td>12</td></tr>\n", 1, 140) + "<tr><td>14",
			true},
		{"a sheet of empty rows, cut", lead + "<table>" + strings.Repeat("<tr><td></td><td></td><td></td></tr>\n", 100),
			true},
		{"an answer sheet, cut", lead + counting("%d (A) (B) (C) (D)\n", 1, 280), true},
		{"three hundred numbers in a row", lead + counting("%d, ", 1, 300), false},
		{"a box for comments", lead + strings.Repeat("_", 520), false},
		{"a name that drifts", lead + drift(60), false},
		{"a name that drifts, cut", lead + drift(90), true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if l, found := findLoop(test.text, !test.cut); !found || l.sure {
				t.Errorf("found %v, sure %v", found, l.sure)
			}
		})
	}
}

// A loop that is followed by other text counts only if no page can hold it.
func TestLoopInsideAText(t *testing.T) {
	t.Parallel()
	rest := "The second column is honest and goes on for long. Not a word of it is said again, but for this: " +
		figures(60)
	for name, test := range map[string]struct {
		text  string
		found bool
	}{
		"sixty equal sentences":  {lead + strings.Repeat("Please see the terms overleaf.\n", 60) + rest, true},
		"thirty equal sentences": {lead + strings.Repeat("Please see the terms overleaf.\n", 30) + rest, false},
		"a hundred empty rows":   {lead + strings.Repeat("<tr><td></td></tr>\n", 100) + rest, false},
		"three hundred":          {lead + strings.Repeat("<tr><td></td></tr>\n", 300) + rest, true},
		"a line without end":     {lead + strings.Repeat(".", 1200) + rest, true},
	} {
		for _, ended := range []bool{false, true} {
			l, found := findLoop(test.text, ended)
			if found != test.found || found && !(l.inside && l.sure) {
				t.Errorf("%s, ended %v: %v, %+v", name, ended, found, l)
			}
		}
	}
}

// A loop at the end of a text takes precedence over one inside it.
func TestLoopAtTheEndGoesFirst(t *testing.T) {
	t.Parallel()
	text := lead + strings.Repeat("Please see the terms overleaf.\n", 60) + figures(60) +
		strings.Repeat("The remainder of this page was left without any text.\n", 9)
	if l, found := findLoop(text, false); !found || l.inside || l.end < len(text)-1 {
		t.Errorf("found %v, %+v of %d", found, l, len(text))
	}
}

// drift returns lines with a name whose spelling keeps changing.
func drift(lines int) string {
	rng := rand.New(rand.NewPCG(1, 2))
	var b strings.Builder
	for range lines {
		fmt.Fprintf(&b, "H%ck%cte Toolb%cx %d\n\n", "aeo"[rng.IntN(3)], "aei"[rng.IntN(3)], "oau"[rng.IntN(3)],
			rng.IntN(90))
	}
	return b.String()
}

// longNumbers returns lines of numbers that are too large for an integer.
func longNumbers(lines int) string {
	rng := rand.New(rand.NewPCG(3, 4))
	var b strings.Builder
	for range lines {
		fmt.Fprintf(&b, "%020d%05d\n", 10_000_000_000_000_000_000+rng.Uint64N(1e18), rng.IntN(99999))
	}
	return b.String()
}

// figures returns lines of numbers that do not increase evenly.
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

// TestLoopThresholds: texts just below and just above each threshold of what a page can hold.
func TestLoopThresholds(t *testing.T) {
	t.Parallel()
	equal := func(piece string) func(int) string {
		return func(n int) string { return strings.Repeat(piece, n) }
	}
	grow := func(format string) func(int) string {
		return func(n int) string { return counting(format, 1, n) }
	}
	roman := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "(%s) the Supplier shall indemnify the Customer;\n", strings.Repeat("x", i%7)+"i")
		}
		return b.String()
	}
	paragraph := strings.Repeat("Whatever is written here is said only once in it, of course. ", 7) + "\n\n"
	tests := []struct {
		name  string
		text  func(int) string
		least copyLimits
	}{
		{"a paragraph", equal(paragraph), copiesOfBlock},
		{"three rows with text",
			equal("<tr><td>Bolts</td><td>M8</td></tr><tr><td>Nuts</td><td>M8</td></tr><tr><td>Washers</td><td>steel</td></tr>\n"),
			copiesOfRows},
		{"a sentence", equal("I must not talk in the class room.\n"), copiesOfSentence},
		{"a sentence in a line", equal("I must not talk in the class room. "), copiesOfSentence},
		{"a box with a sentence", func(n int) string {
			return counting("![text](%d,7,9,11) I must not talk in class here.\n", 3, n)
		}, copiesOfSentence},
		{"a row", equal("<tr><td>0</td><td>Bolts</td></tr>\n"), copiesOfRow},
		{"a pipe row", equal("| 0 | Bolts |\n"), copiesOfRow},
		{"an empty row", equal("<tr><td></td><td></td></tr>"), copiesOfRow},
		{"a line to fill in", equal("Name ____________ Date ________\n"), copiesOfRow},
		{"an empty cell", equal("<td></td>"), copiesOfCell},
		{"a cell, as the models write it", equal("      <td>n/a</td>\n"), copiesOfCell},
		{"a word", equal("very-"), copiesOfPhrase},
		{"a Chinese character", equal("か"), copiesOfPhrase},
		{"a break", equal("<br>"), copiesOfPhrase},
		{"figures in a line", equal("6.3.1 2 "), copiesOfPhrase},
		{"a sign", equal("! "), copiesOfPhrase},
		{"a short line", equal("以下余白。\n"), copiesOfLine},
		{"a row of a matrix", equal("0 & 0 & 0 \\\\\n"), copiesOfLine},
		{"a picture", func(n int) string { return counting("![image](image_%d.png)12,34,56,78\n", 1, n) },
			copiesOfLine},
		{"a line of figures", equal("00 00 00 00\n"), copiesOfFigures},
		{"a claim", grow("The method of claim %d, in which the layer is dry.\n"), copiesNumbered},
		{"a clause with a Roman numeral", roman, copiesListed},
		{"numbered words", grow("%d. Item\n"), copiesCounting},
		{"numbered lines", grow("%d. ________________\n"), copiesOfNumbers},
		{"numbered rows", grow("<tr><td>%d</td><td>Bolts</td></tr>\n"), copiesOfNumbers},
		{"numbers", grow("%d "), copiesOfNumbers},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			for _, ended := range []bool{false, true} {
				least := min(test.least.doubtful(ended), test.least.sure)
				if l, found := findLoop(lead+test.text(least-1), ended); found {
					t.Errorf("ended %v: %d are a loop: %+v", ended, least-1, l)
				}
				if _, found := findLoop(lead+test.text(least), ended); !found {
					t.Errorf("ended %v: %d are no loop", ended, least)
				}
				most := map[int]bool{test.least.sure - 1: false, test.least.sure: true}
				if test.least.sure == never {
					most = map[int]bool{4000: false}
				}
				for n, sure := range most {
					if l, found := findLoop(lead+test.text(n), ended); found && l.sure != sure || !found && sure {
						t.Errorf("ended %v: %d are %v, sure %v", ended, n, found, l.sure)
					}
				}
			}
		})
	}
}

// The length of a leader is measured in characters, whatever it is made of.
func TestLeadersAreMeasuredInCharacters(t *testing.T) {
	t.Parallel()
	for _, dot := range []string{".", ". ", "_", "…", "— "} {
		text := func(characters int) string {
			return lead + strings.Repeat(dot, characters/utf8.RuneCountInString(dot))
		}
		for _, ended := range []bool{false, true} {
			if _, found := findLoop(text(loopSpan-2), ended); found {
				t.Errorf("%q: %d characters are a loop", dot, loopSpan-2)
			}
			if l, found := findLoop(text(loopSpan), ended); !found || l.sure {
				t.Errorf("%q: %d characters: %v, sure %v", dot, loopSpan, found, l.sure)
			}
			if l, found := findLoop(text(loopBox), ended); !found || !l.sure {
				t.Errorf("%q: %d characters: %v, sure %v", dot, loopBox, found, l.sure)
			}
		}
	}
}

// A try costs seconds of GPU time; examining its text must be negligible.
func BenchmarkFindLoop(b *testing.B) {
	page := figureRows(400)[:12<<10]
	for name, text := range map[string]string{"honest": page, "honest64KB": strings.Repeat(page, 6)[:64<<10] + "x",
		"loop": page[:2<<10] + strings.Repeat("the ", 3<<10)} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				findLoop(text, false)
			}
		})
	}
}

// FuzzTailOf compares tailOf with a pattern, which would take a tenth of an event's CPU time.
func FuzzTailOf(f *testing.F) {
	pattern := regexp.MustCompile("(?:\\s|</[a-z]+>|\\$\\$|`{3}|\\\\end\\{[a-z]+\\})*$")
	pieces := []string{"", "a", " ", "\n", "\t\r\f", "\v", "\u00a0", "</td>", "</>", "</TD>", "/td>", "<td>", "</t1>",
		"$", "$$", "``", "```", `\end{table}`, `\end{}`, `end{a}`, `\end{a`, "}", ">", "\xff"}
	for _, a := range pieces {
		for _, b := range pieces {
			f.Add("x" + a + b)
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		if at, want := tailOf(text), pattern.FindStringIndex(text)[0]; at != want {
			t.Errorf("%q: the tail begins at %d, want %d", text, at, want)
		}
	})
}

func FuzzFindLoop(f *testing.F) {
	f.Add(lead+strings.Repeat("Please see the terms overleaf.\n", 100), true)
	f.Add(lead+counting("%d. Item\n", 1, 500), true)
	f.Add(strings.Repeat("本页", 300), false)
	f.Add(strings.Repeat("1\x002 ", 300), true)
	f.Add(strings.Repeat("99999999999999999999 ", 100), true)
	f.Add(counting("![text](1,%d,2,3) Total\n", 1, 100), false)
	f.Add(counting("第%d条民事主体在民事活动中的法律地位一律平等。\n", 1, 40), false)
	f.Add(strings.Repeat("(iv) the Supplier shall indemnify the Customer;\n", 40), true)
	f.Fuzz(func(t *testing.T, text string, ended bool) {
		l, found := findLoop(text, ended)
		if !found {
			return
		}
		if l.start < 0 || l.start > l.first || l.first > l.end || l.end > len(text) {
			t.Fatalf("%+v of %d", l, len(text))
		}
		if utf8.ValidString(text) && !utf8.ValidString(text[:l.first]) {
			t.Fatalf("cut inside a character at %d", l.first)
		}
		if l.inside != (len(text)-l.end > loopAfter) && !l.inside && tailOf(text[l.end:]) != 0 {
			t.Fatalf("%+v of %d is not inside", l, len(text))
		}
		if l.inside && !l.sure {
			t.Fatalf("%+v: a doubt inside the text", l)
		}
	})
}
