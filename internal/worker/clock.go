package worker

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
)

// clock is the record store's clock, as far as this instance knows it: clocks of machines differ, and a lease that one
// of them sets is compared by others.
type clock struct {
	local     func() time.Time
	ahead     atomic.Int64 // of the local clock, in ns
	log       *slog.Logger
	telemetry *telemetry
	warned    sync.Once
}

// maxSkew is what clocks may differ by without a word. A lease is 90 s long, and renewed every 30 s.
const maxSkew = 5 * time.Second

// now returns the store's time, or this machine's until the store has answered.
func (c *clock) now() time.Time { return c.local().Add(time.Duration(c.ahead.Load())) }

// learn takes over the store's time of an answer. Its way here makes it a little old.
func (c *clock) learn(ctx context.Context, s *document.Stored) {
	if s == nil || s.ReadAt.IsZero() {
		return
	}
	ahead := s.ReadAt.Sub(c.local())
	c.ahead.Store(int64(ahead))
	c.telemetry.skewed(ctx, ahead)
	if ahead.Abs() > maxSkew {
		c.warned.Do(func() {
			c.log.LogAttrs(ctx, slog.LevelWarn, "clock skew", slog.Float64("storeAheadSeconds", ahead.Seconds()))
		})
	}
}

// timed is a store whose answers set the clock.
type timed struct {
	document.Store
	clock *clock
}

func (t timed) Get(ctx context.Context, id string) (*document.Stored, error) {
	s, err := t.Store.Get(ctx, id)
	t.clock.learn(ctx, s)
	return s, err
}

func (t timed) Commit(ctx context.Context, id string, from *document.Stored, change *document.Change) (*document.Stored,
	error) {
	s, err := t.Store.Commit(ctx, id, from, change)
	t.clock.learn(ctx, s)
	return s, err
}

func (t timed) Due(ctx context.Context, now time.Time, limit int) ([]*document.Stored, error) {
	due, err := t.Store.Due(ctx, now, limit)
	if len(due) > 0 {
		t.clock.learn(ctx, due[0])
	}
	return due, err
}
