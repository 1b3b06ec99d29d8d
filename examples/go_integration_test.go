//go:build integration

package examples

import (
	"bufio"
	"bytes"
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/freeport"
	"github.com/bucketocr/bucketocr/internal/gcp/gcptest"
)

// program is listener-go as a process.
type program struct {
	stage  *stage
	binary string
	seen   string
	host   string // of Firestore; the stage's if empty

	mu  sync.Mutex
	out bytes.Buffer
	cmd *exec.Cmd
}

// TestListenerGo runs the example as a person would, and kills it in between.
func TestListenerGo(t *testing.T) {
	t.Parallel()
	binary := listenerGo(t)
	for _, tell := range []func(*stage, subject){(*stage).story, (*stage).bounded} {
		p := newProgram(t, binary)
		tell(p.stage, p)
	}
}

// TestListenerGoItself runs the example's own tests, those with Firestore among them.
func TestListenerGoItself(t *testing.T) {
	t.Parallel()
	cmd := exec.Command("go", "test", "-C", "listener-go", "-count=1", ".")
	cmd.Env = append(os.Environ(), "FIRESTORE_EMULATOR_HOST="+gcptest.Firestore(t))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

// TestListenerGoWarnsWithoutFirestore: while it has no snapshot, it says what to check, once and nothing else. It says
// that it listens as soon as it has one.
func TestListenerGoWarnsWithoutFirestore(t *testing.T) {
	t.Parallel()
	port, err := freeport.Choose()
	if err != nil {
		t.Fatal(err)
	}
	binary := listenerGo(t)
	for name, silent := range map[string]func(s *stage) (host string, answer func()){
		"nothing listens": func(s *stage) (string, func()) {
			return "127.0.0.1:" + port, func() { relay(t, port, s.host) }
		},
		"connected, but no snapshot": func(s *stage) (string, func()) {
			proxy := gcptest.NewProxy(t, s.host)
			for n := range 2 { // its queries
				proxy.CutAnswer("Listen", n+1, 1, codes.Unavailable)
			}
			return proxy.Host(), proxy.Break
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newProgram(t, binary)
			var answer func()
			p.host, answer = silent(p.stage)
			lines := p.run(options{since: time.Hour})
			if line := next(t, lines); !strings.Contains(line, "no answer") ||
				!strings.Contains(line, "FIRESTORE_EMULATOR_HOST="+p.host) {
				t.Fatalf("it said %q", line)
			}
			p.stage.put(object("a.png", 1), document.StatusDone, text("one"))
			answer()
			want := "listening to projects/" + p.stage.project + "/databases/(default)/documents/ocr_documents"
			if line := next(t, lines); !strings.HasSuffix(line, want) {
				t.Fatalf("it said %q, want %q", line, want)
			}
			if got := p.lines(1); got[0] != "done a.png 1: 3 bytes, 1 pages, warnings []" {
				t.Errorf("told %q", got)
			}
		})
	}
}

// TestListenerGoSaysWhatToDo: it ends with words about errors that do not go away by themselves.
func TestListenerGoSaysWhatToDo(t *testing.T) {
	t.Parallel()
	p := newProgram(t, listenerGo(t))
	for code, want := range map[codes.Code]string{
		codes.PermissionDenied: "access denied: check GOOGLE_CLOUD_PROJECT, and grant roles/datastore.viewer",
		codes.NotFound:         "no such database: check GOOGLE_CLOUD_PROJECT and -database",
	} {
		proxy := gcptest.NewProxy(t, p.stage.host)
		for n := range 100 {
			proxy.Refuse("Listen", n+1, code)
		}
		p.host = proxy.Host()
		for range 10 { // the refusal may come before the query is sent, or after
			if line := next(t, p.run(options{})); !strings.Contains(line, want) {
				t.Fatalf("it said %q, want %q", line, want)
			}
			if err := p.cmd.Wait(); err == nil {
				t.Fatalf("%v: exit code 0", code)
			}
		}
	}
}

// listenerGo returns the built example.
func listenerGo(t *testing.T) (binary string) {
	t.Helper()
	binary = filepath.Join(t.TempDir(), "listener")
	if out, err := exec.Command("go", "build", "-C", "listener-go", "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return binary
}

func newProgram(t *testing.T, binary string) *program {
	p := &program{stage: newStage(t), binary: binary, seen: filepath.Join(t.TempDir(), "seen.log")}
	t.Cleanup(p.stop)
	return p
}

func (p *program) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.Write(b)
}

func (p *program) start(o options) {
	for line := range p.run(o) {
		if strings.Contains(line, "listening to ") {
			return
		}
	}
	p.stage.t.Fatal("it ended before it listened")
}

// run starts it and returns the lines that it logs.
func (p *program) run(o options) <-chan string {
	p.cmd = exec.Command(p.binary, "-seen", p.seen, "-since", o.since.String(), "-collection",
		cmp.Or(o.collection, "ocr_documents"))
	p.cmd.Env = append(os.Environ(), "FIRESTORE_EMULATOR_HOST="+cmp.Or(p.host, p.stage.host),
		"GOOGLE_CLOUD_PROJECT="+p.stage.project)
	p.cmd.Stdout = p
	said, err := p.cmd.StderrPipe()
	if err == nil {
		err = p.cmd.Start()
	}
	if err != nil {
		p.stage.t.Fatal(err)
	}
	lines := make(chan string, 100)
	go func() {
		defer close(lines)
		for s := bufio.NewScanner(said); s.Scan(); {
			lines <- s.Text()
			fmt.Fprintln(os.Stderr, s.Text())
		}
	}()
	return lines
}

// next waits for the next line.
func next(t *testing.T, lines <-chan string) string {
	t.Helper()
	select {
	case line := <-lines:
		return line
	case <-time.After(patience):
		t.Fatal("it says nothing")
	}
	return ""
}

// stop kills it: it has no time to tidy up.
func (p *program) stop() {
	if p.cmd != nil {
		_ = p.cmd.Process.Kill()
		_ = p.cmd.Wait()
		p.cmd = nil
	}
}

func (p *program) rounded() string { return "001" }

// lines waits for n lines, and until as many results are recorded: killed before, it tells the last one again.
func (p *program) lines(n int) []string {
	for late := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		p.mu.Lock()
		lines := strings.Split(strings.TrimSpace(p.out.String()), "\n")
		p.mu.Unlock()
		recorded, err := os.ReadFile(p.seen)
		if err != nil {
			p.stage.t.Fatal(err)
		}
		told := len(lines) >= n && lines[0] != ""
		if told && bytes.Count(recorded, []byte("\n")) >= n || time.Now().After(late) {
			return lines
		}
	}
}
