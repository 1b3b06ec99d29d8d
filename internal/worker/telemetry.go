package worker

import (
	"context"
	"errors"
	"net/url"
	"strconv"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	nometrics "go.opentelemetry.io/otel/metric/noop"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
	notraces "go.opentelemetry.io/otel/trace/noop"

	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/ocr"
)

// scope is the instrumentation scope of spans and metrics.
const scope = "github.com/bucketocr/bucketocr"

// Names from the semantic conventions for generative AI, which are not in the module with the other conventions.
const (
	inputTokens  = attribute.Key("gen_ai.usage.input_tokens")
	outputTokens = attribute.Key("gen_ai.usage.output_tokens")
	requestModel = attribute.Key("gen_ai.request.model")
	answerModel  = attribute.Key("gen_ai.response.model")
	finishReason = attribute.Key("gen_ai.response.finish_reasons")
	tokenType    = attribute.Key("gen_ai.token.type")
)

// Instrument describes a metric for readers. If OpenTelemetry's conventions have a name for it, that name is used.
type Instrument struct {
	Name       string
	Kind       string // counter, histogram or gauge
	Unit       string // in UCUM
	Meaning    string
	Attributes []string // each with at most a few dozen values in one installation
}

// Instruments returns all metrics of a worker.
func Instruments() []Instrument {
	return []Instrument{
		{"bucketocr.deliveries", "counter", "{delivery}", "deliveries by outcome, including those of sweeps",
			[]string{"bucketocr.outcome", "faas.trigger"}},
		{"bucketocr.faults", "counter", "{fault}", "faults of deliveries, by the code that the document holds",
			[]string{"error.type", "bucketocr.fault.class"}},
		{"bucketocr.pages", "counter", "{page}",
			"pages that attempts finished: `read`, `blank`, `failed`, `copied`",
			[]string{"bucketocr.page.result"}},
		{"bucketocr.page.duration", "histogram", "s",
			"time for one page: `wait` for its turn, for memory and for a place at the OCR service, `make` (read, decode, scale, encode), `ocr` with all tries",
			[]string{"bucketocr.page.phase"}},
		{"bucketocr.place.wait", "histogram", "s",
			"how long deliveries wait for a slot in the instance and its memory budget before they claim", nil},
		{"bucketocr.io", "counter", "By",
			"bytes of objects received from the bucket, bytes of pages transmitted to the OCR service",
			[]string{"network.io.direction"}},
		{"bucketocr.pace", "gauge", "{page}",
			"pages that this instance may have at the OCR service at once, adapted to what the service bears", nil},
		{"bucketocr.clock.skew", "gauge", "s", "how far the record store's clock is ahead of this instance's", nil},
		{"bucketocr.leases.expired", "counter", "{lease}", "leases that a claim found expired: their holder died", nil},
		{"http.client.request.duration", "histogram", "s",
			"duration of tries at the OCR service, one page each; their number is this histogram's count",
			[]string{"http.request.method", "server.address", "server.port", "http.response.status_code",
				"error.type"}},
		{"gen_ai.client.token.usage", "histogram", "{token}",
			"tokens of one answer, `input` and `output`; their total is this histogram's sum",
			[]string{"gen_ai.operation.name", "gen_ai.provider.name", "gen_ai.request.model", "gen_ai.token.type"}},
		{"bucketocr.sweep.due", "gauge", "{record}",
			"records still due when the last sweep ended, counted up to 50", nil},
		{"bucketocr.sweep.overdue", "gauge", "s", "age of the oldest overdue record", nil},
		{"bucketocr.reconcile.missing", "gauge", "{object}",
			"objects older than an hour that the last reconciliation found without a document", nil},
		{"bucketocr.reconcile.left", "gauge", "s",
			"age of the oldest object that the last reconciliation left without a document", nil},
		{"bucketocr.sweep.past_window", "gauge", "{record}",
			"unfinished records past RETRY_WINDOW that the last sweep met and could not end", nil},
	}
}

// Bucket bounds of the histograms.
var (
	secondBounds = metric.WithExplicitBucketBoundaries(0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 80, 120,
		240, 480)
	tokenBounds = metric.WithExplicitBucketBoundaries(1, 16, 64, 256, 512, 1024, 2048, 4096, 8192, 16384, 65536)
)

// telemetry makes the spans and metrics of a worker through OpenTelemetry's API; without an SDK it does nothing.
// Attributes cost memory even then, so they are made only for recorded spans and enabled instruments.
type telemetry struct {
	tracer    trace.Tracer
	measuring bool
	server    []attribute.KeyValue // attributes that name the OCR service in tries

	deliveries, faults, pages, io, expired metric.Int64Counter
	page, admission, try                   metric.Float64Histogram
	tokens                                 metric.Int64Histogram
	due, pastWindow, missing               metric.Int64Gauge
	overdue, pace, skew, left              metric.Float64Gauge
}

func newTelemetry(o Options) (*telemetry, error) {
	measuring := o.Metrics != nil
	if o.Traces == nil {
		o.Traces = notraces.NewTracerProvider()
	}
	if o.Metrics == nil {
		o.Metrics = nometrics.NewMeterProvider()
	}
	t := &telemetry{tracer: o.Traces.Tracer(scope), measuring: measuring}
	if u, err := url.Parse(o.OCRURL); err == nil && u.Host != "" {
		port, err := strconv.Atoi(u.Port())
		if err != nil {
			port = map[string]int{"http": 80, "https": 443}[u.Scheme]
		}
		t.server = []attribute.KeyValue{semconv.ServerAddress(u.Hostname()), semconv.ServerPort(port)}
	}
	return t, t.instruments(o.Metrics.Meter(scope))
}

// instruments creates the instruments of the table.
func (t *telemetry) instruments(m metric.Meter) error {
	counters := map[string]*metric.Int64Counter{
		"bucketocr.deliveries": &t.deliveries, "bucketocr.faults": &t.faults, "bucketocr.pages": &t.pages,
		"bucketocr.io": &t.io, "bucketocr.leases.expired": &t.expired,
	}
	durations := map[string]*metric.Float64Histogram{
		"bucketocr.page.duration": &t.page, "bucketocr.place.wait": &t.admission,
		"http.client.request.duration": &t.try,
	}
	gauges := map[string]*metric.Int64Gauge{"bucketocr.sweep.due": &t.due, "bucketocr.sweep.past_window": &t.pastWindow,
		"bucketocr.reconcile.missing": &t.missing}
	levels := map[string]*metric.Float64Gauge{"bucketocr.reconcile.left": &t.left,
		"bucketocr.sweep.overdue": &t.overdue, "bucketocr.pace": &t.pace, "bucketocr.clock.skew": &t.skew}
	var errs []error
	for _, i := range Instruments() {
		unit, meaning := metric.WithUnit(i.Unit), metric.WithDescription(i.Meaning)
		var err error
		switch {
		case counters[i.Name] != nil:
			*counters[i.Name], err = m.Int64Counter(i.Name, unit, meaning)
		case durations[i.Name] != nil:
			*durations[i.Name], err = m.Float64Histogram(i.Name, unit, meaning, secondBounds)
		case gauges[i.Name] != nil:
			*gauges[i.Name], err = m.Int64Gauge(i.Name, unit, meaning)
		case i.Name == "gen_ai.client.token.usage":
			t.tokens, err = m.Int64Histogram(i.Name, unit, meaning, tokenBounds)
		case levels[i.Name] != nil:
			*levels[i.Name], err = m.Float64Gauge(i.Name, unit, meaning)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// trigger is what started a delivery.
type trigger int

const (
	byEvent trigger = iota
	bySchedule
)

func (by trigger) attribute() attribute.KeyValue {
	if by == bySchedule {
		return semconv.FaaSTriggerTimer
	}
	return semconv.FaaSTriggerDatasource
}

// observe begins a delivery. The func must always be called at its end, with the value that recover returned: it turns
// a panic into the result, and reports the result to log, span and metrics.
func (w *Worker) observe(ctx context.Context, by trigger, ev document.Event) (context.Context,
	func(res *Result, panicValue any)) {
	start := time.Now()
	kind, operation := trace.SpanKindServer, semconv.FaaSDocumentOperationInsert
	if by == bySchedule {
		kind = trace.SpanKindInternal
	}
	if ev.Kind == document.KindDeleted {
		operation = semconv.FaaSDocumentOperationDelete
	}
	t := w.telemetry
	ctx, span := t.tracer.Start(ctx, "delivery", trace.WithSpanKind(kind))
	if span.IsRecording() {
		span.SetAttributes(
			by.attribute(), operation, semconv.FaaSDocumentCollection(ev.Bucket), semconv.FaaSDocumentName(ev.Name),
			semconv.FaaSDocumentTime(ev.Time.UTC().Format(time.RFC3339Nano)), semconv.CloudEventsEventID(ev.ID),
			attribute.Int64("bucketocr.generation", ev.Generation),
		)
	}
	return ctx, func(res *Result, panicValue any) {
		if panicValue != nil {
			*res = refused(ctx, panicked(panicValue))
		}
		w.log(ctx, ev, start, *res)
		t.delivered(ctx, by, *res)
		if !span.IsRecording() {
			return
		}
		rec := res.record()
		span.SetAttributes(
			attribute.String("bucketocr.outcome", string(res.Outcome)),
			attribute.String("bucketocr.document", ev.Object.ID()),
			attribute.String("bucketocr.status", string(rec.Status)), attribute.Int("bucketocr.attempt", rec.Attempt),
			attribute.Int("bucketocr.pages", rec.Pages), attribute.Int("bucketocr.pages_done", rec.PagesDone),
			inputTokens.Int(rec.Usage.PromptTokens), outputTokens.Int(rec.Usage.CompletionTokens),
			attribute.String("bucketocr.copied_from", rec.CopiedFrom),
			attribute.Bool("bucketocr.lease_expired", res.LeaseExpired),
		)
		if res.Fault.Code != "" {
			span.SetAttributes(attribute.String("bucketocr.fault.class", string(res.Fault.Class)))
		}
		endSpan(span, res.Fault.Code)
	}
}

func (t *telemetry) delivered(ctx context.Context, by trigger, res Result) {
	if !t.measuring {
		return
	}
	t.deliveries.Add(ctx, 1,
		metric.WithAttributes(attribute.String("bucketocr.outcome", string(res.Outcome)), by.attribute()))
	if res.Fault.Code != "" {
		t.faults.Add(ctx, 1, metric.WithAttributes(semconv.ErrorTypeKey.String(res.Fault.Code),
			attribute.String("bucketocr.fault.class", string(res.Fault.Class))))
	}
	if res.LeaseExpired {
		t.expired.Add(ctx, 1)
	}
}

// endSpan ends a span, as failed if code is not empty.
func endSpan(span trace.Span, code string, opts ...trace.SpanEndOption) {
	if code != "" {
		span.SetAttributes(semconv.ErrorTypeKey.String(code))
		span.SetStatus(codes.Error, code)
	}
	span.End(opts...)
}

// startPart begins the span of a part of a delivery; the func ends it with an error code, empty for success.
func (t *telemetry) startPart(ctx context.Context, name string) (context.Context, func(code string)) {
	ctx, span := t.tracer.Start(ctx, name)
	return ctx, func(code string) { endSpan(span, code) }
}

// startSweep begins the span of a sweep; the func ends it.
func (t *telemetry) startSweep(ctx context.Context) (context.Context, func(Swept)) {
	ctx, span := t.tracer.Start(ctx, "sweep", trace.WithSpanKind(trace.SpanKindServer),
		trace.WithAttributes(semconv.FaaSTriggerTimer))
	return ctx, func(s Swept) {
		span.SetAttributes(attribute.Int("bucketocr.sweep.taken", s.Taken), attribute.Int("bucketocr.sweep.due", s.Due),
			attribute.Float64("bucketocr.sweep.overdue", s.Overdue.Seconds()),
			attribute.Int("bucketocr.sweep.past_window", s.PastWindow))
		if s.Fault.Code == "" { // otherwise it is not known
			t.due.Record(ctx, int64(s.Due))
			t.overdue.Record(ctx, s.Overdue.Seconds())
			t.pastWindow.Record(ctx, int64(s.PastWindow))
		}
		endSpan(span, s.Fault.Code)
	}
}

// startReconcile begins the span of a reconciliation; the func ends it.
func (t *telemetry) startReconcile(ctx context.Context) (context.Context, func(Reconciled)) {
	ctx, span := t.tracer.Start(ctx, "reconcile", trace.WithSpanKind(trace.SpanKindServer),
		trace.WithAttributes(semconv.FaaSTriggerTimer))
	return ctx, func(r Reconciled) {
		span.SetAttributes(attribute.Int64("bucketocr.reconcile.listed", r.Listed),
			attribute.Int64("bucketocr.reconcile.missing", r.Missing),
			attribute.Int64("bucketocr.reconcile.gone", r.Gone),
			attribute.Float64("bucketocr.reconcile.left", r.Age.Seconds()),
			attribute.Bool("bucketocr.reconcile.complete", r.Complete))
		if r.Fault.Code == "" { // otherwise it is not known
			t.missing.Record(ctx, r.Missing)
			t.left.Record(ctx, r.Age.Seconds())
		}
		endSpan(span, r.Fault.Code)
	}
}

// admitted records how long a delivery waited for its slot.
func (t *telemetry) admitted(ctx context.Context, waited time.Duration) {
	t.admission.Record(ctx, waited.Seconds())
}

// paced records how many pages this instance may have at the OCR service.
func (t *telemetry) paced(ctx context.Context, limit float64) { t.pace.Record(ctx, limit) }

// skewed records how far the store's clock is ahead.
func (t *telemetry) skewed(ctx context.Context, ahead time.Duration) {
	t.skew.Record(ctx, ahead.Seconds())
}

// received records how many bytes of an object were read from the bucket.
func (t *telemetry) received(ctx context.Context, bytes int64) {
	if !t.measuring {
		return
	}
	t.io.Add(ctx, bytes, metric.WithAttributes(semconv.NetworkIODirectionReceive))
}

// pageTiming holds the time and size of one page.
type pageTiming struct {
	waited        time.Duration // until it could be made, for memory, and for a place at the OCR service
	made          time.Duration // reading, decoding, scaling, encoding
	read          time.Duration // by the OCR service, including all tries and the waits between; 0 if it was not asked
	width, height int           // pixels as sent
	bytes         int64         // of the image as sent
}

// here returns the time spent in this process.
func (p *pageTiming) here() time.Duration { return p.waited + p.made }

// pagesCopied counts pages that were copied.
func (t *telemetry) pagesCopied(ctx context.Context, n int) {
	if t.measuring {
		t.pages.Add(ctx, int64(n), metric.WithAttributes(attribute.String("bucketocr.page.result", "copied")))
	}
}

// pageRead ends the span of a page and counts it.
func (t *telemetry) pageRead(ctx context.Context, span trace.Span, p pageTiming, blank bool, code string) {
	result := "read"
	switch {
	case code != "":
		result = "failed"
	case blank:
		result = "blank"
	}
	if t.measuring {
		t.pages.Add(ctx, 1, metric.WithAttributes(attribute.String("bucketocr.page.result", result)))
		phase := attribute.Key("bucketocr.page.phase")
		t.page.Record(ctx, p.waited.Seconds(), metric.WithAttributes(phase.String("wait")))
		t.page.Record(ctx, p.made.Seconds(), metric.WithAttributes(phase.String("make")))
		if p.read > 0 {
			t.page.Record(ctx, p.read.Seconds(), metric.WithAttributes(phase.String("ocr")))
		}
	}
	if span.IsRecording() {
		span.SetAttributes(
			attribute.Int("bucketocr.page.width", p.width), attribute.Int("bucketocr.page.height", p.height),
			attribute.Int64("bucketocr.page.size", p.bytes), attribute.Bool("bucketocr.page.blank", blank),
			attribute.Float64("bucketocr.page.wait", p.waited.Seconds()),
			attribute.Float64("bucketocr.page.make", p.made.Seconds()),
			attribute.Float64("bucketocr.page.ocr", p.read.Seconds()),
		)
	}
	endSpan(span, code)
}

// tries records each request for a page as a child span of the page's, and in the metrics.
func (t *telemetry) tries(ctx context.Context, res ocr.Result, err error) {
	if !t.measuring && !trace.SpanFromContext(ctx).IsRecording() {
		return
	}
	tries := res.Tries
	if oe, ok := errors.AsType[*ocr.Error](err); ok {
		tries = oe.Tries
	}
	chat := []attribute.KeyValue{attribute.String("gen_ai.operation.name", "chat"),
		attribute.String("gen_ai.provider.name", "vllm")}
	for _, tr := range tries {
		request := append([]attribute.KeyValue{semconv.HTTPRequestMethodPost}, t.server...)
		if tr.Status != 0 {
			request = append(request, semconv.HTTPResponseStatusCode(tr.Status))
		}
		_, span := t.tracer.Start(ctx, "ocr try", trace.WithSpanKind(trace.SpanKindClient),
			trace.WithTimestamp(tr.Start), trace.WithAttributes(chat...))
		span.SetAttributes(request...)
		span.SetAttributes(attribute.Int("bucketocr.ocr.try", tr.Number),
			requestModel.String(document.Clip(tr.Model, maxModel)),
			inputTokens.Int(tr.Usage.PromptTokens), outputTokens.Int(tr.Usage.CompletionTokens))
		if tr.Kind != "" {
			span.SetAttributes(attribute.String("bucketocr.ocr.phase", tr.Phase.String()))
			request = append(request, semconv.ErrorTypeKey.String(string(tr.Kind)))
		} else {
			span.SetAttributes(answerModel.String(document.Clip(tr.ServedModel, maxModel)),
				finishReason.StringSlice([]string{tr.Ending}))
		}
		endSpan(span, string(tr.Kind), trace.WithTimestamp(tr.Start.Add(tr.Duration())))

		t.try.Record(ctx, tr.Duration().Seconds(), metric.WithAttributes(request...))
		if tr.ImageSent > 0 {
			t.io.Add(ctx, tr.ImageSent, metric.WithAttributes(semconv.NetworkIODirectionTransmit))
		}
		if tr.Usage == (ocr.Usage{}) {
			continue
		}
		for kind, n := range map[string]int{"input": tr.Usage.PromptTokens, "output": tr.Usage.CompletionTokens} {
			t.tokens.Record(ctx, int64(n),
				metric.WithAttributes(append(chat, requestModel.String(document.Clip(tr.Model, maxModel)),
					tokenType.String(kind))...))
		}
	}
}
