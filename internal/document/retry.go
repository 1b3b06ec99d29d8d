package document

import (
	"context"
	"errors"
	"time"
)

// Reasons for which [Retry] leaves a record alone.
var (
	ErrNotAsSeen      = errors.New("the record has changed since it was read")
	ErrNothingToRetry = errors.New("there is nothing to retry")
)

// maxDrop is the maximum number of page documents that one commit of [Retry] removes.
const maxDrop = 400

// Retry requests another try of the generation that the caller has seen, whatever its outcome. by names who asks. The
// sweep does the rest.
//
// A record without text becomes retrying with fresh budgets and a fresh window, due now. Finished pages stay, and are
// not paid for again, except those that failed and those that redo selects (nil selects none): their documents are
// removed. A done record stays as it is, and is marked with a [Rereading] of those pages, or of all for an object of
// one page: nothing is lost if the new reading fails. Of skipped pages, redo is called only with the first, with the
// warning pages_skipped; its result applies to all of them.
//
// The error is [ErrNotAsSeen] if anything was written since; [ErrNothingToRetry] for a marker, for a record that a
// worker holds, for one whose end is not announced yet and for one that is done with nothing to read again; or else the
// store's. The call may be repeated: a second call with the same seen finds the record changed. seen may lack its text,
// as from [Lister]. It costs one read for the record and one per page document, one write per 400 removed pages (at
// least one), and one delete for each.
func Retry(ctx context.Context, store Store, seen *Stored, by string, redo func(Page) bool) (*Stored, error) {
	if !Retryable(seen.Record) {
		return nil, ErrNothingToRetry
	}
	id := seen.Object().ID()
	state, err := store.Get(ctx, id)
	if err != nil {
		return nil, err
	}
	if state == nil {
		return nil, ErrNotAsSeen
	}
	ahead := time.Until(state.ReadAt) // leases are by the store's clock
	pages, err := store.Pages(ctx, id, seen.Generation)
	if err != nil {
		return nil, err
	}
	again := retrial{by: by}
	if skipped, some := firstSkipped(seen.Record); some && redo != nil && redo(skipped) {
		again.pages = append(again.pages, skipped.Page)
	}
	for _, pg := range pages {
		if pg.Error != nil || seen.Pages < 2 || redo != nil && redo(pg) {
			again.pages = append(again.pages, pg.Page)
		} else {
			again.kept++
		}
	}
	if seen.Status == StatusDone && again.kept > 0 && len(again.pages) == 0 {
		return nil, ErrNothingToRetry
	}
	write := seen.Write
	update := func(fn func(old *Record) (*Change, error)) (*Stored, error) {
		stored, err := Update(ctx, store, id, Seen(state), func(old *Record) (*Change, error) {
			if old == nil || old.Generation != seen.Generation || old.Write != write {
				return nil, ErrNotAsSeen
			}
			return fn(old)
		})
		if err == nil {
			write, state = stored.Write, stored
		}
		return stored, err
	}
	for seen.Status != StatusDone && len(again.pages) > maxDrop {
		first := again.pages[:maxDrop]
		if _, err := update(func(old *Record) (*Change, error) { return dropped(old, first), nil }); err != nil {
			return nil, err
		}
		again.pages = again.pages[maxDrop:]
	}
	return update(func(old *Record) (*Change, error) {
		again.now = time.Now().Add(ahead)
		return retry(old, again)
	})
}

// dropped returns a change that removes pages from a record.
func dropped(old *Record, pages []int) *Change {
	rec := old.clone()
	rec.PagesDone = max(rec.PagesDone-len(pages), 0)
	return &Change{Record: rec, Drop: pages}
}

// Retryable reports whether [Retry] may apply to a record: it is not a marker, and no worker holds it.
func Retryable(r *Record) bool {
	_, err := retry(r, retrial{now: time.Now()})
	return err == nil
}

// retrial holds the parameters of one retry.
type retrial struct {
	now   time.Time
	by    string
	kept  int   // finished pages that stay
	pages []int // pages to read again
}

// retry returns the record to its initial state, except for its attempts and the pages that stay. A lease must have
// expired long ago: the operator's clock may be ahead of the holder's.
func retry(old *Record, again retrial) (*Change, error) {
	switch {
	case old == nil, old.Status == StatusDeleted, old.Unannounced(),
		old.Lease != nil && again.now.Before(old.Lease.Expires.Add(DueGrace)):
		return nil, ErrNothingToRetry
	}
	rec := old.clone()
	rec.Lease, rec.Error, rec.Rereading, rec.ReuseKey = nil, nil, nil, "" // the text is in doubt
	rec.Strikes, rec.Interruptions, rec.WindowStart, rec.Due = nil, 0, again.now, again.now
	rec.Retried, rec.RetriedBy = again.now, again.by
	if old.Status == StatusDone {
		rec.Rereading = &Rereading{Requested: again.now, By: again.by}
		if again.kept > 0 {
			rec.Rereading.Pages = again.pages
		}
		return &Change{Record: rec}, nil
	}
	rec.Status, rec.Notified = StatusRetrying, nil
	rec.Text, rec.TextInPages, rec.Blank, rec.Warnings = "", false, false, nil
	rec.Usage, rec.Finished = Usage{}, time.Time{}
	if rec.PagesDone = again.kept; again.kept == 0 {
		rec.Model = ""
	}
	return &Change{Record: rec, Drop: again.pages}, nil
}

// firstSkipped returns the first page that a done record skipped, and reports whether there is one.
func firstSkipped(r *Record) (Page, bool) {
	return Page{Page: r.PagesDone + 1, Generation: r.Generation, Warnings: []string{WarnPagesSkipped}},
		r.Status == StatusDone && r.PagesDone < r.Pages
}
