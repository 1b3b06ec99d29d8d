package worker_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/ocr"
)

// a panic in the claim leaks the place in the gate and the seat.
func TestPanicInClaimLeaks(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.options.MemoryBudget = 16 << 20
		p := w.worker()
		w.records.Before = func(context.Context, string, string) error { panic("driver") }
		for n := range 4 {
			ev := w.bucket.Put(fmt.Sprintf("%d.png", n), picture(20+n))
			ev.Size = 1 << 20
			p.Process(t.Context(), ev)
		}
		w.records.Before = nil
		start := time.Now()
		out := p.Process(t.Context(), w.bucket.Put("good.png", picture(50))).Outcome
		if out != document.OutcomeDone {
			t.Errorf("after four panics: %s after %v, for ever", out, time.Since(start))
		}
	})
}

// a delivery that waited for its place nearly all its time claims, sends the page, breaks off, and that counts.
func TestLateClaimCountsAgainstTheObject(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.options.MemoryBudget = 4 << 20 // one seat is a fourth
		w.answer = func(ctx context.Context, text string) (ocr.Result, error) {
			if strings.HasSuffix(text, "99") {
				return result(text), sleepCtx(ctx, 5*time.Second) // five seconds are all that it needs
			}
			return result(text), sleepCtx(ctx, 449*time.Second)
		}
		late := w.bucket.Put("late.png", picture(99))
		var out document.Outcome
		n := 0
		for n = 1; n <= 25; n++ {
			p := w.worker()
			for k := range 4 {
				ev := w.bucket.Put(fmt.Sprintf("%d-%d.png", n, k), picture(20+k))
				go p.Process(t.Context(), ev)
			}
			time.Sleep(time.Millisecond)
			if out = p.Process(t.Context(), late).Outcome; !out.Refused() {
				break
			}
			time.Sleep(time.Minute)
		}
		if r := w.record("late.png"); r.Status == document.StatusFailed || r.Doubts > 0 {
			t.Errorf("after %d deliveries: %s, doubts %d, %+v", n, r.Status, r.Doubts, r.Error)
		}
		time.Sleep(10 * time.Minute)
	})
}

func sleepCtx(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return &ocr.Error{Kind: ocr.KindCanceled, Err: ctx.Err()}
	}
}
func TestPanicTellsText(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.answer = func(context.Context, string) (ocr.Result, error) { panic("secret of the page") }
		w.worker().Process(t.Context(), w.bucket.Put("a.png", picture(21)))
		if strings.Contains(w.log.String(), "secret of the page") || strings.Contains(w.record("a.png").Error.Message, "secret") {
			t.Errorf("log and document hold the panic's value: %q", w.record("a.png").Error.Message)
		}
	})
}

// a claim whose commit hangs is not let go either
func TestDrainBehindHungClaim(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.options.ProcessTimeout = 20 * time.Second
		w.hangCommit(1)
		p := w.worker()
		out := make(chan document.Outcome, 1)
		go func() { out <- p.Process(t.Context(), w.bucket.Put("a.png", picture(21))).Outcome }()
		time.Sleep(time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), 9*time.Second)
		defer cancel()
		if err := p.Drain(ctx); err != nil {
			t.Errorf("Drain: %v", err)
		}
		<-out
	})
}

// The places at the OCR service are the instance's, whatever objects want them, and those who wait take turns.
func TestPlacesAtTheOCRService(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.options.OCRPlaces = 3
		c := w.count(func(_ context.Context, _ int, text string) (ocr.Result, error) {
			time.Sleep(time.Second)
			return result(text), nil
		})
		p := w.worker()
		var all sync.WaitGroup
		for n := range 4 {
			ev := w.bucket.Put(fmt.Sprintf("%d.tiff", n), book(6))
			all.Go(func() { p.Process(t.Context(), ev) })
		}
		start := time.Now()
		all.Wait()
		for n := range 4 {
			w.want(fmt.Sprintf("%d.tiff", n), document.StatusDone, "")
		}
		if total, _ := c.total(); total != 24 || c.atOnce != 3 || time.Since(start) != 8*time.Second {
			t.Errorf("%d calls, %d at once, %v", total, c.atOnce, time.Since(start))
		}
	})
}

// An object that got no place at the OCR service all its time, or one too late to be of use, is not to blame; one that had
// one is.
func TestCrowdedOut(t *testing.T) {
	for name, hold := range map[string]func(ctx context.Context) error{
		"a place too late": func(ctx context.Context) error { return sleepCtx(ctx, time.Hour) },
		"no place at all":  func(context.Context) error { time.Sleep(460 * time.Second); return context.DeadlineExceeded },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) { crowdedOut(t, w, hold) })
		})
	}
}

func crowdedOut(t *testing.T, w *world, hold func(ctx context.Context) error) {
	w.options.OCRPlaces = 1
	w.answer = func(ctx context.Context, text string) (ocr.Result, error) { return result(text), hold(ctx) }
	p := w.worker()
	var all sync.WaitGroup
	for n, name := range []string{"first.png", "second.png"} {
		ev := w.bucket.Put(name, picture(30+n))
		all.Go(func() { p.Process(t.Context(), ev) })
		time.Sleep(time.Second)
	}
	all.Wait()
	time.Sleep(time.Minute) // until nothing of them runs any more
	for name, doubts := range map[string]int{"first.png": 1, "second.png": 0} {
		if r := w.want(name, document.StatusRetrying, document.CodeDeadline); r.Doubts != doubts {
			t.Errorf("%s: %d doubts, want %d", name, r.Doubts, doubts)
		}
	}
}
