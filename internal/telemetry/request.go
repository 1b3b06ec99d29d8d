package telemetry

import (
	"cmp"
	"context"
	"net/http"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/propagation"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/bucketocr/bucketocr/ocr"
)

// Names of the conventions for generative models, which the module of the others does not hold.
const (
	inputTokens  = attribute.Key("gen_ai.usage.input_tokens")
	outputTokens = attribute.Key("gen_ai.usage.output_tokens")
	requestModel = attribute.Key("gen_ai.request.model")
	answerModel  = attribute.Key("gen_ai.response.model")
	finishReason = attribute.Key("gen_ai.response.finish_reasons")
	tokenType    = attribute.Key("gen_ai.token.type")
)

var chat = []measure{attribute.String("gen_ai.operation.name", "chat"), attribute.String("gen_ai.provider.name", "vllm")}

// Triggers of a request.
const (
	ByObject = "datasource"
	BySweep  = "timer"
	ByOther  = "other"
)

// Request begins an HTTP request. The func is called once, with what triggered it and the status it is about to be
// answered with. On Cloud Run, where the process may get no more CPU time after its last answer, it sends what there is if
// no other request runs, and takes [flushTime] at most for that.
func (t *Telemetry) Request(ctx context.Context) func(trigger string, status int) {
	if t == nil {
		return func(string, int) {}
	}
	begun := time.Now()
	t.running.Add(1)
	return func(trigger string, status int) {
		t.measured.invoke.Record(ctx, time.Since(begun).Seconds(),
			metric.WithAttributes(semconv.FaaSTriggerKey.String(cmp.Or(trigger, ByOther)), semconv.HTTPResponseStatusCode(status)))
		if t.running.Add(-1) == 0 && t.onCloudRun && !t.held.Load() {
			t.flush()
		}
	}
}

// Observe is what the OCR client tells of its tries, for its configuration; nil where nothing is sent.
func (t *Telemetry) Observe() func(context.Context, http.Header) func(ocr.Try) {
	if t == nil {
		return nil
	}
	return t.try
}

// try is a span under the page's. Where traces are sent, the request carries it on to the OCR service.
func (t *Telemetry) try(ctx context.Context, header http.Header) func(ocr.Try) {
	begun := time.Now()
	ctx, span := t.tracer.Start(ctx, "ocr try", trace.WithSpanKind(trace.SpanKindClient))
	if t.traces != nil {
		propagation.TraceContext{}.Inject(ctx, propagation.HeaderCarrier(header))
	}
	return func(tr ocr.Try) {
		code := ""
		if tr.Err != nil {
			code = string(tr.Err.Kind)
			span.SetAttributes(attribute.String("bucketocr.ocr.phase", string(tr.Err.Phase)))
		}
		t.tried(ctx, tr, code, time.Since(begun))
		span.SetAttributes(chat...)
		span.SetAttributes(t.ocrServer...)
		span.SetAttributes(semconv.HTTPRequestMethodPost, attribute.Int("bucketocr.ocr.try", tr.Number), requestModel.String(tr.Model),
			inputTokens.Int(tr.Usage.PromptTokens), outputTokens.Int(tr.Usage.CompletionTokens))
		if tr.Status != 0 {
			span.SetAttributes(semconv.HTTPResponseStatusCode(tr.Status))
		}
		if tr.Err == nil {
			span.SetAttributes(answerModel.String(tr.Served), finishReason.StringSlice([]string{tr.Ending}))
		}
		finish(span, code)
	}
}

// tried measures a try.
func (t *Telemetry) tried(ctx context.Context, tr ocr.Try, code string, took time.Duration) {
	about := append([]measure{semconv.HTTPRequestMethodPost}, t.ocrServer...)
	if tr.Status != 0 {
		about = append(about, semconv.HTTPResponseStatusCode(tr.Status))
	}
	if code != "" {
		about = append(about, semconv.ErrorTypeKey.String(code))
	}
	t.measured.try.Record(ctx, took.Seconds(), metric.WithAttributes(about...))
	if tr.Err == nil || tr.Err.Phase == ocr.PhaseWait || tr.Err.Phase == ocr.PhaseRead {
		t.measured.io.Add(ctx, tr.Size, metric.WithAttributes(semconv.NetworkIODirectionTransmit))
	}
	if tr.Usage == (ocr.Usage{}) {
		return
	}
	for _, n := range []struct {
		kind  string
		count int
	}{{"input", tr.Usage.PromptTokens}, {"output", tr.Usage.CompletionTokens}} {
		with := append([]measure{requestModel.String(tr.Model), tokenType.String(n.kind)}, chat...)
		t.measured.tokens.Record(ctx, int64(n.count), metric.WithAttributes(with...))
	}
}
