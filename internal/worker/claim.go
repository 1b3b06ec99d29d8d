package worker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
)

const (
	claimGrace = time.Second // extra time for a claim's commit, which may have been applied already
	maxClaims  = 5           // every claim but the last needed a question answered first
)

// claim claims the record for this delivery. If there is nothing to do, it returns nil and the result. If the record
// needs the instance to itself, the slot is released and acquired again for the whole instance.
func (w *Worker) claim(ctx context.Context, ev document.Event, expected document.Expected, slot *slot) (_ *delivery,
	res Result) {
	ctx, end := w.telemetry.startPart(ctx, "claim")
	defer func() { end(res.Fault.Code) }()
	ctx, cancel := context.WithDeadlineCause(ctx, slot.until.Add(document.ClaimTime), errNoClaim)
	defer cancel()

	d := newDelivery(w, ev, slot)
	claim := document.Claimant{Lease: d.lease}
	var rejected error
	for range maxClaims {
		var claimed document.Claimed
		commit, cancel := outlive(ctx, claimGrace)
		stored, err := document.Update(commit, w.o.Records, d.id, expected,
			func(old *document.Record) (ch *document.Change, err error) {
				if ctx.Err() != nil {
					return nil, context.Cause(ctx)
				}
				claim.Now = w.clock.now()
				if rejected != nil {
					claimed = document.ClaimExhausted
					return w.announced(old, document.Reject(old, ev, faultOf(ctx, rejected), claim)), nil
				}
				ch, claimed = w.o.Rules.Claim(old, ev, claim)
				d.resumes, d.pages.loaded, d.replaced = old != nil, old == nil, nil
				if old != nil && old.Generation != ev.Generation {
					d.replaced = old
				}
				res.LeaseExpired = ch != nil && old != nil && old.Generation == ev.Generation && old.Lease != nil
				return w.announced(old, ch), nil
			})
		cancel()
		if errors.Is(err, document.ErrStoreRejected) && rejected == nil {
			rejected = err // most likely what the uploader declared: the next commit leaves that out, and records why
			continue
		}
		if err != nil {
			return nil, refused(ctx, err)
		}
		res.Record = recordOf(stored)
		expected = seen(stored)

		switch claimed {
		case document.ClaimGranted:
			d.stored, d.tookOver, d.alone = stored, res.LeaseExpired, stored.Lease.Alone
			return d, res
		case document.ClaimLeased:
			res.Outcome = document.OutcomeBusy
			return nil, res
		case document.ClaimAnnounce:
			if stored, err = w.announce(ctx, stored); err != nil {
				return nil, refused(ctx, err)
			}
			expected = seen(stored)
		case document.ClaimExhausted:
			_, _ = w.announce(ctx, stored) // otherwise the sweep does
			res.Outcome = document.OutcomeFailed
			if why := stored.Failure(); why != nil {
				res.Fault = document.Fault{Code: why.Code, Class: document.ClassFinal, Message: why.Message}
			}
			return nil, res
		case document.ClaimEnded:
			res.Outcome = document.OutcomeDuplicate
			return nil, w.tidyMarker(ctx, d.id, res)
		case document.ClaimNeedsAlone:
			wait, end := w.untilDrain(ctx)
			err := slot.takeInstance(wait)
			end()
			if err != nil {
				return nil, refused(ctx, err)
			}
			claim.Alone = true
		case document.ClaimOlder:
			live, err := w.isLive(ctx, ev.Object)
			if err != nil {
				return nil, refused(ctx, err)
			}
			if !live {
				res.Outcome = document.OutcomeSuperseded
				return nil, res
			}
			claim.Beaten = stored.Generation
		}
	}
	return nil, refused(ctx,
		fmt.Errorf("%w: the record changed %d times during its claim", document.ErrStoreUnavailable, maxClaims))
}

// recordOf returns the record of a state, nil if there is none.
func recordOf(s *document.Stored) *document.Record {
	if s == nil {
		return nil
	}
	return s.Record
}

// seen turns the state that an update returned, nil if there is no record, into the next update's expectation.
func seen(s *document.Stored) document.Expected {
	if s == nil {
		return document.Absent()
	}
	return document.Seen(s)
}

// isLive asks the bucket whether this generation is the live one.
func (w *Worker) isLive(ctx context.Context, o document.Object) (bool, error) {
	live, _, err := w.o.Objects.Live(ctx, o.Bucket, o.Name)
	if errors.Is(err, document.ErrObjectGone) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("asking which generation is live: %w", err)
	}
	return live.Generation == o.Generation, nil
}

// tidyMarker clears the pages of an erased object again: the delivery that wrote the marker may have died before it
// did.
func (w *Worker) tidyMarker(ctx context.Context, id string, res Result) Result {
	if res.Record.Status != document.StatusDeleted {
		return res
	}
	if err := w.o.Records.ClearPages(ctx, id, 0); err != nil {
		return refused(ctx, err)
	}
	return res
}
