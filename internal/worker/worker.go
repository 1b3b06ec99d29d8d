package worker

import (
	"cmp"
	"context"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/page"
	"github.com/bucketocr/bucketocr/ocr"
)

// Extractor is the OCR service. It is called concurrently.
type Extractor interface {
	ExtractText(ctx context.Context, img ocr.Image) (ocr.Result, error)
	// Profile returns the model's requirements for images.
	Profile() ocr.Profile
}

// Options configure a worker. All fields are required unless they say otherwise.
type Options struct {
	Objects document.Objects
	Records document.Store
	Turns   document.Store // a separate store, for turns between instances; nil: there is one instance
	OCR     Extractor
	Notify  document.Notifier // nil: ends are not announced
	Log     *slog.Logger

	Rules  document.Rules
	Limits page.Limits // Edge and Budget are set by the worker

	OCRConcurrency int           // pages in flight for one object
	OCRPlaces      int           // the most pages in flight for all objects together; 0: no limit
	OCRTimeout     time.Duration // of one try of the OCR client; 0: its default
	MemoryBudget   int64         // bytes that decoded pages in flight may hold together
	ProcessTimeout time.Duration // for one delivery from its claim, including the closing write
	Erase          bool          // ON_DELETE=erase
	PDFText        bool          // PDF_TEXT=prefer
	Reuse          bool          // REUSE=same-bytes
	Model          string        // to ask for; the first answer's model replaces it
	Mode           string        // reading mode; empty: plain

	Owner func(name string) string // returns an object's owner by its name; nil: no object has an owner

	NewID func() string    // ids of leases, never repeated
	Now   func() time.Time // the clock of this machine; nil: time.Now
	Rand  func() float64   // in [0, 1), spreads waits; nil: math/rand

	OCRURL  string               // for the spans of requests to the OCR service; may be empty
	Traces  trace.TracerProvider // nil: no spans
	Metrics metric.MeterProvider // nil: no metrics
}

// Worker processes events. It is safe for concurrent use; one serves a whole process.
type Worker struct {
	o         Options
	admission *admission
	pace      *pace
	clock     *clock
	telemetry *telemetry
	answered  sync.Once              // the OCR service has answered
	model     atomic.Pointer[string] // the last to answer, or the one to ask for

	drain   context.Context // ends when running deliveries must release their records
	putBack context.CancelCauseFunc
	closing context.Context // ends when a drain begins
	close   context.CancelFunc
	mu      sync.Mutex
	closed  bool
	running sync.WaitGroup
}

// New returns a worker. It starts nothing and calls nothing. An error is from creating the metrics.
func New(o Options) (*Worker, error) {
	t, err := newTelemetry(o)
	if err != nil {
		return nil, err
	}
	o.OCRTimeout, o.Mode = cmp.Or(o.OCRTimeout, ocr.DefaultTimeout), cmp.Or(o.Mode, ocr.ModePlain)
	if o.Owner == nil {
		o.Owner = func(string) string { return "" }
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Rand == nil {
		o.Rand = rand.Float64
	}
	c := &clock{local: o.Now, log: o.Log, telemetry: t}
	o.Records = timed{o.Records, c}
	if o.Turns != nil {
		o.Turns = timed{o.Turns, c}
	}
	drain, putBack := context.WithCancelCause(context.Background())
	closing, closeAll := context.WithCancel(context.Background())
	w := &Worker{closing: closing, close: closeAll, o: o, admission: newAdmission(o, t), pace: newPace(o, t),
		telemetry: t, clock: c, drain: drain, putBack: putBack}
	w.model.Store(&o.Model)
	return w, nil
}

// begin registers a delivery or a sweep. The returned context does not end with the caller's, but when the instance has
// to stop; it has ended already if the worker is draining. The func must be called once, at the end.
func (w *Worker) begin(ctx context.Context) (context.Context, func()) {
	ctx, stop := context.WithCancelCause(context.WithoutCancel(ctx))
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		stop(errDraining)
		return ctx, func() {}
	}
	w.running.Add(1)
	unhook := context.AfterFunc(w.drain, func() { stop(errDraining) })
	return ctx, func() { unhook(); stop(nil); w.running.Done() }
}

func (w *Worker) draining() bool { return w.closing.Err() != nil }

// untilDrain returns a context for waits before work begins: it ends with ctx and, with errDraining as cause, when a
// drain begins.
func (w *Worker) untilDrain(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, stop := context.WithCancelCause(ctx)
	unhook := context.AfterFunc(w.closing, func() { stop(errDraining) })
	return ctx, func() { unhook(); stop(nil) }
}

// drainMargin is the part of the time to drain that is kept for the closing writes.
const drainMargin = 3 * time.Second

// Drain refuses new deliveries, and running ones begin no further page. Pages in progress have until shortly before
// ctx's deadline. Records with pages left are then released together with their finished pages, so that a redelivery
// elsewhere need not wait for the lease. It returns ctx's error if some deliveries did not end in time.
func (w *Worker) Drain(ctx context.Context) error {
	w.mu.Lock()
	w.closed = true
	w.mu.Unlock()
	w.close()
	if d, ok := ctx.Deadline(); ok {
		t := time.AfterFunc(time.Until(d)-drainMargin, func() { w.putBack(errDraining) })
		defer t.Stop()
	}
	done := make(chan struct{})
	go func() { w.running.Wait(); close(done) }()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		w.putBack(errDraining)
		return ctx.Err()
	}
}

// workTime returns the part of a delivery's time in which pages may be made and read.
func (w *Worker) workTime(ctx context.Context) (context.Context, context.CancelFunc) {
	end := time.Now().Add(w.o.ProcessTimeout)
	if d, ok := ctx.Deadline(); ok && d.Before(end) {
		end = d // the sweep's
	}
	return context.WithDeadlineCause(ctx, end.Add(-w.o.ProcessTimeout/document.CloseShare), errDeadline)
}

// closeTime returns a context with the rest of a delivery's time, for the closing write. It does not end with a
// shutdown.
func (w *Worker) closeTime(work context.Context) (context.Context, context.CancelFunc) {
	end, _ := work.Deadline()
	return context.WithDeadline(context.WithoutCancel(work), end.Add(w.o.ProcessTimeout/document.CloseShare))
}

// outlive returns a context that ends d later than ctx, so that a commit under way is not cut off.
func outlive(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	longer, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	unhook := context.AfterFunc(ctx, func() { time.AfterFunc(d, func() { cancel(context.Cause(ctx)) }) })
	return longer, func() { unhook(); cancel(nil) }
}
