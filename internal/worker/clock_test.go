package worker_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/ocr"
)

// TestClocksOfInstancesMayDiffer: whatever this machine's clock, a live lease holds, an expired one is taken over, and
// due records are found, by the store's time.
func TestClocksOfInstancesMayDiffer(t *testing.T) {
	for _, ahead := range []time.Duration{-10 * time.Minute, -time.Minute, 0, time.Minute, 10 * time.Minute} {
		t.Run(fmt.Sprint(ahead), func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				shifted := w.options
				shifted.Now = func() time.Time { return time.Now().Add(ahead) }
				ev := w.bucket.Put("a.png", picture(31))
				w.answer = func(ctx context.Context, text string) (ocr.Result, error) {
					return result(text), sleepCtx(ctx, 5*time.Minute)
				}
				slow := make(chan document.Outcome, 1)
				go func() { slow <- newWorker(t, shifted).Process(t.Context(), ev).Outcome }()
				other := w.worker()
				for range 20 {
					time.Sleep(14 * time.Second)
					if out := other.Process(t.Context(), ev).Outcome; out != document.OutcomeBusy {
						t.Errorf("beside a live holder: %s", out)
					}
				}
				if out := <-slow; out != document.OutcomeDone {
					t.Errorf("the holder: %s", out)
				}
				if r := w.want("a.png", document.StatusDone, ""); r.Attempt != 1 {
					t.Errorf("attempt %d", r.Attempt)
				}

				w.answer = nil
				dead := w.bucket.Put("b.png", picture(32))
				w.die(dead)
				p := newWorker(t, shifted)
				time.Sleep(document.LeaseTime - time.Second)
				if out := p.Process(t.Context(), dead).Outcome; out != document.OutcomeBusy {
					t.Errorf("a second before the lease's end: %s", out)
				}
				time.Sleep(2 * time.Second)
				if out := p.Process(t.Context(), dead).Outcome; out != document.OutcomeDone {
					t.Errorf("a second after it: %s", out)
				}
			})
		})
	}
}

// TestSkewIsLoggedOnce: and only if it matters.
func TestSkewIsLoggedOnce(t *testing.T) {
	for ahead, want := range map[time.Duration]int{0: 0, 4 * time.Second: 0, 6 * time.Second: 1, -time.Hour: 1} {
		t.Run(fmt.Sprint(ahead), func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				w.options.Now = func() time.Time { return time.Now().Add(ahead) }
				p := w.worker()
				for n := range 3 {
					p.Process(t.Context(), w.bucket.Put(fmt.Sprintf("%d.png", n), picture(30+n)))
				}
				if n := strings.Count(w.log.String(), `"clock skew"`); n != want {
					t.Errorf("%d lines\n%s", n, w.log)
				}
			})
		})
	}
}
