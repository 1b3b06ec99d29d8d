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

// admission limits how much one instance works on at once. Slots and memory are granted in the order of asking.
type admission struct {
	instance    *semaphore.Weighted // a delivery holds one part; one that needs the instance to itself holds all
	memory      *semaphore.Weighted // bytes of decoded pages
	memoryTotal int64
	waiting     atomic.Int32 // deliveries that wait for the whole instance
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

// wanted reports whether a delivery waits for the whole instance. Others then begin no further page.
func (a *admission) wanted() bool { return a.waiting.Load() > 0 }

// A delivery's memory before its image's header is known.
const (
	decodedPerByte = 8       // decoded bytes for each byte of a compressed image
	leastEstimate  = 1 << 20 // bytes
)

// admit waits for a slot for an object of size stored bytes, until only the time to claim is left. The caller must
// release the slot.
func (w *Worker) admit(ctx context.Context, size int64) (*slot, error) {
	a := w.admission
	s := &slot{a: a, until: time.Now().Add(document.AdmissionTime - document.ClaimTime),
		estimate: min(max(min(max(size, 0), a.memoryTotal)*decodedPerByte, leastEstimate), max(a.memoryTotal/4, 1))}
	ctx, end := w.untilDrain(ctx)
	defer end()
	err := s.occupy(ctx, 1)
	if err == nil && w.draining() { // slots that a drain frees are not for new deliveries
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
	until    time.Time // when waiting for the slot ends
	estimate int64     // bytes

	parts int64 // of the instance
	bytes int64 // of the memory; a delivery makes one page at a time
}

// occupy waits for parts of the instance and for the estimated memory. After an error the slot is empty.
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

// takeInstance waits until the delivery has the instance to itself. After an error the slot is empty.
func (s *slot) takeInstance(ctx context.Context) error {
	s.release()
	s.a.waiting.Add(1)
	defer s.a.waiting.Add(-1)
	return s.occupy(ctx, wholeInstance)
}

// release gives everything back. It may be repeated.
func (s *slot) release() {
	s.Shrink(0)
	s.a.instance.Release(s.parts)
	s.parts = 0
}

// Acquire implements [page.Budget]. If it needs more than the slot holds, it gives everything back first.
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

// TryGrow implements [page.Budget].
func (s *slot) TryGrow(n int64) bool {
	if n > s.bytes && !s.a.memory.TryAcquire(n-s.bytes) {
		return false
	}
	s.bytes = max(s.bytes, n)
	return true
}

// Shrink implements [page.Budget].
func (s *slot) Shrink(n int64) {
	if n < s.bytes {
		s.a.memory.Release(s.bytes - n)
		s.bytes = n
	}
}
