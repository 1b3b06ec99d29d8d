package ocrtest_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"image"
	"image/png"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/bucketocr/bucketocr/ocr/ocrtest"
)

func page(t testing.TB, width, height int) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, width, height))); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func dataURI(data []byte) string {
	return "data:image/png;base64," + base64.StdEncoding.EncodeToString(data)
}

// request returns a valid request with the given fields changed; nil removes a field.
func request(t testing.TB, data []byte, changes map[string]any) string {
	t.Helper()
	fields := map[string]any{
		"model": ocrtest.DefaultModel,
		"messages": messages(map[string]any{"type": "image_url",
			"image_url": map[string]string{"url": dataURI(data)}}),
		"temperature": 0.2, "top_p": 0.9, "max_tokens": 4096, "stream": false,
	}
	for name, value := range changes {
		if fields[name] = value; value == nil {
			delete(fields, name)
		}
	}
	b, err := json.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func messages(parts ...any) []any {
	return []any{map[string]any{"role": "user", "content": parts}}
}

// withURL returns the change to a request that sets the URL of its image.
func withURL(url any) map[string]any {
	return map[string]any{
		"messages": messages(map[string]any{"type": "image_url", "image_url": map[string]any{"url": url}})}
}

// send posts a body and returns the answer.
func send(t testing.TB, s *ocrtest.Server, body string, headers ...string) (*http.Response, string) {
	t.Helper()
	return do(t, http.MethodPost, s.URL+"/v1/chat/completions", body, headers...)
}

// do sends a request with additional headers, given as pairs of name and value.
func do(t testing.TB, method, url, body string, headers ...string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Close = true // on a busy machine the server may close an idle connection while a request is sent on it
	req.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(headers); i += 2 {
		if headers[i] == "Content-Type" {
			req.Header.Del(headers[i])
		}
		req.Header.Add(headers[i], headers[i+1])
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(raw)
}

// soon returns a context that ends a test that would otherwise hang for ever if the code were broken.
func soon(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// refusal returns the fields of an error in vLLM's format.
func refusal(t testing.TB, body string) (message, kind string, param *string, code int) {
	t.Helper()
	var shape struct {
		Error struct {
			Message string  `json:"message"`
			Type    string  `json:"type"`
			Param   *string `json:"param"`
			Code    int     `json:"code"`
		} `json:"error"`
	}
	if err := json.Unmarshal([]byte(body), &shape); err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	return shape.Error.Message, shape.Error.Type, shape.Error.Param, shape.Error.Code
}
