package ocr

import (
	"strings"
	"testing"
)

func TestWhatACutLeavesOpenIsClosed(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, text, want string }{
		{"nothing", "A page.", "A page."},
		{"a whole table", "<table><tr><td>a</td></tr></table>", "<table><tr><td>a</td></tr></table>"},
		{"in a cell", "<table><tbody><tr><td>a", "<table><tbody><tr><td>a</td></tr></tbody></table>"},
		{"between rows", "<table>\n  <tr>\n    <td>a</td>\n  </tr>\n",
			"<table>\n  <tr>\n    <td>a</td>\n  </tr>\n</table>"},
		{"in a tag", "<table><tr><td>a</td><t", "<table><tr><td>a</td></tr></table>"},
		{"in a closing tag", "<table><tr><td>a</", "<table><tr><td>a</td></tr></table>"},
		{"in a tag with attributes", `<table><tr><td colspan="2`, "<table><tr></tr></table>"},
		{"in a long tag", "<table><tr><td " + strings.Repeat("a", 200), "<table><tr></tr></table>"},
		{"in what is too long for a tag", "<table><tr><td " + strings.Repeat("a", 300),
			"<table><tr><td " + strings.Repeat("a", 300) + "</tr></table>"},
		{"a table in a cell", "<table><tr><td><table><tr><td>a</td>",
			"<table><tr><td><table><tr><td>a</td></tr></table></td></tr></table>"},
		{"attributes", `<table border="1"><tr class="x"><th scope="row">a`,
			`<table border="1"><tr class="x"><th scope="row">a</th></tr></table>`},
		{"ends that may be left out", "<table><tr><td>a<td>b", "<table><tr><td>a<td>b</td></tr></table>"},
		{"a row closes its cell", "<table><tr><td>a</tr>", "<table><tr><td>a</tr></table>"},
		{"a list", "<ul><li>a</li><li>b", "<ul><li>a</li><li>b</li></ul>"},
		{"a fence", "```go\nfunc main() {", "```go\nfunc main() {\n```"},
		{"a whole fence", "```\n<table>\n```\n", "```\n<table>\n```\n"},
		{"a fence of tildes", "~~~\n```\n", "~~~\n```\n\n~~~"},
		{"a formula", "$$\nx = 1", "$$\nx = 1\n$$"},
		{"a whole formula", "$$\nx\n$$\n\n$$y$$", "$$\nx\n$$\n\n$$y$$"},
		{"dollars in a line", "It costs $$ and more", "It costs $$ and more"},
		{"dollars at the end of a line", "It costs $$\n\nand more", "It costs $$\n\nand more"},
		{"a formula within a line", "It is $$x$$\nand more", "It is $$x$$\nand more"},
		{"a formula after prose", "The energy is $$\nE = m", "The energy is $$\nE = m\n$$"},
		{"a whole formula after prose", "The energy is $$\nE = mc^2\n$$\n\nwhere m",
			"The energy is $$\nE = mc^2\n$$\n\nwhere m"},
		{"a whole fence in a list", "1. ```go\n   x := 1\n   ```\n\nThe program",
			"1. ```go\n   x := 1\n   ```\n\nThe program"},
		{"a fence in a list", "- ```go\n  - ```", "- ```go\n  - ```\n```"},
		{"a whole fence in a quotation", "> ```\n> x\n> ```\n", "> ```\n> x\n> ```\n"},
		{"a whole fence in a block", "![code](10,10,900,200) ```go\nx := 1\n```\n\n![text](10,300,900,400) It prints",
			"![code](10,10,900,200) ```go\nx := 1\n```\n\n![text](10,300,900,400) It prints"},
		{"a whole formula in a block", "![formula](1,1,9,2) $$\nx\n$$\n\n![text](1,3,9,4) where x",
			"![formula](1,1,9,2) $$\nx\n$$\n\n![text](1,3,9,4) where x"},
		{"a table after a formula in a block", "![formula](1,1,9,2) $$\nx\n$$\n\n![table](1,3,9,4) <table><tr><td>a",
			"![formula](1,1,9,2) $$\nx\n$$\n\n![table](1,3,9,4) <table><tr><td>a</td></tr></table>"},
		{"escaped dollars", "\\$$ and <table>", "\\$$ and <table></table>"},
		{"an end without a beginning", "a</td></table>", "a</td></table>"},
		{"a smaller sign", "a < b and <i", "a < b and <i"},
	} {
		if got := closeOpen(test.text); got != test.want {
			t.Errorf("%s: %q becomes %q, want %q", test.name, test.text, got, test.want)
		}
	}
	deep := strings.Repeat("<ul><li>", 10*deepest)
	if n := len(closeOpen(deep)) - len(deep); n != deepest/2*len("</ul></li>") {
		t.Errorf("%d bytes close a list that is deeper than is looked at", n)
	}
}

func FuzzCloseOpen(f *testing.F) {
	f.Add("<table><tr><td>a")
	f.Add("```\n$$\n<ul>\n```\n$$<li")
	f.Fuzz(func(t *testing.T, text string) {
		closed := closeOpen(text)
		if again := closeOpen(closed); again != closed {
			t.Fatalf("%q is closed, and then %q", closed, again)
		}
		if lost := len(text) - 220; len(closed) < lost || !strings.HasPrefix(closed, text[:max(0, lost)]) {
			t.Fatalf("%q lost text in %q", text, closed)
		}
	})
}
