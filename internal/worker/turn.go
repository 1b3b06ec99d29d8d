package worker

import (
	"context"
	"fmt"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/wait"
)

const (
	turnName = "suspects"      // of the turn and its record
	turnPoll = 5 * time.Second // between checks whether the turn is free, plus up to as much again at random
	turnGive = 5 * time.Second // for giving it back, beyond the delivery's time if necessary
)

// takeTurn waits until no other instance tries a suspect page, at most as long as one of them may take. Without turns,
// a page that takes the server down and a page that was sent at the same time would be retried at the same time and
// fail together again. The func gives the turn back; if the process dies, the turn is free once its delivery's time
// would have been over.
func (d *delivery) takeTurn(ctx context.Context) (func(), error) {
	if d.w.o.Turns == nil {
		return func() {}, nil
	}
	until, _ := ctx.Deadline()
	begin, begun := d.w.untilDrain(ctx)
	defer begun()
	for begun := time.Now(); ; {
		var taken bool
		stored, err := document.Update(ctx, d.w.o.Turns, turnName, document.Unread(),
			func(old *document.Record) (ch *document.Change, _ error) {
				now := d.w.clock.now()
				ch, taken = document.TakeTurn(old, turnName, d.lease, now, now.Add(time.Until(until)))
				return ch, nil
			})
		if err != nil {
			return nil, withCause(ctx, fmt.Errorf("waiting for a suspect's turn: %w", err))
		}
		if taken {
			return func() { d.giveTurn(ctx, stored) }, nil
		}
		if time.Since(begun) > d.w.trial() {
			return nil, errTurn
		}
		if err := wait.Sleep(begin, turnPoll+time.Duration(d.w.o.Rand()*float64(turnPoll))); err != nil {
			return nil, withCause(begin, fmt.Errorf("waiting for a suspect's turn: %w", err))
		}
	}
}

// giveTurn gives the turn back. If that fails, the turn is free when its time is over.
func (d *delivery) giveTurn(ctx context.Context, stored *document.Stored) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), turnGive)
	defer cancel()
	_, _ = document.Update(ctx, d.w.o.Turns, turnName, document.Seen(stored),
		func(old *document.Record) (*document.Change, error) {
			return document.GiveTurn(old, d.lease), nil
		})
}
