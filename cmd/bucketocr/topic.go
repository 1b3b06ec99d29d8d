package main

import (
	"context"
	"errors"
	"io"
	"strings"

	cloudevents "github.com/cloudevents/sdk-go/v2"

	"github.com/bucketocr/bucketocr/internal/backfill"
	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/event"
	"github.com/bucketocr/bucketocr/internal/gcp/pubsub"
)

// published is the result of an event that a topic took.
const published = "published"

// topicBatch is how many events are published in one request.
const topicBatch = 100

// publisher delivers by way of a topic whose push subscription has the function's address.
type publisher struct{ t *pubsub.Topic }

func openTopic(sys system, name string) (publisher, error) {
	emulator, _ := sys.lookup("PUBSUB_EMULATOR_HOST")
	t, err := pubsub.NewTopic(context.Background(), name, emulator)
	return publisher{t}, err
}

// Batch is [backfill.Deliverer].
func (publisher) Batch() int { return topicBatch }

// Deliver is [backfill.Deliverer]: all events of a batch share its fate, but those that cannot be said at all.
func (p publisher) Deliver(ctx context.Context, events []document.Event) []backfill.Answer {
	answers := make([]backfill.Answer, len(events))
	var messages []pubsub.Message
	for i, ev := range events {
		m, err := message(ctx, ev)
		if err != nil {
			answers[i] = backfill.Answer{Verdict: backfill.Never, What: err.Error()}
			continue
		}
		messages = append(messages, m)
	}
	a := backfill.Answer{Verdict: backfill.Settled, What: published}
	if err := p.t.Publish(ctx, messages); err != nil {
		a = backfill.Answer{Verdict: backfill.Refused, What: err.Error()}
		if errors.Is(err, pubsub.ErrMisconfigured) {
			a.Verdict = backfill.Wrong
		}
	}
	for i := range answers {
		if answers[i] == (backfill.Answer{}) {
			answers[i] = a
		}
	}
	return answers
}

// message is an event as its push arrives as a binary CloudEvent: the body is the data, each attribute a header.
func message(ctx context.Context, ev document.Event) (pubsub.Message, error) {
	ce, err := event.Encode(ev)
	if err != nil {
		return pubsub.Message{}, err
	}
	req, err := cloudevents.NewHTTPRequestFromEvent(ctx, "http://topic", ce)
	if err != nil {
		return pubsub.Message{}, err
	}
	data, err := io.ReadAll(req.Body)
	m := pubsub.Message{Data: data, Attributes: map[string]string{"Content-Type": req.Header.Get("Content-Type")}}
	for name := range req.Header {
		// The subject repeats the name, which the data says; percent-encoded it may be too long for an attribute.
		if v := req.Header.Get(name); strings.HasPrefix(name, "Ce-") && len(v) <= pubsub.MaxAttribute {
			m.Attributes[strings.ToLower(name)] = v
		}
	}
	return m, err
}
