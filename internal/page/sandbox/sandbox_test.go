package sandbox

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/bucketocr/bucketocr/internal/page/pagetest"
)

var spun int // by the call that does not end

var errKnown = errors.New("known\nwith a stack")

// The child of these tests is this program, too, unless unserved is set.
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
		"echo": func(_ context.Context, m Message) (Message, error) { return m, nil },
		"env": func(context.Context, Message) (Message, error) {
			return Message{Data: []byte(strings.Join(os.Environ(), " "))}, nil
		},
		"known": func(context.Context, Message) (Message, error) {
			return Message{}, fmt.Errorf("wrapped: %w", errKnown)
		},
		"other": func(context.Context, Message) (Message, error) { return Message{}, errors.New("other") },
		"panic": func(context.Context, Message) (Message, error) { panic("index out of range") },
		"die":   func(context.Context, Message) (Message, error) { os.Exit(3); return Message{}, nil },
		"stuck": stuck,
		"spin": func(context.Context, Message) (Message, error) {
			for n := 0; ; n++ {
				spun = n
			}
		},
		"sleep": func(context.Context, Message) (Message, error) { select {} },
		"size": func(_ context.Context, m Message) (Message, error) {
			return Message{Args: []int64{int64(len(m.Data))}}, nil
		},
		"pid": func(context.Context, Message) (Message, error) {
			return Message{Args: []int64{int64(os.Getpid())}}, nil
		},
		"eat": func(_ context.Context, m Message) (Message, error) {
			b := make([]byte, m.Args[0])
			for i := 0; i < len(b); i += 4096 {
				b[i] = 1
			}
			return Message{Args: []int64{int64(b[0])}}, nil
		},
	}
}

func child(t *testing.T) *Child {
	t.Helper()
	c := New(Limits{Processor: time.Hour, Clock: time.Hour})
	t.Cleanup(c.Close)
	return c
}

// TestAnswerIsWhatTheHandlerReturned: numbers and bytes arrive unchanged in both directions.
func TestAnswerIsWhatTheHandlerReturned(t *testing.T) {
	t.Parallel()
	c := child(t)
	for _, data := range [][]byte{nil, {1}, []byte("two\nlines"), make([]byte, 5<<20)} {
		m, _, err := c.Call(t.Context(), Message{Op: "echo", Args: []int64{1, -2}, Data: data})
		if err != nil || !bytes.Equal(m.Data, data) || len(m.Args) != 2 || m.Args[1] != -2 {
			t.Errorf("%d bytes: %v, %d bytes, %v", len(data), m.Args, len(m.Data), err)
		}
	}
}

// TestHandlersErrorComesBack: with its code if it has one, and the child stays alive.
func TestHandlersErrorComesBack(t *testing.T) {
	t.Parallel()
	c := child(t)
	for op, want := range map[string]Error{
		"known": {"known", "wrapped: known"}, "other": {"", "other"}, "panic": {"", "panic: index out of range"},
		"unknown": {"", `no such call: "unknown"`},
	} {
		_, _, err := c.Call(t.Context(), Message{Op: op})
		if e, ok := errors.AsType[*Error](err); !ok || *e != want {
			t.Errorf("%s: %v", op, err)
		}
	}
	if _, _, err := c.Call(t.Context(), Message{Op: "echo"}); err != nil {
		t.Error("an error was the end of the child:", err)
	}
}

// TestChildSeesNoEnvironment: it could hold secrets.
func TestChildSeesNoEnvironment(t *testing.T) {
	t.Setenv("OCR_API_KEY", "secret")
	m, _, err := child(t).Call(t.Context(), Message{Op: "env"})
	if err != nil || bytes.Contains(m.Data, []byte("secret")) {
		t.Errorf("%s, %v", m.Data, err)
	}
}

// TestDeathOfTheChildFailsOneCall: also if it is killed for exceeding its processor or clock time. The error says why.
func TestDeathOfTheChildFailsOneCall(t *testing.T) {
	t.Parallel()
	c := child(t)
	wide := c.Limits()
	for _, call := range []struct {
		op     string
		limits Limits
		want   error
	}{
		{"die", wide, ErrDied},
		{"spin", Limits{Processor: 50 * time.Millisecond, Clock: time.Hour}, ErrSlow},
		{"sleep", Limits{Processor: time.Hour, Clock: 50 * time.Millisecond}, ErrSlow},
		{"spin", Limits{Processor: time.Hour, Clock: 50 * time.Millisecond}, ErrSlow},
		{"die", Limits{}, ErrDied},
	} {
		if _, err := c.Start(t.Context(), Message{Op: "echo"}); err != nil || !c.Started("echo") {
			t.Fatal(err)
		}
		c.Limit(call.limits)
		if _, _, err := c.Call(t.Context(), Message{Op: call.op}); !errors.Is(err, call.want) || c.Started("echo") {
			t.Errorf("%s: %v", call.op, err)
		}
		c.Limit(wide)
		if _, _, err := c.Call(t.Context(), Message{Op: "echo"}); err != nil {
			t.Errorf("after %s: %v", call.op, err)
		}
	}
}

// TestProcessorTimeCounts: waiting does not count, nor does processor time from before the call.
func TestProcessorTimeCounts(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("NOT TESTED: elsewhere the clock counts")
	}
	c := child(t)
	if _, _, err := c.Call(t.Context(), Message{Op: "echo"}); err != nil {
		t.Fatal(err)
	}
	before, known := processorTime(c.process.Process)
	if !known || before <= 0 {
		t.Fatal("the system does not tell")
	}
	c.Limit(Limits{Processor: 20 * time.Millisecond})
	if _, _, err := c.Call(t.Context(), Message{Op: "spin"}); !errors.Is(err, ErrSlow) {
		t.Error(err)
	}
	c.Limit(Limits{Processor: time.Hour})
	if _, _, err := c.Call(t.Context(), Message{Op: "echo"}); err != nil {
		t.Fatal(err)
	}
	w := &watcher{process: c.process.Process, limits: Limits{Processor: time.Hour},
		begun: time.Now().Add(-48 * time.Hour)}
	if !w.again() {
		t.Error("the clock counted")
	}
	w.timer.Stop()
	w.used = -2 * time.Hour
	if w.again() {
		t.Error("the processor's time did not count")
	}
}

// TestCallEndsWithItsContext: the child is killed without leftovers, and the next call gets another. An answer that
// arrives first is returned.
func TestCallEndsWithItsContext(t *testing.T) {
	t.Parallel()
	c := child(t)
	for _, op := range []string{"sleep", "spin"} {
		ctx, cancel := context.WithCancel(t.Context())
		var before int64
		m, _, err := c.Call(ctx, Message{Op: "pid"})
		if err != nil {
			t.Fatal(err)
		}
		before = m.Args[0]
		done := make(chan error)
		go func() { _, _, err := c.Call(ctx, Message{Op: op, Data: make([]byte, 5<<20)}); done <- err }()
		for len(c.turn) == 0 {
			runtime.Gosched()
		}
		cancel()
		if err := <-done; err != context.Canceled {
			t.Errorf("%s: %v", op, err)
		}
		if p, err := os.FindProcess(int(before)); err == nil && p.Signal(syscall.Signal(0)) == nil {
			t.Errorf("%s: the process is still there", op)
		}
		if m, _, err := c.Call(t.Context(), Message{Op: "pid"}); err != nil || m.Args[0] == before {
			t.Errorf("after %s: %v, %v", op, m.Args, err)
		}
		if _, _, err := c.Call(ctx, Message{Op: "echo"}); err != context.Canceled {
			t.Errorf("after %s, with an ended context: %v", op, err)
		}
		if _, err := c.Start(ctx, Message{Op: "echo"}); err != context.Canceled || len(c.turn) != 0 {
			t.Errorf("after %s, start with an ended context: %v", op, err)
		}
	}
}

// TestChildKeepsWhatItWasGivenLast: under its key, until other data arrive, Forget is called or the process ends.
func TestChildKeepsWhatItWasGivenLast(t *testing.T) {
	t.Parallel()
	c := child(t)
	ten, twenty := make([]byte, 10), make([]byte, 20)
	for i, s := range []struct {
		key  int64
		data []byte // nil if it must not be sent again
		want int64
	}{
		{1, ten, 10}, {1, nil, 10}, {1, nil, 10}, {2, twenty, 20}, {2, nil, 20}, {1, ten, 10}, {0, twenty, 20},
		{1, ten, 10}, {1, nil, 10},
		{0, nil, 0}, {1, ten, 10},
	} {
		if s.data == nil && s.key != 0 && c.kept != s.key || s.data != nil && s.key != 0 && c.kept == s.key {
			t.Fatalf("call %d: it keeps %d", i, c.kept)
		}
		if m, _, err := c.Call(t.Context(), Message{Op: "size", Key: s.key, Data: s.data}); err != nil ||
			m.Args[0] != s.want {
			t.Errorf("call %d: %v, %v", i, m.Args, err)
		}
	}
	c.Forget(7)
	if c.kept != 1 {
		t.Error("it forgot what is another's")
	}
	c.Forget(1)
	c.Forget(1)
	if m, _, err := c.Call(t.Context(), Message{Op: "size", Key: 1, Data: twenty}); err != nil || m.Args[0] != 20 {
		t.Errorf("after Forget: %v, %v", m.Args, err)
	}
	_, _, _ = c.Call(t.Context(), Message{Op: "die"})
	if m, _, err := c.Call(t.Context(), Message{Op: "size", Key: 1, Data: ten}); err != nil || m.Args[0] != 10 {
		t.Errorf("in a new process: %v, %v", m.Args, err)
	}
}

// TestForgottenMeansGone: the child keeps no data after Forget.
func TestForgottenMeansGone(t *testing.T) {
	t.Parallel()
	var in, out bytes.Buffer
	for _, m := range []Message{{Op: "size", Key: 1, Data: make([]byte, 9)}, {Op: "size", Key: 1, Kept: true},
		{Op: forget},
		{Op: "size", Key: 1, Kept: true}, {Op: "size", Key: 1, Data: make([]byte, 8)}, {Op: "size"},
		{Op: "size", Kept: true}} {
		if err := write(&in, m); err != nil {
			t.Fatal(err)
		}
	}
	_ = serve(&in, &out, handlers(), func(error) string { return "" })
	answers, got := bufio.NewReader(&out), []int64(nil)
	for {
		m, err := read(answers)
		if err != nil {
			break
		}
		got = append(got, m.Args...)
	}
	if want := []int64{9, 9, 0, 8, 0, 0}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// TestChildDiesOfTooMuchMemory: the child, not its parent.
func TestChildDiesOfTooMuchMemory(t *testing.T) {
	t.Parallel()
	if !pagetest.Apart {
		t.Skip("NOT TESTED: elsewhere nothing but Go's own limit bounds it, and the race detector maps too much")
	}
	c := New(Limits{Memory: 512 << 20})
	t.Cleanup(c.Close)
	if _, _, err := c.Call(t.Context(), Message{Op: "eat", Args: []int64{64 << 20}}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := c.Call(t.Context(), Message{Op: "eat", Args: []int64{1 << 30}}); !errors.Is(err, ErrDied) {
		t.Error(err)
	}
	if _, _, err := c.Call(t.Context(), Message{Op: "echo"}); err != nil {
		t.Error(err)
	}
}

// TestStartNeverPanicsBesideDeaths: other goroutines keep killing the process while it is started.
func TestStartNeverPanicsBesideDeaths(t *testing.T) {
	t.Parallel()
	c := child(t)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 10 {
				if _, err := c.Start(t.Context(), Message{Op: "echo"}); err != nil {
					t.Error(err)
				}
				c.Started("echo")
			}
		})
		wg.Go(func() {
			for range 5 {
				_, _, _ = c.Call(t.Context(), Message{Op: "die"})
			}
		})
	}
	wg.Wait()
}

// TestConcurrentCallsTakeTurns: and a call that waits for its turn ends with its context.
func TestConcurrentCallsTakeTurns(t *testing.T) {
	t.Parallel()
	c := child(t)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for range 20 {
				m, _, err := c.Call(t.Context(),
					Message{Op: "echo", Args: []int64{int64(i)}, Data: make([]byte, 1000*i)})
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
	if _, _, err := c.Call(ctx, Message{Op: "echo"}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	<-c.turn
}

// TestImpossibleMessagesAreRefused: messages that no child writes are errors.
func TestImpossibleMessagesAreRefused(t *testing.T) {
	t.Parallel()
	for _, data := range []string{"", "\n", "{}", "null", "{\"size\":5}\nfour", "{\"size\":99999999999}\n",
		strings.Repeat("x", 1<<20)} {
		if _, err := read(bufio.NewReader(strings.NewReader(data))); err == nil {
			t.Errorf("%.20q", data)
		}
	}
}

// TestProgramThatDoesNotServeStartsNoChildren: a program without ServeIfChild would start itself endlessly.
func TestProgramThatDoesNotServeStartsNoChildren(t *testing.T) {
	if os.Getenv(variable) != "" {
		_, _, err := New(Limits{}).Call(t.Context(), Message{Op: "echo"})
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

// unserved makes this program skip ServeIfChild.
const unserved = "SANDBOX_TEST_UNSERVED"
