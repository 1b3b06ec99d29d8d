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

// LogProblems makes OpenTelemetry's SDK log problems, mainly with its variables, as warnings, each once. It applies to
// the whole process: call it during set-up, before [New].
func LogProblems(log *slog.Logger) {
	p := &problems{log: log, seen: map[string]bool{}}
	otel.SetErrorHandler(p)
	otel.SetLogger(logr.New(p))
}

// maxProblems is how many different problems are logged, and remembered.
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
	// about OTEL_RESOURCE_ATTRIBUTES, which is read several times and reported in several ways
	if errors.Is(err, resource.ErrPartialResource) {
		key = resource.ErrPartialResource.Error()
	}
	if !p.seen[key] && len(p.seen) < maxProblems {
		p.seen[key] = true
		warn(p.log, "OpenTelemetry found a problem", err)
	}
}

// Error implements [logr.LogSink]. Values, and the URL in an error, are left out: they may contain keys.
func (p *problems) Error(err error, msg string, _ ...any) {
	if address := (*url.Error)(nil); errors.As(err, &address) {
		err = address.Err
	}
	p.Handle(fmt.Errorf("%s: %w", msg, err))
}

// The rest of [logr.LogSink]: only errors are logged.

func (p *problems) Init(logr.RuntimeInfo)          {}
func (p *problems) Enabled(int) bool               { return false }
func (p *problems) Info(int, string, ...any)       {}
func (p *problems) WithValues(...any) logr.LogSink { return p }
func (p *problems) WithName(string) logr.LogSink   { return p }

// maxError is how many bytes of an error are logged: it may contain the collector's answer.
const maxError = 200

// warn logs an error of the SDK with the names of the variables that are set: the error itself seldom names its
// variable.
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
