package worker

import (
	"context"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
)

// notifyTime bounds one announcement: the sweep makes good what takes longer.
const notifyTime = 10 * time.Second

// announced returns a change that says of an end that it is to be announced, where ends are.
func (w *Worker) announced(old *document.Record, c *document.Change) *document.Change {
	if w.o.Notify == nil {
		return c
	}
	return document.Announce(old, c, w.clock.now())
}

// announce announces the end of a record where that is still to be done, and notes it on the record. The pages of an
// erased object go first: the process that erased it may have died before they did. It returns the record as it is
// then.
func (w *Worker) announce(ctx context.Context, stored *document.Stored) (*document.Stored, error) {
	if !stored.Unannounced() {
		return stored, nil
	}
	ctx, end := w.telemetry.startPart(ctx, "announce")
	now, err := w.announceOnce(ctx, stored)
	end(codeOf(ctx, err))
	if err != nil || now == nil || now.Generation != stored.Generation || now.Status != stored.Status {
		return stored, err // another worker has written meanwhile
	}
	return now, nil
}

func (w *Worker) announceOnce(ctx context.Context, stored *document.Stored) (*document.Stored, error) {
	id := stored.Object().ID()
	if w.o.Notify != nil {
		if stored.Status == document.StatusDeleted {
			if err := w.o.Records.ClearPages(ctx, id, 0); err != nil {
				return nil, err
			}
		}
		told, cancel := context.WithTimeout(ctx, notifyTime)
		err := w.o.Notify.Notify(told, document.EndOf(stored.Record))
		cancel()
		if err != nil {
			return nil, err
		}
	}
	return document.Update(ctx, w.o.Records, id, document.Seen(stored),
		func(old *document.Record) (*document.Change, error) {
			return document.Announced(old, stored.Write, w.o.Notify != nil), nil
		})
}

// tell announces an end that was just stored. A fault is the sweep's to make good: the record has ended in any case.
func (w *Worker) tell(ctx context.Context, stored *document.Stored) (*document.Stored, document.Fault) {
	now, err := w.announce(ctx, stored)
	return now, faultOf(ctx, err)
}
