//go:build integration

package examples

import (
	"bufio"
	"bytes"
	"cmp"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// program is listener-go as a process.
type program struct {
	stage  *stage
	binary string
	seen   string

	mu  sync.Mutex
	out bytes.Buffer
	cmd *exec.Cmd
}

// TestListenerGo runs the example as a person would, and kills it in between.
func TestListenerGo(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "listener")
	if out, err := exec.Command("go", "build", "-C", "listener-go", "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, tell := range []func(*stage, subject){(*stage).story, (*stage).bounded} {
		s := newStage(t)
		p := &program{stage: s, binary: binary, seen: filepath.Join(t.TempDir(), "seen.log")}
		t.Cleanup(p.stop)
		tell(s, p)
	}
}

func (p *program) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.Write(b)
}

func (p *program) start(o options) {
	p.cmd = exec.Command(p.binary, "-seen", p.seen, "-since", o.since.String(), "-collection",
		cmp.Or(o.collection, "ocr_documents"))
	p.cmd.Env = append(os.Environ(), "FIRESTORE_EMULATOR_HOST="+p.stage.host, "GOOGLE_CLOUD_PROJECT="+p.stage.project)
	p.cmd.Stdout = p
	said, err := p.cmd.StderrPipe()
	if err == nil {
		err = p.cmd.Start()
	}
	if err != nil {
		p.stage.t.Fatal(err)
	}
	lines := bufio.NewScanner(said)
	if !lines.Scan() || !strings.HasSuffix(lines.Text(), "listening") {
		p.stage.t.Fatalf("it said %q", lines.Text())
	}
	go func() { _, _ = io.Copy(os.Stderr, said) }()
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

func (p *program) lines(n int) []string {
	for late := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		p.mu.Lock()
		lines := strings.Split(strings.TrimSpace(p.out.String()), "\n")
		p.mu.Unlock()
		if len(lines) >= n && lines[0] != "" || time.Now().After(late) {
			return lines
		}
	}
}
