//go:build integration

package servers

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/bucketocr/bucketocr/ocr"
	"github.com/bucketocr/bucketocr/ocr/ocrtest"
)

var recording = flag.Bool("record", false, "write down what came of these versions")

// TestRealServers starts vLLM and LiteLLM once for all questions: a start takes a minute.
func TestRealServers(t *testing.T) {
	t.Parallel()
	version, transformers := cmp.Or(os.Getenv("VLLM"), vllmVersion),
		cmp.Or(os.Getenv("TRANSFORMERS"), transformersVersion)
	result := "dies at start"
	if *recording {
		t.Cleanup(func() {
			if t.Failed() && result != "dies at start" {
				result = "starts, and answers otherwise"
			}
			record(t, version, transformers, result)
		})
	}
	// for a busy machine; serve.sh gives it 8 s
	vllm := startVLLM(t, "--max-num-seqs", "2", "--shutdown-timeout", "120")
	gateway := startLiteLLM(t, cmp.Or(os.Getenv("LITELLM"), litellmVersion), vllm.url)
	vllm.await(t, "/health")
	gateway.await(t, "/health/liveliness")
	result = "runs"
	if version != vllmVersion {
		result += compared(t, vllm.url)
		return // the recorded answers are those of the pinned version
	}

	t.Run("vLLM", func(t *testing.T) {
		standIn := ocrtest.New(t)
		standIn.Default(writer(t))
		agree(t, vllm.url, "", standIn.URL, "vllm-"+vllmVersion+".jsonl", questions(t), vllmDifferences)
	})
	t.Run("LiteLLM", func(t *testing.T) {
		standIn := ocrtest.New(t, ocrtest.Gateway(), ocrtest.Key(gatewayKey))
		standIn.Default(writer(t))
		agree(t, gateway.url, gatewayKey, standIn.URL, "litellm-"+litellmVersion+".jsonl", questions(t),
			append(passing, gatewayDifferences...))
	})
	t.Run("the client reads by vLLM", func(t *testing.T) { clientReads(t, ocr.Config{URL: vllm.url}, ocr.DialectVLLM) })
	t.Run("a folder is read through LiteLLM", func(t *testing.T) {
		folderIsRead(t, "OCR_URL="+gateway.url, "OCR_API_KEY="+gatewayKey, "OCR_MODEL="+ocrtest.DefaultModel)
	})
	t.Run("what a client leaves is not read on", func(t *testing.T) { leftPageEnds(t, vllm) })
	t.Run("told to stop, it answers what it reads and refuses the rest", func(t *testing.T) { stopsInTime(t, vllm) })
	t.Run("LiteLLM alone", func(t *testing.T) {
		vllm.end()
		standIn := ocrtest.New(t, ocrtest.Gateway(), ocrtest.Key(gatewayKey))
		standIn.Down()
		agree(t, gateway.url, gatewayKey, standIn.URL, "litellm-"+litellmVersion+"-alone.jsonl", aloneQuestions(t),
			passing)
	})
}

// compared returns how many answers of another version equal those of the pinned one; it logs how the others differ.
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

// leftPageEnds checks that the server stops reading a page when its client hangs up.
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

// stopsInTime checks a SIGTERM with enough time.
func stopsInTime(t *testing.T, vllm *process) {
	die := func() {
		if err := vllm.cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
	}
	got := seen(t, vllm.url, func(pages int) { vllm.reading(t, float64(pages)) }, die, vllm.end)
	if want := deaths[1].want[0]; got != want {
		t.Errorf("%+v, not %+v", got, want)
	}
}
