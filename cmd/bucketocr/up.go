package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/bucketocr/bucketocr/internal/app"
	"github.com/bucketocr/bucketocr/internal/config"
	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/gcp/idtoken"
	"github.com/bucketocr/bucketocr/internal/local"
	"github.com/bucketocr/bucketocr/internal/local/folder"
	pageimage "github.com/bucketocr/bucketocr/internal/page"
	"github.com/bucketocr/bucketocr/internal/telemetry"
)

const upHelp = `Takes the folder DIR (default ./inbox, made if missing) as a bucket: what lies in it and what is dropped into it later is
read, through the very function that runs in the cloud. Each text is written to DIR/.bucketocr/text/NAME.md. Ctrl-C ends
it; a second run does not redo what is finished.

The OCR service is the one at OCR_URL. Where that is not set, localocr is built and started: Tesseract, which stands in
for the model on a laptop (English, plain text, no layout). The records are an embedded database in DIR/.bucketocr, or
Firestore's emulator where FIRESTORE_EMULATOR_HOST is set. The other variables of bucketocr serve hold too; with --once
RETRY_WINDOW is 5m unless it is set. An image that failed is tried again when its file changes (touch it), or when
bucketocr retry --local DIR asks for it.

Example: bucketocr up --once examples/samples
`

// onceWindow is RETRY_WINDOW's default with --once: a person waits for it.
const onceWindow = "5m"

// stopTime is how long a stopping run may take: what does not finish in it is released.
const stopTime = 15 * time.Second

func upFlags(fs *flag.FlagSet) action {
	once := fs.Bool("once", false, "end when all is done, and show each text's first lines; exit 1 if anything failed")
	page := fs.String("page", "", "where the live page is: `PORT` or HOST:PORT; off turns it off. The default is "+pagePort+" on this\n"+
		"machine alone, or any port where that is taken; with --once it is off")
	return func(ctx context.Context, sys system, args []string) int {
		return up(ctx, sys, args, *once, *page)
	}
}

// up is the local run.
func up(ctx context.Context, sys system, args []string, once bool, pageAt string) int {
	dir := "inbox"
	if len(args) > 0 {
		dir = args[0]
	}
	if len(args) > 1 {
		return complain(sys, "up", fmt.Errorf("one folder, not %q as well", args[1]))
	}
	u := &upRun{sys: sys, dir: dir, once: once, pageAt: pageAt, decoder: pageimage.NewDecoder()}
	code, err := u.run(ctx)
	if err != nil {
		fmt.Fprintf(sys.stderr, "bucketocr up: %v\n", err)
	}
	return code
}

// upRun is one local run: the bucket, its records, the handler, and what watches over them.
type upRun struct {
	sys     system
	dir     string
	once    bool
	pageAt  string // where the live page shall be: see listenPage
	pageOn  net.Listener
	page    *livePage // nil where there is none
	local   *local.Directory
	bucket  *folder.Bucket // local's
	records records
	handler *app.Handler
	poster  *poster
	log     *slog.Logger
	screen  *screen
	decoder *pageimage.Decoder
	posting atomic.Int64 // deliveries under way
}

// records is a store that can be looked at.
type records interface {
	document.Store
	document.Watcher
}

// run sets everything up, works until it is done or told to stop, and takes everything down.
func (u *upRun) run(ctx context.Context) (code int, err error) {
	if _, err := os.Stat(u.dir); u.once && err != nil {
		return exitUsage, fmt.Errorf("there is no folder %s", u.dir)
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
	service, err := u.findOCR(ctx)
	if ctx.Err() != nil {
		return stoppedCode(ctx), nil
	}
	if err != nil {
		return exitFailed, err
	}
	defer service.stop()
	cfg, err := config.Load(u.settings(service))
	if err != nil {
		return exitUsage, fmt.Errorf("wrong settings:\n%w", err)
	}
	logs, err := os.Create(filepath.Join(u.dir, ".bucketocr", "log.jsonl"))
	if err != nil {
		return exitFailed, err
	}
	defer logs.Close()
	if err := u.wire(cfg, logs); err != nil {
		return exitUsage, fmt.Errorf("wrong settings:\n%w", err)
	}
	if u.poster, err = newPoster(u.handler); err != nil {
		return exitFailed, err
	}
	if err := os.WriteFile(endpointFile(u.dir), []byte(u.poster.url+"\n"), 0o666); err != nil { // for backfill and retry --now
		return exitFailed, err
	}
	defer os.Remove(endpointFile(u.dir))
	u.startPage(ctx, cfg)
	defer u.closePage() // before the folder is let go
	u.introduce(cfg, service)
	return u.work(ctx, service)
}

// checkSettings finds what is wrong before anything is built or started.
func (u *upRun) checkSettings() error {
	url, ok := u.sys.lookup("OCR_URL")
	if !ok || url == "" {
		url = "http://127.0.0.1:1" // localocr's, in a while
	}
	cfg, err := config.Load(u.settings(&ocrService{url: url}))
	if err != nil {
		return fmt.Errorf("wrong settings:\n%w", err)
	}
	return emulatorAnswers(cfg)
}

// settings is the environment, with what the local run knows by itself where the environment says nothing.
func (u *upRun) settings(service *ocrService) func(string) (string, bool) {
	ours := map[string]string{"OCR_URL": service.url}
	if service.own() {
		ours["OCR_AUTH"] = string(config.NoAuth)
	}
	if u.once {
		ours["RETRY_WINDOW"] = onceWindow
	}
	return func(name string) (string, bool) {
		if v, ok := u.sys.lookup(name); ok && v != "" {
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
	u.screen = newScreen(u)
	u.log = slog.New(pageLines{slog.NewJSONHandler(logs, &slog.HandlerOptions{Level: cfg.LogLevel}), u.screen})
	telemetry.LogProblems(u.log)
	u.handler, err = app.New(cfg, app.Backends{Objects: u.bucket, Records: u.records, Tokens: idtoken.New(), Decoder: u.decoder}, u.log,
		app.WithRetryDelay(u.sys.backoff))
	return err
}

// platformBackoff grows as the platform's backoff does: from 10 s to 10 minutes.
func platformBackoff(attempt int) time.Duration {
	return min(10*time.Second<<min(attempt-1, 10), 10*time.Minute)
}

// introduce says what is used.
func (u *upRun) introduce(cfg config.Config, service *ocrService) {
	store := filepath.Join(u.dir, ".bucketocr", "records.db")
	if cfg.FirestoreEmulatorHost != "" {
		store = whereRecords(cfg)
	}
	fmt.Fprintf(u.sys.stdout, "bucket   %s\nrecords  %s\ntexts    %s\nlog      %s\nocr      %s\nendpoint %s\n",
		u.dir, store, filepath.Join(u.dir, ".bucketocr", "text"), filepath.Join(u.dir, ".bucketocr", "log.jsonl"),
		service.describe(), u.poster.url)
	if u.page != nil {
		fmt.Fprintf(u.sys.stdout, "page     %s\n", u.page.url)
	}
	fmt.Fprintln(u.sys.stdout)
}
