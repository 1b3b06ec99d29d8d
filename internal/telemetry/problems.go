package telemetry

import (
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/go-logr/logr"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/sdk/resource"

	"github.com/bucketocr/bucketocr/internal/document"
)

// LogProblems has OpenTelemetry's SDK log what it finds wrong, above all with its variables, as warnings, each once. It
// holds for the whole process: call it where the process is set up, before [New].
func LogProblems(log *slog.Logger) {
	p := &problems{log: log, seen: map[string]bool{}}
	otel.SetErrorHandler(p)
	otel.SetLogger(logr.New(p))
}

// maxProblems bounds how many different problems are logged, and remembered.
const maxProblems = 100

// problems is the SDK's error handler and its logger.
type problems struct {
	log *slog.Logger

	mu   sync.Mutex
	seen map[string]bool // by the error's text
}

// Handle implements [otel.ErrorHandler].
func (p *problems) Handle(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	key := err.Error()
	// of OTEL_RESOURCE_ATTRIBUTES, read several times and reported in several ways
	if errors.Is(err, resource.ErrPartialResource) {
		key = resource.ErrPartialResource.Error()
	}
	if !p.seen[key] && len(p.seen) < maxProblems {
		p.seen[key] = true
		warn(p.log, "OpenTelemetry found a problem", err)
	}
}

// Error implements [logr.LogSink]. Values, and the URL in an error, are left out: they may hold keys.
func (p *problems) Error(err error, msg string, _ ...any) {
	if address := (*url.Error)(nil); errors.As(err, &address) {
		err = address.Err
	}
	p.Handle(fmt.Errorf("%s: %w", msg, err))
}

// The rest of [logr.LogSink]: what is not an error is not logged.

func (p *problems) Init(logr.RuntimeInfo)          {}
func (p *problems) Enabled(int) bool               { return false }
func (p *problems) Info(int, string, ...any)       {}
func (p *problems) WithValues(...any) logr.LogSink { return p }
func (p *problems) WithName(string) logr.LogSink   { return p }

// maxError bounds, in bytes, what is logged of an error: it may hold what the collector answered.
const maxError = 200

// warn logs an error of the SDK's, with the names of its variables that are set: its errors seldom name the one they
// are about.
func warn(log *slog.Logger, msg string, err error) {
	var set []string
	for _, pair := range os.Environ() {
		if name, value, _ := strings.Cut(pair, "="); strings.HasPrefix(name, "OTEL_") && value != "" {
			set = append(set, name)
		}
	}
	slices.Sort(set)
	log.Warn(msg, "error", document.Clip(err.Error(), maxError), "variables", set)
}
