package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/bucketocr/bucketocr/internal/app"
	"github.com/bucketocr/bucketocr/internal/config"
	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/event"
	"github.com/bucketocr/bucketocr/internal/gcp/idtoken"
	"github.com/bucketocr/bucketocr/internal/local/sqlite"
	pageimage "github.com/bucketocr/bucketocr/internal/page"
	"github.com/bucketocr/bucketocr/internal/wait"
)

// readBucket is the bucket name used for files.
const readBucket = "files"

// readRun runs the function on local files, with records that are thrown away: files are read exactly as in the cloud.
type readRun struct {
	sys      system
	files    spooled
	pages    pageList
	cfg      config.Config
	records  *sqlite.Store
	handler  *app.Handler
	eventarc *eventarc
	service  *ocrService
	dir      string // temporary
}

// notForRead lists variables about buckets, documents and listeners, which do not apply to files.
var notForRead = []string{"FIRESTORE_EMULATOR_HOST", "INCLUDE", "EXCLUDE", "OWNER_PATTERN", "NOTIFY_TOPIC",
	"RECONCILE_BUCKETS"}

// openRead finds the OCR service and sets up the function; the caller must close it. The error is errWrongSettings if
// the configuration is wrong.
func openRead(ctx context.Context, sys system, files []file, pages pageList) (_ *readRun, err error) {
	r := &readRun{sys: sys, files: files, pages: pages}
	defer func() {
		if err != nil {
			err = errors.Join(err, r.close())
		}
	}()
	// Check the settings before anything is built or started.
	if _, err := config.Load(localSettings(sys, nil, true, notForRead...)); err != nil {
		return nil, fmt.Errorf("%w:\n%w", errWrongSettings, err)
	}
	if r.dir, err = os.MkdirTemp("", "bucketocr-read-"); err != nil {
		return nil, err
	}
	logs := func() (*os.File, error) { return os.Create(filepath.Join(r.dir, "ocr.log")) }
	if r.service, err = findOCR(ctx, sys, logs); err != nil {
		return nil, err
	}
	if r.cfg, err = config.Load(localSettings(sys, r.service, true, notForRead...)); err != nil {
		return nil, fmt.Errorf("%w:\n%w", errWrongSettings, err)
	}
	for i, f := range r.files {
		if f.path == standardInput {
			r.files[i].path, r.files[i].err = spool(ctx, sys.stdin, r.dir, r.cfg.MaxBytes)
			if ctx.Err() != nil {
				return nil, context.Cause(ctx)
			}
		}
	}
	if r.records, err = sqlite.Open(filepath.Join(r.dir, "records.db"), readBucket); err != nil {
		return nil, err
	}
	backends := app.Backends{Objects: r.files, Records: r.records, Tokens: idtoken.New(),
		Decoder: pageimage.NewDecoder()}
	log := slog.New(slog.DiscardHandler)
	app.KeepEngines(backends.Decoder, sys.engines, log)
	if r.handler, err = app.New(r.cfg, backends, log, app.WithRetryDelay(sys.backoff),
		app.WithWindowFromProgress()); err != nil {
		return nil, fmt.Errorf("%w:\n%w", errWrongSettings, err)
	}
	r.eventarc, err = newEventarc(r.handler)
	return r, err
}

var errWrongSettings = errors.New("wrong settings")

// close stops the run at once and removes its files.
func (r *readRun) close() error {
	var errs []error
	if r.eventarc != nil {
		// no need to release records: they are thrown away
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = r.handler.Drain(ctx)
		errs = append(errs, r.eventarc.server.Close())
	}
	if r.service != nil {
		r.service.stop()
	}
	if r.records != nil {
		errs = append(errs, r.records.Close())
	}
	if r.dir != "" {
		errs = append(errs, os.RemoveAll(r.dir))
	}
	return errors.Join(errs...)
}

// fileRead is the result for a file.
type fileRead struct {
	file   file
	record *document.Record
	pages  []document.Page // the selected pages
	err    error           // why text is missing
}

// all reads the files, several at a time, and calls ended for each, in order. The error is from ended, from an OCR
// service that it started, or from ctx.
func (r *readRun) all(ctx context.Context, ended func(fileRead) error) error {
	results := make([]chan fileRead, len(r.files))
	for i := range results {
		results[i] = make(chan fileRead, 1)
	}
	all, ctx := errgroup.WithContext(ctx)
	working, done := context.WithCancel(ctx)
	all.Go(func() error {
		defer done()
		for _, result := range results {
			select {
			case res := <-result:
				if err := ended(res); err != nil {
					return err
				}
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
		return nil
	})
	all.Go(func() error { return r.service.wait(working) })
	all.Go(func() error {
		defer r.post(ctx, results)
		return nil
	})
	return all.Wait()
}

// post delivers the files' events.
func (r *readRun) post(ctx context.Context, results []chan fileRead) {
	var posts sync.WaitGroup
	places := make(chan struct{}, inFlight)
	for i, f := range r.files {
		if f.err != nil {
			results[i] <- fileRead{file: f, err: rootCause(f.err)}
			continue
		}
		select {
		case places <- struct{}{}:
		case <-ctx.Done():
			posts.Wait()
			return
		}
		posts.Go(func() {
			defer func() { <-places }()
			results[i] <- r.one(ctx, i)
		})
	}
	posts.Wait()
}

// one reads the i-th file and returns its result.
func (r *readRun) one(ctx context.Context, i int) fileRead {
	res := fileRead{file: r.files[i]}
	ev := r.files.event(readBucket, i)
	id := ev.Object.ID()
	if res.err = r.deliver(ctx, ev); res.err != nil {
		return res
	}
	s, err := r.records.Get(ctx, id)
	switch {
	case err != nil:
		res.err = err
	case s == nil || !s.Status.Ended():
		res.err = fmt.Errorf("not read within %s (RETRY_WINDOW)", age(r.cfg.RetryWindow))
	case s.Status == document.StatusFailed:
		res.record, res.err = s.Record, errors.New(failure(s.Error))
	default:
		res.record = s.Record
		res.pages, res.err = r.wanted(ctx, s.Record)
	}
	return res
}

// deliver posts an event until it is acknowledged, as Pub/Sub does, or no page has been read for twice RETRY_WINDOW.
func (r *readRun) deliver(ctx context.Context, ev document.Event) error {
	if err := r.leaveOut(ctx, ev); err != nil {
		return err
	}
	ce, err := event.Encode(ev)
	if err != nil {
		return err
	}
	progress, done := time.Now(), 0
	for attempt := 1; ; attempt++ {
		out, err := r.eventarc.post(ctx, ce)
		if err != nil || !out.Refused() {
			return err
		}
		if s, err := r.records.Get(ctx, ev.Object.ID()); err == nil && s != nil && s.PagesDone > done {
			progress, done = time.Now(), s.PagesDone
		}
		if time.Since(progress) > 2*r.cfg.RetryWindow {
			return nil
		}
		if err := wait.Sleep(ctx, r.sys.backoff(attempt)); err != nil {
			return err
		}
	}
}

// leaveOut marks the pages that are not selected as read, so that they are not rendered, sent or paid for.
func (r *readRun) leaveOut(ctx context.Context, ev document.Event) error {
	if len(r.pages) == 0 {
		return nil
	}
	var out []document.Page
	for n := 1; n <= r.cfg.MaxPages; n++ {
		if !r.pages.has(n) {
			out = append(out, document.Page{Page: n, Generation: ev.Generation, Blank: true})
		}
	}
	if len(out) == 0 {
		return nil
	}
	now := time.Now()
	rec := &document.Record{
		Bucket: ev.Bucket, Name: ev.Name, Generation: ev.Generation, Status: document.StatusRetrying,
		PagesDone: len(out), WindowStart: now, Due: now,
	}
	_, err := document.Update(ctx, r.records, ev.Object.ID(), document.Unread(),
		func(*document.Record) (*document.Change, error) {
			return &document.Change{Record: rec, Stamps: document.StampCreated, Pages: out}, nil
		})
	return err
}

// wanted returns the selected pages. The error lists those that do not exist or failed.
func (r *readRun) wanted(ctx context.Context, rec *document.Record) ([]document.Page, error) {
	pages, err := r.records.Pages(ctx, rec.Object().ID(), rec.Generation)
	if err != nil {
		return nil, err
	}
	var kept []document.Page
	var errs []error
	for n := 1; n <= rec.Pages; n++ {
		if !r.pages.has(n) {
			continue
		}
		pg, ok := pageOf(pages, n)
		if !ok && rec.Pages == 1 {
			pg, ok = document.SplitPages(rec)[0], true
		}
		if ok {
			kept = append(kept, pg)
		}
		if ok && pg.Error != nil {
			errs = append(errs, fmt.Errorf("page %d: %s", n, failure(pg.Error)))
		}
	}
	if n := r.pages.beyond(rec.Pages); n > 0 {
		errs = append(errs, fmt.Errorf("no page %d: the file has %s", n, pageCount(rec.Pages)))
	}
	return kept, errors.Join(errs...)
}

func pageOf(pages []document.Page, n int) (document.Page, bool) {
	for _, pg := range pages {
		if pg.Page == n {
			return pg, true
		}
	}
	return document.Page{}, false
}

// failure returns the reason why an object or a page failed.
func failure(e *document.Error) string { return e.Code + ": " + e.Message }
