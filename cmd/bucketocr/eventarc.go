package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	cloudevents "github.com/cloudevents/sdk-go/v2"

	"github.com/bucketocr/bucketocr/internal/document"
)

// eventarc is what Eventarc is in the cloud: it posts CloudEvents to the handler, over HTTP on this machine.
type eventarc struct {
	url    string
	client *http.Client
	server *http.Server
}

func newEventarc(handler http.Handler) (*eventarc, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("no port on this machine: %w", rootCause(err))
	}
	p := &eventarc{
		url:    "http://" + l.Addr().String(),
		client: &http.Client{Transport: &http.Transport{}}, // no proxy, whatever the environment says
		server: &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second},
	}
	go p.server.Serve(l)
	return p, nil
}

// post sends an event and returns the outcome that it is answered with.
func (p *eventarc) post(ctx context.Context, ce cloudevents.Event) (document.Outcome, error) {
	req, err := cloudevents.NewHTTPRequestFromEvent(ctx, p.url, ce)
	if err != nil {
		return "", err
	}
	resp, err := p.client.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1024))
	if resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusServiceUnavailable {
		return "", fmt.Errorf("the function answered %s", resp.Status)
	}
	return document.Outcome(strings.TrimSpace(string(body))), err
}
