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
	"github.com/bucketocr/bucketocr/internal/event"
)

// poster is what Eventarc is in the cloud: it posts CloudEvents to the handler, over HTTP on this machine.
type poster struct {
	url    string
	client *http.Client
	server *http.Server
}

func newPoster(handler http.Handler) (*poster, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("no port on this machine: %w", rootCause(err))
	}
	p := &poster{
		url:    "http://" + l.Addr().String(),
		client: &http.Client{Transport: &http.Transport{}}, // no proxy, whatever the environment says
		server: &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second},
	}
	go p.server.Serve(l)
	return p, nil
}

// post sends an event and returns the outcome that it is answered with.
func (p *poster) post(ctx context.Context, ce cloudevents.Event) (document.Outcome, error) {
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

// deliver posts an object's event. Once a record of the generation stands, the sweep is its redelivery; before that, the
// next scan brings the event again.
func (u *upRun) deliver(ctx context.Context, ev document.Event) error {
	defer u.posting.Add(-1)
	ce, err := event.Encode(ev)
	if err != nil {
		return err
	}
	out, err := u.poster.post(ctx, ce)
	if err != nil || out.Refused() && (ev.Kind == document.KindDeleted || !u.recorded(ctx, ev)) {
		u.bucket.Again(ev)
		return err
	}
	if out == document.OutcomeFiltered && ev.Kind == document.KindFinalized {
		fmt.Fprintf(u.sys.stdout, "%s  passed over %s\n", time.Now().Format(time.TimeOnly), plain(ev.Name))
	}
	return u.bucket.Delivered(ctx, ev)
}

// recorded tells whether the store knows of the event's generation.
func (u *upRun) recorded(ctx context.Context, ev document.Event) bool {
	r, err := u.records.Get(ctx, ev.Object.ID())
	return err == nil && r != nil && r.Generation >= ev.Generation
}
