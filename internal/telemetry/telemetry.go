// Package telemetry is OpenTelemetry's SDK: it sends traces and metrics to a collector, as OTLP over HTTP. Spans and metrics
// are made where things happen, through OpenTelemetry's API. Nothing waits for the collector but the end of a request on
// Cloud Run, for [flushTime] at most. What the collector does not accept in time is dropped.
package telemetry

import (
	"context"
	"fmt"
	"log/slog"
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
	Log        *slog.Logger
}

// Telemetry is the sender. The methods that requests call do nothing on a nil one. It is safe for concurrent use.
type Telemetry struct {
	traces  *sdktrace.TracerProvider // nil: no traces
	metrics *sdkmetric.MeterProvider // nil: no metrics
	invoke  metric.Float64Histogram

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
	source := sourceOf(cfg)
	if err := t.startTraces(cfg, source); err != nil {
		return nil, fmt.Errorf("traces: %w", err)
	}
	if err := t.startMetrics(cfg, source); err != nil {
		return nil, fmt.Errorf("metrics: %w", err)
	}
	return t, nil
}

// Traces returns the provider of spans; one that does nothing where no traces are sent.
func (t *Telemetry) Traces() trace.TracerProvider {
	if t == nil || t.traces == nil {
		return notraces.NewTracerProvider()
	}
	return t.traces
}

// Metrics returns the provider of metrics; one that does nothing where no metrics are sent.
func (t *Telemetry) Metrics() metric.MeterProvider {
	if t == nil || t.metrics == nil {
		return nometrics.NewMeterProvider()
	}
	return t.metrics
}

func (t *Telemetry) startTraces(cfg Config, source *resource.Resource) error {
	if cfg.TracesURL == "" {
		return nil
	}
	client, err := otlptracehttp.New(context.Background(), otlptracehttp.WithEndpointURL(cfg.TracesURL),
		otlptracehttp.WithRetry(otlptracehttp.RetryConfig(retry)))
	if err != nil {
		return err
	}
	t.traces = sdktrace.NewTracerProvider(
		sdktrace.WithResource(source), sdktrace.WithSampler(sampler(cfg)),
		sdktrace.WithBatcher(guardedSpans{client, &guard{what: "traces", log: cfg.Log}}),
	)
	return nil
}

// The metric of requests to the function, in seconds, by faas.trigger and http.response.status_code.
const (
	InvokeDuration = "faas.invoke_duration"
	InvokeMeaning  = "requests to the function: `datasource` an object's event, `timer` a sweep, `other` anything else"
)

func (t *Telemetry) startMetrics(cfg Config, source *resource.Resource) (err error) {
	if cfg.MetricsURL != "" {
		client, err := otlpmetrichttp.New(context.Background(), otlpmetrichttp.WithEndpointURL(cfg.MetricsURL),
			otlpmetrichttp.WithRetry(otlpmetrichttp.RetryConfig(retry)))
		if err != nil {
			return err
		}
		t.metrics = sdkmetric.NewMeterProvider(sdkmetric.WithResource(source),
			sdkmetric.WithReader(sdkmetric.NewPeriodicReader(guardedMetrics{client, &guard{what: "metrics", log: cfg.Log}})))
	}
	t.invoke, err = t.Metrics().Meter(scope).Float64Histogram(InvokeDuration, metric.WithUnit("s"),
		metric.WithDescription(InvokeMeaning),
		metric.WithExplicitBucketBoundaries(0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 80, 120, 240, 480))
	return err
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
