package worker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/wait"
)

// delivery is a claimed record and the work on it.
type delivery struct {
	w     *Worker
	ev    document.Event
	id    string
	lease string
	slot  *slot
	// a record existed before the claim: pages of an earlier attempt or generation may be stored
	resumes  bool
	replaced *document.Record // the record that the claim replaced with this generation's; nil if none
	tookOver bool             // the claim found a lease that its holder let expire
	alone    bool             // it has the instance to itself
	sent     atomic.Bool      // a page was sent to the OCR service

	commits channelLock      // held during a commit, so that a delivery never races itself
	stored  *document.Stored // the record after the last commit; guarded by commits

	mu      sync.Mutex // never held while waiting: reading goes on while a commit hangs
	pages   pageSet
	strikes document.Strikes // never changed in place: every state has its own map
	struck  map[int]bool     // pages that got a strike in this delivery

	before map[int]document.Page // current pages of a document that is read again; nil otherwise
}

// newDelivery returns a delivery whose record is not claimed yet.
func newDelivery(w *Worker, ev document.Event, slot *slot) *delivery {
	return &delivery{
		w: w, ev: ev, id: ev.Object.ID(), lease: w.o.NewID(), slot: slot, commits: make(channelLock, 1),
		struck: map[int]bool{},
		pages: pageSet{most: w.mostPages(), finished: map[int]document.Page{}, saved: map[int]bool{},
			reader: w.reader()},
	}
}

// mostPages returns how many pages of a longer object are made; 0 if such an object is refused.
func (w *Worker) mostPages() int {
	if !w.o.Limits.First {
		return 0
	}
	return w.o.Limits.MaxPages
}

// channelLock is a lock that may be held during calls. It is a channel because fake time in tests does not pass while a
// goroutine waits for a mutex.
type channelLock chan struct{}

func (l channelLock) lock()   { l <- struct{}{} }
func (l channelLock) unlock() { <-l }

// record returns the record after the last commit.
func (d *delivery) record() *document.Record {
	d.commits.lock()
	defer d.commits.unlock()
	return d.stored.Record
}

// concurrency returns how many pages may be made and read at a time.
func (d *delivery) concurrency() int {
	if d.alone {
		return 1
	}
	return d.w.o.OCRConcurrency
}

// pageSet is the progress of a record's pages.
type pageSet struct {
	total    int                   // 0 until known
	most     int                   // how many of them may be made, see made; 0: all
	finished map[int]document.Page // read or failed, including by earlier attempts
	saved    map[int]bool          // those that are stored in a page document
	moved    bool                  // a page was read in this attempt
	model    string                // the model that read the latest one
	reader   document.Reader       // of all finished pages, apart from its model; zero if they were not read alike
	copied   string                // id of the document that pages were copied from; empty if none
	strikes  document.Strikes      // of the unfinished pages
	loaded   bool                  // the pages of earlier attempts were loaded
}

// made returns how many pages, from the first, are made: all or, if there are more than most, most plus the pages
// directly after them that are finished, because an earlier setting permitted more.
func (s pageSet) made() int {
	if s.most == 0 || s.total <= s.most {
		return s.total
	}
	n := s.most
	for n < s.total {
		if _, ok := s.finished[n+1]; !ok {
			break
		}
		n++
	}
	return n
}

// complete reports whether every page to be made is finished.
func (s pageSet) complete() bool { return s.total > 0 && len(s.left()) == 0 }

// left returns the numbers of the pages to be made that are not finished.
func (s pageSet) left() []int {
	var left []int
	for n := 1; n <= s.made(); n++ {
		if _, ok := s.finished[n]; !ok {
			left = append(left, n)
		}
	}
	return left
}

// unsaved returns the finished pages that are not stored, in order. For an object of one page it returns none: the
// closing write stores that page.
func (s pageSet) unsaved() []document.Page {
	var pages []document.Page
	for n := 1; n <= s.total && s.total > 1; n++ {
		if pg, ok := s.finished[n]; ok && !s.saved[n] {
			pages = append(pages, pg)
		}
	}
	return pages
}

// pageCounts is the progress of a record's pages without the pages: a commit of progress needs no copy of those that
// are stored, of which a long object has thousands.
type pageCounts struct {
	state  document.Reading // but for Done
	known  bool             // else the record says what is known
	done   int
	reread int   // of a document that is read again
	beyond []int // stored pages that the object does not have
}

// counts counts the pages.
func (s pageSet) counts() pageCounts {
	c := pageCounts{known: s.loaded, state: document.Reading{
		Total: s.total, Model: s.model, Mode: s.reader.Mode, Profile: s.reader.Profile, CopiedFrom: s.copied,
		Strikes: s.strikes}}
	for n, pg := range s.finished {
		if n <= s.total {
			c.done++
		}
		if pg.Generation < 0 {
			c.reread++
		}
	}
	if s.total > 0 {
		c.beyond = s.beyond(s.total)
	}
	return c
}

// reading returns the progress that a commit stores: the old one, as long as the number of pages is not known.
func (c pageCounts) reading(old *document.Record) document.Reading {
	if !c.known {
		return document.ReadingOf(old)
	}
	p := c.state
	if p.Done = c.done; old.Status == document.StatusDone {
		p.Done = c.reread
	}
	return p
}

// keepLease renews the lease until ctx ends, first now or after an interval, and stops the work if the lease is lost or
// a renewal panics. A store that does not answer is not a reason to stop: the next renewal may succeed, and a commit
// after the lease was lost is refused in any case.
func (d *delivery) keepLease(ctx context.Context, now bool, stop context.CancelCauseFunc) {
	renewal := time.NewTicker(document.RenewEvery)
	defer renewal.Stop()
	for renew := now; ; renew = false {
		if !renew {
			select {
			case <-ctx.Done():
				return
			case <-renewal.C:
			}
		}
		err := guard(func() error {
			ctx, cancel := context.WithTimeout(ctx, document.RenewEvery)
			defer cancel()
			d.commits.lock()
			defer d.commits.unlock()
			return d.commit(ctx, func(old *document.Record) *document.Change {
				return document.Renew(old, d.w.clock.now())
			})
		})
		if _, bug := errors.AsType[*panicError](err); bug || errors.Is(err, errLeaseLost) {
			stop(err)
		}
	}
}

// resume makes sure that the stored pages are this generation's, and loads the pages that earlier attempts finished and
// the strikes of the others.
func (d *delivery) resume(ctx context.Context) (err error) {
	ctx, end := d.w.telemetry.startPart(ctx, "resume")
	defer func() { end(codeOf(ctx, err)) }()
	before := d.record()
	d.mu.Lock()
	d.strikes = before.Strikes
	d.mu.Unlock()
	if before.Status == document.StatusDone {
		err = d.resumeRereading(ctx, before)
	} else {
		err = d.resumeReading(ctx, before)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.pages.loaded = err == nil
	return err
}

func (d *delivery) resumeReading(ctx context.Context, before *document.Record) error {
	if err := d.w.o.Records.ClearPages(ctx, d.id, d.ev.Generation); err != nil {
		return err
	}
	d.mu.Lock()
	d.pages.total, d.pages.model, d.pages.copied = before.Pages, before.Model, before.CopiedFrom
	d.mu.Unlock()
	if before.PagesDone == 0 {
		return nil
	}
	d.continues(before)
	pages, err := d.w.o.Records.Pages(ctx, d.id, d.ev.Generation)
	if err != nil {
		return err
	}
	d.takeOver(pages)
	return nil
}

// takeOver marks stored pages as finished.
func (d *delivery) takeOver(pages []document.Page) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, pg := range pages {
		d.pages.finished[pg.Page], d.pages.saved[pg.Page] = pg, true
	}
}

// continues notes that pages come from an earlier attempt or reading, and so may have been read in another way than the
// others will be.
func (d *delivery) continues(before *document.Record) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if r := d.pages.reader; before.Mode != r.Mode || before.Profile != r.Profile {
		d.pages.reader = document.Reader{}
	}
}

// complete reports whether every page is finished.
func (d *delivery) complete() bool { return d.snapshot().complete() }

// confirmStrikes decides on pages that failed alone in earlier attempts, before a control page could be read: they get
// their strike once a control page is read. Pages that have all their strikes fail. Pages that are not to be made,
// because the object has fewer pages or a setting permits fewer, are left as they are.
func (d *delivery) confirmStrikes(ctx context.Context) error {
	var open, spent []int
	now := d.snapshot()
	made := now.made()
	for n, s := range now.strikes {
		switch {
		case n == 0, n > made:
		case s.Count >= d.w.o.Rules.MaxAttempts:
			spent = append(spent, n)
		case s.Open:
			open = append(open, n)
		}
	}
	if len(open) > 0 {
		give, err := d.w.pace.take(ctx, false)
		if err != nil {
			return err
		}
		defer give()
		if err := d.w.control(ctx, 0); err != nil {
			return err
		}
	}
	slices.Sort(open)
	for _, n := range open {
		if !d.charge(n, d.strikeFault(n)) {
			spent = append(spent, n)
		}
	}
	slices.Sort(spent)
	for _, n := range spent {
		if err := d.finish(ctx, *failedPage(d.ev.Generation, n, d.strikeFault(n))); err != nil {
			return err
		}
	}
	return nil
}

// strikeFault returns what a page is suspected of, as a fault.
func (d *delivery) strikeFault(n int) document.Fault {
	code := d.snapshot().strikes[n].Code
	return document.Fault{Code: code, Class: document.ClassSuspect, Message: document.Code(code).Summary}
}

// suspect notes that a page failed among others; leave notes that it failed alone and the control page after it has not
// been read yet.
func (d *delivery) suspect(n int, f document.Fault) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.strikes = d.strikes.Suspect(n, f.Code)
}

func (d *delivery) leave(n int, f document.Fault) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.strikes = d.strikes.Leave(n, f.Code)
}

// charge gives a page, or as page 0 the object, a strike, and reports whether it may have more.
func (d *delivery) charge(n int, f document.Fault) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.strikes = d.strikes.Charge(n, f.Code)
	d.struck[n] = true
	return d.strikes[n].Count < d.w.o.Rules.MaxAttempts
}

// expect sets the number of pages.
func (d *delivery) expect(total int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.pages.total = total
}

// unfinished returns the unfinished pages: suspects, which failed at the OCR service or in a decoder, and the other
// numbers. Pages that killed a process are last among those, because the next death may use up their last strike.
func (d *delivery) unfinished() (numbers, suspects []int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	var deadly []int
	for _, n := range d.pages.left() {
		switch s, trouble := d.strikes[n]; {
		case !trouble:
			numbers = append(numbers, n)
		case s.Code == document.CodeInterrupted:
			deadly = append(deadly, n)
		default:
			suspects = append(suspects, n)
		}
	}
	return append(numbers, deadly...), suspects
}

// announcePage stores which page is made next if the delivery is alone: if the process dies, that page was the cause.
func (d *delivery) announcePage(ctx context.Context, n int) error {
	if !d.alone {
		return nil
	}
	d.commits.lock()
	defer d.commits.unlock()
	now, _ := d.progressed()
	return d.commit(ctx, func(old *document.Record) *document.Change {
		p := now.reading(old)
		p.Page = n
		return d.progress(old, now, p, nil)
	})
}

// finish marks a page as finished and, if the object has several, commits it at once, together with others finished by
// then. Once work has ended, the closing write stores the page.
func (d *delivery) finish(ctx context.Context, pg document.Page) error {
	if d.before != nil {
		pg.Generation = -pg.Generation
	}
	d.mu.Lock()
	d.pages.finished[pg.Page] = pg
	d.pages.moved = d.pages.moved || pg.Error == nil
	d.pages.model = cmp.Or(pg.Model, d.pages.model)
	d.strikes = d.strikes.Clear(pg.Page)
	d.mu.Unlock()

	d.commits.lock()
	defer d.commits.unlock()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	now, unsaved := d.progressed()
	return d.save(ctx, now, document.Batches(unsaved))
}

// save commits finished pages, batch by batch. The caller holds commits.
func (d *delivery) save(ctx context.Context, now pageCounts, batches [][]document.Page) error {
	for _, batch := range batches {
		if err := d.commit(ctx, func(old *document.Record) *document.Change {
			return d.progress(old, now, now.reading(old), batch)
		}); err != nil {
			return err
		}
		d.mu.Lock()
		for _, pg := range batch {
			d.pages.saved[pg.Page] = true
		}
		d.mu.Unlock()
	}
	return nil
}

// progress returns a commit of the pages' progress. As soon as the number of pages is known, every commit also drops
// the page documents beyond it, which only an attempt that found more pages leaves. Stored pages that are not to be
// made stay until the end: the next attempt may have another setting.
func (d *delivery) progress(old *document.Record, now pageCounts, p document.Reading,
	pages []document.Page) *document.Change {
	c := d.w.o.Rules.Progress(old, p, pages, d.w.clock.now())
	if d.before == nil {
		c.Drop = now.beyond
	}
	return c
}

// saveAllButLast commits finished pages until one commit can hold the rest, and returns the rest.
func (d *delivery) saveAllButLast(ctx context.Context, pages pageSet) ([]document.Page, error) {
	batches := document.Batches(pages.unsaved())
	if len(batches) == 0 {
		return nil, nil
	}
	last := len(batches) - 1
	return batches[last], d.save(ctx, pages.counts(), batches[:last])
}

// progressed returns the progress of the pages, and those that are finished and not stored.
func (d *delivery) progressed() (pageCounts, []document.Page) {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := d.pages
	s.strikes = d.strikes
	return s.counts(), s.unsaved()
}

// snapshot returns a copy of the pages' progress.
func (d *delivery) snapshot() pageSet {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := d.pages
	s.finished, s.saved, s.strikes = maps.Clone(s.finished), maps.Clone(s.saved), d.strikes
	return s
}

// commit changes the record if it is still this delivery's. It may be repeated. The caller holds commits.
func (d *delivery) commit(ctx context.Context, f func(old *document.Record) *document.Change) error {
	stored, err := document.Update(ctx, d.w.o.Records, d.id, document.Seen(d.stored),
		func(old *document.Record) (*document.Change, error) {
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

// settle makes the last write of a delivery: it completes, fails or releases the record, only under its own lease, and
// retries until the delivery's time is over. The status is part of that write. err is why reading ended early, if it
// did; an object whose pages are all finished is complete whatever else happened meanwhile.
func (d *delivery) settle(work context.Context, err error) (res Result) {
	ctx, cancel := d.w.closeTime(work)
	defer cancel()
	d.commits.lock()
	defer d.commits.unlock()
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
	}
	if ended, ok := errors.AsType[*exhaustedError](err); ok {
		return d.conclude(ctx, pages, ended.fault, res)
	}
	f := faultOf(ctx, err)
	// only the object explains it
	if _, ofPage := errors.AsType[*pageError](err); f.Class == document.ClassSuspect && !ofPage {
		more := d.charge(0, f)
		if pages = d.snapshot(); !more {
			f.Class = document.ClassFinal
			return d.conclude(ctx, pages, f, res)
		}
	}
	if f.Class != document.ClassFinal && d.w.o.Rules.Last(d.stored.Record, f, d.w.clock.now()) {
		return d.conclude(ctx, pages, f, res)
	}
	if f.Code == document.CodeDeadline && pages.moved {
		f = document.Fault{} // the next delivery continues
	}
	res.Fault = f
	return d.release(ctx, pages, res)
}

// conclude ends the record with its finished pages: the others fail with the fault or, once the window is over, with
// what they are suspected of. A rereading that stops before all pages were tried has failed, and the document stays as
// it was.
func (d *delivery) conclude(ctx context.Context, pages pageSet, f document.Fault, res Result) Result {
	for _, n := range pages.left() {
		own := f
		s, suspected := pages.strikes[n]
		if suspected && f.Class != document.ClassFinal {
			own = document.Fault{Code: s.Code, Class: document.ClassFinal, Message: document.Code(s.Code).Summary}
		}
		if d.before != nil && !suspected {
			f.Class, res.Fault = document.ClassFinal, f
			return d.release(ctx, pages, res)
		}
		pages.finished[n] = *failedPage(d.pageGeneration(), n, own)
	}
	if pages.total == 0 {
		res.Fault = f
		return d.release(ctx, pages, res)
	}
	return d.publish(ctx, pages, res)
}

// publish ends the record with its text, or fails it if every page failed.
func (d *delivery) publish(ctx context.Context, pages pageSet, res Result) Result {
	if f, all := pages.allFailed(d.pageGeneration()); all {
		res.Fault = f
		return d.release(ctx, pages, res)
	}
	if d.before != nil {
		return d.publishRereading(ctx, pages, res)
	}
	unsaved, err := d.saveAllButLast(ctx, pages)
	if err != nil {
		res.Fault = faultOf(ctx, err)
		return d.release(ctx, pages, res)
	}
	contents := d.sum(pages)
	contents.Unsaved = unsaved
	contents.Drop = pages.beyond(pages.made())
	if only := pages.finished[1]; pages.total == 1 && only.SaysMore() { // the record has its text, but not its blocks
		contents.Unsaved = []document.Page{only}
	}
	return d.finishWith(ctx, pages, contents, res)
}

// finishWith ends the record with its text, or fails it if the store rejects that.
func (d *delivery) finishWith(ctx context.Context, pages pageSet, contents document.Contents, res Result) Result {
	done := d.closingWrite(ctx, res, func(old *document.Record) *document.Change {
		return document.Complete(old, contents)
	})
	if done.Fault.Code == document.CodeStoreRejected {
		res.Fault = done.Fault
		return d.release(ctx, pages, res)
	}
	return d.tidyRereading(ctx, done)
}

// sum returns the text of the pages, and how they were read, for the closing write.
func (d *delivery) sum(pages pageSet) document.Contents {
	c := document.Sum(pages.finished, pages.made(), pages.total, pages.model)
	by := pages.reader
	alike := by == d.w.reader() // the profile changes once the service turns out to have another model
	copies := 0
	for n := 1; n <= c.Read; n++ {
		pg := pages.finished[n]
		by.Model = cmp.Or(by.Model, pg.Model)
		alike = alike && (pg.Model == "" || pg.Model == by.Model) && (pg.Source != document.SourcePDFText || by.PDFText)
		if pg.Source == document.SourceCopy {
			copies++
			c.Copied = pages.copied
		}
	}
	if alike && (copies == 0 || copies == c.Read && len(pages.saved) == 0) {
		c.Reader = by
	}
	return c
}

// allFailed returns the first page's fault if every page of a generation has one.
func (s pageSet) allFailed(generation int64) (document.Fault, bool) {
	var first *document.Error
	for n := 1; n <= s.made(); n++ {
		switch pg := s.finished[n]; {
		case pg.Generation != generation:
		case pg.Error == nil:
			return document.Fault{}, false
		case first == nil:
			first = pg.Error
		}
	}
	if first == nil {
		return document.Fault{}, false
	}
	return document.Fault{Code: first.Code, Class: document.ClassFinal, Message: first.Message}, true
}

// beyond returns the numbers of stored pages after the last one: an earlier version of the function found more pages,
// or another setting permitted more.
func (s pageSet) beyond(last int) []int {
	var numbers []int
	for n := range s.saved {
		if n > last {
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	return numbers
}

// release releases the record after a fault, or fails it. Finished pages are kept.
func (d *delivery) release(ctx context.Context, pages pageSet, res Result) Result {
	var unsaved []document.Page
	if res.Fault.Code != document.CodeStoreRejected { // otherwise one of them may be what the store rejects
		unsaved, _ = d.saveAllButLast(ctx, pages)
	}
	res = d.closingWrite(ctx, res, func(old *document.Record) *document.Change {
		c := d.w.o.Rules.Release(old, res.Fault, pages.counts().reading(old), d.w.clock.now())
		if c.Pages = unsaved; d.before == nil && pages.total > 0 {
			c.Drop = pages.beyond(pages.total)
		}
		return c
	})
	return d.tidyRereading(ctx, res)
}

// pageError is an error at one page.
type pageError struct {
	page int
	err  error
}

func (e *pageError) Error() string { return fmt.Sprintf("page %d: %v", e.page, e.err) }
func (e *pageError) Unwrap() error { return e.err }

// exhaustedError means that nothing more of the object may be made.
type exhaustedError struct{ fault document.Fault }

func (e *exhaustedError) Error() string { return e.fault.Message }

// struckError means that a page already got its strike in this delivery.
type struckError struct{ strike document.Strike }

func (e *struckError) Error() string { return document.Code(e.strike.Code).Summary }

// failedPage returns a page that failed with f.
func failedPage(generation int64, n int, f document.Fault) *document.Page {
	return &document.Page{Page: n, Generation: generation, Error: f.StoredError(),
		Warnings: []string{document.WarnPageFailed}}
}

// closePause is the wait before a closing write is tried again.
const closePause = time.Second

// commitPatiently is commit, repeated while the store is unavailable and there is time.
func (d *delivery) commitPatiently(ctx context.Context, f func(old *document.Record) *document.Change) error {
	err := d.commit(ctx, f)
	for errors.Is(err, document.ErrStoreUnavailable) && wait.Sleep(ctx, closePause) == nil {
		err = d.commit(ctx, f)
	}
	return err
}

// closingWrite makes a closing write, retries it while the store is unavailable and there is time, and returns the
// result with the record as stored.
func (d *delivery) closingWrite(ctx context.Context, res Result, f func(old *document.Record) *document.Change) Result {
	ctx, end := d.w.telemetry.startPart(ctx, "close")
	last := func(old *document.Record) *document.Change { return d.w.announced(old, f(old)) }
	err := d.commitPatiently(ctx, last)
	end(codeOf(ctx, err))
	if err == nil && d.stored.Unannounced() {
		var fault document.Fault
		if d.stored, fault = d.w.tell(ctx, d.stored); res.Fault.Code == "" {
			res.Fault = fault
		}
	}
	res.Record = d.stored.Record
	switch {
	case errors.Is(err, errLeaseLost):
		return d.lost(ctx, res)
	case err != nil:
		res.Outcome, res.Fault = document.OutcomeRetry, faultOf(ctx, fmt.Errorf("closing write: %w", err))
	case res.Record.Open():
		res.Outcome = document.OutcomeRetry
	case res.Record.Failure() != nil:
		res.Outcome = document.OutcomeFailed
	default:
		res.Outcome = document.OutcomeDone
	}
	return res
}

// lost returns the result of a delivery whose record another delivery took: the record's current state decides whether
// the message is acknowledged.
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
	case !now.Open():
		res.Outcome = document.OutcomeDuplicate
	}
	return res
}

// gone finds out why a generation cannot be opened: another one is live, whose event is on the way, or none is. It
// returns before the lease needs renewal.
func (d *delivery) gone(ctx context.Context, err error) (*document.Event, error) {
	limited, cancel := context.WithTimeout(ctx, document.RenewEvery)
	defer cancel()
	live, attrs, liveErr := d.w.o.Objects.Live(limited, d.ev.Bucket, d.ev.Name)
	switch {
	case errors.Is(liveErr, document.ErrObjectGone):
		return nil, err
	case liveErr != nil && limited.Err() != nil && ctx.Err() == nil:
		return nil, fmt.Errorf("asking which generation is live: %w: no answer within %v",
			document.ErrStorageUnavailable, document.RenewEvery)
	case liveErr != nil:
		return nil, fmt.Errorf("asking which generation is live: %w", liveErr)
	}
	return &document.Event{Kind: document.KindFinalized, ID: d.ev.ID, Time: d.ev.Time, Object: live, Attributes: attrs},
		errReplaced
}
