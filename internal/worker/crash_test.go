package worker_test

import (
	"context"
	"errors"
	"fmt"
	"image"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/page/pagetest"
	"github.com/bucketocr/bucketocr/internal/worker"
	"github.com/bucketocr/bucketocr/ocr"
)

// breaking makes outside calls fail by number: fails reports whether the n-th (from 0) fails.
func (w *world) breaking(fails func(n int) bool) (calls *int) {
	var mu sync.Mutex // pages are read several at a time
	n := 0
	broken := func() bool {
		mu.Lock()
		defer mu.Unlock()
		n++
		return fails(n - 1)
	}
	w.records.Before = func(_ context.Context, op, id string) error {
		if broken() {
			return fmt.Errorf("%w: %s", document.ErrStoreUnavailable, op)
		}
		return nil
	}
	w.bucket.Before = func(_ context.Context, op string, _ document.Object) error {
		if broken() {
			return fmt.Errorf("%w: %s", document.ErrStorageUnavailable, op)
		}
		return nil
	}
	w.answer = func(_ context.Context, text string) (ocr.Result, error) {
		if broken() {
			return ocr.Result{}, &ocr.Error{Kind: ocr.KindUnavailable}
		}
		return result(text), nil
	}
	return &n
}

func (w *world) heal() {
	w.records.Before, w.records.After, w.bucket.Before, w.answer = nil, nil, nil, nil
}

// essence returns the properties that must be the same however the record was reached.
func essence(r *document.Record) string {
	return fmt.Sprintf("%s %d %q pages %d/%d model %s usage %v strikes %v interruptions %d error %v lease %v due %v",
		r.Status, r.Generation, r.Text, r.PagesDone, r.Pages, r.Model, r.Usage, r.Strikes, r.Interruptions, r.Error,
		r.Lease, r.Due)
}

const clean = `done 1 "text of 31" pages 1/1 model m usage {10 3} strikes map[] interruptions 0 error <nil> lease <nil> due 0001-01-01 00:00:00 +0000 UTC`

// TestCrashAtEveryCallConverges: a crash before and after each call, then a redelivery: the record converges to the
// document of one clean run, and no call for the same page is made more often than the crash explains.
func TestCrashAtEveryCallConverges(t *testing.T) {
	for _, dies := range []bool{true, false} { // for good, or only at that call
		for at := range 6 {
			t.Run(fmt.Sprintf("call %d, dies %v", at, dies), func(t *testing.T) {
				bubble(t, func(t *testing.T, w *world) {
					ev := w.bucket.Put("a.png", picture(31))
					w.breaking(func(n int) bool { return n == at || dies && n > at })
					w.worker().Process(t.Context(), ev)
					w.heal()
					time.Sleep(document.LeaseTime)
					if out := w.worker().Process(t.Context(), ev).Outcome; out.Refused() {
						t.Errorf("outcome %s\n%s", out, w.log)
					}
					if got := essence(w.record("a.png")); got != clean {
						t.Errorf("got  %s\nwant %s", got, clean)
					}
					if w.calls.Load() > 3 { // a page that fails is sent alone once more
						t.Errorf("%d calls of the OCR service", w.calls.Load())
					}
				})
			})
		}
	}
}

// TestLostAnswersDoNothingTwice: a commit was applied and its answer lost, at each of the commits.
func TestLostAnswersDoNothingTwice(t *testing.T) {
	for at := range 2 {
		t.Run(fmt.Sprint(at), func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				n := 0
				w.records.After = func(context.Context, string) error {
					n++
					if n-1 == at {
						return errors.New("connection reset")
					}
					return nil
				}
				ev := w.bucket.Put("a.png", picture(31))
				if out := w.worker().Process(t.Context(), ev).Outcome; out != document.OutcomeDone {
					t.Errorf("answer %d lost: %s", at, out)
				}
				if r := w.record("a.png"); essence(r) != clean || r.Attempt != 1 || w.records.Commits != 2 ||
					w.calls.Load() != 1 {
					t.Errorf("answer %d lost: %d commits, attempt %d, %s", at, w.records.Commits, r.Attempt, essence(r))
				}
			})
		})
	}
}

// TestRejectedDocumentFails: a document that the store never accepts ends as failed, not in a loop.
func TestRejectedDocumentFails(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		n := 0
		w.records.Before = func(_ context.Context, op, _ string) error {
			if op == "commit" {
				if n++; n == 2 {
					return fmt.Errorf("%w: too big", document.ErrStoreRejected)
				}
			}
			return nil
		}
		if out := w.worker().Process(t.Context(),
			w.bucket.Put("a.png", picture(31))).Outcome; out != document.OutcomeFailed {
			t.Errorf("outcome %s", out)
		}
		w.want("a.png", document.StatusFailed, "store_rejected")
	})
}

// TestBucketThatHangsIsUnavailable: the worker's own limit for asking which generation is live is no deadline of the
// delivery.
func TestBucketThatHangsIsUnavailable(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		ev := w.bucket.Put("deleted.png", picture(31))
		w.bucket.Delete("deleted.png")
		w.bucket.Before = func(ctx context.Context, op string, _ document.Object) error {
			if op == "live" {
				<-ctx.Done()
			}
			return ctx.Err()
		}
		res := w.worker().Process(t.Context(), ev)
		if res.Outcome != document.OutcomeRetry || res.Fault.Code != document.CodeStorageUnavailable {
			t.Errorf("%s, %+v", res.Outcome, res.Fault)
		}
	})
}

// TestGoneGenerationIsExplained: the generation was deleted, or overwritten by one whose event is on the way or lost.
func TestGoneGenerationIsExplained(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		p := w.worker()
		ev := w.bucket.Put("deleted.png", picture(31))
		w.bucket.Delete("deleted.png")
		if out := p.Process(t.Context(), ev).Outcome; out != document.OutcomeFailed {
			t.Errorf("deleted: %s", out)
		}
		w.want("deleted.png", document.StatusFailed, "object_gone")

		old := w.bucket.Put("a.png", picture(31))
		w.bucket.Put("a.png", picture(32)) // its event is lost
		if out := p.Process(t.Context(), old).Outcome; out != document.OutcomeRetry {
			t.Errorf("overwritten: %s", out)
		}
		w.want("a.png", document.StatusRetrying, "object_gone")
		time.Sleep(15 * time.Minute)
		if s := p.Sweep(t.Context()); s.Fault.Code != "" {
			t.Fatal(s.Fault.Message)
		}
		if r := w.want("a.png", document.StatusDone, ""); r.Text != "text of 32" {
			t.Errorf("%+v", r)
		}
	})
}

// TestPanicReleasesTheRecord: after a panic of the worker or of a decoder the record is closed and the process lives.
func TestPanicReleasesTheRecord(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.answer = func(context.Context, string) (ocr.Result, error) { panic("secret of the page") }
		if out := w.worker().Process(t.Context(),
			w.bucket.Put("a.png", picture(31))).Outcome; out != document.OutcomeRetry {
			t.Errorf("outcome %s", out)
		}
		if r := w.want("a.png", document.StatusRetrying, "internal"); r.Strikes[1].Count != 1 {
			t.Errorf("%+v", r)
		}
		if !strings.Contains(w.log.String(), "crash_test.go") {
			t.Errorf("the log does not say where:\n%s", w.log)
		}
	})
}

// TestAnswerForWrongBytesIsDiscarded: although it was paid for.
func TestAnswerForWrongBytesIsDiscarded(t *testing.T) {
	noise := image.NewGray(image.Rect(0, 0, 500, 500)) // too large to be read to its end before it is sent
	for i := range noise.Pix {
		noise.Pix[i] = byte(i * i >> 3)
	}
	file := pagetest.EncodePNG(noise)
	for _, c := range []struct {
		err    error
		status document.Status
		code   string
	}{
		{document.ErrStorageUnavailable, document.StatusRetrying, document.CodeStorageUnavailable},
		{document.ErrObjectCorrupt, document.StatusFailed, document.CodeCorrupt},
	} {
		t.Run(c.code, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				w.options.Objects = badSum{w.bucket, c.err}
				w.options.OCR = extractor{func(ctx context.Context, img ocr.Image) (ocr.Result, error) {
					w.ExtractText(ctx, img) // reads to the end and does not look
					return result("text of wrong bytes"), nil
				}}
				w.worker().Process(t.Context(), w.bucket.Put("a.png", file))
				if w.want("a.png", c.status, c.code); w.bucket.Opens != 1 {
					t.Errorf("opened %d times", w.bucket.Opens)
				}
			})
		})
	}
}

// badSum is a bucket whose last Read reports wrong bytes.
type badSum struct {
	document.Objects
	err error
}

func (b badSum) Open(ctx context.Context, o document.Object) (document.Content, error) {
	c, err := b.Objects.Open(ctx, o)
	c.ReadCloser = &lastRead{Content: c, left: c.Size, err: b.err}
	return c, err
}

type lastRead struct {
	document.Content
	left int64
	err  error
}

func (l *lastRead) Read(p []byte) (int, error) {
	n, err := l.Content.Read(p)
	if l.left -= int64(n); l.left <= 0 {
		return n, fmt.Errorf("%w: checksum", l.err)
	}
	return n, err
}

// TestSweepTakesEachOnce: two thousand overdue records, beside a second sweep and deliveries; ended ones are left
// alone.
func TestSweepTakesEachOnce(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		const many = 2000
		w.answer = func(context.Context, string) (ocr.Result, error) {
			return ocr.Result{}, &ocr.Error{Kind: ocr.KindUnavailable}
		}
		p := w.worker()
		var last document.Event
		for n := range many {
			last = w.bucket.Put(fmt.Sprintf("%d.png", n), picture(30+n%50))
			p.Process(t.Context(), last)
		}
		w.answer = func(_ context.Context, text string) (ocr.Result, error) {
			time.Sleep(10 * time.Millisecond)
			return result(text), nil
		}
		w.calls.Store(0)
		time.Sleep(15 * time.Minute)
		other := make(chan worker.Swept)
		go func() { other <- w.worker().Sweep(t.Context()) }()
		for _, swept := range []worker.Swept{p.Sweep(t.Context()), <-other} {
			if swept.Fault.Code != "" {
				t.Fatal(swept.Fault.Message)
			}
		}
		for n := range many {
			w.want(fmt.Sprintf("%d.png", n), document.StatusDone, "")
		}
		if w.calls.Load() != many {
			t.Errorf("%d calls for %d records", w.calls.Load(), many)
		}
		commits := w.records.Commits
		time.Sleep(48 * time.Hour)
		if swept := p.Sweep(t.Context()); swept.Fault.Code != "" || w.records.Commits != commits {
			t.Errorf("a sweep over ended records: %+v, %d commits", swept, w.records.Commits-commits)
		}
	})
}

// TestPanicIsLoggedWithoutItsText: a panic's value may contain document text.
func TestPanicIsLoggedWithoutItsText(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.answer = func(context.Context, string) (ocr.Result, error) { panic("secret of the page") }
		w.worker().Process(t.Context(), w.bucket.Put("a.png", picture(31)))
		if strings.Contains(w.log.String(), "secret of the page") ||
			strings.Contains(w.record("a.png").Error.Message, "secret") {
			t.Errorf("log and document hold the panic's value: %q", w.record("a.png").Error.Message)
		}
	})
}
