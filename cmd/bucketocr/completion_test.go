package main

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/local"
)

// completed returns the completions of the last word.
func completed(t *testing.T, words ...string) []string {
	t.Helper()
	code, stdout, _ := called(append([]string{"__complete"}, words...)...)
	if code != exitGood {
		t.Fatalf("%q: exit %d", words, code)
	}
	var offered []string
	for line := range strings.Lines(stdout) {
		word, _, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		offered = append(offered, word)
	}
	return offered
}

// TestCompletion: shells are offered commands, flags, and the words that flags and arguments take.
func TestCompletion(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "scans")
	w, err := local.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	d := &desk{t: t, dir: dir}
	for _, name := range []string{"a.png", "b one.png", "b two.png"} {
		d.drop(name, []byte("x"))
	}
	if _, err := w.Bucket.Scan(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	for line, want := range map[string]string{
		"ba":                                   "backfill :4",
		"help rec":                             "reconcile :4",
		"completion ":                          "bash zsh fish powershell :4",
		"retry --stu":                          "--stuck :4",
		"watch --status ":                      "processing retrying done failed deleted :4",
		"watch --status done,fa":               "done,failed :4",
		"retry --code ocr_time":                document.CodeOCRTimeout + " :4",
		"retry --warning rep":                  document.WarnRepetition + " :4",
		"show --local " + dir + " a":           "a.png :4",
		"show --local " + dir + " b":           "b one.png|b two.png :4",
		"retry --local " + dir + " --prefix b": "b one.png|b two.png :4",
		"show gs://":                           ":4",
		"show --local /nowhere ":               ":4",
		"stats --local ":                       ":16",
		"up ":                                  ":16",
	} {
		words := strings.Split(line, " ")
		got := strings.Join(completed(t, words...), " ")
		if strings.ReplaceAll(want, "|", " ") != got {
			t.Errorf("%q: %q, want %q", line, got, want)
		}
	}
}

// TestCompletionScripts: each shell has one, which asks the program; bash takes its own.
func TestCompletionScripts(t *testing.T) {
	t.Parallel()
	for _, shell := range shells {
		code, script, stderr := called("completion", shell)
		if code != exitGood || !strings.Contains(script, "__complete") || stderr != "" {
			t.Errorf("%s: exit %d, %s", shell, code, stderr)
		}
	}
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("NO BASH, SO ITS COMPLETION IS NOT TRIED")
	}
	_, script, _ := called("completion", "bash")
	cmd := exec.Command(bash, "-n")
	cmd.Stdin = strings.NewReader(script)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}
