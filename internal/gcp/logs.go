package gcp

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"strings"
)

// NewLog writes one JSON object a line as Cloud Logging reads it: severity, message, time, and, under a context made by
// [WithTrace], the trace that the platform began. project may be empty: the trace is then written without it.
func NewLog(w io.Writer, level slog.Leveler, project string) *slog.Logger {
	json := slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level, ReplaceAttr: cloudNames})
	return slog.New(traced{Handler: json, project: project})
}

// cloudNames gives the top-level fields the names and words that Cloud Logging knows.
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

type traceKey struct{}

type span struct{ trace, id string }

// WithTrace puts the trace of a request into the context, for the log.
func WithTrace(ctx context.Context, r *http.Request) context.Context {
	s := parseSpan(r.Header.Get("Traceparent"), r.Header.Get("X-Cloud-Trace-Context"))
	if s.trace == "" {
		return ctx
	}
	return context.WithValue(ctx, traceKey{}, s)
}

// parseSpan reads W3C's header ("00-TRACE-SPAN-01"), else Google's older one ("TRACE/SPAN;o=1", whose span is decimal and
// left out). What is no trace id is ignored: anybody may send these.
func parseSpan(w3c, google string) span {
	if p := strings.Split(w3c, "-"); len(p) >= 4 && isHex(p[1], 32) && isHex(p[2], 16) {
		return span{p[1], p[2]}
	}
	if trace, _, _ := strings.Cut(google, "/"); isHex(trace, 32) {
		return span{trace: trace}
	}
	return span{}
}

func isHex(s string, n int) bool {
	return len(s) == n && strings.Trim(s, "0123456789abcdef") == ""
}

// traced adds the context's trace to each line.
type traced struct {
	slog.Handler
	project string
}

func (t traced) Handle(ctx context.Context, r slog.Record) error {
	if s, ok := ctx.Value(traceKey{}).(span); ok {
		name := s.trace
		if t.project != "" {
			name = "projects/" + t.project + "/traces/" + s.trace
		}
		r.AddAttrs(slog.String("logging.googleapis.com/trace", name))
		if s.id != "" {
			r.AddAttrs(slog.String("logging.googleapis.com/spanId", s.id))
		}
	}
	return t.Handler.Handle(ctx, r)
}

func (t traced) WithAttrs(attrs []slog.Attr) slog.Handler {
	return traced{t.Handler.WithAttrs(attrs), t.project}
}

func (t traced) WithGroup(name string) slog.Handler {
	return traced{t.Handler.WithGroup(name), t.project}
}
