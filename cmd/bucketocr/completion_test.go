package main

import (
	"bytes"
	"context"
	"flag"
	"os/exec"
	"strings"
	"testing"
)

// TestHelpHasExample: every command says in its help how it is used, with an example.
func TestHelpHasExample(t *testing.T) {
	for _, c := range commands() {
		var out bytes.Buffer
		code := run(context.Background(), system{&out, &out, func(string) (string, bool) { return "", false }, platformBackoff}, []string{c.name, "--help"})
		if code != exitGood || !strings.Contains(out.String(), "Usage: bucketocr "+c.name) || !strings.Contains(out.String(), "Example: ") {
			t.Errorf("%s: exit %d\n%s", c.name, code, out.String())
		}
	}
}

// TestCompletion: each script knows every command and flag, and bash's does what it is for.
func TestCompletion(t *testing.T) {
	for shell := range shells {
		var out bytes.Buffer
		if code := run(context.Background(), system{&out, &out, nil, platformBackoff}, []string{"completion", shell}); code != exitGood {
			t.Errorf("%s: exit %d\n%s", shell, code, out.String())
		}
		for _, c := range commands() {
			fs, _ := c.flagSet()
			fs.VisitAll(func(f *flag.Flag) {
				if !strings.Contains(out.String(), c.name) || !strings.Contains(out.String(), f.Name) {
					t.Errorf("%s: nothing of %s --%s", shell, c.name, f.Name)
				}
			})
		}
	}
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("NO BASH, SO ITS COMPLETION IS NOT TRIED")
	}
	var script bytes.Buffer
	run(context.Background(), system{&script, &script, nil, platformBackoff}, []string{"completion", "bash"})
	for words, want := range map[string]string{"bucketocr ba": "backfill", "bucketocr retry --stu": "--stuck", "bucketocr up d": ""} {
		try := script.String() + "\nCOMP_WORDS=(" + words + "); COMP_CWORD=$((${#COMP_WORDS[@]}-1)); _bucketocr; printf '%s' \"${COMPREPLY[*]}\"\n"
		got, err := exec.Command(bash, "-euo", "pipefail", "-c", try).CombinedOutput()
		if err != nil || string(got) != want {
			t.Errorf("%q completes to %q, want %q (%v)", words, got, want, err)
		}
	}
}
