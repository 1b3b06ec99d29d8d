package worker

import (
	"context"

	"github.com/bucketocr/bucketocr/internal/document"
)

// remove handles the deletion of a generation. With ON_DELETE=keep nothing is written: people archive and expire
// objects whose text they paid for. An overwrite also deletes the older generation, and that event may be late; it
// never touches the newer generation's record.
func (w *Worker) remove(ctx context.Context, ev document.Event) Result {
	if !w.o.Erase {
		return Result{Outcome: document.OutcomeFiltered}
	}
	ctx, cancel := context.WithTimeoutCause(ctx, w.o.ProcessTimeout, errDeadline)
	defer cancel()
	for gone := false; ; {
		var removed document.Removed
		wrote := false
		stored, err := document.Update(ctx, w.o.Records, ev.Object.ID(), document.Unread(),
			func(old *document.Record) (ch *document.Change, _ error) {
				ch, removed = document.Remove(old, ev, gone, w.clock.now())
				wrote = ch != nil
				return w.announced(old, ch), nil
			})
		if err != nil {
			return refused(ctx, err)
		}
		switch removed {
		case document.RemoveMarked:
			// After a crash before the pages are cleared, the next event that finds the marker clears them.
			if err := w.o.Records.ClearPages(ctx, ev.Object.ID(), 0); err != nil {
				return Result{Outcome: document.OutcomeRetry, Fault: faultOf(ctx, err), Record: stored.Record}
			}
			res := Result{Outcome: document.OutcomeDeleted, Record: stored.Record}
			if wrote { // otherwise another delivery or the sweep does
				stored, res.Fault = w.tell(ctx, stored)
				res.Record = stored.Record
			}
			return res
		case document.RemoveTell:
			if stored, err = w.announce(ctx, stored); err != nil {
				return Result{Outcome: document.OutcomeRetry, Fault: faultOf(ctx, err), Record: stored.Record}
			}
			continue
		case document.RemoveNewer:
			return Result{Outcome: document.OutcomeSuperseded, Record: stored.Record}
		}
		live, err := w.isLive(ctx, stored.Object())
		if err != nil {
			return Result{Outcome: document.OutcomeRetry, Fault: faultOf(ctx, err), Record: stored.Record}
		}
		if live {
			return Result{Outcome: document.OutcomeSuperseded, Record: stored.Record}
		}
		gone = true
	}
}
