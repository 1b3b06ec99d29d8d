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
	"github.com/bucketocr/bucketocr/internal/wait"
	"github.com/bucketocr/bucketocr/ocr"
)

// readPages makes and reads the pages that no attempt has finished yet, and keeps the lease renewed meanwhile. It
// returns nil, or why it ended early; finished pages are kept either way.
func (d *delivery) readPages(ctx context.Context) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	// An instance learns the store's time from the answer to its first claim; that claim's lease was set by its own
	// clock.
	skewed := d.w.clock.now().Add(document.LeaseTime).Sub(d.record().Lease.Expires).Abs() > maxSkew
	go d.keepLease(ctx, skewed, stop)
	err := guard(func() error { return d.readAll(ctx, stop) })
	if _, service := errors.AsType[*controlError](err); err != nil && ctx.Err() != nil && !service {
		return context.Cause(ctx)
	}
	return err
}

// readAll splits the object and makes and reads its unfinished pages: first together, OCRConcurrency at a time, then
// each page that failed on its own. If another object with the same bytes was read, its pages are copied instead. stop
// ends the work at once; it is only for a lost lease, since pages in flight are paid for.
func (d *delivery) readAll(ctx context.Context, stop context.CancelCauseFunc) error {
	copied := d.findCopy(ctx) // before the replaced generation's pages are cleared
	if d.resumes {
		if err := d.resume(ctx); err != nil {
			return err
		}
	}
	if f, exhausted := d.w.o.Rules.Exhausted(d.record()); exhausted {
		return &exhaustedError{f}
	}
	if copied != nil {
		d.takeCopy(ctx, copied)
		return nil
	}
	// A document that is read again may have more pages than before.
	if err := d.confirmStrikes(ctx); err != nil || d.before == nil && d.complete() {
		return err
	}
	src := &source{w: d.w, object: d.ev.Object}
	pages, err := d.split(ctx, src)
	if err != nil {
		return err
	}
	defer pages.Close()
	work := &work{d: d, pages: pages, src: src}
	d.expect(pages.Total())
	if err := d.confirmStrikes(ctx); err != nil { // for pages that were unknown before the split
		return err
	}
	work.numbers, work.suspects = d.unfinished()
	for len(work.numbers) > 0 {
		if err := work.readTogether(ctx, stop); err != nil {
			return err
		}
		if d.w.pace.silent() {
			if err := d.w.sendControl(ctx); err != nil {
				return err
			}
		}
	}
	return work.readSuspects(ctx)
}

// split finds the pages of the object. If that fails in a way that may not be the object's fault, a second run decides.
func (d *delivery) split(ctx context.Context, src *source) (_ *page.Pages, err error) {
	limits := d.w.o.Limits
	limits.Edge = d.w.o.OCR.Profile().Edge
	limits.Budget = d.slot
	ctx, end := d.w.telemetry.startPart(ctx, "open")
	defer func() { end(codeOf(ctx, err)) }()
	for run := 1; ; run++ {
		var pages *page.Pages
		err = guard(func() (err error) {
			pages, err = page.Split(ctx, page.Source{Open: src.open}, limits)
			return err
		})
		if f := faultOf(ctx, err); err == nil || f.Class != document.ClassSuspect {
			return pages, err
		} else if run == 2 {
			return nil, err
		}
	}
}

// work holds an object's pages while they are read.
type work struct {
	d     *delivery
	pages *page.Pages
	src   *source

	mu       sync.Mutex
	numbers  []int // pages to read together
	suspects []int // pages to read alone
	refused  []int // sent as stored, and the service cannot read them: they are decoded here
	ended    error // the first error that is not a page's own
}

// readTogether reads pages until none is left, the service falls silent, or an error is not a page's own.
func (w *work) readTogether(ctx context.Context, stop context.CancelCauseFunc) error {
	var readers sync.WaitGroup
	for range min(w.d.concurrency(), len(w.numbers)) {
		readers.Go(func() {
			err := guard(func() error {
				for n := w.next(); n > 0; n = w.next() {
					if err := w.readPage(ctx, n); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				w.stop(err)
			}
			if errors.Is(err, errLeaseLost) {
				stop(err)
			}
		})
	}
	readers.Wait()
	return w.ended
}

// next returns the next page number; 0 if there is none, or none may be begun.
func (w *work) next() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ended != nil || len(w.numbers) == 0 {
		return 0
	}
	if w.ended = w.d.mayBegin(); w.ended != nil || w.d.w.pace.silent() {
		return 0
	}
	n := w.numbers[0]
	w.numbers = w.numbers[1:]
	return n
}

// mayBegin returns nil, or why this delivery may begin no further page.
func (d *delivery) mayBegin() error {
	switch {
	case d.w.draining():
		return errDraining
	case d.w.admission.wanted() && !d.alone:
		return errYielded
	}
	return nil
}

func (w *work) stop(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ended = cmp.Or(w.ended, err)
}

// suspect sets a page aside until the others are read, so that a bad page does not delay them.
func (w *work) suspect(n int, f document.Fault) {
	w.d.suspect(n, f)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.suspects = append(w.suspects, n)
}

// readPage makes page n, reads it together with others, and finishes it or sets it aside. An error stops the object.
func (w *work) readPage(ctx context.Context, n int) error {
	pg, err := w.guarded(func() (document.Page, error) { return w.extract(ctx, n, w.d.sendTogether) })
	if f := faultOf(ctx, err); err != nil && f.Class == document.ClassSuspect && ctx.Err() == nil {
		w.suspect(n, f)
		return nil
	}
	return w.finish(ctx, n, pg, err)
}

// guarded turns a panic while reading a page into an error.
func (w *work) guarded(read func() (document.Page, error)) (pg document.Page, err error) {
	err = guard(func() (err error) {
		pg, err = read()
		return err
	})
	return pg, err
}

// finish stores a page that was read, or that failed for good. Any other error is returned and stops the object.
func (w *work) finish(ctx context.Context, n int, pg document.Page, err error) error {
	f := faultOf(ctx, err)
	switch {
	case err == nil:
	case f.Class != document.ClassFinal || ofObject(err) || ctx.Err() != nil:
		return &pageError{page: n, err: err}
	default:
		pg = *failedPage(w.d.ev.Generation, n, f)
	}
	return w.d.finish(ctx, pg)
}

// readSuspects reads each suspect page alone, those with the fewest strikes first. A page that fails alone as well gets
// a strike if the control page is read, and its last permitted strike fails it. The error says why pages are left.
func (w *work) readSuspects(ctx context.Context) error {
	d := w.d
	slices.SortStableFunc(w.suspects, func(a, b int) int {
		return cmp.Or(cmp.Compare(d.strikes[a].Count, d.strikes[b].Count), cmp.Compare(a, b))
	})
	var left error
	for _, n := range w.suspects {
		if d.struck[n] { // at most one strike per delivery
			left = cmp.Or(left, error(&pageError{page: n, err: &struckError{d.strikes[n]}}))
			continue
		}
		if err := d.mayBegin(); err != nil {
			return err
		}
		pg, err := w.guarded(func() (document.Page, error) { return w.readAlone(ctx, n) })
		if f := faultOf(ctx, err); err != nil && f.Class == document.ClassSuspect && ctx.Err() == nil {
			if d.charge(n, f) {
				left = cmp.Or(left, error(&pageError{page: n, err: err}))
				continue
			}
			pg, err = *failedPage(d.ev.Generation, n, f), nil
		}
		if err := w.finish(ctx, n, pg, err); err != nil {
			return err
		}
	}
	return left
}

// readAlone makes page n and reads it while nothing else of this instance, and no suspect of another, is at the OCR
// service. Unless the service has answered a moment ago, the control page is sent first. After a failure that the page
// may have caused, the control page is sent again, so a returned error of suspect class has no other explanation than
// the page.
func (w *work) readAlone(ctx context.Context, n int) (document.Page, error) {
	d := w.d
	return w.extract(ctx, n, func(ctx context.Context, img ocr.Image, timing *pageTiming) (ocr.Result, error) {
		waiting := time.Now()
		begin, begun := d.w.untilDrain(ctx)
		defer begun()
		end, err := d.takeTurn(ctx)
		if err != nil {
			return ocr.Result{}, err
		}
		defer end()
		give, err := d.w.pace.take(begin, true)
		timing.waited += time.Since(waiting)
		if err != nil {
			return ocr.Result{}, err
		}
		defer give()
		if !d.w.pace.answering() {
			if err := d.w.control(ctx, 0); err != nil {
				return ocr.Result{}, err
			}
		}
		if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < min(d.w.trial(), d.w.o.ProcessTimeout/2) {
			return ocr.Result{}, errLate
		}
		res, err := d.w.send(ctx, img, timing)
		f := faultOf(ctx, err)
		if f.Class != document.ClassSuspect || ctx.Err() != nil {
			return res, err
		}
		d.leave(n, f) // until it is known whether the control page is read
		unread := d.w.controlAfter(ctx, err, img.Size)
		switch {
		case unread == nil:
			return res, err
		case ctx.Err() == nil && !d.w.draining(): // otherwise it is not known yet
			d.suspect(n, f)
		}
		return res, unread
	})
}

// sendTogether sends a page alongside others, at the service's pace. A page that the service refuses at once is sent
// again after a pause, during which its place is free for others.
func (d *delivery) sendTogether(ctx context.Context, img ocr.Image, timing *pageTiming) (ocr.Result, error) {
	begin, begun := d.w.untilDrain(ctx)
	defer begun()
	for n := 1; ; n++ {
		waiting := time.Now()
		give, err := d.w.pace.take(begin, false)
		waited := time.Since(waiting)
		timing.waited += waited
		if err != nil {
			return ocr.Result{}, err
		}
		res, err := d.sendWhilePlaced(ctx, img, timing, waited, give)
		pause, again := d.w.pause(err, n)
		if !again || n == MaxSends || wait.Sleep(begin, pause) != nil {
			return res, err
		}
	}
}

// sendWhilePlaced sends a page and gives the place back in any case. The delivery's first page is not sent if the wait
// for the place has left too little time.
func (d *delivery) sendWhilePlaced(ctx context.Context, img ocr.Image, timing *pageTiming, waited time.Duration,
	give func()) (ocr.Result, error) {
	defer give()
	if end, ok := ctx.Deadline(); ok && waited > time.Second && time.Until(end) < d.w.o.ProcessTimeout/4 &&
		!d.sent.Load() {
		return ocr.Result{}, errLate
	}
	d.sent.Store(true)
	return d.w.send(ctx, img, timing)
}

// extract makes page n and passes it to read, unless it is blank or its text can be taken from the file.
func (w *work) extract(ctx context.Context, n int,
	read func(context.Context, ocr.Image, *pageTiming) (ocr.Result, error)) (rec document.Page, err error) {
	d, t := w.d, w.d.w.telemetry
	ctx, span := t.tracer.Start(ctx, "page", trace.WithAttributes(attribute.Int("bucketocr.page", n)))
	var timing pageTiming
	rec = document.Page{Page: n, Generation: d.ev.Generation, Source: document.SourceOCR}
	defer func() { t.pageRead(ctx, span, timing, rec.Blank, codeOf(ctx, err)) }()
	if err := d.announcePage(ctx, n); err != nil {
		return rec, err
	}

	if taken, err := w.takeText(ctx, &rec, &timing); taken || err != nil {
		return rec, err
	}
	try := func(makePage func(context.Context, int) (*page.Page, time.Duration, error)) (*page.Page, error) {
		pg, err := w.make(ctx, &rec, &timing, makePage)
		if err != nil || pg.Blank {
			return pg, err
		}
		v := &view{w: w, page: n, timing: &timing}
		res, err := read(ctx, v.image(pg), &timing)
		if broken := w.src.failed(); broken != nil {
			return nil, broken // an answer for wrong bytes is discarded although it was paid for
		}
		if err == nil {
			fill(&rec, res, v.turned[res.Turned])
		}
		return pg, err
	}
	if !w.isRefused(n) {
		pg, err := try(w.pages.Page)
		if pg == nil || !pg.Passed || !unreadable(ctx, err) {
			return rec, err
		}
		w.refuse(n)
	}
	_, err = try(w.pages.Decoded) // images that the service cannot read, or only in part, may be readable here
	return rec, err
}

// takeText takes a page's text from the file if that is configured and the text can be relied on, and reports whether
// it did. It needs no place at the OCR service, since nothing is sent.
func (w *work) takeText(ctx context.Context, rec *document.Page, timing *pageTiming) (bool, error) {
	if !w.d.w.o.PDFText {
		return false, nil
	}
	begun := time.Now()
	text, waited, err := w.pages.Text(ctx, rec.Page)
	timing.waited += waited
	timing.made += time.Since(begun) - waited
	how := "text of the file"
	switch broken := w.src.failed(); {
	case broken != nil:
		return false, broken
	case err != nil:
		return false, err
	case text.Doubt != "":
		how = "no text of the file: " + text.Doubt
	}
	w.d.w.o.Log.LogAttrs(ctx, slog.LevelDebug, TextLookedAt, slog.String("bucket", w.d.ev.Bucket),
		slog.String("name", w.d.ev.Name),
		slog.Int("page", rec.Page), slog.String("how", how))
	if text.Doubt != "" {
		return false, nil
	}
	rec.Source, rec.Text = document.SourcePDFText, document.Clip(text.Markdown, document.MaxTextBytes)
	if len(rec.Text) < len(text.Markdown) {
		rec.Warnings = []string{document.WarnTruncated}
	}
	return true, nil
}

// TextLookedAt is the message of the DEBUG line about a page's text in the file. Its attributes are bucket, name, page
// and how: that the text was taken, or why not.
const TextLookedAt = "page text looked at"

func (w *work) refuse(n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.refused = append(w.refused, n)
}

func (w *work) isRefused(n int) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Contains(w.refused, n)
}

// make renders the page that rec describes into an image.
func (w *work) make(ctx context.Context, rec *document.Page, timing *pageTiming,
	makePage func(context.Context, int) (*page.Page, time.Duration, error)) (*page.Page, error) {
	pg, err := w.measured(ctx, rec.Page, timing, makePage)
	if err != nil {
		return nil, err
	}
	timing.width, timing.height, timing.bytes = pg.Width, pg.Height, pg.Size
	w.d.w.o.Log.LogAttrs(ctx, slog.LevelDebug, PageMade, slog.String("bucket", w.d.ev.Bucket),
		slog.String("name", w.d.ev.Name),
		slog.Int("page", rec.Page), slog.String("how", pg.How))
	rec.Width, rec.Height, rec.Blank, rec.Warnings = pg.Width, pg.Height, pg.Blank, slices.Clone(pg.Warnings)
	return pg, nil
}

// measured makes page n and measures how long that takes.
func (w *work) measured(ctx context.Context, n int, timing *pageTiming,
	makePage func(context.Context, int) (*page.Page, time.Duration, error)) (*page.Page, error) {
	begun := time.Now()
	pg, waited, err := makePage(ctx, n)
	timing.waited += waited
	timing.made += time.Since(begun) - waited
	if broken := w.src.failed(); broken != nil {
		return nil, broken
	}
	if err != nil {
		return nil, err
	}
	return pg, nil
}

// PageMade is the message of the DEBUG line about a page that was made, before it is sent. Its attributes are bucket,
// name, page and how: what was done, in a few words.
const PageMade = "page made"

// fill copies the OCR service's answer into p, as text that a store accepts. If a turned page was read, its size and
// other properties are copied as well.
func fill(p *document.Page, res ocr.Result, turned *page.Page) {
	if turned != nil {
		p.Turned, p.Width, p.Height = res.Turned, turned.Width, turned.Height
		p.Warnings = append(p.Warnings, turned.Warnings...)
	}
	text := strings.ToValidUTF8(res.Text, "\uFFFD")
	p.Text = document.Clip(text, document.MaxTextBytes)
	p.Blank = res.Blank
	p.Warnings = append(p.Warnings, res.Warnings...)
	if len(p.Text) < len(text) {
		p.Warnings = append(p.Warnings, document.WarnTruncated)
	}
	slices.Sort(p.Warnings)
	p.Warnings = slices.Compact(p.Warnings)
	p.Model = document.Clip(res.Model, maxModel)
	p.Usage = document.Usage{PromptTokens: res.Usage.PromptTokens, CompletionTokens: res.Usage.CompletionTokens}
	p.Blocks = fitting(res.Blocks, maxPageBytes-len(p.Text))
}

// Sizes of a page document, in bytes. Firestore's limit is 1,048,576 for all of it.
const (
	maxPageBytes = 1_000_000 // text and blocks together
	blockBytes   = 128       // of a block apart from its label and text; an upper bound
	maxModel     = 256       // of a model's name, which the server chooses freely
)

// fitting returns as many blocks, from the first, as fit into room bytes.
func fitting(blocks []ocr.Block, room int) []document.Block {
	var fit []document.Block
	for _, b := range blocks {
		text := strings.ToValidUTF8(b.Text, "\uFFFD")
		if room -= len(text) + len(b.Label) + blockBytes; room < 0 {
			break
		}
		fit = append(fit, document.Block{Label: b.Label, Continued: b.Continued, Box: b.Box, Text: text})
	}
	return fit
}

// source opens the object for package page, any number of times, and remembers whether its bytes turned out to be
// wrong.
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

// watched is a reader that reports failures to its source, and its byte count to telemetry when it is closed.
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
	wrong := errors.Is(err, document.ErrStorageUnavailable) || errors.Is(err, document.ErrObjectCorrupt)
	if wrong && r.ctx.Value(viewing{}) == nil {
		r.s.mu.Lock()
		r.s.err = err
		r.s.mu.Unlock()
	}
	return n, err
}
