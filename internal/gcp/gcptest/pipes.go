package gcptest

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
)

// Pipes is a listener for connections in memory, so that a client and a server can communicate inside a synctest bubble
// with fake time. Make it with [NewPipes], inside the bubble.
type Pipes struct {
	conns  chan net.Conn
	once   sync.Once
	closed chan struct{}

	mu   sync.Mutex
	last *pipe
}

// NewPipes returns a listener without connections.
func NewPipes() *Pipes { return &Pipes{conns: make(chan net.Conn), closed: make(chan struct{})} }

// pipe is the caller's end of a connection; its writes are lost once the connection is severed.
type pipe struct {
	net.Conn
	severed atomic.Bool
}

func (p *pipe) Write(b []byte) (int, error) {
	if p.severed.Load() {
		return len(b), nil
	}
	return p.Conn.Write(b)
}

// Sever makes the latest connection die silently: what its caller sends is lost.
func (p *Pipes) Sever() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last.severed.Store(true)
}

// Dial makes a connection. It waits until the connection is accepted or ctx ends.
func (p *Pipes) Dial(ctx context.Context) (net.Conn, error) {
	ours, theirs := net.Pipe()
	select {
	case p.conns <- theirs:
		p.mu.Lock()
		defer p.mu.Unlock()
		p.last = &pipe{Conn: ours}
		return p.last, nil
	case <-p.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Accept implements [net.Listener].
func (p *Pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

// Close implements [net.Listener]. It may be repeated.
func (p *Pipes) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

// Addr implements [net.Listener].
func (p *Pipes) Addr() net.Addr { return &net.UnixAddr{Name: "memory"} }
