package worker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
)

// delivery is a claimed record and what is being done for it.
type delivery struct {
	w        *Worker
	ev       document.Event
	id       string
	lease    string
	slot     *slot
	resumes  bool // there was a record before the claim: pages of an earlier attempt or generation may be stored
	tookOver bool // the claim found a lease that its holder let expire

	turn   turn             // held during a commit, so that a delivery never races itself
	stored *document.Stored // the record after the last commit; for who has the turn

	mu    sync.Mutex // never held while something is waited for: pages are read on while a commit hangs
	pages pageSet
}

// newDelivery returns a delivery whose record is still to be claimed.
func newDelivery(w *Worker, ev document.Event, slot *slot) *delivery {
	return &delivery{
		w: w, ev: ev, id: ev.Object.ID(), lease: w.o.NewID(), slot: slot, turn: make(turn, 1),
		pages: pageSet{finished: map[int]document.Page{}, saved: map[int]bool{}},
	}
}

// turn is a lock that is held while others are waited for. It is a channel, because waiting for a mutex keeps the time of a
// test from passing.
type turn chan struct{}

func (t turn) lock()   { t <- struct{}{} }
func (t turn) unlock() { <-t }

// pageSet is how far the pages of a record have come.
type pageSet struct {
	total    int                   // 0 until known
	finished map[int]document.Page // read or failed, by earlier attempts too
	saved    map[int]bool          // those that are stored in a page document
	moved    bool                  // a page was read in this attempt
	model    string                // that read the last one
}

// complete reports whether every page is finished.
func (s pageSet) complete() bool { return s.total > 0 && len(s.finished) >= s.total }

// unsaved returns the finished pages that are not stored, in order. An object of one page has none: the closing write holds
// its page.
func (s pageSet) unsaved() []document.Page {
	var pages []document.Page
	for n := 1; n <= s.total && s.total > 1; n++ {
		if pg, ok := s.finished[n]; ok && !s.saved[n] {
			pages = append(pages, pg)
		}
	}
	return pages
}

// keepLease renews the lease until ctx ends, and ends the work where the lease is lost or a renewal panics. A store that does
// not answer is no reason to stop: the next renewal may succeed, and a commit after the lease was lost is refused in any case.
func (d *delivery) keepLease(ctx context.Context, stop context.CancelCauseFunc) {
	renewal := time.NewTicker(document.RenewEvery)
	defer renewal.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-renewal.C:
		}
		err := guard(func() error {
			ctx, cancel := context.WithTimeout(ctx, document.RenewEvery)
			defer cancel()
			d.turn.lock()
			defer d.turn.unlock()
			return d.commit(ctx, func(old *document.Record) *document.Change { return document.Renew(old, time.Now()) })
		})
		if _, bug := errors.AsType[*panicError](err); bug || errors.Is(err, errLeaseLost) {
			stop(err)
		}
	}
}

// resume makes sure that the page documents are this generation's and takes over those that earlier attempts finished.
func (d *delivery) resume(ctx context.Context) (err error) {
	ctx, end := d.w.telemetry.startPart(ctx, "resume")
	defer func() { end(codeOf(ctx, err)) }()
	if err := d.w.o.Records.ClearPages(ctx, d.id, d.ev.Generation); err != nil {
		return err
	}
	d.turn.lock()
	before := d.stored.Record
	d.turn.unlock()
	if before.PagesDone == 0 {
		return nil
	}
	pages, err := d.w.o.Records.Pages(ctx, d.id, d.ev.Generation)
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, pg := range pages {
		d.pages.finished[pg.Page], d.pages.saved[pg.Page] = pg, true
	}
	d.pages.model = before.Model
	return err
}

// expect notes how many pages there are and returns the numbers of those that are not finished.
func (d *delivery) expect(total int) []int {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.pages.total = total
	var todo []int
	for n := 1; n <= total; n++ {
		if _, ok := d.pages.finished[n]; !ok {
			todo = append(todo, n)
		}
	}
	return todo
}

// finish takes over a page that needs no more work and, where the object has several, commits it at once, together with
// others that are finished by then. model is what read it, empty for nothing. Where work has ended the closing write takes
// the page.
func (d *delivery) finish(ctx context.Context, pg document.Page, model string) error {
	d.mu.Lock()
	d.pages.finished[pg.Page] = pg
	d.pages.moved = d.pages.moved || pg.Error == nil
	d.pages.model = cmp.Or(model, d.pages.model)
	d.mu.Unlock()

	d.turn.lock()
	defer d.turn.unlock()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	now := d.snapshot()
	fresh := now.unsaved()
	if len(fresh) == 0 {
		return nil
	}
	err := d.commit(ctx, func(old *document.Record) *document.Change {
		ch := document.Progress(old, now.total, len(now.finished), fresh, time.Now())
		ch.Record.Model = now.model
		return ch
	})
	if err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, pg := range fresh {
		d.pages.saved[pg.Page] = true
	}
	return nil
}

// snapshot returns the pages as they are now.
func (d *delivery) snapshot() pageSet {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := d.pages
	s.finished, s.saved = maps.Clone(s.finished), maps.Clone(s.saved)
	return s
}

// commit changes the record if it is still this delivery's. It may be repeated. The turn is held.
func (d *delivery) commit(ctx context.Context, f func(old *document.Record) *document.Change) error {
	stored, err := document.Update(ctx, d.w.o.Records, d.id, document.Seen(d.stored), func(old *document.Record) (*document.Change, error) {
		if !document.Owns(old, d.ev.Generation, d.lease) {
			return nil, errLeaseLost
		}
		return f(old), nil
	})
	if err == nil {
		d.stored = stored
	}
	return err
}

// settle is the last write of a delivery: complete, fail or release, only under its own lease, tried until the delivery's
// time is over. The status is part of that write. err is why reading ended early, if it did; an object whose pages are all
// finished is complete whatever else happened meanwhile.
func (d *delivery) settle(work context.Context, err error) (res Result) {
	ctx, cancel := d.w.closeTime(work)
	defer cancel()
	d.turn.lock()
	defer d.turn.unlock()
	pages := d.snapshot()
	res = Result{Record: d.stored.Record, LeaseExpired: d.tookOver}
	switch {
	case pages.complete():
		return d.publish(ctx, pages, res)
	case err == nil:
		err = errMissing
	case errors.Is(err, errLeaseLost):
		return d.lost(ctx, res)
	case errors.Is(err, document.ErrObjectGone):
		res.live, err = d.gone(ctx, err)
	case errors.Is(err, errDeadline) && d.slot.crowdedOut():
		err = errCrowdedOut
	}
	f := faultOf(ctx, err)
	if f.Code == document.CodeDeadline && pages.moved {
		return d.closingWrite(ctx, res, func(old *document.Record) *document.Change {
			return pages.addUnsaved(d.w.o.Rules.Pause(old, time.Now()))
		})
	}
	res.Fault = f
	return d.putBack(ctx, pages, res)
}

// publish ends the record with its text, or fails it where no page has any to show.
func (d *delivery) publish(ctx context.Context, pages pageSet, res Result) Result {
	if f, all := pages.allFailed(); all {
		res.Fault = f
		return d.putBack(ctx, pages, res)
	}
	contents := document.Sum(pages.finished, pages.total, pages.model)
	contents.Unsaved = pages.unsaved()
	if only := pages.finished[1]; pages.total == 1 && len(only.Blocks) > 0 { // its text fits the record
		contents.Unsaved = []document.Page{only}
	}
	done := d.closingWrite(ctx, res, func(old *document.Record) *document.Change { return document.Complete(old, contents) })
	if done.Fault.Code == document.CodeStoreRejected {
		res.Fault = done.Fault
		return d.putBack(ctx, pages, res)
	}
	return done
}

// allFailed returns the fault of the first page where every page has one.
func (s pageSet) allFailed() (document.Fault, bool) {
	for n := 1; n <= s.total; n++ {
		if s.finished[n].Error == nil {
			return document.Fault{}, false
		}
	}
	first := s.finished[1].Error
	return document.Fault{Code: first.Code, Class: document.ClassFinal, Message: first.Message}, true
}

// putBack releases the record after a fault, or fails it. A page of several that used up the budget fails alone.
func (d *delivery) putBack(ctx context.Context, pages pageSet, res Result) Result {
	var failed *document.Page
	if pe, ok := errors.AsType[*pageError](res.Fault.Cause); ok && pages.total > 1 {
		failed = failedPage(d.ev.Generation, pe.page, res.Fault)
	}
	return d.closingWrite(ctx, res, func(old *document.Record) *document.Change {
		c := d.w.o.Rules.Release(old, res.Fault, failed, time.Now())
		if res.Fault.Code == document.CodeStoreRejected {
			return c // it may have been a page that the store does not take
		}
		return pages.addUnsaved(c)
	})
}

// addUnsaved adds finished pages that no commit stored, so that what is paid for is not lost with a release.
func (s pageSet) addUnsaved(c *document.Change) *document.Change {
	if s.total > 1 {
		c.Record.Pages = s.total
		c.Record.PagesDone = len(s.finished) + len(c.Pages) // one of which may be stored by a commit whose answer was lost
	}
	c.Pages = append(c.Pages, s.unsaved()...)
	return c
}

// pageError says which page an error stopped at.
type pageError struct {
	page int
	err  error
}

func (e *pageError) Error() string { return fmt.Sprintf("page %d: %v", e.page, e.err) }
func (e *pageError) Unwrap() error { return e.err }

// failedPage returns the document of a page that has no text.
func failedPage(generation int64, n int, f document.Fault) *document.Page {
	return &document.Page{Page: n, Generation: generation, Error: f.StoredError(), Warnings: []string{document.WarnPageFailed}}
}

// closingWrite makes a closing write and turns the record as it is then into the result.
func (d *delivery) closingWrite(ctx context.Context, res Result, f func(old *document.Record) *document.Change) Result {
	ctx, end := d.w.telemetry.startPart(ctx, "close")
	err := d.commit(ctx, f)
	end(codeOf(ctx, err))
	res.Record = d.stored.Record
	switch {
	case errors.Is(err, errLeaseLost):
		return d.lost(ctx, res)
	case err != nil:
		res.Outcome, res.Fault = document.OutcomeRetry, faultOf(ctx, fmt.Errorf("closing write: %w", err))
	case res.Record.Status == document.StatusDone:
		res.Outcome = document.OutcomeDone
	case res.Record.Status == document.StatusFailed:
		res.Outcome = document.OutcomeFailed
	default:
		res.Outcome = document.OutcomeRetry
	}
	return res
}

// lost returns the result of a delivery whose record another one took: the record as it is now decides about the message.
func (d *delivery) lost(ctx context.Context, res Result) Result {
	now, err := d.w.o.Records.Get(ctx, d.id)
	res.Outcome, res.Fault = document.OutcomeBusy, document.Fault{}
	switch {
	case err != nil:
		res.Outcome, res.Fault = document.OutcomeRetry, faultOf(ctx, err)
	case now == nil:
		res.Outcome = document.OutcomeRetry
	case now.Generation != d.ev.Generation:
		res.Outcome = document.OutcomeSuperseded
	case now.Status.Ended():
		res.Outcome = document.OutcomeDuplicate
	}
	return res
}

// gone finds out why a generation cannot be opened: another one is live, whose event is on the way, or none is.
func (d *delivery) gone(ctx context.Context, err error) (*document.Event, error) {
	live, attrs, liveErr := d.w.o.Objects.Live(ctx, d.ev.Bucket, d.ev.Name)
	switch {
	case errors.Is(liveErr, document.ErrObjectGone):
		return nil, err
	case liveErr != nil:
		return nil, fmt.Errorf("asking which generation is live: %w", liveErr)
	}
	return &document.Event{Kind: document.KindFinalized, ID: d.ev.ID, Time: d.ev.Time, Object: live, Attributes: attrs}, errReplaced
}
