package main

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	cloudevents "github.com/cloudevents/sdk-go/v2"

	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/local/folder"
)

// eventarc stands in for Eventarc: it posts CloudEvents to the handler over HTTP on this machine. Every local user and
// every web page in a local browser can reach the port, so the handler accepts events only with the endpoint's token,
// as Cloud Run does with an ID token.
type eventarc struct {
	endpoint folder.Endpoint
	client   *http.Client
	server   *http.Server
}

func newEventarc(handler http.Handler) (*eventarc, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("cannot listen on this machine: %w", rootCause(err))
	}
	token := rand.Text()
	p := &eventarc{
		endpoint: folder.Endpoint{URL: "http://" + l.Addr().String(), Token: token},
		client:   &http.Client{Transport: &http.Transport{}}, // no proxy, regardless of the environment
		server: &http.Server{Handler: withToken(l.Addr().String(), token, handler),
			ReadHeaderTimeout: 10 * time.Second},
	}
	go p.server.Serve(l)
	return p, nil
}

// withToken returns a handler that passes on to next only requests for host with the bearer token.
func withToken(host, token string, next http.Handler) http.Handler {
	want := []byte("Bearer " + token)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Host != host: // another name that resolves to this machine
			http.Error(w, "unknown host", http.StatusMisdirectedRequest)
		case subtle.ConstantTimeCompare([]byte(r.Header.Get("Authorization")), want) != 1:
			http.Error(w, "events are accepted only from this user's bucketocr", http.StatusForbidden)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// post sends an event and returns the outcome in the response.
func (p *eventarc) post(ctx context.Context, ce cloudevents.Event) (document.Outcome, error) {
	req, err := cloudevents.NewHTTPRequestFromEvent(ctx, p.endpoint.URL, ce)
	if err != nil {
		return "", err
	}
	req.Header.Set("Authorization", "Bearer "+p.endpoint.Token)
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
