package sandbox

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"
)

var spun int // by the call that does not end

var errKnown = errors.New("known\nwith a stack")

// The child of these tests is this program too, unless it is told to forget that.
func TestMain(m *testing.M) {
	if os.Getenv(unserved) == "" {
		ServeIfChild(handlers(), func(err error) string {
			if errors.Is(err, errKnown) {
				return "known"
			}
			return ""
		})
	}
	os.Exit(m.Run())
}

func handlers() map[string]Handler {
	return map[string]Handler{
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
	}
}

func child(t *testing.T) *Child {
	t.Helper()
	c := New(time.Minute)
	t.Cleanup(c.Close)
	return c
}

// TestAnswerIsWhatTheHandlerReturned: numbers and bytes go both ways as they are.
func TestAnswerIsWhatTheHandlerReturned(t *testing.T) {
	t.Parallel()
	c := child(t)
	for _, data := range [][]byte{nil, {1}, []byte("two\nlines"), make([]byte, 5<<20)} {
		m, err := c.Call(t.Context(), Message{Op: "echo", Args: []int64{1, -2}, Data: data})
		if err != nil || !bytes.Equal(m.Data, data) || len(m.Args) != 2 || m.Args[1] != -2 {
			t.Errorf("%d bytes: %v, %d bytes, %v", len(data), m.Args, len(m.Data), err)
		}
	}
}

// TestHandlersErrorComesBack: with its code where it is known, and the child lives on.
func TestHandlersErrorComesBack(t *testing.T) {
	t.Parallel()
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

// TestChildSeesNoEnvironment: it could hold secrets.
func TestChildSeesNoEnvironment(t *testing.T) {
	t.Setenv("OCR_API_KEY", "secret")
	m, err := child(t).Call(t.Context(), Message{Op: "env"})
	if err != nil || bytes.Contains(m.Data, []byte("secret")) {
		t.Errorf("%s, %v", m.Data, err)
	}
}

// TestDeathOfTheChildFailsOneCall: also where it has to be killed.
func TestDeathOfTheChildFailsOneCall(t *testing.T) {
	t.Parallel()
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

// TestConcurrentCallsTakeTurns: and one that waits for its turn ends with its context.
func TestConcurrentCallsTakeTurns(t *testing.T) {
	t.Parallel()
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
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Call(ctx, Message{Op: "echo"}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	<-c.turn
}

// TestImpossibleMessagesAreRefused: what no child writes is no message.
func TestImpossibleMessagesAreRefused(t *testing.T) {
	t.Parallel()
	for _, data := range []string{"", "\n", "{}", "null", "{\"size\":5}\nfour", "{\"size\":99999999999}\n", strings.Repeat("x", 1<<20)} {
		if _, err := read(bufio.NewReader(strings.NewReader(data))); err == nil {
			t.Errorf("%.20q", data)
		}
	}
}

// TestProgramThatDoesNotServeStartsNoChildren: one that forgot ServeIfChild would start itself again and again.
func TestProgramThatDoesNotServeStartsNoChildren(t *testing.T) {
	if os.Getenv(variable) != "" {
		_, err := New(time.Minute).Call(t.Context(), Message{Op: "echo"})
		if !errors.Is(err, errUnserved) {
			t.Error(err)
		}
		return
	}
	t.Parallel()
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
	cmd.Env = []string{variable + "=1", unserved + "=1"}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// unserved tells this program to forget ServeIfChild.
const unserved = "SANDBOX_TEST_UNSERVED"
