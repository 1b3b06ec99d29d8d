// Package docs_test compares what these pages say with the code.
package docs_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/bucketocr/bucketocr/internal/document"
)

// tableOf returns the rows of the first table in a file whose head begins with the given cells.
func tableOf(t *testing.T, file, head string) [][]string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	_, after, ok := strings.Cut(string(text), "\n"+head)
	if !ok {
		t.Fatalf("%s has no table %q", file, head)
	}
	var rows [][]string
	for line := range strings.Lines(after) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "|") {
			if len(rows) > 0 {
				break
			}
			continue
		}
		cells := strings.Split(strings.Trim(line, "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		rows = append(rows, cells)
	}
	return rows[1:] // without the rule
}

var ticked = regexp.MustCompile("`([^`]+)`")

// firstCells returns the words in ticks of each row's first cell.
func firstCells(rows [][]string) []string {
	var words []string
	for _, r := range rows {
		for _, m := range ticked.FindAllStringSubmatch(r[0], -1) {
			words = append(words, m[1])
		}
	}
	return words
}

// source returns the Go files below a folder of the repository, tests left out, one after the other.
func source(t *testing.T, folder string) string {
	t.Helper()
	var all strings.Builder
	for _, file := range files(t, folder) {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(text)
	}
	return all.String()
}

func files(t *testing.T, folder string) []string {
	t.Helper()
	var found []string
	err := filepath.WalkDir("../"+folder, func(path string, _ fs.DirEntry, err error) error {
		if strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go") {
			found = append(found, path)
		}
		return err
	})
	if err != nil || len(found) == 0 {
		t.Fatalf("%s: %d Go files, %v", folder, len(found), err)
	}
	return found
}

// names returns a name of each row of a table.
func names[Row any, Name ~string](rows []Row, name func(Row) Name) []string {
	all := make([]string, len(rows))
	for i, r := range rows {
		all[i] = string(name(r))
	}
	return all
}

func same(t *testing.T, what string, told, code []string) {
	t.Helper()
	slices.Sort(told)
	slices.Sort(code)
	if !slices.Equal(told, code) {
		t.Errorf("%s\npage %v\ncode %v", what, told, code)
	}
}

// TestStatuses: the table of statuses has each of the code's, and no other.
func TestStatuses(t *testing.T) {
	same(t, "statuses", firstCells(tableOf(t, "document.md", "| status | meaning |")),
		names(document.Statuses(), func(s document.Status) document.Status { return s }))
}

// TestSpans: every span is listed.
func TestSpans(t *testing.T) {
	var spans []string
	for _, m := range regexp.MustCompile(`(?:tracer\.Start|\.startPart)\(ctx, "([^"]+)"`).FindAllStringSubmatch(
		source(t, "internal/worker"), -1) {
		spans = append(spans, m[1])
	}
	same(t, "spans", firstCells(tableOf(t, "observability.md", "| span |")), spans)
}

// TestFields: the document's fields in document.md are those that the Firestore driver writes.
func TestFields(t *testing.T) {
	_, read, _ := strings.Cut(source(t, "internal/gcp/firestore"), "func readRecord(")
	read, _, _ = strings.Cut(read, "\n}\n")
	var code []string
	for _, m := range regexp.MustCompile(`\bf\.\w+\("(\w+)"\)`).FindAllStringSubmatch(read, -1) {
		code = append(code, m[1])
	}
	code = append(code, "file", "schema") // which are written and not read
	same(t, "fields", firstCells(tableOf(t, "document.md", "| field |")), code)
}

// TestQueries: every query is listed with its index. One with several conditions is named by its first.
func TestQueries(t *testing.T) {
	var code []string
	where := regexp.MustCompile(`where\("([\w.]+)", pb\.StructuredQuery_FieldFilter_(\w+)`)
	for _, m := range where.FindAllStringSubmatch(source(t, "internal/gcp/firestore"), -1) {
		code = append(code, m[1]+" "+operators[m[2]])
	}
	var told []string
	for _, r := range tableOf(t, "document.md", "| collection |") {
		for _, m := range regexp.MustCompile("`([\\w.]+)` (<=|>=|==|!=|contains)").FindAllStringSubmatch(r[1], -1) {
			told = append(told, m[1]+" "+m[2])
		}
	}
	for _, c := range code {
		if !slices.Contains(told, c) {
			t.Errorf("document.md does not list the condition %s", c)
		}
	}
	for _, r := range told {
		if !slices.Contains(code, r) {
			t.Errorf("document.md lists the condition %s, which no query has", r)
		}
	}
}

var operators = map[string]string{
	"LESS_THAN_OR_EQUAL": "<=", "GREATER_THAN_OR_EQUAL": ">=", "EQUAL": "==", "NOT_EQUAL": "!=",
	"ARRAY_CONTAINS": "contains",
}
