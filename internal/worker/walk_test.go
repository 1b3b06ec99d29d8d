package worker_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/document/documenttest"
	"github.com/bucketocr/bucketocr/internal/page"
	"github.com/bucketocr/bucketocr/internal/worker"
	"github.com/bucketocr/bucketocr/ocr"
)

// world is a worker whose outside is all in memory. Several workers on one world are several instances.
type world struct {
	t       *testing.T
	bucket  *documenttest.Bucket
	records *documenttest.Memory
	log     *bytes.Buffer
	options worker.Options
	calls   atomic.Int64
	answer  func(ctx context.Context, text string) (ocr.Result, error)
	ids     atomic.Int64

	controls atomic.Int64                                  // control pages
	control  func(ctx context.Context) (ocr.Result, error) // answers them; nil: like a good service
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, bucket: documenttest.NewBucket(), records: documenttest.NewMemory(), log: &bytes.Buffer{}}
	w.options = worker.Options{
		Objects: w.bucket, Records: w.records, Turns: documenttest.NewMemory(), OCR: w,
		Log: slog.New(slog.NewJSONHandler(w.log, nil)),
		Rules: document.Rules{MaxAttempts: 3, RetryWindow: 24 * time.Hour,
			RetryDelay: func(int) time.Duration { return 15 * time.Minute }},
		Limits:         page.Limits{MaxBytes: 1 << 20, MaxPixels: 1 << 20, MaxPages: 10},
		OCRConcurrency: 4, MemoryBudget: 64 << 20, ProcessTimeout: 480 * time.Second,
		NewID: func() string { return fmt.Sprintf("id-%d", w.ids.Add(1)) },
	}
	return w
}

func (w *world) worker() *worker.Worker { return newWorker(w.t, w.options) }

func newWorker(t *testing.T, o worker.Options) *worker.Worker {
	t.Helper()
	made, err := worker.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func (w *world) Profile() ocr.Profile { return ocr.Profile{Edge: 1540} }

// ExtractText reads the whole image and answers with the text for its width, unless the test sets another answer.
func (w *world) ExtractText(ctx context.Context, img ocr.Image) (ocr.Result, error) {
	w.calls.Add(1)
	r, err := img.Open()
	if err != nil {
		return ocr.Result{}, &ocr.Error{Kind: ocr.KindImageSource, Err: err}
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		return ocr.Result{}, &ocr.Error{Kind: ocr.KindImageSource, Err: err}
	}
	cfg, err := png.DecodeConfig(bytes.NewReader(b))
	if err != nil {
		w.t.Errorf("the service got no PNG: %v", err)
	}
	if isControlPage(b) {
		w.controls.Add(1)
		if w.control != nil {
			return w.control(ctx)
		}
		return result("HARBOUR"), nil
	}
	text := fmt.Sprintf("text of %d", cfg.Width)
	if w.answer != nil {
		return w.answer(ctx, text)
	}
	return result(text), nil
}

func result(text string) ocr.Result {
	return ocr.Result{Text: text, Blank: text == "", Model: "m",
		Usage: ocr.Usage{PromptTokens: 10, CompletionTokens: 3}}
}

// leastSide is the minimum width and height of a page that is sent unscaled.
const leastSide = 28

// drawn returns a page of the given width, which determines its text. It has a dot, or it would be blank.
func drawn(width int) *image.Gray {
	if width < leastSide {
		panic(fmt.Sprintf("a page of %d pixels is made wider, and is known by another width then", width))
	}
	img := image.NewGray(image.Rect(0, 0, width, leastSide))
	img.SetGray(1, 1, color.Gray{Y: 255})
	return img
}

// picture returns a PNG of drawn(width).
func picture(width int) []byte {
	var b bytes.Buffer
	if err := png.Encode(&b, drawn(width)); err != nil {
		panic(err)
	}
	return b.Bytes()
}

func (w *world) record(name string) *document.Record {
	w.t.Helper()
	r := w.records.Record(document.Object{Bucket: "b", Name: name}.ID())
	if r == nil {
		w.t.Fatalf("no record of %q", name)
	}
	return r
}

func (w *world) want(name string, s document.Status, code string) *document.Record {
	w.t.Helper()
	r := w.record(name)
	got := ""
	if r.Error != nil {
		got = r.Error.Code
	}
	if r.Status != s || got != code {
		w.t.Errorf("%s: %s %q, want %s %q", name, r.Status, got, s, code)
	}
	if (r.Lease != nil) != (s == document.StatusProcessing) || r.Due.IsZero() == r.Open() {
		w.t.Errorf("%s: %s with lease %v and due %v", name, s, r.Lease, r.Due)
	}
	return r
}

// bubble runs a test under fake time, in parallel with others. A test calls it once.
func bubble(t *testing.T, f func(t *testing.T, w *world)) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { f(t, newWorld(t)) })
}

// TestEventBecomesDocument: one event of one image ends in one document.
func TestEventBecomesDocument(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		ev := w.bucket.Put("a.png", picture(31))
		if out := w.worker().Process(t.Context(), ev).Outcome; out != document.OutcomeDone {
			t.Fatalf("outcome %s\n%s", out, w.log)
		}
		r := w.want("a.png", document.StatusDone, "")
		if r.Text != "text of 31" || r.Pages != 1 || r.PagesDone != 1 || r.Attempt != 1 || r.Model != "m" ||
			r.Usage.CompletionTokens != 3 || r.EventID != ev.ID || r.Metadata["by"] != "test" || r.Finished.IsZero() {
			t.Errorf("%+v", r)
		}
		if w.records.Reads != 0 || w.records.Commits != 2 || w.bucket.Opens != 1 {
			t.Errorf("%d reads, %d writes, %d opens; a clean run costs 0, 2 and 1", w.records.Reads, w.records.Commits,
				w.bucket.Opens)
		}
		if n := strings.Count(w.log.String(), "\n"); n != 1 || strings.Contains(w.log.String(), "text of") {
			t.Errorf("%d log lines:\n%s", n, w.log)
		}
	})
}

// TestOwnerIsKnownWhateverBringsTheObject: by an event, by the sweep that finds another generation live, by a retry of
// a document from before the pattern, at the end of the object.
func TestOwnerIsKnownWhateverBringsTheObject(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		ev := w.bucket.Put("users/ada/a.png", picture(121))
		w.worker().Process(ctx, ev)
		if r := w.want(ev.Name, document.StatusDone, ""); r.Owner != "" {
			t.Errorf("without a pattern the owner is %q", r.Owner)
		}
		w.options.Erase = true
		w.options.Owner = func(name string) string { return strings.Split(name, "/")[1] }
		want := func(s document.Status) {
			t.Helper()
			if r := w.want(ev.Name, s, ""); r.Owner != "ada" {
				t.Errorf("%s: the owner is %q", s, r.Owner)
			}
		}
		w.retry(ev.Name, nil)
		w.worker().Sweep(ctx)
		want(document.StatusDone)

		old := w.bucket.Put(ev.Name, picture(122))
		w.die(old)
		w.bucket.Put(ev.Name, picture(123)) // its event is lost
		time.Sleep(time.Hour)
		w.worker().Sweep(ctx)
		want(document.StatusDone)
		if r := w.record(ev.Name); r.Text != "text of 123" {
			t.Errorf("read %q", r.Text)
		}
		w.worker().Process(ctx, w.bucket.Delete(ev.Name))
		want(document.StatusDeleted)
	})
}

func TestFinishedIsNeverSentAgain(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		ev := w.bucket.Put("a.png", picture(31))
		p := w.worker()
		p.Process(t.Context(), ev)
		for range 3 {
			if out := w.worker().Process(t.Context(), ev).Outcome; out != document.OutcomeDuplicate || out.Refused() {
				t.Errorf("outcome %s", out)
			}
		}
		if w.calls.Load() != 1 {
			t.Errorf("%d calls", w.calls.Load())
		}
	})
}

// TestConcurrentCopiesReadOnce: of two deliveries at once one works and the other is refused.
func TestConcurrentCopiesReadOnce(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.answer = func(ctx context.Context, text string) (ocr.Result, error) {
			time.Sleep(100 * time.Second) // longer than a lease: it must be renewed
			return result(text), nil
		}
		ev := w.bucket.Put("a.png", picture(31))
		var mu sync.Mutex
		outs := map[document.Outcome]int{}
		var wg sync.WaitGroup
		for i := range 30 {
			wg.Go(func() {
				time.Sleep(time.Duration(i) * 3 * time.Second)
				out := w.worker().Process(t.Context(), ev).Outcome
				mu.Lock()
				defer mu.Unlock()
				outs[out]++
			})
		}
		wg.Wait()
		if outs[document.OutcomeDone] != 1 || outs[document.OutcomeBusy] != 29 || w.calls.Load() != 1 {
			t.Errorf("%v, %d calls", outs, w.calls.Load())
		}
	})
}

// TestNewestLiveGenerationWins: whatever the order of the events.
func TestNewestLiveGenerationWins(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		p := w.worker()
		one := w.bucket.PutAs("a.png", 100, picture(31))
		p.Process(t.Context(), one)
		two := w.bucket.Put("a.png", picture(32))
		if out := p.Process(t.Context(), two).Outcome; out != document.OutcomeDone {
			t.Errorf("newer: %s", out)
		}
		if r := w.want("a.png", document.StatusDone, ""); r.Text != "text of 32" || r.Attempt != 1 {
			t.Errorf("%+v", r)
		}
		if out := p.Process(t.Context(), one).Outcome; out != document.OutcomeSuperseded || out.Refused() {
			t.Errorf("older: %s", out)
		}
		// Generations need not grow: the one that lives wins.
		if out := p.Process(t.Context(), w.bucket.PutAs("a.png", 7, picture(33))).Outcome; out != document.OutcomeDone {
			t.Errorf("lower, living: %s", out)
		}
		if r := w.want("a.png", document.StatusDone, ""); r.Text != "text of 33" {
			t.Errorf("%+v", r)
		}
	})
}

// errKilled is returned by the store of a killed process; no worker waits for it to pass.
var errKilled = errors.New("the process is dead")

// die claims an event like a process that is then killed.
func (w *world) die(ev document.Event) {
	o := w.options
	dead := false
	w.records.Before = func(_ context.Context, op, id string) error {
		if dead {
			return errKilled
		}
		return nil
	}
	o.OCR = extractor{func(ctx context.Context, img ocr.Image) (ocr.Result, error) {
		dead = true
		return result("never written"), nil
	}}
	newWorker(w.t, o).Process(w.t.Context(), ev)
	w.records.Before = nil
	if s := w.record(ev.Name).Status; s != document.StatusProcessing {
		w.t.Fatalf("status %s after the kill", s)
	}
}

type extractor struct {
	f func(ctx context.Context, img ocr.Image) (ocr.Result, error)
}

func (e extractor) ExtractText(ctx context.Context, img ocr.Image) (ocr.Result, error) {
	return e.f(ctx, img)
}
func (extractor) Profile() ocr.Profile { return ocr.Profile{Edge: 1540} }

// TestFaultDecidesRecordAndDelivery: the effect of each error on record and delivery.
func TestFaultDecidesRecordAndDelivery(t *testing.T) {
	for _, c := range []struct {
		name   string
		data   []byte
		err    error
		status document.Status
		code   string
	}{
		{"text file", []byte("hello, this is not an image at all"), nil, document.StatusFailed, "unsupported_media"},
		{"no bytes", nil, nil, document.StatusFailed, "empty"},
		{"cut off in the header", picture(31)[:20], nil, document.StatusFailed, "corrupt"},
		{"too many pixels", picture(1 << 18), nil, document.StatusFailed, "too_large"},
		{"rejected", nil, &ocr.Error{Kind: ocr.KindBadImage}, document.StatusFailed, "ocr_rejected"},
		{"refused as too large", nil, &ocr.Error{Kind: ocr.KindTooLarge}, document.StatusFailed, "too_large"},
		{"busy", nil, &ocr.Error{Kind: ocr.KindOverloaded}, document.StatusRetrying, "ocr_unavailable"},
		{"down", nil, &ocr.Error{Kind: ocr.KindUnavailable}, document.StatusRetrying, "ocr_unavailable"},
		{"aborted", nil, &ocr.Error{Kind: ocr.KindAborted}, document.StatusRetrying, "ocr_unavailable"},
		{"forbidden", nil, &ocr.Error{Kind: ocr.KindForbidden}, document.StatusRetrying, "ocr_misconfigured"},
		{"timeout", nil, &ocr.Error{Kind: ocr.KindTimeout, Phase: ocr.PhaseWait}, document.StatusRetrying,
			"ocr_timeout"},
		{"timeout before the server saw it", nil, &ocr.Error{Kind: ocr.KindTimeout, Phase: ocr.PhaseConnect},
			document.StatusRetrying, "ocr_unavailable"},
		{"lost", nil, &ocr.Error{Kind: ocr.KindLost}, document.StatusRetrying, "ocr_failed"},
		{"too large for a proxy", nil, &ocr.Error{Kind: ocr.KindTooLarge, Status: 413, Platform: true},
			document.StatusRetrying, "too_large"},
		{"server without chat", nil, &ocr.Error{Kind: ocr.KindBadRequest, Status: 501}, document.StatusRetrying,
			"ocr_misconfigured"},
		{"engine", nil, &ocr.Error{Kind: ocr.KindBackendFailed}, document.StatusRetrying, "ocr_failed"},
		{"unreadable", nil, &ocr.Error{Kind: ocr.KindBadResponse}, document.StatusRetrying, "ocr_bad_response"},
		{"unknown", nil, errors.New("?"), document.StatusRetrying, "internal"},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				data := c.data
				if c.err != nil {
					data = picture(31)
					w.answer = func(context.Context, string) (ocr.Result, error) { return ocr.Result{}, c.err }
				}
				out := w.worker().Process(t.Context(), w.bucket.Put("a.png", data)).Outcome
				if r := w.want("a.png", c.status, c.code); strings.Contains(r.Error.Message, "context canceled") {
					t.Errorf("the message speaks of our own clean-up: %q", r.Error.Message)
				}
				if out.Refused() != (c.status == document.StatusRetrying) {
					t.Errorf("outcome %s", out)
				}
			})
		})
	}
}

// TestBudgetsBoundAttempts: how many deliveries a fault is given before the record fails.
func TestBudgetsBoundAttempts(t *testing.T) {
	for _, c := range []struct {
		name  string
		err   error
		every time.Duration
		want  int
	}{
		{"time-out", &ocr.Error{Kind: ocr.KindTimeout, Phase: ocr.PhaseWait}, time.Minute, 3},
		{"engine", &ocr.Error{Kind: ocr.KindBackendFailed}, time.Minute, 3},
		{"lost", &ocr.Error{Kind: ocr.KindLost}, time.Minute, 3},
		{"bad response", &ocr.Error{Kind: ocr.KindBadResponse}, time.Minute, 3},
		{"unknown", errors.New("?"), time.Minute, 3},
		{"outage", &ocr.Error{Kind: ocr.KindUnavailable}, 10 * time.Minute, 145}, // at 24 h, every ten minutes
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				w.answer = func(context.Context, string) (ocr.Result, error) { return ocr.Result{}, c.err }
				ev := w.bucket.Put("a.png", picture(31))
				p := w.worker()
				n := 1
				for p.Process(t.Context(), ev).Outcome == document.OutcomeRetry {
					time.Sleep(c.every)
					n++
				}
				if r := w.record("a.png"); n != c.want || r.Status != document.StatusFailed || r.Attempt != n {
					t.Errorf("%d deliveries, want %d: %s, attempt %d", n, c.want, r.Status, r.Attempt)
				}
			})
		})
	}
}

// TestOutageFailsNothing: an hour without a service, then it is back.
func TestOutageFailsNothing(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		start := time.Now()
		w.answer = func(_ context.Context, text string) (ocr.Result, error) {
			if time.Since(start) < time.Hour {
				return ocr.Result{}, &ocr.Error{Kind: ocr.KindUnavailable}
			}
			return result(text), nil
		}
		ev := w.bucket.Put("a.png", picture(31))
		p := w.worker()
		for p.Process(t.Context(), ev).Outcome.Refused() {
			time.Sleep(10 * time.Second)
		}
		w.want("a.png", document.StatusDone, "")
	})
}

func hang(ctx context.Context, _ string) (ocr.Result, error) {
	<-ctx.Done()
	return ocr.Result{}, &ocr.Error{Kind: ocr.KindCanceled, Err: ctx.Err()}
}

// TestDeadlineReleasesTheRecord: a page that takes all the time is released, and nothing is held against it.
func TestDeadlineReleasesTheRecord(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.answer = hang
		start := time.Now()
		if out := w.worker().Process(t.Context(),
			w.bucket.Put("a.png", picture(31))).Outcome; out != document.OutcomeRetry {
			t.Errorf("outcome %s", out)
		}
		if took := time.Since(start); took != 450*time.Second { // the rest is for the closing write
			t.Errorf("released after %v", took)
		}
		if r := w.want("a.png", document.StatusRetrying, "deadline"); len(r.Strikes) > 0 {
			t.Errorf("%+v", r)
		}
	})
}
