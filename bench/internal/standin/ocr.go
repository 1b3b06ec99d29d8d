package standin

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// answer is a page of ordinary length.
var answer = func() []byte {
	text := strings.Repeat("The quick brown fox jumps over the lazy dog, and the page goes on to say so.\n", 26)
	b, err := json.Marshal(map[string]any{
		"id": "chatcmpl-1", "object": "chat.completion", "created": 1795430400, "model": "lightonai/LightOnOCR-2-1B",
		"choices": []any{map[string]any{
			"index": 0, "finish_reason": "stop", "stop_reason": nil,
			"message": map[string]any{"role": "assistant", "content": text},
		}},
		"usage": map[string]int{"prompt_tokens": 2156, "completion_tokens": 520, "total_tokens": 2676},
	})
	if err != nil {
		panic(err)
	}
	return b
}()

// serveOCR is vLLM: it closes connections that are idle for 5 s.
func (w *World) serveOCR(l net.Listener) {
	s := &http.Server{Handler: http.HandlerFunc(w.readPage), IdleTimeout: 5 * time.Second}
	_ = s.Serve(l) // until the process ends
}

var buffers = sync.Pool{New: func() any { return new([64 << 10]byte) }}

// readPage takes the whole page, waits as long as a model would read, and answers.
func (w *World) readPage(rw http.ResponseWriter, r *http.Request) {
	n, ok := w.takeBody(r)
	w.calls.pages.Add(1)
	w.calls.pageBytes.Add(n)
	if !ok || r.URL.Path != "/v1/chat/completions" || !strings.HasPrefix(r.Header.Get("Authorization"), "Bearer ") {
		w.calls.faults.Add(1)
		http.Error(rw, "bad request", http.StatusBadRequest)
		return
	}
	w.wait(w.waits.Load().OCR)
	rw.Header().Set("Content-Type", "application/json")
	_, _ = rw.Write(answer) // who asked may have left
}

func (w *World) takeBody(r *http.Request) (int64, bool) {
	if w.proof.Load() {
		b, err := io.ReadAll(r.Body)
		return int64(len(b)), err == nil && w.sound(b)
	}
	buffer := buffers.Get().(*[64 << 10]byte)
	defer buffers.Put(buffer)
	var n int64
	for {
		k, err := r.Body.Read(buffer[:])
		n += int64(k)
		if err != nil {
			return n, err == io.EOF && n == r.ContentLength
		}
	}
}

// sound tells whether a request is what vLLM reads and holds an image: one of the objects put, or one that was made
// smaller, which is still a whole PNG or JPEG.
func (w *World) sound(body []byte) bool {
	var req struct {
		Model    string
		Messages []struct {
			Role    string
			Content []struct {
				Type     string
				ImageURL struct{ URL string } `json:"image_url"`
			}
		}
	}
	if json.Unmarshal(body, &req) != nil || len(req.Messages) != 1 || len(req.Messages[0].Content) != 1 {
		return false
	}
	_, text, _ := strings.Cut(req.Messages[0].Content[0].ImageURL.URL, ";base64,")
	image, err := base64.StdEncoding.DecodeString(text)
	return err == nil && (w.objects.hold(image) || strings.HasPrefix(http.DetectContentType(image), "image/"))
}

func (o *objects) hold(image []byte) bool {
	o.mu.RLock()
	defer o.mu.RUnlock()
	for _, have := range o.byName {
		if bytes.Equal(have.bytes, image) {
			return true
		}
	}
	return false
}
