package bucketocr

import (
	"crypto/rand"
	"io"
	"log/slog"
	"runtime/debug"
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

// redeliverAfter is how long after a release the sweep leaves the record to the platform's own redelivery, which comes at
// least every 10 minutes.
const redeliverAfter = 15 * time.Minute

// Setup reads the configuration of DESIGN 6 and makes the door to Google Cloud that ExtractText serves. It calls nobody:
// clients connect when they are first used. The error lists every problem of the configuration.
func Setup(lookup func(string) (string, bool), logs io.Writer) error {
	cfg, err := config.Load(lookup)
	if err != nil {
		return err
	}
	log := cloudlog.New(logs, cfg.LogLevel, cfg.Project)
	d, err := New(cfg, googleCloud(cfg), log)
	if err != nil {
		return err
	}
	limitMemory(lookup, cfg.Memory)
	door.Store(d)
	return nil
}

// limitMemory has the garbage collector keep the process within nine tenths of the instance's memory, so that what a
// decoder left behind does not kill it. GOMEMLIMIT, which the runtime reads itself, goes before.
func limitMemory(lookup func(string) (string, bool), memory int64) {
	if _, set := lookup("GOMEMLIMIT"); !set && memory > 0 {
		debug.SetMemoryLimit(memory / 10 * 9)
	}
}

// World is what differs between the cloud and a laptop.
type World struct {
	Objects   document.Objects
	Records   document.Store
	Token     ocr.TokenFunc // nil: the OCR service is called without an ID token
	Forget    func(audience string)
	Decoder   *page.Decoder                   // for PDF, AVIF and HEIC
	Redeliver func(attempt int) time.Duration // when the sweep may take what was released
}

// googleCloud is the world of the deployed function.
func googleCloud(cfg config.Config) World {
	tokens := idtoken.New()
	return World{
		Objects: storage.New(storage.Config{Emulator: cfg.StorageEmulatorHost}),
		Records: firestore.New(firestore.Config{
			Project: cfg.Project, Database: cfg.FirestoreDatabase, Collection: cfg.FirestoreCollection,
			Emulator: cfg.FirestoreEmulatorHost,
		}),
		Token:     tokens.Token,
		Forget:    tokens.Forget,
		Decoder:   page.NewDecoder(),
		Redeliver: func(int) time.Duration { return redeliverAfter },
	}
}

// New wires a door, to be drained in the end. The error lists what is wrong with the OCR client's part of the configuration.
func New(cfg config.Config, w World, log *slog.Logger) (*Door, error) {
	sent, err := telemetry.New(telemetryConfig(cfg, log))
	if err != nil {
		return nil, err
	}
	client, err := ocr.New(ocrConfig(cfg, w, sent))
	if err != nil {
		return nil, err
	}
	o := options(cfg, w, client, log)
	o.Traces, o.Metrics = sent.Traces(), sent.Metrics()
	w2, err := worker.New(o)
	if err != nil {
		return nil, err
	}
	return &Door{worker: w2, filter: cfg.Filter, log: log, telemetry: sent}, nil
}

func telemetryConfig(cfg config.Config, log *slog.Logger) telemetry.Config {
	t := cfg.Telemetry
	return telemetry.Config{
		TracesURL: t.TracesURL, MetricsURL: t.MetricsURL, Service: t.Service, Function: t.Function, Revision: t.Revision,
		Project: cfg.Project, Attributes: t.Attributes, Sampler: t.Sampler, Ratio: t.Ratio, Log: log,
	}
}

func ocrConfig(cfg config.Config, w World, sent *telemetry.Telemetry) ocr.Config {
	c := ocr.Config{
		Header: sent.Header(),
		URL:    cfg.OCRURL, Audience: cfg.OCRAudience, APIKey: string(cfg.OCRAPIKey),
		Model: cfg.OCRModel, Profile: cfg.OCRProfile, Mode: string(cfg.OCRMode),
		Timeout: cfg.OCRTimeout, MaxTokens: cfg.OCRMaxTokens,
	}
	if cfg.OCRAuth == config.OIDC {
		c.Token, c.ForgetToken = w.Token, w.Forget
	}
	return c
}

func options(cfg config.Config, w World, client *ocr.Client, log *slog.Logger) worker.Options {
	return worker.Options{
		Objects: w.Objects, Records: w.Records, OCR: client, Log: log,
		Rules: document.Rules{
			MaxAttempts: cfg.MaxAttempts, MaxDoubts: cfg.MaxDoubts, RetryWindow: cfg.RetryWindow, RetryDelay: w.Redeliver,
		},
		Limits:         page.Limits{MaxBytes: cfg.MaxBytes, MaxPixels: cfg.MaxPixels, MaxPages: cfg.MaxPages, Decoder: w.Decoder},
		OCRConcurrency: cfg.OCRConcurrency,
		OCRPlaces:      cfg.OCRInstanceConcurrency,
		MemoryBudget:   cfg.MemoryBudget,
		ProcessTimeout: cfg.ProcessTimeout,
		Erase:          cfg.OnDelete == config.Erase,
		NewID:          rand.Text,
		OCRURL:         cfg.OCRURL,
	}
}
