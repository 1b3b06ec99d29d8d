package worker_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/worker"
	"github.com/bucketocr/bucketocr/ocr"
)

// TestReconcileEndsInTime: a walk has half of a delivery's time, and its last delivery the other half; it ends when the
// instance drains.
func TestReconcileEndsInTime(t *testing.T) {
	for name, c := range map[string]struct {
		drain, want time.Duration
	}{
		"half of the time": {0, 240 * time.Second},
		"drained":          {10 * time.Second, 10 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				p := w.worker()
				if c.drain > 0 {
					time.AfterFunc(c.drain, func() { _ = p.Drain(t.Context()) })
				}
				begun := time.Now()
				r := p.Reconcile(t.Context(),
					func(ctx context.Context, linger time.Duration,
						_ func(context.Context, document.Event) worker.Result) (worker.Walked, error) {
						<-ctx.Done()
						if took := time.Since(begun); took != c.want || linger != 240*time.Second {
							t.Errorf("the walk ended after %v, with %v to linger", took, linger)
						}
						return worker.Walked{Listed: 7, Missing: 2, Left: 1, Oldest: begun.Add(-30 * time.Hour)}, nil
					})
				if r.Fault.Code != "" || r.Complete || r.Age != 30*time.Hour+c.want {
					t.Errorf("%+v", r)
				}
				if log := w.log.String(); strings.Count(log, "\n") != 1 ||
					!strings.Contains(log, `"level":"WARN","msg":"reconcile done","listed":7,"missing":2`) {
					t.Errorf("log %s", log)
				}
			})
		})
	}
}

// TestReconciledDeliveryEndsInTime: the last delivery is released when the time is over, and the sweep continues it.
func TestReconciledDeliveryEndsInTime(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.answer = func(ctx context.Context, _ string) (ocr.Result, error) {
			<-ctx.Done()
			return ocr.Result{}, ctx.Err()
		}
		ev := w.bucket.Put("a.png", picture(121))
		begun := time.Now()
		r := w.worker().Reconcile(t.Context(),
			func(ctx context.Context, _ time.Duration,
				deliver func(context.Context, document.Event) worker.Result) (worker.Walked, error) {
				time.Sleep(230 * time.Second)
				if res := deliver(ctx, ev); res.Outcome != document.OutcomeRetry {
					t.Errorf("%s: %+v", res.Outcome, res.Fault)
				}
				return worker.Walked{Missing: 1}, nil
			})
		if took := time.Since(begun); took > 480*time.Second || r.Taken != 1 ||
			r.Outcomes[document.OutcomeRetry] != 1 || r.Fault.Code != "" {
			t.Errorf("after %v: %+v", took, r)
		}
		if rec := w.record("a.png"); rec.Status != document.StatusRetrying || rec.Lease != nil || rec.Due.IsZero() {
			t.Errorf("%+v", rec)
		}
	})
}
