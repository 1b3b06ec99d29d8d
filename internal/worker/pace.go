package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/ocr"
)

// pace limits how many pages this instance has at the OCR service: as many as the service bears, at most OCRPlaces. The
// limit is halved when the service does not keep up, and grows slowly with its answers. Places are granted in the order
// of asking.
type pace struct {
	most      float64
	every     time.Duration // between two reductions: the effect of one shows when a try's time is over
	log       *slog.Logger
	telemetry *telemetry

	mu      sync.Mutex
	limit   float64 // of places; at least 1
	used    int
	alone   bool // one delivery has all places
	waiting []*waiter
	reduced time.Time
	heard   time.Time // the last answer
	misses  int       // consecutive pages that the service failed at
}

// waiter is a caller of take that waits for one place or all places.
type waiter struct {
	all   bool
	ready chan struct{} // closed when granted
}

const (
	// silence is how many consecutive failures make the service the likelier cause than the pages.
	silence = 3
	// momentAgo is the age up to which an answer shows that the service is up.
	momentAgo = 30 * time.Second
	// silentWait is how long a page waits for its place while the service is silent.
	silentWait = time.Minute
	// growth, divided by the limit, is added to the limit with each answer: half a place per round of answers.
	growth = 0.5
)

func newPace(o Options, t *telemetry) *pace {
	most := float64(o.OCRPlaces)
	if o.OCRPlaces <= 0 {
		most = wholeInstance
	}
	return &pace{most: most, limit: most, every: o.OCRTimeout, log: o.Log, telemetry: t}
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
	return Pace{InFlight: p.used, Limit: int(p.limit), Most: max(w.o.OCRPlaces, 0)}
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
		if w.all && p.used > 0 || float64(p.used) >= p.limit {
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
	oe, failed := errors.AsType[*ocr.Error](err)
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case err == nil:
		p.misses, p.heard = 0, time.Now()
		if p.limit < p.most {
			p.limit = min(p.most, p.limit+growth/p.limit)
			p.telemetry.paced(ctx, p.limit)
			p.admit()
		}
	case !failed:
	case oe.Kind == ocr.KindOverloaded:
		p.reduce(ctx, oe.Kind)
	default:
		if code, class := ocrFault(oe); class == document.ClassSuspect && code != document.CodeInternal {
			p.misses++ // but not if the page's own bytes could not be read
		}
		if oe.Kind == ocr.KindTimeout || p.misses >= silence {
			p.reduce(ctx, oe.Kind)
		}
	}
}

// reduce halves the limit. The caller holds the lock.
func (p *pace) reduce(ctx context.Context, why ocr.Kind) {
	if !p.reduced.IsZero() && time.Since(p.reduced) < p.every {
		return
	}
	next := max(1, min(p.limit, float64(p.used))/2)
	if next < p.limit {
		p.log.LogAttrs(ctx, slog.LevelInfo, "pace reduced", slog.String("why", string(why)),
			slog.Int("from", int(min(p.limit, float64(p.used)))), slog.Int("to", int(next)))
	}
	p.limit, p.reduced = next, time.Now()
	p.telemetry.paced(ctx, p.limit)
}

// answering reports whether the service has answered a moment ago and has not failed since.
func (p *pace) answering() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.misses == 0 && !p.heard.IsZero() && time.Since(p.heard) < momentAgo
}

// silent reports whether several consecutive pages failed: before another one is sent, or blamed, the service has to
// show that it reads at all.
func (p *pace) silent() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.misses >= silence
}
