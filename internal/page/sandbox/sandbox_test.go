package sandbox

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

var spun int // by the call that does not end

var errKnown = errors.New("known\nwith a stack")

// The child of these tests is this program too.
func init() {
	Serve(map[string]Handler{
		"echo":  func(m Message) (Message, error) { return m, nil },
		"env":   func(Message) (Message, error) { return Message{Data: []byte(strings.Join(os.Environ(), " "))}, nil },
		"known": func(Message) (Message, error) { return Message{}, fmt.Errorf("wrapped: %w", errKnown) },
		"other": func(Message) (Message, error) { return Message{}, errors.New("other") },
		"panic": func(Message) (Message, error) { panic("index out of range") },
		"die":   func(Message) (Message, error) { os.Exit(3); return Message{}, nil },
		"stuck": stuck,
		"spin": func(Message) (Message, error) {
			for n := 0; ; n++ {
				spun = n
			}
		},
	}, func(err error) string {
		if errors.Is(err, errKnown) {
			return "known"
		}
		return ""
	})
}

func child(t *testing.T) *Child {
	c := &Child{Patience: time.Minute}
	t.Cleanup(c.Close)
	return c
}

func TestCall(t *testing.T) {
	c := child(t)
	for _, data := range [][]byte{nil, {1}, []byte("two\nlines"), make([]byte, 5<<20)} {
		m, err := c.Call(t.Context(), Message{Op: "echo", Args: []int64{1, -2}, Data: data})
		if err != nil || !bytes.Equal(m.Data, data) || len(m.Args) != 2 || m.Args[1] != -2 {
			t.Errorf("%d bytes: %v, %d bytes, %v", len(data), m.Args, len(m.Data), err)
		}
	}
}

func TestErrors(t *testing.T) {
	c := child(t)
	for op, want := range map[string]Error{
		"known": {"known", "wrapped: known"}, "other": {"", "other"}, "panic": {"", "panic: index out of range"},
		"unknown": {"", `no such call: "unknown"`},
	} {
		_, err := c.Call(t.Context(), Message{Op: op})
		if e, ok := errors.AsType[*Error](err); !ok || *e != want {
			t.Errorf("%s: %v", op, err)
		}
	}
	if _, err := c.Call(t.Context(), Message{Op: "echo"}); err != nil {
		t.Error("an error was the end of the child:", err)
	}
}

// TestSecrets: the child knows nothing of the program's environment.
func TestSecrets(t *testing.T) {
	t.Setenv("OCR_API_KEY", "secret")
	m, err := child(t).Call(t.Context(), Message{Op: "env"})
	if err != nil || bytes.Contains(m.Data, []byte("secret")) {
		t.Errorf("%s, %v", m.Data, err)
	}
}

// TestDeath: a child that dies, or has to be killed, is one call's trouble.
func TestDeath(t *testing.T) {
	c := child(t)
	for _, op := range []string{"die", "spin", "die"} {
		if err := c.Start(t.Context(), "echo"); err != nil || !c.Started("echo") {
			t.Fatal(err)
		}
		if c.Patience = time.Minute; op == "spin" {
			c.Patience = 100 * time.Millisecond
		}
		_, err := c.Call(t.Context(), Message{Op: op})
		if _, told := errors.AsType[*Error](err); err == nil || told || errors.Is(err, ErrSlow) != (op == "spin") || c.Started("echo") {
			t.Errorf("%s: %v", op, err)
		}
		c.Patience = time.Minute
		if _, err := c.Call(t.Context(), Message{Op: "echo"}); err != nil {
			t.Errorf("after %s: %v", op, err)
		}
	}
}

// TestTurns: calls at once take turns, and who waits can give up.
func TestTurns(t *testing.T) {
	c := child(t)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for range 20 {
				m, err := c.Call(t.Context(), Message{Op: "echo", Args: []int64{int64(i)}, Data: make([]byte, 1000*i)})
				if err != nil || m.Args[0] != int64(i) || len(m.Data) != 1000*i {
					t.Error(m.Args, err)
				}
			}
		})
	}
	wg.Wait()
	c.turn <- struct{}{}
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if _, err := c.Call(ctx, Message{Op: "echo"}); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	<-c.turn
}

// TestRead: what no child writes is no message.
func TestRead(t *testing.T) {
	for _, data := range []string{"", "\n", "{}", "null", "{\"size\":5}\nfour", "{\"size\":99999999999}\n", strings.Repeat("x", 1<<20)} {
		if _, err := read(bufio.NewReader(strings.NewReader(data))); err == nil {
			t.Errorf("%.20q", data)
		}
	}
}
