package config

import (
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/bucketocr/bucketocr/internal/event"
)

// Config is the configuration of one process. It is read at start and never changes.
type Config struct {
	OCRURL      string // base URL of the OCR service, without a trailing slash or /v1; required
	OCRAudience string // audience of the ID token; default the origin of OCRURL
	OCRAuth     Auth   // default OIDC; NoAuth if OCRURL is plain http on this machine
	OCRAPIKey   Secret // vLLM's own key; default none
	OCRModel    string // as the server names it; default lightonai/LightOnOCR-2-1B
	OCRProfile  string // edge, sampling, layout; default "": by the model's name
	// plain or layout; default plain. ocr.New checks whether the model has a layout mode
	OCRMode        string
	OCRTimeout     time.Duration // one try, connect to last byte; default 120 s, less than ProcessTimeout
	OCRMaxTokens   int           // tokens of one answer; default 0: by the profile
	OCRConcurrency int           // pages in flight for one object; default 4, 1 to 64

	OCRInstanceConcurrency int // pages in flight for all objects of the instance; default 8, 1 to 1000

	Project             string // GOOGLE_CLOUD_PROJECT; default "": from the metadata server
	FirestoreDatabase   string // default (default)
	FirestoreCollection string // default ocr_documents

	Filter       event.Filter  // of INCLUDE and EXCLUDE; default every name
	Owners       event.Owners  // of OWNER_PATTERN; default none
	MaxBytes     int64         // size of an object in bytes, unpacked; default 64 MiB
	MaxPixels    int64         // pixels of a page; default 60,000,000
	MaxPages     int           // pages of an object; default 2000, at most 9999
	OnMaxPages   OnMaxPages    // default FailLong
	PDFText      PDFText       // default NeverText
	Reuse        Reuse         // default ReadAll
	MemoryBudget int64         // bytes of decoded pages in flight; default half of the instance's memory, or 512 MiB
	Memory       int64         // the instance's memory in bytes, read from its cgroup; 0 if there is no limit
	MaxAttempts  int           // strikes with which a page fails; default 3
	RetryWindow  time.Duration // from the first claim until a fault ends the record (document.Rules.Last); default 24 h

	ProcessTimeout time.Duration // one delivery; default 480 s, less than ServiceTimeout
	ServiceTimeout time.Duration // the platform's limit for one request, less than 600 s; default 540 s
	OnDelete       OnDelete      // default Keep

	ReconcileBuckets []string   // for the event bucketocr.reconcile; default none
	LogLevel         slog.Level // default info

	Port           int    // TCP port to listen on; default 8080, 0 for any that is free
	FunctionTarget string // name of the function to serve; default ExtractText

	Telemetry Telemetry // OpenTelemetry; default none

	NotifyTopic string // full name of the topic where ends are announced; default none

	PubSubEmulatorHost    string // host:port; default none
	StorageEmulatorHost   string // host:port or a URL; default none
	FirestoreEmulatorHost string // host:port; default none
}

// Auth is the way in which the function authenticates to the OCR service.
type Auth string

// The ways of OCR_AUTH.
const (
	OIDC   Auth = "oidc" // with an ID token of Google's
	NoAuth Auth = "none"
)

// OnDelete is the effect of an object's deletion on its document.
type OnDelete string

// The choices of ON_DELETE.
const (
	Keep  OnDelete = "keep"
	Erase OnDelete = "erase"
)

// OnMaxPages decides on an object with more pages than MaxPages.
type OnMaxPages string

// The choices of ON_MAX_PAGES.
const (
	FailLong  OnMaxPages = "fail"
	ReadFirst OnMaxPages = "first"
)

// PDFText decides whether the text in a PDF is used.
type PDFText string

// The choices of PDF_TEXT.
const (
	NeverText  PDFText = "never"
	PreferText PDFText = "prefer"
)

// Reuse decides whether the text of an object may be copied from another object's document.
type Reuse string

// The choices of REUSE.
const (
	ReadAll   Reuse = "off"
	SameBytes Reuse = "same-bytes"
)

// Telemetry holds the OpenTelemetry settings that the function itself reads. They are not checked here: a wrong one
// must not stop the function, so internal/telemetry and OpenTelemetry's SDK log a warning.
type Telemetry struct {
	Function string            // K_SERVICE, faas.name; default "": not on Cloud Run
	Revision string            // K_REVISION, faas.version
	OTel     map[string]string // variables that decide whether anything is sent, and where; default none
}

// Secret is a value that printing, logging and encoding hide. string(s) is the value itself.
type Secret string

const hidden = "(not shown)"

// Format prints a stand-in, whatever the verb, and nothing for an empty secret.
func (s Secret) Format(f fmt.State, _ rune) {
	if s != "" {
		_, _ = io.WriteString(f, hidden) // to a printer's buffer, which does not fail
	}
}

// MarshalText does the same for encodings and for slog.
func (s Secret) MarshalText() ([]byte, error) { return fmt.Append(nil, s), nil }
