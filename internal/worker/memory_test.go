package worker_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/page"
	"github.com/bucketocr/bucketocr/ocr"
)

// TestMemoryBudgetBoundsPages: an object that alone exceeds it ends as too_large; the others wait their turn before the
// claim.
func TestMemoryBudgetBoundsPages(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.options.Limits = page.Limits{MaxBytes: 1 << 20, MaxPixels: 60e6, MaxPages: 1}
		w.options.MemoryBudget = 1 << 20
		w.answer = func(_ context.Context, text string) (ocr.Result, error) {
			time.Sleep(10 * time.Second)
			return result(text), nil
		}
		if out := w.worker().Process(t.Context(),
			w.bucket.Put("big.png", picture(1<<19))).Outcome; out != document.OutcomeFailed {
			t.Errorf("outcome %s", out)
		}
		w.want("big.png", document.StatusFailed, "too_large")
	})
}

// TestSmallGzipPassesASmallBudget: an object stored as gzip needs no more memory than its page.
func TestSmallGzipPassesASmallBudget(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.options.Objects = unsized{w.bucket}
		w.options.Limits.MaxBytes = 64 << 20
		w.options.MemoryBudget = 32 << 20
		w.worker().Process(t.Context(), w.bucket.Put("a.png", picture(31)))
		if r := w.record("a.png"); r.Status != document.StatusDone {
			t.Errorf("an image of %d bytes: %s %+v", len(picture(31)), r.Status, r.Error)
		}
	})
}

type unsized struct{ document.Objects }

func (u unsized) Open(ctx context.Context, o document.Object) (document.Content, error) {
	c, err := u.Objects.Open(ctx, o)
	c.Size = -1
	return c, err
}

// TestPassingPagesHoldNoMemory: a page that passes through holds no memory while it waits for the OCR service.
func TestPassingPagesHoldNoMemory(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.options.MemoryBudget = 16 << 20
		w.answer = func(_ context.Context, text string) (ocr.Result, error) {
			time.Sleep(100 * time.Second) // a GPU that starts
			return result(text), nil
		}
		p := w.worker()
		start := time.Now()
		var wg sync.WaitGroup
		outs := map[document.Outcome]int{}
		var mu sync.Mutex
		for n := range 80 {
			ev := w.bucket.Put(fmt.Sprintf("%d.png", n), picture(30+n))
			ev.Size = 600 << 10
			wg.Go(func() {
				out := p.Process(t.Context(), ev).Outcome
				mu.Lock()
				defer mu.Unlock()
				outs[out]++
			})
		}
		time.Sleep(101 * time.Second)
		synctest.Wait()
		n := 0
		for _, r := range w.records.All() {
			if r.Status == document.StatusDone {
				n++
			}
		}
		wg.Wait()
		if n < 80 {
			t.Errorf("80 objects at once, none of which is decoded: %d done after the first answers; in the end %v after %v, %d records",
				n, outs, time.Since(start), len(w.records.All()))
		}
	})
}

// counted counts requests by text, and calls under way at once.
type counted struct {
	mu     sync.Mutex
	times  map[string]int
	now    int
	atOnce int
}

// total returns the number of calls, and the largest number for one page.
func (c *counted) total() (total, most int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, n := range c.times {
		total, most = total+n, max(most, n)
	}
	return total, most
}

// TestBooksShareTheMemory: a book whose bytes do not fit beside others drops its bytes and reads them again.
func TestBooksShareTheMemory(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.options.MemoryBudget = 3 << 20 // a page takes two, for the tables of the encoder
		c := w.count(func(_ context.Context, n int, text string) (ocr.Result, error) {
			time.Sleep(time.Second)
			return result(text), nil
		})
		p := w.worker()
		var wg sync.WaitGroup
		for i := range 6 {
			ev := w.bucket.Put(fmt.Sprintf("%d.tiff", i), book(7))
			wg.Go(func() {
				if out := p.Process(t.Context(), ev).Outcome; out != document.OutcomeDone {
					t.Errorf("%s: %s", ev.Name, out)
				}
			})
		}
		wg.Wait()
		for i := range 6 {
			if r := w.want(fmt.Sprintf("%d.tiff", i), document.StatusDone, ""); r.Text != wholeText(7) {
				t.Errorf("%q", r.Text)
			}
		}
		if total, _ := c.total(); total != 42 {
			t.Errorf("%d calls for 42 pages", total)
		}
	})
}
