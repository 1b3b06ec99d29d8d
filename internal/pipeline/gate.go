package pipeline

import (
	"context"
	"fmt"

	"golang.org/x/sync/semaphore"

	"github.com/bucketocr/bucketocr/internal/page"
)

// gateSize is more than the attempts that one instance ever runs at once (Cloud Run's limit is 1000).
const gateSize = 1 << 20

// gate lets attempts run side by side, or one alone. It is fair: who waits to be alone holds up those who come later.
type gate struct{ s *semaphore.Weighted }

func (g *gate) enter(ctx context.Context, alone bool) (leave func(), err error) {
	n := int64(1)
	if alone {
		n = gateSize
	}
	if err := g.s.Acquire(ctx, n); err != nil {
		return func() {}, asCause(ctx, err)
	}
	return func() { g.s.Release(n) }, nil
}

// places are those at the OCR service that this instance may take, given out in the order of asking.
type places struct{ s *semaphore.Weighted }

func newPlaces(n int) places {
	if n <= 0 {
		n = gateSize
	}
	return places{semaphore.NewWeighted(int64(n))}
}

// take calls waits before it waits.
func (p places) take(ctx context.Context, waits func()) (leave func(), waited bool, err error) {
	leave = func() { p.s.Release(1) }
	if p.s.TryAcquire(1) {
		return leave, false, nil
	}
	waits()
	if err := p.s.Acquire(ctx, 1); err != nil {
		return nil, true, asCause(ctx, fmt.Errorf("waiting for a place at the OCR service: %w", err))
	}
	return leave, true, nil
}

// memory is the instance's budget for decoded pages, in bytes, given out in the order of asking.
type memory struct {
	s     *semaphore.Weighted
	total int64
}

func newMemory(total int64) *memory {
	return &memory{s: semaphore.NewWeighted(total), total: total}
}

// Guesses for a place before the image's header is known.
const (
	seatFactor = 8       // decoded bytes for each byte of a compressed image
	seatLeast  = 1 << 20 // bytes
)

// seat is one attempt's account in the budget, a [page.Budget]. It is not safe for concurrent use: an attempt decodes one page
// at a time.
type seat struct {
	m    *memory
	held int64
}

// sit acquires a guess for an object of so many stored bytes. Acquire corrects it once the header is read.
func (m *memory) sit(ctx context.Context, size int64) (*seat, error) {
	s := &seat{m: m}
	guess := min(max(size, 0), m.total) * seatFactor
	return s, s.acquire(ctx, min(max(guess, seatLeast), max(m.total/4, 1)))
}

// Acquire implements [page.Budget]: for more, all is released first, so that no two seats can wait for each other.
func (s *seat) Acquire(ctx context.Context, n int64) error {
	if n > s.m.total {
		return &page.Error{Kind: page.TooLarge, Msg: fmt.Sprintf(
			"decoding it takes about %d MiB of memory, MEMORY_BUDGET is %d MiB", n>>20, s.m.total>>20)}
	}
	if n <= s.held {
		s.Shrink(n)
		return nil
	}
	s.leave()
	return s.acquire(ctx, n)
}

// Shrink implements [page.Budget]. A page that passes through shrinks the guess to nothing.
func (s *seat) Shrink(n int64) {
	if n < s.held {
		s.m.s.Release(s.held - n)
		s.held = n
	}
}

// TryGrow implements [page.Budget].
func (s *seat) TryGrow(n int64) bool {
	if n > s.held && !s.m.s.TryAcquire(n-s.held) {
		return false
	}
	s.held = max(s.held, n)
	return true
}

func (s *seat) acquire(ctx context.Context, n int64) error {
	if err := s.m.s.Acquire(ctx, n); err != nil {
		return asCause(ctx, fmt.Errorf("waiting for memory: %w", err))
	}
	s.held = n
	return nil
}

func (s *seat) leave() { s.Shrink(0) }
