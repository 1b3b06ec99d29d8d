package docs_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bucketocr/bucketocr/docs"
)

// TestTablesAreGenerated: go generate ./docs would change no page, and every table is on one page.
func TestTablesAreGenerated(t *testing.T) {
	t.Parallel()
	pages, err := filepath.Glob("*.md")
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, page := range pages {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		rendered, found, err := docs.Render(string(text))
		if err != nil {
			t.Errorf("%s: %v", page, err)
			continue
		}
		if rendered != string(text) {
			t.Errorf("%s: the code has other tables; go generate ./docs writes them", page)
		}
		all = append(all, found...)
	}
	slices.Sort(all)
	if !slices.Equal(all, docs.Names()) {
		t.Errorf("tables on the pages %v, in the code %v", all, docs.Names())
	}
}

// TestRender: a table is replaced between its two comments and nowhere else; what cannot be rendered is an error.
func TestRender(t *testing.T) {
	t.Parallel()
	const before, after = "# Page\n\n<!-- table: warnings -->\n", "<!-- end of table -->\n\nText.\n"
	page, names, err := docs.Render(before + "| old |\n" + after)
	if err != nil || !slices.Equal(names, []string{"warnings"}) {
		t.Fatal(names, err)
	}
	if !strings.HasPrefix(page, before+"| warning | meaning |\n") || !strings.HasSuffix(page, "|\n"+after) ||
		strings.Contains(page, "| old |") {
		t.Errorf("rendered %s", page)
	}
	for name, page := range map[string]string{
		"unknown table": "<!-- table: prices -->\n<!-- end of table -->\n",
		"no end":        before + "| old |\n",
	} {
		if _, _, err := docs.Render(page); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
