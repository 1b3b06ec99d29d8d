package ocrtest

import (
	"context"
	"sync"
)

// Gate holds requests until it is opened. Create one with [NewGate]; the zero value is not usable. Its methods may be
// called concurrently and repeatedly.
type Gate struct {
	mu      sync.Mutex
	held    int // currently at the gate
	arrived int // in total
	passes  int
	open    bool
	changed chan struct{}
}

// NewGate returns a closed gate.
func NewGate() *Gate { return &Gate{changed: make(chan struct{})} }

// signal wakes all goroutines that wait for a change. The caller must hold mu.
func (g *Gate) signal() {
	close(g.changed)
	g.changed = make(chan struct{})
}

// Open lets all requests through, now and later.
func (g *Gate) Open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.open = true
	g.signal()
}

// Pass lets n requests through, held or later ones.
func (g *Gate) Pass(n int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.passes += n
	g.signal()
}

// Held returns the number of requests waiting at the gate.
func (g *Gate) Held() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.held
}

// Wait returns once n requests in total have arrived at the gate, whether or not they were let through, or with the
// context's error.
func (g *Gate) Wait(ctx context.Context, n int) error {
	return g.until(ctx, func() bool { return g.arrived >= n })
}

// until waits for a condition, which is evaluated under the lock.
func (g *Gate) until(ctx context.Context, reached func() bool) error {
	for {
		g.mu.Lock()
		done, changed := reached(), g.changed
		g.mu.Unlock()
		if done {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// enter waits until the request may pass.
func (g *Gate) enter(ctx context.Context) error {
	g.mu.Lock()
	g.arrived++
	g.held++
	g.signal()
	g.mu.Unlock()
	err := g.until(ctx, func() bool {
		if g.open {
			return true
		}
		if g.passes > 0 {
			g.passes--
			return true
		}
		return false
	})
	g.mu.Lock()
	g.held--
	g.mu.Unlock()
	return err
}
