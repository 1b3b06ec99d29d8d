package worker

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/bucketocr/bucketocr/internal/page"
)

// admission decides how much one instance works on at once. All of it is given out in the order of asking.
type admission struct {
	instance    *semaphore.Weighted // every delivery has one part; one that needs the instance to itself has all
	memory      *semaphore.Weighted // bytes of decoded pages
	memoryTotal int64
	places      *semaphore.Weighted // at the OCR service
	telemetry   *telemetry
}

// wholeInstance is more than the deliveries that one instance ever runs at once (Cloud Run's limit is 1000).
const wholeInstance = 1 << 20

func newAdmission(o Options, t *telemetry) *admission {
	places := int64(o.OCRPlaces)
	if places <= 0 {
		places = wholeInstance
	}
	return &admission{
		instance: semaphore.NewWeighted(wholeInstance),
		memory:   semaphore.NewWeighted(o.MemoryBudget), memoryTotal: o.MemoryBudget,
		places: semaphore.NewWeighted(places), telemetry: t,
	}
}

// What a delivery gets of the memory before its image's header is known.
const (
	decodedPerByte = 8       // decoded bytes for each byte of a compressed image
	leastEstimate  = 1 << 20 // bytes
)

// admit waits for a slot for an object of so many stored bytes. The slot must be released.
func (w *Worker) admit(ctx context.Context, size int64) (*slot, error) {
	a := w.admission
	s := &slot{a: a, estimate: min(max(min(max(size, 0), a.memoryTotal)*decodedPerByte, leastEstimate), max(a.memoryTotal/4, 1))}
	s.users.Store(1)
	if err := s.occupy(ctx, 1); err != nil {
		return nil, err
	}
	if w.drain.Err() != nil { // the slot may have been released by the shutdown that is about to end ctx
		s.release()
		return nil, errDraining
	}
	return s, nil
}

// slot is a delivery's place in its instance, and the [page.Budget] of its pages. While it waits for more memory it holds
// none, so that no two slots can wait for each other.
type slot struct {
	a        *admission
	estimate int64 // bytes

	users  atomic.Int32 // it is given back when the last of them is done
	queued atomic.Int32 // waits for memory or a place that have not come to an end, or that the end of the time cut off
	placed atomic.Bool  // a page of the delivery had a place at the OCR service

	parts int64 // of the instance
	bytes int64 // of the memory; a delivery makes one page at a time
}

// occupy waits for parts of the instance and for the estimated memory. With an error the slot is empty.
func (s *slot) occupy(ctx context.Context, parts int64) error {
	begun := time.Now()
	if err := s.a.instance.Acquire(ctx, parts); err != nil {
		return withCause(ctx, fmt.Errorf("waiting for a slot: %w", err))
	}
	s.parts = parts
	if err := s.Acquire(ctx, s.estimate); err != nil {
		s.giveBack()
		return err
	}
	s.a.telemetry.admitted(ctx, time.Since(begun))
	return nil
}

// takeInstance waits until the delivery has the instance to itself. With an error the slot is empty.
func (s *slot) takeInstance(ctx context.Context) error {
	s.giveBack()
	return s.occupy(ctx, wholeInstance)
}

func (s *slot) giveBack() {
	s.Shrink(0)
	s.a.instance.Release(s.parts)
	s.parts = 0
}

// share adds a user, who releases the slot too.
func (s *slot) share() { s.users.Add(1) }

func (s *slot) release() {
	if s.users.Add(-1) == 0 {
		s.giveBack()
	}
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
	if err := s.wait(ctx, s.a.memory, n); err != nil {
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

// takePlace waits for a place at the OCR service, which the func gives back. Where the delivery's first place comes so late
// that less than least is left of its time, the page is not sent.
func (s *slot) takePlace(ctx context.Context, least time.Duration) (func(), error) {
	done := func() { s.a.places.Release(1) }
	if !s.a.places.TryAcquire(1) {
		if err := s.wait(ctx, s.a.places, 1); err != nil {
			return nil, withCause(ctx, fmt.Errorf("waiting for a place at the OCR service: %w", err))
		}
		if end, ok := ctx.Deadline(); ok && time.Until(end) < least && !s.placed.Load() {
			done()
			return nil, errCrowdedOut
		}
	}
	s.placed.Store(true)
	return done, nil
}

// wait acquires n. Where the time ends first it stays in the queue's count.
func (s *slot) wait(ctx context.Context, from *semaphore.Weighted, n int64) error {
	s.queued.Add(1)
	if err := from.Acquire(ctx, n); err != nil {
		return err
	}
	s.queued.Add(-1)
	return nil
}

// crowdedOut reports whether the delivery waited in this instance until its time ended, with no page sent. The object has no
// part in that.
func (s *slot) crowdedOut() bool { return s.queued.Load() > 0 && !s.placed.Load() }
