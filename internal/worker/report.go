package worker

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/ocr"
)

// report is what one delivery came to.
type report struct {
	outcome document.Outcome
	fault   document.Fault
	rec     *document.Record // as it stands afterwards, where known
	living  *document.Event  // another generation that was found to live in the bucket
	expired bool             // the claim found a lease that its holder let run out
	reason  string           // why it was filtered
}

// delivered is what an observer is told of it.
func (r report) delivered(ev document.Event) Delivered {
	d := Delivered{Outcome: r.outcome, Fault: r.fault, Document: ev.Object.ID(), LeaseExpired: r.expired}
	if rec := r.rec; rec != nil {
		d.Status, d.Attempt, d.Pages, d.PagesDone, d.Usage = rec.Status, rec.Attempt, rec.Pages, rec.PagesDone, rec.Usage
	}
	return d
}

// log writes the one log line of a delivery, always with the same fields. It holds no text of documents, no tokens and
// no whole answers.
func (p *Worker) log(ctx context.Context, ev document.Event, start time.Time, r report, d Delivered) {
	rec := r.rec
	if rec == nil {
		rec = &document.Record{}
	}
	attrs := []slog.Attr{
		slog.String("outcome", string(r.outcome)),
		slog.String("kind", string(ev.Kind)),
		slog.String("bucket", ev.Bucket), slog.String("name", ev.Name), slog.Int64("generation", ev.Generation),
		slog.String("event", ev.ID), slog.String("document", d.Document),
		slog.String("status", string(rec.Status)), slog.Int("attempt", rec.Attempt),
		slog.Int("faults", rec.Faults), slog.Int("doubts", rec.Doubts),
		slog.Int("pages", rec.Pages), slog.Int("pagesDone", rec.PagesDone),
		slog.Int("promptTokens", rec.Usage.PromptTokens), slog.Int("completionTokens", rec.Usage.CompletionTokens),
		slog.String("code", r.fault.Code), slog.String("class", string(r.fault.Class)),
		slog.String("error", document.Clip(r.fault.Message, document.MaxMessage)), slog.String("advice", advice(r.fault)),
		slog.String("reason", r.reason), slog.Bool("leaseExpired", r.expired),
		slog.Float64("seconds", time.Since(start).Seconds()),
	}
	if pe, ok := errors.AsType[*panicError](r.fault.Cause); ok {
		attrs = append(attrs, slog.String("stack", pe.stack))
	}
	p.o.Log.LogAttrs(ctx, level(r.fault), "delivery "+string(r.outcome), attrs...)
}

// level is ERROR for what needs the operator, since that wakes one; WARN for what failed or will be retried.
func level(f document.Fault) slog.Level {
	switch {
	case f.Code == "":
		return slog.LevelInfo
	case document.Code(f.Code).Operator:
		return slog.LevelError
	}
	return slog.LevelWarn
}

// advice returns what the operator should do about a fault; empty where there is nothing to do.
func advice(f document.Fault) string {
	if oe, ok := errors.AsType[*ocr.Error](f.Cause); ok && f.Code == document.CodeOCRMisconfigured {
		return ocrAdvice[oe.Kind]
	}
	if c := document.Code(f.Code); c.Operator {
		return c.Advice
	}
	return ""
}
