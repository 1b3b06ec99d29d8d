package worker_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/document/documenttest"
	"github.com/bucketocr/bucketocr/ocr"
)

// hangCommit makes the n-th commit hang until its context ends.
func (w *world) hangCommit(n int) {
	var mu sync.Mutex
	seen := 0
	w.records.Before = func(ctx context.Context, op, id string) error {
		if op != "commit" {
			return nil
		}
		mu.Lock()
		seen++
		hang := seen == n
		mu.Unlock()
		if hang {
			<-ctx.Done()
			return ctx.Err()
		}
		return nil
	}
}

// OCR_CONCURRENCY=1. The writer hangs in a renewal; the page is finished; work ends. The object ends done without its text.
func TestDoneWithoutItsPage(t *testing.T) {
	for i := range 12 {
		bubble(t, func(t *testing.T, w *world) {
			w.options.OCRConcurrency = 1
			w.options.ProcessTimeout = 64 * time.Second // work 60 s
			w.bucket.Before = func(_ context.Context, op string, _ document.Object) error {
				if op == "open" {
					time.Sleep(31 * time.Second)
				}
				return nil
			}
			w.hangCommit(2) // the renewal, 30 s to 60 s
			w.answer = func(ctx context.Context, text string) (ocr.Result, error) {
				time.Sleep(5 * time.Second)
				return result(text), nil
			}
			out := w.worker().Process(t.Context(), w.bucket.Put("a.png", picture(21))).Outcome
			r := w.record("a.png")
			if r.Status == document.StatusDone && r.Text != "text of 21" {
				t.Errorf("run %d: %s: status %s text %q pages %d/%d usage %v", i, out, r.Status, r.Text, r.PagesDone, r.Pages, r.Usage)
			}
		})
	}
}

// the page is finished and paid for while the writer hangs in a renewal; work ends. The page is thrown away.
func TestPaidPageThrownAway(t *testing.T) {
	for i := range 12 {
		bubble(t, func(t *testing.T, w *world) {
			w.options.ProcessTimeout = 64 * time.Second // work 60 s
			w.hangCommit(2)                             // the renewal, 30 s to 60 s
			w.answer = func(ctx context.Context, text string) (ocr.Result, error) {
				time.Sleep(40 * time.Second)
				return result(text), nil
			}
			out := w.worker().Process(t.Context(), w.bucket.Put("a.png", picture(21))).Outcome
			if r := w.record("a.png"); r.Status != document.StatusDone {
				t.Errorf("run %d: the page was read at 40 s, delivery at 60 s: %s, %s", i, out, r.Status)
			}
		})
	}
}

func blocked(text string) ocr.Result {
	r := result(text)
	r.Blocks = []ocr.Block{{Label: "text", Box: [4]int{1, 2, 3, 4}, Text: text}}
	return r
}

// an attempt that has lost its lease clears the page documents of the generation that took over.
func TestZombieClearsNewPages(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.answer = func(context.Context, string) (ocr.Result, error) {
			return ocr.Result{}, &ocr.Error{Kind: ocr.KindUnavailable}
		}
		p := w.worker()
		old := w.bucket.Put("a.png", picture(21))
		p.Process(t.Context(), old) // retrying
		w.answer = func(_ context.Context, text string) (ocr.Result, error) { return blocked(text), nil }
		once := sync.Once{}
		var newer document.Event
		w.records.Before = func(ctx context.Context, op, id string) error {
			if op == "clear" {
				slow := false
				once.Do(func() { slow = true })
				if slow { // Firestore takes its time with this query, or the instance is starved of CPU
					newer = w.bucket.Put("a.png", picture(22))
					if out := w.worker().Process(context.WithoutCancel(ctx), newer).Outcome; out != document.OutcomeDone {
						t.Errorf("newer: %s", out)
					}
				}
			}
			return nil
		}
		if out := p.Process(t.Context(), old).Outcome; out != document.OutcomeSuperseded {
			t.Errorf("older: %s", out)
		}
		w.records.Before = nil
		r := w.want("a.png", document.StatusDone, "")
		pages, _ := w.records.Pages(t.Context(), newer.Object.ID(), newer.Generation)
		if r.Generation != newer.Generation || len(pages) != 1 {
			t.Errorf("done, generation %d, %d page documents, want 1", r.Generation, len(pages))
		}
	})
}

// the deletion of the old generation clears the pages of the new one; so does a late copy of an event that finds the marker.
func TestEraseClearsNewPages(t *testing.T) {
	for _, by := range []string{"deletion", "copy finds the marker"} {
		t.Run(by, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				w.options.Erase = true
				w.answer = func(_ context.Context, text string) (ocr.Result, error) { return blocked(text), nil }
				p := w.worker()
				old := w.bucket.Put("a.png", picture(21))
				p.Process(t.Context(), old)
				gone := w.bucket.Delete("a.png")
				if by != "deletion" {
					p.Process(t.Context(), gone)
					gone = old
				}
				var newer document.Event
				once := sync.Once{}
				w.records.Before = func(ctx context.Context, op, id string) error {
					if op == "clear" {
						slow := false
						once.Do(func() { slow = true })
						if slow {
							newer = w.bucket.Put("a.png", picture(22))
							if out := w.worker().Process(context.WithoutCancel(ctx), newer).Outcome; out != document.OutcomeDone {
								t.Errorf("newer: %s", out)
							}
						}
					}
					return nil
				}
				out := p.Process(t.Context(), gone).Outcome
				w.records.Before = nil
				w.want("a.png", document.StatusDone, "")
				pages, _ := w.records.Pages(t.Context(), newer.Object.ID(), newer.Generation)
				if len(pages) != 1 {
					t.Errorf("%s: the new generation is done and has %d page documents, want 1", out, len(pages))
				}
			})
		})
	}
}

// nothing renews the lease while page documents are cleared and read: it runs out, and the page is paid for twice.
func TestNoRenewalBeforeTheReaders(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.answer = func(context.Context, string) (ocr.Result, error) {
			return ocr.Result{}, &ocr.Error{Kind: ocr.KindUnavailable}
		}
		ev := w.bucket.Put("a.png", picture(21))
		w.worker().Process(t.Context(), ev) // retrying
		w.calls.Store(0)
		w.answer = func(_ context.Context, text string) (ocr.Result, error) {
			time.Sleep(20 * time.Second)
			return result(text), nil
		}
		var slow atomic.Bool
		slow.Store(true)
		w.records.Before = func(ctx context.Context, op, id string) error {
			if op == "clear" && slow.Swap(false) {
				time.Sleep(95 * time.Second)
			}
			return nil
		}
		done := make(chan document.Outcome)
		go func() { done <- w.worker().Process(t.Context(), ev).Outcome }()
		time.Sleep(91 * time.Second)
		second := w.worker().Process(t.Context(), ev).Outcome // the platform's next copy
		first := <-done
		if r := w.record("a.png"); w.calls.Load() != 1 || r.Attempt != 2 {
			t.Errorf("%d calls of the OCR service, attempt %d (%s, %s): the first holder lived all the time", w.calls.Load(), r.Attempt, first, second)
		}
	})
}

// one commit that hangs keeps an attempt from letting go within the grace period.
func TestDrainBehindHungRenewal(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.answer = hang
		w.hangCommit(2) // the first renewal, at 30 s; all other calls are answered at once
		p := w.worker()
		ev := w.bucket.Put("a.png", picture(21))
		go p.Process(t.Context(), ev)
		time.Sleep(35 * time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), 9*time.Second)
		defer cancel()
		if err := p.Drain(ctx); err != nil {
			t.Errorf("Drain: %v; the record is %s", err, w.record("a.png").Status)
		}
	})
}

// a sweep goes on to start records after Drain has begun, and then breaks them off.
func TestSweepStartsAfterDrain(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.answer = func(context.Context, string) (ocr.Result, error) {
			return ocr.Result{}, &ocr.Error{Kind: ocr.KindUnavailable}
		}
		p := w.worker()
		for n := range 40 {
			p.Process(t.Context(), w.bucket.Put(fmt.Sprintf("%d.png", n), picture(20+n)))
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
			t.Errorf("%d pages in hand at SIGTERM, %d sent after it, %d of them broken off and paid for nothing", before, w.calls.Load()-before, interrupted)
		}
	})
}

// versioned is a bucket that keeps its noncurrent generations.
type versioned struct {
	*documenttest.Bucket
	kept map[int64][]byte
	live func()
}

func (v *versioned) Open(ctx context.Context, o document.Object) (document.Content, error) {
	c, err := v.Bucket.Open(ctx, o)
	if b, ok := v.kept[o.Generation]; err != nil && ok {
		return document.Content{ReadCloser: io.NopCloser(bytes.NewReader(b)), Size: int64(len(b))}, nil
	}
	return c, err
}

func (v *versioned) Live(ctx context.Context, bucket, name string) (document.Object, document.Attributes, error) {
	o, a, err := v.Bucket.Live(ctx, bucket, name)
	if v.live != nil {
		f := v.live
		v.live = nil
		f()
	}
	return o, a, err
}

// the bucket's answer is old by the time it is used: what it says of one record's generation is held against another's.
func TestStaleLive(t *testing.T) {
	for _, keeps := range []bool{true, false} {
		t.Run(fmt.Sprintf("versioned %v", keeps), func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				v := &versioned{Bucket: w.bucket, kept: map[int64][]byte{}}
				if keeps {
					v.kept[7] = picture(23)
				}
				w.options.Objects = v
				w.answer = func(_ context.Context, text string) (ocr.Result, error) {
					time.Sleep(10 * time.Second)
					return result(text), nil
				}
				w.worker().Process(t.Context(), w.bucket.PutAs("a.png", 100, picture(21)))
				seven := w.bucket.PutAs("a.png", 7, picture(23)) // generations are not promised to grow
				newest := make(chan document.Outcome, 1)
				v.live = func() { // the answer is "7"; before it arrives:
					ev := w.bucket.PutAs("a.png", 200, picture(25))
					go func() { newest <- w.worker().Process(t.Context(), ev).Outcome }()
					time.Sleep(time.Second)
				}
				out := w.worker().Process(t.Context(), seven).Outcome
				n := <-newest
				for range 6 {
					time.Sleep(15 * time.Minute)
					w.worker().Sweep(t.Context())
				}
				r := w.record("a.png")
				if r.Generation != 200 || n != document.OutcomeDone {
					t.Errorf("newest event: %s (acked: %v), older: %s; at last: %s, generation %d, %q, error %v", n, !n.Refused(), out, r.Status, r.Generation, r.Text, r.Error)
				}
			})
		})
	}
}

// an object stored as gzip passes only with a budget of 48 MiB, however small it is.
func TestSmallGzipTooLarge(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.options.Objects = unsized{w.bucket}
		w.options.Limits.MaxBytes = 64 << 20
		w.options.MemoryBudget = 32 << 20
		w.worker().Process(t.Context(), w.bucket.Put("a.png", picture(21)))
		if r := w.record("a.png"); r.Status != document.StatusDone {
			t.Errorf("an image of %d bytes: %s %+v", len(picture(21)), r.Status, r.Error)
		}
	})
}

type unsized struct{ document.Objects }

func (u unsized) Open(ctx context.Context, o document.Object) (document.Content, error) {
	c, err := u.Objects.Open(ctx, o)
	c.Size = -1
	return c, err
}

// a page that passes keeps its place in memory although nothing of it is held: it waits for the OCR service, others for it.
func TestPassingPagesHoldMemory(t *testing.T) {
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
			ev := w.bucket.Put(fmt.Sprintf("%d.png", n), picture(20+n))
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

// a release at SIGTERM counts as an interruption for the gate.
func TestDrainedThenAlone(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.answer = hang
		p := w.worker()
		ev := w.bucket.Put("a.png", picture(21))
		go p.Process(t.Context(), ev)
		time.Sleep(time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), 9*time.Second)
		defer cancel()
		p.Drain(ctx)
		w.want("a.png", document.StatusRetrying, "interrupted")
		synctest.Wait() // its reader may not have let go yet
		w.answer = nil
		w.die(ev) // its first
		time.Sleep(document.LeaseTime)
		w.answer = hang
		go w.worker().Process(t.Context(), ev)
		time.Sleep(time.Second)
		if r := w.record("a.png"); r.Lease == nil || r.Lease.Alone {
			t.Errorf("after a deploy and one interruption: %+v, doubts %d", r.Lease, r.Doubts)
		}
		time.Sleep(10 * time.Minute)
	})
}
