package worker

import (
	"context"

	"github.com/bucketocr/bucketocr/internal/document"
)

// Process handles one event from arrival to outcome and writes one log line about it. It has its own deadline and
// continues when the caller hangs up, because by then the OCR service has been paid for. It may be repeated with the
// same event, and called concurrently. It never panics.
func (w *Worker) Process(ctx context.Context, ev document.Event) Result {
	ctx, done := w.begin(ctx)
	defer done()
	// usually this is the first delivery, and a correct expectation saves a read
	return w.deliver(ctx, byEvent, ev, document.Absent())
}

// deliver handles one event from arrival to outcome. expected is the record's presumed state.
func (w *Worker) deliver(ctx context.Context, by trigger, ev document.Event, expected document.Expected) (res Result) {
	ctx, report := w.observe(ctx, by, ev)
	defer func() { report(&res, recover()) }()

	ev.Owner = w.o.Owner(ev.Name)
	if ev.Kind == document.KindDeleted {
		return w.remove(ctx, ev)
	}

	// Waiting for a slot before the claim uses up none of the delivery's time, and nothing is written yet.
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

// Ignore reports an event that was filtered out, like any other delivery. It reads and writes nothing else.
func (w *Worker) Ignore(ctx context.Context, ev document.Event, reason string) (res Result) {
	_, report := w.observe(ctx, byEvent, ev)
	defer func() { report(&res, recover()) }()
	return Result{Outcome: document.OutcomeFiltered, Reason: reason}
}
