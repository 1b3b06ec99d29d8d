package gcp

import (
	"context"
	"errors"
	"sync"
	"time"
)

// dialLimit limits how long making a client may take, which reads credentials and may ask the metadata server, and how
// long a caller waits for it: parts of that ignore their context.
const dialLimit = 30 * time.Second

var errNotMade = errors.New("credentials and connection took more than " + dialLimit.String())

// Lazy makes a value at its first use. One goroutine makes it for all waiting callers; an error is returned to those
// only, and the next call tries again. It may be used concurrently.
type Lazy[T any] struct {
	// Make makes the value, within half a minute. It must be set before the first use.
	Make func(ctx context.Context) (T, error)

	mu      sync.Mutex
	made    bool
	value   T
	pending *making[T]
}

// making is one attempt to make the value, under way until done is closed.
type making[T any] struct {
	done  chan struct{}
	value T
	err   error
}

// Get returns the value, or ctx's error if that ends first; the value is then still made for the next caller. A caller
// waits for half a minute at most, and then gets an error that is not a context's.
func (l *Lazy[T]) Get(ctx context.Context) (T, error) {
	var none T
	if err := ctx.Err(); err != nil {
		return none, err
	}
	l.mu.Lock()
	if l.made {
		defer l.mu.Unlock()
		return l.value, nil
	}
	if l.pending == nil {
		l.pending = &making[T]{done: make(chan struct{})}
		go l.run(context.WithoutCancel(ctx), l.pending)
	}
	m := l.pending
	l.mu.Unlock()
	patience := time.NewTimer(dialLimit)
	defer patience.Stop()
	select {
	case <-m.done:
		return m.value, m.err
	case <-patience.C:
		return none, errNotMade
	case <-ctx.Done():
		return none, ctx.Err()
	}
}

// Peek returns the value, if it has been made, and reports whether it has.
func (l *Lazy[T]) Peek() (T, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.value, l.made
}

func (l *Lazy[T]) run(ctx context.Context, m *making[T]) {
	ctx, cancel := context.WithTimeout(ctx, dialLimit)
	defer cancel()
	m.value, m.err = l.Make(ctx)
	if m.err != nil && ctx.Err() != nil {
		m.err = errNotMade
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if m.err == nil {
		l.value, l.made = m.value, true
	}
	l.pending = nil
	close(m.done)
}
