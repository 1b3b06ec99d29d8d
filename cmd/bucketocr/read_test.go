package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bucketocr/bucketocr/internal/app/apptest"
	"github.com/bucketocr/bucketocr/ocr/ocrtest"
)

// read runs the command in the desk's folder, with standard input.
func (d *desk) read(stdin []byte, args ...string) (code int, stdout, stderr string) {
	d.t.Helper()
	var out, errs bytes.Buffer
	lookup := func(name string) (string, bool) { v, ok := d.env[name]; return v, ok }
	sys := system{&out, &errs, lookup, func(int) time.Duration { return 0 }, bytes.NewReader(stdin), ""}
	for i, arg := range args {
		if name, ours := strings.CutPrefix(arg, "./"); ours {
			args[i] = filepath.Join(d.dir, name)
		}
	}
	code = run(d.t.Context(), sys, append([]string{"read"}, args...))
	return code, strings.ReplaceAll(out.String(), d.dir+string(filepath.Separator), ""),
		strings.ReplaceAll(errs.String(), d.dir+string(filepath.Separator), "")
}

// TestRead: the text of files, folders, patterns and standard input is on standard output, all else on standard error,
// and it is the text that bucketocr up makes.
func TestRead(t *testing.T) {
	t.Parallel()
	d := newDesk(t, map[string][]byte{
		"a.png": apptest.PNG(50), "deep/b.png": apptest.PNG(51), "deep/.hidden.png": apptest.PNG(52),
		"README.md":  []byte("no image"),
		"broken.png": []byte("this is a text that calls itself a picture"), "noname": apptest.PNG(50),
	})
	if err := os.Symlink("deep", filepath.Join(d.dir, "link")); err != nil {
		t.Fatal(err)
	}
	d.ocr.For(apptest.PNG(50), ocrtest.Text("# A\n\nfirst"))
	d.ocr.For(apptest.PNG(51), ocrtest.Text("second"))
	d.ocr.For(apptest.PNG(53), ocrtest.Text("third"))
	for _, c := range []struct {
		args   string
		stdin  []byte
		code   int
		stdout string
		stderr []string
	}{
		{"./a.png", nil, exitGood, "# A\n\nfirst\n", nil},
		{"./noname", nil, exitGood, "# A\n\nfirst\n", nil},
		{"-", apptest.PNG(53), exitGood, "third\n", nil},
		{"- ./a.png", apptest.PNG(53), exitGood, "==> standard input <==\nthird\n==> a.png <==\n# A\n\nfirst\n",
			[]string{"standard input  1 page in", "a.png  1 page in"}},
		{"./a.png ./a.png", nil, exitGood, "# A\n\nfirst\n", nil},
		{"./deep", nil, exitGood, "second\n", nil},
		{"./link", nil, exitGood, "second\n", nil},
		{"./deep/*.png ./a.png", nil, exitGood, "==> deep/b.png <==\nsecond\n==> a.png <==\n# A\n\nfirst\n",
			[]string{"a.png  1 page in"}},
		{"./broken.png ./deep/b.png", nil, exitFailed, "==> deep/b.png <==\nsecond\n",
			[]string{"broken.png  failed  unsupported_media: "}},
		{"./missing.png", nil, exitFailed, "", []string{"missing.png  failed  no such file"}},
		{"./none*.png", nil, exitFailed, "", []string{"none*.png  failed  no such file"}},
		{"gs://scans/a.png", nil, exitFailed, "", []string{"use bucketocr backfill for buckets"}},
		{"-", nil, exitFailed, "", []string{"standard input  failed  standard input is empty"}},
		{"", nil, exitUsage, "",
			[]string{"name files or folders, or - for standard input (bucketocr read --help says more)"}},
		{"--pages 0 ./a.png", nil, exitUsage, "", []string{"write pages as 1,3-5 or 7-"}},
		{"--pages 3-2 ./a.png", nil, exitUsage, "", []string{"write pages as 1,3-5 or 7-"}},
	} {
		code, stdout, stderr := d.read(c.stdin, strings.Fields(c.args)...)
		if code != c.code || stdout != c.stdout || len(c.stderr) == 0 && stderr != "" {
			t.Errorf("%q: exit %d\n%q\n%s", c.args, code, stdout, stderr)
		}
		for _, word := range c.stderr {
			if !strings.Contains(stderr, word) {
				t.Errorf("%q does not say %q:\n%s", c.args, word, stderr)
			}
		}
	}
	if code, out := d.up(t.Context(), "--once"); code != exitFailed || d.text("a.png") != "# A\n\nfirst\n" {
		t.Errorf("exit %d: %s", code, out)
	}
}

// TestReadPages: pages that are not selected are neither made nor sent; a page that does not exist is a failure; a
// failed page does not affect the others.
func TestReadPages(t *testing.T) {
	t.Parallel()
	d := newDesk(t, map[string][]byte{"five.tiff": apptest.TIFF(5), "one.png": apptest.PNG(50)})
	d.ocr.Default(ocrtest.TextOf(func(image []byte) string { return "a page" }))
	for _, c := range []struct {
		args     string
		code     int
		requests int
		stdout   string
		stderr   string
	}{
		{"--pages 2 ./five.tiff", exitGood, 1, "a page\n", ""},
		{"--pages 4- ./five.tiff", exitGood, 2, "a page\n\f\na page\n", ""},
		{"--pages 1,3-4 ./five.tiff", exitGood, 3, "a page\n\f\na page\n\f\na page\n", ""},
		{"--pages 1-9 ./five.tiff", exitFailed, 5, strings.Repeat("a page\n\f\n", 4) + "a page\n",
			"no page 6: the file has 5 pages"},
		{"--pages 7 ./five.tiff", exitFailed, 0, "", "no page 7: the file has 5 pages"},
		{"--pages 1 ./one.png", exitGood, 1, "a page\n", ""},
		{"--pages 2 ./one.png", exitFailed, 0, "", "no page 2: the file has 1 page"},
		{"./five.tiff", exitGood, 5, strings.Repeat("a page\n\f\n", 4) + "a page\n", ""},
	} {
		before := d.ocr.Counts().Requests
		code, stdout, stderr := d.read(nil, strings.Fields(c.args)...)
		if n := d.ocr.Counts().Requests - before; code != c.code || stdout != c.stdout ||
			!strings.Contains(stderr, c.stderr) || n != c.requests {
			t.Errorf("%s: exit %d, %d requests\n%q\n%s", c.args, code, n, stdout, stderr)
		}
	}
}

// TestReadJSON: a line for each file says how it went, with its pages.
func TestReadJSON(t *testing.T) {
	t.Parallel()
	d := newDesk(t, map[string][]byte{"two.tiff": apptest.TIFF(2), "broken.png": []byte("no picture")})
	d.ocr.Default(ocrtest.Text("a page"))
	code, stdout, stderr := d.read(nil, "--json", "./two.tiff", "./broken.png", "./missing.png")
	if code != exitFailed {
		t.Errorf("exit %d: %s", code, stderr)
	}
	var got []string
	for line := range strings.Lines(stdout) {
		var l readLine
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			t.Fatal(err)
		}
		got = append(got, fmt.Sprintf("%s %s %s %d %q %d", filepath.Base(l.File), l.Status, l.Code, l.Pages, l.Text,
			len(l.Page)))
	}
	want := []string{
		`two.tiff done  2 "a page\n\f\na page" 2`, `broken.png failed unsupported_media 0 "" 0`,
		`missing.png failed  0 "" 0`}
	if !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

// TestReadOut: each text is a file below the folder, named like its image; two that would be one are refused.
func TestReadOut(t *testing.T) {
	d := newDesk(t, map[string][]byte{"a.png": apptest.PNG(50), "deep/a.png": apptest.PNG(51)})
	d.ocr.Default(ocrtest.Text("text"))
	t.Chdir(d.dir)
	for args, files := range map[string][]string{
		"--out texts deep a.png":   {"texts/deep/a.png.md", "texts/a.png.md"},
		"--out lines --json a.png": {"lines/a.png.json"},
	} {
		code, stdout, stderr := d.read(nil, strings.Fields(args)...)
		if code != exitGood || stdout != "" || !strings.Contains(stderr, "→ ") {
			t.Errorf("%s: exit %d\n%q\n%s", args, code, stdout, stderr)
		}
		for _, file := range files {
			if b, err := os.ReadFile(file); err != nil || !strings.Contains(string(b), "text") {
				t.Errorf("%s: %q, %v", file, b, err)
			}
		}
	}
	code, _, stderr := d.read(nil, "--out", "texts", filepath.Join(d.dir, "a.png"),
		filepath.Join(d.dir, "deep", "a.png"))
	if code != exitUsage || !strings.Contains(stderr, "would both be written to") {
		t.Errorf("exit %d: %s", code, stderr)
	}
}

// TestReadWaitsForTheService: pages that the service refuses for a while are retried, within RETRY_WINDOW.
func TestReadWaitsForTheService(t *testing.T) {
	t.Parallel()
	d := newDesk(t, map[string][]byte{"a.png": apptest.PNG(50)})
	d.ocr.Next(ocrtest.Platform(403), ocrtest.Platform(403))
	d.ocr.Default(ocrtest.Text("whole"))
	if code, stdout, stderr := d.read(nil, "./a.png"); code != exitGood || stdout != "whole\n" {
		t.Errorf("exit %d: %q %s", code, stdout, stderr)
	}
	d.env["OCR_URL"] = "ftp://x"
	if code, _, stderr := d.read(nil, "./a.png"); code != exitUsage || !strings.Contains(stderr, "OCR_URL") {
		t.Errorf("exit %d: %s", code, stderr)
	}
}
