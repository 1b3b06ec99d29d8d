// Package pubsub publishes to a Pub/Sub topic: announcements of ended documents, and the events of large backfills.
//
// It uses google.golang.org/api/pubsub/v1, plain HTTP, because a single call is needed; the client that batches in the
// background would only hide which messages were accepted.
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

// MaxAttribute is the maximum number of bytes in an attribute's value.
const MaxAttribute = 1024

// callLimit is how long one request may take, including token, connection and answer. Pub/Sub accepts a thousand
// messages within a second.
const callLimit = 30 * time.Second

// Message is a message to publish.
type Message struct {
	Data       []byte
	Attributes map[string]string // values of at most MaxAttribute bytes
}

// Classes of errors.
var (
	ErrUnavailable = errors.New("topic unavailable") // busy, down, no answer: a later call may succeed
	// no such topic, no permission, no credentials: an operator must act
	ErrMisconfigured = errors.New("topic misconfigured")
)

// Topic is safe for concurrent use.
type Topic struct {
	name    string
	service *api.Service
}

// NewTopic returns the topic with the full name projects/PROJECT/topics/NAME, at emulator, a host:port, or at Pub/Sub
// itself if that is empty. It reads credentials and does not call Pub/Sub.
func NewTopic(ctx context.Context, name, emulator string) (*Topic, error) {
	return newTopic(ctx, name, emulator, callLimit)
}

func newTopic(ctx context.Context, name, emulator string, limit time.Duration) (*Topic, error) {
	form := regexp.MustCompile(`^projects/[a-z0-9.:-]+/topics/[A-Za-z][A-Za-z0-9._~%+-]{2,254}$`)
	if !form.MatchString(name) {
		return nil, fmt.Errorf("%.100q is not a topic: want projects/PROJECT/topics/NAME", name)
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
	// never send the token elsewhere
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return []option.ClientOption{option.WithHTTPClient(client)}, nil
}

// Publish publishes at most 1,000 messages, Pub/Sub's limit, all or none; after an error they may have been published
// all the same. It may be repeated, which may duplicate messages. It takes half a minute at most. Errors wrap
// [ErrUnavailable] or [ErrMisconfigured], or are ctx's.
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
