package app

import (
	"context"
	"errors"
	"fmt"

	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/event"
	"github.com/bucketocr/bucketocr/internal/gcp"
	"github.com/bucketocr/bucketocr/internal/gcp/pubsub"
)

// notifier implements [document.Notifier] with a Pub/Sub topic.
type notifier struct {
	topic gcp.Lazy[*pubsub.Topic]
}

// newNotifier returns a notifier, nil if name is empty. It does not touch the network.
func newNotifier(name, emulator string) document.Notifier {
	if name == "" {
		return nil
	}
	return &notifier{gcp.Lazy[*pubsub.Topic]{Make: func(ctx context.Context) (*pubsub.Topic, error) {
		return pubsub.NewTopic(ctx, name, emulator)
	}}}
}

// Notify publishes one message.
func (n *notifier) Notify(ctx context.Context, end document.End) error {
	ce, err := event.Ended(end)
	if err != nil {
		return err
	}
	topic, err := n.topic.Get(ctx)
	if err == nil {
		data, attributes := event.Message(ce, pubsub.MaxAttribute)
		err = topic.Publish(ctx, []pubsub.Message{{Data: data, Attributes: attributes}})
	}
	switch {
	case err == nil, ctx.Err() != nil:
		return err
	case errors.Is(err, pubsub.ErrMisconfigured):
		return fmt.Errorf("%w: %w", document.ErrTopicMisconfigured, err)
	}
	return fmt.Errorf("%w: %w", document.ErrTopicUnavailable, err)
}
