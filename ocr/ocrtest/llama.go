package ocrtest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"image"
	"net/http"
	"strings"
)

// Llama makes the server a llama-server, as build 11434 answers with the same model. It takes any model's name, ignores
// repetition_detection, begins a continued text from its beginning, and reads a page that is thinner than a patch as blank. Package
// internal/servers does not ask it: it has to be built first.
func Llama() Option { return func(s *Server) { s.llama = true } }

// routeLlama is route for a llama-server: what it does not know, the wrong methods included, is one answer.
func (s *Server) routeLlama(w http.ResponseWriter, r *http.Request) {
	switch r.Method + " " + r.URL.Path {
	case "POST " + pagePath:
		s.complete(w, r)
	case "GET /v1/models":
		s.count(func(c *Counts) { c.Models++ })
		Raw(200, llamaJSON, fmt.Sprintf(`{"models":[{"name":%[1]s,"model":%[1]s,"type":"model","capabilities":["completion","multimodal"]}],`+
			`"object":"list","data":[{"id":%[1]s,"object":"model","created":1795430000,"owned_by":"llamacpp","meta":{"n_ctx_train":%[2]d}}]}`,
			quote(llamaModel), s.maxModelLen)).write(w, nil)
	case "GET /health":
		s.count(func(c *Counts) { c.Health++ })
		Raw(200, llamaJSON, `{"status":"ok"}`).write(w, nil)
	default:
		LlamaError(404, "not_found_error", "File Not Found").write(w, nil)
	}
}

const (
	llamaJSON  = "application/json; charset=utf-8"
	llamaModel = "/models/LightOnOCR.gguf" // whatever was asked for, the answer names the file
)

// checkLlama is check for a llama-server.
func (s *Server) checkLlama(r *Request) *Reply {
	refuse := func(words string) *Reply {
		refusal := LlamaError(400, "invalid_request_error", words)
		return &refusal
	}
	if !json.Valid(r.Body) {
		return refuse("[json.exception.parse_error.101] parse error at line 1, column 1: syntax error while parsing value")
	}
	if r.Fields["messages"] == nil {
		return refuse("'messages' is required")
	}
	if string(r.Fields["continue_final_message"]) == "true" && string(r.Fields["add_generation_prompt"]) != "false" {
		return refuse("Cannot set both add_generation_prompt and continue_final_message to true.")
	}
	if r.URL == "" {
		return nil
	}
	head, _, _ := strings.Cut(r.URL, ",")
	switch {
	case strings.HasPrefix(r.URL, "file:"):
		return refuse("file:// URLs are not allowed unless --media-path is specified")
	case !strings.HasPrefix(head, "data:image/"):
		return refuse("Invalid uri format: " + head)
	case !strings.HasSuffix(head, ";base64"):
		return refuse("uri must be base64 encoded")
	}
	header, _, err := image.DecodeConfig(bytes.NewReader(r.Image))
	if err == nil {
		_, _, err = image.Decode(bytes.NewReader(r.Image))
	}
	if err != nil {
		return refuse("Failed to load image or audio file")
	}
	r.Width, r.Height = header.Width, header.Height
	r.PromptTokens = templateTokens + imageTokens(header.Width, header.Height)
	return nil
}

// thin reports whether a side of the image is below one patch of the model once the long one is at its limit: such a page is blank to it.
func (r *Request) thin() bool {
	long := max(r.Width, r.Height)
	return long > 1540 && min(r.Width, r.Height)*1540/long < 28
}

// llamaAnswer is a llama-server's full answer.
func llamaAnswer(r *Request, content, reason string, n int) string {
	return fmt.Sprintf(`{"choices":[{"finish_reason":%s,"index":0,"message":{"role":"assistant","content":%s}}],"created":1795430400,"model":%s,`+
		`"system_fingerprint":"b0-unknown","object":"chat.completion","usage":{"completion_tokens":%d,"prompt_tokens":%d,"total_tokens":%d,`+
		`"prompt_tokens_details":{"cached_tokens":0}},"id":"chatcmpl-lQ6GjAXftcZ6qF3H6wC0rf6ck1rUzJWx","timings":{"cache_n":0,"predicted_n":%d}}`,
		reason, content, quote(llamaModel), n, r.PromptTokens, r.PromptTokens+n, n)
}
