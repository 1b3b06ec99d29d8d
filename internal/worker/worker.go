package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/page"
	"github.com/bucketocr/bucketocr/ocr"
)

// Extractor is the OCR service. It is called concurrently.
type Extractor interface {
	ExtractText(ctx context.Context, img ocr.Image) (ocr.Result, error)
	// Profile says what the model wants of an image.
	Profile() ocr.Profile
}

// Options are what a pipeline is made of. All fields are required unless they say otherwise.
type Options struct {
	Objects document.Objects
	Records document.Store
	OCR     Extractor
	Log     *slog.Logger

	Rules  document.Rules
	Limits page.Limits // Edge, Reserve and Grow are the pipeline's own business

	OCRConcurrency int           // pages in flight for one object
	OCRPlaces      int           // pages in flight for all objects together; 0: no limit
	MemoryBudget   int64         // bytes that decoded pages in flight may hold together
	ProcessTimeout time.Duration // one delivery, closing write included
	Erase          bool          // ON_DELETE=erase

	NewID func() string // ids of leases, unique for ever

	// PageMade, where set, is told what was done to make a page, in a few words, before it is sent. It is called concurrently.
	PageMade func(o document.Object, page int, how string)

	Observer Observer // may be nil
}

// Pipeline takes events to their end. It is safe for concurrent use; one serves a whole process.
type Worker struct {
	o    Options
	gate *gate
	mem  *memory
	ocr  places

	drain   context.Context // ends when running attempts must let go
	letGo   context.CancelCauseFunc
	mu      sync.Mutex
	closed  bool
	running sync.WaitGroup
}

// closeShare is the part of the time for one delivery that is kept for the closing write.
const closeShare = 16

// New makes a pipeline. It starts nothing and calls nobody.
func New(o Options) *Worker {
	if o.Observer == nil {
		o.Observer = silent{}
	}
	drain, letGo := context.WithCancelCause(context.Background())
	return &Worker{
		o: o, drain: drain, letGo: letGo,
		gate: &gate{s: semaphore.NewWeighted(gateSize)},
		mem:  newMemory(o.MemoryBudget),
		ocr:  newPlaces(o.OCRPlaces),
	}
}

// Process takes one event to its outcome and writes one log line about it. It obeys its own deadline and goes on when
// the caller hangs up, because by then the OCR service is paid for. It may be repeated with the same event, and
// concurrently: that is what it is for. It never panics.
func (p *Worker) Process(ctx context.Context, ev document.Event) document.Outcome {
	ctx, leave, ok := p.enter(ctx)
	if !ok {
		return p.observed(ctx, ev, func(context.Context) report {
			return report{outcome: document.OutcomeRetry, fault: faultOf(errDraining)}
		}).outcome
	}
	defer leave()
	return p.process(ctx, ev, document.Absent()).outcome // mostly the first delivery: a right guess saves the read
}

// enter counts a delivery in, with its own deadline, unless the pipeline is draining.
func (p *Worker) enter(ctx context.Context) (context.Context, func(), bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return ctx, nil, false
	}
	p.running.Add(1)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), p.o.ProcessTimeout)
	return ctx, func() { cancel(); p.running.Done() }, true
}

func (p *Worker) draining() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.closed
}

// drainMargin is kept of the time to drain for the closing writes.
const drainMargin = 3 * time.Second

// Drain refuses new deliveries, lets the running ones finish until shortly before ctx's deadline, then has them release
// their records, so that a redelivery elsewhere starts without waiting. It returns ctx's error if some did not end in time.
func (p *Worker) Drain(ctx context.Context) error {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	if d, ok := ctx.Deadline(); ok {
		t := time.AfterFunc(time.Until(d)-drainMargin, func() { p.letGo(errDraining) })
		defer t.Stop()
	}
	done := make(chan struct{})
	go func() { p.running.Wait(); close(done) }()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		p.letGo(errDraining)
		return ctx.Err()
	}
}

// PassOver reports an event that was filtered out, as any other delivery. It touches nothing.
func (p *Worker) PassOver(ctx context.Context, ev document.Event, reason string) document.Outcome {
	return p.observed(ctx, ev, func(context.Context) report {
		return report{outcome: document.OutcomeFiltered, reason: reason}
	}).outcome
}

// process is one delivery within ctx's deadline: what Process and the sweep have in common. expected is what the record is
// taken to be.
func (p *Worker) process(ctx context.Context, ev document.Event, expected document.Expected) report {
	return p.observed(ctx, ev, func(ctx context.Context) report {
		if ev.Kind == document.KindDeleted {
			return p.remove(ctx, ev)
		}
		return p.finalized(ctx, ev, expected)
	})
}

// observed runs a delivery, tells the observer of it and writes its log line, whatever happens.
func (p *Worker) observed(ctx context.Context, ev document.Event, deliver func(ctx context.Context) report) (r report) {
	start := time.Now()
	ctx, end := p.o.Observer.Delivery(ctx, ev)
	defer func() {
		if v := recover(); v != nil {
			r = report{outcome: document.OutcomeRetry, fault: faultOf(panicked(v))}
		}
		d := r.delivered(ev)
		p.log(ctx, ev, start, r, d)
		end(d)
	}()
	return deliver(ctx)
}

// finalized walks a new generation from its claim to its closing write.
func (p *Worker) finalized(ctx context.Context, ev document.Event, expected document.Expected) report {
	work, stop := p.workTime(ctx)
	defer stop(nil)
	claimed := p.o.Observer.Part(ctx, PartClaim)
	c, err := p.claim(ctx, work, ev, expected)
	claimed(codeOf(err))
	if err != nil {
		c.leave()
		return report{outcome: document.OutcomeRetry, fault: faultOf(err)}
	}
	if c.outcome != "" {
		c.leave()
		return c.report()
	}
	a := newAttempt(p, ev, c)
	defer func() {
		go func() { <-a.ended(); c.leave() }()
	}()
	r := a.run(ctx, work, stop)
	r.expired = c.expired
	return r
}

// workTime is the part of ctx's time in which pages may be made and sent; the rest is for the closing write. It ends
// early when the instance shuts down.
func (p *Worker) workTime(ctx context.Context) (context.Context, context.CancelCauseFunc) {
	deadline, _ := ctx.Deadline()
	deadline = deadline.Add(-p.o.ProcessTimeout / closeShare)
	timed, cancel := context.WithDeadlineCause(ctx, deadline, errDeadline)
	work, stop := context.WithCancelCause(timed)
	unhook := context.AfterFunc(p.drain, func() { stop(errDraining) })
	return work, func(cause error) { unhook(); stop(cause); cancel() }
}

// claimRest is how long a claim's commit that is under way may take when work ends: it may be applied already.
const claimRest = time.Second

// shortlyAfter is ctx, ended a moment after work is.
func shortlyAfter(work, ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancel(ctx)
	unhook := context.AfterFunc(work, func() { time.AfterFunc(claimRest, cancel) })
	return ctx, func() { unhook(); cancel() }
}

// asCause puts the reason for which work ended in the place of an error that only says that it ended.
func asCause(work context.Context, err error) error {
	if err != nil && work.Err() != nil && !errors.Is(err, context.Cause(work)) {
		return fmt.Errorf("%w: %w", context.Cause(work), err)
	}
	return err
}
