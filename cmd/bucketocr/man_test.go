package main

import (
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

// TestManPages: the program and each command have a page, with all flags, which man takes without a warning and shows
// as help says it.
func TestManPages(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "man1")
	if code, stdout, stderr := called("man", dir); code != exitGood || stdout+stderr != "" {
		t.Fatalf("exit %d: %s%s", code, stdout, stderr)
	}
	root := newRoot(context.Background(), system{stdout: io.Discard, stderr: io.Discard}, new(int))
	pages := append(root.Commands(), root)
	if files, err := os.ReadDir(dir); err != nil || len(files) != len(pages) || len(pages) != len(commands())+1 {
		t.Errorf("%d files, %d pages, %d commands, %v", len(files), len(pages), len(commands()), err)
	}
	var helps, names []string
	for _, cmd := range pages {
		file := filepath.Join(dir, manName(cmd)+".1")
		page, err := os.ReadFile(file)
		if err != nil {
			t.Error(err)
			continue
		}
		flags := 0
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			if flags++; !strings.Contains(string(page), `\fB`+roff("--"+f.Name)+`\fR`) {
				t.Errorf("%s lacks --%s", file, f.Name)
			}
		})
		if flags == 0 {
			t.Errorf("%s has no flags", cmd.Name())
		}
		if !cmd.HasParent() {
			for _, c := range commands() {
				if !strings.Contains(string(page), roff("bucketocr-"+c.name)) {
					t.Errorf("%s lacks %s", file, c.name)
				}
			}
		}
		helps, names = append(helps, cmd.Long), append(names, file)
	}
	text := formatted(t, names)
	for _, help := range helps {
		if want := strings.Join(strings.Fields(help), " "); !strings.Contains(text, want) {
			t.Errorf("no page says\n%s\nbut all say\n%s", want, text)
		}
	}
}

// formatted is what man makes of pages, as words. Where it is missing the test is over.
func formatted(t *testing.T, pages []string) string {
	t.Helper()
	groff, err := exec.LookPath("groff")
	if err != nil {
		t.Skip("groff is not installed: what the pages look like is not checked")
	}
	cmd := exec.Command(groff, append([]string{"-Kutf8", "-ww", "-man", "-Tutf8", "-P-cbou", "-rHY=0"}, pages...)...)
	var warnings strings.Builder
	cmd.Stderr = &warnings
	out, err := cmd.Output()
	if err != nil || warnings.Len() > 0 {
		t.Errorf("%v\n%s", err, warnings.String())
	}
	return strings.Join(strings.Fields(string(out)), " ")
}
