package document_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/bucketocr/bucketocr/internal/document"
)

// constants returns the string constants of the package whose names begin with prefix.
func constants(t *testing.T, prefix string) []string {
	t.Helper()
	var values []string
	for _, file := range []string{"codes.go", "status.go"} {
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok || len(spec.Values) != 1 || !strings.HasPrefix(spec.Names[0].Name, prefix) {
				return true
			}
			if lit, ok := spec.Values[0].(*ast.BasicLit); ok {
				s, _ := strconv.Unquote(lit.Value)
				values = append(values, s)
			}
			return true
		})
	}
	slices.Sort(values)
	return values
}

func TestEveryConstantHasARowOfItsTable(t *testing.T) {
	t.Parallel()
	rows := map[string][]string{}
	for _, c := range document.Codes() {
		rows["Code"] = append(rows["Code"], c.Code)
	}
	for _, w := range document.Warnings() {
		rows["Warn"] = append(rows["Warn"], w.Warning)
	}
	for _, o := range document.Outcomes() {
		rows["Outcome"] = append(rows["Outcome"], string(o.Outcome))
	}
	for _, s := range document.Statuses() {
		rows["Status"] = append(rows["Status"], string(s))
	}
	for prefix, got := range rows {
		slices.Sort(got)
		if want := constants(t, prefix); !slices.Equal(got, want) {
			t.Errorf("table of %s\nhas  %v\nwant %v", prefix, got, want)
		}
	}
}

func TestEveryRowHasItsSentences(t *testing.T) {
	t.Parallel()
	for _, c := range document.Codes() {
		for _, s := range []string{c.Summary, c.Advice} {
			if !strings.HasSuffix(s, ".") {
				t.Errorf("%s: %q is not a sentence", c.Code, s)
			}
		}
		if c.Class == "" || document.Code(c.Code) != c {
			t.Errorf("%s: %+v", c.Code, document.Code(c.Code))
		}
	}
	for _, w := range document.Warnings() {
		if !strings.HasSuffix(w.Summary, ".") {
			t.Errorf("%s: %q is not a sentence", w.Warning, w.Summary)
		}
	}
	for _, o := range document.Outcomes() {
		if o.Summary == "" || o.Refused != o.Outcome.Refused() || !o.Outcome.Known() {
			t.Errorf("%s: %+v", o.Outcome, o)
		}
	}
}
