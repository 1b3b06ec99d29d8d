package telemetry

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"testing"

	"github.com/go-logr/logr"
)

// TestProblemsOfTheSDK: each is logged once, as a warning with the names of the variables that are set. What may hold a
// key is not shown.
func TestProblemsOfTheSDK(t *testing.T) {
	t.Setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-api-key hush")
	var log bytes.Buffer
	p := &problems{log: slog.New(slog.NewTextHandler(&log, nil)), seen: map[string]bool{}}
	logger := logr.New(p)
	_, wrongURL := url.Parse("http://user:hush@c:x") //nolint:staticcheck // the port has to be wrong
	for range 2 {                                    // traces and metrics report the same
		p.Handle(errors.New("unsupported sampler: half"))
		logger.Error(errors.New("missing '="), "parse headers", "input", "x-api-key hush")
		logger.WithName("n").WithValues("k", "hush").Error(wrongURL, "parse url", "input", "http://user:hush@c:x")
		logger.Info("TracerProvider created", "config", "hush")
	}
	lines := strings.Split(strings.TrimSpace(log.String()), "\n")
	for i, want := range []string{"unsupported sampler: half", "parse headers: missing '=", "parse url: "} {
		if len(lines) != 3 || !strings.Contains(lines[i], want) || !strings.Contains(lines[i], "level=WARN") ||
			!strings.Contains(lines[i], "OTEL_EXPORTER_OTLP_HEADERS") {
			t.Fatalf("%d lines, want %q in\n%s", len(lines), want, log.String())
		}
	}
	if strings.Contains(log.String(), "hush") {
		t.Errorf("a value is shown:\n%s", log.String())
	}
	for n := range 2 * maxProblems {
		p.Handle(fmt.Errorf("problem %d", n))
	}
	if n := strings.Count(log.String(), "\n"); n != maxProblems {
		t.Errorf("%d lines, want at most %d", n, maxProblems)
	}
}
