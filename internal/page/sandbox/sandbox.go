// Package sandbox runs decoders in a child process, a second run of the same program, one call at a time.
//
// Code that WebAssembly is compiled to cannot be interrupted: while it runs, Go's garbage collector waits for it, and with it
// all goroutines, a watchdog's too. A file that keeps a decoder busy for ever would stop the program. A process can be killed.
//
// Files, in reading order: sandbox.go the parent's side, serve.go the child's, message.go what they say to each other,
// tied_linux.go and tied_other.go how the child ends with its parent.
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

// ErrSlow says that a call was given up, and the child killed, after Patience.
var ErrSlow = errors.New("the decoder took too long")

// Child is the process, started when it is first needed, and again after it was killed or has died. It ends with the
// program that started it, however that ends. Make it with [New]. Safe for concurrent use.
type Child struct {
	Patience time.Duration // for one call; not to be changed while one is running

	turn chan struct{} // contains a token during a call

	mu      sync.Mutex
	started map[string]bool // ops that Start was called with, of the process that runs
	process *exec.Cmd
	release func() // to be called when it has ended
	in      io.WriteCloser
	out     *bufio.Reader
}

// New returns a child that is not started yet. A call that takes longer than patience is given up.
func New(patience time.Duration) *Child {
	return &Child{Patience: patience, turn: make(chan struct{}, 1)}
}

// Started reports whether Start would have nothing to do.
func (c *Child) Started(op string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.started[op]
}

// Start makes a call without arguments, once for each process.
func (c *Child) Start(ctx context.Context, op string) error {
	if c.Started(op) {
		return nil
	}
	_, err := c.Call(ctx, Message{Op: op})
	c.mu.Lock()
	defer c.mu.Unlock()
	if err == nil && c.started != nil {
		c.started[op] = true
	}
	return err
}

// Call waits its turn, bounded by ctx, and then for the answer, bounded by Patience. Errors: *Error, ErrSlow, ctx's, or that
// the process died.
func (c *Child) Call(ctx context.Context, m Message) (Message, error) {
	select {
	case c.turn <- struct{}{}:
		defer func() { <-c.turn }()
	case <-ctx.Done():
		return Message{}, ctx.Err()
	}
	if err := c.run(); err != nil {
		return Message{}, fmt.Errorf("sandbox: %w", err)
	}
	process := c.process.Process
	slow := time.AfterFunc(c.Patience, func() { _ = process.Kill() })
	var answer Message
	err := write(c.in, m)
	if err == nil {
		answer, err = read(c.out)
	}
	switch onTime := slow.Stop(); {
	case err == nil && !onTime:
		c.end()
	case err != nil && !onTime:
		c.end()
		return Message{}, ErrSlow
	case err != nil:
		return Message{}, fmt.Errorf("sandbox: %s: the decoder died: %w", m.Op, errors.Join(err, c.end()))
	}
	if answer.Error != nil {
		return Message{}, answer.Error
	}
	return answer, nil
}

// Close ends the process, once no call is running. The next call starts another.
func (c *Child) Close() {
	c.turn <- struct{}{}
	defer func() { <-c.turn }()
	if c.process != nil {
		_ = c.end()
	}
}

// errUnserved keeps a program that forgot ServeIfChild from starting itself again and again.
var errUnserved = errors.New("this process is a child, and its program does not call ServeIfChild")

// run starts the process unless it runs.
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
	cmd.Env = []string{variable + "=1", "GOGC=50"} // and nothing of ours
	in, inErr := cmd.StdinPipe()
	out, outErr := cmd.StdoutPipe()
	if err := errors.Join(inErr, outErr); err != nil {
		return err
	}
	release, err := start(cmd)
	if err != nil {
		release()
		return err
	}
	c.process, c.release, c.in, c.out = cmd, release, in, bufio.NewReader(out)
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
	c.process = nil
	return err
}
