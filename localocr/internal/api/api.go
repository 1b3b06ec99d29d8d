// Package api serves a page reader behind the part of vLLM's OpenAI-style API that a client of
// LightOnOCR uses: health, the list of models, and one chat completion per page.
//
// Files, in reading order:
//
//	api.go      the routes
//	answer.go   answers
//	request.go  requests
//	problem.go  refusals
package api

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"time"

	"github.com/bucketocr/bucketocr/localocr/internal/picture"
)

// A Reader reads the text of a gray PNG. It is called from many goroutines at once and has to
// return soon after the context ends.
type Reader interface {
	Read(ctx context.Context, png []byte) (string, error)
}

// Service answers for one model.
type Service struct {
	Model  string // its name, which requests must carry or leave out
	Engine string // goes into system_fingerprint
	Reader Reader
	Log    *slog.Logger // one line per page, never any text
}

// Handler returns the routes. It is safe for concurrent use.
func (s *Service) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/health", only(http.MethodGet, s.health))
	mux.HandleFunc("/v1/models", only(http.MethodGet, s.models))
	mux.HandleFunc("/v1/chat/completions", only(http.MethodPost, s.completions))
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		reply(w, http.StatusNotFound, detail{"Not Found"})
	})
	return mux
}

func only(method string, h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Method != method {
			w.Header().Set("Allow", method)
			reply(w, http.StatusMethodNotAllowed, detail{"Method Not Allowed"})
			return
		}
		h(w, r)
	}
}

func (s *Service) health(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) }

func (s *Service) models(w http.ResponseWriter, _ *http.Request) {
	reply(w, http.StatusOK, modelList(s.Model, time.Now()))
}

// completions reads one page: 400, 404, 413 and 501 are the request's fault, 500 the engine's.
// The text is cut after max_tokens words. 503 means that the service is about to end.
func (s *Service) completions(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	words, size, err := s.complete(w, r)
	log := s.Log.With("bytes", size, "ms", time.Since(start).Milliseconds())
	if err == nil {
		log.Info("page read", "words", words)
		return
	}
	p := asProblem(r.Context(), err)
	log.Warn("page refused", "status", p.status, "error", err)
	reply(w, p.status, p.body())
}

// complete answers a good request and returns how many words and bytes it came to.
func (s *Service) complete(w http.ResponseWriter, r *http.Request) (words, size int, err error) {
	req, err := decode(w, r)
	if err != nil {
		return 0, 0, err
	}
	if req.Model != "" && req.Model != s.Model {
		return 0, 0, unknownModel(req.Model)
	}
	file, err := req.picture()
	if err != nil {
		return 0, 0, err
	}
	png, err := picture.Load(file, MaxPixels)
	if err != nil {
		return 0, len(file), bad("Failed to load image: " + err.Error())
	}
	limit, err := req.limit()
	if err != nil {
		return 0, len(file), err
	}
	text, err := s.Reader.Read(r.Context(), png)
	if err != nil {
		return 0, len(file), err
	}
	c := s.completion(requestID(r, req), text, limit)
	reply(w, http.StatusOK, c)
	return c.Usage.CompletionTokens, len(file), nil
}

// reply sends v as JSON, as it is: vLLM does not escape HTML either.
func reply(w http.ResponseWriter, status int, v any) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		http.Error(w, "", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(bytes.TrimSuffix(b.Bytes(), []byte("\n"))) // a client that has gone is not an error
}
