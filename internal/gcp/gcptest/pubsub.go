package gcptest

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/bucketocr/bucketocr/internal/tier"
)

// PubSub returns the host:port of the Cloud SDK's Pub/Sub emulator, started at the first call. If there is none, the
// test fails.
func PubSub(tb testing.TB) (host string) {
	tb.Helper()
	tier.NeedIntegration(tb, "the Pub/Sub emulator")
	pubsub.once.Do(func() {
		pubsub.start(program{"pubsub-emulator/lib/cloud-pubsub-emulator-*-all.jar",
			"com.google.cloud.pubsub.testing.v1.Main", "Server started", callPubSub})
	})
	if pubsub.err != nil {
		tb.Fatalf("no Pub/Sub emulator: %v. Install it with `gcloud components install pubsub-emulator` and Java.",
			pubsub.err)
	}
	return pubsub.host
}

// callPubSub lists the topics of a project that has none.
func callPubSub(ctx context.Context, host string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+host+"/v1/projects/demo-first/topics", nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return errors.New(resp.Status)
	}
	return nil
}

// Push is a topic with a push subscription, the mechanism behind Eventarc. A message's data is posted as the body and
// its attributes as headers, so CloudEvent attributes make it a CloudEvent in binary mode. It is delivered until
// answered 2xx, and again if ten seconds, the emulator's shortest ack deadline, pass without an answer.
type Push struct{ base string }

// NewPush makes a topic and a subscription that pushes to the address. Redelivery takes little more than a second.
func NewPush(tb testing.TB, project, address string) *Push {
	tb.Helper()
	p := &Push{base: "http://" + PubSub(tb) + "/v1/projects/" + project}
	p.call(tb, "PUT", "/topics/events", map[string]any{})
	p.call(tb, "PUT", "/subscriptions/push", map[string]any{
		"topic": "projects/" + project + "/topics/events", "ackDeadlineSeconds": 10,
		"pushConfig":  map[string]any{"pushEndpoint": address, "noWrapper": map[string]any{"writeMetadata": true}},
		"retryPolicy": map[string]any{"minimumBackoff": "1s", "maximumBackoff": "2s"},
	})
	tb.Cleanup(func() { p.call(tb, "DELETE", "/subscriptions/push", nil) })
	return p
}

// Publish sends one message.
func (p *Push) Publish(tb testing.TB, data []byte, attributes map[string]string) {
	tb.Helper()
	p.call(tb, "POST", "/topics/events:publish", map[string]any{"messages": []any{
		map[string]any{"data": base64.StdEncoding.EncodeToString(data), "attributes": attributes},
	}})
}

func (p *Push) call(tb testing.TB, method, path string, body any) {
	tb.Helper()
	b, err := json.Marshal(body)
	if err != nil {
		tb.Fatal(err)
	}
	req, err := http.NewRequestWithContext(context.Background(), method, p.base+path, bytes.NewReader(b))
	if err != nil {
		tb.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		tb.Fatal(err)
	}
	defer resp.Body.Close()
	answer, _ := io.ReadAll(resp.Body)
	if resp.StatusCode != http.StatusOK {
		tb.Fatalf("%s %s: %s: %s", method, path, resp.Status, strings.TrimSpace(string(answer)))
	}
}
