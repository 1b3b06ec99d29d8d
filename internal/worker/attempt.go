package worker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
)

// attempt is one claimed delivery. Its writer, the goroutine that calls run, does all its commits, so that an attempt
// never races itself; reader goroutines (extract.go) only make pages and send them.
type attempt struct {
	p      *Worker
	ev     document.Event
	id     string
	lease  string
	seat   *seat
	stored *document.Stored
	begun  bool // the first claim of a generation that follows nothing: no pages can lie about

	readers *readers // nil until started

	total int                   // pages; 0 until known
	pages map[int]document.Page // finished ones, of earlier attempts too
	saved map[int]bool          // those that stand in a page document
	moved bool                  // a page was finished in this attempt
	model string
}

func newAttempt(p *Worker, ev document.Event, c *claim) *attempt {
	return &attempt{
		p: p, ev: ev, id: ev.Object.ID(), lease: c.lease, seat: c.seat, stored: c.stored, begun: !c.fresh,
		pages: map[int]document.Page{}, saved: map[int]bool{},
	}
}

// run does the work until work ends and the closing write until ctx ends.
func (a *attempt) run(ctx, work context.Context, stop context.CancelCauseFunc) report {
	err := asCause(work, a.guard(func() error { return a.work(ctx, work, stop) }))
	stop(nil)
	return a.close(ctx, err)
}

// guard turns a panic into an error, so that the record is closed whatever happens.
func (a *attempt) guard(f func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = panicked(v)
		}
	}()
	return f()
}

// panicked keeps where it happened for the log. What a panic says may be text of the document, so only the runtime's own
// words are kept, and the type of anything else.
func panicked(v any) error {
	text := fmt.Sprintf("%T", v)
	if err, ok := v.(runtime.Error); ok {
		text = err.Error()
	}
	return &panicError{value: text, stack: string(debug.Stack())}
}

type panicError struct{ value, stack string }

func (e *panicError) Error() string { return "panic: " + e.value }

// work prepares, starts the readers and writes down what they finish.
func (a *attempt) work(ctx, work context.Context, stop context.CancelCauseFunc) error {
	renewal := time.NewTicker(document.RenewEvery)
	defer renewal.Stop()
	if err := a.prepare(work, stop, renewal.C); err != nil {
		return err
	}
	readers := a.start(work)
	a.readers = readers
	for {
		select {
		case <-renewal.C:
			if err := a.renew(work); errors.Is(err, errLeaseLost) {
				stop(err)
				return err
			}
		case s, ok := <-readers.steps:
			if !ok {
				return a.over(work, readers.err)
			}
			if err := a.note(work, readers.more(s)); err != nil && work.Err() == nil {
				stop(err)
				return err
			}
		case <-work.Done():
			return a.over(work, a.note(ctx, readers.more()))
		}
	}
}

// errMissing says that the readers ended before every page was finished.
var errMissing = errors.New("not every page was finished")

// over is how the readers' work ended: well only where every page is here, whatever else happened meanwhile.
func (a *attempt) over(work context.Context, err error) error {
	if err == nil && a.total > 0 && len(a.pages) >= a.total {
		return nil
	}
	if err == nil {
		err = cmp.Or(context.Cause(work), errMissing)
	}
	if errors.Is(err, errDeadline) && a.readers.crowdedOut() {
		return errLate
	}
	return err
}

// prepare resumes, and renews the lease meanwhile.
func (a *attempt) prepare(work context.Context, stop context.CancelCauseFunc, renewal <-chan time.Time) error {
	if a.begun {
		return nil
	}
	done := make(chan error, 1)
	stored := a.stored
	resumed := a.p.o.Observer.Part(work, PartResume)
	go func() {
		err := a.guard(func() error { return a.resume(work, stored) })
		resumed(codeOf(err))
		done <- err
	}()
	for {
		select {
		case <-renewal:
			if err := a.renew(work); errors.Is(err, errLeaseLost) {
				stop(err)
				<-done
				return err
			}
		case err := <-done:
			return err
		}
	}
}

// ended is closed when nothing of the attempt runs any more: a page's decoding cannot be broken off, and its memory is in
// use until it is over, even after the closing write.
func (a *attempt) ended() <-chan struct{} {
	if a.readers != nil {
		return a.readers.ended
	}
	none := make(chan struct{})
	close(none)
	return none
}

// resume makes sure that the page documents are this generation's and reads those that earlier attempts finished.
func (a *attempt) resume(ctx context.Context, stored *document.Stored) error {
	if err := a.p.o.Records.ClearPages(ctx, a.id, a.ev.Generation); err != nil {
		return err
	}
	if stored.PagesDone == 0 {
		return nil
	}
	pages, err := a.p.o.Records.Pages(ctx, a.id, a.ev.Generation)
	for _, pg := range pages {
		a.pages[pg.Page], a.saved[pg.Page] = pg, true
	}
	a.model = stored.Model
	return err
}

// note takes what readers finished into the attempt and, for objects of several pages, into the store at once.
func (a *attempt) note(ctx context.Context, steps []step) error {
	var fresh []document.Page
	for _, s := range steps {
		if s.total > 0 {
			a.total = s.total
			continue
		}
		a.pages[s.page.Page] = s.page
		a.moved = a.moved || s.page.Error == nil
		if s.model != "" {
			a.model = s.model
		}
		fresh = append(fresh, s.page)
	}
	if a.total < 2 || len(fresh) == 0 {
		return nil
	}
	err := a.commit(ctx, func(old *document.Record) *document.Change {
		ch := document.Progress(old, a.total, fresh, time.Now())
		ch.Record.Model = a.model
		return ch
	})
	if err == nil {
		a.markSaved(fresh)
	}
	return err
}

func (a *attempt) markSaved(pages []document.Page) {
	for _, pg := range pages {
		a.saved[pg.Page] = true
	}
}

// unsaved are the finished pages of several that no commit has stored, in order.
func (a *attempt) unsaved() []document.Page {
	var pages []document.Page
	for n := 1; n <= a.total && a.total > 1; n++ {
		if pg, ok := a.pages[n]; ok && !a.saved[n] {
			pages = append(pages, pg)
		}
	}
	return pages
}

// renew keeps the lease. A store that does not answer is no reason to stop: the next one may get through, and a commit
// after the lease was lost is refused in any case.
func (a *attempt) renew(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, document.RenewEvery)
	defer cancel()
	return a.commit(ctx, func(old *document.Record) *document.Change { return document.Renew(old, time.Now()) })
}

// commit changes the record if it is still this attempt's. It may be repeated.
func (a *attempt) commit(ctx context.Context, f func(old *document.Record) *document.Change) error {
	stored, err := document.Update(ctx, a.p.o.Records, a.id, document.Seen(a.stored), func(old *document.Record) (*document.Change, error) {
		if !document.Owns(old, a.ev.Generation, a.lease) {
			return nil, errLeaseLost
		}
		return f(old), nil
	})
	if err == nil {
		a.stored = stored
	}
	return err
}
