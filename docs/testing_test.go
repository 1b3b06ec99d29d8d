package docs_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var testFunc = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)[A-Z]\w*)\(`)

// TestGuaranteesHaveTheirTests: every test that testing.md names is in the package that it names, whatever the build
// tags of its file, and none of the eight guarantees is without tests.
func TestGuaranteesHaveTheirTests(t *testing.T) {
	guarantees, named := 0, 0
	for _, row := range tableOf(t, "testing.md", "| guarantee |") {
		if row[0] != "" {
			guarantees++
		}
		folder := strings.Trim(row[1], "`")
		there := map[string]bool{}
		for _, file := range testFiles(t, folder) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range testFunc.FindAllStringSubmatch(string(text), -1) {
				there[m[1]] = true
			}
		}
		for _, m := range ticked.FindAllStringSubmatch(row[2], -1) {
			named++
			if !there[m[1]] {
				t.Errorf("%s has no %s", folder, m[1])
			}
		}
	}
	if guarantees != 8 || named < 8 {
		t.Errorf("%d guarantees with %d tests", guarantees, named)
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
