package ocrtest_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/bucketocr/bucketocr/ocr/ocrtest"
)

// A model that follows the request: the effect of each field on the same page, with vLLM and with llama-server.
func TestWrites(t *testing.T) {
	words := ocrtest.Writing{Tokens: []string{"a", " b", " c", " d"}}
	loop := ocrtest.Writing{Loop: []string{"x", "y"}}
	detection := map[string]any{"max_pattern_size": 4, "min_pattern_size": 1, "min_count": 3}
	image := page(t, 60, 80)
	begun := func(text string, more map[string]any) map[string]any {
		parts := messages(map[string]any{"type": "image_url", "image_url": map[string]string{"url": dataURI(image)}})
		changes := map[string]any{
			"messages":               append(parts, map[string]any{"role": "assistant", "content": text}),
			"continue_final_message": true, "add_generation_prompt": false,
		}
		for name, value := range more {
			changes[name] = value
		}
		return changes
	}
	type answer struct {
		text, reason string
		tokens       int
	}
	for _, test := range []struct {
		name        string
		writes      ocrtest.Writing
		changes     map[string]any
		vllm, llama answer
	}{
		{"whole", words, nil, answer{"a b c d", "stop", 5}, answer{"a b c d", "stop", 5}},
		{"cut", words, map[string]any{"max_tokens": 2}, answer{"a b", "length", 2}, answer{"a b", "length", 2}},
		{"cut before its end", words, map[string]any{"max_tokens": 4}, answer{"a b c d", "length", 4},
			answer{"a b c d", "length", 4}},
		{"continued", words, begun("a b", nil), answer{" c d", "stop", 3}, answer{"a b c d", "stop", 3}},
		{"continued and echoed", words, begun("a b", map[string]any{"echo": true}), answer{"a b c d", "stop", 3},
			answer{"a b c d", "stop", 3}},
		{"continued and cut again", words, begun("a b", map[string]any{"max_tokens": 1}), answer{" c", "length", 1},
			answer{"a b c", "length", 1}},
		{"loop", loop, map[string]any{"max_tokens": 7, "repetition_detection": detection},
			answer{"xyxyxy", "repetition", 6}, answer{"xyxyxyx", "length", 7}},
		{"loop, undetected", loop, map[string]any{"max_tokens": 7}, answer{"xyxyxyx", "length", 7},
			answer{"xyxyxyx", "length", 7}},
	} {
		for name, want := range map[string]answer{"vLLM": test.vllm, "llama-server": test.llama} {
			var options []ocrtest.Option
			if name == "llama-server" {
				options = append(options, ocrtest.Llama())
			}
			s := ocrtest.New(t, options...)
			s.Default(ocrtest.Writes(func(*ocrtest.Request) ocrtest.Writing { return test.writes }))
			resp, body := send(t, s, request(t, image, test.changes))
			var got struct {
				Choices []struct {
					Message      struct{ Content string }
					FinishReason string `json:"finish_reason"`
				}
				Usage struct {
					CompletionTokens int `json:"completion_tokens"`
				}
			}
			if err := json.Unmarshal([]byte(body), &got); err != nil || resp.StatusCode != 200 ||
				len(got.Choices) != 1 {
				t.Errorf("%s, %s: %d %s", test.name, name, resp.StatusCode, body)
				continue
			}
			if (answer{got.Choices[0].Message.Content, got.Choices[0].FinishReason,
				got.Usage.CompletionTokens}) != want {
				t.Errorf("%s, %s: %s, want %v", test.name, name, body, want)
			}
		}
	}
}

// TestLlama: what llama-server accepts, refuses and ignores, where that differs from vLLM.
func TestLlama(t *testing.T) {
	s := ocrtest.New(t, ocrtest.Llama())
	s.Default(ocrtest.Text("text"))
	good := page(t, 60, 80)
	set := func(name string, value any) string { return request(t, good, map[string]any{name: value}) }
	url := func(u string) string { return request(t, good, withURL(u)) }
	const path = "/v1/chat/completions"
	const invalid = `"type":"invalid_request_error"}}`
	for _, test := range []struct {
		name, path, body string
		status           int
		words            string
	}{
		{"any model", path, set("model", "x/y"), 200, `"content":"text"}`},
		{"a wrong repetition_detection", path, set("repetition_detection", "x"), 200, `"content":"text"}`},
		{"more tokens than the context", path, set("max_tokens", 20000), 200, `"content":"text"}`},
		{"a thin page", path, request(t, page(t, 20, 2000), nil), 200, `"content":""}`},
		{"a small page", path, request(t, page(t, 1, 1), nil), 200, `"content":"text"}`},
		{"no media type", path, url("data:;base64," + dataURI(good)[22:]), 400,
			`"Invalid uri format: data:;base64",` + invalid},
		{"no base64", path, url("data:image/png,x"), 400, `"uri must be base64 encoded",` + invalid},
		{"a file", path, url("file:///etc/hostname"), 400,
			`"file:// URLs are not allowed unless --media-path is specified",` + invalid},
		{"no image", path, url("data:image/png;base64,eHh4"), 400, `"Failed to load image or audio file",` + invalid},
		{"no messages", path, set("messages", nil), 400, `"'messages' is required",` + invalid},
		{"no JSON", path, "{not json", 400, invalid},
		{"wrong path", "/v1/chat/completion", set("model", "x"), 404,
			`{"error":{"code":404,"message":"File Not Found","type":"not_found_error"}}`},
	} {
		resp, body := do(t, "POST", s.URL+test.path, test.body)
		if resp.StatusCode != test.status || !strings.Contains(body, test.words) ||
			resp.Header.Get("Content-Type") != "application/json; charset=utf-8" {
			t.Errorf("%s: %d %s %s", test.name, resp.StatusCode, resp.Header.Get("Content-Type"), body)
		}
	}
	if resp, body := do(t, "GET", s.URL+"/health", ""); resp.StatusCode != 200 || body != `{"status":"ok"}` {
		t.Errorf("health: %d %s", resp.StatusCode, body)
	}
}
