package ui

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
)

const (
	eventBatch = 250                    // summaries in one event
	eventPause = 100 * time.Millisecond // between two batches of changes, to combine quick successions
	heartbeat  = 10 * time.Second
	writeLimit = 30 * time.Second // for one event; a slower client counts as gone
)

// hello is the first event, which describes the server.
type hello struct {
	Place    string            `json:"place"`
	Partial  string            `json:"partial,omitempty"`
	Newest   int               `json:"newest,omitempty"` // how many documents the page keeps; absent: all
	Upload   bool              `json:"upload"`
	Retry    bool              `json:"retry"`
	Delete   bool              `json:"delete"`
	Export   bool              `json:"export"`
	Search   bool              `json:"search"` // full-text search is available
	MaxBytes int64             `json:"maxBytes"`
	Token    string            `json:"token"`
	Boot     string            `json:"boot"`
	Again    bool              `json:"again"` // only changes follow, and the page keeps its documents
	Now      int64             `json:"now"`
	Codes    map[string]words  `json:"codes"`
	Warnings map[string]string `json:"warnings"`
}

// events sends all summaries and then each change, until the page is closed. A page that reconnects sends the position
// it has reached as Last-Event-ID.
func (s *Server) events(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	seq, again := s.resume(r)
	out := &eventWriter{w: w, control: http.NewResponseController(w), boot: s.boot}
	out.send("hello", seq, hello{
		Place: s.c.Place, Partial: s.c.partial(), Newest: s.c.Newest, Upload: s.c.Upload != nil,
		Retry: s.c.Retry != nil, Delete: s.c.Delete != nil, Export: s.c.Export != nil, Search: s.c.Search != nil,
		MaxBytes: s.c.MaxBytes,
		Token:    s.token, Boot: s.boot, Again: again, Now: time.Now().UnixMilli(), Codes: codeWords(),
		Warnings: warningWords(),
	})
	s.stream(r.Context(), out, seq)
}

// resume returns the position that a page has reached, if this server issued it.
func (s *Server) resume(r *http.Request) (seq int64, again bool) {
	boot, n, ok := strings.Cut(cmpString(r.Header.Get("Last-Event-ID"), r.URL.Query().Get("last")), ".")
	seq, err := strconv.ParseInt(n, 10, 64)
	if !ok || err != nil || boot != s.boot || seq < 0 {
		return 0, false
	}
	return seq, true
}

func cmpString(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// stream sends changes until the page is closed or the server stops.
func (s *Server) stream(ctx context.Context, out *eventWriter, seq int64) {
	told := ""
	for out.err == nil {
		news, state, reason, changed := s.feed.since(seq)
		for batch := range chunks(news, eventBatch) {
			list := make([]json.RawMessage, len(batch))
			for i, e := range batch {
				list[i] = e.json
			}
			seq = batch[len(batch)-1].seq
			out.send("records", seq, list)
		}
		idle := s.idle.say()
		if now := state + reason + idle; now != told {
			told = now
			out.send("state", seq, map[string]string{"state": state, "reason": reason, "idle": idle})
		}
		out.flush()
		if !pause(ctx, eventPause) {
			return
		}
		select {
		case <-changed:
		case <-time.After(heartbeat):
			out.send("beat", seq, time.Now().UnixMilli())
		case <-ctx.Done():
			return
		}
	}
}

// chunks splits a list into pieces of at most n.
func chunks(list []entry, n int) func(func([]entry) bool) {
	return func(yield func([]entry) bool) {
		for len(list) > 0 {
			k := min(n, len(list))
			if !yield(list[:k]) {
				return
			}
			list = list[k:]
		}
	}
}

func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}

// eventWriter writes server-sent events. After an error, further calls do nothing.
type eventWriter struct {
	w       http.ResponseWriter
	control *http.ResponseController
	boot    string
	err     error
}

func (o *eventWriter) send(event string, seq int64, v any) {
	if o.err != nil {
		return
	}
	b, err := json.Marshal(v)
	if err == nil {
		_ = o.control.SetWriteDeadline(time.Now().Add(writeLimit)) // without support for deadlines, none is needed
		_, err = fmt.Fprintf(o.w, "event: %s\nid: %s.%d\nretry: 1000\ndata: %s\n\n", event, o.boot, seq, b)
	}
	o.err = err
}

func (o *eventWriter) flush() {
	if o.err == nil {
		o.err = o.control.Flush()
	}
}

// words explains an error code and what to do about it.
type words struct {
	Says  string `json:"says"`
	Do    string `json:"do"`
	Final bool   `json:"final,omitempty"` // retrying the same file cannot help
}

// codeWords returns the explanations of all error codes.
func codeWords() map[string]words {
	table := map[string]words{}
	for _, c := range document.Codes() {
		table[c.Code] = words{c.Summary, c.Advice, c.Class == document.ClassFinal}
	}
	return table
}

// warningWords returns the explanations of all warnings.
func warningWords() map[string]string {
	table := map[string]string{}
	for _, w := range document.Warnings() {
		table[w.Warning] = w.Summary
	}
	return table
}
