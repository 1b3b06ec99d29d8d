package worker

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
)

// Result is the outcome of one delivery. The log line, the span, the metrics and the HTTP answer are made from it.
type Result struct {
	Outcome      document.Outcome
	Fault        document.Fault   // its code is empty if nothing went wrong
	Record       *document.Record // after the delivery; nil if not known
	LeaseExpired bool             // the claim found a lease that its holder let expire
	Reason       string           // why the event was filtered

	live *document.Event // another generation, found to be live in the bucket
}

// refused returns the result of a delivery that failed before it held the record. ctx is the context of the failed
// call.
func refused(ctx context.Context, err error) Result {
	return Result{Outcome: document.OutcomeRetry, Fault: faultOf(ctx, err)}
}

// log writes the one log line of a delivery, always with the same fields. It never contains document text, tokens or
// whole answers.
func (w *Worker) log(ctx context.Context, ev document.Event, start time.Time, res Result) {
	rec := res.record()
	attrs := []slog.Attr{
		slog.String("outcome", string(res.Outcome)),
		slog.String("kind", string(ev.Kind)),
		slog.String("bucket", ev.Bucket), slog.String("name", ev.Name), slog.Int64("generation", ev.Generation),
		slog.String("event", ev.ID), slog.String("document", ev.Object.ID()),
		slog.String("status", string(rec.Status)), slog.Int("attempt", rec.Attempt),
		slog.Int("strikes", rec.Strikes.Total()), slog.Int("interruptions", rec.Interruptions),
		slog.Int("pages", rec.Pages), slog.Int("pagesDone", rec.PagesDone),
		slog.Int("promptTokens", rec.Usage.PromptTokens), slog.Int("completionTokens", rec.Usage.CompletionTokens),
		slog.String("copiedFrom", rec.CopiedFrom),
		slog.String("code", res.Fault.Code), slog.String("class", string(res.Fault.Class)),
		slog.String("error", document.Clip(res.Fault.Message, document.MaxMessage)),
		slog.String("advice", advice(res.Fault)),
		slog.String("reason", res.Reason), slog.Bool("leaseExpired", res.LeaseExpired),
		slog.Float64("seconds", time.Since(start).Seconds()),
	}
	if pe, ok := errors.AsType[*panicError](res.Fault.Cause); ok {
		attrs = append(attrs, slog.String("stack", pe.stack))
	}
	w.o.Log.LogAttrs(ctx, level(res.Fault), "delivery "+string(res.Outcome), attrs...)
}

// record returns the record, a zero one if it is not known.
func (r Result) record() *document.Record {
	if r.Record == nil {
		return &document.Record{}
	}
	return r.Record
}

// Swept is the result of one sweep.
type Swept struct {
	Taken    int                      // deliveries that it made
	Outcomes map[document.Outcome]int // of these
	// Due is how many records were due when the sweep ended: records that other workers hold, and records that it had
	// no time for. It is counted up to one batch, so 50 means 50 or more.
	Due     int
	Overdue time.Duration // of the longest overdue record; 0 if none is due
	// PastWindow is how many of the records that the sweep met are unfinished although their RETRY_WINDOW is over. The
	// next fault ends such a record, unless the function itself is the cause, so these are records that no worker
	// manages to finish.
	PastWindow int
	Fault      document.Fault // of the store; its code is empty if nothing went wrong
}

// logSweep writes the one log line of a sweep, always with the same fields.
func (w *Worker) logSweep(ctx context.Context, start time.Time, swept Swept) {
	message, at := "sweep done", level(swept.Fault)
	switch {
	case swept.Fault.Code != "":
		message = "sweep failed"
	case swept.PastWindow > 0:
		at = slog.LevelWarn
	}
	w.o.Log.LogAttrs(ctx, at, message,
		slog.Int("taken", swept.Taken), outcomesOf(swept.Outcomes),
		slog.Int("due", swept.Due), slog.Float64("overdueSeconds", swept.Overdue.Seconds()),
		slog.Int("pastWindow", swept.PastWindow),
		slog.String("code", swept.Fault.Code),
		slog.String("error", document.Clip(swept.Fault.Message, document.MaxMessage)),
		slog.String("advice", advice(swept.Fault)), slog.Float64("seconds", time.Since(start).Seconds()),
	)
}

// logReconciled writes the one log line of a reconciliation, always with the same fields.
func (w *Worker) logReconciled(ctx context.Context, start time.Time, r Reconciled) {
	message, at := "reconcile done", level(r.Fault)
	switch {
	case r.Fault.Code != "":
		message = "reconcile failed"
	case r.Missing > 0:
		at = slog.LevelWarn // events were lost
	}
	w.o.Log.LogAttrs(ctx, at, message,
		slog.Int64("listed", r.Listed), slog.Int64("missing", r.Missing), slog.Int64("gone", r.Gone),
		slog.Int("taken", r.Taken), outcomesOf(r.Outcomes, document.OutcomeDeleted, document.OutcomeFiltered),
		slog.Int64("left", r.Left), slog.Float64("leftSeconds", r.Age.Seconds()), slog.Bool("complete", r.Complete),
		slog.String("code", r.Fault.Code), slog.String("error", document.Clip(r.Fault.Message, document.MaxMessage)),
		slog.String("advice", advice(r.Fault)), slog.Float64("seconds", time.Since(start).Seconds()),
	)
}

// outcomesOf returns, as one attribute, the counts of all outcomes of a finalize event, and of others.
func outcomesOf(counts map[document.Outcome]int, others ...document.Outcome) slog.Attr {
	var all []any
	for _, o := range append([]document.Outcome{document.OutcomeDone, document.OutcomeFailed, document.OutcomeRetry,
		document.OutcomeBusy,
		document.OutcomeDuplicate, document.OutcomeSuperseded}, others...) {
		all = append(all, slog.Int(string(o), counts[o]))
	}
	return slog.Group("outcomes", all...)
}

// level returns ERROR for faults that need the operator, since that raises an alert, and WARN for failures and retries.
func level(f document.Fault) slog.Level {
	switch {
	case f.Code == "":
		return slog.LevelInfo
	case document.Code(f.Code).Operator:
		return slog.LevelError
	}
	return slog.LevelWarn
}
