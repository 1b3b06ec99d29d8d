// Package bucketocr is the door of the function: it registers ExtractText, decodes the CloudEvent, calls the pipeline and
// turns its outcome into acknowledge or retry. It holds no rules. The same door serves Cloud Run and the local run.
package bucketocr

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/GoogleCloudPlatform/functions-framework-go/funcframework"
	"github.com/GoogleCloudPlatform/functions-framework-go/functions"
	cloudevents "github.com/cloudevents/sdk-go/v2"

	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/event"
	"github.com/bucketocr/bucketocr/internal/gcp/cloudlog"
	"github.com/bucketocr/bucketocr/internal/page"
	"github.com/bucketocr/bucketocr/internal/telemetry"
	"github.com/bucketocr/bucketocr/internal/worker"
)

// Target is the name under which the function is registered: the entry point of a deploy.
const Target = "ExtractText"

// Limits of the door.
const (
	maxEvent = 1 << 20         // bytes of an event's body; real ones have one or two thousand
	grace    = 9 * time.Second // from SIGTERM to the end; Cloud Run kills after 10 s

	lastSpans = 500 * time.Millisecond // after it, for traces and metrics that a collector has not got yet
	lastWords = 200 * time.Millisecond // for the answers about what was just put back to leave the process
)

// On Cloud Run the main program is generated and knows nothing of us, so that the configuration is loaded and SIGTERM is
// caught here; elsewhere bucketocr serve does both, and tests see neither.
func init() {
	page.ServeIfDecoder()
	functions.HTTP(Target, ExtractText)
	if os.Getenv("K_SERVICE") == "" {
		return
	}
	if err := Setup(os.LookupEnv, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	term := make(chan os.Signal, 1)
	signal.Notify(term, syscall.SIGTERM)
	go func() {
		<-term
		Drain()
		os.Exit(0)
	}()
}

// door is the one that ExtractText serves; Setup puts it there.
var door atomic.Pointer[Door]

// ExtractText is the function. It answers 503 until Setup was called.
func ExtractText(w http.ResponseWriter, r *http.Request) {
	if d := door.Load(); d != nil {
		d.ServeHTTP(w, r)
		return
	}
	http.Error(w, "not configured", http.StatusServiceUnavailable)
}

// Drain has the served door finish what it does within the grace period or release it; see [Door.Drain].
func Drain() {
	d := door.Load()
	if d == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	if err := d.Drain(ctx); err != nil {
		d.log.Error("stopped with work in hand: its lease will run out", "error", err.Error())
	}
	time.Sleep(lastWords)
}

// Door is the function's HTTP handler. It is safe for concurrent use.
type Door struct {
	worker *worker.Worker
	filter event.Filter
	log    *slog.Logger

	telemetry *telemetry.Telemetry // nil where nothing is sent
}

// Drain drains the pipeline (see [worker.Worker.Drain], whose error it returns) and then sends the last traces and
// metrics, which takes half a second more than ctx at most.
func (d *Door) Drain(ctx context.Context) error {
	d.telemetry.Hold()
	err := d.worker.Drain(ctx)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastSpans)
	defer cancel()
	d.telemetry.Shutdown(ctx)
	return err
}

// ServeHTTP takes one CloudEvent, binary or structured. It answers 200 with the outcome where the message is settled, 503
// where it must come again, and 400 to what is no CloudEvent.
func (d *Door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ctx := cloudlog.WithRequest(r.Context(), r, funcframework.ExecutionIDFromContext(r.Context()))
	r.Body = http.MaxBytesReader(w, r.Body, maxEvent)
	a := d.take(ctx, r)
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(a.status)
	fmt.Fprintln(w, a.text)
}

// answer is what a request gets.
type answer struct {
	status  int
	text    string
	trigger string // of the request, for metrics
}

// take handles a request, up to but not with its answer: by then, what there is to tell about it has been sent.
func (d *Door) take(ctx context.Context, r *http.Request) (a answer) {
	done := d.telemetry.Request(ctx)
	defer func() { done(a.trigger, a.status) }()
	ce, err := cloudevents.NewEventFromHTTPRequest(r)
	if err == nil {
		err = ce.Validate()
	}
	if err != nil {
		d.log.WarnContext(ctx, "no CloudEvent", "error", err.Error())
		return answer{http.StatusBadRequest, "no CloudEvent", telemetry.ByOther}
	}
	out := d.handle(ctx, *ce)
	status := http.StatusOK
	if out.Refused() {
		status = http.StatusServiceUnavailable
	}
	return answer{status, string(out), triggers[ce.Type()]}
}

// triggers are the conventions' words for what calls a function; of another type there is none.
var triggers = map[string]string{
	event.TypeFinalized: telemetry.ByObject, event.TypeDeleted: telemetry.ByObject, event.TypeArchived: telemetry.ByObject,
	event.TypeSweep: telemetry.BySweep,
}

// handle decodes, filters and passes on.
func (d *Door) handle(ctx context.Context, ce cloudevents.Event) document.Outcome {
	if ce.Type() == event.TypeSweep {
		return d.sweep(ctx)
	}
	ev, err := event.Decode(ce)
	switch {
	case errors.Is(err, event.ErrOtherType):
		d.log.WarnContext(ctx, "event passed over", "event", ce.ID(), "error", err.Error())
		return document.OutcomeFiltered
	case err != nil:
		d.log.ErrorContext(ctx, "event refused", "event", ce.ID(), "type", ce.Type(), "error", err.Error(),
			"advice", "no object is lost: it comes again for a day. Look at the trigger's settings")
		return document.OutcomeRetry
	}
	if reason, skip := d.filter.Skip(ev); skip {
		return d.worker.Ignore(ctx, ev, reason).Outcome
	}
	return d.worker.Process(ctx, ev).Outcome
}

func (d *Door) sweep(ctx context.Context) document.Outcome {
	if s := d.worker.Sweep(ctx); s.Fault.Code != "" {
		return document.OutcomeRetry
	}
	return document.OutcomeDone
}
