package worker

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/page"
)

// admission decides how much one instance works on at once. All of it is given out in the order of asking.
type admission struct {
	instance    *semaphore.Weighted // every delivery has one part; one that needs the instance to itself has all
	memory      *semaphore.Weighted // bytes of decoded pages
	memoryTotal int64
	waiting     atomic.Int32 // deliveries that wait for all of the instance
	telemetry   *telemetry
}

// wholeInstance is more than the deliveries that one instance ever runs at once (Cloud Run's limit is 1000).
const wholeInstance = 1 << 20

func newAdmission(o Options, t *telemetry) *admission {
	return &admission{
		instance: semaphore.NewWeighted(wholeInstance),
		memory:   semaphore.NewWeighted(o.MemoryBudget), memoryTotal: o.MemoryBudget, telemetry: t,
	}
}

// wanted reports whether a delivery waits for all of the instance. Others then begin no further page.
func (a *admission) wanted() bool { return a.waiting.Load() > 0 }

// What a delivery gets of the memory before its image's header is known.
const (
	decodedPerByte = 8       // decoded bytes for each byte of a compressed image
	leastEstimate  = 1 << 20 // bytes
)

// admit waits for a slot for an object of so many stored bytes, until only the time to claim is left. The slot must be
// released.
func (w *Worker) admit(ctx context.Context, size int64) (*slot, error) {
	a := w.admission
	s := &slot{a: a, until: time.Now().Add(document.AdmissionTime - document.ClaimTime),
		estimate: min(max(min(max(size, 0), a.memoryTotal)*decodedPerByte, leastEstimate), max(a.memoryTotal/4, 1))}
	ctx, end := w.untilDrain(ctx)
	defer end()
	err := s.occupy(ctx, 1)
	if err == nil && w.draining() { // what a drain has released is for nothing that begins
		s.release()
		err = errDraining
	}
	if err != nil {
		return nil, err
	}
	return s, nil
}

// slot is a delivery's place in its instance, and the [page.Budget] of its pages. While it waits for more memory it
// holds none, so that no two slots can wait for each other.
type slot struct {
	a        *admission
	until    time.Time // the end of the wait for it
	estimate int64     // bytes

	parts int64 // of the instance
	bytes int64 // of the memory; a delivery makes one page at a time
}

// occupy waits for parts of the instance and for the estimated memory. With an error the slot is empty.
func (s *slot) occupy(ctx context.Context, parts int64) error {
	begun := time.Now()
	ctx, cancel := context.WithDeadlineCause(ctx, s.until, errNoSlot)
	defer cancel()
	if err := s.a.instance.Acquire(ctx, parts); err != nil {
		return withCause(ctx, fmt.Errorf("waiting for a slot: %w", err))
	}
	s.parts = parts
	if err := s.Acquire(ctx, s.estimate); err != nil {
		s.release()
		return err
	}
	s.a.telemetry.admitted(ctx, time.Since(begun))
	return nil
}

// takeInstance waits until the delivery has the instance to itself. With an error the slot is empty.
func (s *slot) takeInstance(ctx context.Context) error {
	s.release()
	s.a.waiting.Add(1)
	defer s.a.waiting.Add(-1)
	return s.occupy(ctx, wholeInstance)
}

// release gives everything back. It may be called again.
func (s *slot) release() {
	s.Shrink(0)
	s.a.instance.Release(s.parts)
	s.parts = 0
}

// Acquire is of [page.Budget]. For more than the slot holds all is given back first.
func (s *slot) Acquire(ctx context.Context, n int64) error {
	if n > s.a.memoryTotal {
		return &page.Error{Kind: page.TooLarge, Msg: fmt.Sprintf(
			"decoding it takes about %d MiB of memory, MEMORY_BUDGET is %d MiB", n>>20, s.a.memoryTotal>>20)}
	}
	if n <= s.bytes {
		s.Shrink(n)
		return nil
	}
	s.Shrink(0)
	if err := s.a.memory.Acquire(ctx, n); err != nil {
		return withCause(ctx, fmt.Errorf("waiting for memory: %w", err))
	}
	s.bytes = n
	return nil
}

// TryGrow is of [page.Budget].
func (s *slot) TryGrow(n int64) bool {
	if n > s.bytes && !s.a.memory.TryAcquire(n-s.bytes) {
		return false
	}
	s.bytes = max(s.bytes, n)
	return true
}

// Shrink is of [page.Budget].
func (s *slot) Shrink(n int64) {
	if n < s.bytes {
		s.a.memory.Release(s.bytes - n)
		s.bytes = n
	}
}
