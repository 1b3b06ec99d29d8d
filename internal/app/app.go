// Package app makes a program of the function: a worker wired to its backends, served over HTTP and shut down in time.
// Cloud Run, bucketocr serve and bucketocr up share it. All decisions about documents are in internal/worker.
//
// Files, in reading order:
//
//	app.go       wiring
//	handler.go   HTTP, and shutdown
//	notify.go    announcing ends
//	reconcile.go finding objects whose events were lost
//	backends.go  the services behind the function
package app

import (
	"crypto/rand"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/bucketocr/bucketocr/internal/config"
	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/gcp/cloudlog"
	"github.com/bucketocr/bucketocr/internal/gcp/firestore"
	"github.com/bucketocr/bucketocr/internal/gcp/idtoken"
	"github.com/bucketocr/bucketocr/internal/gcp/storage"
	"github.com/bucketocr/bucketocr/internal/page"
	"github.com/bucketocr/bucketocr/internal/telemetry"
	"github.com/bucketocr/bucketocr/internal/worker"
	"github.com/bucketocr/bucketocr/ocr"
)

// Target is the name under which the function is registered: the entry point of a deploy.
const Target = "ExtractText"

// Start sets up the process for Cloud Run: configured by lookup, logging to logs, and at SIGTERM shut down and ended.
// It returns the handler to serve. The error lists every problem of the configuration.
func Start(lookup func(string) (string, bool), logs io.Writer) (*Handler, error) {
	cfg, err := config.Load(lookup)
	if err != nil {
		return nil, err
	}
	h, err := Setup(cfg, logs, page.ShippedEngines())
	if err != nil {
		return nil, err
	}
	term := make(chan os.Signal, 1)
	signal.Notify(term, syscall.SIGTERM)
	go func() {
		<-term
		h.Shutdown()
		os.Exit(0)
	}()
	return h, nil
}

// Setup returns a handler for Google Cloud, which has its compiled decoders in the folder engines ("": nowhere), and
// sets the process's memory limit and OpenTelemetry's error log. It makes no connections: clients connect when they are
// first used.
func Setup(cfg config.Config, logs io.Writer, engines string) (*Handler, error) {
	log := cloudlog.New(logs, cfg.LogLevel, cfg.Project)
	telemetry.LogProblems(log)
	b := GoogleCloud(cfg)
	h, err := New(cfg, b, log)
	if err != nil {
		return nil, err
	}
	limitMemory(cfg, b.Decoder)
	KeepEngines(b.Decoder, engines, log)
	return h, nil
}

// KeepEngines has a Decoder keep its compiled engines in a folder, and logs why it does not. For the folder "" it does
// nothing.
func KeepEngines(d *page.Decoder, folder string, log *slog.Logger) {
	if folder == "" {
		return
	}
	if err := d.KeepEngines(folder); err != nil {
		log.Warn("compiled decoders are not kept, each start compiles them", "error", err.Error())
	}
}

// limitMemory limits this process and the decoders' by the instance's memory, so that memory that a decoder has left
// behind, or still allocates, does not kill the instance. GOMEMLIMIT, which the runtime reads itself, takes precedence
// for this process. If the instance's memory is unknown, there is no limit.
func limitMemory(cfg config.Config, d *page.Decoder) {
	if cfg.Memory <= 0 {
		return
	}
	own, decoders := memoryLimits(cfg.Memory, cfg.MemoryBudget)
	if _, set := os.LookupEnv("GOMEMLIMIT"); !set {
		debug.SetMemoryLimit(own)
	}
	d.LimitMemory(decoders)
}

// Memory of a process in bytes, apart from the pictures that the budget counts.
const (
	// measured: 331 MiB while PDFium is compiled, then 80; plus what a picture leaves behind
	decodersBeside = 400 << 20
	// the same as its hard limit counts it: everything mapped, used or not, including 112 MiB of stacks
	decodersMapped = 512 << 20
	ownBeside      = 64 << 20
)

// memoryLimits divides an instance's memory between the two processes. budget is for pictures, which may be in either
// process, so each limit includes all of it. In a small instance the limits may add up to more than its memory; then
// the kernel kills the decoders' process first.
func memoryLimits(memory, budget int64) (own, decoders int64) {
	usable := memory / 10 * 9
	own = max(usable-decodersBeside, min(budget+ownBeside, usable), memory/2)
	return own, min(budget+decodersMapped, memory)
}

// GoogleCloud returns the backends of the deployed function.
func GoogleCloud(cfg config.Config) Backends {
	collection := func(name string) document.Store {
		return firestore.New(firestore.Config{
			Project: cfg.Project, Database: cfg.FirestoreDatabase, Collection: name,
			Emulator: cfg.FirestoreEmulatorHost,
		})
	}
	return Backends{
		Objects: storage.New(storage.Config{Emulator: cfg.StorageEmulatorHost}),
		Records: collection(cfg.FirestoreCollection),
		Turns:   collection(Turns(cfg.FirestoreCollection)),
		Notify:  newNotifier(cfg.NotifyTopic, cfg.PubSubEmulatorHost),
		Tokens:  idtoken.New(),
		Decoder: page.NewDecoder(),
	}
}

// Turns returns the name of the collection of turns and passes that belongs to a collection of records.
func Turns(records string) string { return records + "_turns" }

// redeliverAfter is how long after a release the sweep leaves a record to the platform's redelivery, which is at least
// every 10 minutes.
const redeliverAfter = 15 * time.Minute

// Option adapts the handler to a local folder as its platform.
type Option func(*worker.Options)

// WithRetryDelay sets how long after the release of the n-th attempt the sweep may take the record. The default, 15
// minutes, suits a platform that redelivers.
func WithRetryDelay(delay func(attempt int) time.Duration) Option {
	return func(o *worker.Options) { o.Rules.RetryDelay = delay }
}

// WithWindowFromProgress lets RETRY_WINDOW begin again whenever a page of a document has been read.
func WithWindowFromProgress() Option {
	return func(o *worker.Options) { o.Rules.FromProgress = true }
}

// New returns a handler on backends. Call its Drain or Shutdown in the end. An error concerns the configuration of the
// OCR client.
func New(cfg config.Config, b Backends, log *slog.Logger, options ...Option) (*Handler, error) {
	sent, err := telemetry.New(telemetry.Config{
		Variables: cfg.Telemetry.OTel, Function: cfg.Telemetry.Function, Revision: cfg.Telemetry.Revision,
		Project: cfg.Project, Log: log,
	})
	if err != nil {
		return nil, err
	}
	client, err := ocr.New(ocrConfig(cfg, b, sent))
	if err != nil {
		return nil, err
	}
	o := workerOptions(cfg, b, client, log)
	o.Traces, o.Metrics = sent.Traces(), sent.Metrics()
	for _, set := range options {
		set(&o)
	}
	w, err := worker.New(o)
	if err != nil {
		return nil, err
	}
	r, err := newReconciler(cfg, b)
	if err != nil {
		return nil, err
	}
	return &Handler{worker: w, reconciler: r, filter: cfg.Filter, log: log, telemetry: sent}, nil
}

func ocrConfig(cfg config.Config, b Backends, sent *telemetry.Telemetry) ocr.Config {
	c := ocr.Config{
		Header: sent.Header(),
		URL:    cfg.OCRURL, Audience: cfg.OCRAudience, APIKey: string(cfg.OCRAPIKey),
		Model: cfg.OCRModel, Profile: cfg.OCRProfile, Mode: cfg.OCRMode,
		Timeout: cfg.OCRTimeout, MaxTokens: cfg.OCRMaxTokens,
		MaxTries: 1, // the worker waits without a place at the service
	}
	if cfg.OCRAuth == config.OIDC && b.Tokens != nil {
		c.Token, c.ForgetToken = b.Tokens.Token, b.Tokens.Forget
	}
	return c
}

func workerOptions(cfg config.Config, b Backends, client *ocr.Client, log *slog.Logger) worker.Options {
	return worker.Options{
		Objects: b.Objects, Records: b.Records, Turns: b.Turns, OCR: client, Notify: b.Notify, Log: log,
		Rules: document.Rules{
			MaxAttempts: cfg.MaxAttempts, RetryWindow: cfg.RetryWindow,
			RetryDelay: func(int) time.Duration { return redeliverAfter },
		},
		Limits: page.Limits{MaxBytes: cfg.MaxBytes, MaxPixels: cfg.MaxPixels, MaxPages: cfg.MaxPages,
			First: cfg.OnMaxPages == config.ReadFirst, Decoder: b.Decoder},
		OCRConcurrency: cfg.OCRConcurrency,
		OCRPlaces:      cfg.OCRInstanceConcurrency,
		OCRTimeout:     cfg.OCRTimeout,
		MemoryBudget:   cfg.MemoryBudget,
		ProcessTimeout: cfg.ProcessTimeout,
		Erase:          cfg.OnDelete == config.Erase,
		Owner:          cfg.Owners.Of,
		PDFText:        cfg.PDFText == config.PreferText,
		Reuse:          cfg.Reuse == config.SameBytes,
		Model:          cfg.OCRModel,
		Mode:           cfg.OCRMode,
		NewID:          rand.Text,
		OCRURL:         cfg.OCRURL,
	}
}
