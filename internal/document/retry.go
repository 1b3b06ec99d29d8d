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

// Retry asks for another try of the generation that the caller has seen, whatever came of it: the record becomes retrying
// with fresh budgets and a fresh window, due now, and the sweep does the rest. by says who asks.
//
// Pages that an attempt finished stay, and are not paid for again, but those that failed and those that redo picks (nil
// picks none): their documents go with the same commit. An object of one page is always read anew.
//
// The error is [ErrNotAsSeen] where anything was written since, [ErrNothingToRetry] for a marker, for a record that
// somebody works on and for one that is done with nothing to read again, or the store's. It may be repeated: a second call
// with the same seen finds the record changed. seen may lack its text, as [Lister] leaves it out. It costs one read for
// the record and for each page document, one write, and one delete for each page document that goes.
func Retry(ctx context.Context, store Store, seen *Stored, by string, redo func(Page) bool) (*Stored, error) {
	if !Retryable(seen.Record) {
		return nil, ErrNothingToRetry
	}
	id := seen.Object().ID()
	pages, err := store.Pages(ctx, id, seen.Generation)
	if err != nil {
		return nil, err
	}
	t := retrial{by: by}
	for _, pg := range pages {
		if pg.Error != nil || seen.Pages < 2 || redo != nil && redo(pg) {
			t.drop = append(t.drop, pg.Page)
		}
	}
	t.kept = len(pages) - len(t.drop)
	if seen.Status == StatusDone && t.kept > 0 && len(t.drop) == 0 {
		return nil, ErrNothingToRetry
	}
	return Update(ctx, store, id, Unread(), func(old *Record) (*Change, error) {
		if old == nil || old.Generation != seen.Generation || old.Write != seen.Write {
			return nil, ErrNotAsSeen
		}
		t.now = time.Now()
		ch, v := retry(old, t)
		if v != VerdictClaimed {
			return nil, ErrNothingToRetry
		}
		return ch, nil
	})
}

// Retryable tells whether [Retry] would have a record as it stands tried again: it is no marker, and nobody works on it.
func Retryable(r *Record) bool {
	_, v := retry(r, retrial{now: time.Now()})
	return v == VerdictClaimed
}

// retrial is what one wish for another try brings along.
type retrial struct {
	now  time.Time
	by   string
	kept int   // finished pages that stay
	drop []int // those that are read again
}

// retry decides whether a person may have the record's generation tried again (a lease must be long over: the person's
// clock may be ahead of the holder's), and what the record says then: as if it
// had just been claimed for the first time, but for its attempts and the pages that stay.
func retry(old *Record, t retrial) (*Change, Verdict) {
	switch {
	case old == nil, old.Status == StatusDeleted:
		return nil, VerdictEnded
	case old.Status == StatusProcessing && old.Lease != nil && t.now.Before(old.Lease.Expires.Add(DueGrace)):
		return nil, VerdictLeased
	}
	rec := old.clone()
	rec.Status, rec.Lease, rec.Error = StatusRetrying, nil, nil
	rec.Faults, rec.Doubts, rec.WindowStart, rec.Due = 0, 0, t.now, t.now
	rec.Retried, rec.RetriedBy = t.now, t.by
	rec.Text, rec.TextInPages, rec.Blank, rec.Warnings = "", false, false, nil
	rec.Usage, rec.Finished = Usage{}, time.Time{}
	if rec.PagesDone = t.kept; t.kept == 0 {
		rec.Model = ""
	}
	return &Change{Record: rec, Drop: t.drop}, VerdictClaimed
}
