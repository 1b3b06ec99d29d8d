// Package telemetry sets up OpenTelemetry's SDK, which sends traces and metrics to a collector as OTLP over HTTP. Spans and
// metrics are made where things happen, through OpenTelemetry's API. Only the end of a request on Cloud Run waits for the
// collector, for [flushTime] at most. What the collector does not accept in time is dropped.
//
// The SDK reads its own variables from the process's environment: sampler, service name and attributes, headers, certificates,
// time-outs, sizes of batches. Read here, and handed over by the configuration, is only what the SDK for Go does not read by
// itself: whether anything is sent at all (OTEL_SDK_DISABLED, OTEL_TRACES_EXPORTER, OTEL_METRICS_EXPORTER), the protocol, and
// the addresses, since no address means that nothing is sent. Because the addresses are handed over, functions with different
// collectors can also run in one process. No wrong variable stops the function: each is logged, and telemetry goes on with
// the default or is off. The exporters for gRPC, Prometheus and the console are left out, and so is contrib's autoexport,
// which would link them all.
//
// In reading order: telemetry.go (traces and metrics), destination.go (where they go), source.go (what they say of the
// process), problems.go (what the SDK finds wrong), request.go (what the handler calls), export.go (a collector that fails, flush
// and shutdown).
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

// Config is what the function adds to OpenTelemetry's own variables.
type Config struct {
	Variables map[string]string // those that decide whether anything is sent, and where
	Function  string            // faas.name, on Cloud Run; empty elsewhere
	Revision  string            // faas.version
	Project   string            // cloud.account.id, where known
	Log       *slog.Logger      // gets a warning for each wrong variable, and one when the collector fails
}

// Telemetry sends traces and metrics. The methods that requests call do nothing on a nil one. It is safe for concurrent use.
type Telemetry struct {
	traces  *sdktrace.TracerProvider // nil: no traces
	metrics *sdkmetric.MeterProvider // nil: no metrics
	invoke  metric.Float64Histogram

	onCloudRun bool
	running    atomic.Int64 // requests
	held       atomic.Bool  // no flush at their end any more
	flushing   flushing
}

// The metric of requests to the function, in seconds, by faas.trigger and http.response.status_code.
const (
	InvokeDuration = "faas.invoke_duration"
	InvokeMeaning  = "requests to the function: `datasource` an object's event, `timer` a sweep, `other` anything else"
)

// New returns a Telemetry, or nil where nothing is to be sent. It connects to nothing. The error is never one of the
// variables, which are only logged.
func New(cfg Config) (*Telemetry, error) {
	toTraces, toMetrics := destinations(cfg.Variables, cfg.Log)
	t := &Telemetry{onCloudRun: cfg.Function != ""}
	source := sourceOf(cfg)
	if toTraces != "" {
		t.startTraces(toTraces, source, cfg.Log)
	}
	if toMetrics != "" {
		t.startMetrics(toMetrics, source, cfg.Log)
	}
	if t.traces == nil && t.metrics == nil {
		return nil, nil
	}
	var err error
	t.invoke, err = t.Metrics().Meter(scope).Float64Histogram(InvokeDuration, metric.WithUnit("s"),
		metric.WithDescription(InvokeMeaning),
		metric.WithExplicitBucketBoundaries(0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 80, 120, 240, 480))
	if err != nil {
		return nil, fmt.Errorf("metric %s: %w", InvokeDuration, err)
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

func (t *Telemetry) startTraces(url string, source *resource.Resource, log *slog.Logger) {
	client, err := otlptracehttp.New(context.Background(), otlptracehttp.WithEndpointURL(url),
		otlptracehttp.WithEncoding(otlptracehttp.EncodingProtobuf), otlptracehttp.WithRetry(retries()))
	if err != nil {
		warn(log, "no traces are sent", err)
		return
	}
	t.traces = sdktrace.NewTracerProvider(sdktrace.WithResource(source),
		sdktrace.WithBatcher(guardedSpans{client, &guard{what: "traces", log: log}}))
}

func (t *Telemetry) startMetrics(url string, source *resource.Resource, log *slog.Logger) {
	client, err := otlpmetrichttp.New(context.Background(), otlpmetrichttp.WithEndpointURL(url),
		otlpmetrichttp.WithRetry(otlpmetrichttp.RetryConfig(retries())))
	if err != nil {
		warn(log, "no metrics are sent", err)
		return
	}
	t.metrics = sdkmetric.NewMeterProvider(sdkmetric.WithResource(source),
		sdkmetric.WithReader(sdkmetric.NewPeriodicReader(guardedMetrics{client, &guard{what: "metrics", log: log}})))
}
