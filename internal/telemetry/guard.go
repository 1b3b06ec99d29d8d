package telemetry

import (
	"context"
	"log/slog"
	"sync"
	"time"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/bucketocr/bucketocr/internal/document"
)

// pauseTime is how long after a failure everything is dropped at once, so that no request waits.
const pauseTime = 30 * time.Second

// guard is a circuit breaker: after a failure it makes no request for [pauseTime]. It logs a failure once, and the
// recovery.
type guard struct {
	what string
	log  *slog.Logger

	mu     sync.Mutex
	failed bool
	until  time.Time
}

// do calls export, unless the last export failed within pauseTime: then the data is dropped. It always returns nil:
// guard has logged an error, and the SDK would log it again.
func (g *guard) do(export func() error) error {
	g.mu.Lock()
	paused := time.Now().Before(g.until)
	g.mu.Unlock()
	if paused {
		return nil
	}
	err := export()
	g.mu.Lock()
	defer g.mu.Unlock()
	if err != nil {
		g.until = time.Now().Add(pauseTime)
	}
	switch {
	case err != nil && !g.failed:
		g.log.Warn("OTLP export failed: dropping "+g.what+" until it recovers", "error",
			document.Clip(err.Error(), maxError))
	case err == nil && g.failed:
		g.log.Info("OTLP export recovered: sending " + g.what + " again")
	}
	g.failed = err != nil
	return nil
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
