package main

import (
	"bytes"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bucketocr/bucketocr/internal/app/apptest"
	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/ui"
)

// place opens the place of the office's commands.
func (o *office) place() *place {
	o.t.Helper()
	dir := ""
	if len(o.args) > 0 {
		dir = o.args[1]
	}
	var out, errs strings.Builder
	p, code := openPlace(o.system(&out, &errs), "ui", dir)
	if p == nil {
		o.t.Fatalf("%d: %s", code, errs.String())
	}
	o.t.Cleanup(func() { p.close() })
	return p
}

// TestPageDeletesAsTheCommand: the page deletes only documents as they were seen, and leaves the same markers as
// bucketocr delete.
func TestPageDeletesAsTheCommand(t *testing.T) { t.Parallel(); testPageDelete(t, folderOffice(t)) }

func testPageDelete(t *testing.T, o *office) {
	lives := o.put("a.png", apptest.PNG(21))
	o.write(o.record("a.png", document.StatusDone, func(r *document.Record) {
		r.Generation, r.Pages, r.PagesDone, r.TextInPages, r.Text = lives.Generation, 2, 2, true, ""
	}), document.Page{Page: 1, Generation: lives.Generation, Text: "one"},
		document.Page{Page: 2, Generation: lives.Generation, Text: "two"})
	o.write(o.record("gone.png", document.StatusDone))
	o.write(o.record("untold.png", document.StatusDone, func(r *document.Record) {
		r.Notified, r.Due = new(false), time.Now()
	}))
	p := o.place()
	page := pageDelete{p.records, p.objects}
	seen := func(name string) *document.Stored {
		t.Helper()
		s, err := p.records.Get(t.Context(), document.Object{Bucket: o.bucket, Name: name}.ID())
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	older := seen("a.png")
	o.write(o.record("a.png", document.StatusDone, func(r *document.Record) {
		*r = *older.Record
		r.Model = "another"
	}))
	if err := page.Delete(t.Context(), older); !errors.Is(err, document.ErrNotAsSeen) ||
		o.now("a.png").Status != document.StatusDone {
		t.Errorf("what was written since: %v", err)
	}
	for _, name := range []string{"a.png", "gone.png"} {
		if err := page.Delete(t.Context(), seen(name)); err != nil {
			t.Error(err)
		}
	}
	r := o.now("a.png")
	if r.Status != document.StatusDeleted || r.Text != "" || r.Generation != lives.Generation ||
		!r.MarkerExpires.IsZero() {
		t.Errorf("%+v", r)
	}
	if pages, err := o.records.Pages(t.Context(), r.Object().ID(), r.Generation); err != nil || len(pages) > 0 {
		t.Errorf("%v, %v", pages, err)
	}
	if r := o.now("gone.png"); r.Status != document.StatusDeleted || r.MarkerExpires.IsZero() {
		t.Errorf("the object is not in the bucket: %+v", r)
	}
	var refusal ui.Refusal
	if err := page.Delete(t.Context(), seen("untold.png")); !errors.As(err, &refusal) ||
		o.now("untold.png").Status != document.StatusDone {
		t.Errorf("one whose end is not announced: %v", err)
	}
}

// TestPageExportsAsTheCommand: the page's archive of all documents equals that of bucketocr export.
func TestPageExportsAsTheCommand(t *testing.T) { t.Parallel(); testPageExport(t, folderOffice(t)) }

func testPageExport(t *testing.T, o *office) {
	var ids []string
	write := func(name string, s document.Status, change func(*document.Record), pages ...document.Page) {
		r := o.record(name, s, change)
		ids = append(ids, r.Object().ID())
		o.write(r, pages...)
	}
	write("in/a.png", document.StatusDone, func(r *document.Record) { r.Text = "text" })
	write("book.pdf", document.StatusDone, func(r *document.Record) {
		r.Text, r.TextInPages, r.Pages, r.PagesDone = "", true, 2, 2
	},
		document.Page{Page: 1, Generation: 7, Text: "one"}, document.Page{Page: 2, Generation: 7, Text: "two"})
	write("bad.png", document.StatusFailed, func(*document.Record) {})
	write("../up.png", document.StatusDone, func(r *document.Record) { r.Text = "hostile" })
	dir := t.TempDir()
	o.want(exitGood, nil, "export", filepath.Join(dir, "command.zip"))
	p := o.place()
	var made bytes.Buffer
	if err := (pageExport{p.records, p.bucket}).Export(t.Context(), &made, ids); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "page.zip"), made.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, want := archive(t, filepath.Join(dir, "page.zip")),
		archive(t, filepath.Join(dir, "command.zip")); len(want) != 3 || !maps.Equal(got, want) {
		t.Errorf("the page exports %q, the command %q", got, want)
	}
}
