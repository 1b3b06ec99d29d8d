package pipeline

import (
	"cmp"
	"context"
	"sync"
	"sync/atomic"

	"github.com/bucketocr/bucketocr/internal/page"
)

// step is what readers tell the writer: how many pages there are, or one that is finished.
type step struct {
	total int
	page  PageRecord
	model string
}

// readers makes pages and has them read, a few at a time. Its goroutines touch nothing of the attempt that the writer
// changes, and none outlives work by more than one page's decoding.
type readers struct {
	a     *attempt
	skip  map[int]bool // finished by an earlier attempt
	steps chan step    // closed when nothing more comes
	ended chan struct{}
	err   error // why it ended early; read it after steps was closed

	mu        sync.Mutex
	failed    error // the first fault that stops the object
	postponed error // the first of a page's own, which does not
	next      int

	waited, asked atomic.Bool // for a place at the OCR service, and in it: any page
}

// crowdedOut tells whether no page had a place at the OCR service, and one waited for it.
func (r *readers) crowdedOut() bool { return r.waited.Load() && !r.asked.Load() }

func (a *attempt) start(work context.Context) *readers {
	r := &readers{a: a, skip: map[int]bool{}, ended: make(chan struct{})}
	r.steps = make(chan step, a.p.o.OCRConcurrency+1)
	for n := range a.pages {
		r.skip[n] = true
	}
	go func() {
		defer close(r.ended)
		defer close(r.steps)
		r.err = a.guard(func() error { return r.all(work) })
	}()
	return r
}

// more adds to first what is finished by now, so that pages that finish together are committed together.
func (r *readers) more(first ...step) []step {
	for {
		select {
		case s, ok := <-r.steps:
			if !ok {
				return first
			}
			first = append(first, s)
		default:
			return first
		}
	}
}

// all splits the object and reads its pages, OCRConcurrency at a time.
func (r *readers) all(work context.Context) error {
	src := &source{objects: r.a.p.o.Objects, object: r.a.ev.Object, observer: r.a.p.o.Observer}
	limits := r.a.p.o.Limits
	limits.Edge = r.a.p.o.OCR.Profile().Edge
	limits.Budget = r.a.seat
	opened := r.a.p.o.Observer.Part(work, PartOpen)
	pages, err := page.Split(work, page.Source{Open: src.open}, limits)
	opened(codeOf(asCause(work, err)))
	if err != nil {
		return err
	}
	defer pages.Close()
	r.tell(work, step{total: pages.Len()})
	var wg sync.WaitGroup
	for range min(r.a.p.o.OCRConcurrency, pages.Len()) {
		wg.Go(func() {
			r.stop(r.a.guard(func() error { return r.some(work, pages, src) }))
		})
	}
	wg.Wait()
	return cmp.Or(r.failed, r.postponed)
}

// some reads page after page until there is none left or one has a fault that is not its own alone.
func (r *readers) some(work context.Context, pages *page.Pages, src *source) error {
	for n := r.take(pages.Len()); n > 0; n = r.take(pages.Len()) {
		s, err := r.one(work, pages, n)
		if sum := src.broken(); sum != nil {
			return sum
		}
		if err != nil {
			f := faultOf(asCause(work, err))
			switch {
			case pages.Len() == 1:
				return err
			case f.Class == Service || work.Err() != nil:
				return &pageError{page: n, err: err}
			case f.Class != Final:
				r.postpone(&pageError{page: n, err: err})
				continue
			}
			s.page = *failedPage(r.a.ev.Generation, n, f)
		}
		r.tell(work, s)
	}
	return nil
}

// postpone keeps a page's own fault until the other pages are read: one bad page must not cost them their turn.
func (r *readers) postpone(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.postponed == nil {
		r.postponed = err
	}
}

// take gives out the next page that nobody has finished; 0 when there is none or the object was stopped.
func (r *readers) take(total int) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	for r.failed == nil && r.next < total {
		r.next++
		if !r.skip[r.next] {
			return r.next
		}
	}
	return 0
}

func (r *readers) stop(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.failed == nil {
		r.failed = err
	}
}

func (r *readers) tell(work context.Context, s step) {
	select {
	case r.steps <- s:
	case <-work.Done():
		// The writer may be gone; what fits in the buffer it still takes.
		select {
		case r.steps <- s:
		default:
		}
	}
}
