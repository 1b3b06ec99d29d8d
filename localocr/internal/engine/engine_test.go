package engine

import (
	"bytes"
	"context"
	"errors"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestTidy(t *testing.T) {
	for in, want := range map[string]string{
		"":                              "",
		" \n\f":                         "",
		"one\n\f":                       "one",
		"one \t\r\ntwo\n":               "one\ntwo",
		"\n\n one\n \n\n\ntwo\n\n":      " one\n\ntwo",
		"page\n\fnext\n":                "page\n\nnext",
		"caf\u00e9 \u201cx\u201d \xff.": "caf\u00e9 \u201cx\u201d \uFFFD.",
	} {
		if got := Tidy(in); got != want {
			t.Errorf("Tidy(%q) = %q, want %q", in, got, want)
		}
	}
}

func FuzzTidy(f *testing.F) {
	f.Add("a \n\n\n b\f")
	f.Fuzz(func(t *testing.T, in string) {
		out := Tidy(in)
		if out != Tidy(out) || strings.Contains(out, "\n\n\n") || strings.Contains(out, "\f") {
			t.Errorf("Tidy(%q) = %q", in, out)
		}
	})
}

func TestFindRefuses(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	if _, err := Find(t.Context(), "tesseract", Auto, ""); !errors.Is(err, ErrNoProgram) {
		t.Errorf("no program: %v", err)
	}
	if _, err := Find(t.Context(), "cloud", Auto, ""); err == nil {
		t.Error("an unknown engine is accepted")
	}
	if _, err := Find(t.Context(), "wasm", 4, ""); err == nil {
		t.Error("an unknown segmentation mode is accepted")
	}
	if m, err := Find(t.Context(), "auto", Auto, ""); err != nil || m.Version() != "5.3.0" ||
		!strings.Contains(m.String(), "WebAssembly") {
		t.Errorf("auto without a program: %v, %v", m, err)
	}
}

// install puts a shell script on PATH as tesseract.
func install(t *testing.T, script string) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "tesseract"), []byte("#!/bin/sh\n"+script), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
}

const goodProgram = `
case "$1" in
--version) echo "tesseract 5.5.1"; echo " leptonica-1.85.0" ;;
--list-langs) echo "List of available languages:"; echo "osd"; echo "$LANGS" ;;
*) cat >/dev/null; echo "$OMP_THREAD_LIMIT $*"; [ -n "$8" ] && exec $SLEEP ;;
esac
`

func TestProgram(t *testing.T) {
	for _, tt := range []struct{ name, script, says string }{
		{"too old", `echo "tesseract 4.1.1"`, "found 4.1.1"},
		{"another thing", `echo "hello"`, "version"},
		{"broken", `exit 3`, "version"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			install(t, tt.script)
			_, err := findProgram(t.Context(), Auto)
			if !errors.Is(err, ErrNoProgram) || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("error %v, want one that says %q", err, tt.says)
			}
			if m, err := Find(t.Context(), "auto", Auto, ""); err != nil || m.Version() != "5.3.0" {
				t.Errorf("auto = %v, %v; want WebAssembly", m, err)
			}
		})
	}
}

func TestProgramSettings(t *testing.T) {
	install(t, goodProgram)
	const args = "1 stdin stdout -l eng --psm 6 -c thresholding_method=2 -c page_separator="
	for langs, want := range map[string]string{"eng": args, "deu": args + " --tessdata-dir "} {
		t.Setenv("LANGS", langs)
		m, err := Find(t.Context(), "auto", OneBlock, "")
		if err != nil || m.Version() != "5.5.1" {
			t.Fatal(m, err)
		}
		e, _ := m.Open(t.Context())
		got, err := e.Read(t.Context(), []byte("x"))
		if got = strings.TrimSpace(got); err != nil || !strings.HasPrefix(got, want) || langs == "eng" && got != want {
			t.Errorf("with %s only: %q, %v; want %q", langs, got, err, want)
		}
		dir := m.(*program).data
		if b, _ := os.ReadFile(filepath.Join(dir, "eng.traineddata")); dir != "" && !bytes.Equal(b, model) {
			t.Error("the program is not given our model")
		}
		if err := errors.Join(e.Close(), m.Close()); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(dir); dir != "" && !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is left behind: %v", dir, err)
		}
	}
}

func TestProgramIsKilled(t *testing.T) {
	install(t, goodProgram)
	t.Setenv("LANGS", "eng")
	t.Setenv("SLEEP", "sleep 60")
	p, err := findProgram(t.Context(), Auto)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeoutCause(t.Context(), 300*time.Millisecond, ErrOverTime)
	defer cancel()
	start := time.Now()
	_, err = programEngine{p}.Read(ctx, []byte("x"))
	if !errors.Is(err, ErrOverTime) || time.Since(start) > 10*time.Second {
		t.Errorf("%v after %v", err, time.Since(start))
	}
}

// TestWASMStops: reading ends with its context. The first round fills the cache on disk, and the second uses it.
func TestWASMStops(t *testing.T) {
	cache := t.TempDir()
	for range 2 {
		start := time.Now()
		e, err := newWASM(Auto, cache).Open(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		t.Log("opened in", time.Since(start))
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(ErrOverTime)
		if _, err := e.Read(ctx, bars(t)); !errors.Is(err, ErrOverTime) {
			t.Errorf("Read with an ended context: %v", err)
		}
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	}
	if files, _ := filepath.Glob(filepath.Join(cache, "*", "*")); len(files) == 0 {
		t.Error("nothing in the cache directory")
	}
}

func TestCacheThatCannotBeWritten(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if newWASM(Auto, filepath.Join(file, "cache")).cache == nil {
		t.Error("no cache in memory instead")
	}
}

// bars returns a picture of bars that look a little like letters.
func bars(t *testing.T) []byte {
	t.Helper()
	img := image.NewGray(image.Rect(0, 0, 400, 100))
	draw.Draw(img, img.Rect, image.White, image.Point{}, draw.Src)
	for x := 50; x < 350; x += 20 {
		draw.Draw(img, image.Rect(x, 35, x+6, 65), image.NewUniform(color.Black), image.Point{}, draw.Src)
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestEnginesAreOpenedOneByOne: an engine whose context ends does not wait for the one that is being opened.
func TestEnginesAreOpenedOneByOne(t *testing.T) {
	w := newWASM(Auto, "")
	w.turn <- struct{}{} // another is being opened
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(ErrOverTime)
	if _, err := w.Open(ctx); !errors.Is(err, ErrOverTime) {
		t.Errorf("opened beside another: %v", err)
	}
}
