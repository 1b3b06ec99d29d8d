package main

import (
	"bytes"
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bucketocr/bucketocr/internal/gcp"
	"github.com/bucketocr/bucketocr/internal/gcp/gcptest"
	"github.com/bucketocr/bucketocr/internal/local"
	"github.com/bucketocr/bucketocr/internal/pipeline"
)

// office is where an operator works: a folder, or Firestore with a bucket.
type office struct {
	t       *testing.T
	records store
	bucket  string
	env     map[string]string
	args    []string // that say where it is
	put     func(name string, data []byte) pipeline.Object
	fill    func(names []string) // puts small images under all of them
}

// offices runs a test in a folder and over Firestore: every command works the same in both.
func offices(t *testing.T, f func(t *testing.T, o *office)) {
	t.Run("folder", func(t *testing.T) { f(t, folderOffice(t)) })
	t.Run("firestore", func(t *testing.T) { f(t, firestoreOffice(t)) })
}

func folderOffice(t *testing.T) *office {
	dir := filepath.Join(t.TempDir(), "scans")
	w, err := local.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	d := &desk{t: t, dir: dir}
	o := &office{t: t, records: w.Store, bucket: w.Bucket(), env: map[string]string{}, args: []string{"--local", dir}}
	o.put = func(name string, data []byte) pipeline.Object {
		d.drop(name, data)
		if _, err := w.Scan(t.Context()); err != nil {
			t.Fatal(err)
		}
		live, _, err := w.Live(t.Context(), o.bucket, name)
		if err != nil {
			t.Fatal(err)
		}
		return live
	}
	o.fill = func(names []string) {
		for _, name := range names {
			d.drop(name, []byte("x"))
		}
		if _, err := w.Scan(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	return o
}

func firestoreOffice(t *testing.T) *office {
	host, project, bucket := gcptest.Firestore(t), gcptest.Project(t), gcptest.NewBucket(t, "acme-scans")
	records := gcp.NewRecords(gcp.RecordsConfig{Project: project, Collection: "ocr_documents", Emulator: host})
	t.Cleanup(func() { records.Close() })
	o := &office{t: t, records: records, bucket: "acme-scans", env: map[string]string{
		"FIRESTORE_EMULATOR_HOST": host, "GOOGLE_CLOUD_PROJECT": project, "STORAGE_EMULATOR_HOST": bucket.Host(),
	}}
	o.put = func(name string, data []byte) pipeline.Object {
		return pipeline.Object{Bucket: "acme-scans", Name: name, Generation: bucket.Put(name, data, "image/png", nil)}
	}
	o.fill = func(names []string) {
		for _, name := range names {
			bucket.Put(name, []byte("x"), "image/png", nil)
		}
	}
	return o
}

// write stores a record as it is given, and its pages.
func (o *office) write(r pipeline.Record, pages ...pipeline.PageRecord) *pipeline.Stored {
	o.t.Helper()
	stamps := pipeline.StampCreated | pipeline.StampStarted
	if r.Status.Ended() {
		stamps |= pipeline.StampFinished
	}
	s, err := o.records.Update(o.t.Context(), r.Object().ID(), nil, func(*pipeline.Record) (*pipeline.Change, error) {
		return &pipeline.Change{Record: &r, Stamps: stamps, Pages: pages}, nil
	})
	if err != nil {
		o.t.Fatal(err)
	}
	return s
}

// record is one of this office's bucket.
func (o *office) record(name string, s pipeline.Status, change ...func(*pipeline.Record)) pipeline.Record {
	r := pipeline.Record{
		Bucket: o.bucket, Name: name, Generation: 7, Status: s, Attempt: 1, Size: 2048, ContentType: "image/png",
		WindowStart: time.Now().Add(-time.Hour), EventID: "e",
	}
	switch s {
	case pipeline.Done:
		r.Text, r.Pages, r.PagesDone, r.Model = "# "+name, 1, 1, "m1"
		r.Usage = pipeline.Usage{PromptTokens: 1000, CompletionTokens: 30}
	case pipeline.Failed:
		r.Error, r.Faults = &pipeline.RecordError{Code: pipeline.CodeOCRFailed, Message: "the engine failed", Retryable: true}, 5
	case pipeline.Retrying, pipeline.Processing:
		r.Due = time.Now().Add(-time.Hour)
	}
	if s == pipeline.Processing {
		r.Lease = &pipeline.Lease{ID: "l", Expires: time.Now().Add(-time.Hour)}
	}
	for _, c := range change {
		c(&r)
	}
	return r
}

// now reads what stands there.
func (o *office) now(name string) *pipeline.Record {
	o.t.Helper()
	s, err := o.records.Get(o.t.Context(), pipeline.Object{Bucket: o.bucket, Name: name}.ID())
	if err != nil || s == nil {
		o.t.Fatalf("%s: %v", name, err)
	}
	return s.Record
}

// call runs a command here.
func (o *office) call(args ...string) (code int, stdout, stderr string) {
	return o.callIn(o.t.Context(), args...)
}

func (o *office) callIn(ctx context.Context, args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	code = run(ctx, o.system(&out, &errs), append(args, o.args...))
	return code, out.String(), errs.String()
}

func (o *office) system(out, errs interface{ Write([]byte) (int, error) }) system {
	return system{out, errs, func(name string) (string, bool) { v, ok := o.env[name]; return v, ok }, platformBackoff}
}

// want runs a command and wants an exit code and some words.
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

func TestShow(t *testing.T) {
	offices(t, func(t *testing.T, o *office) {
		o.write(o.record("a b.png", pipeline.Done))
		o.write(o.record("bad.png", pipeline.Failed))
		long := o.record("book.pdf", pipeline.Done, func(r *pipeline.Record) {
			r.Text, r.TextInPages, r.Pages, r.PagesDone = "", true, 2, 2
			r.Warnings = []string{pipeline.WarnPageFailed}
		})
		o.write(long,
			pipeline.PageRecord{Page: 1, Generation: 7, Text: "one", Width: 10, Height: 20},
			pipeline.PageRecord{Page: 2, Generation: 7, Error: &pipeline.RecordError{Code: "corrupt", Message: "broken"}})
		id := pipeline.Object{Bucket: o.bucket, Name: "a b.png"}.ID()
		url := "gs://" + o.bucket + "/"
		o.want(exitGood, []string{"done  1 page", "1,000 in, 30 out", id, "9 bytes"}, "show", url+"a b.png")
		if out := o.want(exitGood, nil, "show", "--text", id); out != "# a b.png\n" {
			t.Errorf("%q", out)
		}
		o.want(exitGood, []string{`"status":"done"`, `"promptTokens":1000`}, "show", "--json", id)
		o.want(exitGood, []string{"failed  ocr_failed: the engine failed"}, "show", url+"bad.png")
		o.want(exitFailed, []string{"there is no text", "ocr_failed"}, "show", "--text", url+"bad.png")
		o.want(exitGood, []string{"page 1", "10 × 20", "page 2", "corrupt: broken", "2 of 2"}, "show", "--pages", url+"book.pdf")
		if out := o.want(exitGood, nil, "show", "--text", url+"book.pdf"); out != "one\n\f\n\n" {
			t.Errorf("%q", out)
		}
		o.want(exitFailed, []string{"has no document"}, "show", url+"nobody.png")
		o.want(exitUsage, []string{"name one object"}, "show")
		o.want(exitUsage, []string{"name an object"}, "show", url)
	})
}

func TestStats(t *testing.T) {
	offices(t, func(t *testing.T, o *office) {
		o.want(exitGood, []string{"done", "0"}, "stats")
		for i := range 3 {
			o.write(o.record(fmt.Sprint("done", i), pipeline.Done, func(r *pipeline.Record) { r.Pages, r.PagesDone = 4, 4 }))
			o.write(o.record(fmt.Sprint("failed", i), pipeline.Failed))
		}
		o.write(o.record("corrupt", pipeline.Failed, func(r *pipeline.Record) { r.Error.Code = pipeline.CodeCorrupt }))
		o.write(o.record("stuck", pipeline.Processing, func(r *pipeline.Record) { r.WindowStart = time.Now().Add(-72 * time.Hour) }))
		o.want(exitGood, []string{"3 ocr_failed, 1 corrupt", "3 days", "stuck", "3,000 prompt tokens", "12 pages an hour", "overdue"}, "stats")
		o.want(exitGood, []string{`"done":3`, `"failed":4`, `"pagesPerHour":6`, `"pages":12`}, "stats", "--json", "--since", "2h")
		o.want(exitUsage, nil, "stats", "x")
		o.want(exitUsage, nil, "stats", "--since", "soon")
	})
}

// TestWatch: each change is a line; what stood there long before the start is none.
func TestWatch(t *testing.T) {
	offices(t, func(t *testing.T, o *office) {
		o.write(o.record("old.png", pipeline.Done))
		ctx, cancel := context.WithCancel(t.Context())
		out, ended := newOutput(), make(chan int)
		go func() {
			ended <- run(ctx, o.system(out, out), append([]string{"watch", "--status", "done,failed"}, o.args...))
		}()
		out.until(t, "watching")
		o.write(o.record("work.png", pipeline.Processing))
		o.write(o.record("new.png", pipeline.Done))
		out.until(t, "new.png")
		o.write(o.record("bad.png", pipeline.Failed))
		out.until(t, "ocr_failed")
		cancel()
		if code := <-ended; code != exitInterrupted {
			t.Errorf("exit %d", code)
		}
		if s := out.String(); strings.Contains(s, "work.png") {
			t.Error(s)
		}
		w := watching{begun: time.Now()}
		old := o.now("old.png")
		old.Updated = w.begun.Add(-clocks)
		if w.news(old) || !w.news(o.now("new.png")) {
			t.Error("what stood there long before is news, or what just changed is none")
		}
		o.want(exitUsage, []string{"no status is called finished"}, "watch", "--status", "finished")
	})
}
