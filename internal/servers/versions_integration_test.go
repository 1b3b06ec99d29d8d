//go:build integration

package servers

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The table of versions is kept twice: for fetch.sh, which builds the image, and for readers.
const (
	testedFile  = "../../deploy/gpu/tested.txt"
	versionsDoc = "../../docs/servers.md"
)

// record records the result for a pair of versions.
func record(t *testing.T, vllm, transformers, result string) {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(readFile(t, testedFile)), "\n")
	head, rows := lines[:1], lines[1:]
	pair := vllm + " " + transformers + " "
	rows = slices.DeleteFunc(rows, func(row string) bool { return strings.HasPrefix(row, pair) })
	rows = append(rows, pair+result)
	slices.Sort(rows)
	writeFile(t, testedFile, strings.Join(append(head, rows...), "\n")+"\n")

	var table strings.Builder
	for _, row := range rows {
		cells := strings.SplitN(row, " ", 3)
		table.WriteString("| " + strings.Join(cells, " | ") + " |\n")
	}
	doc := readFile(t, versionsDoc)
	old := regexp.MustCompile(`(\| vLLM \| transformers \|.*\n\|.*\n)(?:\|.*\n)*`)
	writeFile(t, versionsDoc, old.ReplaceAllString(doc, "${1}"+table.String()))
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func writeFile(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
