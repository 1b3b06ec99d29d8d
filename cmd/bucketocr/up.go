package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/spf13/pflag"

	"github.com/bucketocr/bucketocr/internal/app"
	"github.com/bucketocr/bucketocr/internal/config"
	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/event"
	"github.com/bucketocr/bucketocr/internal/gcp/idtoken"
	"github.com/bucketocr/bucketocr/internal/local"
	"github.com/bucketocr/bucketocr/internal/local/folder"
	pageimage "github.com/bucketocr/bucketocr/internal/page"
	"github.com/bucketocr/bucketocr/internal/telemetry"
	"github.com/bucketocr/bucketocr/internal/wait"
)

const upHelp = `Takes the folder DIR (default ./inbox, which is made; others with --create) as a bucket: what lies in it and what is dropped into it
later is read, through the very function that runs in the cloud. Each text is written to DIR/.bucketocr/text/NAME.md, and with --out to
that folder too. What happens goes to standard error, a line for each object's end; the texts' first lines of --once go to standard output.

Ctrl-C ends it, and so does closing the terminal: the pages that are being read are finished, no other is begun, and the next run goes on
with the rest. A second Ctrl-C ends it at once. No run redoes what is finished.

The OCR service is the one at OCR_URL. Where that is not set, localocr is built and started: Tesseract, in place of
the model on a laptop (English, plain text, no layout). The records are an embedded database in DIR/.bucketocr, or
Firestore's emulator where FIRESTORE_EMULATOR_HOST is set. The other variables of bucketocr serve hold too; with --once
RETRY_WINDOW is 5m unless it is set. An image that failed is tried again when its file changes (touch it), or when
bucketocr retry --local DIR asks for it.

Example: bucketocr up --once examples/samples
`

// onceWindow is RETRY_WINDOW's default with --once: a person waits for it.
const onceWindow = "5m"

// stopTime is how long a stopping run may take: what does not finish in it is released.
const stopTime = 15 * time.Second

const (
	pace     = time.Second // between two scans of the folder, and two sweeps
	inFlight = 4           // deliveries at the same time
)

func upFlags(fs *pflag.FlagSet) action {
	once := fs.Bool("once", false, "end when all is done, and show each text's first lines; exit 1 if anything failed")
	out := fs.String("out", "", "write the texts into the folder `DIR` too, as NAME.md")
	create := fs.Bool("create", false, "make DIR where it is missing")
	verbose := fs.Bool("verbose", false,
		"say what begins, what is done to make each page, and where everything is kept")
	page := fs.String("page", "", "where the live page is: `PORT` or HOST:PORT; off turns it off. The default is "+
		pagePort+" on this "+
		"machine alone, or any port where that is taken; with --once it is off")
	return func(ctx context.Context, sys system, args []string) int {
		return up(ctx, args,
			&upRun{sys: sys, once: *once, create: *create, verbose: *verbose, out: *out, pageAt: *page})
	}
}

// up is the local run.
func up(ctx context.Context, args []string, u *upRun) int {
	sys := u.sys
	switch len(args) {
	case 0:
		u.dir, u.create = "inbox", true
	case 1:
		u.dir = args[0]
	default:
		return complain(sys, "up", fmt.Errorf("one folder, not %q as well", args[1]))
	}
	u.decoder = pageimage.NewDecoder()
	code, err := u.run(ctx)
	if err != nil {
		fmt.Fprintf(sys.stderr, "bucketocr up: %s\n", clean(err.Error()))
	}
	return code
}

// upRun is one local run: the bucket, its records, the handler, and what watches over them.
type upRun struct {
	sys      system
	dir      string
	out      string // where the texts are written too; empty: nowhere
	once     bool
	create   bool
	verbose  bool
	pageAt   string // where the live page shall be: see listenPage
	pageOn   net.Listener
	page     *livePage // nil where there is none
	local    *local.Directory
	bucket   *folder.Bucket // local's
	records  store
	handler  *app.Handler
	eventarc *eventarc
	log      *slog.Logger
	screen   *screen
	decoder  *pageimage.Decoder
	posting  atomic.Int64 // deliveries under way, and those that wait for a place
	scanned  atomic.Int64 // when the folder was gone through last, as Unix time in nanoseconds
}

// run sets everything up, works until it is done or told to stop, and takes everything down.
func (u *upRun) run(ctx context.Context) (code int, err error) {
	switch info, err := os.Stat(u.dir); {
	case err != nil && (u.once || !u.create):
		return exitUsage, fmt.Errorf("there is no folder %s%s", plain(u.dir),
			map[bool]string{false: ": --create makes it"}[u.once])
	case err == nil && !info.IsDir():
		return exitUsage, fmt.Errorf("%s is a file, not a folder: bucketocr read prints its text", plain(u.dir))
	}
	if err := u.checkSettings(); err != nil {
		return exitUsage, err
	}
	if err := u.takePage(); err != nil {
		return exitUsage, err
	}
	defer u.closePage()
	u.local, err = local.Open(u.dir)
	if err != nil {
		return exitFailed, err
	}
	u.bucket = u.local.Bucket
	defer func() { err = errors.Join(err, u.local.Close()) }()
	service, err := findOCR(ctx, u.sys, func() (*os.File, error) { return u.local.Data.Create(folder.OCRLogName) })
	if ctx.Err() != nil {
		return stoppedCode(ctx), nil
	}
	if err != nil {
		return exitFailed, err
	}
	defer service.stop()
	cfg, err := config.Load(localSettings(u.sys, service, u.once))
	if err != nil {
		return exitUsage, fmt.Errorf("wrong settings:\n%w", err)
	}
	logs, err := u.local.Data.Create(folder.LogName)
	if err != nil {
		return exitFailed, err
	}
	defer logs.Close()
	if u.screen, err = newScreen(u); err != nil {
		return exitUsage, err
	}
	defer u.screen.close()
	if err := u.wire(cfg, logs); err != nil {
		return exitUsage, fmt.Errorf("wrong settings:\n%w", err)
	}
	if u.eventarc, err = newEventarc(u.handler); err != nil {
		return exitFailed, err
	}
	if err := u.local.Data.SetEndpoint(u.eventarc.endpoint); err != nil { // for backfill and retry --now
		return exitFailed, err
	}
	defer func() { err = errors.Join(err, u.local.Data.RemoveEndpoint()) }()
	u.startPage(ctx, cfg)
	defer u.closePage() // before the folder is unlocked
	u.introduce(cfg, service)
	return u.work(ctx, service)
}

// checkSettings finds what is wrong before anything is built or started.
func (u *upRun) checkSettings() error {
	cfg, err := config.Load(localSettings(u.sys, nil, u.once))
	if err != nil {
		return fmt.Errorf("wrong settings:\n%w", err)
	}
	return emulatorAnswers(cfg)
}

// localSettings is the environment without some variables, with what a local run knows by itself where the environment
// says nothing: the service, nil while it is not started, and RETRY_WINDOW where a person waits.
func localSettings(sys system, service *ocrService, waiting bool, without ...string) func(string) (string, bool) {
	ours := map[string]string{"OCR_URL": "http://127.0.0.1:1"} // localocr's, in a while
	if service != nil {
		ours["OCR_URL"] = service.url
	}
	if service.own() {
		ours["OCR_AUTH"] = string(config.NoAuth)
	}
	if waiting {
		ours["RETRY_WINDOW"] = onceWindow
	}
	return func(name string) (string, bool) {
		if v, ok := sys.lookup(name); ok && v != "" && !slices.Contains(without, name) {
			return v, true
		}
		v, ok := ours[name]
		return v, ok
	}
}

// wire makes the handler over the folder and its records.
func (u *upRun) wire(cfg config.Config, logs io.Writer) (err error) {
	u.records = u.local.Records
	if cfg.FirestoreEmulatorHost != "" {
		u.records = firestoreRecords(cfg)
	}
	u.log = slog.New(pageLines{slog.NewJSONHandler(logs, &slog.HandlerOptions{Level: cfg.LogLevel}), u.screen})
	telemetry.LogProblems(u.log)
	app.KeepEngines(u.decoder, u.sys.engines, u.log)
	u.handler, err = app.New(cfg,
		app.Backends{Objects: u.bucket, Records: u.records, Tokens: idtoken.New(), Decoder: u.decoder}, u.log,
		app.WithRetryDelay(u.retryDelay))
	return err
}

// retryDelay is the platform's, but for what is released because the run ends: the next one goes on with it at once.
func (u *upRun) retryDelay(attempt int) time.Duration {
	if u.screen.stopping.Load() {
		return 0
	}
	return u.sys.backoff(attempt)
}

// platformBackoff grows as the platform's backoff does: from 10 s to 10 minutes.
func platformBackoff(attempt int) time.Duration {
	return min(10*time.Second<<min(attempt-1, 10), 10*time.Minute)
}

// introduce says what is used, and what is to be done now.
func (u *upRun) introduce(cfg config.Config, service *ocrService) {
	say := u.screen.say
	emulated := cfg.FirestoreEmulatorHost != ""
	store := plain(u.screen.short(u.local.Data.Database()))
	if emulated {
		store = whereRecords(cfg)
	}
	say("ocr      %s\ntexts    %s", oneLine(service.describe()),
		plain(cmp.Or(u.out, u.screen.short(u.local.Data.Texts()))))
	if u.verbose || emulated {
		say("records  %s", store)
	}
	if u.verbose {
		say("log      %s\nendpoint %s", plain(u.screen.short(u.local.Data.Path(folder.LogName))),
			u.eventarc.endpoint.URL)
	}
	page := ""
	if u.page != nil {
		page = ", or on the page at " + u.page.url
		if port := u.page.port(); u.pageAt == "" && port != pagePort {
			say("port %s is taken: the page is on port %s", pagePort, port)
		}
	}
	if u.once {
		say("reading what is in %s%s", plain(u.dir), page)
	} else {
		say("ready (Ctrl-C ends it): drop images or PDFs into %s%s", plain(u.dir), page)
	}
}

// errAllDone ends a run with --once.
var errAllDone = errors.New("all is done")

// work scans, delivers and sweeps until all is done (--once), until it is told to stop or until something breaks.
func (u *upRun) work(ctx context.Context, service *ocrService) (int, error) {
	if n, err := u.local.Records.ExpireLeases(ctx); err != nil {
		return exitFailed, err
	} else if n > 0 {
		fmt.Fprintf(u.sys.stderr, "resuming %s from an interrupted run\n", objects(int64(n)))
	}
	after := context.WithoutCancel(ctx)
	watch, unwatch := context.WithCancel(after)
	loops, run := errgroup.WithContext(ctx)
	loops.Go(func() error { return u.scanning(run) })
	loops.Go(func() error { return u.sweeping(run) })
	loops.Go(func() error { return service.wait(run) })
	watching := make(chan error, 1)
	go func() { watching <- u.screen.watch(watch); close(watching) }()
	loops.Go(func() error {
		select {
		case err := <-watching: // before unwatch ended it
			return err
		case <-run.Done():
			return nil
		}
	})

	<-run.Done()
	u.drain(after, ctx.Err() != nil)
	err := loops.Wait()
	unwatch()
	return u.exitCode(ctx, errors.Join(err, <-watching))
}

// drain lets running deliveries finish or releases them, and stops the server.
func (u *upRun) drain(ctx context.Context, stopped bool) {
	if stopped {
		u.screen.stopping.Store(true)
		working := objects(max(u.screen.counts.inWork(), min(u.posting.Load(), inFlight)))
		u.screen.say("stopping: %s in work; no other page is begun, and those that are being read have %s (Ctrl-C again ends at once)",
			working, age(stopTime))
	}
	ctx, cancel := context.WithTimeout(ctx, stopTime)
	defer cancel()
	if err := errors.Join(u.handler.Drain(ctx), u.eventarc.server.Shutdown(ctx)); err != nil {
		fmt.Fprintln(u.sys.stderr, "bucketocr up: some records could not be released; the next run resumes them")
	}
}

// scanning delivers what the folder has to say. With --once it ends when there is nothing left to do.
func (u *upRun) scanning(ctx context.Context) error {
	posts, ctx := errgroup.WithContext(ctx)
	posts.SetLimit(inFlight)
	for {
		posting := u.posting.Load() // before the scan, which brings back what a delivery gave up meanwhile
		changes, err := u.bucket.Scan(ctx)
		if err != nil {
			return errors.Join(ignoreEnd(ctx, err), posts.Wait())
		}
		u.scanned.Store(time.Now().UnixNano())
		for _, p := range changes.Passed {
			u.screen.say("ignored: %q, it %s", p.Name, oneLine(p.Why))
		}
		u.posting.Add(int64(len(changes.Events)))
		for _, ev := range changes.Events {
			posts.Go(func() error { return u.deliver(context.WithoutCancel(ctx), ev) })
		}
		idle := changes.Pending == 0 && len(changes.Events) == 0
		if u.once && idle && posting == 0 {
			if done, err := u.allDone(ctx); done || err != nil {
				return errors.Join(err, posts.Wait(), errAllDone)
			}
		}
		if wait.Sleep(ctx, pace) != nil {
			return posts.Wait()
		}
	}
}

// deliver posts an object's event. Once the generation has a record, the sweep is its redelivery; before that, the
// next scan brings the event again.
func (u *upRun) deliver(ctx context.Context, ev document.Event) error {
	defer u.posting.Add(-1)
	ce, err := event.Encode(ev)
	if err != nil {
		return err
	}
	out, err := u.eventarc.post(ctx, ce)
	if err != nil || out.Refused() && (ev.Kind == document.KindDeleted || !u.recorded(ctx, ev)) {
		u.bucket.Again(ev)
		return err
	}
	if out == document.OutcomeFiltered && ev.Kind == document.KindFinalized {
		u.screen.say("%s  ignored     %s", time.Now().Format(time.TimeOnly), plain(ev.Name))
	}
	return u.bucket.Delivered(ctx, ev)
}

// recorded reports whether the store knows of the event's generation.
func (u *upRun) recorded(ctx context.Context, ev document.Event) bool {
	r, err := u.records.Get(ctx, ev.Object.ID())
	return err == nil && r != nil && r.Generation >= ev.Generation
}

// allDone reports whether no record is unfinished: each of those has a due time.
func (u *upRun) allDone(ctx context.Context) (bool, error) {
	due, err := u.records.Due(ctx, time.Now().AddDate(100, 0, 0), 1)
	return len(due) == 0, ignoreEnd(ctx, err)
}

// sweeping is what redelivery and Cloud Scheduler are in the cloud.
func (u *upRun) sweeping(ctx context.Context) error {
	for wait.Sleep(ctx, pace) == nil {
		if _, err := u.eventarc.post(context.WithoutCancel(ctx), event.Sweep(rand.Text(), time.Now())); err != nil {
			return ignoreEnd(ctx, err)
		}
	}
	return nil
}

// ignoreEnd drops an error that only says that the run has ended.
func ignoreEnd(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// exitCode shows the result of the run and returns its exit code.
func (u *upRun) exitCode(ctx context.Context, err error) (int, error) {
	switch {
	case ctx.Err() != nil:
		u.screen.catchUp(context.WithoutCancel(ctx))
		u.screen.close()
		u.screen.farewell()
		return stoppedCode(ctx), nil
	case errors.Is(err, errAllDone):
		return u.screen.summary(ctx)
	}
	return exitFailed, err
}
