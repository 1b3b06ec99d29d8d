package document

import (
	"context"
	"errors"
	"time"
)

// Why a record is not brought back by [Retry].
var (
	ErrNotAsSeen      = errors.New("the record has changed since it was read")
	ErrNothingToRetry = errors.New("there is nothing to retry")
)

// Retry requests another try of the generation that the caller has seen, whatever became of it: the record becomes retrying
// with fresh budgets and a fresh window, due now, and the sweep does the rest. by says who asks.
//
// Pages that an attempt finished stay, and are not paid for again, except those that failed and those that redo selects
// (nil selects none): their documents go with the same commit. An object of one page is always read again.
//
// The error is [ErrNotAsSeen] where anything was written since, [ErrNothingToRetry] for a marker, for a record that a worker
// is on and for one that is done with nothing to read again, or the store's. It may be repeated: a second call with the
// same seen finds the record changed. seen may lack its text, as [Lister] leaves it out. It costs one read for the record
// and for each page document, one write, and one delete for each page document that goes.
func Retry(ctx context.Context, store Store, seen *Stored, by string, redo func(Page) bool) (*Stored, error) {
	if !Retryable(seen.Record) {
		return nil, ErrNothingToRetry
	}
	id := seen.Object().ID()
	pages, err := store.Pages(ctx, id, seen.Generation)
	if err != nil {
		return nil, err
	}
	again := retrial{by: by}
	for _, pg := range pages {
		if pg.Error != nil || seen.Pages < 2 || redo != nil && redo(pg) {
			again.drop = append(again.drop, pg.Page)
		}
	}
	again.kept = len(pages) - len(again.drop)
	if seen.Status == StatusDone && again.kept > 0 && len(again.drop) == 0 {
		return nil, ErrNothingToRetry
	}
	return Update(ctx, store, id, Unread(), func(old *Record) (*Change, error) {
		if old == nil || old.Generation != seen.Generation || old.Write != seen.Write {
			return nil, ErrNotAsSeen
		}
		again.now = time.Now()
		return retry(old, again)
	})
}

// Retryable reports whether [Retry] would have a record as it is tried again: it is no marker, and no worker is on it.
func Retryable(r *Record) bool {
	_, err := retry(r, retrial{now: time.Now()})
	return err == nil
}

// retrial is what one request for another try brings along.
type retrial struct {
	now  time.Time
	by   string
	kept int   // finished pages that stay
	drop []int // those that are read again
}

// retry makes the record what it is when it was just created, except for its attempts and the pages that stay. A lease must
// have expired long ago: the operator's clock may be ahead of the holder's.
func retry(old *Record, again retrial) (*Change, error) {
	switch {
	case old == nil, old.Status == StatusDeleted,
		old.Status == StatusProcessing && old.Lease != nil && again.now.Before(old.Lease.Expires.Add(DueGrace)):
		return nil, ErrNothingToRetry
	}
	rec := old.clone()
	rec.Status, rec.Lease, rec.Error = StatusRetrying, nil, nil
	rec.Faults, rec.Doubts, rec.WindowStart, rec.Due = 0, 0, again.now, again.now
	rec.Retried, rec.RetriedBy = again.now, again.by
	rec.Text, rec.TextInPages, rec.Blank, rec.Warnings = "", false, false, nil
	rec.Usage, rec.Finished = Usage{}, time.Time{}
	if rec.PagesDone = again.kept; again.kept == 0 {
		rec.Model = ""
	}
	return &Change{Record: rec, Drop: again.drop}, nil
}
