package main

import (
	"bytes"
	"context"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"
)

var update = flag.Bool("update", false, "write the golden files")

// alone is a system without an environment.
func alone(out, errs *bytes.Buffer) system {
	return system{out, errs, func(string) (string, bool) { return "", false }, platformBackoff,
		strings.NewReader(""), ""}
}

// called runs a command without an environment.
func called(args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	code = run(context.Background(), alone(&out, &errs), args)
	return code, out.String(), errs.String()
}

// TestHelp: help is within 80 columns, shows flags as they are written, has an example, and is that of the golden
// files. go test -run TestHelp -update writes these.
func TestHelp(t *testing.T) {
	t.Parallel()
	names := []string{""}
	for _, c := range commands() {
		names = append(names, c.name)
	}
	for _, name := range names {
		file, args := filepath.Join("testdata", "help", name+".txt"), []string{name, "--help"}
		if name == "" {
			file, args = filepath.Join("testdata", "help", "bucketocr.txt"), args[1:]
		}
		code, help, stderr := called(args...)
		if code != exitGood || stderr != "" || !strings.Contains(help, "Usage: "+strings.TrimSpace("bucketocr "+name)) {
			t.Errorf("%s: exit %d, %s", name, code, stderr)
		}
		if name != "" && !strings.Contains(help, "Example: ") {
			t.Errorf("%s has no example", name)
		}
		for line := range strings.Lines(help) {
			if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > helpWidth {
				t.Errorf("%s: %d columns: %s", name, n, line)
			}
			if flag := strings.TrimSpace(line); strings.HasPrefix(flag, "-") && !strings.HasPrefix(flag, "--") &&
				!strings.HasPrefix(flag, "-h, --") {
				t.Errorf("%s: a flag with one dash: %s", name, line)
			}
		}
		if *update {
			if err := os.WriteFile(file, []byte(help), 0o666); err != nil {
				t.Fatal(err)
			}
		}
		if golden, err := os.ReadFile(file); err != nil || string(golden) != help {
			t.Errorf("%s is not the help of %q (-update writes it): %v", file, name, err)
		}
		if _, asked, _ := called(append([]string{"help"}, args[:len(args)-1]...)...); asked != help {
			t.Errorf("bucketocr help %s says something else", name)
		}
	}
}
