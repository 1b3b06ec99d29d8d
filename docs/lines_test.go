package docs_test

import (
	"go/scanner"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"
)

// TestLines: no line of Go is longer than 120 columns, tabs counted as four, unless a string on it does not fit.
func TestLines(t *testing.T) {
	t.Parallel()
	const most, long = 120, 60
	list, err := exec.Command("git", "-C", "..", "ls-files", "-z", "*.go").Output()
	if err != nil {
		t.Skip("not a checkout")
	}
	for name := range strings.SplitSeq(strings.TrimRight(string(list), "\x00"), "\x00") {
		src, err := os.ReadFile(filepath.Join("..", name))
		if os.IsNotExist(err) {
			continue // deleted, and not committed yet
		}
		if err != nil {
			t.Fatal(err)
		}
		excused := longStrings(src, long)
		for i, line := range strings.Split(string(src), "\n") {
			width := utf8.RuneCountInString(line) + 3*strings.Count(line, "\t")
			if width > most && !excused[i+1] {
				t.Errorf("%s:%d is %d columns wide, at most %d", name, i+1, width, most)
			}
		}
	}
}

// TestProseLines: no line of prose in Markdown is longer than 120 columns. Tables and code do not count, nor does a
// single word that is longer, such as a link.
func TestProseLines(t *testing.T) {
	t.Parallel()
	const most = 120
	notProse := regexp.MustCompile(`^(\||#|<!--|!\[|    )`)
	for _, file := range markdown(t) {
		page := fence.ReplaceAllStringFunc(read(t, file), func(code string) string {
			return strings.Repeat("\n", strings.Count(code, "\n"))
		})
		for i, line := range strings.Split(page, "\n") {
			words := strings.Fields(strings.TrimLeft(line, " -*"))
			if utf8.RuneCountInString(line) > most && !notProse.MatchString(line) && len(words) > 1 {
				t.Errorf("%s:%d is %d columns wide, at most %d", file, i+1, utf8.RuneCountInString(line), most)
			}
		}
	}
}

// longStrings returns the lines of a source file that hold a string of at least that many bytes, or a part of one.
func longStrings(src []byte, long int) map[int]bool {
	lines := map[int]bool{}
	file := token.NewFileSet().AddFile("", -1, len(src))
	var s scanner.Scanner
	s.Init(file, src, nil, 0)
	for {
		pos, tok, text := s.Scan()
		switch {
		case tok == token.EOF:
			return lines
		case tok == token.STRING && len(text) >= long:
			first := file.Line(pos)
			for n := range strings.Count(text, "\n") + 1 {
				lines[first+n] = true
			}
		}
	}
}
