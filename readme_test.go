package bucketocr

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/bucketocr/bucketocr/internal/config"
)

// tableBelow gives the rows of the first README table whose head begins with the given cells, each cell without ticks.
func tableBelow(t *testing.T, head string) [][]string {
	t.Helper()
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, after, ok := strings.Cut(string(readme), "\n"+head)
	if !ok {
		t.Fatalf("README.md has no table %q", head)
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

// firstCells are the ticked words of each row's first cell.
func firstCells(rows [][]string) []string {
	var words []string
	for _, r := range rows {
		for _, m := range ticked.FindAllStringSubmatch(r[0], -1) {
			words = append(words, m[1])
		}
	}
	return words
}

// constants are the string constants of a file whose names begin with prefix and, where given, are of the type.
func constants(t *testing.T, file, prefix, typ string) []string {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var values []string
	ast.Inspect(f, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || len(spec.Values) != 1 || !strings.HasPrefix(spec.Names[0].Name, prefix) {
			return true
		}
		id, typed := spec.Type.(*ast.Ident)
		if lit, ok := spec.Values[0].(*ast.BasicLit); ok && (typ == "" || typed && id.Name == typ) {
			s, _ := strconv.Unquote(lit.Value)
			values = append(values, s)
		}
		return true
	})
	if len(values) == 0 {
		t.Fatalf("%s has no constants %s*", file, prefix)
	}
	return values
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

func TestReadmeWords(t *testing.T) {
	const dir = "internal/document/"
	same(t, "outcomes", firstCells(tableBelow(t, "| outcome |")), constants(t, dir+"status.go", "Outcome", "Outcome"))
	same(t, "codes", firstCells(tableBelow(t, "| code |")), constants(t, dir+"codes.go", "Code", ""))
	same(t, "statuses", firstCells(tableBelow(t, "| status |")), constants(t, dir+"status.go", "Status", "Status"))
	same(t, "warnings", firstCells(tableBelow(t, "| warning |")), constants(t, dir+"codes.go", "Warn", ""))
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
	for _, file := range []string{"telemetry.go", "claim.go", "delivery.go", "pages.go"} {
		source, err := os.ReadFile("internal/worker/" + file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`(?:tracer\.Start|\.part)\(ctx, "([^"]+)"`).FindAllStringSubmatch(string(source), -1) {
			spans = append(spans, m[1])
		}
	}
	same(t, "spans", firstCells(tableBelow(t, "| span |")), spans)
}

// TestReadmeFields: the document's fields in README are those that the Firestore driver writes.
func TestReadmeFields(t *testing.T) {
	source, err := os.ReadFile("internal/gcp/firestore/codec.go")
	if err != nil {
		t.Fatal(err)
	}
	_, read, _ := strings.Cut(string(source), "func readRecord(")
	read, _, _ = strings.Cut(read, "\n}\n")
	var code []string
	for _, m := range regexp.MustCompile(`\bf\.\w+\("(\w+)"\)`).FindAllStringSubmatch(read, -1) {
		code = append(code, m[1])
	}
	code = append(code, "schema")
	same(t, "fields", firstCells(tableBelow(t, "| field |")), code)
}

// TestReadmeQueries: every query stands beside its index. One with several conditions is named by its first.
func TestReadmeQueries(t *testing.T) {
	var code []string
	for _, file := range []string{"internal/gcp/firestore/store.go", "internal/gcp/firestore/list.go"} {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`where\("([\w.]+)", pb\.StructuredQuery_FieldFilter_(\w+)`).FindAllStringSubmatch(string(source), -1) {
			code = append(code, m[1]+" "+operators[m[2]])
		}
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
