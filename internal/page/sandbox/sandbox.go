// Package sandbox runs decoders in a child process, which runs the same program, one call at a time and with resource
// limits for each call.
//
// Compiled WebAssembly cannot be interrupted: while it runs, Go's garbage collector waits for it, and all goroutines,
// including a watchdog, wait for the collector. Most decoders written in Go cannot be interrupted either. A file that
// keeps a decoder busy forever, or makes it use all memory, would stop the program. A process can be killed.
//
// Files, in reading order: sandbox.go the parent's side, watch.go the limits of a call, serve.go the child's side,
// message.go the messages between them, file_linux.go and file_other.go the objects that calls read, tied_linux.go and
// tied_other.go ending the child with its parent, limit_linux.go and limit_other.go the child's processor time and
// memory limit.
package sandbox

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"time"
)

// Errors of calls, in addition to those of handlers and contexts.
var (
	// ErrSlow reports that the child was killed because a call exceeded its Limits.
	ErrSlow = errors.New("the decoder took too long")
	// ErrDied reports that the child ended during a call without being killed by its parent.
	ErrDied = errors.New("the decoder died")
)

// Limits bounds the resources of a child. 0 means no limit.
type Limits struct {
	Processor time.Duration // processor time per call; wall-clock time where the system does not report it
	Clock     time.Duration // wall-clock time per call: see watcher
	// bytes of writable memory, where the system can limit that; Go's own limit is nine tenths of it
	Memory int64
}

// Child manages the process, which is started when it is first needed, restarted after it was killed or has died, and
// ends with the program that started it, however that ends. Create a Child with [New]. Safe for concurrent use.
type Child struct {
	turn chan struct{} // contains a token during a call

	// Guarded by turn.
	process *exec.Cmd
	release func() // must be called when the process has ended
	in      io.WriteCloser
	out     *bufio.Reader
	socket  *os.File // for descriptors of files; nil where there is none

	mu      sync.Mutex
	limits  Limits
	started map[string]bool // ops that Start has called in the running process
}

// New returns a child. Its process is not started yet.
func New(l Limits) *Child { return &Child{limits: l, turn: make(chan struct{}, 1)} }

// Limit changes the limits for calls that have not begun. The limit of memory applies from the next process on.
func (c *Child) Limit(l Limits) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.limits = l
}

// Limits returns the current limits.
func (c *Child) Limits() Limits {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.limits
}

// Started reports whether Start would have nothing to do.
func (c *Child) Started(op string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.started[op]
}

// Start makes a call unless the running process has already completed one with this op. It also returns the time spent
// waiting for the turn.
func (c *Child) Start(ctx context.Context, m Message) (waited time.Duration, err error) {
	waited, err = c.take(ctx)
	if err != nil {
		return waited, err
	}
	defer func() { <-c.turn }()
	if c.Started(m.Op) {
		return waited, nil
	}
	_, err = c.call(ctx, m)
	c.mu.Lock()
	defer c.mu.Unlock()
	if err == nil && c.started != nil { // otherwise the process was stopped just after it had answered
		c.started[m.Op] = true
	}
	return waited, err
}

// Call waits for its turn and then for the answer. When ctx ends during the call, the child is killed, which frees all
// that the call uses. Call also returns the time spent waiting for the turn, even with an error. Errors: *Error,
// ErrSlow, ErrDied, that of ctx, or that of starting the process.
func (c *Child) Call(ctx context.Context, m Message) (answer Message, waited time.Duration, err error) {
	waited, err = c.take(ctx)
	if err != nil {
		return Message{}, waited, err
	}
	defer func() { <-c.turn }()
	answer, err = c.call(ctx, m)
	return answer, waited, err
}

// take waits for the turn.
func (c *Child) take(ctx context.Context) (time.Duration, error) {
	begun := time.Now()
	select {
	case c.turn <- struct{}{}:
	case <-ctx.Done():
		return time.Since(begun), ctx.Err()
	}
	waited := time.Since(begun)
	if err := ctx.Err(); err != nil {
		<-c.turn
		return waited, err
	}
	return waited, nil
}

// call makes a call. The caller must have the turn.
func (c *Child) call(ctx context.Context, m Message) (Message, error) {
	if err := c.run(); err != nil {
		return Message{}, fmt.Errorf("sandbox: %w", err)
	}
	w := watch(c.process.Process, c.Limits())
	stop := context.AfterFunc(ctx, func() { w.kill(ctx.Err()) })
	var answer Message
	err := m.pass(c.socket)
	if err == nil {
		err = write(c.in, m)
	}
	if err == nil {
		answer, err = read(c.out, mostAnswered)
	}
	stop()
	switch killed := w.stop(); {
	case killed != nil && err != nil:
		c.end()
		return Message{}, killed
	case killed != nil: // the answer arrived first
		c.end()
	case err != nil:
		return Message{}, fmt.Errorf("sandbox: %s: %w: %w", m.Op, ErrDied, errors.Join(err, c.end()))
	}
	if answer.Error != nil {
		return Message{}, answer.Error
	}
	return answer, nil
}

// Close ends the process after the running call. The next call starts another.
func (c *Child) Close() {
	c.turn <- struct{}{}
	defer func() { <-c.turn }()
	if c.process != nil {
		_ = c.end()
	}
}

// errUnserved keeps a program that forgot ServeIfChild from starting itself again and again.
var errUnserved = errors.New("this process is a child, and its program does not call ServeIfChild")

// run starts the process unless it is running.
func (c *Child) run() error {
	if c.process != nil {
		return nil
	}
	if os.Getenv(variable) != "" {
		return errUnserved
	}
	path, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.Command(path)
	cmd.Env = []string{variable + "=1", "GOGC=50"} // and nothing of the parent's environment
	if m := c.Limits().Memory; m > 0 {
		cmd.Env = append(cmd.Env, fmt.Sprintf("GOMEMLIMIT=%d", m/10*9), fmt.Sprintf("%s=%d", dataLimit, m))
	}
	in, inErr := cmd.StdinPipe()
	out, outErr := cmd.StdoutPipe()
	if err := errors.Join(inErr, outErr); err != nil {
		return err
	}
	socket, childs, err := connect(cmd)
	if err != nil {
		return err
	}
	release, err := start(cmd)
	_ = childs.Close()
	if err != nil {
		release()
		_ = socket.Close()
		return err
	}
	c.process, c.release, c.in, c.out, c.socket = cmd, release, in, bufio.NewReader(out), socket
	c.mu.Lock()
	defer c.mu.Unlock()
	c.started = map[string]bool{}
	return nil
}

// end kills the process and returns how it ended.
func (c *Child) end() error {
	c.mu.Lock()
	c.started = nil
	c.mu.Unlock()
	_ = c.process.Process.Kill()
	err := c.process.Wait()
	c.release()
	_ = c.socket.Close()
	c.process = nil
	return err
}
