package sandbox

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

// Handler answers one kind of call. It may keep the message's bytes no longer than the call.
type Handler func(Message) (Message, error)

// ServeIfChild serves these handlers, by op, in a process that is a child, and does not return; in any other it does nothing.
// Every program that uses a Child calls it before anything else. code names the errors that the parent must recognize.
func ServeIfChild(handlers map[string]Handler, code func(error) string) {
	if os.Getenv(variable) == "" {
		return
	}
	signal.Ignore(os.Interrupt, syscall.SIGTERM) // they are for the parent, whose end is the end of our input
	err := serve(watched(os.Stdin), os.Stdout, handlers, code)
	fmt.Fprintln(os.Stderr, "sandbox:", err)
	os.Exit(1)
}

// watched is the input, read ahead (a little) by a goroutine that ends the process with it, even in the middle of a call:
// there is no parent to answer.
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
		m, err := read(in)
		if err != nil {
			return err
		}
		answer, err := handle(handlers[m.Op], m)
		if err != nil {
			answer = Message{Error: &Error{Code: code(err), Msg: brief(err)}}
		}
		if err := write(w, answer); err != nil {
			return err
		}
	}
}

// handle calls a handler, for which a panic is an error.
func handle(h Handler, m Message) (answer Message, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("panic: %v", v)
		}
	}()
	if h == nil {
		return Message{}, fmt.Errorf("no such call: %q", m.Op)
	}
	return h(m)
}

// brief is the first line of an error: what comes after it is the stack of a program in WebAssembly.
func brief(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line[:min(len(line), 1<<10)]
}
