package pubsub

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestNewTopicRefusesOtherNames(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"", "topic", "projects/p/topics/", "projects/p/topics/a/b", "projects//topics/abc", "https://x"} {
		if _, err := NewTopic(t.Context(), name, "127.0.0.1:1"); err == nil {
			t.Errorf("%q was taken", name)
		}
	}
}

// TestAnswersAreClassified is the table of what Pub/Sub may say.
func TestAnswersAreClassified(t *testing.T) {
	t.Parallel()
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

func TestPublishEndsWithItsContext(t *testing.T) {
	t.Parallel()
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
