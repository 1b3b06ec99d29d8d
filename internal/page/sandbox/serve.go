package sandbox

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
)

// Handler answers one kind of call. It must not change the message's Data, or keep them after the call: they may be
// memory that can only be read, and that is gone then. In a child ctx never ends: an abandoned call ends with its
// process.
type Handler func(ctx context.Context, m Message) (Message, error)

// ServeIfChild serves handlers, by op, if the process is a child, and then does not return; in any other process it
// does nothing. Every program that uses a Child must call it before anything else. code returns the codes of errors
// that the parent must recognize.
func ServeIfChild(handlers map[string]Handler, code func(error) string) {
	if os.Getenv(variable) == "" {
		return
	}
	signal.Ignore(os.Interrupt, syscall.SIGTERM) // signals are for the parent; when it ends, so does our input
	var err error
	if most, _ := strconv.ParseInt(os.Getenv(dataLimit), 10, 64); most > 0 {
		err = limitData(most)
	}
	if err == nil {
		err = serve(watched(os.Stdin), os.Stdout, handlers, code)
	}
	fmt.Fprintln(os.Stderr, "sandbox:", err)
	os.Exit(1)
}

// watched returns a reader of the input. A goroutine reads slightly ahead and exits the process at the end of the
// input, even during a call, because then there is no parent to answer.
func watched(in io.Reader) io.Reader {
	r, w := io.Pipe()
	go func() {
		_, _ = io.Copy(w, in)
		os.Exit(0)
	}()
	return r
}

func serve(r io.Reader, w io.Writer, handlers map[string]Handler, code func(error) string) error {
	in := bufio.NewReader(r)
	for {
		m, err := read(in, mostCalled)
		if err == nil && m.Passed {
			err = m.receive()
		}
		if err != nil {
			return err
		}
		answer, err := Handle(context.Background(), handlers[m.Op], m)
		if err != nil {
			answer = Message{Error: ErrorOf(err, code)}
		}
		err = write(w, answer)
		if m.release(); err != nil {
			return err
		}
		tidy()
	}
}

// idleHeap is the bytes of Go's heap, including garbage, that an idle child may hold. Returning all of it after each
// call would cost a fifth of the time of decoding a photo.
const idleHeap = 128 << 20

// tidy returns garbage to the system if the heap exceeds idleHeap, since no budget includes it.
func tidy() {
	var s runtime.MemStats
	if runtime.ReadMemStats(&s); s.HeapSys-s.HeapReleased > idleHeap {
		debug.FreeOSMemory()
	}
}

// Handle calls a handler and converts a panic to an error.
func Handle(ctx context.Context, h Handler, m Message) (answer Message, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("panic: %v", v)
		}
	}()
	if h == nil {
		return Message{}, fmt.Errorf("no such call: %q", m.Op)
	}
	return h(ctx, m)
}

// ErrorOf returns a handler's error in the form sent to the parent.
func ErrorOf(err error, code func(error) string) *Error {
	return &Error{Code: code(err), Msg: brief(err)}
}

// brief returns the first line of an error: further lines are stack traces of WebAssembly.
func brief(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line[:min(len(line), 1<<10)]
}
