//go:build nightly

package servers

import (
	"testing"

	"github.com/bucketocr/bucketocr/ocr"
	"github.com/bucketocr/bucketocr/ocr/ocrtest"
)

// TestRealLlama starts a llama-server, asks it the same questions as vLLM, and reads with the client and the program.
func TestRealLlama(t *testing.T) {
	t.Parallel()
	llama := startLlama(t)
	llama.await(t, "/health")
	t.Run("llama-server", func(t *testing.T) {
		standIn := ocrtest.New(t, ocrtest.Llama())
		standIn.Default(writer(t))
		agree(t, llama.url, "", standIn.URL, llamaAnswers, questions(t), llamaDifferences)
	})
	t.Run("the client reads by llama-server", func(t *testing.T) {
		clientReads(t, ocr.Config{URL: llama.url}, ocr.DialectLlama)
	})
	t.Run("a folder is read by llama-server", func(t *testing.T) { folderIsRead(t, "OCR_URL="+llama.url) })
}
