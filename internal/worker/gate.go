package worker

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

// seat is one attempt's place in the budget. It is not safe for concurrent use: an attempt decodes one page at a time.
type seat struct {
	m     *memory
	held  int64
	known bool // held is no guess any more
}

// sit takes a place for an object of so many stored bytes. The guess is corrected by reserve once the header is read.
func (m *memory) sit(ctx context.Context, size int64) (*seat, error) {
	s := &seat{m: m}
	guess := min(max(size, 0), m.total) * seatFactor
	return s, s.acquire(ctx, min(max(guess, seatLeast), max(m.total/4, 1)))
}

// reserve sets what the seat holds to n bytes. Giving back is at once; for more, all is given back first and then asked
// for anew, so that nobody who waits holds anything and no two can wait for each other.
func (s *seat) reserve(ctx context.Context, n int64) error {
	s.known = true
	if n > s.m.total {
		return &page.Error{Kind: page.TooLarge, Msg: fmt.Sprintf(
			"decoding it takes about %d MiB of memory, MEMORY_BUDGET is %d MiB", n>>20, s.m.total>>20)}
	}
	if n <= s.held {
		s.m.s.Release(s.held - n)
		s.held = n
		return nil
	}
	s.leave()
	return s.acquire(ctx, n)
}

// forgetGuess gives the place back where no decoder asked for one: a page that passes through holds nothing.
func (s *seat) forgetGuess() {
	if !s.known {
		s.leave()
	}
}

// grow sets what the seat holds to at least n bytes, if it gets them at once.
func (s *seat) grow(n int64) bool {
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

func (s *seat) leave() {
	s.m.s.Release(s.held)
	s.held = 0
}
