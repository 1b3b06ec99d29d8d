package ocr

import (
	"strings"
	"testing"
)

func TestSeamHolds(t *testing.T) {
	t.Parallel()
	row := "      <td></td>\n"
	page := "# A page of a report\n\nThe first half of it is long enough to be known again, and then"
	for _, test := range []struct {
		name, begun, next, want string
	}{
		{"between words", "the first", " half", "the first half"},
		{"in a word", "the fi", "rst half", "the first half"},
		{"in a tag", "<table><tr><t", "d>a</td></tr></table>", "<table><tr><td>a</td></tr></table>"},
		{"all of it again", page, page + " the rest", page + " the rest"},
		{"its end again", page, "long enough to be known again, and then the rest", page + " the rest"},
		{"less of its end than tells", page, "and then the rest", page + "and then the rest"},
		{"rows that are equal", "<tr>\n" + strings.Repeat(row, 9), strings.Repeat(row, 3) + "</tr>",
			"<tr>\n" + strings.Repeat(row, 12) + "</tr>"},
		{"lines that are equal", "Nein" + strings.Repeat("\nNein, danke", 10), strings.Repeat("\nNein, danke", 50),
			"Nein" + strings.Repeat("\nNein, danke", 60)},
		{"nothing", page, "", page},
	} {
		if got, ok := splice(test.begun, test.next); !ok || got != test.want {
			t.Errorf("%s: %q, %v, want %q", test.name, got, ok, test.want)
		}
	}
	if got, ok := splice(page, page[:70]+"other words"); ok {
		t.Errorf("a page that begins from its top is joined: %q", got)
	}
}

func FuzzSplice(f *testing.F) {
	f.Add("the first", " half")
	f.Add(strings.Repeat("<td></td>\n", 30), strings.Repeat("<td></td>\n", 30))
	f.Fuzz(func(t *testing.T, begun, next string) {
		whole, ok := splice(begun, next)
		if ok && (!strings.HasPrefix(whole, begun) || !strings.HasSuffix(begun+next, whole[len(begun):]) ||
			len(begun)+len(next)-len(whole) > max(overlapMost, len(begun))) {
			t.Fatalf("%q and %q become %q", begun, next, whole)
		}
	})
}
