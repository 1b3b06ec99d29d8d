package ocrtest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"image"
	"math"
	"net/http"
	"strings"
)

// Llama makes the server a llama-server, as build 11549 behaves with the same model. It accepts any model name, ignores
// repetition_detection, repeats a continued text from its beginning, and reads a page thinner than a patch as blank.
func Llama() Option { return func(s *Server) { s.llama = true } }

// routeLlama is the equivalent of route for a llama-server. Unknown routes and wrong methods get the same response.
func (s *Server) routeLlama(w http.ResponseWriter, r *http.Request) {
	switch r.Method + " " + r.URL.Path {
	case "POST " + pagePath:
		s.complete(w, r)
	case "GET /v1/models":
		s.count(func(c *Counts) { c.Models++ })
		Raw(200, llamaJSON, fmt.Sprintf(`{"models":[{"name":%[1]s,"model":%[1]s,"modified_at":"","size":"","digest":"","type":"model","description":"",`+
			`"tags":[""],"capabilities":["completion","multimodal"],"parameters":"","details":{"parent_model":"","format":"gguf","family":"",`+
			`"families":[""],"parameter_size":"","quantization_level":""}}],"object":"list","data":[{"id":%[1]s,"aliases":[%[1]s],"tags":[],"object":"model",`+
			`"architecture":{"input_modalities":["text","image","video"],"output_modalities":["text"]},"created":1795430000,"owned_by":"llamacpp",`+
			`"meta":{"n_ctx":%[2]d,"n_ctx_train":%[2]d}}]}`, quote(llamaModel), s.maxModelLen)).write(w, nil)
	case "GET /health":
		s.count(func(c *Counts) { c.Health++ })
		Raw(200, llamaJSON, `{"status":"ok"}`).write(w, nil)
	default:
		LlamaError(404, "not_found_error", "File Not Found").write(w, nil)
	}
}

const (
	llamaJSON  = "application/json; charset=utf-8"
	llamaModel = "/models/LightOnOCR.gguf" // answers name the file, whatever model was requested
)

// checkLlama is the equivalent of check for a llama-server.
func (s *Server) checkLlama(r *Request) *Reply {
	refuse := func(words string) *Reply {
		refusal := LlamaError(400, "invalid_request_error", words)
		return &refusal
	}
	if r.Header.Get("Content-Encoding") != "" {
		unsupported := Empty(415)
		return &unsupported
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
	for _, p := range r.parts() {
		if _, ok := p.url(); p.Type == "image_url" && !ok {
			unread := LlamaError(500, "server_error", "Invalid base64 value")
			return &unread
		}
	}
	if r.URL == "" {
		r.PromptTokens = llamaTemplate
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
	w, h := r.stretched()
	r.PromptTokens = llamaTemplate + int(math.Ceil(w/28)*math.Ceil(h/28))
	return nil
}

// llamaTemplate is the number of tokens that the chat template and the marks around the image add.
const llamaTemplate = templateTokens + 2

// stretched returns the size to which a llama-server scales the image: 1540 pixels on the long side, even if it has
// fewer.
func (r *Request) stretched() (w, h float64) {
	scale := 1540 / float64(max(r.Width, r.Height))
	return math.Round(float64(r.Width) * scale), math.Round(float64(r.Height) * scale)
}

// thin reports whether a side of the scaled image is below one patch of the model, which then reads the page as blank.
func (r *Request) thin() bool {
	w, h := r.stretched()
	return r.Width > 0 && min(w, h) < 28
}

// llamaAnswer returns a llama-server's full answer.
func llamaAnswer(r *Request, content, reason string, n int) string {
	return fmt.Sprintf(`{"choices":[{"finish_reason":%s,"index":0,"message":{"role":"assistant","content":%s}}],"created":1795430400,"model":%s,`+
		`"system_fingerprint":"b0-unknown","object":"chat.completion","usage":{"completion_tokens":%d,"prompt_tokens":%d,"total_tokens":%d,`+
		`"prompt_tokens_details":{"cached_tokens":0}},"id":"chatcmpl-lQ6GjAXftcZ6qF3H6wC0rf6ck1rUzJWx","timings":{"cache_n":0,"predicted_n":%d}}`,
		reason, content, quote(llamaModel), n, r.PromptTokens, r.PromptTokens+n, n)
}
