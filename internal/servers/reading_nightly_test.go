//go:build nightly

package servers

import (
	"testing"

	"github.com/bucketocr/bucketocr/ocr"
)

// TestRealReading extends TestRealServers, which has no time for it: the same readings with the other server, and a
// page longer than an answer.
func TestRealReading(t *testing.T) {
	vllm := startVLLM(t, "--max-num-seqs", "2")
	gateway := startLiteLLM(t, litellmVersion, vllm.url)
	vllm.await(t, "/health")
	gateway.await(t, "/health/liveliness")
	through := ocr.Config{URL: gateway.url, APIKey: gatewayKey}
	t.Run("the client reads through LiteLLM", func(t *testing.T) { clientReads(t, through, ocr.DialectGateway) })
	t.Run("a folder is read by vLLM", func(t *testing.T) { folderIsRead(t, "OCR_URL="+vllm.url) })
	for name, cfg := range map[string]ocr.Config{"vLLM": {URL: vllm.url}, "LiteLLM": through} {
		t.Run("words that count for longer than an answer are kept whole, "+name, func(t *testing.T) {
			readPage(t, cfg, longCount)
		})
	}
}
