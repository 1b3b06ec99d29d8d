package app

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/GoogleCloudPlatform/functions-framework-go/funcframework"
	cloudevents "github.com/cloudevents/sdk-go/v2"

	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/event"
	"github.com/bucketocr/bucketocr/internal/gcp/cloudlog"
	"github.com/bucketocr/bucketocr/internal/telemetry"
	"github.com/bucketocr/bucketocr/internal/worker"
)

// maxEvent limits an event's body, in bytes; real events have one or two thousand.
const maxEvent = 1 << 20

// Handler serves CloudEvents over HTTP. It is safe for concurrent use.
type Handler struct {
	worker     *worker.Worker
	reconciler *reconciler // nil if RECONCILE_BUCKETS is empty
	filter     event.Filter
	log        *slog.Logger
	telemetry  *telemetry.Telemetry // nil if nothing is sent
	requests   inFlight             // requests not answered yet
}

// ServeHTTP processes one CloudEvent, binary or structured. It answers 200 with the outcome if the message is to be
// acknowledged, 503 if it is to be redelivered, and 400 if it is not a CloudEvent.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.requests.add(1)
	defer h.requests.add(-1)
	ctx := cloudlog.WithRequest(r.Context(), r, funcframework.ExecutionIDFromContext(r.Context()))
	r.Body = http.MaxBytesReader(w, r.Body, maxEvent)
	resp := h.serve(ctx, r)
	body := resp.text + "\n"
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(resp.status)
	_, _ = io.WriteString(w, body)            // a caller that has hung up gets the event redelivered
	_ = http.NewResponseController(w).Flush() // before it counts as answered: the process may end then
}

// response is the answer to a request.
type response struct {
	status  int
	text    string
	trigger string // for metrics
}

// serve handles a request and returns its response, after sending the request's traces and metrics.
func (h *Handler) serve(ctx context.Context, r *http.Request) (resp response) {
	done := h.telemetry.Request(ctx)
	defer func() { done(resp.trigger, resp.status) }()
	ce, err := cloudevents.NewEventFromHTTPRequest(r)
	if err == nil {
		err = ce.Validate()
	}
	if err != nil {
		h.log.WarnContext(ctx, "invalid CloudEvent", "error", err.Error())
		return response{http.StatusBadRequest, "invalid CloudEvent", telemetry.ByOther}
	}
	outcome := h.process(ctx, *ce)
	status := http.StatusOK
	if outcome.Refused() {
		status = http.StatusServiceUnavailable
	}
	return response{status, string(outcome), triggerOf(ce.Type())}
}

// triggerOf returns the semantic conventions' faas.trigger for events of a type.
func triggerOf(eventType string) string {
	switch eventType {
	case event.TypeFinalized, event.TypeDeleted, event.TypeArchived:
		return telemetry.ByObject
	case event.TypeSweep, event.TypeReconcile:
		return telemetry.BySchedule
	}
	return telemetry.ByOther
}

// process decodes an event, filters it and hands it to the worker.
func (h *Handler) process(ctx context.Context, ce cloudevents.Event) document.Outcome {
	switch ce.Type() {
	case event.TypeSweep:
		if swept := h.worker.Sweep(ctx); swept.Fault.Code != "" {
			return document.OutcomeRetry
		}
		return document.OutcomeDone
	case event.TypeReconcile:
		return h.reconcile(ctx, ce)
	}
	ev, err := event.Decode(ce)
	switch {
	case errors.Is(err, event.ErrOtherType):
		h.log.WarnContext(ctx, "event ignored", "event", ce.ID(), "error", err.Error())
		return document.OutcomeFiltered
	case err != nil:
		h.log.ErrorContext(ctx, "event rejected, will be redelivered", "event", ce.ID(), "type", ce.Type(), "error",
			err.Error(),
			"advice", "the event will be redelivered until the subscription drops it, after 7 days as deployed; check the trigger's event-data content type")
		return document.OutcomeRetry
	}
	if reason, skip := h.filter.Skip(ev); skip {
		return h.worker.Ignore(ctx, ev, reason).Outcome
	}
	return h.worker.Process(ctx, ev).Outcome
}

// reconcile runs one part of a reconciliation. If it is not complete, the outcome requests redelivery, which continues
// it.
func (h *Handler) reconcile(ctx context.Context, ce cloudevents.Event) document.Outcome {
	if h.reconciler == nil {
		h.log.WarnContext(ctx, "reconciliation ignored", "advice",
			"set RECONCILE_BUCKETS to the buckets of the triggers")
		return document.OutcomeFiltered
	}
	since, err := event.Since(ce)
	if err != nil {
		h.log.ErrorContext(ctx, "reconciliation ignored", "error", err.Error(), "advice",
			"correct the Cloud Scheduler job, or recreate it with deploy.sh")
		return document.OutcomeFiltered
	}
	if r := h.worker.Reconcile(ctx, h.reconciler.since(since)); r.Fault.Code != "" || !r.Complete {
		return document.OutcomeRetry
	}
	return document.OutcomeDone
}

// shutdownBudget is the time from SIGTERM until Cloud Run kills the process.
const shutdownBudget = 10 * time.Second

// The parts of shutdownBudget, one after the other.
const (
	drainTime     = shutdownBudget - telemetryTime - answerTime - exitTime // running deliveries finish or are released
	telemetryTime = 500 * time.Millisecond                                 // the last traces and metrics are sent
	answerTime    = 200 * time.Millisecond                                 // the last responses are written
	exitTime      = 300 * time.Millisecond                                 // reserve, for the process to end
)

// Shutdown drains the handler within the time that Cloud Run permits and logs an error if that was not enough.
func (h *Handler) Shutdown() {
	ctx, cancel := context.WithTimeout(context.Background(), drainTime)
	defer cancel()
	if err := h.Drain(ctx); err != nil {
		h.log.Error("shutdown timed out with deliveries in flight; their leases will expire", "error", err.Error())
	}
}

// Pace returns how many pages this process has at the OCR service.
func (h *Handler) Pace() worker.Pace { return h.worker.Pace() }

// Drain refuses new events, lets running deliveries finish or releases them until ctx ends (see [worker.Worker.Drain],
// whose error it returns), then sends the last traces and metrics and waits for responses that are being written. It
// returns at most telemetryTime + answerTime after ctx has ended.
func (h *Handler) Drain(ctx context.Context) error {
	h.telemetry.Hold()
	err := h.worker.Drain(ctx)
	ctx = context.WithoutCancel(ctx)
	within(ctx, telemetryTime, h.telemetry.Shutdown)
	within(ctx, answerTime, h.requests.wait)
	return err
}

// within calls f with a context that ends after d.
func within(ctx context.Context, d time.Duration, f func(context.Context)) {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	f(ctx)
}

// inFlight counts requests in flight. The zero value is ready to use.
type inFlight struct {
	mu    sync.Mutex
	count int
	none  chan struct{} // closed when count becomes 0; nil if nothing waits
}

func (f *inFlight) add(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.count += n
	if f.count == 0 && f.none != nil {
		close(f.none)
		f.none = nil
	}
}

// wait returns when the count is 0, or when ctx ends.
func (f *inFlight) wait(ctx context.Context) {
	f.mu.Lock()
	if f.count == 0 {
		f.mu.Unlock()
		return
	}
	if f.none == nil {
		f.none = make(chan struct{})
	}
	none := f.none
	f.mu.Unlock()
	select {
	case <-none:
	case <-ctx.Done():
	}
}
