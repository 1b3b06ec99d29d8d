package pubsub

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/bucketocr/bucketocr/internal/gcp/gcptest"
	"github.com/bucketocr/bucketocr/ocr/ocrtest"
)

// metadata is the metadata server of this process.
var metadata *ocrtest.Metadata

func TestMain(m *testing.M) {
	var done func()
	metadata, done = gcptest.Metadata()
	code := gcptest.Main(m)
	done()
	os.Exit(code)
}

func TestNewTopicRefusesOtherNames(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"", "topic", "projects/p/topics/", "projects/p/topics/a/b", "projects//topics/abc",
		"https://x"} {
		if _, err := NewTopic(t.Context(), name, "127.0.0.1:1"); err == nil {
			t.Errorf("%q was taken", name)
		}
	}
}

// TestAnswersAreClassified is the table of Pub/Sub's answers.
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
			topic, err := NewTopic(t.Context(), "projects/demo-x/topics/events",
				strings.TrimPrefix(server.URL, "http://"))
			if err != nil {
				t.Fatal(err)
			}
			if err := topic.Publish(t.Context(), []Message{{Data: []byte("x")}}); !errors.Is(err, c.want) ||
				c.want == nil && err != nil {
				t.Errorf("%v, want %v", err, c.want)
			}
		})
	}
}

func TestPublishEndsWithItsContext(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		<-r.Context().Done()
	}))
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

// Whatever does not answer, the call ends by itself with the right error.
func TestHangingPubSubIsUnavailable(t *testing.T) {
	hang := func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // otherwise the server does not notice that the client has gone
		<-r.Context().Done()
	}
	for name, c := range map[string]struct {
		emulated bool
		token    *ocrtest.Gate
		answer   http.HandlerFunc
	}{
		"no headers": {true, nil, hang},
		"half of the answer": {true, nil, func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, `{"messageIds":["1`)
			http.NewResponseController(w).Flush()
			hang(w, r)
		}},
		"no token": {false, ocrtest.NewGate(), hang},
	} {
		t.Run(name, func(t *testing.T) {
			defer metadata.Hang(nil)
			metadata.Hang(c.token)
			server := httptest.NewServer(c.answer)
			defer server.Close()
			emulator := ""
			if c.emulated {
				emulator = server.URL
			}
			topic, err := newTopic(t.Context(), "projects/demo-x/topics/events", emulator, 20*time.Millisecond)
			if err != nil {
				t.Fatal(err)
			}
			topic.service.BasePath = server.URL + "/"
			ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute) // ends a test of a call that waits for ever
			defer cancel()
			if err := topic.Publish(ctx, []Message{{}}); !errors.Is(err, ErrUnavailable) ||
				errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%v, want ErrUnavailable", err)
			}
		})
	}
}
