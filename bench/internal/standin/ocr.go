package standin

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// answer is a page of ordinary length without repeated lines.
var answer = func() []byte {
	var text strings.Builder
	for i := range 26 {
		fmt.Fprintf(&text, "%d quick brown foxes jump over the lazy dog, and the page goes on to say so.\n", i*i+101)
	}
	b, err := json.Marshal(map[string]any{
		"id": "chatcmpl-1", "object": "chat.completion", "created": 1795430400, "model": "lightonai/LightOnOCR-2-1B",
		"choices": []any{map[string]any{
			"index": 0, "finish_reason": "stop", "stop_reason": nil,
			"message": map[string]any{"role": "assistant", "content": text.String()},
		}},
		"usage": map[string]int{"prompt_tokens": 2156, "completion_tokens": 520, "total_tokens": 2676},
	})
	if err != nil {
		panic(err)
	}
	return b
}()

// model stands in for vLLM and its model.
type model struct {
	costs   *costs
	objects *objects
	proof   atomic.Bool // check requests: see [World.Prove]
	gate    gate
}

// serve serves until the process ends. Like vLLM it closes connections that are idle for 5 s.
func (m *model) serve(l net.Listener) {
	s := &http.Server{Handler: http.HandlerFunc(m.readPage), IdleTimeout: 5 * time.Second}
	_ = s.Serve(l)
}

var buffers = sync.Pool{New: func() any { return new([64 << 10]byte) }}

// readPage receives the whole page, waits as long as a model would take, and answers.
func (m *model) readPage(rw http.ResponseWriter, r *http.Request) {
	n, name, ok := m.takeBody(r)
	m.costs.pages.Add(1)
	m.costs.pageBytes.Add(n)
	if !ok || r.URL.Path != "/v1/chat/completions" || !strings.HasPrefix(r.Header.Get("Authorization"), "Bearer ") {
		m.costs.faults.Add(1)
		http.Error(rw, "bad request", http.StatusBadRequest)
		return
	}
	m.costs.wait(name, m.costs.waits.Load().OCR)
	m.gate.pass(r.Context())
	rw.Header().Set("Content-Type", "application/json")
	_, _ = rw.Write(answer) // the client may be gone
}

// takeBody reads a request to its end. It returns the size, the object name in a numbered picture, and whether the
// request is valid.
func (m *model) takeBody(r *http.Request) (n int64, name string, ok bool) {
	if m.proof.Load() {
		b, err := io.ReadAll(r.Body)
		return int64(len(b)), "", err == nil && m.sound(b)
	}
	buffer := buffers.Get().(*[64 << 10]byte)
	defer buffers.Put(buffer)
	if m.costs.shares.apart.Load() {
		k, err := io.ReadAtLeast(r.Body, buffer[:], 2<<10)
		if name, ok = numberedName(buffer[:k]); err != nil || !ok {
			return int64(k), "", false
		}
		n = int64(k)
	}
	for {
		k, err := r.Body.Read(buffer[:])
		n += int64(k)
		if err != nil {
			return n, name, err == io.EOF && n == r.ContentLength
		}
	}
}

// sound reports whether a request is valid for vLLM and has an image: a stored object, or a re-encoded one.
func (m *model) sound(body []byte) bool {
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
	return err == nil && (m.objects.hold(image) || strings.HasPrefix(http.DetectContentType(image), "image/"))
}
