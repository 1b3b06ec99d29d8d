package backfill

import (
	"context"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Sizes of the pace.
const (
	firstWait = time.Second
	longWait  = time.Minute
	// maxSteps is after how many refusals in a row, one at a time and each after a longer wait than the one before, the
	// run gives up: some seven minutes.
	maxSteps = 12
	// probation is how long a delivery that was let through alone may stay without an answer before the next may go:
	// the function refuses quickly, and works for minutes.
	probation = 5 * time.Second
)

// pace holds all deliveries back together. While the function refuses, one at a time is let through.
type pace struct {
	limiter *rate.Limiter
	sleep   func(context.Context, time.Duration) error
	probe   chan struct{} // holds a value while a delivery is on probation

	mu    sync.Mutex
	steps int // refusals in a row, not counting those that were under way already
	until time.Time
}

func newPace(perSecond float64, sleep func(context.Context, time.Duration) error) *pace {
	limit := rate.Inf
	if perSecond > 0 {
		limit = rate.Limit(perSecond)
	}
	return &pace{limiter: rate.NewLimiter(limit, 1), sleep: sleep, probe: make(chan struct{}, 1)}
}

// pass is leave for one delivery, to be given back with its answer.
type pass struct {
	p       *pace
	step    int // at which it was given: an answer to an older one says nothing new
	release func()
}

// enter waits for leave to deliver n objects.
func (p *pace) enter(ctx context.Context, n int) (*pass, error) {
	for range n {
		if err := p.limiter.Wait(ctx); err != nil {
			return nil, err
		}
	}
	if p.healthy() {
		return &pass{p: p, release: func() {}}, nil
	}
	select {
	case p.probe <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	release := sync.OnceFunc(func() { <-p.probe })
	step, wait := p.state() // what those before said of it
	if step == 0 {
		release()
	}
	if err := p.sleep(ctx, wait); err != nil {
		release()
		return nil, err
	}
	time.AfterFunc(probation, release)
	return &pass{p: p, step: step, release: release}, nil
}

func (p *pace) healthy() bool {
	step, _ := p.state()
	return step == 0
}

// state is how often in a row the function has refused, and how long to wait for the next try.
func (p *pace) state() (step int, wait time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.steps == 0 {
		return 0, 0
	}
	return p.steps, time.Until(p.until)
}

// accepted says that the function takes what comes.
func (l *pass) accepted() {
	l.p.mu.Lock()
	l.p.steps = 0
	l.p.mu.Unlock()
	l.release()
}

// refused says that it does not, and reports whether the run must end.
func (l *pass) refused() (enough bool) {
	l.p.mu.Lock()
	defer l.p.mu.Unlock()
	if l.step == l.p.steps {
		l.p.until = time.Now().Add(min(firstWait<<l.p.steps, longWait))
		l.p.steps++
	}
	l.release()
	return l.p.steps >= maxSteps
}
