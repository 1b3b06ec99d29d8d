package telemetry

import (
	"cmp"
	"context"
	"net/http"
	"time"

	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/propagation"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
)

// Triggers of a request.
const (
	ByObject = "datasource"
	BySweep  = "timer"
	ByOther  = "other"
)

// Request starts the measurement of a request to the handler. The func that it returns is called once, with what triggered the
// request and the status that is about to be sent. On Cloud Run, where the process may get no more CPU time after its last
// answer, that call sends what is waiting if no other request runs, and takes [flushTime] at most.
func (t *Telemetry) Request(ctx context.Context) func(trigger string, status int) {
	if t == nil {
		return func(string, int) {}
	}
	begun := time.Now()
	t.running.Add(1)
	return func(trigger string, status int) {
		t.invoke.Record(ctx, time.Since(begun).Seconds(),
			metric.WithAttributes(semconv.FaaSTriggerKey.String(cmp.Or(trigger, ByOther)), semconv.HTTPResponseStatusCode(status)))
		if t.running.Add(-1) == 0 && t.onCloudRun && !t.held.Load() {
			t.flush()
		}
	}
}

// Header returns what adds the trace to a request to the OCR service, for its client; nil where no traces are sent.
func (t *Telemetry) Header() func(context.Context, http.Header) {
	if t == nil || t.traces == nil {
		return nil
	}
	return func(ctx context.Context, h http.Header) {
		propagation.TraceContext{}.Inject(ctx, propagation.HeaderCarrier(h))
	}
}
