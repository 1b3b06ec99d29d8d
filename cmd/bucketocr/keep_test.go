package main

import (
	"archive/zip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/text/unicode/norm"

	"github.com/bucketocr/bucketocr/internal/app/apptest"
	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/ocr/ocrtest"
)

// listed runs list and returns the lines, sorted: a store may have an order of its own.
func (o *office) listed(args ...string) []string {
	o.t.Helper()
	out := strings.TrimSpace(o.want(exitGood, nil, append([]string{"list"}, args...)...))
	if out == "" {
		return nil
	}
	lines := strings.Split(out, "\n")
	slices.Sort(lines)
	return lines
}

// TestList: one line for each selected document.
func TestList(t *testing.T) { t.Parallel(); testList(t, folderOffice(t)) }

func testList(t *testing.T, o *office) {
	o.want(exitGood, []string{"no documents in "}, "list")
	o.write(o.record("in/a.png", document.StatusDone, func(r *document.Record) {
		r.Warnings = []string{document.WarnTruncated}
	}))
	o.write(o.record("in/b.png", document.StatusFailed))
	o.write(o.record("in/c.png", document.StatusFailed, func(r *document.Record) {
		r.Error.Code = document.CodeCorrupt
	}))
	o.write(o.record("out/d.png", document.StatusProcessing))
	o.write(o.record("out/e.png", document.StatusDone))
	for args, want := range map[string]string{
		"":                                    "a b c d e",
		"--status done":                       "a e",
		"--status failed,processing":          "b c d",
		"--code corrupt":                      "c",
		"--code ocr_failed,corrupt":           "b c",
		"--warning truncated":                 "a",
		"--status done --warning truncated":   "a",
		"--prefix in/":                        "a b c",
		"--prefix in/ --status done":          "a",
		"--prefix gs://" + o.bucket + "/out/": "d e",
		"--prefix gs://elsewhere/out/":        "",
		"--prefix nowhere":                    "",
		"--status done --code corrupt":        "",
	} {
		var got []string
		for _, line := range o.listed(strings.Fields(args)...) {
			_, name, _ := strings.Cut(line, "/")
			name = name[strings.LastIndexByte(name[:strings.Index(name, ".png")], '/')+1:]
			got = append(got, name[:1])
		}
		slices.Sort(got)
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %q, want %q", args, got, want)
		}
	}
	if n := len(o.listed("--limit", "2")); n != 2 {
		t.Errorf("--limit 2 lists %d", n)
	}
	var line map[string]any
	if err := json.Unmarshal([]byte(o.listed("--json", "--prefix", "in/b")[0]), &line); err != nil ||
		line["generation"] != "7" ||
		line["id"] != (document.Object{Bucket: o.bucket, Name: "in/b.png"}).ID() || line["status"] != "failed" {
		t.Errorf("%v, %v", line, err)
	}
	for word, args := range map[string][]string{
		"unknown status": {"--status", "finished"}, "the codes are unsupported_media,": {"--code", "bad_luck"},
		"the warnings are truncated,": {"--warning", "x"}, "use --prefix to select names": {"in/"},
		"must not be negative": {"--limit", "-1"},
	} {
		o.want(exitUsage, []string{word}, append([]string{"list"}, args...)...)
	}
}

// TestDelete: a document and its pages are replaced with a marker, and the object is kept. It asks first.
func TestDelete(t *testing.T) { t.Parallel(); testDelete(t, folderOffice(t)) }

func testDelete(t *testing.T, o *office) {
	lives := o.put("a.png", apptest.PNG(21))
	o.write(o.record("a.png", document.StatusDone, func(r *document.Record) {
		r.Generation, r.Pages, r.PagesDone, r.Owner, r.TextInPages, r.Text = lives.Generation, 2, 2, "ann", true, ""
	}), document.Page{Page: 1, Generation: lives.Generation, Text: "one"},
		document.Page{Page: 2, Generation: lives.Generation, Text: "two"})
	o.write(o.record("gone.png", document.StatusDone))
	o.write(o.record("told.png", document.StatusDone, func(r *document.Record) { r.Notified = new(true) }))
	o.write(o.record("untold.png", document.StatusDone, func(r *document.Record) {
		r.Notified, r.Due = new(false), time.Now()
	}))
	url := "gs://" + o.bucket + "/"
	o.want(exitUsage, []string{"there is no terminal to ask on: use --yes"}, "delete", url+"a.png")
	o.want(exitUsage, []string{"name the objects"}, "delete", "--yes")
	if r := o.now("a.png"); r.Status != document.StatusDone {
		t.Fatal("it was deleted unasked")
	}
	o.want(exitGood, []string{"deleted     " + url + "a.png\n", url + "gone.png\n"}, "delete", "--yes", url+"a.png",
		url+"gone.png", url+"told.png")
	r := o.now("a.png")
	if r.Status != document.StatusDeleted || r.Text != "" || r.Generation != lives.Generation || r.Owner != "ann" ||
		!r.MarkerExpires.IsZero() || r.Notified != nil {
		t.Errorf("%+v", r)
	}
	if r := o.now("gone.png"); r.Status != document.StatusDeleted || r.MarkerExpires.IsZero() {
		t.Errorf("the object is not in the bucket: %+v", r)
	}
	if r := o.now("told.png"); r.Status != document.StatusDeleted || !r.Unannounced() || r.Due.IsZero() {
		t.Errorf("the sweep does not announce it: %+v", r)
	}
	if pages, err := o.records.Pages(t.Context(), r.Object().ID(), r.Generation); err != nil || len(pages) > 0 {
		t.Errorf("%v, %v", pages, err)
	}
	o.want(exitGood, []string{"deleted"}, "delete", "--yes", url+"a.png") // once more
	o.want(exitFailed, []string{"nobody.png: no document in", "deleted     " + url + "gone.png"}, "delete", "--yes",
		url+"nobody.png", url+"gone.png")
	o.want(exitFailed, []string{"its end is not announced yet"}, "delete", "--yes", url+"untold.png")
	if r := o.now("untold.png"); r.Status != document.StatusDone {
		t.Errorf("%+v", r)
	}
}

// TestDeleteAsks: on a terminal it asks, and only yes confirms.
func TestDeleteAsks(t *testing.T) {
	t.Parallel()
	o := folderOffice(t)
	for answer, deleted := range map[string]bool{"": false, "\n": false, "n\n": false, "yess\n": false, "y\n": true,
		" YES \n": true} {
		o.write(o.record("a.png", document.StatusDone, func(r *document.Record) {
			r.Generation = time.Now().UnixNano()
		}))
		var out, errs strings.Builder
		sys := o.system(&out, &errs)
		sys.stdin = terminalInput{strings.NewReader(answer)}
		code := run(t.Context(), sys, append([]string{"delete", "a.png"}, o.args...))
		if status := o.now("a.png").Status; (status == document.StatusDeleted) != deleted ||
			(code == exitGood) != deleted ||
			!strings.HasPrefix(errs.String(), "Delete 1 document and the text in it from folder ") {
			t.Errorf("%q: exit %d, %s\n%s", answer, code, status, errs.String())
		}
	}
}

// TestExportKeepsNamesApart: also those that macOS and Windows take for the same.
func TestExportKeepsNamesApart(t *testing.T) {
	t.Parallel()
	o := folderOffice(t)
	for i, name := range []string{"scan.png", "SCAN.png", "b\u00fc.png", "bu\u0308.png", "B\u00dc.PNG"} {
		o.write(o.record(name, document.StatusDone, func(r *document.Record) { r.Text = fmt.Sprint("text ", i) }))
	}
	dir := t.TempDir()
	for name, read := range map[string]func(t *testing.T, path string) map[string]string{
		"tree": tree, "texts.zip": archive} {
		path := filepath.Join(dir, name)
		for _, said := range []string{"5 documents written, 0 already", "0 documents written, 5 already"} {
			o.want(exitGood, []string{said}, "export", path)
			folded := map[string]bool{}
			texts := map[string]bool{}
			for name, text := range read(t, path) {
				folded[strings.ToLower(norm.NFC.String(name))], texts[text] = true, true
			}
			if len(folded) != 5 || len(texts) != 5 {
				t.Errorf("%s: %d names for %d texts", name, len(folded), len(texts))
			}
		}
	}
}

// TestCtrlCEndsAQuestion: also while nothing is typed.
func TestCtrlCEndsAQuestion(t *testing.T) {
	t.Parallel()
	o := folderOffice(t)
	o.write(o.record("a.png", document.StatusFailed))
	for _, args := range [][]string{{"delete", "a.png"}, {"retry"}} {
		var out, errs strings.Builder
		sys := o.system(&out, &errs)
		typed, keyboard := io.Pipe()
		defer keyboard.Close()
		ctx, stop := context.WithCancelCause(t.Context())
		sys.stdin = terminalInput{onRead{typed, func() { stop(signaled{os.Interrupt}) }}}
		if code := run(ctx, sys, append(args, o.args...)); code != exitInterrupted || out.Len() > 0 {
			t.Errorf("%s: exit %d\n%s", args, code, errs.String())
		}
	}
	if s := o.now("a.png").Status; s != document.StatusFailed {
		t.Errorf("the document is %s", s)
	}
}

// onRead calls a function when it is read for the first time.
type onRead struct {
	io.Reader
	asked func()
}

func (r onRead) Read(p []byte) (int, error) {
	r.asked()
	return r.Reader.Read(p)
}

// TestDeletedIsNotReadAgain: up skips a generation whose document was deleted, and removes its text; a new upload is
// read.
func TestDeletedIsNotReadAgain(t *testing.T) {
	t.Parallel()
	d := newDesk(t, map[string][]byte{"a.png": apptest.PNG(50)})
	d.ocr.Default(ocrtest.Text("text"))
	up := func(requests int) {
		t.Helper()
		if code, out := d.up(t.Context(), "--once"); code != exitGood || d.ocr.Counts().Requests != requests {
			t.Fatalf("exit %d, %d requests, want %d\n%s", code, d.ocr.Counts().Requests, requests, out)
		}
	}
	up(1)
	if code, _, errs := called("delete", "--yes", "--local", d.dir, "a.png"); code != exitGood {
		t.Fatal(errs)
	}
	up(1)
	if _, err := os.Stat(filepath.Join(d.dir, ".bucketocr", "text", "a.png.md")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the text is still there: %v", err)
	}
	for _, command := range []string{"backfill", "reconcile"} {
		if code, out, errs := called(command, "--dry-run", "--local", d.dir); code != exitGood ||
			!strings.Contains(out, "to deliver  0") {
			t.Errorf("%s: exit %d\n%s%s", command, code, out, errs)
		}
	}
	d.drop("a.png", apptest.PNG(51))
	up(2)
	if d.text("a.png") != "text\n" {
		t.Error(d.text("a.png"))
	}
}

// TestExport: each done document's text is there, as a file, in an archive or as a line; a second run writes what is
// new.
func TestExport(t *testing.T) { t.Parallel(); testExport(t, folderOffice(t)) }

func testExport(t *testing.T, o *office) {
	o.write(o.record("in/a.png", document.StatusDone, func(r *document.Record) {
		r.Text = "<table><tr><td>a</td></tr></table>"
	}))
	o.write(o.record("book.pdf", document.StatusDone, func(r *document.Record) {
		r.Text, r.TextInPages, r.Pages, r.PagesDone = "", true, 2, 2
	}),
		document.Page{Page: 1, Generation: 7, Text: "one"}, document.Page{Page: 2, Generation: 7, Text: "two"})
	o.write(o.record("bad.png", document.StatusFailed))
	o.write(o.record("../up.png", document.StatusDone, func(r *document.Record) { r.Text = "hostile" }))
	dir := t.TempDir()
	at := ""
	if len(o.args) == 0 {
		at = o.bucket + "/"
	}
	odd := ".by-id/" + document.Object{Bucket: o.bucket, Name: "../up.png"}.ID() + ".md"
	first := map[string]string{
		at + "in/a.png.md": "| a |\n| --- |\n", at + "book.pdf.md": "one\n\f\ntwo\n", odd: "hostile\n"}
	second := maps.Clone(first)
	second[at+"new.png.md"], second[at+"book.pdf.md"] = "new\n", "changed\n"
	for name, read := range map[string]func(t *testing.T, path string) map[string]string{
		"tree": tree, "texts.zip": archive, "texts.jsonl": o.lines} {
		path := filepath.Join(dir, name)
		for range 2 {
			o.want(exitGood, nil, "export", path, "--tables", "markdown")
			if got := read(t, path); !maps.Equal(got, first) {
				t.Errorf("%s: %q", name, got)
			}
		}
		if name == "texts.jsonl" { // a killed run's last line
			b, err := os.ReadFile(path)
			if err == nil {
				err = os.WriteFile(path, append(b, `{"id":"c0ffee`...), 0o666)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		o.want(exitGood, []string{"0 documents written, 3 already up to date"}, "export", path)
		if got := read(t, path); !maps.Equal(got, first) {
			t.Errorf("%s after nothing new: %q", name, got)
		}
	}
	o.write(o.record("new.png", document.StatusDone, func(r *document.Record) { r.Text = "new" }))
	o.write(o.record("book.pdf", document.StatusDone, func(r *document.Record) {
		r.Text, r.Pages, r.PagesDone = "changed", 1, 1
	}))
	for name, read := range map[string]func(t *testing.T, path string) map[string]string{
		"tree": tree, "texts.zip": archive, "texts.jsonl": o.lines} {
		path := filepath.Join(dir, name)
		o.age(t, path, o.now("book.pdf").Object().ID())
		o.want(exitGood, []string{"2 documents written, 2 already up to date"}, "export", path)
		if got := read(t, path); !maps.Equal(got, second) {
			t.Errorf("%s: %q", name, got)
		}
	}
	if out := o.want(exitGood, nil, "export", "-", "--prefix", "in/"); !strings.Contains(out, `"text":"<table>`) ||
		strings.Count(out, "\n") != 1 {
		t.Errorf("%q", out)
	}
	o.want(exitUsage, []string{"name one folder"}, "export")
	o.want(exitUsage, []string{"one of html, markdown, csv"}, "export", "-", "--tables", "excel")
	foreign := filepath.Join(dir, "foreign.jsonl")
	for _, content := range []string{`{"a":1}`, `{"id":"7"}`, `{"id":"` + strings.Repeat("a", 64) + `"}`, "a note"} {
		for _, end := range []string{"\n", "", "\n{"} {
			if err := os.WriteFile(foreign, []byte(content+end), 0o666); err != nil {
				t.Fatal(err)
			}
			o.want(exitFailed, []string{"not an export"}, "export", foreign)
			if raw, err := os.ReadFile(foreign); err != nil || string(raw) != content+end {
				t.Errorf("%q became %q, %v", content+end, raw, err)
			}
		}
	}
}

// age makes what an export holds of book.pdf older, as if it had been written a while ago: times are kept in seconds.
func (o *office) age(t *testing.T, path, id string) {
	t.Helper()
	old := time.Now().Add(-time.Hour)
	switch filepath.Ext(path) {
	case ".zip":
		in := archive(t, path)
		f, err := os.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		w := zip.NewWriter(f)
		for name, text := range in {
			at := o.now("in/a.png").Updated
			if strings.HasSuffix(name, "book.pdf.md") {
				at = old
			} else if strings.HasPrefix(name, ".by-id") {
				at = o.now("../up.png").Updated
			}
			entry, err := w.CreateHeader(&zip.FileHeader{Name: name, Modified: at})
			if err != nil {
				t.Fatal(err)
			}
			_, _ = io.WriteString(entry, text)
		}
		if err := errors.Join(w.Close(), f.Close()); err != nil {
			t.Fatal(err)
		}
	case ".jsonl":
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var out strings.Builder
		for line := range strings.Lines(string(b)) {
			var fields map[string]any
			if err := json.Unmarshal([]byte(line), &fields); err != nil {
				t.Fatal(err)
			}
			if fields["id"] == id {
				fields["updated"] = old
			}
			aged, _ := json.Marshal(fields)
			out.WriteString(string(aged) + "\n")
		}
		if err := os.WriteFile(path, []byte(out.String()+`{"id":"c0ffee`), 0o666); err != nil {
			t.Fatal(err)
		}
	default:
		for name := range tree(t, path) {
			if strings.HasSuffix(name, "book.pdf.md") {
				if err := os.Chtimes(filepath.Join(path, name), old, old); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}

func tree(t *testing.T, path string) map[string]string {
	t.Helper()
	texts := map[string]string{}
	err := filepath.WalkDir(path, func(file string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := os.ReadFile(file)
		rel, _ := filepath.Rel(path, file)
		texts[filepath.ToSlash(rel)] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return texts
}

func archive(t *testing.T, path string) map[string]string {
	t.Helper()
	r, err := zip.OpenReader(path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	texts := map[string]string{}
	for _, f := range r.File {
		in, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(in)
		if err != nil {
			t.Fatal(err)
		}
		texts[f.Name] = string(b)
	}
	return texts
}

// lines are the texts of a file of lines as the files of a tree would hold them; of two about a document the last
// counts.
func (o *office) lines(t *testing.T, path string) map[string]string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	texts := map[string]string{}
	x := &exported{p: &place{bucket: o.bucket}}
	if len(o.args) == 0 {
		x.p.bucket = ""
	}
	for line := range strings.Lines(string(b)) {
		var doc recordLine
		if err := json.Unmarshal([]byte(line), &doc); err != nil {
			t.Fatal(err)
		}
		texts[x.entry(doc.Record)] = withNewline(doc.Text)
	}
	return texts
}
