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

// A caller stops waiting when its context ends; making the value continues, within its own limit. After that limit the
// error is not the caller's context's, and the next caller starts another attempt unless the first is still under way.
func TestLazyCallerStopsWaiting(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		make func(ctx context.Context) (int, error)
		next error // of the caller after those
	}{
		"a making that obeys its context": {func(ctx context.Context) (int, error) {
			<-ctx.Done()
			return 0, ctx.Err()
		}, errNotMade},
		"one that does not": {func(context.Context) (int, error) { time.Sleep(time.Hour); return 1, nil },
			errNotMade},
		"one that is late": {func(context.Context) (int, error) {
			time.Sleep(dialLimit + 5*time.Second)
			return 1, nil
		}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				l := Lazy[int]{Make: c.make}
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				begin := time.Now()
				if _, err := l.Get(ctx); !errors.Is(err, context.DeadlineExceeded) || time.Since(begin) != time.Second {
					t.Errorf("get = %v after %v, want DeadlineExceeded after 1s", err, time.Since(begin))
				}
				var wg sync.WaitGroup
				wg.Go(func() {
					if _, err := l.Get(t.Context()); err != errNotMade || time.Since(begin) > dialLimit+time.Second {
						t.Errorf("get = %v after %v, want errNotMade after %v", err, time.Since(begin), dialLimit)
					}
				})
				wg.Wait()
				if _, err := l.Get(t.Context()); err != c.next {
					t.Errorf("the next get = %v, want %v", err, c.next)
				}
				if _, err := l.Get(ctx); !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("get on an ended context = %v", err)
				}
				time.Sleep(2 * time.Hour) // a making that hangs ends at last
			})
		})
	}
}
