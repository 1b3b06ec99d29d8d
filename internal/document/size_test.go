package document

import (
	"slices"
	"strings"
	"testing"
)

func TestBatchesFitIntoOneCommitEach(t *testing.T) {
	t.Parallel()
	small, half, large := Page{Text: "a"}, Page{Text: strings.Repeat("b", MaxCommitBytes/2)},
		Page{Text: strings.Repeat("c", MaxCommitBytes)}
	for name, c := range map[string]struct {
		pages []Page
		want  []int
	}{
		"none":                    {nil, nil},
		"one":                     {[]Page{small}, []int{1}},
		"one that is too large":   {[]Page{large}, []int{1}},
		"too large among others":  {[]Page{small, large, small, small}, []int{1, 1, 2}},
		"just over":               {[]Page{half, half, half}, []int{1, 1, 1}},
		"as many as there may be": {slices.Repeat([]Page{small}, 2000), []int{895, 895, 210}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got []int
			var again []Page
			for _, part := range Batches(c.pages) {
				got = append(got, len(part))
				size := 0
				for _, p := range part {
					size += p.Size()
				}
				if len(part) == 0 || len(part) > 1 && size > MaxCommitBytes {
					t.Errorf("a part of %d pages and %d bytes", len(part), size)
				}
				again = append(again, part...)
			}
			if !slices.Equal(got, c.want) ||
				!slices.EqualFunc(again, c.pages, func(a, b Page) bool { return a.Text == b.Text }) {
				t.Errorf("parts of %v pages, want %v, and %d of %d pages in their order", got, c.want, len(again),
					len(c.pages))
			}
		})
	}
}
