package worker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
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
	if errors.Is(err, document.ErrObjectGone) {
		r.living, err = a.gone(ctx, err)
	}
	f := faultOf(err)
	if f.Code == document.CodeDeadline && a.moved {
		return a.commitEnd(ctx, r, func(old *document.Record) *document.Change {
			return a.withUnsaved(a.p.o.Rules.Pause(old, time.Now()))
		})
	}
	r.fault = f
	return a.release(ctx, r)
}

// release hands the record back after a fault, or fails it. A page of several that is at its limit fails alone.
func (a *attempt) release(ctx context.Context, r report) report {
	var failed *document.Page
	if pe, ok := errors.AsType[*pageError](r.fault.Cause); ok && a.total > 1 {
		failed = failedPage(a.ev.Generation, pe.page, r.fault)
	}
	return a.commitEnd(ctx, r, func(old *document.Record) *document.Change {
		c := a.p.o.Rules.Release(old, r.fault, failed, time.Now())
		if r.fault.Code == document.CodeStoreRejected {
			return c // it may have been a page that the store does not take
		}
		return a.withUnsaved(c)
	})
}

// withUnsaved adds finished pages that no commit stored, so that what is paid for is not lost with a release.
func (a *attempt) withUnsaved(c *document.Change) *document.Change {
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
func failedPage(generation int64, n int, f document.Fault) *document.Page {
	return &document.Page{Page: n, Generation: generation, Error: f.Stored(), Warnings: []string{document.WarnPageFailed}}
}

// finish completes the record, or fails it where no page has text to show.
func (a *attempt) finish(ctx context.Context) report {
	if f, bad := a.allFailed(); bad {
		return a.release(ctx, report{fault: f})
	}
	d := a.document()
	r := a.commitEnd(ctx, report{}, func(old *document.Record) *document.Change { return document.Complete(old, d) })
	if r.fault.Code == document.CodeStoreRejected {
		return a.release(ctx, report{fault: r.fault})
	}
	return r
}

// allFailed gives the fault of the first page where every page has one.
func (a *attempt) allFailed() (document.Fault, bool) {
	for n := 1; n <= a.total; n++ {
		if a.pages[n].Error == nil {
			return document.Fault{}, false
		}
	}
	first := a.pages[1].Error
	if first == nil {
		return faultOf(errors.New("the object has no pages")), true
	}
	return document.Fault{Code: first.Code, Class: document.ClassFinal, Message: first.Message}, true
}

// commitEnd makes a closing write and turns what stands there then into the outcome.
func (a *attempt) commitEnd(ctx context.Context, r report, f func(old *document.Record) *document.Change) report {
	closed := a.p.o.Observer.Part(ctx, PartClose)
	err := a.commit(ctx, f)
	closed(codeOf(err))
	switch {
	case errors.Is(err, errLeaseLost):
		return a.lost(ctx)
	case err != nil:
		r.outcome, r.rec = document.OutcomeRetry, a.stored.Record
		r.fault = faultOf(fmt.Errorf("closing write: %w", err))
		return r
	}
	r.rec = a.stored.Record
	r.outcome = outcomeOf(r.rec.Status)
	return r
}

func outcomeOf(s document.Status) document.Outcome {
	switch s {
	case document.StatusDone:
		return document.OutcomeDone
	case document.StatusFailed:
		return document.OutcomeFailed
	}
	return document.OutcomeRetry
}

// lost is the outcome of an attempt whose record somebody else took: whatever stands there now decides about the message.
func (a *attempt) lost(ctx context.Context) report {
	now, err := a.p.o.Records.Get(ctx, a.id)
	r := report{outcome: document.OutcomeBusy, rec: a.stored.Record}
	switch {
	case err != nil:
		r.outcome, r.fault = document.OutcomeRetry, faultOf(err)
	case now == nil:
		r.outcome = document.OutcomeRetry
	case now.Generation != a.ev.Generation:
		r.outcome = document.OutcomeSuperseded
	case now.Status.Ended():
		r.outcome = document.OutcomeDuplicate
	}
	return r
}

// gone finds out why a generation cannot be opened: another one lives, whose event is on the way, or none.
func (a *attempt) gone(ctx context.Context, err error) (*document.Event, error) {
	live, attrs, liveErr := a.p.o.Objects.Live(ctx, a.ev.Bucket, a.ev.Name)
	switch {
	case errors.Is(liveErr, document.ErrObjectGone):
		return nil, err
	case liveErr != nil:
		return nil, fmt.Errorf("asking which generation lives: %w", liveErr)
	}
	return &document.Event{Kind: document.KindFinalized, ID: a.ev.ID, Time: a.ev.Time, Object: live, Attributes: attrs}, errReplaced
}
