// Package config is everything that can be set: one struct, read once from a lookup, every problem reported at once.
//
// The variables, their defaults and limits are in one table (variables.go), which the loader works through and
// [Variables] hands to the README's test and to "serve --help". Nothing else of the program reads the environment, but for
// the root package (K_SERVICE: whether this is Cloud Run at all), the runtime (GOMEMLIMIT), Google's clients, whose usual four
// are in the table as well, and OpenTelemetry's SDK, whose main ones are, and which knows more (headers, certificates, time-outs,
// sizes of batches).
package config

import (
	"log/slog"
	"os"
	"time"

	"github.com/bucketocr/bucketocr/internal/event"
	"github.com/bucketocr/bucketocr/ocr"
)

// Config is how one process is set up. It is read at start and never changes.
type Config struct {
	OCRURL         string        // base URL of the OCR service, without a slash or /v1 at its end; required
	OCRAudience    string        // audience of the ID token; default the origin of OCRURL
	OCRAuth        Auth          // default OIDC; NoAuth where OCRURL is plain http on this machine
	OCRAPIKey      Secret        // vLLM's own key; default none
	OCRModel       string        // as the server names it; default lightonai/LightOnOCR-2-1B
	OCRProfile     string        // edge, sampling, layout; default "", which is by the model's name
	OCRMode        Mode          // default Plain. Whether the model has a layout mode is for ocr.New to say
	OCRTimeout     time.Duration // one try, connect to last byte; default 120 s, less than ProcessTimeout
	OCRMaxTokens   int           // tokens of one answer; default 4096
	OCRConcurrency int           // pages in flight for one object; default 4, 1 to 64

	OCRInstanceConcurrency int // pages in flight for all objects of the instance; default 8, 1 to 1000

	Project             string // GOOGLE_CLOUD_PROJECT; default "", which is to ask the metadata server
	FirestoreDatabase   string // default (default)
	FirestoreCollection string // default ocr_documents

	Filter       event.Filter  // of INCLUDE and EXCLUDE; default every name
	MaxBytes     int64         // size of an object in bytes, unpacked; default 64 MiB
	MaxPixels    int64         // pixels of a page; default 60,000,000
	MaxPages     int           // pages of an object; default 2000, at most 9999
	MemoryBudget int64         // bytes of decoded pages in flight; default half of the instance's memory, or 512 MiB
	Memory       int64         // bytes that the instance has, read from its cgroup; 0 where nothing limits it
	MaxAttempts  int           // proven faults of an object before it fails; default 5
	MaxDoubts    int           // unproven ones; default 20
	RetryWindow  time.Duration // from the first claim until any fault is final; default 24 h

	ProcessTimeout time.Duration // one delivery; default 480 s, less than ServiceTimeout
	ServiceTimeout time.Duration // the platform's limit for one request, less than 600 s; default 540 s
	OnDelete       OnDelete      // default Keep
	LogLevel       slog.Level    // default info

	Port           int    // TCP port to listen on; default 8080, 0 for any that is free
	FunctionTarget string // name of the function to serve; default ExtractText

	Telemetry Telemetry // OpenTelemetry; default none

	StorageEmulatorHost   string // host:port or a URL; default none
	FirestoreEmulatorHost string // host:port; default none
}

// Auth is how we show the OCR service who we are.
type Auth string

// The ways of OCR_AUTH.
const (
	OIDC   Auth = "oidc" // with an ID token of Google's
	NoAuth Auth = "none"
)

// Mode is what the model is asked for.
type Mode string

// The modes of OCR_MODE.
const (
	Plain  Mode = ocr.ModePlain
	Layout Mode = ocr.ModeLayout // blocks with their place on the page
)

// OnDelete is what happens to a document when its object is deleted.
type OnDelete string

// The choices of ON_DELETE.
const (
	Keep  OnDelete = "keep"
	Erase OnDelete = "erase"
)

// Load reads every variable once. lookup is os.LookupEnv or a map's; spaces around a value are cut off, and an empty
// value counts as not set. Besides, the memory limit of the instance is read from the cgroup file system.
//
// The error is an [*Error] that names every problem there is; the Config is then zero.
func Load(lookup func(name string) (value string, ok bool)) (Config, error) {
	return load(lookup, memoryLimit(os.DirFS("/")))
}

// LoadStores reads only what says where objects and documents are, for commands that look at them and serve nothing. The
// rest of the Config is zero. Otherwise it is as [Load].
func LoadStores(lookup func(name string) (value string, ok bool)) (Config, error) {
	var c Config
	problems := make(map[string]string)
	settings := append(c.storeSettings(), c.clientSettings()...)
	for _, s := range settings {
		if what := s.read(lookup); what != "" {
			problems[s.name] = what
		}
	}
	if len(problems) > 0 {
		return Config{}, inOrder(settings, problems)
	}
	return c, nil
}

// load takes the instance's memory in bytes; 0 where nothing limits it.
func load(lookup func(string) (string, bool), memory int64) (Config, error) {
	var c Config
	problems := make(map[string]string) // by variable
	settings := c.settings()
	for _, s := range settings {
		if what := s.read(lookup); what != "" {
			problems[s.name] = what
		}
	}
	c.derive(memory)
	for _, r := range c.rules(memory) {
		r.check(problems)
	}
	if len(problems) > 0 {
		return Config{}, inOrder(settings, problems)
	}
	return c, nil
}
