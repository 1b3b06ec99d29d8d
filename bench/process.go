package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/bucketocr/bucketocr/bench/internal/standin"
	"github.com/bucketocr/bucketocr/bench/internal/stats"
	"github.com/bucketocr/bucketocr/internal/freeport"
	"github.com/bucketocr/bucketocr/ocr/ocrtest"
)

// The measured programs: folders of this module.
const (
	ours   = "function"
	theirs = "yardstick"
	idle   = "empty"
)

// prepare builds the programs and starts the stand-ins.
func (r *run) prepare() (done func(), err error) {
	if r.bin, err = os.MkdirTemp("", "bench"); err != nil {
		return nil, err
	}
	build := exec.CommandContext(r.ctx, "go", "build", "-trimpath", "-tags=nodynamic", "-ldflags=-s -w", "-o", r.bin,
		"./"+ours, "./"+theirs, "./"+idle)
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return nil, fmt.Errorf("building the programs: %w", err)
	}
	if r.world, err = standin.New(); err != nil {
		return nil, err
	}
	metadata := ocrtest.NewMetadata(nil)
	r.env = []string{
		"K_SERVICE=bench", "FUNCTION_TARGET=ExtractText", "GOOGLE_CLOUD_PROJECT=demo-bench",
		"OCR_URL=http://" + r.world.OCR, "OCR_AUTH=oidc", "OCR_AUDIENCE=https://ocr.example",
		"OCR_INSTANCE_CONCURRENCY=1000",
		"GCE_METADATA_HOST=" + metadata.Host, "FIRESTORE_EMULATOR_HOST=" + r.world.Firestore,
		"STORAGE_EMULATOR_HOST=" + r.world.Storage, "HOME=" + r.bin, "PATH=" + os.Getenv("PATH"),
	}
	return func() { metadata.Close(); os.RemoveAll(r.bin) }, nil
}

// process is a running program.
type process struct {
	name   string
	cmd    *exec.Cmd
	pid    int
	url    string
	stats  string
	client *http.Client
	begun  time.Time
}

// exec starts a program with additional variables. A limit over 0 bounds its private writable memory in bytes
// (RLIMIT_DATA, which counts mapped memory, even if it is not used). A Go program exits when it reaches the limit.
func (r *run) exec(name string, limit int64, env ...string) (*process, error) {
	port, err := freeport.Choose()
	if err != nil {
		return nil, err
	}
	statsPort, err := freeport.Choose(port)
	if err != nil {
		return nil, err
	}
	p := &process{name: name, url: "http://127.0.0.1:" + port, stats: "http://127.0.0.1:" + statsPort}
	p.client = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 256}}
	program := filepath.Join(r.bin, name)
	p.cmd = exec.CommandContext(r.ctx, program)
	if limit > 0 {
		p.cmd = exec.CommandContext(r.ctx, "sh", "-c", fmt.Sprintf("ulimit -d %d; exec %s", limit>>10, program))
	}
	p.cmd.Env = append(append(r.env[:len(r.env):len(r.env)], env...), "PORT="+port, stats.Env+"=127.0.0.1:"+statsPort)
	log, err := os.Create(filepath.Join(r.bin, name+".log"))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	p.cmd.Stdout, p.cmd.Stderr = log, log
	p.begun = time.Now()
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	p.pid = p.cmd.Process.Pid
	return p, nil
}

// child returns the process that this one has started, to look at: it ends with its parent.
func (p *process) child() (*process, error) {
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", p.pid))
	if err != nil {
		return nil, err
	}
	for _, t := range threads {
		b, err := os.ReadFile(t)
		if err != nil {
			continue // that thread has ended
		}
		for _, field := range strings.Fields(string(b)) {
			pid, err := strconv.Atoi(field)
			return &process{name: p.name + "'s child", pid: pid}, err
		}
	}
	return nil, fmt.Errorf("%s has started no process", p.name)
}

// stop ends the process and waits for it.
func (p *process) stop() {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait() // it was killed
	p.client.CloseIdleConnections()
}

// cpu returns the CPU time of the process so far.
func (p *process) cpu() (time.Duration, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.pid))
	if err != nil {
		return 0, err
	}
	fields := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
	var ticks int64
	for _, f := range fields[11:13] { // user and system time, in hundredths of a second
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			return 0, err
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond, nil
}

// residentMemory returns VmHWM, the peak resident memory since the last clearPeak, or VmRSS, the current one, in bytes.
func (p *process) residentMemory(key string) (int64, error) {
	n, err := residentMemory(strconv.Itoa(p.pid), key)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", p.name, err)
	}
	return n, nil
}

// residentMemory returns a process's figure of /proc/PID/status in bytes.
func residentMemory(pid, key string) (int64, error) {
	b, err := os.ReadFile("/proc/" + pid + "/status")
	if err != nil {
		return 0, err
	}
	_, rest, ok := strings.Cut(string(b), key+":")
	if !ok {
		return 0, errors.New("it has ended")
	}
	n, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
	return n << 10, err
}

// objects returns the bytes of the anonymous files that the process has open now: of objects that its child reads, too.
// A process's resident memory contains only the parts that it has mapped and read.
func (p *process) objects() (sum int64) {
	open, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", p.pid))
	for _, fd := range open {
		name, err := os.Readlink(fd)
		if err != nil || !strings.HasPrefix(name, "/memfd:") {
			continue // or it was closed meanwhile
		}
		if info, err := os.Stat(fd); err == nil {
			sum += info.Size()
		}
	}
	return sum
}

func (p *process) clearPeak() error {
	return os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", p.pid), []byte("5"), 0)
}

// allocated returns the allocations of the process so far.
func (p *process) allocated() (stats.Stats, error) {
	var s stats.Stats
	resp, err := http.Get(p.stats + "/stats")
	if err != nil {
		return s, err
	}
	defer resp.Body.Close()
	return s, json.NewDecoder(resp.Body).Decode(&s)
}

// record starts writing a CPU profile of duration d to a folder, if dir is not empty.
func (p *process) record(ctx context.Context, dir, table string, d time.Duration) {
	if dir == "" {
		return
	}
	go func() {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet,
			fmt.Sprintf("%s/debug/pprof/profile?seconds=%d", p.stats, int(d.Seconds())), nil)
		if err != nil {
			return
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return
		}
		defer resp.Body.Close()
		f, err := os.Create(filepath.Join(dir, table+"-"+p.name+".pprof"))
		if err != nil {
			return
		}
		defer f.Close()
		_, _ = io.Copy(f, resp.Body)
	}()
}

// recordAllocations writes a profile of what the process has allocated since it began; without a folder, nothing.
func (p *process) recordAllocations(dir, table string) error {
	if dir == "" {
		return nil
	}
	resp, err := http.Get(p.stats + "/debug/pprof/allocs")
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, table+"-"+p.name+".allocs.pprof"), b, 0o644)
}

// machine says what is measured on.
func machine() string {
	model := "unknown processor"
	if b, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		if _, rest, ok := strings.Cut(string(b), "model name\t: "); ok {
			model, _, _ = strings.Cut(rest, "\n")
		}
	}
	var u syscall.Utsname
	_ = syscall.Uname(&u) // if it fails, the release is left out
	var release []byte
	for _, c := range u.Release {
		if c == 0 {
			break
		}
		release = append(release, byte(c))
	}
	load, _ := os.ReadFile("/proc/loadavg")
	return fmt.Sprintf("%s, %d cores, Linux %s, %s, load %s", model, cores(), release, goVersion(),
		strings.TrimSpace(string(load)))
}
