package worker

import (
	"context"

	"github.com/bucketocr/bucketocr/internal/document"
)

// remove handles the end of a generation. With ON_DELETE=keep nothing is written: people archive and expire objects
// whose text they paid for. An overwrite also ends the older generation, and its event may be late: it takes nothing
// from the newer one.
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
			// A crash before the pages are gone is made good by the next event that finds the marker.
			if err := w.o.Records.ClearPages(ctx, ev.Object.ID(), 0); err != nil {
				return Result{Outcome: document.OutcomeRetry, Fault: faultOf(ctx, err), Record: stored.Record}
			}
			res := Result{Outcome: document.OutcomeDeleted, Record: stored.Record}
			if wrote { // else another delivery is about to, or the sweep
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
