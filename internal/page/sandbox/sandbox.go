// Package sandbox runs decoders in a child process, a second run of the same program, one call at a time, with limits
// on what a call takes.
//
// Code that WebAssembly is compiled to cannot be interrupted: while it runs, Go's garbage collector waits for it, and
// with it all goroutines, a watchdog's too. Nor can most decoders of Go's be. A file that keeps a decoder busy for
// ever, or has it take all memory, would stop the program. A process can be killed.
//
// Files, in reading order: sandbox.go the parent's side, watch.go when a call has taken too much, serve.go the child's
// side, message.go what they say to each other, tied_linux.go and tied_other.go how the child ends with its parent,
// limit_linux.go and limit_other.go what the system says of the child's processor time and does about its memory.
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

// What a call fails with beside its handler's errors and its context's.
var (
	// ErrSlow says that a call was given up, and the child killed, because it took more than its Limits.
	ErrSlow = errors.New("the decoder took too long")
	// ErrDied says that the child ended in the middle of a call, and not by us.
	ErrDied = errors.New("the decoder died")
)

// Limits are what a child may take. Of 0 there is none.
type Limits struct {
	Processor time.Duration // for one call, of the time of processors; of the clock where the system does not tell that
	Clock     time.Duration // for one call, however little of it the child got: see watch
	// bytes of writable memory, where the system can limit that; the collector keeps it within nine tenths
	Memory int64
}

// Child is the process, started when it is first needed, and again after it was killed or has died. It ends with the
// program that started it, however that ends. Make it with [New]. Safe for concurrent use.
type Child struct {
	turn chan struct{} // contains a token during a call

	// For whoever has the turn.
	process *exec.Cmd
	release func() // to be called when it has ended
	in      io.WriteCloser
	out     *bufio.Reader
	kept    int64 // the key of what it keeps, 0: nothing

	mu      sync.Mutex
	limits  Limits
	started map[string]bool // ops that Start was called with, of the process that runs
}

// New returns a child that is not started yet.
func New(l Limits) *Child { return &Child{limits: l, turn: make(chan struct{}, 1)} }

// Limit changes the limits: those of a call that is not under way yet, and of memory with the next process.
func (c *Child) Limit(l Limits) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.limits = l
}

// Limits returns what the child may take.
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

// Start makes a call, once of its op for each process, unless it failed. It returns how long it waited for its turn,
// too.
func (c *Child) Start(ctx context.Context, m Message) (waited time.Duration, err error) {
	waited, err = c.take(ctx)
	if err != nil {
		return waited, err
	}
	defer func() { <-c.turn }()
	if c.Started(m.Op) {
		return waited, nil
	}
	if _, err = c.call(ctx, m); err == nil {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.started[m.Op] = true
	}
	return waited, err
}

// Call waits its turn and then for the answer, both bounded by ctx: when it ends the child is killed, and with it
// everything that the call takes. It returns how long it waited for its turn, too, with an error as well. Errors:
// *Error, ErrSlow, ErrDied, ctx's, or that no process could be started.
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

// call makes a call. It is for whoever has the turn.
func (c *Child) call(ctx context.Context, m Message) (Message, error) {
	if err := c.run(); err != nil {
		return Message{}, fmt.Errorf("sandbox: %w", err)
	}
	if m.Kept = m.Key != 0 && m.Key == c.kept; m.Kept {
		m.Data = nil
	}
	w := watch(c.process.Process, c.Limits())
	stop := context.AfterFunc(ctx, func() { w.kill(ctx.Err()) })
	var answer Message
	err := write(c.in, m)
	if err == nil {
		c.kept = m.Key
		answer, err = read(c.out)
	}
	stop()
	switch killed := w.stop(); {
	case killed != nil && err != nil:
		c.end()
		return Message{}, killed
	case killed != nil: // the answer was there first
		c.end()
	case err != nil:
		return Message{}, fmt.Errorf("sandbox: %s: %w: %w", m.Op, ErrDied, errors.Join(err, c.end()))
	}
	if answer.Error != nil {
		return Message{}, answer.Error
	}
	return answer, nil
}

// Forget has the child drop what it keeps under a key. It does not wait: where another call is under way, that one's
// key has taken the place.
func (c *Child) Forget(key int64) {
	select {
	case c.turn <- struct{}{}:
		defer func() { <-c.turn }()
	default:
		return
	}
	if c.process == nil || c.kept != key {
		return
	}
	c.kept = 0
	_ = write(c.in, Message{Op: forget}) // if it fails, so does the next call, which then says why
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
	if m := c.Limits().Memory; m > 0 {
		cmd.Env = append(cmd.Env, fmt.Sprintf("GOMEMLIMIT=%d", m/10*9), fmt.Sprintf("%s=%d", dataLimit, m))
	}
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
	c.process, c.release, c.in, c.out, c.kept = cmd, release, in, bufio.NewReader(out), 0
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
