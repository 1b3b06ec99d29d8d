// Package cloudlog writes log lines in Cloud Logging's format: one JSON object per line, linked to the request that it
// is about.
package cloudlog

import (
	"context"
	"encoding/binary"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"strings"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/bucketocr/bucketocr/internal/document"
)

// Fields of a line that Cloud Logging moves from the payload to the log entry.
const (
	traceField   = "logging.googleapis.com/trace"
	spanField    = "logging.googleapis.com/spanId"
	sampledField = "logging.googleapis.com/trace_sampled"
	labelsField  = "logging.googleapis.com/labels"
)

// New returns a logger that writes one JSON object per line to w: severity, message, time and, with a context made by
// [WithRequest], labels and trace of the request. The trace is that of the context's span, whether the platform or this
// process started it. project may be empty: the trace is then written without it.
func New(w io.Writer, level slog.Leveler, project string) *slog.Logger {
	json := slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level, ReplaceAttr: cloudNames})
	return slog.New(requested{Handler: json, project: project})
}

// cloudNames changes the names and values of top-level fields to those that Cloud Logging knows.
func cloudNames(groups []string, a slog.Attr) slog.Attr {
	if len(groups) > 0 {
		return a
	}
	switch a.Key {
	case slog.MessageKey:
		a.Key = "message"
	case slog.LevelKey:
		a.Key = "severity"
		if l, ok := a.Value.Any().(slog.Level); ok && l >= slog.LevelWarn && l < slog.LevelError {
			a.Value = slog.StringValue("WARNING")
		}
	}
	return a
}

// WithRequest returns a context that links log lines and spans to a request: it holds the request's trace and labels,
// which are added to all lines about the request: the CloudEvent's id and the platform's execution id, if known.
func WithRequest(ctx context.Context, r *http.Request, execution string) context.Context {
	ctx = withTrace(ctx, r.Header)
	labels := make([]slog.Attr, 0, 2)
	for _, l := range [...]struct{ name, value string }{
		{"execution_id", execution}, {"event_id", r.Header.Get("Ce-Id")},
	} {
		if l.value != "" {
			labels = append(labels, slog.String(l.name, document.Clip(l.value, maxLabel)))
		}
	}
	if len(labels) == 0 {
		return ctx
	}
	return context.WithValue(ctx, labelsKey{}, slog.GroupAttrs(labelsField, labels...))
}

const maxLabel = 256 // bytes of a label's value, which any client may send

type labelsKey struct{}

// withTrace reads the trace from W3C's header, or else from Google's older one. Invalid values are ignored: any client
// may send these.
func withTrace(ctx context.Context, h http.Header) context.Context {
	traced := propagation.TraceContext{}.Extract(ctx, propagation.HeaderCarrier(h))
	if trace.SpanContextFromContext(traced).IsValid() {
		return traced
	}
	if s, ok := cloudTrace(h.Get("X-Cloud-Trace-Context")); ok {
		return trace.ContextWithRemoteSpanContext(ctx, s)
	}
	return ctx
}

// cloudTrace parses "TRACE/SPAN;o=1": a trace in hex, an optional span in decimal, and whether it is sampled.
func cloudTrace(header string) (trace.SpanContext, bool) {
	id, rest, _ := strings.Cut(header, "/")
	t, err := trace.TraceIDFromHex(id)
	if err != nil {
		return trace.SpanContext{}, false
	}
	c := trace.SpanContextConfig{TraceID: t, Remote: true}
	number, options, _ := strings.Cut(rest, ";")
	if n, err := strconv.ParseUint(number, 10, 64); err == nil {
		binary.BigEndian.PutUint64(c.SpanID[:], n)
	}
	if options == "o=1" {
		c.TraceFlags = trace.FlagsSampled
	}
	return trace.NewSpanContext(c), true
}

// requested is a handler that adds the context's trace and labels to each line.
type requested struct {
	slog.Handler
	project string
}

func (h requested) Handle(ctx context.Context, r slog.Record) error {
	if s := trace.SpanContextFromContext(ctx); s.HasTraceID() {
		name := s.TraceID().String()
		if h.project != "" {
			name = "projects/" + h.project + "/traces/" + name
		}
		r.AddAttrs(slog.String(traceField, name), slog.Bool(sampledField, s.IsSampled()))
		if s.HasSpanID() {
			r.AddAttrs(slog.String(spanField, s.SpanID().String()))
		}
	}
	if labels, ok := ctx.Value(labelsKey{}).(slog.Attr); ok {
		r.AddAttrs(labels)
	}
	return h.Handler.Handle(ctx, r)
}

func (h requested) WithAttrs(attrs []slog.Attr) slog.Handler {
	return requested{h.Handler.WithAttrs(attrs), h.project}
}

func (h requested) WithGroup(name string) slog.Handler {
	return requested{h.Handler.WithGroup(name), h.project}
}
