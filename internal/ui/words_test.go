package ui

import (
	"os"
	"regexp"
	"testing"
)

// TestEveryCodeHasWords: the page has a sentence for each code and each warning.
func TestEveryCodeHasWords(t *testing.T) {
	for file, pattern := range map[string]string{"codes.go": `\bCode\w+ += "(\w+)"`, "record.go": `\bWarn\w+ += "(\w+)"`} {
		source, err := os.ReadFile("../document/" + file)
		if err != nil {
			t.Fatal(err)
		}
		found := regexp.MustCompile(pattern).FindAllStringSubmatch(string(source), -1)
		if len(found) < 4 {
			t.Fatalf("%s: %v", file, found)
		}
		for _, m := range found {
			if codes[m[1]].Says == "" && warnings[m[1]] == "" {
				t.Errorf("no words for %s", m[1])
			}
		}
	}
}
