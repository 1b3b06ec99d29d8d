//go:build integration

package pubsub

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/bucketocr/bucketocr/internal/gcp/gcptest"
)

// TestPushIsWhatWasPublished: the emulator's push has the published data as body and the attributes as headers.
func TestPushIsWhatWasPublished(t *testing.T) {
	t.Parallel()
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
	err = topic.Publish(t.Context(),
		[]Message{{Data: data, Attributes: map[string]string{"ce-id": "1", "Content-Type": "application/json"}}})
	if err != nil {
		t.Fatal(err)
	}
	p := <-pushed
	if p.body != string(data) || p.headers.Get("ce-id") != "1" || p.headers.Get("Content-Type") != "application/json" {
		t.Errorf("%+v", p)
	}
}
