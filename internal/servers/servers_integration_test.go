//go:build integration

package servers

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/bucketocr/bucketocr/ocr"
	"github.com/bucketocr/bucketocr/ocr/ocrtest"
)

var (
	update    = flag.Bool("update", false, "write down what the servers answer")
	recording = flag.Bool("record", false, "write down what came of these versions")
)

// TestRealServers starts vLLM and LiteLLM once for all that is asked of them: a start takes a minute.
func TestRealServers(t *testing.T) {
	version, transformers := cmp.Or(os.Getenv("VLLM"), vllmVersion), cmp.Or(os.Getenv("TRANSFORMERS"), transformersVersion)
	result := "dies at start"
	if *recording {
		t.Cleanup(func() {
			if t.Failed() && result != "dies at start" {
				result = "starts, and answers otherwise"
			}
			record(t, version, transformers, result)
		})
	}
	vllm := startVLLM(t, "--max-num-seqs", "2", "--shutdown-timeout", "8")
	gateway := startLiteLLM(t, cmp.Or(os.Getenv("LITELLM"), litellmVersion), vllm.url)
	vllm.await(t, "/health")
	gateway.await(t, "/health/liveliness")
	result = "runs"
	if version != vllmVersion {
		result += compared(t, vllm.url)
		return // what is kept are the answers of the pinned one
	}

	t.Run("vLLM", func(t *testing.T) {
		standIn := ocrtest.New(t)
		standIn.Default(writer(t))
		agree(t, vllm.url, "", standIn.URL, "vllm-"+vllmVersion+".jsonl", questions(t), vllmDifferences)
	})
	t.Run("LiteLLM", func(t *testing.T) {
		standIn := ocrtest.New(t, ocrtest.Gateway(), ocrtest.Key(gatewayKey))
		standIn.Default(writer(t))
		agree(t, gateway.url, gatewayKey, standIn.URL, "litellm-"+litellmVersion+".jsonl", questions(t), append(passing, gatewayDifferences...))
	})
	t.Run("the client reads by vLLM", func(t *testing.T) { clientReads(t, ocr.Config{URL: vllm.url}, ocr.DialectVLLM) })
	t.Run("the client reads through LiteLLM", func(t *testing.T) { clientReads(t, ocr.Config{URL: gateway.url, APIKey: gatewayKey}, ocr.DialectGateway) })
	t.Run("a folder is read by vLLM", func(t *testing.T) { folderIsRead(t, "OCR_URL="+vllm.url) })
	t.Run("a folder is read through LiteLLM", func(t *testing.T) {
		folderIsRead(t, "OCR_URL="+gateway.url, "OCR_API_KEY="+gatewayKey, "OCR_MODEL="+ocrtest.DefaultModel)
	})
	t.Run("what a client leaves is not read on", func(t *testing.T) { leftPageEnds(t, vllm) })
	t.Run("told to stop, it answers what it reads and refuses the rest", func(t *testing.T) { stopsInTime(t, vllm) })
	t.Run("LiteLLM alone", func(t *testing.T) {
		vllm.end()
		standIn := ocrtest.New(t, ocrtest.Gateway(), ocrtest.Key(gatewayKey))
		standIn.Down()
		agree(t, gateway.url, gatewayKey, standIn.URL, "litellm-"+litellmVersion+"-alone.jsonl", aloneQuestions(t), passing)
	})
}

// compared says how many answers of another version are those of the pinned one; it logs how the others differ.
func compared(t *testing.T, vllm string) string {
	t.Helper()
	was, is := readAnswers(t, "vllm-"+vllmVersion+".jsonl"), askAll(t, vllm, "", questions(t))
	alike := len(was)
	for name := range was {
		if found := differences(was[name], is[name]); found != nil {
			alike--
			t.Logf("%s: %s", name, strings.Join(found, "\n"))
		}
	}
	return fmt.Sprintf("; %d of %d answers are those of %s", alike, len(was), vllmVersion)
}

// agree asks a real server and its stand-in everything, compares them, and the real one with what it answered before.
func agree(t *testing.T, real, key, standIn, file string, all []question, table []known) {
	t.Helper()
	answers := askAll(t, real, key, all)
	if *update {
		writeAnswers(t, file, all, answers)
	}
	t.Run("stand-in", func(t *testing.T) { judge(t, answers, askAll(t, standIn, key, all), table) })
	t.Run("as before", func(t *testing.T) { judge(t, readAnswers(t, file), answers, passing) })
}

// writeAnswers keeps answers in the order of their questions.
func writeAnswers(t *testing.T, name string, all []question, answers map[string]answer) {
	t.Helper()
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	for _, q := range all {
		if err := encoder.Encode(answers[q.name]); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join("testdata", name), out.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

// leftPageEnds: the server stops reading a page when its client hangs up.
func leftPageEnds(t *testing.T, vllm *process) {
	before := vllm.metric(t, "vllm:generation_tokens_total")
	ctx, leave := context.WithCancel(t.Context())
	left := make(chan struct{})
	go func() {
		defer close(left)
		send(ctx, vllm.url, page("green", nil)(t))
	}()
	vllm.reading(t, 1)
	leave()
	<-left
	vllm.reading(t, 0)
	if written := vllm.metric(t, "vllm:generation_tokens_total") - before; written > 4000 {
		t.Errorf("%v tokens of a page that its client left", written)
	}
}

// stopsInTime sends SIGTERM while the server reads two pages, of which one ends in time and one does not.
func stopsInTime(t *testing.T, vllm *process) {
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	inTime := make(chan reply, 1)
	go func() { send(ctx, vllm.url, page("green", nil)(t)) }()
	go func() { inTime <- send(ctx, vllm.url, page("yellow", nil)(t)) }()
	vllm.reading(t, 2)
	if err := vllm.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	refused := send(ctx, vllm.url, page("white", nil)(t))
	if refused.err == nil && (refused.status != 500 || !strings.Contains(refused.body, "cannot schedule new futures after shutdown")) {
		t.Errorf("a new page: %d %s", refused.status, refused.body)
	}
	if health, err := http.Get(vllm.url + "/health"); err == nil {
		health.Body.Close()
		if health.StatusCode != 200 {
			t.Errorf("health: %d", health.StatusCode)
		}
	}
	if got := <-inTime; got.status != 200 || !strings.Contains(got.body, "y0299") {
		t.Errorf("the page that ends in time: %d %v %s", got.status, got.err, got.body)
	}
}

// reply is an answer as it came, or why there was none.
type reply struct {
	status int
	body   string
	err    error
}

func send(ctx context.Context, server string, body []byte) reply {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, server+"/v1/chat/completions", bytes.NewReader(body))
	if err != nil {
		return reply{err: err}
	}
	req.Close = true
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return reply{err: err}
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	return reply{resp.StatusCode, string(raw), err}
}

// reading waits until the server reads so many pages.
func (p *process) reading(t *testing.T, pages float64) {
	t.Helper()
	for limit := time.Now().Add(time.Minute); p.metric(t, "vllm:num_requests_running") != pages; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatalf("the server reads %v pages, not %v", p.metric(t, "vllm:num_requests_running"), pages)
		}
	}
}
