package gcp

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestLazyMakesOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		made := 0
		l := Lazy[int]{Make: func(context.Context) (int, error) {
			time.Sleep(time.Second)
			made++
			return made, nil
		}}
		if _, ok := l.Peek(); ok || made != 0 {
			t.Error("made before its use")
		}
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				if got, err := l.Get(t.Context()); got != 1 || err != nil {
					t.Errorf("get = %d, %v; want 1", got, err)
				}
			})
		}
		wg.Wait()
		if got, ok := l.Peek(); got != 1 || !ok {
			t.Errorf("peek = %d, %v", got, ok)
		}
	})
}

func TestLazyTriesAgain(t *testing.T) {
	t.Parallel()
	errFirst := errors.New("first")
	made := 0
	l := Lazy[int]{Make: func(context.Context) (int, error) {
		if made++; made == 1 {
			return 0, errFirst
		}
		return made, nil
	}}
	if _, err := l.Get(t.Context()); err != errFirst {
		t.Errorf("get = %v, want the first error", err)
	}
	if got, err := l.Get(t.Context()); got != 2 || err != nil {
		t.Errorf("get = %d, %v; want 2", got, err)
	}
}

// A caller stops waiting when its context ends; the making goes on, within its own limit.
func TestLazyCallerStopsWaitingWithItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := Lazy[int]{Make: func(ctx context.Context) (int, error) {
			<-ctx.Done()
			return 0, ctx.Err()
		}}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		begin := time.Now()
		if _, err := l.Get(ctx); !errors.Is(err, context.DeadlineExceeded) || time.Since(begin) != time.Second {
			t.Errorf("get = %v after %v, want DeadlineExceeded after 1s", err, time.Since(begin))
		}
		if _, err := l.Get(t.Context()); !errors.Is(err, context.DeadlineExceeded) || time.Since(begin) != dialLimit {
			t.Errorf("get = %v after %v, want the making's own end after %v", err, time.Since(begin), dialLimit)
		}
		if _, err := l.Get(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("get on an ended context = %v", err)
		}
	})
}
