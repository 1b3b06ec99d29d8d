package telemetry

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/worker"
)

// Observer is what the pipeline tells; nil where nothing is sent.
func (t *Telemetry) Observer() worker.Observer {
	if t == nil {
		return nil
	}
	return observer{t}
}

// observer turns what the pipeline tells into spans and measurements.
type observer struct{ t *Telemetry }

// sweptKey marks the context of a sweep.
type sweptKey struct{}

// operations are the conventions' words for what happened to an object.
var operations = map[document.Kind]attribute.KeyValue{
	document.KindFinalized: semconv.FaaSDocumentOperationInsert,
	document.KindDeleted:   semconv.FaaSDocumentOperationDelete,
}

func (o observer) Delivery(ctx context.Context, ev document.Event) (context.Context, func(worker.Delivered)) {
	kind, trigger := trace.SpanKindServer, semconv.FaaSTriggerDatasource
	if ctx.Value(sweptKey{}) != nil {
		kind, trigger = trace.SpanKindInternal, semconv.FaaSTriggerTimer
	}
	ctx, span := o.t.tracer.Start(ctx, "delivery", trace.WithSpanKind(kind), trace.WithAttributes(
		trigger, operations[ev.Kind], semconv.FaaSDocumentCollection(ev.Bucket), semconv.FaaSDocumentName(ev.Name),
		semconv.FaaSDocumentTime(ev.Time.UTC().Format(time.RFC3339Nano)), semconv.CloudEventsEventID(ev.ID),
		attribute.Int64("bucketocr.generation", ev.Generation),
	))
	return ctx, func(d worker.Delivered) {
		span.SetAttributes(
			attribute.String("bucketocr.outcome", string(d.Outcome)), attribute.String("bucketocr.document", d.Document),
			attribute.String("bucketocr.status", string(d.Status)), attribute.Int("bucketocr.attempt", d.Attempt),
			attribute.Int("bucketocr.pages", d.Pages), attribute.Int("bucketocr.pages_done", d.PagesDone),
			inputTokens.Int(d.Usage.PromptTokens), outputTokens.Int(d.Usage.CompletionTokens),
			attribute.Bool("bucketocr.lease_expired", d.LeaseExpired),
		)
		o.delivered(ctx, trigger, d)
		if d.Fault.Code != "" {
			span.SetAttributes(attribute.String("bucketocr.fault.class", string(d.Fault.Class)))
		}
		finish(span, d.Fault.Code)
	}
}

func (o observer) delivered(ctx context.Context, trigger attribute.KeyValue, d worker.Delivered) {
	m := o.t.measured
	m.deliveries.Add(ctx, 1, metric.WithAttributes(attribute.String("bucketocr.outcome", string(d.Outcome)), trigger))
	if d.Fault.Code != "" {
		m.faults.Add(ctx, 1, metric.WithAttributes(semconv.ErrorTypeKey.String(d.Fault.Code),
			attribute.String("bucketocr.fault.class", string(d.Fault.Class))))
	}
	if d.LeaseExpired {
		m.expired.Add(ctx, 1)
	}
}

// finish ends a span, as failed where there is a code.
func finish(span trace.Span, code string, options ...trace.SpanEndOption) {
	if code != "" {
		span.SetAttributes(semconv.ErrorTypeKey.String(code))
		span.SetStatus(codes.Error, code)
	}
	span.End(options...)
}

func (o observer) Sweep(ctx context.Context) (context.Context, func(worker.Swept)) {
	ctx = context.WithValue(ctx, sweptKey{}, true)
	ctx, span := o.t.tracer.Start(ctx, "sweep", trace.WithSpanKind(trace.SpanKindServer), trace.WithAttributes(semconv.FaaSTriggerTimer))
	return ctx, func(s worker.Swept) {
		span.SetAttributes(attribute.Int("bucketocr.sweep.taken", s.Taken), attribute.Int("bucketocr.sweep.due", s.Due),
			attribute.Float64("bucketocr.sweep.overdue", s.Overdue.Seconds()), attribute.Int("bucketocr.sweep.past_window", s.PastWindow))
		if s.Fault.Code == "" { // else it does not know
			m := o.t.measured
			m.due.Record(ctx, int64(s.Due))
			m.overdue.Record(ctx, s.Overdue.Seconds())
			m.pastWindow.Record(ctx, int64(s.PastWindow))
		}
		finish(span, s.Fault.Code)
	}
}

func (o observer) Part(ctx context.Context, name string) func(code string) {
	_, span := o.t.tracer.Start(ctx, name)
	return func(code string) { finish(span, code) }
}

func (o observer) Page(ctx context.Context, n int) (context.Context, func(worker.PageRead)) {
	ctx, span := o.t.tracer.Start(ctx, "page", trace.WithAttributes(attribute.Int("bucketocr.page", n)))
	return ctx, func(p worker.PageRead) {
		span.SetAttributes(
			attribute.Int("bucketocr.page.width", p.Width), attribute.Int("bucketocr.page.height", p.Height),
			attribute.Int64("bucketocr.page.size", p.Bytes), attribute.Bool("bucketocr.page.blank", p.Blank),
			attribute.Float64("bucketocr.page.wait", p.Waited.Seconds()), attribute.Float64("bucketocr.page.make", p.Made.Seconds()),
			attribute.Float64("bucketocr.page.ocr", p.Extracted.Seconds()),
		)
		for _, tr := range p.Tries {
			o.t.try(ctx, tr)
		}
		o.page(ctx, p)
		finish(span, p.Code)
	}
}

func (o observer) page(ctx context.Context, p worker.PageRead) {
	result := "read"
	switch {
	case p.Code != "":
		result = "failed"
	case p.Blank:
		result = "blank"
	}
	m := o.t.measured
	m.pages.Add(ctx, 1, metric.WithAttributes(attribute.String("bucketocr.page.result", result)))
	for phase, d := range map[string]time.Duration{"wait": p.Waited, "make": p.Made, "ocr": p.Extracted} {
		if d > 0 || phase != "ocr" {
			m.page.Record(ctx, d.Seconds(), metric.WithAttributes(attribute.String("bucketocr.page.phase", phase)))
		}
	}
}

func (o observer) Placed(ctx context.Context, waited time.Duration) {
	o.t.measured.place.Record(ctx, waited.Seconds())
}

func (o observer) Received(ctx context.Context, bytes int) {
	o.t.measured.io.Add(ctx, int64(bytes), metric.WithAttributes(semconv.NetworkIODirectionReceive))
}
