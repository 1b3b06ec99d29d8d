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

// Handler answers one kind of call. It may keep the message's bytes no longer than the call, and must not change them.
// In a child ctx never ends: a call that is given up ends with its process.
type Handler func(ctx context.Context, m Message) (Message, error)

// ServeIfChild serves these handlers, by op, in a process that is a child, and does not return; in any other it does
// nothing. Every program that uses a Child calls it before anything else. code names the errors that the parent must
// recognize.
func ServeIfChild(handlers map[string]Handler, code func(error) string) {
	if os.Getenv(variable) == "" {
		return
	}
	signal.Ignore(os.Interrupt, syscall.SIGTERM) // they are for the parent, whose end is the end of our input
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

// watched is the input, read ahead (a little) by a goroutine that ends the process with it, even in the middle of a
// call: there is no parent to answer.
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
	var kept []byte // under the key that was named last
	for {
		m, err := readHead(in)
		if err != nil {
			return err
		}
		if !m.Kept {
			kept = nil // before memory is allocated for the next
		}
		if m.Op == forget {
			tidy()
			continue
		}
		if err := m.readData(in); err != nil {
			return err
		}
		if m.Kept {
			m.Data = kept
		} else if m.Key != 0 {
			kept = m.Data
		}
		answer, err := Handle(context.Background(), handlers[m.Op], m)
		if err != nil {
			answer = Message{Error: ErrorOf(err, code)}
		}
		if err := write(w, answer); err != nil {
			return err
		}
		tidy()
	}
}

// idleHeap is how much a child that has nothing to do may have of Go's heap, in bytes, garbage included. To return all
// of it after each call would cost a fifth of what a photo takes to decode.
const idleHeap = 128 << 20

// tidy returns garbage to the system where it is more, since it is in no budget.
func tidy() {
	var s runtime.MemStats
	if runtime.ReadMemStats(&s); s.HeapSys-s.HeapReleased > idleHeap {
		debug.FreeOSMemory()
	}
}

// forget is the op of a message that is not answered: the child drops what it keeps.
const forget = ""

// Handle calls a handler, for which a panic is an error.
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

// ErrorOf is a handler's error as the parent gets it, with the code that code gives it.
func ErrorOf(err error, code func(error) string) *Error {
	return &Error{Code: code(err), Msg: brief(err)}
}

// brief is the first line of an error: what comes after it is the stack of a program in WebAssembly.
func brief(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line[:min(len(line), 1<<10)]
}
