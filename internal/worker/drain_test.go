package worker_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/ocr"
)

// slowly answers each page after two seconds.
func slowly(_ context.Context, _ int, text string) (ocr.Result, error) {
	time.Sleep(2 * time.Second)
	return result(text), nil
}

// TestDrainBeginsNoFurtherPage: whatever a delivery was doing when the drain began, no page is sent after that and no
// time is lost waiting; pages being read are stored, and the next instance sends only the other pages, once.
func TestDrainBeginsNoFurtherPage(t *testing.T) {
	failing := func(kind ocr.Kind, after time.Duration) func(context.Context, int, string) (ocr.Result, error) {
		return func(context.Context, int, string) (ocr.Result, error) {
			time.Sleep(after)
			return ocr.Result{}, &ocr.Error{Kind: kind, RetryAfter: 20 * time.Second}
		}
	}
	for name, c := range map[string]struct {
		pages, atOnce int
		beside        bool // another object's page holds the only place at the service
		answer        func(ctx context.Context, n int, text string) (ocr.Result, error)
		silent        bool          // the control page is not read either
		after         time.Duration // the drain begins
		takes         time.Duration // the drain
		sent, kept    int           // pages
	}{
		"one at a time": {pages: 5, atOnce: 1, answer: slowly, after: 5 * time.Second, takes: time.Second,
			sent: 3, kept: 3},
		"two at a time": {pages: 5, atOnce: 2, answer: slowly, after: 3 * time.Second, takes: time.Second,
			sent: 4, kept: 4},
		"waiting for a place": {pages: 3, atOnce: 1, answer: slowly, beside: true, after: time.Second,
			takes: time.Second},
		"refused, to be sent again": {pages: 2, atOnce: 2, answer: failing(ocr.KindOverloaded, 0), after: time.Second,
			sent: 2},
		"suspects to be read alone": {pages: 2, atOnce: 2, answer: failing(ocr.KindBackendFailed, 2*time.Second),
			after: time.Second, takes: time.Second, sent: 2},
		"the service is coming back": {pages: 3, atOnce: 1, answer: failing(ocr.KindLost, 0), silent: true,
			after: 5 * time.Second, sent: 3},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				w.options.OCRConcurrency = c.atOnce
				if c.silent {
					w.control = func(context.Context) (ocr.Result, error) {
						return ocr.Result{}, &ocr.Error{Kind: ocr.KindUnavailable}
					}
				}
				sent := w.count(c.answer)
				if c.beside {
					w.options.OCRPlaces = 1
				}
				p := w.worker()
				if c.beside {
					go p.Process(t.Context(), w.bucket.Put("first.png", picture(31)))
					synctest.Wait()
				}
				ended, ev := make(chan document.Outcome, 1), w.bucket.Put("a.tiff", book(c.pages))
				go func() { ended <- p.Process(t.Context(), ev).Outcome }()
				time.Sleep(c.after)
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				begun := time.Now()
				if err := p.Drain(ctx); err != nil {
					t.Fatal(err)
				}
				if took := time.Since(begun); took != c.takes {
					t.Errorf("the drain took %v, want %v", took, c.takes)
				}
				if out := <-ended; out != document.OutcomeRetry {
					t.Errorf("outcome %s", out)
				}
				if n := sent.pages(); n != c.sent {
					t.Errorf("%d pages sent, want %d", n, c.sent)
				}
				r, stored := w.record("a.tiff"), len(w.pages("a.tiff"))
				if r.Status != document.StatusRetrying || r.PagesDone != c.kept || stored != c.kept ||
					r.Strikes[1].Count > 0 || r.Interruptions > 0 {
					t.Errorf("%s, %d pages done, %d stored, want %d; strikes %v, %d interruptions", r.Status,
						r.PagesDone, stored, c.kept, r.Strikes, r.Interruptions)
				}

				again := w.count(slowly)
				w.control = nil
				if out := w.worker().Process(t.Context(), ev).Outcome; out != document.OutcomeDone {
					t.Errorf("the next instance: %s", out)
				}
				if n := again.pages(); n != c.pages-c.kept {
					t.Errorf("the next instance sent %d pages, want %d", n, c.pages-c.kept)
				}
			})
		})
	}
}

// pages returns how many pages of books were sent.
func (c *counted) pages() (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for text, times := range c.times {
		if text > "text of 100" && len(text) == len("text of 100") {
			n += times
		}
	}
	return n
}

// TestDrainAdmitsNothing: a delivery that waits for its slot does not begin when others release theirs.
func TestDrainAdmitsNothing(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.options.MemoryBudget = 4 << 20
		w.bucket.Before = func(context.Context, string, document.Object) error {
			time.Sleep(2 * time.Second)
			return nil
		}
		p := w.worker()
		begun := time.Now()
		ends := make(chan time.Duration, 6)
		for n := range 6 { // four of them have a quarter of the memory each
			ev := w.bucket.Put(fmt.Sprint(n, ".png"), picture(31+n))
			go func() { p.Process(t.Context(), ev); ends <- time.Since(begun) }()
		}
		time.Sleep(time.Second)
		if err := p.Drain(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := len(w.records.All()); n != 4 {
			t.Errorf("%d records: what waited for its slot was claimed", n)
		}
		if first, second := <-ends, <-ends; first != time.Second || second != time.Second {
			t.Errorf("the waits ended after %v and %v, the drain began after 1 s", first, second)
		}
	})
}
