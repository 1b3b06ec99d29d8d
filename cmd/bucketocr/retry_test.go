package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bucketocr/bucketocr/internal/app/apptest"
	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/document/documenttest"
	pageimage "github.com/bucketocr/bucketocr/internal/page"
	"github.com/bucketocr/bucketocr/internal/worker"
	"github.com/bucketocr/bucketocr/ocr"
)

// reader is an OCR service that counts the pages it reads, by the bytes of the image.
type reader struct {
	mu    sync.Mutex
	reads map[string]int
}

func (r *reader) Profile() ocr.Profile { return ocr.Profile{Edge: 1540} }

func (r *reader) ExtractText(_ context.Context, img ocr.Image) (ocr.Result, error) {
	f, err := img.Open()
	if err != nil {
		return ocr.Result{}, err
	}
	defer f.Close()
	b, err := io.ReadAll(f)
	if err != nil {
		return ocr.Result{}, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.reads[string(b)]++
	return ocr.Result{Text: "read again", Model: "m2"}, nil
}

// sweepAll runs a sweep with the office's records and a bucket that has the same objects.
func (o *office) sweepAll(bucket *documenttest.Bucket, r *reader) {
	o.t.Helper()
	p, err := worker.New(worker.Options{
		Objects: bucket, Records: o.records, OCR: r, Log: slog.New(slog.DiscardHandler),
		Rules: document.Rules{MaxAttempts: 3, RetryWindow: 24 * time.Hour,
			RetryDelay: func(int) time.Duration { return 15 * time.Minute }},
		Limits:         pageimage.Limits{MaxBytes: 1 << 20, MaxPixels: 1 << 20, MaxPages: 10},
		OCRConcurrency: 1, MemoryBudget: 64 << 20, ProcessTimeout: 8 * time.Minute, NewID: newLeaseID(),
	})
	if err != nil {
		o.t.Fatal(err)
	}
	if s := p.Sweep(o.t.Context()); s.Fault.Code != "" {
		o.t.Fatal(s.Fault.Message)
	}
}

func newLeaseID() func() string {
	var mu sync.Mutex
	n := 0
	return func() string { mu.Lock(); defer mu.Unlock(); n++; return fmt.Sprint("lease-", n) }
}

// TestRetryMany: failed and stuck objects are delivered once each, with fresh budgets; a dry run shows the same numbers
// and writes nothing. With Firestore there are fewer, to save time.
func TestRetryMany(t *testing.T) { testRetryMany(t, folderOffice(t)) }

func testRetryMany(t *testing.T, o *office) {
	failed, stuck := 1000, 50
	if o.env["FIRESTORE_EMULATOR_HOST"] != "" {
		failed, stuck = 200, 20
	}
	o.bucket = "b" // the bucket in memory's name
	bucket, r := documenttest.NewBucket(), &reader{reads: map[string]int{}}
	add := func(name string, s document.Status) {
		rec := o.record(name, s)
		rec.Generation = bucket.Put(name, apptest.PNG(20+len(r.reads))).Generation
		o.write(rec)
	}
	for i := range failed {
		add(fmt.Sprintf("failed/%04d.png", i), document.StatusFailed)
	}
	for i := range stuck {
		add(fmt.Sprintf("stuck/%02d.png", i),
			[]document.Status{document.StatusProcessing, document.StatusRetrying}[i%2])
	}
	o.write(o.record("fine.png", document.StatusDone))
	for _, c := range []struct {
		n    int
		args []string
	}{{failed, []string{"--all"}}, {stuck, []string{"--stuck"}}} {
		args := append([]string{"retry", "--json", "--rate", "100000"}, c.args...)
		dry := o.retrialSum(append(args, "--dry-run")...)
		if dry.Selected != int64(c.n) || dry.Retried != int64(c.n) || !dry.DryRun {
			t.Errorf("dry run: %+v, want %d", dry, c.n)
		}
		if sum := o.retrialSum(args...); sum.Selected != dry.Selected || sum.Retried != dry.Retried {
			t.Errorf("%+v, the dry run said %+v", sum, dry)
		}
		if again := o.retrialSum(args...); again.Retried != 0 {
			t.Errorf("once more: %+v", again)
		}
	}
	for _, name := range []string{"failed/0000.png", "stuck/00.png"} {
		rec := o.now(name)
		if rec.Status != document.StatusRetrying || len(rec.Strikes) > 0 || rec.Error != nil || rec.RetriedBy == "" ||
			time.Since(rec.WindowStart) > time.Hour/2 {
			t.Errorf("%+v", rec)
		}
	}
	for range 3 {
		o.sweepAll(bucket, r)
	}
	total := 0
	for _, n := range r.reads {
		total += n
	}
	if total != failed+stuck {
		t.Errorf("%d reads for %d objects", total, failed+stuck)
	}
	if rec := o.now("failed/0000.png"); rec.Status != document.StatusDone || rec.Attempt != 2 ||
		rec.Text != "read again" {
		t.Errorf("%+v", rec)
	}
}

// retrialSum runs retry --json and returns its last line.
func (o *office) retrialSum(args ...string) retrySum {
	o.t.Helper()
	lines := strings.Split(strings.TrimSpace(o.want(exitGood, nil, args...)), "\n")
	var last struct{ Sum retrySum }
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &last); err != nil {
		o.t.Fatal(err)
	}
	if want := int64(len(lines) - 1); !last.Sum.DryRun && last.Sum.Retried > want {
		o.t.Errorf("%d lines, %+v", want, last.Sum)
	}
	return last.Sum
}

// TestRetrySelects: by code, name, age, warning, model, object; and no more than the limit.
func TestRetrySelects(t *testing.T) { testRetrySelects(t, folderOffice(t)) }

func testRetrySelects(t *testing.T, o *office) {
	gen := o.put("in/cut.png", apptest.PNG(21)).Generation
	o.write(o.record("in/a.png", document.StatusFailed))
	o.write(o.record("in/b.png", document.StatusFailed, func(r *document.Record) {
		r.Error.Code = document.CodeCorrupt
	}))
	o.write(o.record("out/c.png", document.StatusFailed))
	cut := func(generation int64) func(*document.Record) {
		return func(r *document.Record) { r.Generation, r.Warnings = generation, []string{document.WarnTruncated} }
	}
	o.write(o.record("in/cut.png", document.StatusDone, cut(gen)))
	o.write(o.record("in/gone.png", document.StatusDone, cut(7)))
	o.write(o.record("fine.png", document.StatusDone))
	for _, c := range []struct {
		selected, retried int64
		args              []string
	}{
		{3, 3, nil},
		{2, 2, []string{"--code", "ocr_failed"}},
		{3, 3, []string{"--code", "ocr_failed,corrupt"}},
		{2, 2, []string{"--prefix", "in/"}},
		{2, 2, []string{"--prefix", "gs://" + o.bucket + "/in/"}},
		{0, 0, []string{"--prefix", "gs://elsewhere/in/"}},
		{0, 0, []string{"--older-than", "1h"}},
		{3, 3, []string{"--newer-than", "1h", "--older-than", "0s"}},
		{2, 2, []string{"--limit", "2"}},
		{2, 1, []string{"--status", "done", "--warning", "truncated"}},
		{3, 1, []string{"--status", "done", "--model", "m1"}},
		{1, 1, []string{"gs://" + o.bucket + "/in/a.png"}},
		{1, 1, []string{document.Object{Bucket: o.bucket, Name: "in/b.png"}.ID()}},
	} {
		if sum := o.retrialSum(append([]string{"retry", "--json", "--dry-run"},
			c.args...)...); sum.Selected != c.selected || sum.Retried != c.retried {
			t.Errorf("%v: %+v", c.args, sum)
		}
	}
	o.want(exitGood, []string{"to be retried", "no longer in the bucket"}, "retry", "--status", "done", "--warning",
		"truncated", "--by", "ann")
	if r := o.now("in/cut.png"); r.Status != document.StatusDone || r.RetriedBy != "ann" || r.Text == "" ||
		r.Rereading == nil {
		t.Errorf("%+v", r)
	}
	if r := o.now("in/gone.png"); r.Status != document.StatusDone || r.Text == "" {
		t.Errorf("the text of what is gone: %+v", r)
	}
	for _, c := range []struct {
		word string
		args []string
	}{
		{"unknown error code", []string{"--code", "bad_luck"}}, {"--warning or --model", []string{"--status", "done"}},
		{"failed or done", []string{"--status", "retrying"}}, {"not both", []string{"--code", "corrupt", "x"}},
		{"unknown warning", []string{"--status", "done", "--warning", "x"}},
		{"write it as", []string{"--newer-than", "soon"}},
		{"no address for the function", []string{"--now"}}, {"for --status done", []string{"--model", "m"}},
	} {
		if c.word == "no address for the function" && len(o.env) == 0 {
			c.word = "bucketocr up is not running"
		}
		o.want(exitUsage, []string{c.word}, append([]string{"retry"}, c.args...)...)
	}
	o.want(exitFailed, []string{"nobody.png has no document"}, "retry", "gs://"+o.bucket+"/nobody.png")
}
