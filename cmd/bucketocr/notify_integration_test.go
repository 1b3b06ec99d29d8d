//go:build integration

package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync"
	"testing"
	"time"

	cloudevents "github.com/cloudevents/sdk-go/v2"

	"github.com/bucketocr/bucketocr/internal/app/apptest"
	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/event"
	"github.com/bucketocr/bucketocr/internal/gcp/gcptest"
	"github.com/bucketocr/bucketocr/ocr/ocrtest"
)

// ears hear what is announced: a push subscription leads here.
type ears struct {
	server *httptest.Server
	mu     sync.Mutex
	heard  map[string]int // by file and status
	more   chan struct{}
}

func newEars(t *testing.T) *ears {
	e := &ears{heard: map[string]int{}, more: make(chan struct{}, 1000)}
	e.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ce, err := cloudevents.NewEventFromHTTPRequest(r)
		var end struct {
			ID, File, Status string
			Generation       int64
		}
		if err == nil {
			err = json.Unmarshal(ce.Data(), &end)
		}
		if err != nil || ce.Type() != event.TypeEnded || end.ID == "" || end.Generation == 0 {
			t.Errorf("%v: %v", err, ce)
			return
		}
		e.mu.Lock()
		e.heard[end.File+" "+end.Status]++
		e.mu.Unlock()
		e.more <- struct{}{}
	}))
	t.Cleanup(e.server.Close)
	return e
}

// wait returns what was heard once that is at least so many different ends.
func (e *ears) wait(t *testing.T, n int) map[string]int {
	t.Helper()
	for late := time.After(2 * time.Minute); ; {
		e.mu.Lock()
		heard := len(e.heard)
		e.mu.Unlock()
		if heard >= n {
			return e.heard
		}
		select {
		case <-e.more:
		case <-late:
			t.Fatalf("only %v", e.heard)
		}
	}
}

// TestEndsAreAnnouncedThoughKilled: a served function is killed when it publishes, before its message reaches Pub/Sub
// or after; what takes its place announces every end, and none that is not.
func TestEndsAreAnnouncedThoughKilled(t *testing.T) {
	c := newCloud(t)
	c.OCR.Default(ocrtest.TextOf(ocrtest.Hash))
	e := newEars(t)
	gcptest.NewPush(t, c.Project, e.server.URL)
	target := &url.URL{Scheme: "http", Host: gcptest.PubSub(t)}
	onward := httputil.NewSingleHostReverseProxy(target)
	var s *served
	var mu sync.Mutex
	kill := "" // when the next message comes: before it goes on, or after
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		now := kill
		kill = ""
		mu.Unlock()
		if now == "before" {
			_ = s.cmd.Process.Kill()
			return
		}
		if now == "after" {
			onward.ServeHTTP(httptest.NewRecorder(), r)
			_ = s.cmd.Process.Kill()
			return
		}
		onward.ServeHTTP(w, r)
	}))
	t.Cleanup(proxy.Close)
	c.Settings["NOTIFY_TOPIC"] = "projects/" + c.Project + "/topics/events"
	c.Settings["PUBSUB_EMULATOR_HOST"] = proxy.Listener.Addr().String()
	c.Settings["ON_DELETE"] = "erase"
	s = start(t, c)

	want := map[string]bool{}
	for i, when := range []string{"", "before", "after", "before", "after"} {
		mu.Lock()
		kill = when
		mu.Unlock()
		name := fmt.Sprintf("in/%d.png", i)
		data, status := apptest.PNG(60+i), document.StatusDone
		if i > 2 {
			data, status = []byte("no picture"), document.StatusFailed
		}
		o, ce := put(c, name, data)
		code, outcome := s.post(ce)
		if (when == "") != (code == 200) {
			t.Fatalf("%s: answered %d %s", name, code, outcome)
		}
		want[fmt.Sprintf("gs://%s/%s %s", o.Bucket, name, status)] = true
		if when == "" {
			continue
		}
		_ = s.wait()
		s = start(t, c)
		if r := c.Record(o); r.Status != status || !r.Unannounced() {
			t.Fatalf("%s after the kill: %+v", name, r)
		}
		if code, outcome := s.post(ce); code != 200 || outcome != string(document.OutcomeDuplicate) {
			t.Fatalf("%s again: %d %s", name, code, outcome)
		}
		makeDue(t, c, o)
		if code, _ := s.post(event.Sweep("sweep", time.Now())); code != 200 {
			t.Fatalf("the sweep: %d", code)
		}
		if r := c.Record(o); r.Unannounced() || !r.Due.IsZero() {
			t.Fatalf("%s after the sweep: %+v", name, r)
		}
	}
	heard := e.wait(t, len(want))
	e.mu.Lock()
	defer e.mu.Unlock()
	for end := range want {
		if heard[end] == 0 {
			t.Errorf("%s was not announced", end)
		}
	}
	for end := range heard {
		if !want[end] {
			t.Errorf("%s was invented", end)
		}
	}
}

// makeDue sets a record's due time into the past, as time would.
func makeDue(t *testing.T, c *apptest.Cloud, o document.Object) {
	t.Helper()
	_, err := document.Update(t.Context(), c.Records, o.ID(), document.Unread(),
		func(old *document.Record) (*document.Change, error) {
			next := *old
			next.Due = time.Now().Add(-time.Minute)
			return &document.Change{Record: &next}, nil
		})
	if err != nil {
		t.Fatal(err)
	}
}
