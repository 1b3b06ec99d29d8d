//go:build integration || nightly

package servers

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"
)

var update = flag.Bool("update", false, "write down what the servers answer")

// agree asks a real server and its stand-in all questions, compares their answers, and the real ones with those
// recorded.
func agree(t *testing.T, real, key, standIn, file string, all []question, table []known) {
	t.Helper()
	answers := askAll(t, real, key, all)
	if *update {
		writeAnswers(t, file, all, answers)
	}
	t.Run("stand-in", func(t *testing.T) { judge(t, answers, askAll(t, standIn, key, all), table) })
	t.Run("as before", func(t *testing.T) { judge(t, readAnswers(t, file), answers, passing) })
}

// writeAnswers records answers in the order of their questions.
func writeAnswers(t *testing.T, name string, all []question, answers map[string]answer) {
	t.Helper()
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	for _, q := range all {
		if err := encoder.Encode(answers[q.name]); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join("testdata", name), out.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}
