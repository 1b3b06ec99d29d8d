package ocr

import (
	"reflect"
	"strings"
	"testing"
)

func TestLayoutIsReadAsBlocksAndText(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, raw string
		blocks    []Block
		text      string
	}{
		{"empty", "", nil, ""},
		{"no markers", "just text", nil, "just text"},
		{"one", "![title](10,20,300,40) # Hello", []Block{{"title", false, [4]int{10, 20, 300, 40}, "# Hello"}}, "# Hello"},
		{"text on the next line", "![text](1,2,3,4)\nHello\nworld\n", []Block{{"text", false, [4]int{1, 2, 3, 4}, "Hello\nworld"}}, "Hello\nworld"},
		{"two, a paragraph that goes on", "![text](1,2,3,4) It goes\n![text+](5,6,7,8) on.", []Block{
			{"text", false, [4]int{1, 2, 3, 4}, "It goes"}, {"text", true, [4]int{5, 6, 7, 8}, "on."}}, "It goes on."},
		{"a list that goes on", "![list](1,2,3,4) - a\n![list+](5,6,7,8) - b", []Block{
			{"list", false, [4]int{1, 2, 3, 4}, "- a"}, {"list", true, [4]int{5, 6, 7, 8}, "- b"}}, "- a\n- b"},
		{"goes on from nothing", "![image](1,2,3,4)\n![text+](5,6,7,8) on.", []Block{
			{"image", false, [4]int{1, 2, 3, 4}, ""}, {"text", true, [4]int{5, 6, 7, 8}, "on."}}, "on."},
		{"paragraphs", "![text](1,2,3,4) a\n![text](1,2,3,4) b", []Block{
			{"text", false, [4]int{1, 2, 3, 4}, "a"}, {"text", false, [4]int{1, 2, 3, 4}, "b"}}, "a\n\nb"},
		{"text before the first", "hello ![text](1,2,3,4) a", []Block{{"text", false, [4]int{1, 2, 3, 4}, "a"}}, "hello\n\na"},
		{"unknown label, blanks", "![page-stamp_2]( 1 , 2 , 3 , 4 ) x", []Block{{"page-stamp_2", false, [4]int{1, 2, 3, 4}, "x"}}, "x"},
		{"beyond the page", "![text](1,2,1003,99999) x", []Block{{"text", false, [4]int{1, 2, 1000, 1000}, "x"}}, "x"},
		{"not markers", "![image](image_1.png) ![t](1,2,3) ![t](1,2,3,4,5) ![](1,2,3,4) ![t](-1,2,3,4) ![t](1234567,2,3,4)", nil,
			"![image](image_1.png) ![t](1,2,3) ![t](1,2,3,4,5) ![](1,2,3,4) ![t](-1,2,3,4) ![t](1234567,2,3,4)"},
		{"formula repaired", `![formula](1,2,3,4) \$x^2\$`, []Block{{"formula", false, [4]int{1, 2, 3, 4}, "$x^2$"}}, "$x^2$"},
		{"cut marker", "![text](1,2,3,4) a\n![text](5,6", []Block{{"text", false, [4]int{1, 2, 3, 4}, "a\n![text](5,6"}}, "a\n![text](5,6"},
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

func FuzzReadLayout(f *testing.F) {
	f.Add("![title](10,20,300,40) # Hello\n![text+](1,2,3,4) x")
	f.Add("![text](1,2,3,4)![text](1,2,3,4)\\$x\\$")
	f.Fuzz(func(t *testing.T, raw string) {
		blocks, text := readLayout(raw)
		shown := 0
		for _, b := range blocks {
			shown += len(b.Text)
			for _, edge := range b.Box {
				if edge < 0 || edge > 1000 {
					t.Fatalf("box %v", b.Box)
				}
			}
			if b.Label == "" || strings.HasSuffix(b.Label, "+") || !strings.Contains(text, b.Text) {
				t.Fatalf("block %+v of %q", b, raw)
			}
		}
		if shown > len(raw) || len(text) > len(raw) {
			t.Fatalf("%d bytes became %d", len(raw), len(text))
		}
	})
}
