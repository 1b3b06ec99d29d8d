// Package docs_test compares what README and this folder say with the code.
package docs_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/bucketocr/bucketocr/internal/config"
	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/telemetry"
	"github.com/bucketocr/bucketocr/internal/worker"
)

// tableBelow returns the rows of the first README table whose head begins with the given cells.
func tableBelow(t *testing.T, head string) [][]string {
	t.Helper()
	return tableOf(t, "../README.md", head)
}

// tableOf returns those of any file.
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

func same(t *testing.T, what string, readme, code []string) {
	t.Helper()
	slices.Sort(readme)
	slices.Sort(code)
	if !slices.Equal(readme, code) {
		t.Errorf("%s\nREADME %v\ncode   %v", what, readme, code)
	}
}

func TestReadmeVariables(t *testing.T) {
	var code, readme []string
	for _, v := range config.Variables() {
		code = append(code, fmt.Sprintf("`%s` %s %s %s", v.Name, v.Default, v.Unit, v.Meaning))
	}
	for _, r := range tableBelow(t, "| variable |") {
		readme = append(readme, strings.Join(r, " "))
	}
	same(t, "variables", readme, code)
}

// TestReadmeWords: the tables of words are those of the code, with the sentences that log, page and terminal show.
func TestReadmeWords(t *testing.T) {
	var outcomes, codes, warnings [][]string
	for _, o := range document.Outcomes() {
		answer := "200"
		if o.Refused {
			answer = "503"
		}
		outcomes = append(outcomes, []string{string(o.Outcome), answer, o.Summary})
	}
	for _, c := range document.Codes() {
		codes = append(codes, []string{c.Code, string(c.Class), c.Summary + " " + c.Advice})
	}
	for _, w := range document.Warnings() {
		warnings = append(warnings, []string{w.Warning, w.Summary})
	}
	for head, code := range map[string][][]string{"| outcome |": outcomes, "| code |": codes, "| warning |": warnings} {
		same(t, head, flat(tableBelow(t, head)), flat(code))
	}
	same(t, "statuses", firstCells(tableBelow(t, "| status |")), names(document.Statuses(), func(s document.Status) document.Status { return s }))
}

// flat joins the cells of each row, without ticks.
func flat(rows [][]string) []string {
	var lines []string
	for _, r := range rows {
		lines = append(lines, strings.ReplaceAll(strings.Join(r, " | "), "`", ""))
	}
	return lines
}

// TestReadmeTelemetry: every metric, as it is made, and every span.
func TestReadmeTelemetry(t *testing.T) {
	var code, readme []string
	for _, i := range instruments() {
		attributes := ""
		if len(i.Attributes) > 0 {
			attributes = "`" + strings.Join(i.Attributes, "`, `") + "`"
		}
		code = append(code, strings.Join([]string{"`" + i.Name + "`", i.Kind, i.Unit, attributes, i.Meaning}, " "))
	}
	for _, r := range tableBelow(t, "| metric |") {
		readme = append(readme, strings.Join(r, " "))
	}
	same(t, "metrics", readme, code)

	var spans []string
	for _, m := range regexp.MustCompile(`(?:tracer\.Start|\.startPart)\(ctx, "([^"]+)"`).FindAllStringSubmatch(source(t, "internal/worker"), -1) {
		spans = append(spans, m[1])
	}
	same(t, "spans", firstCells(tableBelow(t, "| span |")), spans)
}

// TestReadmeFields: the document's fields in README are those that the Firestore driver writes.
func TestReadmeFields(t *testing.T) {
	_, read, _ := strings.Cut(source(t, "internal/gcp/firestore"), "func readRecord(")
	read, _, _ = strings.Cut(read, "\n}\n")
	var code []string
	for _, m := range regexp.MustCompile(`\bf\.\w+\("(\w+)"\)`).FindAllStringSubmatch(read, -1) {
		code = append(code, m[1])
	}
	code = append(code, "file", "schema") // which are written and not read
	same(t, "fields", firstCells(tableBelow(t, "| field |")), code)
}

// TestReadmeQueries: every query is listed with its index. One with several conditions is named by its first.
func TestReadmeQueries(t *testing.T) {
	var code []string
	where := regexp.MustCompile(`where\("([\w.]+)", pb\.StructuredQuery_FieldFilter_(\w+)`)
	for _, m := range where.FindAllStringSubmatch(source(t, "internal/gcp/firestore"), -1) {
		code = append(code, m[1]+" "+operators[m[2]])
	}
	var readme []string
	for _, r := range tableBelow(t, "| collection |") {
		for _, m := range regexp.MustCompile("`([\\w.]+)` (<=|>=|==|!=|contains)").FindAllStringSubmatch(r[1], -1) {
			readme = append(readme, m[1]+" "+m[2])
		}
	}
	for _, c := range code {
		if !slices.Contains(readme, c) {
			t.Errorf("README does not list the condition %s", c)
		}
	}
	for _, r := range readme {
		if !slices.Contains(code, r) {
			t.Errorf("README lists the condition %s, which no query has", r)
		}
	}
}

var operators = map[string]string{
	"LESS_THAN_OR_EQUAL": "<=", "GREATER_THAN_OR_EQUAL": ">=", "EQUAL": "==", "NOT_EQUAL": "!=", "ARRAY_CONTAINS": "contains",
}

// instruments returns all that the function measures.
func instruments() []worker.Instrument {
	return append(worker.Instruments(), worker.Instrument{Name: telemetry.InvokeDuration, Kind: "histogram", Unit: "s",
		Meaning: telemetry.InvokeMeaning, Attributes: []string{"faas.trigger", "http.response.status_code"}})
}
