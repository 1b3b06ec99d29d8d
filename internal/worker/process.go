package worker

import (
	"context"

	"github.com/bucketocr/bucketocr/internal/document"
)

// Process takes one event to its outcome and writes one log line about it. It has its own deadline and goes on when the
// caller hangs up, because by then the OCR service is paid for. It may be repeated with the same event, and called
// concurrently: that is what it is for. It never panics.
func (w *Worker) Process(ctx context.Context, ev document.Event) Result {
	ctx, done := w.begin(ctx)
	defer done()
	// mostly the first delivery: a right expectation saves the read
	return w.deliver(ctx, byEvent, ev, document.Absent())
}

// deliver is the line: one event, from its arrival to its outcome. expected is what the record is taken to be.
func (w *Worker) deliver(ctx context.Context, by trigger, ev document.Event, expected document.Expected) (res Result) {
	ctx, report := w.observe(ctx, by, ev)
	defer func() { report(&res, recover()) }()

	ev.Owner = w.o.Owner(ev.Name)
	if ev.Kind == document.KindDeleted {
		return w.remove(ctx, ev)
	}

	// Whatever is waited for before the claim is waited for with nothing written and no time of the delivery used up.
	slot, err := w.admit(ctx, ev.Size)
	if err != nil {
		return refused(ctx, err)
	}
	defer slot.release()
	d, res := w.claim(ctx, ev, expected, slot)
	if d == nil {
		return res
	}

	work, stop := w.workTime(ctx)
	defer stop()
	return d.settle(work, d.readPages(work))
}

// Ignore reports an event that was filtered out, as any other delivery. It touches nothing.
func (w *Worker) Ignore(ctx context.Context, ev document.Event, reason string) (res Result) {
	_, report := w.observe(ctx, byEvent, ev)
	defer func() { report(&res, recover()) }()
	return Result{Outcome: document.OutcomeFiltered, Reason: reason}
}
