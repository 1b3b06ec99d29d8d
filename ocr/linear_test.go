package ocr

import (
	"regexp"
	"strings"
	"testing"
)

// linear tests that a text of twice the length takes at most twice the steps, and that there are only a few steps per
// byte. The texts are made of pairs of pieces, since one piece may start a search for the other.
func linear(t *testing.T, pieces []string, times, perByte int, steps func(text string) int) {
	t.Helper()
	const slack = 100
	for i, a := range pieces {
		for _, b := range pieces[i:] {
			for _, texts := range [][2]string{
				{strings.Repeat(a, times) + strings.Repeat(b, times),
					strings.Repeat(a, 2*times) + strings.Repeat(b, 2*times)},
				{strings.Repeat(a+b, times), strings.Repeat(a+b, 2*times)},
			} {
				once, twice := steps(texts[0]), steps(texts[1])
				if twice > 2*once+slack || once > perByte*len(texts[0])+slack {
					t.Errorf("%q and %q: %d steps for %d bytes, then %d for %d", a, b, once, len(texts[0]), twice,
						len(texts[1]))
				}
			}
		}
	}
}

// read returns the number of bytes that a pattern examines to find all its matches in a text. It may look far beyond a
// match, and may do so again for the next one.
func read(pattern *regexp.Regexp, text string) (n int) {
	for len(text) > 0 {
		left := strings.NewReader(text)
		at := pattern.FindReaderIndex(left)
		n += len(text) - left.Len()
		if at == nil {
			break
		}
		text = text[max(at[1], 1):]
	}
	return n
}

// TestPatternsAreLinear: no pattern that is searched for in a whole answer examines the text after its matches again
// and again.
func TestPatternsAreLinear(t *testing.T) {
	t.Parallel()
	pieces := []string{
		"<table", "<table ", "<td>", "</td", "<td a", "</", "![a](", "![a](1", "![a](1)", "![image](image_1.png)", "1,",
		"1,2,3,4", "(iv", "iv)", "a.", "&a", "&a;", `\a`, `\end{a`,
		"$$", "```", "`", "(", " ", "\n", "é",
	}
	for name, pattern := range map[string]*regexp.Regexp{
		"closable": closable, "halfTag": halfTag, // closeOpen
		"box": box, "enumerator": enumerator, "notRead": notRead, // viewOf and findLoop
		"boxBehindImage": boxBehindImage,                                     // stripBoxes
		"marker":         marker, "cellTag": cellTag, "fenceLine": fenceLine, // layout
		"blankLine": blankLine, // dollars
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			linear(t, pieces, 20, 4, func(text string) int { return read(pattern, text) })
		})
	}
}

// TestDriftingLooksAtTheEndAlone: only the last lines are compared, so twice as much text before them takes no more
// memory. Their letters are collected in one buffer, which grows a few times.
func TestDriftingLooksAtTheEndAlone(t *testing.T) {
	for _, line := range []string{"Nails of steel\n", "\n", "a\n", strings.Repeat("b", 400) + "\n",
		"<td>nails</td>\n"} {
		for _, ended := range []bool{true, false} {
			allocations := func(n int) float64 {
				text := strings.Repeat(line, n)
				return testing.AllocsPerRun(20, func() { drifting(text, ended) })
			}
			if once, twice := allocations(1000), allocations(2000); twice > once+2 || once > 8 {
				t.Errorf("%q: %v allocations for 1000 lines, %v for 2000", line, once, twice)
			}
		}
	}
}
