package ocr

import (
	"fmt"
	"maps"
	"reflect"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestLayoutIsReadAsBlocksAndText(t *testing.T) {
	t.Parallel()
	box, next := [4]int{1, 2, 3, 4}, [4]int{5, 6, 7, 8}
	tests := []struct {
		name, raw string
		blocks    []Block
		text      string
	}{
		{"empty", "", nil, ""},
		{"no markers", "just text", nil, "just text"},
		{"one", "![title](10,20,300,40) # Hello", []Block{{"title", false, [4]int{10, 20, 300, 40}, "# Hello"}},
			"# Hello"},
		{"text on the next line", "![text](1,2,3,4)\nHello\nworld\n", []Block{{"text", false, box, "Hello\nworld"}},
			"Hello\nworld"},
		{"paragraphs", "![text](1,2,3,4) a\n![text](1,2,3,4) b",
			[]Block{{"text", false, box, "a"}, {"text", false, box, "b"}}, "a\n\nb"},
		{"text before the first", "hello ![text](1,2,3,4) a", []Block{{"text", false, box, "a"}}, "hello\n\na"},
		{"unknown label, blanks", "![page-stamp_2]( 1 , 2 , 3 , 4 ) x", []Block{{"page-stamp_2", false, box, "x"}},
			"x"},
		{"label in another script", "![Überschrift](1,2,3,4) x", []Block{{"Überschrift", false, box, "x"}}, "x"},
		{"digits and commas of full width", "![text](１，２，３，１０００) x",
			[]Block{{"text", false, [4]int{1, 2, 3, 1000}, "x"}}, "x"},
		{"beyond the page", "![text](1,2,1003,99999999999) x", []Block{{"text", false, [4]int{1, 2, 1000, 1000}, "x"}},
			"x"},
		{"the wrong way round", "![text](800,700,100,50) x", []Block{{"text", false, [4]int{100, 50, 800, 700}, "x"}},
			"x"},
		{
			"not markers", "![image](image_1.png) ![t](1,2,3) ![t](1,2,3,4,5) ![](1,2,3,4) ![t](-1,2,3,4) ![t](1.5,2,3,4) ![page number](1,2,3,4) ![2col](1,2,3,4)",
			nil,
			"![image](image_1.png) ![t](1,2,3) ![t](1,2,3,4,5) ![](1,2,3,4) ![t](-1,2,3,4) ![t](1.5,2,3,4) ![page number](1,2,3,4) ![2col](1,2,3,4)"},
		{"cut marker", "![text](1,2,3,4) a\n![text](5,6", []Block{{"text", false, box, "a\n![text](5,6"}},
			"a\n![text](5,6"},
		{"marker in a cell",
			"![table](1,2,3,4) <table><tr><th>![image](5,6,7,8) Logo ![text](5,6,7,8) x</th><td>Acme</td></tr></table>\n![text](5,6,7,8) y",
			[]Block{
				{"table", false, box, "<table><tr><th> Logo  x</th><td>Acme</td></tr></table>"},
				{"text", false, next, "y"}},
			"<table><tr><th> Logo  x</th><td>Acme</td></tr></table>\n\ny"},
		{"marker behind a cell without an end",
			"![table](1,2,3,4) <table><tr><td>a\n![text](5,6,7,8) b\n![table](1,2,3,4) <table><tr><td>c</td></tr></table>",
			[]Block{
				{"table", false, box, "<table><tr><td>a"}, {"text", false, next, "b"},
				{"table", false, box, "<table><tr><td>c</td></tr></table>"}},
			"<table><tr><td>a\n\nb\n\n<table><tr><td>c</td></tr></table>"},

		{"picture", "![text](1,2,3,4) a\n![image](5,6,7,8) A photo.\n![text](1,2,3,4) b", []Block{
			{"text", false, box, "a"}, {"image", false, next, "A photo."}, {"text", false, box, "b"}}, "a\n\nb"},
		{"pictures above and below", "![header_image](1,2,3,4) A logo.\n![footer_image](5,6,7,8) A seal.", []Block{
			{"header_image", false, box, "A logo."}, {"footer_image", false, next, "A seal."}}, ""},
		{"picture with the rest of a table", "![image](1,2,3,4) a</td></tr></table>",
			[]Block{{"image", false, box, "a</td></tr></table>"}}, "a</td></tr></table>"},
		{"chart", "![chart](1,2,3,4) <table></table>", []Block{{"chart", false, box, "<table></table>"}},
			"<table></table>"},

		{"formula repaired", `![formula](1,2,3,4) \$x^2\$`, []Block{{"formula", false, box, "$x^2$"}}, "$x^2$"},
		{"formula that could be a price", `![formula](1,2,3,4) \$\$5\$\$`, []Block{{"formula", false, box, "$$5$$"}},
			"$$5$$"},
		{"formula without dollars", `![formula](1,2,3,4) x = \$5`, []Block{{"formula", false, box, "$$\nx = \\$5\n$$"}},
			"$$\nx = \\$5\n$$"},
		{"formula with dollars", `![formula](1,2,3,4) $$x$$ (1)`, []Block{{"formula", false, box, "$$x$$ (1)"}},
			"$$x$$ (1)"},
		{"formula in brackets", `![formula](1,2,3,4) \[x\]`, []Block{{"formula", false, box, `\[x\]`}}, `\[x\]`},
		{"formula over paragraphs", "![formula](1,2,3,4) x\n\ny", []Block{{"formula", false, box, "x\n\ny"}}, "x\n\ny"},
		{"title without #", "![title](1,2,3,4) A long\ntitle", []Block{{"title", false, box, "# A long title"}},
			"# A long title"},
		{"title with a split word", "![title](1,2,3,4) A divi-\nded title",
			[]Block{{"title", false, box, "# A divided title"}}, "# A divided title"},
		{"section without blanks", "![section](1,2,3,4) 光の\n文字", []Block{{"section", false, box, "## 光の文字"}},
			"## 光の文字"},
		{"title with one", "![title](1,2,3,4) ### A", []Block{{"title", false, box, "### A"}}, "### A"},
		{"title with a number", "![title](1,2,3,4) #1 A", []Block{{"title", false, box, "# #1 A"}}, "# #1 A"},
		{"title in HTML, underlined", "![title](1,2,3,4) <h1>A</h1>\n![title](1,2,3,4) A\n===",
			[]Block{{"title", false, box, "<h1>A</h1>"}, {"title", false, box, "A\n==="}}, "<h1>A</h1>\n\nA\n==="},
		{"title and paragraph", "![title](1,2,3,4) A\n\nb\nc", []Block{{"title", false, box, "# A\n\nb\nc"}},
			"# A\n\nb\nc"},
		{"section without ##", "![section](1,2,3,4) A", []Block{{"section", false, box, "## A"}}, "## A"},
		{"code without a fence", "![code](1,2,3,4)\n    if a:\n        \\$x\\$\n",
			[]Block{{"code", false, box, "```\n    if a:\n        \\$x\\$\n```"}},
			"```\n    if a:\n        \\$x\\$\n```"},
		{"code behind its marker", "![code](1,2,3,4)  a\n  b", []Block{{"code", false, box, "```\na\n  b\n```"}},
			"```\na\n  b\n```"},
		{"code with a fence", "![code](1,2,3,4) ```go\na\n```", []Block{{"code", false, box, "```go\na\n```"}},
			"```go\na\n```"},
		{"code with a fence without an end", "![code](1,2,3,4) ~~~\na\n![text](5,6,7,8) b",
			[]Block{{"code", false, box, "~~~\na\n~~~"}, {"text", false, next, "b"}}, "~~~\na\n~~~\n\nb"},
		{"code with backticks", "![code](1,2,3,4) a ```` b", []Block{{"code", false, box, "`````\na ```` b\n`````"}},
			"`````\na ```` b\n`````"},
		{"code marked otherwise", "![code](1,2,3,4) `a`\n![code](1,2,3,4) <pre>a</pre>",
			[]Block{{"code", false, box, "`a`"}, {"code", false, box, "<pre>a</pre>"}}, "`a`\n\n<pre>a</pre>"},
		{"no text, no markup", "![code](1,2,3,4)\n![title](1,2,3,4)\n![formula](1,2,3,4)",
			[]Block{{"code", false, box, ""}, {"title", false, box, ""}, {"formula", false, box, ""}}, ""},
		{"title that goes on", "![title](1,2,3,4) A\n![title+](5,6,7,8) b",
			[]Block{{"title", false, box, "# A"}, {"title", true, next, "b"}}, "# A b"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			blocks, text := readLayout(test.raw)
			if !reflect.DeepEqual(blocks, test.blocks) || text != test.text {
				t.Errorf("got %+v\n%q\nwant %+v\n%q", blocks, text, test.blocks, test.text)
			}
		})
	}
}

// TestContinuationsAreJoined: blocks are given as label and text; their boxes do not matter.
func TestContinuationsAreJoined(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		blocks [][2]string
		want   string
	}{
		{"paragraph", [][2]string{{"text", "It goes"}, {"text+", "on."}}, "It goes on."},
		{"twice", [][2]string{{"text", "It"}, {"text+", "goes"}, {"text+", "on."}}, "It goes on."},
		{"over a picture and its caption",
			[][2]string{{"text", "It goes"}, {"image", "A photo"}, {"caption", "Fig. 1"}, {"text+", "on."}},
			"It goes on.\n\nFig. 1"},
		{"over a table and the page's end", [][2]string{
			{"text", "It goes"}, {"table", "<table></table>"}, {"footnote", "1 n"}, {"footer", "f"},
			{"page_number", "1"}, {"header", "h"}, {"text+", "on."},
		}, "It goes on.\n\n<table></table>\n\n1 n\n\nf\n\n1\n\nh"},
		{"not over a formula", [][2]string{{"text", "Let"}, {"formula", "$$x$$"}, {"text+", "be"}},
			"Let\n\n$$x$$\n\nbe"},
		{"not over a title", [][2]string{{"text", "a"}, {"title", "# T"}, {"text+", "b"}}, "a\n\n# T\n\nb"},
		{"not to another label", [][2]string{{"list", "- a"}, {"text+", "b"}}, "- a\n\nb"},
		{"to the last one", [][2]string{{"text", "a"}, {"text", "b"}, {"text+", "c"}}, "a\n\nb c"},
		{"from the page before", [][2]string{{"text+", "on."}}, "on."},
		{"from a picture", [][2]string{{"image", ""}, {"text+", "on."}}, "on."},
		{"from nothing", [][2]string{{"text", "a"}, {"text", ""}, {"text+", "b"}}, "a\n\nb"},
		{"with nothing", [][2]string{{"text", "a"}, {"text+", ""}, {"text", "b"}}, "a\n\nb"},
		{"list", [][2]string{{"list", "- a"}, {"list+", "- b"}}, "- a\n- b"},
		{"table", [][2]string{{"table", "| a |\n|---|\n| b |"}, {"text", "t"}, {"table+", "| c |"}},
			"| a |\n|---|\n| b |\n| c |\n\nt"},
		{"caption over text", [][2]string{{"caption", "Fig."}, {"text", "t"}, {"caption+", "1"}}, "Fig. 1\n\nt"},
		{"code", [][2]string{{"code", "a"}, {"code+", "b"}}, "```\na\nb\n```"},
		{"code in one fence", [][2]string{{"code", "```\na"}, {"code+", "b\n```"}}, "```\na\nb\n```"},
		{"code in a fence and code without", [][2]string{{"code", "```\na\n```"}, {"code+", "b"}},
			"```\na\n```\n```\nb\n```"},
		{"formula", [][2]string{{"formula", "a ="}, {"formula+", "b"}}, "$$\na =\nb\n$$"},

		{"split word", [][2]string{{"text", "the trans-"}, {"text+", "port of"}}, "the transport of"},
		{"split word, other hyphens",
			[][2]string{{"text", "Stra\u2010"}, {"text+", "ße, trans\u00ad"}, {"text+", "port"}}, "Straße, transport"},
		{"compound", [][2]string{{"text", "Müller-"}, {"text+", "Lüdenscheidt, COVID-"}, {"text+", "19"}},
			"Müller-Lüdenscheidt, COVID-19"},
		{"suspended hyphen", [][2]string{{"text", "pre-"}, {"text+", "and post-"}, {"text+", "oder"}},
			"pre- and post- oder"},
		{"words that begin like it", [][2]string{{"text", "br-"}, {"text+", "ot"}, {"text+", "x -"}, {"text+", "y"}},
			"brot x - y"},
		{"dash", [][2]string{{"text", "a -"}, {"text+", "b —"}, {"text+", "c"}}, "a - b — c"},
		{"number", [][2]string{{"text", "a1-"}, {"text+", "b"}}, "a1- b"},
		{"no blanks in Chinese", [][2]string{{"text", "这是"}, {"text+", "文本。"}, {"text+", "二"}, {"text+", "x"}},
			"这是文本。二 x"},
		{"signs of Chinese", [][2]string{{"text", "说“你好”"}, {"text+", "然后——"}, {"text+", "好"}, {"text+", "OK"}},
			"说“你好”然后——好 OK"},
		{"long vowels and middle dots", [][2]string{{"text", "コンピュー"}, {"text+", "ターと・"}, {"text+", "ー"}},
			"コンピューターと・ー"},
		{"no blanks in Thai and Khmer",
			[][2]string{{"text", "ภาษา"}, {"text+", "ไทย"}, {"text", "ភាសា"}, {"text+", "ខ្មែរ"}},
			"ภาษาไทย\n\nភាសាខ្មែរ"},
		{"blanks beside quotation marks", [][2]string{{"text", "he said “yes”"}, {"text+", "and “no”"}},
			"he said “yes” and “no”"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var raw strings.Builder
			for _, b := range test.blocks {
				fmt.Fprintf(&raw, "![%s](1,2,3,4) %s\n\n", b[0], b[1])
			}
			blocks, text := readLayout(raw.String())
			if text != test.want {
				t.Errorf("got %q, want %q", text, test.want)
			}
			for i, b := range blocks {
				if b.Continued != strings.HasSuffix(test.blocks[i][0], "+") {
					t.Errorf("%+v", b)
				}
			}
		})
	}
}

func TestBoxesOfPicturesAreRemoved(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"a\n\n![image](image_1.png)120,340,880,760\n\nb":                "a\n\n![image](image_1.png)\n\nb",
		"![image](image_1.png)120, 340, 880, 760":                       "![image](image_1.png)",
		"![image](image_1.png)1,2,3,4![image](image_22.png)5,6,7,1000.": "![image](image_1.png)![image](image_22.png).",
		"![image](image_1.png)1,2,3,4, and 5":                           "![image](image_1.png), and 5",
		"![image](image_1.png)1,2,3,4,5":                                "![image](image_1.png)1,2,3,4,5",
		"![image](image_1.png)1,2,3,4.5":                                "![image](image_1.png)1,2,3,4.5",
		"![image](image_1.png)1,2,3,45678":                              "![image](image_1.png)1,2,3,45678",
		"![image](image_1.png)1,2,3,4%":                                 "![image](image_1.png)1,2,3,4%",
		"![image](image_1.png)2019, 2020, 2021, 2022":                   "![image](image_1.png)2019, 2020, 2021, 2022",
		"![image](image_1.png)0,500,1000,1001":                          "![image](image_1.png)0,500,1000,1001",
		"![image](image_1.png)1,2,3":                                    "![image](image_1.png)1,2,3",
		"![image](image_1.png) 1,2,3,4":                                 "![image](image_1.png) 1,2,3,4",
		"![image](image_1.png)\n1,2,3,4":                                "![image](image_1.png)\n1,2,3,4",

		"![photo](photo.png)1,2,3,4 image_1.png)1,2,3,4": "![photo](photo.png)1,2,3,4 image_1.png)1,2,3,4",
		"1,2,3,4": "1,2,3,4",
	} {
		if got := stripBoxes(in); got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
}

// TestLayoutIsLinear: in an answer of twice the length twice as many bytes are examined, counting repeated
// examinations.
func TestLayoutIsLinear(t *testing.T) {
	t.Parallel()
	examined := func(raw string) int {
		var l layout
		l.read(raw)
		l.text()
		return l.examined
	}
	pieces := []string{
		"![text](1,2,3,4)", "![text+](1,2,3,4) a-", "![text+](1,2,3,4) a\n", "![image](1,2,3,4) a",
		"![code](1,2,3,4) ```\n", "![code+](1,2,3,4) a\n```\n", "![title](1,2,3,4) a\n", "![formula+](1,2,3,4) \\$x\\$",
		"<td>", "</td>", "<td", "![text](1,2,3", "![", "1", "１", ",", "\n", "```\n", `\$`,
		"![table](1,2,3,4) <td>![image](1,2,3,4) a", "-", "a",
	}
	linear(t, pieces, 60, 8, examined)
}

func FuzzReadLayout(f *testing.F) {
	for _, seed := range []string{
		"![title](10,20,300,40) # Hello\n![text+](1,2,3,4) x", "![text](1,2,3,4)![text](1,2,3,4)\\$x\\$",
		"lead ![text](1,2,3,4) a-\n![image](1,2,3,4) A photo.\n![text+](1,2,3,4) b",
		"![code](1,2,3,4) ```\na\n![code+](1,2,3,4) b\n![formula](1,2,3,4) \\$\\$5\\$\\$",
		"![table](1,2,3,4) <td>![image](9,9,1,1) a</td>![section](１,２,３,４) a\nb",
		"![Ü](1,2,3,99999999999) 这\n![Ü+](1,2,3,4) 是",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		blocks, text := readLayout(raw)
		for _, b := range blocks {
			for _, edge := range b.Box {
				if edge < 0 || edge > 1000 {
					t.Fatalf("box %v", b.Box)
				}
			}
			if b.Box[0] > b.Box[2] || b.Box[1] > b.Box[3] || b.Label == "" || strings.HasSuffix(b.Label, "+") {
				t.Fatalf("block %+v of %q", b, raw)
			}
		}
		if !utf8.ValidString(raw) {
			return
		}
		// Only markers and descriptions are lost, and only the marks of headings, formulas and code, and hyphens, are
		// added.
		want := signs(marker.ReplaceAllString(raw, ""))
		inBlocks, inText := signs(""), signs(text)
		for _, b := range blocks {
			maps.Copy(inBlocks, sum(inBlocks, signs(b.Text)))
			if !utf8.ValidString(b.Text) {
				t.Fatalf("block %+v of %q", b, raw)
			}
			if pictures[b.Label] && !strings.Contains(b.Text, "</t") {
				inText = sum(inText, signs(b.Text))
			}
		}
		if !utf8.ValidString(text) || !maps.Equal(inText, want) {
			t.Fatalf("%q became %q of %+v", raw, text, blocks)
		}
		if lead, _, _ := strings.Cut(raw, "!["); len(blocks) > 0 && strings.TrimSpace(lead) == "" &&
			marker.FindStringIndex(raw)[0] == len(lead) && !maps.Equal(inBlocks, want) {
			t.Fatalf("%q became %+v", raw, blocks)
		}
	})
}

// signs counts the characters of a text, except white space and those used for mark-up.
func signs(text string) map[rune]int {
	n := map[rune]int{}
	for _, r := range text {
		if !unicode.IsSpace(r) && !strings.ContainsRune("\\$#`~-\u2010\u00ad", r) {
			n[r]++
		}
	}
	return n
}

func sum(a, b map[rune]int) map[rune]int {
	n := maps.Clone(a)
	for r, k := range b {
		n[r] += k
	}
	return n
}

func FuzzStripBoxes(f *testing.F) {
	f.Add("a\n![image](image_1.png)120,340,880,760\nb")
	f.Add("![image](image_1.png)1,2,3,4![image](image_2.png)1,2,3,4,5")
	f.Fuzz(func(t *testing.T, text string) {
		got := stripBoxes(text)
		// Only numbers, commas and blanks after pictures are removed.
		if strings.Count(got, "![image](image_") != strings.Count(text, "![image](image_") ||
			utf8.ValidString(text) != utf8.ValidString(got) {
			t.Fatalf("%q became %q", text, got)
		}
		i := 0
		for j := 0; j < len(text); j++ {
			if i < len(got) && got[i] == text[j] {
				i++
			} else if !strings.ContainsRune("0123456789, ", rune(text[j])) {
				t.Fatalf("%q became %q: changed at %d", text, got, j)
			}
		}
		if i != len(got) {
			t.Fatalf("%q became %q", text, got)
		}
	})
}
