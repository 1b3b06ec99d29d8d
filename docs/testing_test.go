package docs_test

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	testFunc  = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)[A-Z]\w*)\(`)
	buildTag  = regexp.MustCompile(`(?m)^//go:build `)
	guarantee = regexp.MustCompile(`^([1-8])\. `)
)

// holder is a row of the table of all tests: a package, and its tests that hold a guarantee.
type holder struct {
	guarantee, folder string
	tests             []string
}

// holders returns the rows of the table of all tests.
func holders(t *testing.T) []holder {
	t.Helper()
	var all []holder
	number := ""
	for _, row := range tableOf(t, "testing.md", "| guarantee | package |") {
		if row[0] != "" {
			number = numberOf(t, row[0])
		}
		h := holder{guarantee: number, folder: strings.Trim(row[1], "`")}
		for _, m := range ticked.FindAllStringSubmatch(row[2], -1) {
			h.tests = append(h.tests, m[1])
		}
		all = append(all, h)
	}
	return all
}

func numberOf(t *testing.T, cell string) string {
	t.Helper()
	m := guarantee.FindStringSubmatch(cell)
	if m == nil {
		t.Fatalf("%q is not a guarantee", cell)
	}
	return m[1]
}

// TestGuaranteesHaveTheirTests: every test that testing.md names is in the package that it names, whatever the build
// tags of its file. Each of the eight guarantees has tests, a package one row for each, and a test is named once in it.
func TestGuaranteesHaveTheirTests(t *testing.T) {
	guarantees, rows := map[string]bool{}, map[string]bool{}
	for _, h := range holders(t) {
		guarantees[h.guarantee] = true
		if row := h.guarantee + " " + h.folder; rows[row] {
			t.Errorf("guarantee %s has two rows of %s", h.guarantee, h.folder)
		} else {
			rows[row] = true
		}
		there := map[string]bool{}
		for _, file := range testFiles(t, h.folder) {
			for _, m := range testFunc.FindAllStringSubmatch(read(t, file), -1) {
				there[m[1]] = true
			}
		}
		for i, name := range h.tests {
			switch {
			case !there[name]:
				t.Errorf("%s has no %s", h.folder, name)
			case slices.Contains(h.tests[:i], name):
				t.Errorf("guarantee %s, %s: %s is named twice", h.guarantee, h.folder, name)
			}
		}
		if len(h.tests) == 0 {
			t.Errorf("guarantee %s: %s has a row without tests", h.guarantee, h.folder)
		}
	}
	if len(guarantees) != 8 {
		t.Errorf("%d guarantees have tests, want 8", len(guarantees))
	}
}

// TestGuaranteesHaveAMainTest: each guarantee has one main test, in order. The table of all tests has it under that
// guarantee, it needs no build tag, and the command beside it runs it.
func TestGuaranteesHaveAMainTest(t *testing.T) {
	all, rows := holders(t), tableOf(t, "testing.md", "| guarantee | main test |")
	if len(rows) != 8 {
		t.Fatalf("%d main tests, want 8", len(rows))
	}
	for i, row := range rows {
		number, name := numberOf(t, row[0]), strings.Trim(row[1], "`")
		if number != fmt.Sprint(i+1) {
			t.Errorf("row %d is of guarantee %s", i+1, number)
		}
		at := slices.IndexFunc(all, func(h holder) bool {
			return h.guarantee == number && row[3] == fmt.Sprintf("`go test ./%s -run '%s$'`", h.folder, name) &&
				slices.Contains(h.tests, name)
		})
		if at < 0 {
			t.Errorf("no row of guarantee %s has %s in the package of %s", number, name, row[3])
			continue
		}
		if !slices.ContainsFunc(testFiles(t, all[at].folder), func(file string) bool {
			text := read(t, file)
			return strings.Contains(text, "\nfunc "+name+"(") && !buildTag.MatchString(text)
		}) {
			t.Errorf("%s is not in the everyday tier", name)
		}
	}
}

func testFiles(t *testing.T, folder string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join("..", folder, "*_test.go"))
	if err != nil || len(found) == 0 {
		t.Fatalf("%s: %d test files, %v", folder, len(found), err)
	}
	return found
}
