package worker

import (
	"cmp"
	"context"
	"errors"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/page"
	"github.com/bucketocr/bucketocr/ocr"
)

// readPages makes and reads the pages that no attempt has finished yet, under a lease that is kept all the time. It returns
// nil, or why it ended early; pages that are finished are kept either way. It ends with ctx even where a page's decoding
// cannot be broken off; the slot is then in use until that is over.
func (d *delivery) readPages(ctx context.Context) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	go d.keepLease(ctx, stop)

	done := make(chan error, 1)
	d.slot.share()
	go func() {
		defer d.slot.release()
		done <- guard(func() error { return d.readAll(ctx, stop) })
	}()
	select {
	case err := <-done:
		return withCause(ctx, err)
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// readAll splits the object and has its unfinished pages made and read, OCRConcurrency at a time. stop ends the work at once;
// that is for a lost lease, since pages in flight are paid for.
func (d *delivery) readAll(ctx context.Context, stop context.CancelCauseFunc) error {
	if d.resumes {
		if err := d.resume(ctx); err != nil {
			return err
		}
	}
	src := &source{w: d.w, object: d.ev.Object}
	pages, err := d.split(ctx, src)
	if err != nil {
		return err
	}
	defer pages.Close()
	todo := &queue{numbers: d.expect(pages.Len())}
	var readers sync.WaitGroup
	for range min(d.w.o.OCRConcurrency, len(todo.numbers)) {
		readers.Go(func() {
			err := guard(func() error {
				for n := todo.next(); n > 0; n = todo.next() {
					if err := d.readPage(ctx, pages, src, todo, n); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				todo.stop(err)
			}
			if errors.Is(err, errLeaseLost) {
				stop(err)
			}
		})
	}
	readers.Wait()
	return cmp.Or(todo.ended, todo.postponed)
}

// queue hands out the numbers of pages until the first fault that is not a page's own.
type queue struct {
	mu        sync.Mutex
	numbers   []int
	ended     error // the first fault that stops the object
	postponed error // the first of a page's own, which does not
}

// next returns the next number; 0 when there is none or the object was stopped.
func (q *queue) next() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.ended != nil || len(q.numbers) == 0 {
		return 0
	}
	n := q.numbers[0]
	q.numbers = q.numbers[1:]
	return n
}

func (q *queue) stop(err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.ended = cmp.Or(q.ended, err)
}

// postpone keeps a page's own fault until the other pages are read: one bad page must not cost them their turn.
func (q *queue) postpone(err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.postponed = cmp.Or(q.postponed, err)
}

func (d *delivery) split(ctx context.Context, src *source) (_ *page.Pages, err error) {
	limits := d.w.o.Limits
	limits.Edge = d.w.o.OCR.Profile().Edge
	limits.Budget = d.slot
	_, end := d.w.telemetry.startPart(ctx, "open")
	defer func() { end(codeOf(ctx, err)) }()
	return page.Split(ctx, page.Source{Open: src.open}, limits)
}

// readPage makes page n, has it read and finishes it. A fault of the page's own is postponed, or finishes it as failed; the
// error is one that stops the object.
func (d *delivery) readPage(ctx context.Context, pages *page.Pages, src *source, todo *queue, n int) error {
	pg, model, err := d.extract(ctx, pages, n)
	if broken := src.failed(); broken != nil {
		return broken // an answer for wrong bytes is discarded even where it is paid for
	}
	if err != nil {
		f := faultOf(ctx, err)
		switch {
		case pages.Len() == 1:
			return err
		case f.Class == document.ClassService || ctx.Err() != nil:
			return &pageError{page: n, err: err}
		case f.Class != document.ClassFinal:
			todo.postpone(&pageError{page: n, err: err})
			return nil
		}
		pg = *failedPage(d.ev.Generation, n, f)
	}
	return d.finish(ctx, pg, model)
}

// extract makes page n and has the OCR service read it, unless it is blank. It returns the model too.
func (d *delivery) extract(ctx context.Context, pages *page.Pages, n int) (rec document.Page, model string, err error) {
	t := d.w.telemetry
	ctx, span := t.tracer.Start(ctx, "page", trace.WithAttributes(attribute.Int("bucketocr.page", n)))
	var timing pageTiming
	rec = document.Page{Page: n, Generation: d.ev.Generation}
	defer func() { t.pageRead(ctx, span, timing, rec.Blank, codeOf(ctx, err)) }()

	begun := time.Now()
	pg, waited, err := pages.Page(ctx, n)
	timing.waited, timing.made = waited, time.Since(begun)-waited
	if err != nil {
		return rec, "", err
	}
	timing.width, timing.height, timing.bytes = pg.Width, pg.Height, pg.Size
	d.w.o.Log.LogAttrs(ctx, slog.LevelDebug, PageMade, slog.String("bucket", d.ev.Bucket), slog.String("name", d.ev.Name),
		slog.Int("page", n), slog.String("how", pg.How))
	rec.Width, rec.Height, rec.Blank, rec.Warnings = pg.Width, pg.Height, pg.Blank, slices.Clone(pg.Warnings)
	if pg.Blank {
		return rec, "", nil
	}

	waiting := time.Now()
	done, err := d.slot.takePlace(ctx, d.w.o.ProcessTimeout/4)
	placed := time.Now()
	timing.waited += placed.Sub(waiting)
	if err != nil {
		return rec, "", err
	}
	defer done()
	res, err := d.w.o.OCR.ExtractText(ctx, ocr.Image{Size: pg.Size, Open: pg.Open})
	timing.read = time.Since(placed)
	t.tries(ctx, res, err)
	if err != nil {
		return rec, "", err
	}
	fill(&rec, res)
	return rec, res.Model, nil
}

// PageMade is the message of the DEBUG line about a page that was made, before it is sent. It has bucket, name, page and how:
// what was done, in a few words.
const PageMade = "page made"

// fill takes over what the OCR service answered, as text that a store accepts.
func fill(p *document.Page, res ocr.Result) {
	text := strings.ToValidUTF8(res.Text, "\uFFFD")
	p.Text = document.Clip(text, document.MaxTextBytes)
	p.Blank = res.Blank
	p.Warnings = append(p.Warnings, res.Warnings...)
	if len(p.Text) < len(text) {
		p.Warnings = append(p.Warnings, document.WarnTruncated)
	}
	slices.Sort(p.Warnings)
	p.Warnings = slices.Compact(p.Warnings)
	p.Usage = document.Usage{PromptTokens: res.Usage.PromptTokens, CompletionTokens: res.Usage.CompletionTokens}
	p.Blocks = fitting(res.Blocks, maxPageBytes-len(p.Text))
}

// Sizes of a page document, in bytes. Firestore's limit is 1,048,576 for all of it.
const (
	maxPageBytes = 1_000_000 // text and blocks together
	blockBytes   = 128       // what a block takes besides its label and text, generously
)

// fitting takes over the blocks, as many from the first as there is room for beside the text.
func fitting(blocks []ocr.Block, room int) []document.Block {
	var fit []document.Block
	for _, b := range blocks {
		text := strings.ToValidUTF8(b.Text, "\uFFFD")
		if room -= len(text) + len(b.Label) + blockBytes; room < 0 {
			break
		}
		fit = append(fit, document.Block{Label: b.Label, Box: b.Box, Text: text})
	}
	return fit
}

// source opens the object again and again for package page, and remembers if its bytes turned out to be wrong.
type source struct {
	w      *Worker
	object document.Object
	mu     sync.Mutex
	err    error
}

func (s *source) open(ctx context.Context) (io.ReadCloser, int64, error) {
	c, err := s.w.o.Objects.Open(ctx, s.object)
	if err != nil {
		return nil, 0, err
	}
	return &watched{ReadCloser: c.ReadCloser, ctx: ctx, s: s}, c.Size, nil
}

func (s *source) failed() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// watched is a reader whose failure its source remembers, and whose bytes are measured when it is closed.
type watched struct {
	io.ReadCloser
	ctx  context.Context
	s    *source
	read atomic.Int64 // bytes
}

func (r *watched) Close() error {
	r.s.w.telemetry.received(r.ctx, r.read.Swap(0))
	return r.ReadCloser.Close()
}

func (r *watched) Read(p []byte) (int, error) {
	n, err := r.ReadCloser.Read(p)
	r.read.Add(int64(n))
	if err != nil && errors.Is(err, document.ErrStorageUnavailable) {
		r.s.mu.Lock()
		r.s.err = err
		r.s.mu.Unlock()
	}
	return n, err
}
