package worker

import (
	"context"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
)

// Walk goes through the buckets, finds the objects and documents that lost events left behind, and has an event
// delivered for each. It starts nothing new once ctx ends; calls under way then have until linger is over. deliver may
// be called concurrently.
type Walk func(ctx context.Context, linger time.Duration, deliver func(context.Context, document.Event) Result) (Walked,
	error)

// Walked is the result of a walk.
type Walked struct {
	Listed   int64     // objects
	Missing  int64     // of these without a document, and so old that their event must be lost
	Gone     int64     // documents without an object, with ON_DELETE=erase
	Left     int64     // objects still without a document
	Oldest   time.Time // when the oldest of those was created
	Complete bool      // all buckets were walked to the end
}

// Reconciled is the result of one reconciliation.
type Reconciled struct {
	Walked
	Taken    int                      // deliveries that it made
	Outcomes map[document.Outcome]int // of these
	Age      time.Duration            // of the oldest object still without a document; 0 if there is none
	Fault    document.Fault           // of bucket or store; its code is empty if nothing went wrong
}

// Reconcile delivers what lost events left behind, through the same steps as any delivery. walk has half of the time
// for one delivery, so that the last delivery it starts has the other half. It may be repeated, and called
// concurrently: the lease decides which worker works. It writes one log line about itself.
func (w *Worker) Reconcile(ctx context.Context, walk Walk) Reconciled {
	start := time.Now()
	ctx, done := w.begin(ctx)
	defer done()
	ctx, cancel := context.WithTimeoutCause(ctx, w.o.ProcessTimeout, errDeadline)
	defer cancel()
	ctx, end := w.telemetry.startReconcile(ctx)
	tally := &tally{}
	half := w.o.ProcessTimeout / 2
	begin, stop := context.WithTimeoutCause(ctx, half, errDeadline)
	defer stop()
	defer context.AfterFunc(w.closing, stop)()
	walked, err := walk(begin, half, func(_ context.Context, ev document.Event) Result {
		res := w.deliver(ctx, bySchedule, ev, document.Absent())
		tally.count(res)
		return res
	})
	r := Reconciled{Walked: walked, Taken: tally.taken, Outcomes: tally.outcomes}
	if err != nil {
		r.Fault = faultOf(ctx, err)
	}
	if !r.Oldest.IsZero() {
		r.Age = max(w.clock.now().Sub(r.Oldest), 0)
	}
	w.logReconciled(ctx, start, r)
	end(r)
	return r
}
