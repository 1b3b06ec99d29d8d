package sandbox

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/iotest"
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
		// holdings answers with the number of files that the child has mapped during the call, and of its descriptors.
		"holdings": func(context.Context, Message) (Message, error) {
			maps, err := os.ReadFile("/proc/self/maps")
			fds, fdsErr := os.ReadDir("/proc/self/fd")
			return Message{Args: []int64{int64(strings.Count(string(maps), "memfd:")), int64(len(fds))}},
				errors.Join(err, fdsErr)
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
		in := &counter{WriteCloser: c.in}
		c.in = in
		done := make(chan error)
		go func() { _, _, err := c.Call(ctx, Message{Op: op, Data: make([]byte, 5<<20)}); done <- err }()
		for in.n.Load() == 0 { // until then the call has not begun, and its end kills nothing
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

// fileOf returns a File with these bytes.
func fileOf(t *testing.T, b []byte) *File {
	t.Helper()
	f, err := NewFile(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.Close)
	if !bytes.Equal(f.Bytes(), b) {
		t.Fatalf("%d bytes became %d", len(b), len(f.Bytes()))
	}
	return f
}

// counter counts the bytes written to a child.
type counter struct {
	io.WriteCloser
	n atomic.Int64
}

func (c *counter) Write(p []byte) (int, error) {
	c.n.Add(int64(len(p)))
	return c.WriteCloser.Write(p)
}

// TestFilesInTurnAreNotSent: the child reads each call's file, also a new child, and no file is sent to it.
func TestFilesInTurnAreNotSent(t *testing.T) {
	t.Parallel()
	c := child(t)
	first, second := bytes.Repeat([]byte("1"), 1<<20), bytes.Repeat([]byte("22"), 1<<20)
	files := map[*File][]byte{fileOf(t, first): first, fileOf(t, second): second, fileOf(t, nil): nil, nil: nil}
	for range 2 {
		if _, _, err := c.Call(t.Context(), Message{Op: "size"}); err != nil {
			t.Fatal(err)
		}
		in := &counter{WriteCloser: c.in}
		c.in = in
		for range 3 {
			for f, want := range files {
				m, _, err := c.Call(t.Context(), Message{Op: "echo", File: f})
				if err != nil || !bytes.Equal(m.Data, want) {
					t.Errorf("%d bytes for %d, %v", len(m.Data), len(want), err)
				}
			}
		}
		if sent := in.n.Load(); sent > int64(3*len(files)*100) && Copies == 1 {
			t.Errorf("%d bytes were sent", sent)
		}
		_, _, _ = c.Call(t.Context(), Message{Op: "die", File: fileOf(t, first)})
	}
}

// TestUnreadableSourceMakesNoFile: its error is the reason.
func TestUnreadableSourceMakesNoFile(t *testing.T) {
	t.Parallel()
	broken := io.MultiReader(strings.NewReader("some"), iotest.ErrReader(errKnown))
	if f, err := NewFile(broken, -1); !errors.Is(err, errKnown) || f != nil {
		t.Error(f, err)
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
		if _, err := read(bufio.NewReader(strings.NewReader(data)), mostAnswered); err == nil {
			t.Errorf("%.20q", data)
		}
	}
}

// TestCallsMayBeLargerThanAnswers: where a file is sent with the call, MAX_BYTES bounds it, up to 4 GiB.
func TestCallsMayBeLargerThanAnswers(t *testing.T) {
	t.Parallel()
	for most, ok := range map[int]bool{mostCalled: true, mostAnswered: false} {
		m, err := readHead(bufio.NewReader(strings.NewReader("{\"size\":4294967296}\n")), most)
		if (err == nil) != ok || m.Size != 4<<30 {
			t.Errorf("at most %d: %d, %v", most, m.Size, err)
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
