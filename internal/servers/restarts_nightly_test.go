//go:build nightly

package servers

import (
	"os"
	"strings"
	"testing"
	"time"
)

// TestRealImagesAreReadThroughRestarts: the same with vLLM, which takes a minute to come back.
func TestRealImagesAreReadThroughRestarts(t *testing.T) {
	vllm := startVLLM(t, "--max-num-seqs", "2", "--shutdown-timeout", "8", "--enable-log-requests")
	vllm.await(t, "/health")
	sent := func() int {
		log, err := os.ReadFile(vllm.log)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Count(string(log), "Received request ")
	}
	next := func(end func()) incident {
		return func() int {
			end()
			n := sent()
			vllm.launch(t)
			vllm.await(t, "/health")
			return n
		}
	}
	readThrough(t, []string{"OCR_URL=" + vllm.url, "OCR_INSTANCE_CONCURRENCY=4"}, []incident{
		next(func() { vllm.die(t, "SIGTERM with time"); vllm.killedAfter(10 * time.Second) }),
		next(func() { vllm.die(t, "death of the engine"); vllm.killedAfter(10 * time.Second) }),
		next(vllm.end),
	}, sent)
}
