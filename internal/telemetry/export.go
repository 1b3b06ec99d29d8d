package telemetry

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/bucketocr/bucketocr/internal/document"
)

// How long a failing collector may delay the function, and how often it is asked.
const (
	flushTime    = time.Second      // the longest that a request waits at its end
	pauseTime    = 30 * time.Second // after a failure: everything is dropped at once and no request waits
	metricsEvery = 10 * time.Second // at the soonest, at the end of requests: backends refuse points that come faster
)

// maxError bounds, in bytes, what is logged of an error: it may hold what the collector answered.
const maxError = 200

// retries returns when a failed request is repeated: within moments only, for anything longer is guard's.
func retries() otlptracehttp.RetryConfig {
	return otlptracehttp.RetryConfig{
		Enabled: true, InitialInterval: 100 * time.Millisecond, MaxInterval: 400 * time.Millisecond, MaxElapsedTime: flushTime,
	}
}

// guard is a circuit breaker: after a failure it makes no request for [pauseTime]. It logs a failure once, and the recovery.
type guard struct {
	what string
	log  *slog.Logger

	mu     sync.Mutex
	failed bool
	until  time.Time
}

// do exports, unless the last export failed a moment ago: the data is then dropped. It returns no error: guard has logged it,
// and the SDK would log it again.
func (g *guard) do(export func() error) error {
	if g.paused() {
		return nil
	}
	err := export()
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case err != nil:
		if !g.failed {
			g.log.Warn("OTLP export failed: dropping "+g.what+" until it recovers", "error", document.Clip(err.Error(), maxError))
		}
		g.until = time.Now().Add(pauseTime)
	case g.failed:
		g.log.Info("OTLP export recovered: sending " + g.what + " again")
	}
	g.failed = err != nil
	return nil
}

func (g *guard) paused() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return time.Now().Before(g.until)
}

type guardedSpans struct {
	sdktrace.SpanExporter
	guard *guard
}

func (e guardedSpans) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	return e.guard.do(func() error { return e.SpanExporter.ExportSpans(ctx, spans) })
}

type guardedMetrics struct {
	sdkmetric.Exporter
	guard *guard
}

func (e guardedMetrics) Export(ctx context.Context, m *metricdata.ResourceMetrics) error {
	return e.guard.do(func() error { return e.Exporter.Export(ctx, m) })
}

// flushing decides when a request flushes at its end. The zero value is ready to use.
type flushing struct {
	mu      sync.Mutex
	metrics time.Time // of the last flush of metrics
	pause   time.Time // no flush before
}

// due reports whether to flush now, and whether to flush metrics too.
func (f *flushing) due(now time.Time) (all, metrics bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if now.Before(f.pause) {
		return false, false
	}
	if now.Sub(f.metrics) >= metricsEvery {
		f.metrics, metrics = now, true
	}
	return true, metrics
}

// hung records that a flush used up its time.
func (f *flushing) hung() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.pause = time.Now().Add(pauseTime)
}

// flush sends what is waiting, within flushTime.
func (t *Telemetry) flush() {
	all, metrics := t.flushing.due(time.Now())
	if !all {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), flushTime)
	defer cancel()
	var both sync.WaitGroup
	if t.traces != nil {
		both.Go(func() { _ = t.traces.ForceFlush(ctx) }) // the guard has logged it
	}
	if t.metrics != nil && metrics {
		both.Go(func() { _ = t.metrics.ForceFlush(ctx) })
	}
	both.Wait()
	if ctx.Err() != nil {
		t.flushing.hung()
	}
}

// Hold makes requests end without a flush from now on: Shutdown is near, and nothing may delay their answers.
func (t *Telemetry) Hold() {
	if t != nil {
		t.held.Store(true)
	}
}

// Shutdown sends what is waiting. It returns at the latest when ctx ends. Nothing is sent afterwards.
func (t *Telemetry) Shutdown(ctx context.Context) {
	if t == nil {
		return
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		var both sync.WaitGroup
		if t.traces != nil {
			both.Go(func() { _ = t.traces.Shutdown(ctx) })
		}
		if t.metrics != nil {
			both.Go(func() { _ = t.metrics.Shutdown(ctx) })
		}
		both.Wait()
	}()
	select {
	case <-done:
	case <-ctx.Done():
	}
}
