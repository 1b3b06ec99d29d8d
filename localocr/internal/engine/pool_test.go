package engine

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// fakeMaker opens engines whose Read takes a second, or calls read if that is set.
type fakeMaker struct {
	read         func(ctx context.Context) (string, error)
	opened, shut atomic.Int32
	openErr      error
}

func (m *fakeMaker) Version() string { return "0" }
func (m *fakeMaker) String() string  { return "fake" }
func (m *fakeMaker) Close() error    { return nil }
func (m *fakeMaker) Open(context.Context) (Engine, error) {
	m.opened.Add(1)
	return &fakeEngine{m: m}, m.openErr
}

type fakeEngine struct {
	m    *fakeMaker
	busy atomic.Bool
}

func (e *fakeEngine) Close() error { e.m.shut.Add(1); return nil }
func (e *fakeEngine) Read(ctx context.Context, _ []byte) (string, error) {
	if !e.busy.CompareAndSwap(false, true) {
		panic("two pages in one engine")
	}
	defer e.busy.Store(false)
	if e.m.read != nil {
		return e.m.read(ctx)
	}
	time.Sleep(time.Second)
	return "text \f", nil
}

func never(t *testing.T) func(error) {
	return func(err error) { t.Errorf("reported as stuck: %v", err) }
}

func TestPoolReusesEngines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &fakeMaker{}
		p := NewPool(m, 2, time.Minute, never(t))
		for range 3 {
			if text, err := p.Read(t.Context(), nil); text != "text" || err != nil {
				t.Fatalf("Read = %q, %v", text, err)
			}
			synctest.Wait()
		}
		if n := m.opened.Load(); n != 1 {
			t.Errorf("%d engines opened for one page at a time", n)
		}
		start := time.Now()
		done := make(chan error)
		for range 5 {
			go func() { _, err := p.Read(t.Context(), nil); done <- err }()
		}
		for range 5 {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
		if took, n := time.Since(start), m.opened.Load(); took != 3*time.Second || n != 2 {
			t.Errorf("five pages took %v and %d engines, want 3 s and 2", took, n)
		}
	})
}

func TestPoolWaitingPageGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := NewPool(&fakeMaker{}, 1, time.Minute, never(t))
		go func() { _, _ = p.Read(t.Context(), nil) }()
		synctest.Wait()
		gone := errors.New("gone")
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(gone)
		if _, err := p.Read(ctx, nil); !errors.Is(err, gone) {
			t.Errorf("Read = %v, want the cause", err)
		}
		time.Sleep(2 * time.Second)
	})
}

func TestPoolReplacesAfterError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := errors.New("broken")
		m := &fakeMaker{read: func(context.Context) (string, error) { return "", broken }}
		p := NewPool(m, 1, time.Minute, never(t))
		for range 2 {
			if _, err := p.Read(t.Context(), nil); !errors.Is(err, broken) {
				t.Errorf("Read = %v", err)
			}
		}
		synctest.Wait()
		if m.opened.Load() != 2 || m.shut.Load() != 2 {
			t.Errorf("%d opened, %d closed, want 2 and 2", m.opened.Load(), m.shut.Load())
		}
		m.openErr = broken
		if _, err := p.Read(t.Context(), nil); !errors.Is(err, broken) {
			t.Errorf("Read with no engine = %v", err)
		}
	})
}

func TestPoolOverTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &fakeMaker{}
		m.read = func(ctx context.Context) (string, error) {
			if m.opened.Load() > 1 {
				return "", nil
			}
			<-ctx.Done()
			time.Sleep(patience / 2) // it ends late, but it ends
			return "", ctx.Err()
		}
		p := NewPool(m, 1, time.Minute, never(t))
		start := time.Now()
		if _, err := p.Read(t.Context(), nil); !errors.Is(err, ErrOverTime) || time.Since(start) != time.Minute {
			t.Errorf("Read = %v after %v, want ErrOverTime at the limit", err, time.Since(start))
		}
		if _, err := p.Read(t.Context(), nil); err != nil || time.Since(start) != time.Minute+patience/2 {
			t.Errorf("the next page: %v after %v; its worker is free when the first has stopped", err,
				time.Since(start))
		}
	})
}

func TestPoolStuck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		m := &fakeMaker{read: func(context.Context) (string, error) { <-release; return "", nil }}
		stuck := make(chan error, 1)
		p := NewPool(m, 1, time.Minute, func(err error) { stuck <- err })
		start := time.Now()
		_, _ = p.Read(t.Context(), nil)
		if err := <-stuck; !errors.Is(err, ErrStuck) || time.Since(start) != time.Minute+patience {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		close(release)
	})
}
