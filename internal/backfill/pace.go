package backfill

import (
	"context"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Limits of the pace.
const (
	firstWait = time.Second
	longWait  = time.Minute
	// maxSteps is the number of consecutive refusals, one at a time and each after a longer wait, after which the run
	// gives up: about seven minutes.
	maxSteps = 12
	// probation is how long the next delivery waits for the answer to a single one: the function refuses quickly, but
	// may work for minutes.
	probation = 5 * time.Second
)

// pace limits all deliveries together. While the function refuses, it permits one at a time.
type pace struct {
	limiter *rate.Limiter
	sleep   func(context.Context, time.Duration) error
	probe   chan struct{} // holds a value while a delivery is on probation

	mu    sync.Mutex
	steps int // consecutive refusals, not counting deliveries that were already under way
	until time.Time
}

func newPace(perSecond float64, sleep func(context.Context, time.Duration) error) *pace {
	limit := rate.Inf
	if perSecond > 0 {
		limit = rate.Limit(perSecond)
	}
	return &pace{limiter: rate.NewLimiter(limit, 1), sleep: sleep, probe: make(chan struct{}, 1)}
}

// pass is permission for one delivery, which must be given back with the answer.
type pass struct {
	p       *pace
	step    int // when it was given: an answer to an older one is no news
	release func()
}

// enter waits for permission to deliver n objects.
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
	step, wait := p.state() // by the answers so far
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

// state returns the number of consecutive refusals, and how long to wait before the next try.
func (p *pace) state() (step int, wait time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.steps == 0 {
		return 0, 0
	}
	return p.steps, time.Until(p.until)
}

// accepted notes that the function accepts deliveries.
func (l *pass) accepted() {
	l.p.mu.Lock()
	l.p.steps = 0
	l.p.mu.Unlock()
	l.release()
}

// refused notes a refusal, and reports whether the run must end.
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
