package docs_test

import (
	"os"
	"strings"
	"testing"
)

// TestVersionsAreThoseTested: the table of versions says what deploy/gpu/tested.txt says, by which the image is made.
func TestVersionsAreThoseTested(t *testing.T) {
	text, err := os.ReadFile("../deploy/gpu/tested.txt")
	if err != nil {
		t.Fatal(err)
	}
	var tested []string
	for line := range strings.Lines(string(text)) {
		if !strings.HasPrefix(line, "#") {
			tested = append(tested, strings.TrimSpace(line))
		}
	}
	var told []string
	for _, row := range tableOf(t, "servers.md", "| vLLM | transformers |") {
		if row[0] != "---" {
			told = append(told, strings.Join(row, " "))
		}
	}
	if strings.Join(told, "\n") != strings.Join(tested, "\n") {
		t.Errorf("servers.md has\n%s\ntested.txt has\n%s", strings.Join(told, "\n"), strings.Join(tested, "\n"))
	}
}
