package standin

import (
	"context"
	"sync"
)

// gate lets requests pass in groups. The zero value lets each pass at once.
type gate struct {
	mu      sync.Mutex
	size    int
	waiting int
	open    chan struct{} // closed when the waiting group is complete
}

// set changes the size of groups from the next one on.
func (g *gate) set(n int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.size = n
}

// pass waits until the caller's group is complete, or ctx ends.
func (g *gate) pass(ctx context.Context) {
	g.mu.Lock()
	if g.waiting == 0 {
		g.open = make(chan struct{})
	}
	open := g.open
	if g.waiting++; g.waiting >= g.size {
		g.waiting = 0
		close(open)
	}
	g.mu.Unlock()
	select {
	case <-open:
	case <-ctx.Done():
	}
}
