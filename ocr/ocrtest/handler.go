package ocrtest

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// ServeHTTP responds like the platform, vLLM's middleware and its routes, in that order.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	page := r.URL.Path == pagePath && r.Method == http.MethodPost
	if page {
		s.count(func(c *Counts) { c.Requests++ })
	}
	if s.down.Load() && !s.gateway {
		hangUp(w)
		return
	}
	refusal := s.admit(r)
	if refusal == nil && s.key != "" && strings.HasPrefix(r.URL.Path, "/v1") &&
		r.Header.Get("Authorization") != "Bearer "+s.key {
		unauthorized := StringError(401, "Unauthorized")
		if s.gateway {
			unauthorized = gatewayKey(r)
		}
		refusal = &unauthorized
	}
	switch {
	case refusal != nil:
	case s.gateway:
		s.pass(w, r)
		return
	case s.llama:
		s.routeLlama(w, r)
		return
	default:
		s.route(w, r)
		return
	}
	io.Copy(io.Discard, r.Body)
	if page {
		s.count(func(c *Counts) { c.Refused++ })
	}
	refusal.write(w, nil)
}

const pagePath = "/v1/chat/completions"

// methods maps routes to their allowed methods.
var methods = map[string]string{
	pagePath: "POST", "/v1/models": "GET", "/health": "GET", "/version": "GET", "/ping": "GET POST", "/load": "GET",
}

func (s *Server) route(w http.ResponseWriter, r *http.Request) {
	allowed, known := methods[r.URL.Path]
	switch {
	case !known:
		Detail(404, "Not Found").write(w, nil)
	case !strings.Contains(allowed, r.Method):
		w.Header().Set("Allow", allowed)
		Detail(405, "Method Not Allowed").write(w, nil)
	case r.URL.Path == pagePath:
		s.complete(w, r)
	case r.URL.Path == "/v1/models":
		s.count(func(c *Counts) { c.Models++ })
		s.listModels(w)
	case r.URL.Path == "/load":
		Raw(200, "application/json", fmt.Sprintf(`{"server_load":%d}`, s.Counts().Running)).write(w, nil)
	case r.URL.Path == "/version":
		Raw(200, "application/json", `{"version":"0.30.0"}`).write(w, nil)
	default:
		s.count(func(c *Counts) { c.Health++ })
		s.health(w)
	}
}

func (s *Server) health(w http.ResponseWriter) {
	status := 200
	if s.engineDead.Load() {
		status = 503
	}
	Empty(status).write(w, nil)
}

func (s *Server) listModels(w http.ResponseWriter) {
	var entries []string
	for i, name := range s.models {
		quoted, _ := json.Marshal(name)
		entries = append(entries, fmt.Sprintf(modelEntry, quoted, quoted, s.maxModelLen, i))
	}
	Raw(200, "application/json", `{"object":"list","data":[`+strings.Join(entries, ",")+`]}`).write(w, nil)
}

const modelEntry = `{"id":%s,"object":"model","created":1795430000,"owned_by":"vllm","root":%s,"parent":null,"max_model_len":%d,` +
	`"permission":[{"id":"modelperm-%d","object":"model_permission","created":1795430000,"allow_create_engine":false,` +
	`"allow_sampling":true,"allow_logprobs":true,"allow_search_indices":false,"allow_view":true,"allow_fine_tuning":false,` +
	`"organization":"*","group":null,"is_blocking":false}]}`

// complete responds to a request for a page.
func (s *Server) complete(w http.ResponseWriter, hr *http.Request) {
	reply, scripted := s.pick()
	if scripted && reply.early {
		s.count(func(c *Counts) { c.Refused++ })
		reply.write(w, nil)
		return
	}
	body, err := io.ReadAll(hr.Body)
	if err != nil {
		s.count(func(c *Counts) { c.Left++ })
		return
	}
	req := newRequest(s, hr, body)
	s.note(req)
	if !scripted {
		reply = s.replyTo(req)
	}
	if reply.model {
		check := s.check
		if s.llama {
			check = s.checkLlama
		}
		if problem := check(req); problem != nil {
			s.count(func(c *Counts) { c.Refused++ })
			problem.write(w, req)
			return
		}
	}
	if s.llama && reply.model && req.thin() {
		reply.write = Blank().write
	}
	s.perform(w, hr, req, reply)
}

// perform waits as the reply demands and writes it. A client that leaves is counted when it leaves, even if its page
// continues.
func (s *Server) perform(w http.ResponseWriter, hr *http.Request, req *Request, reply Reply) {
	if reply.model {
		s.count(func(c *Counts) { c.Running++ })
	}
	stays := context.AfterFunc(hr.Context(), func() { s.count(func(c *Counts) { c.Left++ }) })
	through, died := s.endure(hr.Context(), reply)
	answered := stays() && (through || died)
	s.count(func(c *Counts) {
		if reply.model {
			c.Running--
		}
		switch {
		case through && !answered && reply.model:
			c.Wasted++
		case answered && reply.whole && !died:
			c.Answers++
		case answered && !(died && s.killed.Load()):
			c.Refused++
		}
	})
	switch {
	case !answered, died && s.killed.Load(): // otherwise net/http would send an empty 200
		hangUp(w)
	case died:
		With("Connection", "close", EngineFailed(engineDead)).write(w, req)
	default:
		req.context = s.merge(hr.Context())
		reply.write(w, req)
	}
}

// endure waits at the reply's gate and for its delay, and reports whether it got through or whether the engine died
// first. A model behind Cloud Run continues to the end whether or not its client is still connected.
func (s *Server) endure(client context.Context, reply Reply) (through, died bool) {
	engine := s.stopped
	if reply.model {
		s.mu.Lock()
		engine = s.engine
		s.mu.Unlock()
	}
	ctx := engine
	if !s.keepGenerating || !reply.model {
		var release context.CancelFunc
		ctx, release = context.WithCancel(client)
		defer release()
		defer context.AfterFunc(engine, release)()
	}
	ended := func() (bool, bool) {
		return false, engine.Err() != nil && s.stopped.Err() == nil && client.Err() == nil
	}
	if reply.gate != nil && reply.gate.enter(ctx) != nil {
		return ended()
	}
	if reply.delay > 0 {
		timer := time.NewTimer(reply.delay)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			return ended()
		}
	}
	return true, false
}

// merge returns a context that ends with the client's or with the server.
func (s *Server) merge(client context.Context) context.Context {
	ctx, cancel := context.WithCancel(client)
	context.AfterFunc(s.stopped, cancel)
	return ctx
}

// admit checks the ID token like Cloud Run, and returns nil for an admitted request: no token is a 403, and a bad one,
// or two, a 401.
func (s *Server) admit(r *http.Request) *Reply {
	if s.audience == "" {
		return nil
	}
	given := r.Header.Values("X-Serverless-Authorization")
	if len(given) == 0 {
		given = r.Header.Values("Authorization")
	}
	status := 401
	switch {
	case len(given) == 0:
		status = 403
	case len(given) == 1 && s.good(given[0]):
		return nil
	}
	refusal := Platform(status)
	return &refusal
}

// good reports whether a header has an unexpired token for this service.
func (s *Server) good(header string) bool {
	token, found := strings.CutPrefix(header, "Bearer ")
	parts := strings.Split(token, ".")
	if !found || len(parts) != 3 {
		return false
	}
	s.mu.Lock()
	revoked := s.revoked[token]
	s.mu.Unlock()
	var claims struct {
		Audience string `json:"aud"`
		Expires  int64  `json:"exp"`
	}
	raw, err := base64.RawURLEncoding.DecodeString(parts[1])
	return err == nil && !revoked && json.Unmarshal(raw, &claims) == nil &&
		claims.Audience == s.audience && time.Unix(claims.Expires, 0).After(time.Now())
}
