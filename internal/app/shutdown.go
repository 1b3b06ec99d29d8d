package app

import (
	"context"
	"sync"
	"time"
)

// shutdownBudget is how long after SIGTERM Cloud Run kills the process.
const shutdownBudget = 10 * time.Second

// The parts of shutdownBudget, one after the other.
const (
	drainTime     = shutdownBudget - telemetryTime - answerTime - exitTime // running deliveries finish or are released
	telemetryTime = 500 * time.Millisecond                                 // the last traces and metrics are sent
	answerTime    = 200 * time.Millisecond                                 // the last responses are written
	exitTime      = 300 * time.Millisecond                                 // spare, for the process to end
)

// Shutdown drains the handler within the time that Cloud Run leaves it and logs an error if that was not enough.
func (h *Handler) Shutdown() {
	ctx, cancel := context.WithTimeout(context.Background(), drainTime)
	defer cancel()
	if err := h.Drain(ctx); err != nil {
		h.log.Error("shutdown timed out with deliveries in flight; their leases will expire", "error", err.Error())
	}
}

// Drain refuses new events, lets running deliveries finish or releases them until ctx ends (see [worker.Worker.Drain], whose
// error it returns), then sends the last traces and metrics and waits for responses that are being written. It returns at most
// telemetryTime + answerTime after ctx has ended.
func (h *Handler) Drain(ctx context.Context) error {
	h.telemetry.Hold()
	err := h.worker.Drain(ctx)
	ctx = context.WithoutCancel(ctx)
	within(ctx, telemetryTime, h.telemetry.Shutdown)
	within(ctx, answerTime, h.requests.wait)
	return err
}

// within calls f with a context that ends after d.
func within(ctx context.Context, d time.Duration, f func(context.Context)) {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	f(ctx)
}

// inFlight counts what is under way. The zero value is ready to use.
type inFlight struct {
	mu    sync.Mutex
	count int
	none  chan struct{} // closed when count becomes 0; nil where nothing waits for that
}

func (f *inFlight) add(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.count += n
	if f.count == 0 && f.none != nil {
		close(f.none)
		f.none = nil
	}
}

// wait returns when the count is 0, or when ctx ends.
func (f *inFlight) wait(ctx context.Context) {
	f.mu.Lock()
	if f.count == 0 {
		f.mu.Unlock()
		return
	}
	if f.none == nil {
		f.none = make(chan struct{})
	}
	none := f.none
	f.mu.Unlock()
	select {
	case <-none:
	case <-ctx.Done():
	}
}
