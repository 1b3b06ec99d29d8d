// Package pubsub publishes to a Pub/Sub topic: the ends of documents, and the events of backfills of millions of
// objects.
//
// It uses google.golang.org/api/pubsub/v1, plain HTTP, because one call is all that is needed; the client that batches
// in the background would only hide which message was taken.
package pubsub

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"

	"cloud.google.com/go/auth/credentials"
	"cloud.google.com/go/auth/httptransport"
	"google.golang.org/api/googleapi"
	"google.golang.org/api/option"
	api "google.golang.org/api/pubsub/v1"
)

// MaxAttribute is the most bytes that Pub/Sub takes in an attribute's value.
const MaxAttribute = 1024

// callLimit is how long one request may take, to the end of its answer, token and connection included. Pub/Sub takes a
// thousand messages within a second.
const callLimit = 30 * time.Second

// Message is one to be published.
type Message struct {
	Data       []byte
	Attributes map[string]string // values of at most MaxAttribute bytes
}

// What an error is about.
var (
	ErrUnavailable = errors.New("topic unavailable") // busy, down, no answer: later it may work
	// no such topic, no permission, no credentials: an operator must act
	ErrMisconfigured = errors.New("topic misconfigured")
)

// Topic is safe for concurrent use.
type Topic struct {
	name    string
	service *api.Service
}

// NewTopic returns the topic of a full name, projects/PROJECT/topics/NAME, at the host:port of an emulator, empty for
// Pub/Sub itself. It reads credentials and calls no other service.
func NewTopic(ctx context.Context, name, emulator string) (*Topic, error) {
	return newTopic(ctx, name, emulator, callLimit)
}

func newTopic(ctx context.Context, name, emulator string, limit time.Duration) (*Topic, error) {
	form := regexp.MustCompile(`^projects/[a-z0-9.:-]+/topics/[A-Za-z][A-Za-z0-9._~%+-]{2,254}$`)
	if !form.MatchString(name) {
		return nil, fmt.Errorf("%.100q is not a topic: projects/PROJECT/topics/NAME is wanted", name)
	}
	opts, err := options(emulator, limit)
	if err != nil {
		return nil, err
	}
	service, err := api.NewService(ctx, opts...)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMisconfigured, err)
	}
	return &Topic{name: name, service: service}, nil
}

func options(emulator string, limit time.Duration) ([]option.ClientOption, error) {
	if emulator != "" {
		if !strings.Contains(emulator, "://") {
			emulator = "http://" + emulator
		}
		return []option.ClientOption{
			option.WithEndpoint(emulator + "/"), option.WithHTTPClient(&http.Client{Timeout: limit})}, nil
	}
	client, err := httptransport.NewClient(&httptransport.Options{
		DetectOpts: &credentials.DetectOptions{Scopes: []string{api.PubsubScope}},
	})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMisconfigured, err)
	}
	client.Timeout = limit
	// the token stays here
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return []option.ClientOption{option.WithHTTPClient(client)}, nil
}

// Publish publishes at most 1,000 messages, the limit of Pub/Sub: all or none, as far as the answer tells. It may be
// repeated; then messages may be there twice. It takes half a minute at most. Errors wrap [ErrUnavailable] or
// [ErrMisconfigured], or are ctx's.
func (t *Topic) Publish(ctx context.Context, messages []Message) error {
	req := &api.PublishRequest{}
	for _, m := range messages {
		req.Messages = append(req.Messages, &api.PubsubMessage{
			Data: base64.StdEncoding.EncodeToString(m.Data), Attributes: m.Attributes,
		})
	}
	answer, err := t.service.Projects.Topics.Publish(t.name, req).Context(ctx).Do()
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return publishError(err)
	case len(answer.MessageIds) != len(messages):
		return fmt.Errorf("%w: publish returned %d ids for %d messages", ErrUnavailable, len(answer.MessageIds),
			len(messages))
	}
	return nil
}

func publishError(err error) error {
	e, ok := errors.AsType[*googleapi.Error](err)
	if !ok {
		return fmt.Errorf("%w: no answer", ErrUnavailable)
	}
	kind := ErrMisconfigured
	if e.Code == http.StatusTooManyRequests || e.Code == http.StatusRequestTimeout || e.Code >= 500 {
		kind = ErrUnavailable
	}
	switch e.Code {
	case http.StatusNotFound:
		return fmt.Errorf("%w: there is no such topic (deploy.sh makes one)", kind)
	case http.StatusForbidden, http.StatusUnauthorized:
		return fmt.Errorf("%w: HTTP %d: the caller needs roles/pubsub.publisher on the topic", kind, e.Code)
	}
	return fmt.Errorf("%w: HTTP %d", kind, e.Code)
}
