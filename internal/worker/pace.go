package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/bucketocr/bucketocr/ocr"
)

// pace limits how many pages this instance has at the OCR service: as many as the service bears, at most OCRPlaces.
// Places are granted in the order of asking.
type pace struct {
	log       *slog.Logger
	telemetry *telemetry

	mu      sync.Mutex
	limit   *Limit
	used    int
	alone   bool // one delivery has all places
	waiting []*waiter
}

// waiter is a caller of take that waits for one place or all places.
type waiter struct {
	all   bool
	ready chan struct{} // closed when granted
}

// silentWait is how long a page waits for its place while the service is silent.
const silentWait = time.Minute

func newPace(o Options, t *telemetry) *pace {
	return &pace{limit: NewLimit(o.OCRPlaces, o.OCRTimeout), log: o.Log, telemetry: t}
}

// Pace describes how many pages this instance has at the OCR service.
type Pace struct {
	InFlight int
	Limit    int // current limit: as many as the service bears
	Most     int // upper limit by the settings; 0: none
}

// Pace returns the current pace. It may be called concurrently.
func (w *Worker) Pace() Pace {
	p := w.pace
	p.mu.Lock()
	defer p.mu.Unlock()
	return Pace{InFlight: p.used, Limit: p.limit.Places(), Most: max(w.o.OCRPlaces, 0)}
}

// take waits for a place or, with all, until this instance has no page at the service, and then takes all places. The
// func gives back what was taken; it must be called once.
func (p *pace) take(ctx context.Context, all bool) (func(), error) {
	w := &waiter{all: all, ready: make(chan struct{})}
	p.mu.Lock()
	p.waiting = append(p.waiting, w)
	p.admit()
	p.mu.Unlock()
	give := func() { p.give(all) }
	select {
	case <-w.ready:
		return give, nil
	default:
	}
	err := p.await(ctx, w)
	if err == nil {
		return give, nil
	}
	p.mu.Lock()
	i := slices.Index(p.waiting, w)
	if i >= 0 {
		p.waiting = slices.Delete(p.waiting, i, i+1)
		p.admit() // the next ones may have been waiting behind this one
	}
	p.mu.Unlock()
	if i < 0 { // it was granted at the same moment
		give()
	}
	return nil, withCause(ctx, fmt.Errorf("waiting for a place at the OCR service: %w", err))
}

// await waits until w is granted, ctx ends, or the service has been silent for silentWait: the page that has a place
// then waits for the service to come back, and the others need not.
func (p *pace) await(ctx context.Context, w *waiter) error {
	for {
		look := time.NewTimer(silentWait)
		select {
		case <-w.ready:
			look.Stop()
			return nil
		case <-ctx.Done():
			look.Stop()
			return ctx.Err()
		case <-look.C:
			if p.silent() {
				return errSilent
			}
		}
	}
}

// admit grants places to waiters, in order. The caller holds the lock.
func (p *pace) admit() {
	for len(p.waiting) > 0 && !p.alone {
		w := p.waiting[0]
		if w.all && p.used > 0 || !p.limit.Admits(p.used) {
			return
		}
		p.used, p.alone = p.used+1, w.all
		p.waiting = p.waiting[1:]
		close(w.ready)
	}
}

func (p *pace) give(all bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.used--
	if all {
		p.alone = false
	}
	p.admit()
}

// saw adapts the limit to the outcome of a page at the service.
func (p *pace) saw(ctx context.Context, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	from := min(p.limit.Places(), p.used)
	switch p.limit.Saw(err, p.used, time.Now()) {
	case Grew:
		p.telemetry.paced(ctx, p.limit.places)
		p.admit()
	case Reduced:
		if oe, ok := errors.AsType[*ocr.Error](err); ok && p.limit.Places() < from {
			p.log.LogAttrs(ctx, slog.LevelInfo, "pace reduced", slog.String("why", string(oe.Kind)),
				slog.Int("from", from), slog.Int("to", p.limit.Places()))
		}
		p.telemetry.paced(ctx, p.limit.places)
	}
}

// answering calls Limit.Answering.
func (p *pace) answering() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.limit.Answering(time.Now())
}

// silent calls Limit.Silent.
func (p *pace) silent() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.limit.Silent()
}
