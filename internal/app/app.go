// Package app is the function as a program: a worker wired to its backends, served over HTTP and shut down in time.
// Cloud Run, bucketocr serve and bucketocr up share it. It decides nothing about documents: internal/worker does.
//
// Files, in reading order:
//
//	app.go      wiring
//	handler.go  HTTP, and shutdown
//	notify.go   ends that are announced
//	reconcile.go what lost events left in the buckets
//	backends.go what the function works on
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

// Start sets the process up as Cloud Run wants it: configured by lookup, logging to logs, and shut down and ended at
// SIGTERM. It returns the handler to serve. The error lists every problem of the configuration.
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

// Setup returns a handler over Google Cloud, which has its compiled decoders in the folder engines ("": nowhere), and
// sets the process's memory limit and OpenTelemetry's error log. It connects to nothing: clients connect when they are
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

// KeepEngines has a Decoder keep its compiled engines in a folder, and logs why it does not, unless the folder is "".
func KeepEngines(d *page.Decoder, folder string, log *slog.Logger) {
	if folder == "" {
		return
	}
	if err := d.KeepEngines(folder); err != nil {
		log.Warn("compiled decoders are not kept, each start compiles them", "error", err.Error())
	}
}

// limitMemory bounds this process and the decoders' by the instance's memory, so that what a decoder left, or goes on
// to take, does not kill the instance. GOMEMLIMIT, which the runtime reads itself, takes precedence for this process.
// Unknown memory sets no limit.
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

// What a process takes beside the pictures that the budget counts, in bytes.
const (
	// measured: 331 MiB while PDFium is compiled, then 80; and as much again as a picture leaves
	decodersBeside = 400 << 20
	// the same as its hard limit counts it: all that is mapped, used or not, 112 MiB of stacks among it
	decodersMapped = 512 << 20
	ownBeside      = 64 << 20
)

// memoryLimits divides an instance's memory, of which the budget is for pictures, in either process. Each limit has
// room for all of the budget: pictures are accounted for wherever they are. Together the limits may be more than there
// is, where that is little; then the kernel ends the decoders' process first.
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

// Turns returns the collection of turns and passes beside that of the records.
func Turns(records string) string { return records + "_turns" }

// redeliverAfter is how long after a release the sweep leaves a record to the platform's own redelivery, which comes at
// least every 10 minutes.
const redeliverAfter = 15 * time.Minute

// Option changes what the handler does where the platform is a folder on this machine.
type Option func(*worker.Options)

// WithRetryDelay sets how long after the release of the n-th attempt the sweep may take the record. The default is 15
// minutes, which is right where the platform redelivers.
func WithRetryDelay(delay func(attempt int) time.Duration) Option {
	return func(o *worker.Options) { o.Rules.RetryDelay = delay }
}

// New returns a handler over backends, to be drained in the end. The error says what is wrong with the configuration of
// the OCR client.
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
