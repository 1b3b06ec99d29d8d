// Package telemetry sets up OpenTelemetry's SDK, which sends traces and metrics to a collector as OTLP over HTTP. Other
// packages make spans and metrics through OpenTelemetry's API. Only the end of a request on Cloud Run waits for the
// collector, for [flushTime] at most. Data that the collector does not accept in time is dropped.
//
// The SDK reads its own variables from the process's environment: sampler, service name and attributes, headers,
// certificates, time-outs, sizes of batches. This package takes from the configuration only the variables that the SDK
// for Go does not read: whether anything is sent (OTEL_SDK_DISABLED, OTEL_TRACES_EXPORTER, OTEL_METRICS_EXPORTER), the
// protocol, and the addresses, since without an address nothing is sent. As the addresses are passed in, functions with
// different collectors can run in one process. A wrong variable never stops the function: it is logged, and telemetry
// uses the default or is off. The exporters for gRPC, Prometheus and the console are left out, as is contrib's
// autoexport, which would link them all.
//
// Files, in reading order:
//
//	telemetry.go    traces and metrics, the attributes of the process, and the handler's calls
//	destination.go  where traces and metrics are sent
//	guard.go        the circuit breaker for a failing collector
//	problems.go     logging the SDK's problems
package telemetry

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/metric"
	nometrics "go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/propagation"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
)

// scope is the instrumentation scope of spans and metrics.
const scope = "github.com/bucketocr/bucketocr"

// Config holds the settings that the SDK does not read from the environment.
type Config struct {
	Variables map[string]string // OpenTelemetry's variables that decide whether anything is sent, and where
	Function  string            // faas.name, on Cloud Run; empty elsewhere
	Revision  string            // faas.version
	Project   string            // cloud.account.id, if known
	Log       *slog.Logger      // receives a warning for each wrong variable, and one when the collector fails
}

// Telemetry sends traces and metrics. The methods that requests call do nothing on a nil one. It is safe for concurrent
// use.
type Telemetry struct {
	traces  *sdktrace.TracerProvider // nil: no traces
	metrics *sdkmetric.MeterProvider // nil: no metrics
	invoke  metric.Float64Histogram

	onCloudRun bool
	running    atomic.Int64 // requests
	held       atomic.Bool  // requests end without a flush

	mu      sync.Mutex
	flushed time.Time // when metrics were last flushed, at the end of a request
	paused  time.Time // no flush until then
}

// The metric for requests to the function, in seconds, by faas.trigger and http.response.status_code.
const (
	InvokeDuration = "faas.invoke_duration"
	InvokeMeaning  = "duration of requests to the function: `datasource` an object's event, `timer` a sweep or a reconciliation, `other` anything else"
)

// Triggers of a request.
const (
	ByObject   = "datasource"
	BySchedule = "timer"
	ByOther    = "other"
)

// Limits for the end of a request.
const (
	flushTime = time.Second // the longest that a request waits at its end
	// shortest interval between sending metrics at the end of requests: backends refuse more frequent points
	metricsEvery = 10 * time.Second
)

// New returns a Telemetry, or nil if nothing is to be sent. It makes no connections. The error is never about a
// variable: problems with variables are only logged.
func New(cfg Config) (*Telemetry, error) {
	toTraces, toMetrics := destinations(cfg.Variables, cfg.Log)
	t := &Telemetry{onCloudRun: cfg.Function != ""}
	source := sourceOf(cfg)
	// A failed request is only repeated briefly: guard handles longer failures.
	retries := otlptracehttp.RetryConfig{
		Enabled: true, InitialInterval: 100 * time.Millisecond, MaxInterval: 400 * time.Millisecond,
		MaxElapsedTime: flushTime,
	}
	if toTraces != "" {
		client, err := otlptracehttp.New(context.Background(), otlptracehttp.WithEndpointURL(toTraces),
			otlptracehttp.WithEncoding(otlptracehttp.EncodingProtobuf), otlptracehttp.WithRetry(retries))
		if err == nil {
			t.traces = sdktrace.NewTracerProvider(sdktrace.WithResource(source),
				sdktrace.WithBatcher(guardedSpans{client, &guard{what: "traces", log: cfg.Log}}))
		} else {
			warn(cfg.Log, "no traces are sent", err)
		}
	}
	if toMetrics != "" {
		client, err := otlpmetrichttp.New(context.Background(), otlpmetrichttp.WithEndpointURL(toMetrics),
			otlpmetrichttp.WithRetry(otlpmetrichttp.RetryConfig(retries)))
		if err == nil {
			t.metrics = sdkmetric.NewMeterProvider(sdkmetric.WithResource(source),
				sdkmetric.WithReader(
					sdkmetric.NewPeriodicReader(guardedMetrics{client, &guard{what: "metrics", log: cfg.Log}})))
		} else {
			warn(cfg.Log, "no metrics are sent", err)
		}
	}
	if t.traces == nil && t.metrics == nil {
		return nil, nil
	}
	var metrics metric.MeterProvider = nometrics.NewMeterProvider()
	if t.metrics != nil {
		metrics = t.metrics
	}
	var err error
	t.invoke, err = metrics.Meter(scope).Float64Histogram(InvokeDuration, metric.WithUnit("s"),
		metric.WithDescription(InvokeMeaning),
		metric.WithExplicitBucketBoundaries(0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 80, 120, 240, 480))
	if err != nil {
		return nil, fmt.Errorf("metric %s: %w", InvokeDuration, err)
	}
	return t, nil
}

// sourceOf returns the attributes of this process for all traces and metrics. Those from the environment
// (OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES) take precedence over those found here. The instance id is random, since
// each process has its own counters.
func sourceOf(cfg Config) *resource.Resource {
	id := rand.Text()
	known := []attribute.KeyValue{
		semconv.ServiceName(cmp.Or(cfg.Function, "bucketocr")), semconv.ServiceInstanceID(id),
		semconv.TelemetrySDKLanguageGo, semconv.TelemetrySDKName("opentelemetry"),
	}
	if cfg.Function != "" {
		known = append(known, semconv.CloudProviderGCP, semconv.CloudPlatformGCPCloudRun,
			semconv.FaaSName(cfg.Function), semconv.FaaSVersion(cfg.Revision), semconv.FaaSInstance(id))
	}
	if cfg.Project != "" {
		known = append(known, semconv.CloudAccountID(cfg.Project))
	}
	// The error says which attributes of the environment are invalid; the resource has the valid ones. The providers
	// read the environment again and report the same to OpenTelemetry's error handler.
	source, _ := resource.New(context.Background(), resource.WithSchemaURL(semconv.SchemaURL),
		resource.WithAttributes(known...), resource.WithFromEnv())
	return source
}

// Traces returns the provider of spans; nil if no traces are sent.
func (t *Telemetry) Traces() trace.TracerProvider {
	if t == nil || t.traces == nil {
		return nil
	}
	return t.traces
}

// Metrics returns the provider of metrics; nil if no metrics are sent.
func (t *Telemetry) Metrics() metric.MeterProvider {
	if t == nil || t.metrics == nil {
		return nil
	}
	return t.metrics
}

// Header returns a function that adds the trace to the header of a request to the OCR service; nil if no traces are
// sent.
func (t *Telemetry) Header() func(context.Context, http.Header) {
	if t == nil || t.traces == nil {
		return nil
	}
	return func(ctx context.Context, h http.Header) {
		propagation.TraceContext{}.Inject(ctx, propagation.HeaderCarrier(h))
	}
}

// Request starts measuring a request to the handler. The returned func must be called once, with the request's trigger
// and the status about to be sent. On Cloud Run, where the process may get no CPU time after its last answer, that call
// sends buffered data if no other request runs, and takes [flushTime] at most.
func (t *Telemetry) Request(ctx context.Context) func(trigger string, status int) {
	if t == nil {
		return func(string, int) {}
	}
	begun := time.Now()
	t.running.Add(1)
	return func(trigger string, status int) {
		t.invoke.Record(ctx, time.Since(begun).Seconds(),
			metric.WithAttributes(semconv.FaaSTriggerKey.String(cmp.Or(trigger, ByOther)),
				semconv.HTTPResponseStatusCode(status)))
		if t.running.Add(-1) == 0 && t.onCloudRun && !t.held.Load() {
			t.flush()
		}
	}
}

// flush sends buffered data, within flushTime.
func (t *Telemetry) flush() {
	all, metrics := t.due(time.Now())
	if !all {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), flushTime)
	defer cancel()
	var sent sync.WaitGroup
	if t.traces != nil {
		sent.Go(func() { _ = t.traces.ForceFlush(ctx) }) // the guard has logged it
	}
	if t.metrics != nil && metrics {
		sent.Go(func() { _ = t.metrics.ForceFlush(ctx) })
	}
	sent.Wait()
	if ctx.Err() != nil {
		t.pauseFlushes()
	}
}

// due reports whether to flush now, and whether to flush metrics as well.
func (t *Telemetry) due(now time.Time) (all, metrics bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if now.Before(t.paused) {
		return false, false
	}
	if metrics = now.Sub(t.flushed) >= metricsEvery; metrics {
		t.flushed = now
	}
	return true, metrics
}

// pauseFlushes follows a flush that used up its time.
func (t *Telemetry) pauseFlushes() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.paused = time.Now().Add(pauseTime)
}

// Hold makes requests end without a flush from now on: Shutdown is imminent, and nothing may delay their answers.
func (t *Telemetry) Hold() {
	if t != nil {
		t.held.Store(true)
	}
}

// Shutdown sends buffered data. It returns when ctx ends at the latest. Nothing is sent afterwards.
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
