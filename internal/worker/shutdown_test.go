package worker_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/worker"
	"github.com/bucketocr/bucketocr/ocr"
)

// TestDrainEndsDespiteAHungRenewal: one commit that hangs does not keep a delivery from releasing its record within
// the grace period.
func TestDrainEndsDespiteAHungRenewal(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.answer = hang
		w.hangCommit(2) // the first renewal, at 30 s; all other calls are answered at once
		p := w.worker()
		ev := w.bucket.Put("a.png", picture(31))
		go p.Process(t.Context(), ev)
		time.Sleep(35 * time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), 9*time.Second)
		defer cancel()
		if err := p.Drain(ctx); err != nil {
			t.Errorf("Drain: %v; the record is %s", err, w.record("a.png").Status)
		}
	})
}

// TestSweepStartsNothingAfterDrain: deliveries already started are finished, not broken off.
func TestSweepStartsNothingAfterDrain(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.answer = func(context.Context, string) (ocr.Result, error) {
			return ocr.Result{}, &ocr.Error{Kind: ocr.KindUnavailable}
		}
		p := w.worker()
		for n := range 40 {
			p.Process(t.Context(), w.bucket.Put(fmt.Sprintf("%d.png", n), picture(30+n)))
		}
		time.Sleep(15 * time.Minute)
		w.calls.Store(0)
		w.answer = func(ctx context.Context, text string) (ocr.Result, error) {
			select {
			case <-time.After(4 * time.Second):
				return result(text), nil
			case <-ctx.Done():
				return hang(ctx, text)
			}
		}
		go p.Sweep(t.Context())
		time.Sleep(time.Second)
		before := w.calls.Load()
		ctx, cancel := context.WithTimeout(t.Context(), 9*time.Second)
		defer cancel()
		if err := p.Drain(ctx); err != nil {
			t.Error(err)
		}
		interrupted := 0
		for _, r := range w.records.All() {
			if r.Error != nil && r.Error.Code == "interrupted" {
				interrupted++
			}
		}
		if w.calls.Load() != before || interrupted > 0 {
			t.Errorf("%d pages in hand at SIGTERM, %d sent after it, %d of them broken off and paid for nothing",
				before, w.calls.Load()-before, interrupted)
		}
	})
}

// TestReleaseAtShutdownIsNoInterruption: a record that was released at SIGTERM needs no instance to itself.
func TestReleaseAtShutdownIsNoInterruption(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.answer = hang
		p := w.worker()
		ev := w.bucket.Put("a.png", picture(31))
		go p.Process(t.Context(), ev)
		time.Sleep(time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), 9*time.Second)
		defer cancel()
		p.Drain(ctx)
		w.want("a.png", document.StatusRetrying, "interrupted")
		synctest.Wait() // its reader may not have ended yet
		w.answer = nil
		w.die(ev) // its first
		time.Sleep(document.LeaseTime)
		w.answer = hang
		go w.worker().Process(t.Context(), ev)
		time.Sleep(time.Second)
		if r := w.record("a.png"); r.Lease == nil || !r.Lease.Alone || r.Interruptions != 1 {
			t.Errorf("after a deploy and one interruption: %+v, %d interruptions", r.Lease, r.Interruptions)
		}
		time.Sleep(10 * time.Minute)
	})
}

func TestDrainEndsDespiteAHungClaim(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.options.ProcessTimeout = 20 * time.Second
		w.hangCommit(1)
		p := w.worker()
		result := make(chan worker.Result, 1)
		go func() { result <- p.Process(t.Context(), w.bucket.Put("a.png", picture(31))) }()
		time.Sleep(time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), 9*time.Second)
		defer cancel()
		if err := p.Drain(ctx); err != nil {
			t.Errorf("Drain: %v", err)
		}
		if f := (<-result).Fault; f.Code != document.CodeInterrupted || f.Class != document.ClassOurs {
			t.Errorf("fault %s %s, want interrupted by the shutdown", f.Code, f.Class)
		}
	})
}

// TestWorkGoesOnWhenTheCallerHangsUp: it is paid for, and its end is written.
func TestWorkGoesOnWhenTheCallerHangsUp(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		ctx, hangUp := context.WithCancel(t.Context())
		w.answer = func(ctx context.Context, text string) (ocr.Result, error) {
			hangUp()
			time.Sleep(time.Second)
			return result(text), ctx.Err()
		}
		if out := w.worker().Process(ctx, w.bucket.Put("a.png", picture(31))).Outcome; out != document.OutcomeDone {
			t.Errorf("outcome %s", out)
		}
		w.want("a.png", document.StatusDone, "")
	})
}

// TestDrainReleasesWhatDoesNotFit: a record that cannot be finished within the grace period is released before its end,
// and a redelivery starts at once.
func TestDrainReleasesWhatDoesNotFit(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.answer = hang
		p := w.worker()
		ev := w.bucket.Put("a.png", picture(31))
		out := make(chan document.Outcome)
		go func() { out <- p.Process(t.Context(), ev).Outcome }()
		time.Sleep(time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		drained := make(chan error)
		go func() { drained <- p.Drain(ctx) }()
		synctest.Wait()
		late := p.Process(t.Context(), w.bucket.Put("b.png", picture(31)))
		if late.Outcome != document.OutcomeRetry || late.Fault.Code != document.CodeInterrupted ||
			len(w.records.All()) != 1 {
			t.Errorf("a new delivery: %s %s, %d records", late.Outcome, late.Fault.Code, len(w.records.All()))
		}
		if o := <-out; o != document.OutcomeRetry {
			t.Errorf("outcome %s", o)
		}
		if err := <-drained; err != nil {
			t.Error(err)
		}
		if r := w.want("a.png", document.StatusRetrying, "interrupted"); len(r.Strikes) > 0 || r.Interruptions != 0 {
			t.Errorf("%+v", r)
		}
		w.answer = nil
		if o := w.worker().Process(t.Context(), ev).Outcome; o != document.OutcomeDone {
			t.Errorf("redelivered: %s", o)
		}
	})
}

func TestDrainLetsFinishWhatFits(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.answer = func(ctx context.Context, text string) (ocr.Result, error) {
			time.Sleep(5 * time.Second)
			return result(text), ctx.Err()
		}
		p := w.worker()
		go p.Process(t.Context(), w.bucket.Put("a.png", picture(31)))
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		if err := p.Drain(ctx); err != nil {
			t.Error(err)
		}
		w.want("a.png", document.StatusDone, "")
	})
}

// TestPageOfALostCommitIsCountedOnce: the commit of a page is applied while the shutdown cuts off its answer.
func TestPageOfALostCommitIsCountedOnce(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.options.OCRConcurrency = 1
		w.count(func(_ context.Context, _ int, text string) (ocr.Result, error) {
			time.Sleep(time.Second)
			return result(text), nil
		})
		var commits atomic.Int64
		w.records.After = func(ctx context.Context, _ string) error {
			if commits.Add(1) != 2 { // the claim's is before page 1's
				return nil
			}
			<-ctx.Done()
			return ctx.Err()
		}
		p := w.worker()
		go p.Process(t.Context(), w.bucket.Put("a.tiff", book(3)))
		time.Sleep(2 * time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), 9*time.Second)
		defer cancel()
		if err := p.Drain(ctx); err != nil {
			t.Error(err)
		}
		r := w.want("a.tiff", document.StatusRetrying, "interrupted")
		if stored := len(w.pages("a.tiff")); r.PagesDone != 1 || stored != 1 {
			t.Errorf("%d pages done, %d stored; want 1", r.PagesDone, stored)
		}
	})
}

// TestDrainEndsAWaitForASlot: and nothing is written.
func TestDrainEndsAWaitForASlot(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.options.MemoryBudget = 4 << 20
		w.options.Objects = stuck{w.bucket}
		p := w.worker()
		for n := range 4 {
			go p.Process(t.Context(), w.bucket.Put(fmt.Sprintf("%d.png", n), picture(30+n)))
		}
		synctest.Wait()
		result := make(chan worker.Result, 1)
		go func() { result <- p.Process(t.Context(), w.bucket.Put("late.png", picture(50))) }()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), 9*time.Second)
		defer cancel()
		if err := p.Drain(ctx); err != nil {
			t.Error(err)
		}
		res := <-result
		if res.Outcome != document.OutcomeRetry || res.Fault.Code != document.CodeInterrupted ||
			len(w.records.All()) != 4 {
			t.Errorf("%s, %s, %d records", res.Outcome, res.Fault.Code, len(w.records.All()))
		}
	})
}

// stuck is a bucket that does not answer.
type stuck struct{ document.Objects }

func (stuck) Open(ctx context.Context, _ document.Object) (document.Content, error) {
	<-ctx.Done()
	return document.Content{}, fmt.Errorf("%w: %w", document.ErrStorageUnavailable, ctx.Err())
}

// TestClaimUnderWayAtShutdownIsReleased: the worker waits for the answer to its commit, so that no lease is left.
func TestClaimUnderWayAtShutdownIsReleased(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		var commits atomic.Int64
		w.records.After = func(ctx context.Context, _ string) error {
			if commits.Add(1) > 1 {
				return nil
			}
			select {
			case <-time.After(6500 * time.Millisecond):
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		p := w.worker()
		go p.Process(t.Context(), w.bucket.Put("a.png", picture(31)))
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), 9*time.Second) // releases at 6 s
		defer cancel()
		if err := p.Drain(ctx); err != nil {
			t.Error(err)
		}
		if w.want("a.png", document.StatusRetrying, document.CodeInterrupted); w.calls.Load() != 0 {
			t.Errorf("%d calls of the OCR service", w.calls.Load())
		}
	})
}
