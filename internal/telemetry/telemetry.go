// Package telemetry sends OpenTelemetry's traces and metrics of what deliveries do to a collector, as OTLP over HTTP. It
// observes the pipeline and the OCR client; nothing waits for it but the end of a request on Cloud Run, for [flushTime] at
// most. What the collector does not take in time is dropped. Neither text of documents nor tokens are in what it sends.
package telemetry

import (
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"sync/atomic"

	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/metric"
	nometrics "go.opentelemetry.io/otel/metric/noop"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	notraces "go.opentelemetry.io/otel/trace/noop"
)

// scope names what made the spans and metrics.
const scope = "github.com/bucketocr/bucketocr"

// Config says where traces and metrics go and what they say of their source.
type Config struct {
	TracesURL  string // OTLP over HTTP, whole; empty: no traces
	MetricsURL string // the same for metrics
	Service    string // service.name
	Function   string // faas.name, on Cloud Run; empty elsewhere
	Revision   string // faas.version
	Project    string // cloud.account.id, where known
	Attributes map[string]string
	Sampler    string  // by OpenTelemetry's names
	Ratio      float64 // of the samplers that take one
	OCRURL     string  // whose host and port the tries name
	Log        *slog.Logger
}

// Telemetry is the sender. The methods that requests call do nothing on a nil one. It is safe for concurrent use.
type Telemetry struct {
	traces    *sdktrace.TracerProvider // nil: no traces
	metrics   *sdkmetric.MeterProvider // nil: no metrics
	tracer    trace.Tracer
	measured  *instruments
	ocrServer []measure

	onCloudRun bool
	running    atomic.Int64 // requests
	held       atomic.Bool  // no flush at their end any more
	flushing   flushing
}

// New makes a sender; nil where nothing is to be sent. It calls nobody.
func New(cfg Config) (*Telemetry, error) {
	if cfg.TracesURL == "" && cfg.MetricsURL == "" {
		return nil, nil
	}
	t := &Telemetry{onCloudRun: cfg.Function != ""}
	if u, err := url.Parse(cfg.OCRURL); err == nil {
		t.ocrServer = serverOf(u)
	}
	source := sourceOf(cfg)
	tracers, err := t.tracers(cfg, source)
	if err != nil {
		return nil, fmt.Errorf("traces: %w", err)
	}
	meters, err := t.meters(cfg, source)
	if err != nil {
		return nil, fmt.Errorf("metrics: %w", err)
	}
	t.tracer = tracers.Tracer(scope)
	if t.measured, err = newInstruments(meters.Meter(scope)); err != nil {
		return nil, fmt.Errorf("metrics: %w", err)
	}
	return t, nil
}

func (t *Telemetry) tracers(cfg Config, source *resource.Resource) (trace.TracerProvider, error) {
	if cfg.TracesURL == "" {
		return notraces.NewTracerProvider(), nil
	}
	client, err := otlptracehttp.New(context.Background(), otlptracehttp.WithEndpointURL(cfg.TracesURL),
		otlptracehttp.WithRetry(otlptracehttp.RetryConfig(retry)))
	if err != nil {
		return nil, err
	}
	t.traces = sdktrace.NewTracerProvider(
		sdktrace.WithResource(source), sdktrace.WithSampler(sampler(cfg)),
		sdktrace.WithBatcher(guardedSpans{client, &guard{what: "traces", log: cfg.Log}}),
	)
	return t.traces, nil
}

func (t *Telemetry) meters(cfg Config, source *resource.Resource) (metric.MeterProvider, error) {
	if cfg.MetricsURL == "" {
		return nometrics.NewMeterProvider(), nil
	}
	client, err := otlpmetrichttp.New(context.Background(), otlpmetrichttp.WithEndpointURL(cfg.MetricsURL),
		otlpmetrichttp.WithRetry(otlpmetrichttp.RetryConfig(retry)))
	if err != nil {
		return nil, err
	}
	t.metrics = sdkmetric.NewMeterProvider(sdkmetric.WithResource(source),
		sdkmetric.WithReader(sdkmetric.NewPeriodicReader(guardedMetrics{client, &guard{what: "metrics", log: cfg.Log}})))
	return t.metrics, nil
}

// sampler is the one of that name; an unknown name is the default's.
func sampler(cfg Config) sdktrace.Sampler {
	switch cfg.Sampler {
	case "always_on":
		return sdktrace.AlwaysSample()
	case "always_off":
		return sdktrace.NeverSample()
	case "traceidratio":
		return sdktrace.TraceIDRatioBased(cfg.Ratio)
	case "parentbased_always_off":
		return sdktrace.ParentBased(sdktrace.NeverSample())
	case "parentbased_traceidratio":
		return sdktrace.ParentBased(sdktrace.TraceIDRatioBased(cfg.Ratio))
	}
	return sdktrace.ParentBased(sdktrace.AlwaysSample())
}
