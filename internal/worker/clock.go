package worker

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
)

// clock estimates the record store's time: clocks of machines differ, and a lease set by one machine is compared by
// others.
type clock struct {
	local     func() time.Time
	ahead     atomic.Int64 // of the local clock, in ns
	log       *slog.Logger
	telemetry *telemetry
	warned    sync.Once
}

// maxSkew is the difference from which clock skew is logged. A lease lasts 90 s and is renewed every 30 s.
const maxSkew = 5 * time.Second

// now returns the store's time, or this machine's until the store has answered.
func (c *clock) now() time.Time { return c.local().Add(time.Duration(c.ahead.Load())) }

// learn sets the clock from an answer of the store. The answer's time in transit makes that slightly late.
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

func (t timed) Due(ctx context.Context, since, now time.Time, limit int) ([]*document.Stored, error) {
	due, err := t.Store.Due(ctx, since, now, limit)
	if len(due) > 0 {
		t.clock.learn(ctx, due[0])
	}
	return due, err
}
