package engine

import (
	"context"
	"errors"
	"sync"
	"time"
)

var (
	// ErrOverTime reports that a page took longer than the pool's limit.
	ErrOverTime = errors.New("the page took too long")
	// ErrStuck reports that a page is still being read long after it was told to stop.
	ErrStuck = errors.New("an engine does not stop")
)

// patience is the time that a page may continue after it was told to stop before its engine counts as stuck.
const patience = 30 * time.Second

// A Pool reads pages with a fixed number of engines, opened when first needed and used again.
// It is safe for concurrent use.
type Pool struct {
	maker Maker
	limit time.Duration
	stuck func(error)
	slots chan struct{} // one entry per page being read

	mu   sync.Mutex
	idle []Engine // open and free; the last one used comes first
}

// NewPool returns a pool of up to workers engines. A page may take limit, counted from when a
// worker is free for it. stuck is called with ErrStuck, from another goroutine, if an engine cannot
// be stopped at all: its worker and a core are lost, so the caller should end the process.
func NewPool(maker Maker, workers int, limit time.Duration, stuck func(error)) *Pool {
	return &Pool{maker: maker, limit: limit, stuck: stuck, slots: make(chan struct{}, workers)}
}

// Read returns the tidied text of a gray PNG, "" for a blank page. It waits for a free worker.
// When ctx ends it returns the cause of ctx, and over the limit ErrOverTime; in both cases at once,
// while the engine, thrown away and replaced, keeps its worker until it has really stopped.
func (p *Pool) Read(ctx context.Context, png []byte) (string, error) {
	select {
	case p.slots <- struct{}{}:
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, p.limit, ErrOverTime)
	defer cancel()
	type result struct {
		text string
		err  error
	}
	done := make(chan result, 1)
	go func() {
		defer func() { <-p.slots }()
		text, err := p.read(ctx, png)
		done <- result{text, err}
	}()
	select {
	case r := <-done:
		return Tidy(r.text), r.err
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
}

// read reads one page to its end, with an idle engine or a new one.
func (p *Pool) read(ctx context.Context, png []byte) (string, error) {
	finished := make(chan struct{})
	defer close(finished)
	go p.watch(ctx, finished)

	e, err := p.take(ctx)
	if err != nil {
		return "", err
	}
	text, err := e.Read(ctx, png)
	if err != nil {
		return "", errors.Join(err, e.Close())
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.idle = append(p.idle, e)
	return text, nil
}

func (p *Pool) take(ctx context.Context) (Engine, error) {
	p.mu.Lock()
	last := len(p.idle) - 1
	if last < 0 {
		p.mu.Unlock()
		return p.maker.Open(ctx)
	}
	defer p.mu.Unlock()
	e := p.idle[last]
	p.idle = p.idle[:last]
	return e, nil
}

// watch reports a page that does not finish within patience after its context ended.
func (p *Pool) watch(ctx context.Context, finished <-chan struct{}) {
	select {
	case <-finished:
		return
	case <-ctx.Done():
	}
	select {
	case <-finished:
	case <-time.After(patience):
		p.stuck(ErrStuck)
	}
}
