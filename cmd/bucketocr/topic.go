package main

import (
	"context"
	"errors"

	"github.com/bucketocr/bucketocr/internal/backfill"
	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/event"
	"github.com/bucketocr/bucketocr/internal/gcp/pubsub"
)

// published is the result for an event that a topic accepted.
const published = "published"

// topicBatch is the number of events published in one request.
const topicBatch = 100

// publisher delivers through a topic with a push subscription to the function.
type publisher struct{ t *pubsub.Topic }

func openTopic(sys system, name string) (publisher, error) {
	emulator, _ := sys.lookup("PUBSUB_EMULATOR_HOST")
	t, err := pubsub.NewTopic(context.Background(), name, emulator)
	return publisher{t}, err
}

// Batch implements [backfill.Deliverer].
func (publisher) Batch() int { return topicBatch }

// Deliver implements [backfill.Deliverer]. All events of a batch have the same result, except those that cannot be
// encoded.
func (p publisher) Deliver(ctx context.Context, events []document.Event) []backfill.Answer {
	answers := make([]backfill.Answer, len(events))
	var messages []pubsub.Message
	for i, ev := range events {
		m, err := message(ev)
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

// message returns the message whose push arrives as a binary CloudEvent. It has no subject, which would only repeat the
// name in the data and may be too long for an attribute when percent-encoded.
func message(ev document.Event) (pubsub.Message, error) {
	ce, err := event.Encode(ev)
	if err != nil {
		return pubsub.Message{}, err
	}
	data, attributes := event.Message(ce, pubsub.MaxAttribute)
	return pubsub.Message{Data: data, Attributes: attributes}, nil
}
