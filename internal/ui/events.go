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
	eventPause = 100 * time.Millisecond // between two batches of news: quick successions become one
	heartbeat  = 10 * time.Second
	writeLimit = 30 * time.Second // for one event; who takes longer is gone
)

// hello is what a page needs to know of its server.
type hello struct {
	Place    string            `json:"place"`
	Partial  string            `json:"partial,omitempty"`
	Upload   bool              `json:"upload"`
	Retry    bool              `json:"retry"`
	Delete   bool              `json:"delete"`
	Export   bool              `json:"export"`
	Search   bool              `json:"search"` // of texts
	MaxBytes int64             `json:"maxBytes"`
	Token    string            `json:"token"`
	Boot     string            `json:"boot"`
	Again    bool              `json:"again"` // only what is news follows: the page keeps what it has
	Now      int64             `json:"now"`
	Codes    map[string]words  `json:"codes"`
	Warnings map[string]string `json:"warnings"`
}

// events sends all summaries there are and then each that changes, until the page is closed. A page that was cut off
// says with Last-Event-ID what it has.
func (s *Server) events(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	seq, again := s.resume(r)
	out := &eventWriter{w: w, control: http.NewResponseController(w), boot: s.boot}
	out.send("hello", seq, hello{
		Place: s.c.Place, Partial: s.c.Partial, Upload: s.c.Upload != nil, Retry: s.c.Retry != nil,
		Delete: s.c.Delete != nil, Export: s.c.Export != nil, Search: s.c.Search != nil,
		MaxBytes: s.c.MaxBytes,
		Token:    s.token, Boot: s.boot, Again: again, Now: time.Now().UnixMilli(), Codes: codeWords(),
		Warnings: warningWords(),
	})
	s.stream(r.Context(), out, seq)
}

// resume reads what the page has already: only of this server's own counting.
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

// stream sends news until the page or the server ends.
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

// chunks cuts a list into pieces of at most n.
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

// eventWriter writes server-sent events. After an error it does nothing more.
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
		_ = o.control.SetWriteDeadline(time.Now().Add(writeLimit)) // where it cannot be set, none is needed
		_, err = fmt.Fprintf(o.w, "event: %s\nid: %s.%d\nretry: 1000\ndata: %s\n\n", event, o.boot, seq, b)
	}
	o.err = err
}

func (o *eventWriter) flush() {
	if o.err == nil {
		o.err = o.control.Flush()
	}
}

// words say what a code means and what to do about it.
type words struct {
	Says  string `json:"says"`
	Do    string `json:"do"`
	Final bool   `json:"final,omitempty"` // another try of the same file changes nothing
}

// codeWords returns the sentences of every code that a record's error holds.
func codeWords() map[string]words {
	table := map[string]words{}
	for _, c := range document.Codes() {
		table[c.Code] = words{c.Summary, c.Advice, c.Class == document.ClassFinal}
	}
	return table
}

// warningWords returns the sentence of every warning.
func warningWords() map[string]string {
	table := map[string]string{}
	for _, w := range document.Warnings() {
		table[w.Warning] = w.Summary
	}
	return table
}
