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

// eventarc is what Eventarc is in the cloud: it posts CloudEvents to the handler, over HTTP on this machine. Every user
// and every page in a browser here can reach the port, so the handler takes events only with the endpoint's token, as
// Cloud Run does with an ID token.
type eventarc struct {
	endpoint folder.Endpoint
	client   *http.Client
	server   *http.Server
}

func newEventarc(handler http.Handler) (*eventarc, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("no port on this machine: %w", rootCause(err))
	}
	token := rand.Text()
	p := &eventarc{
		endpoint: folder.Endpoint{URL: "http://" + l.Addr().String(), Token: token},
		client:   &http.Client{Transport: &http.Transport{}}, // no proxy, whatever the environment says
		server: &http.Server{Handler: withToken(l.Addr().String(), token, handler),
			ReadHeaderTimeout: 10 * time.Second},
	}
	go p.server.Serve(l)
	return p, nil
}

// withToken returns a handler that lets next have requests for the host alone, and with the bearer token alone.
func withToken(host, token string, next http.Handler) http.Handler {
	want := []byte("Bearer " + token)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Host != host: // a name that was pointed at this machine
			http.Error(w, "there is no such host here", http.StatusMisdirectedRequest)
		case subtle.ConstantTimeCompare([]byte(r.Header.Get("Authorization")), want) != 1:
			http.Error(w, "events are taken from this user's bucketocr only", http.StatusForbidden)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// post sends an event and returns the outcome that it is answered with.
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
