package pipeline

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// errReplaced says that the object was overwritten: its generation is gone and another one lives.
var errReplaced = errors.New("another generation of the object lives now; its event is on the way")

// close is the last write of an attempt: complete, fail or release, only if the lease is still its own, tried until ctx
// ends. The status is part of that write.
func (a *attempt) close(ctx context.Context, err error) report {
	if err == nil {
		return a.finish(ctx)
	}
	if errors.Is(err, errLeaseLost) {
		return a.lost(ctx)
	}
	r := report{}
	if errors.Is(err, ErrObjectGone) {
		r.living, err = a.gone(ctx, err)
	}
	f := faultOf(err)
	if f.Code == CodeDeadline && a.moved {
		return a.commitEnd(ctx, r, func(old *Record) *Change {
			return a.withUnsaved(a.p.o.Rules.pause(old, time.Now()))
		})
	}
	r.fault = f
	return a.release(ctx, r)
}

// release hands the record back after a fault, or fails it. A page of several that is at its limit fails alone.
func (a *attempt) release(ctx context.Context, r report) report {
	var failed *PageRecord
	if pe, ok := errors.AsType[*pageError](r.fault.Cause); ok && a.total > 1 {
		failed = failedPage(a.ev.Generation, pe.page, r.fault)
	}
	return a.commitEnd(ctx, r, func(old *Record) *Change {
		c := a.p.o.Rules.release(old, r.fault, failed, time.Now())
		if r.fault.Code == CodeStoreRejected {
			return c // it may have been a page that the store does not take
		}
		return a.withUnsaved(c)
	})
}

// withUnsaved adds finished pages that no commit stored, so that what is paid for is not lost with a release.
func (a *attempt) withUnsaved(c *Change) *Change {
	pages := a.unsaved()
	c.Pages = append(c.Pages, pages...)
	c.Record.PagesDone += len(pages)
	if a.total > 1 {
		c.Record.Pages = a.total
	}
	return c
}

// pageError says which page an error stopped at.
type pageError struct {
	page int
	err  error
}

func (e *pageError) Error() string { return fmt.Sprintf("page %d: %v", e.page, e.err) }
func (e *pageError) Unwrap() error { return e.err }

// failedPage is the document of a page that has no text.
func failedPage(generation int64, n int, f Fault) *PageRecord {
	return &PageRecord{Page: n, Generation: generation, Error: f.record(), Warnings: []string{WarnPageFailed}}
}

// finish completes the record, or fails it where no page has text to show.
func (a *attempt) finish(ctx context.Context) report {
	if f, bad := a.allFailed(); bad {
		return a.release(ctx, report{fault: f})
	}
	d := a.document()
	r := a.commitEnd(ctx, report{}, func(old *Record) *Change { return complete(old, d) })
	if r.fault.Code == CodeStoreRejected {
		return a.release(ctx, report{fault: r.fault})
	}
	return r
}

// allFailed gives the fault of the first page where every page has one.
func (a *attempt) allFailed() (Fault, bool) {
	for n := 1; n <= a.total; n++ {
		if a.pages[n].Error == nil {
			return Fault{}, false
		}
	}
	first := a.pages[1].Error
	if first == nil {
		return faultOf(errors.New("the object has no pages")), true
	}
	return Fault{Code: first.Code, Class: Final, Message: first.Message}, true
}

// commitEnd makes a closing write and turns what stands there then into the outcome.
func (a *attempt) commitEnd(ctx context.Context, r report, f func(old *Record) *Change) report {
	closed := a.p.o.Observer.Part(ctx, PartClose)
	err := a.commit(ctx, f)
	closed(codeOf(err))
	switch {
	case errors.Is(err, errLeaseLost):
		return a.lost(ctx)
	case err != nil:
		r.outcome, r.rec = OutRetry, a.stored.Record
		r.fault = faultOf(fmt.Errorf("closing write: %w", err))
		return r
	}
	r.rec = a.stored.Record
	r.outcome = outcomeOf(r.rec.Status)
	return r
}

func outcomeOf(s Status) Outcome {
	switch s {
	case Done:
		return OutDone
	case Failed:
		return OutFailed
	}
	return OutRetry
}

// lost is the outcome of an attempt whose record somebody else took: whatever stands there now decides about the message.
func (a *attempt) lost(ctx context.Context) report {
	now, err := a.p.o.Records.Get(ctx, a.id)
	r := report{outcome: OutBusy, rec: a.stored.Record}
	switch {
	case err != nil:
		r.outcome, r.fault = OutRetry, faultOf(err)
	case now == nil:
		r.outcome = OutRetry
	case now.Generation != a.ev.Generation:
		r.outcome = OutSuperseded
	case now.Status.Ended():
		r.outcome = OutDuplicate
	}
	return r
}

// gone finds out why a generation cannot be opened: another one lives, whose event is on the way, or none.
func (a *attempt) gone(ctx context.Context, err error) (*Event, error) {
	live, attrs, liveErr := a.p.o.Objects.Live(ctx, a.ev.Bucket, a.ev.Name)
	switch {
	case errors.Is(liveErr, ErrObjectGone):
		return nil, err
	case liveErr != nil:
		return nil, fmt.Errorf("asking which generation lives: %w", liveErr)
	}
	return &Event{Kind: Finalized, ID: a.ev.ID, Time: a.ev.Time, Object: live, Attributes: attrs}, errReplaced
}
