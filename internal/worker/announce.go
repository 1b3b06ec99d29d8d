package worker

import (
	"context"
	"fmt"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
)

// notifyTime limits one announcement: the sweep repeats one that takes longer.
const notifyTime = 10 * time.Second

// announced marks a change that ends a record as one to be announced, if ends are announced.
func (w *Worker) announced(old *document.Record, c *document.Change) *document.Change {
	if w.o.Notify == nil {
		return c
	}
	return document.Announce(old, c, w.clock.now())
}

// announce announces the end of a record if that has not been done, and notes it on the record. The pages of an erased
// object are cleared first: the process that erased it may have died before that. It returns the record as stored then.
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
		if err != nil && told.Err() != nil && ctx.Err() == nil {
			err = fmt.Errorf("%w: no answer within %v", document.ErrTopicUnavailable, notifyTime)
		}
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

// tell announces an end that was just stored. After a fault the sweep announces it: the record has ended in any case.
func (w *Worker) tell(ctx context.Context, stored *document.Stored) (*document.Stored, document.Fault) {
	now, err := w.announce(ctx, stored)
	return now, faultOf(ctx, err)
}
