//go:build nightly

package servers

import (
	"testing"

	"github.com/bucketocr/bucketocr/ocr"
)

// TestRealThirdFamily: the client reads with vLLM and a small model built like the large ones of LightOnOCR-3, on
// Qwen3.5, with the flags in deploy/gpu/serve.sh.
func TestRealThirdFamily(t *testing.T) {
	const name = "lightonai/LightOnOCR-3-0.8B"
	vllm := startModel(t, name, []string{"qwen3.5"}, "--max-num-seqs", "2", "--max-model-len", "18000",
		"--default-chat-template-kwargs", `{"enable_thinking": false}`)
	vllm.await(t, "/health")
	clientReads(t, ocr.Config{URL: vllm.url, Model: name, MaxTokens: 4096}, ocr.DialectVLLM)
}
