package pubsub

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/bucketocr/bucketocr/internal/gcp/gcptest"
)

func TestMain(m *testing.M) { os.Exit(gcptest.Main(m)) }

func TestNewRefusesNames(t *testing.T) {
	for _, name := range []string{"", "topic", "projects/p/topics/", "projects/p/topics/a/b", "projects//topics/abc", "https://x"} {
		if _, err := NewTopic(t.Context(), name, "127.0.0.1:1"); err == nil {
			t.Errorf("%q was taken", name)
		}
	}
}

// TestPublishAnswers is the table of what Pub/Sub may say.
func TestPublishAnswers(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		body   string
		want   error
	}{
		"taken":       {200, `{"messageIds":["1"]}`, nil},
		"some taken":  {200, `{"messageIds":[]}`, ErrUnavailable},
		"no topic":    {404, `{"error":{"code":404,"message":"Resource not found"}}`, ErrMisconfigured},
		"not allowed": {403, `{"error":{"code":403}}`, ErrMisconfigured},
		"bad":         {400, `{"error":{"code":400}}`, ErrMisconfigured},
		"too many":    {429, `{"error":{"code":429}}`, ErrUnavailable},
		"down":        {503, `<html>`, ErrUnavailable},
		"no JSON":     {200, `<html>`, ErrUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(c.status)
				io.WriteString(w, c.body)
			}))
			defer server.Close()
			topic, err := NewTopic(t.Context(), "projects/demo-x/topics/events", strings.TrimPrefix(server.URL, "http://"))
			if err != nil {
				t.Fatal(err)
			}
			if err := topic.Publish(t.Context(), []Message{{Data: []byte("x")}}); !errors.Is(err, c.want) || c.want == nil && err != nil {
				t.Errorf("%v, want %v", err, c.want)
			}
		})
	}
}

func TestPublishEnds(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	defer server.Close()
	topic, err := NewTopic(t.Context(), "projects/demo-x/topics/events", server.URL)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := topic.Publish(ctx, []Message{{}}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// TestPushed: what is published comes out of the emulator's push as the body and the headers it was given.
func TestPushed(t *testing.T) {
	host := gcptest.PubSub(t)
	type got struct {
		body    string
		headers http.Header
	}
	pushed := make(chan got, 10)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		pushed <- got{string(b), r.Header}
	}))
	defer server.Close()
	project := gcptest.Project(t)
	gcptest.NewPush(t, project, server.URL)
	topic, err := NewTopic(t.Context(), "projects/"+project+"/topics/events", host)
	if err != nil {
		t.Fatal(err)
	}
	data, _ := json.Marshal("Übergröße")
	err = topic.Publish(t.Context(), []Message{{Data: data, Attributes: map[string]string{"ce-id": "1", "Content-Type": "application/json"}}})
	if err != nil {
		t.Fatal(err)
	}
	p := <-pushed
	if p.body != string(data) || p.headers.Get("ce-id") != "1" || p.headers.Get("Content-Type") != "application/json" {
		t.Errorf("%+v", p)
	}
}
