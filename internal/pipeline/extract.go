package pipeline

import (
	"cmp"
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/bucketocr/bucketocr/internal/page"
	"github.com/bucketocr/bucketocr/ocr"
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
	making    sync.Mutex // one page is decoded at a time, so memory is bounded by one

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
	src := &source{objects: r.a.p.o.Objects, object: r.a.ev.Object}
	limits := r.a.p.o.Limits
	limits.Edge = r.a.p.o.OCR.Profile().Edge
	limits.Reserve, limits.Grow = r.a.seat.reserve, r.a.seat.grow
	pages, err := page.Split(work, page.Source{Open: src.open}, limits)
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

// one makes page n and has it read.
func (r *readers) one(work context.Context, pages *page.Pages, n int) (step, error) {
	r.making.Lock()
	pg, err := pages.Page(work, n)
	r.a.seat.forgetGuess()
	r.making.Unlock()
	if err != nil {
		return step{}, err
	}
	if r.a.p.o.PageMade != nil {
		r.a.p.o.PageMade(r.a.ev.Object, n, pg.How)
	}
	rec := PageRecord{Page: n, Generation: r.a.ev.Generation, Width: pg.Width, Height: pg.Height, Blank: pg.Blank}
	rec.Warnings = slices.Clone(pg.Warnings)
	if pg.Blank {
		return step{page: rec}, nil
	}
	res, err := r.ask(work, pg)
	if err != nil {
		return step{}, err
	}
	rec.read(res)
	return step{page: rec, model: res.Model}, nil
}

// ask has the OCR service read a page, when this instance has a place there.
func (r *readers) ask(work context.Context, pg *page.Page) (ocr.Result, error) {
	leave, waited, err := r.a.p.ocr.take(work, func() { r.waited.Store(true) })
	if err != nil {
		return ocr.Result{}, err
	}
	defer leave()
	if waited && !r.asked.Load() && r.a.p.late(work) {
		return ocr.Result{}, errLate
	}
	r.asked.Store(true)
	return r.a.p.o.OCR.ExtractText(work, ocr.Image{Size: pg.Size, Open: pg.Open})
}

// read takes over what the OCR service answered, as text that a store accepts.
func (p *PageRecord) read(res ocr.Result) {
	text := strings.ToValidUTF8(res.Text, "\uFFFD")
	p.Text = clip(text, MaxTextBytes)
	p.Blank = res.Blank
	p.Warnings = append(p.Warnings, res.Warnings...)
	if len(p.Text) < len(text) {
		p.Warnings = append(p.Warnings, WarnTruncated)
	}
	slices.Sort(p.Warnings)
	p.Warnings = slices.Compact(p.Warnings)
	p.Usage = Usage{PromptTokens: res.Usage.PromptTokens, CompletionTokens: res.Usage.CompletionTokens}
	p.Blocks = fitting(res.Blocks, maxPageBytes-len(p.Text))
}

// Sizes of a page document, in bytes. Firestore's limit is 1,048,576 for all of it.
const (
	maxPageBytes = 1_000_000 // text and blocks together
	blockBytes   = 128       // what a block takes besides its label and text, generously
)

// fitting takes over the blocks, as many from the first as there is room for beside the text.
func fitting(blocks []ocr.Block, room int) []Block {
	var fit []Block
	for _, b := range blocks {
		text := strings.ToValidUTF8(b.Text, "\uFFFD")
		if room -= len(text) + len(b.Label) + blockBytes; room < 0 {
			break
		}
		fit = append(fit, Block{Label: b.Label, Box: b.Box, Text: text})
	}
	return fit
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

// source opens the object again and again for page, and remembers if its bytes turned out to be wrong: an answer for
// them is discarded even where it was already paid for.
type source struct {
	objects Objects
	object  Object
	mu      sync.Mutex
	err     error
}

func (s *source) open(ctx context.Context) (io.ReadCloser, int64, error) {
	c, err := s.objects.Open(ctx, s.object)
	if err != nil {
		return nil, 0, err
	}
	return &watched{ReadCloser: c.ReadCloser, s: s}, c.Size, nil
}

func (s *source) broken() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// watched is a reader whose failure its source remembers.
type watched struct {
	io.ReadCloser
	s *source
}

func (w *watched) Read(p []byte) (int, error) {
	n, err := w.ReadCloser.Read(p)
	if err != nil && errors.Is(err, ErrStorageUnavailable) {
		w.s.mu.Lock()
		w.s.err = err
		w.s.mu.Unlock()
	}
	return n, err
}
