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
	"sync"
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

const upHelp = `Treats the folder DIR (default ./inbox, which is created; others with --create) as a bucket: files
in it now and files added later are read by the same function that runs in the cloud. Each text is
written to DIR/.bucketocr/text/NAME.md and, with --out, to that folder too. Progress goes to
standard error, one line per finished object; with --once, the first lines of each text go to
standard output.

Ctrl-C stops it, and so does closing the terminal: pages that are being read have 15 s to finish,
no new ones are started, and the next run continues with the rest. A second Ctrl-C quits at once. No
run repeats work that is finished.

OCR_URL names the OCR service. If it is not set, localocr is started (in a checkout it is built
first; otherwise an earlier build or the one on PATH is used): Tesseract, which stands in for the
model on a laptop (English, plain text, no layout). Documents are stored in an embedded database in
DIR/.bucketocr, or in Firestore's emulator if FIRESTORE_EMULATOR_HOST is set.
The other variables of bucketocr serve apply as well; with --once, RETRY_WINDOW defaults to 5m. An
image that failed is retried when its file changes (touch it), or on bucketocr retry --local DIR.

Example: bucketocr up --once examples/samples
`

// onceWindow is the default of RETRY_WINDOW with --once, when the user is waiting.
const onceWindow = "5m"

// stopTime is the time to finish work in flight when a run is stopped; the rest is released.
const stopTime = 15 * time.Second

const (
	pace     = time.Second // interval of folder scans and of sweeps
	inFlight = 4           // concurrent deliveries
)

func upFlags(fs *pflag.FlagSet) action {
	once := fs.Bool("once", false,
		"exit when all files are done, and show each text's first lines; exit code 1 if any failed")
	out := fs.String("out", "", "also write the texts into the folder `DIR`, as NAME.md")
	create := fs.Bool("create", false, "create DIR if it is missing")
	verbose := fs.Bool("verbose", false,
		"show when work begins, how each page is processed, and where everything is stored")
	page := fs.String("page", "", "address of the live page: `PORT` or HOST:PORT, or off (default "+pagePort+
		" or the next free port, for this machine only; with --once, off)")
	return func(ctx context.Context, sys system, args []string) int {
		return up(ctx, args,
			&upRun{sys: sys, once: *once, create: *create, verbose: *verbose, out: *out, pageAt: *page})
	}
}

// up runs a folder as a bucket.
func up(ctx context.Context, args []string, u *upRun) int {
	sys := u.sys
	switch len(args) {
	case 0:
		u.dir, u.create = "inbox", true
	case 1:
		u.dir = args[0]
	default:
		return complain(sys, "up", fmt.Errorf("only one folder can be given: unexpected %q", args[1]))
	}
	u.decoder = pageimage.NewDecoder()
	code, err := u.run(ctx)
	if err != nil {
		fmt.Fprintf(sys.stderr, "bucketocr up: %s\n", clean(err.Error()))
	}
	return code
}

// upRun is one run of up: the bucket, its records, the handler, and the loops that drive them.
type upRun struct {
	sys      system
	dir      string
	out      string // extra folder for the texts; empty for none
	once     bool
	create   bool
	verbose  bool
	pageAt   string // address of the live page: see listenPage
	pageOn   net.Listener
	page     *livePage // nil if there is none
	local    *local.Directory
	bucket   *folder.Bucket // in local
	records  store
	filter   event.Filter // of the handler
	handler  *app.Handler
	eventarc *eventarc
	log      *slog.Logger
	screen   *screen
	decoder  *pageimage.Decoder
	posting  atomic.Int64 // deliveries that are running or waiting to
	scanned  atomic.Int64 // time of the last scan, as Unix time in nanoseconds
}

// run sets everything up, works until it is done or stopped, and tears everything down.
func (u *upRun) run(ctx context.Context) (code int, err error) {
	switch info, err := os.Stat(u.dir); {
	case err != nil && (u.once || !u.create):
		return exitUsage, fmt.Errorf("no folder %s%s", plain(u.dir),
			map[bool]string{false: ": use --create to create it"}[u.once])
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

// checkSettings validates the settings before anything is built or started.
func (u *upRun) checkSettings() error {
	cfg, err := config.Load(localSettings(u.sys, nil, u.once))
	if err != nil {
		return fmt.Errorf("wrong settings:\n%w", err)
	}
	return emulatorAnswers(cfg)
}

// localSettings returns a lookup of environment variables, except those in without, that supplies defaults for a local
// run: the address of service, nil before it is started, and RETRY_WINDOW if the user is waiting.
func localSettings(sys system, service *ocrService, waiting bool, without ...string) func(string) (string, bool) {
	ours := map[string]string{"OCR_URL": "http://127.0.0.1:1"} // placeholder until localocr is started
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

// wire creates the handler for the folder and its records.
func (u *upRun) wire(cfg config.Config, logs io.Writer) (err error) {
	u.records = u.local.Records
	if cfg.FirestoreEmulatorHost != "" { // which may have documents of other buckets, for other processes
		u.records = ofBucket{firestoreRecords(cfg), u.bucket.Name()}
	}
	u.filter = cfg.Filter
	u.log = slog.New(pageLines{slog.NewJSONHandler(logs, &slog.HandlerOptions{Level: cfg.LogLevel}), u.screen})
	telemetry.LogProblems(u.log)
	app.KeepEngines(u.decoder, u.sys.engines, u.log)
	u.handler, err = app.New(cfg,
		app.Backends{Objects: u.bucket, Records: u.records, Tokens: idtoken.New(), Decoder: u.decoder}, u.log,
		app.WithRetryDelay(u.retryDelay), app.WithWindowFromProgress())
	return err
}

// retryDelay returns the platform's backoff, or zero for work released because the run is stopping: the next run
// continues with it at once.
func (u *upRun) retryDelay(attempt int) time.Duration {
	if u.screen.stopping.Load() {
		return 0
	}
	return u.sys.backoff(attempt)
}

// platformBackoff returns a wait that grows like the platform's, from 10 s to 10 minutes.
func platformBackoff(attempt int) time.Duration {
	return min(10*time.Second<<min(attempt-1, 10), 10*time.Minute)
}

// introduce prints where everything is, and what the user can do.
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
			say("port %s is in use: the page is on port %s", pagePort, port)
		}
	}
	if u.once {
		say("reading the files in %s%s", plain(u.dir), page)
	} else {
		say("ready (Ctrl-C to stop): drop images or PDFs into %s%s", plain(u.dir), page)
	}
}

// errAllDone is the end of a run with --once.
var errAllDone = errors.New("all is done")

// work scans, delivers and sweeps until all is done (--once), it is told to stop, or an error occurs.
func (u *upRun) work(ctx context.Context, service *ocrService) (int, error) {
	if n, err := u.local.Records.Resume(ctx); err != nil {
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
		case err := <-watching: // before unwatch, so an error
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

// drain finishes or releases the running deliveries and stops the server.
func (u *upRun) drain(ctx context.Context, stopped bool) {
	if stopped {
		u.screen.stopping.Store(true)
		working := objects(max(u.screen.counts.inWork(), min(u.posting.Load(), inFlight)))
		u.screen.say("stopping: %s in progress; pages being read have %s to finish, and no others are started (Ctrl-C again to quit now)",
			working, age(stopTime))
	}
	ctx, cancel := context.WithTimeout(ctx, stopTime)
	defer cancel()
	if err := errors.Join(u.handler.Drain(ctx), u.eventarc.server.Shutdown(ctx)); err != nil {
		fmt.Fprintln(u.sys.stderr, "bucketocr up: some records could not be released; the next run resumes them")
	}
}

// headsAtOnce is the number of records looked up in one request.
const headsAtOnce = 300

// redeliver has files delivered again that have no record although they were delivered: to another store, to an
// emulator that was restarted since, or under an INCLUDE or EXCLUDE that left them out.
func (u *upRun) redeliver(ctx context.Context) error {
	files := slices.DeleteFunc(u.bucket.Living(), func(o document.Object) bool {
		_, skip := skips(u.filter, o)
		return skip
	})
	for batch := range slices.Chunk(files, headsAtOnce) {
		ids := make([]string, len(batch))
		for i, o := range batch {
			ids[i] = o.ID()
		}
		heads, err := u.records.Heads(ctx, ids)
		if err != nil {
			return err
		}
		for i, o := range batch {
			if heads[i] == nil || heads[i].Generation < o.Generation {
				u.bucket.Redeliver(ctx, o)
			}
		}
	}
	return nil
}

// scanning delivers the folder's events. With --once it ends when there is nothing left to do.
func (u *upRun) scanning(ctx context.Context) error {
	if err := u.redeliver(ctx); err != nil {
		return ignoreEnd(ctx, err)
	}
	posts, ctx := errgroup.WithContext(ctx)
	posts.SetLimit(inFlight)
	var waiting eventQueue // scans go on meanwhile: files that wait may change
	for {
		posting := u.posting.Load() // before the scan, which repeats events of deliveries that fail meanwhile
		changes, err := u.bucket.Scan(ctx)
		if err != nil {
			return errors.Join(ignoreEnd(ctx, err), posts.Wait())
		}
		u.scanned.Store(time.Now().UnixNano())
		for _, p := range changes.Passed {
			u.screen.say("ignored: %q %s", p.Name, oneLine(p.Why))
		}
		u.posting.Add(int64(len(changes.Events)))
		for n := waiting.add(changes.Events); n > 0 && posts.TryGo(func() error {
			return u.deliverAll(ctx, &waiting)
		}); n-- {
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

// eventQueue holds events that wait to be delivered, the oldest first.
type eventQueue struct {
	mu     sync.Mutex
	events []document.Event
}

// add adds events and returns how many are waiting.
func (q *eventQueue) add(events []document.Event) int {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.events = append(q.events, events...)
	return len(q.events)
}

func (q *eventQueue) next() (document.Event, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.events) == 0 {
		return document.Event{}, false
	}
	ev := q.events[0]
	q.events = q.events[1:]
	return ev, true
}

// deliverAll delivers waiting events until there are none, or the run ends.
func (u *upRun) deliverAll(ctx context.Context, waiting *eventQueue) error {
	for ctx.Err() == nil {
		ev, ok := waiting.next()
		if !ok {
			break
		}
		if err := u.deliver(context.WithoutCancel(ctx), ev); err != nil {
			return err
		}
	}
	return nil
}

// deliver posts an object's event. Once the generation has a record, the sweep retries it; before that, the next scan
// repeats the event. One that cannot be encoded, as of a name that an older version did not ignore, ends here.
func (u *upRun) deliver(ctx context.Context, ev document.Event) error {
	defer u.posting.Add(-1)
	ce, err := event.Encode(ev)
	if err != nil { // at every try
		if ev.Kind == document.KindFinalized {
			u.screen.say("ignored: %q %s", ev.Name, oneLine(err.Error()))
		}
		return u.bucket.Delivered(ctx, ev)
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

// recorded reports whether the store has a record of the event's generation.
func (u *upRun) recorded(ctx context.Context, ev document.Event) bool {
	r, err := u.records.Get(ctx, ev.Object.ID())
	return err == nil && r != nil && r.Generation >= ev.Generation
}

// allDone reports whether all records are finished: an unfinished one has a due time.
func (u *upRun) allDone(ctx context.Context) (bool, error) {
	due, err := u.records.Due(ctx, time.Time{}, time.Now().AddDate(100, 0, 0), 1)
	return len(due) == 0, ignoreEnd(ctx, err)
}

// sweeping sweeps regularly, also texts that could not be written. It stands in for redelivery and Cloud Scheduler.
func (u *upRun) sweeping(ctx context.Context) error {
	for wait.Sleep(ctx, pace) == nil {
		if _, err := u.eventarc.post(context.WithoutCancel(ctx), event.Sweep(rand.Text(), time.Now())); err != nil {
			return ignoreEnd(ctx, err)
		}
		u.screen.writeAgain(ctx)
	}
	return nil
}

// ignoreEnd drops an error that was caused by the end of the run.
func ignoreEnd(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// exitCode reports the result of the run and returns its exit code.
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
