package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bucketocr/bucketocr/internal/app/apptest"
	"github.com/bucketocr/bucketocr/ocr/ocrtest"
)

// TestFirstRunSaysWhatItWaitsFor: while localocr is built a terminal shows what is downloaded and how long it has
// taken, for up and for read; none of that is left in a line, or on standard output, when it is over.
func TestFirstRunSaysWhatItWaitsFor(t *testing.T) {
	for _, line := range [][]string{{"up", "--once"}, {"read"}} {
		t.Run(line[0], func(t *testing.T) {
			emptyCache(t)
			d := newDesk(t, map[string][]byte{"a.png": apptest.PNG(50)})
			d.ocr.Default(ocrtest.Text("read"))
			goes := filepath.Join(t.TempDir(), "goes")
			compiler := filepath.Join(t.TempDir(), "go")
			script(t, compiler)
			localocr := fmt.Sprintf("#!/bin/sh\necho 'listening %s'\ncat >/dev/null\n", d.ocr.URL)
			text := fmt.Sprintf("#!/bin/sh\necho 'go: downloading example.com/engine v1.2.3' >&2\nuntil [ -e '%s' ]; do sleep 0.05; done\ncat >\"$3\" <<'end'\n%send\nchmod 700 \"$3\"\n",
				goes, localocr)
			if err := os.WriteFile(compiler, []byte(text), 0o700); err != nil {
				t.Fatal(err)
			}
			t.Setenv("PATH", filepath.Dir(compiler)+":/usr/bin:/bin")
			d.env = map[string]string{"TERM": "xterm"}
			out, screen, code := newOutput(), newOutput(), make(chan int)
			lookup := func(name string) (string, bool) { v, ok := d.env[name]; return v, ok }
			sys := system{out, &terminal{raw: screen}, lookup, func(int) time.Duration { return 0 }, nil, ""}
			go func() { code <- run(context.Background(), sys, append(line, d.dir)) }()
			screen.until(t, "\r\x1b[Kbuilding localocr, downloading example.com/engine v1.2.3: ")
			if err := os.WriteFile(goes, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			if c := <-code; c != exitGood {
				t.Errorf("exit code %d\n%s", c, screen)
			}
			want(t, screen, "building localocr, the OCR service of this run: the first time takes about half a minute, plus downloads\n")
			left := ""
			for shown := range strings.SplitSeq(screen.String(), "\n") {
				left += shown[strings.LastIndex(shown, "\x1b[K")+1:] + "\n"
			}
			if strings.Contains(left, "engine") || strings.Contains(out.String(), "engine") ||
				!strings.Contains(out.String(), "read") {
				t.Errorf("left on the screen:\n%s\non standard output:\n%s", left, out)
			}
		})
	}
}

func TestStageSaysHowLong(t *testing.T) {
	t.Parallel()
	s := &stage{begun: time.Now()}
	s.is("building localocr")
	if _, err := (&buildLog{stage: s}).Write(
		[]byte("# example.com/m\ngo: downloading example.com/\x1b[2Jm v1\n")); err != nil {
		t.Fatal(err)
	}
	if got := s.line(s.begun.Add(
		75 * time.Second)); got != "building localocr, downloading example.com/�[2Jm v1: 1 min" {
		t.Errorf("%q", got)
	}
}
