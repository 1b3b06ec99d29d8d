//go:build integration || nightly

package servers

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/bucketocr/bucketocr/internal/freeport"
	"github.com/bucketocr/bucketocr/ocr/ocrtest"
)

// The tested versions, unless VLLM, TRANSFORMERS and LITELLM name others. Those of vLLM and transformers are the
// image's (deploy/gpu).
const (
	vllmVersion         = "0.30.0"
	transformersVersion = "5.16.1"
	litellmVersion      = "1.108.7"
	llamaVersion        = "2026.10.11549" // of xllamacpp; the build of llama.cpp is its end
)

// process is a server started for a test. It ends with the test at the latest.
type process struct {
	url, program string
	env, args    []string
	log          string
	cmd          *exec.Cmd
	exited       chan struct{} // closed when the process has ended
}

// patience ends the wait for a server that hangs at its start. On a machine of 2 cores that is busy with other tests
// vLLM has taken more than 10 minutes.
const patience = time.Hour

// install runs install.sh and returns the folder of the server's programs.
func install(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.Command("./install.sh", args...)
	var words strings.Builder
	cmd.Stderr = &words
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("install.sh %s: %v\n%s", strings.Join(args, " "), err, words.String())
	}
	return strings.TrimSpace(string(out))
}

// start starts a program as a server on a free port of loopback, which replaces PORT in its arguments.
func start(t *testing.T, env []string, program string, args ...string) *process {
	t.Helper()
	port, err := freeport.Choose()
	if err != nil {
		t.Fatal(err)
	}
	for i := range args {
		args[i] = strings.ReplaceAll(args[i], "PORT", port)
	}
	p := &process{
		url: "http://127.0.0.1:" + port, program: program, env: env, args: args,
		log: filepath.Join(t.TempDir(), filepath.Base(program)+".log")}
	t.Cleanup(func() {
		p.end()
		if t.Failed() {
			t.Logf("the end of %s's log:\n%s", filepath.Base(program), p.tail(60))
		}
	})
	p.launch(t)
	return p
}

// launch starts the program; it may be repeated after its end.
func (p *process) launch(t *testing.T) {
	t.Helper()
	logFile, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	p.exited = make(chan struct{})
	p.cmd = exec.Command(p.program, p.args...)
	p.cmd.Env = append(os.Environ(), p.env...)
	p.cmd.Stdout, p.cmd.Stderr = logFile, logFile
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	started, cmd, exited := make(chan error), p.cmd, p.exited
	go func() {
		defer logFile.Close()
		runtime.LockOSThread() // whose end would count as the parent's
		started <- cmd.Start()
		_ = cmd.Wait() // its end is looked at where it matters
		close(exited)
	}()
	if err := <-started; err != nil {
		t.Fatal(err)
	}
}

// end kills the server and the processes that it started, and waits until they have gone.
func (p *process) end() {
	if p.cmd.Process == nil { // it has not started
		return
	}
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL) // it may have ended
	<-p.exited
}

// await waits until a path of the server answers 200.
func (p *process) await(t *testing.T, path string) {
	t.Helper()
	limit := time.After(patience)
	for {
		if resp, err := http.Get(p.url + path); err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return
			}
		}
		select {
		case <-p.exited:
			t.Fatalf("%s ended at its start: %v", p.cmd.Path, p.cmd.ProcessState)
		case <-limit:
			t.Fatalf("%s has not started within %v", p.cmd.Path, patience)
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// tail returns the last lines of the server's log.
func (p *process) tail(lines int) string {
	text, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	all := strings.Split(string(text), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}

// metric sums what the server counts under a name.
func (p *process) metric(t *testing.T, name string) float64 {
	t.Helper()
	resp, err := http.Get(p.url + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	sum, found := 0.0, false
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		line := lines.Text()
		if value := line[strings.LastIndex(line, " ")+1:]; strings.HasPrefix(line, name+"{") {
			var v float64
			if _, err := fmt.Sscan(value, &v); err != nil {
				t.Fatalf("%q: %v", line, err)
			}
			sum, found = sum+v, true
		}
	}
	if !found {
		t.Fatalf("the server counts no %s", name)
	}
	return sum
}

// reading waits until the server reads that many pages.
func (p *process) reading(t *testing.T, pages float64) {
	t.Helper()
	for limit := time.Now().Add(patience); p.metric(t,
		"vllm:num_requests_running") != pages; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatalf("the server reads %v pages, not %v", p.metric(t, "vllm:num_requests_running"), pages)
		}
	}
}

// closed waits until the server no longer accepts connections.
func (p *process) closed(t *testing.T) {
	t.Helper()
	for limit := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		conn, err := net.Dial("tcp", strings.TrimPrefix(p.url, "http://"))
		if err != nil {
			return
		}
		conn.Close()
		if time.Now().After(limit) {
			t.Fatal("the server still takes connections")
		}
	}
}

// engine returns the process in which vLLM's model runs: the child with that name.
func (p *process) engine() (int, error) {
	folders, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return 0, err
	}
	for _, folder := range folders {
		pid, _ := strconv.Atoi(filepath.Base(folder))
		name, _ := os.ReadFile(filepath.Join(folder, "comm")) // it may have ended
		if group, err := syscall.Getpgid(pid); err == nil && group == p.cmd.Process.Pid &&
			strings.HasPrefix(string(name), "VLLM::EngineCor") {
			return pid, nil
		}
	}
	return 0, errors.New("vLLM has no process for its engine")
}

// startVLLM starts vLLM with the small model and the flags in deploy/gpu/serve.sh for LightOnOCR-2.
func startVLLM(t *testing.T, flags ...string) *process {
	t.Helper()
	return startModel(t, ocrtest.DefaultModel, nil, flags...)
}

// startModel is startVLLM with the model in a form of model.py, under a name.
func startModel(t *testing.T, name string, form []string, flags ...string) *process {
	t.Helper()
	bin := install(t, "vllm", cmp.Or(os.Getenv("VLLM"), vllmVersion),
		cmp.Or(os.Getenv("TRANSFORMERS"), transformersVersion))
	model := filepath.Join(t.TempDir(), "model")
	if out, err := exec.Command(filepath.Join(bin, "python"),
		append([]string{"model.py", model}, form...)...).CombinedOutput(); err != nil {
		t.Fatalf("model.py: %v\n%s", err, out)
	}
	env := []string{"HF_HUB_OFFLINE=1", "TRANSFORMERS_OFFLINE=1", "VLLM_NO_USAGE_STATS=1", "VLLM_CPU_KVCACHE_SPACE=1",
		"VLLM_CPU_OMP_THREADS_BIND=nobind", "OMP_NUM_THREADS=1"} // bound, every server would take the same processor
	return start(t, env, filepath.Join(bin, "vllm"),
		append([]string{"serve", model, "--host", "127.0.0.1", "--port", "PORT", "--enforce-eager",
			"--served-model-name", name, "--limit-mm-per-prompt", `{"image": 1}`, "--mm-processor-cache-gb", "0",
			"--no-enable-prefix-caching"}, flags...)...)
}

// startLlama starts a llama-server with the small model: the program named by LLAMA_SERVER, or the one in the wheel.
func startLlama(t *testing.T) *process {
	t.Helper()
	bin := install(t, "llama", llamaVersion)
	model := filepath.Join(t.TempDir(), "model")
	if out, err := exec.Command(filepath.Join(bin, "python"), "model.py", model, "gguf").CombinedOutput(); err != nil {
		t.Fatalf("model.py: %v\n%s", err, out)
	}
	if own := os.Getenv("LLAMA_SERVER"); own != "" {
		return start(t, nil, own, "-m", filepath.Join(model, "text.gguf"), "--mmproj",
			filepath.Join(model, "mmproj.gguf"), "--host", "127.0.0.1",
			"--port", "PORT", "-c", "65536", "-np", "4", "-t", "1", "-tb", "1", "--reasoning-format", "none")
	}
	return start(t, nil, filepath.Join(bin, "python"), "llama.py", model, "PORT")
}

// startLiteLLM starts a gateway in front of a vLLM.
func startLiteLLM(t *testing.T, version, vllm string) *process {
	t.Helper()
	bin := install(t, "litellm", version)
	config := filepath.Join(t.TempDir(), "litellm.yaml")
	settings := `model_list:
- model_name: ` + ocrtest.DefaultModel + `
  litellm_params:
    model: hosted_vllm/` + ocrtest.DefaultModel + `
    api_base: ` + vllm + `/v1
    api_key: none
general_settings:
  master_key: ` + gatewayKey + "\n"
	if err := os.WriteFile(config, []byte(settings), 0o600); err != nil {
		t.Fatal(err)
	}
	env := []string{"LITELLM_LOCAL_MODEL_COST_MAP=True", "LITELLM_TELEMETRY=False", "NO_DOCS=True"}
	return start(t, env, filepath.Join(bin, "litellm"), "--config", config, "--host", "127.0.0.1", "--port", "PORT")
}
