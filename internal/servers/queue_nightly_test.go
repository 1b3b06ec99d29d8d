//go:build nightly

package servers

import (
	"fmt"
	"strings"
	"testing"
)

// TestRealQueue: more pages than the server reads in one time-out queue at the server, which never refuses. All are
// read all the same, and the server does little work in vain: pages that waited too long are sent again at a slower
// pace.
func TestRealQueue(t *testing.T) {
	vllm := startVLLM(t, "--max-num-seqs", "2")
	vllm.await(t, "/health")
	want := strings.Join(readModel(t)["orange"].Tokens, "")
	pages := map[string][]byte{}
	for i := range 64 {
		pages[fmt.Sprintf("orange-%02d", i)] = encode(t, sized("orange", 800+i, 1100)(t))
	}
	before := vllm.metric(t, "vllm:generation_tokens_total")
	texts := readFolder(t, program(t),
		[]string{"OCR_URL=" + vllm.url, "OCR_TIMEOUT=40s", "OCR_INSTANCE_CONCURRENCY=64", "RETRY_WINDOW=1h"},
		pages).texts(t)
	for name, text := range texts {
		if text != want {
			t.Errorf("%s: %s", name, clip(text))
		}
	}
	needed := float64(len(pages) * (len(readModel(t)["orange"].Tokens) + 1))
	written := vllm.metric(t, "vllm:generation_tokens_total") - before
	t.Logf("%v tokens written, %v needed", written, needed)
	if written > 1.3*needed {
		t.Errorf("%v tokens written for pages of %v", written, needed)
	}
}
