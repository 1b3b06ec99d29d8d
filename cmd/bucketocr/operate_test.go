package main

import (
	"bytes"
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/local"
)

// office is an operator's place of work: a folder, or Firestore with a bucket.
type office struct {
	t       *testing.T
	records store
	bucket  string
	env     map[string]string
	args    []string // that say where it is
	put     func(name string, data []byte) document.Object
	fill    func(names []string) // puts small images under all of them
}

func folderOffice(t *testing.T) *office {
	dir := filepath.Join(t.TempDir(), "scans")
	w, err := local.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	d := &desk{t: t, dir: dir}
	o := &office{
		t: t, records: w.Records, bucket: w.Bucket.Name(), env: map[string]string{}, args: []string{"--local", dir}}
	o.put = func(name string, data []byte) document.Object {
		d.drop(name, data)
		if _, err := w.Bucket.Scan(t.Context()); err != nil {
			t.Fatal(err)
		}
		live, _, err := w.Bucket.Live(t.Context(), o.bucket, name)
		if err != nil {
			t.Fatal(err)
		}
		return live
	}
	o.fill = func(names []string) {
		for _, name := range names {
			d.drop(name, []byte("x"))
		}
		if _, err := w.Bucket.Scan(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	return o
}

// write stores a record as it is given, and its pages.
func (o *office) write(r document.Record, pages ...document.Page) *document.Stored {
	o.t.Helper()
	stamps := document.StampCreated | document.StampStarted
	if r.Status.Ended() {
		stamps |= document.StampFinished
	}
	s, err := document.Update(o.t.Context(), o.records, r.Object().ID(), document.Unread(),
		func(*document.Record) (*document.Change, error) {
			return &document.Change{Record: &r, Stamps: stamps, Pages: pages}, nil
		})
	if err != nil {
		o.t.Fatal(err)
	}
	return s
}

// record is one of this office's bucket.
func (o *office) record(name string, s document.Status, change ...func(*document.Record)) document.Record {
	r := document.Record{
		Bucket: o.bucket, Name: name, Generation: 7, Status: s, Attempt: 1, Size: 2048, ContentType: "image/png",
		WindowStart: time.Now().Add(-time.Hour), EventID: "e",
	}
	switch s {
	case document.StatusDone:
		r.Text, r.Pages, r.PagesDone, r.Model = "# "+name, 1, 1, "m1"
		r.Usage = document.Usage{PromptTokens: 1000, CompletionTokens: 30}
	case document.StatusFailed:
		r.Error = &document.Error{Code: document.CodeOCRFailed, Message: "the engine failed", Retryable: true}
	case document.StatusRetrying, document.StatusProcessing:
		r.Due = time.Now().Add(-time.Hour)
	}
	if s == document.StatusProcessing {
		r.Lease = &document.Lease{ID: "l", Expires: time.Now().Add(-time.Hour)}
	}
	for _, c := range change {
		c(&r)
	}
	return r
}

// now reads the current record.
func (o *office) now(name string) *document.Record {
	o.t.Helper()
	s, err := o.records.Get(o.t.Context(), document.Object{Bucket: o.bucket, Name: name}.ID())
	if err != nil || s == nil {
		o.t.Fatalf("%s: %v", name, err)
	}
	return s.Record
}

// call runs a command in the office.
func (o *office) call(args ...string) (code int, stdout, stderr string) {
	return o.callIn(o.t.Context(), args...)
}

func (o *office) callIn(ctx context.Context, args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	code = run(ctx, o.system(&out, &errs), append(args, o.args...))
	return code, out.String(), errs.String()
}

func (o *office) system(out, errs interface{ Write([]byte) (int, error) }) system {
	return system{out, errs, func(name string) (string, bool) { v, ok := o.env[name]; return v, ok }, platformBackoff,
		nil, ""}
}

// want runs a command and checks its exit code and output.
func (o *office) want(code int, words []string, args ...string) string {
	o.t.Helper()
	got, stdout, stderr := o.call(args...)
	if got != code {
		o.t.Errorf("%v: exit %d, want %d\n%s%s", args, got, code, stdout, stderr)
	}
	for _, w := range words {
		if !strings.Contains(stdout+stderr, w) {
			o.t.Errorf("%v does not say %q:\n%s%s", args, w, stdout, stderr)
		}
	}
	return stdout
}

func TestShow(t *testing.T) { testShow(t, folderOffice(t)) }

func testShow(t *testing.T, o *office) {
	o.write(o.record("a b.png", document.StatusDone))
	o.write(o.record("bad.png", document.StatusFailed))
	long := o.record("book.pdf", document.StatusDone, func(r *document.Record) {
		r.Text, r.TextInPages, r.Pages, r.PagesDone = "", true, 2, 2
		r.Warnings = []string{document.WarnPageFailed}
	})
	o.write(long,
		document.Page{Page: 1, Generation: 7, Text: "one", Width: 10, Height: 20},
		document.Page{Page: 2, Generation: 7, Error: &document.Error{Code: "corrupt", Message: "broken"}})
	id := document.Object{Bucket: o.bucket, Name: "a b.png"}.ID()
	url := "gs://" + o.bucket + "/"
	o.want(exitGood, []string{"done  1 page", "1,000 in, 30 out", id, "9 bytes"}, "show", url+"a b.png")
	if out := o.want(exitGood, nil, "show", "--text", id); out != "# a b.png\n" {
		t.Errorf("%q", out)
	}
	o.want(exitGood, []string{`"status":"done"`, `"promptTokens":1000`}, "show", "--json", id)
	o.want(exitGood, []string{"failed  ocr_failed: the engine failed"}, "show", url+"bad.png")
	o.want(exitFailed, []string{"no text", "ocr_failed"}, "show", "--text", url+"bad.png")
	o.want(exitGood, []string{"page 1", "10 × 20", "page 2", "corrupt: broken", "2 of 2"}, "show", "--pages",
		url+"book.pdf")
	if out := o.want(exitGood, nil, "show", "--text", url+"book.pdf"); out != "one\n\f\n\n" {
		t.Errorf("%q", out)
	}
	o.write(o.record("copy.png", document.StatusDone, func(r *document.Record) { r.CopiedFrom = id }),
		document.Page{Page: 1, Generation: 7, Text: "one", Source: document.SourceCopy})
	if out := o.want(exitGood, []string{"copied from", ", copied"}, "show", "--pages",
		url+"copy.png"); strings.Count(out, id) != 1 {
		t.Error(out)
	}
	o.want(exitFailed, []string{"has no document"}, "show", url+"nobody.png")
	o.want(exitUsage, []string{"name one object"}, "show")
	o.want(exitUsage, []string{"name an object"}, "show", url)
}

func TestStats(t *testing.T) { testStats(t, folderOffice(t)) }

func testStats(t *testing.T, o *office) {
	o.want(exitGood, []string{"done", "0"}, "stats")
	for i := range 3 {
		o.write(o.record(fmt.Sprint("done", i), document.StatusDone, func(r *document.Record) {
			r.Pages, r.PagesDone = 4+100*i, 4 // the others are skipped
		}))
		o.write(o.record(fmt.Sprint("failed", i), document.StatusFailed))
	}
	o.write(o.record("corrupt", document.StatusFailed, func(r *document.Record) {
		r.Error.Code = document.CodeCorrupt
	}))
	o.write(o.record("stuck", document.StatusProcessing, func(r *document.Record) {
		r.WindowStart = time.Now().Add(-72 * time.Hour)
	}))
	o.want(exitGood, []string{"3 ocr_failed, 1 corrupt", "3 days", "stuck", "3,000 prompt tokens", "12 pages an hour",
		"overdue"}, "stats")
	o.want(exitGood, []string{`"done":3`, `"failed":4`, `"pagesPerHour":6`, `"pages":12`}, "stats", "--json", "--since",
		"2h")
	o.want(exitUsage, nil, "stats", "x")
	o.want(exitUsage, nil, "stats", "--since", "soon")
}

// TestWatch: each change is a line; older documents are not shown.
func TestWatch(t *testing.T) { testWatch(t, folderOffice(t)) }

func testWatch(t *testing.T, o *office) {
	o.write(o.record("old.png", document.StatusDone))
	ctx, cancel := context.WithCancel(t.Context())
	out, ended := newOutput(), make(chan int)
	go func() {
		ended <- run(ctx, o.system(out, out), append([]string{"watch", "--status", "done,failed"}, o.args...))
	}()
	// it listens now: the emulator, unlike Firestore, can lose what is written while a listener comes
	out.until(t, "old.png")
	o.write(o.record("work.png", document.StatusProcessing))
	o.write(o.record("new.png", document.StatusDone))
	out.until(t, "new.png")
	o.write(o.record("bad.png", document.StatusFailed))
	out.until(t, "ocr_failed")
	cancel()
	if code := <-ended; code != exitInterrupted {
		t.Errorf("exit %d", code)
	}
	if s := out.String(); strings.Contains(s, "work.png") {
		t.Error(s)
	}
	w := watchCmd{begun: time.Now()}
	old := o.now("old.png")
	old.Updated = w.begun.Add(-clocks)
	if w.news(old) || !w.news(o.now("new.png")) {
		t.Error("what stood there long before is news, or what just changed is none")
	}
	o.want(exitUsage, []string{"unknown status finished"}, "watch", "--status", "finished")
}
