package idtoken

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bucketocr/bucketocr/ocr/ocrtest"
)

const audience = "https://ocr-abc.run.app"

// scripted is a source whose fetches are controlled by the test, in fake time.
type scripted struct {
	*Source
	mu      sync.Mutex
	fetches int
	takes   time.Duration // of a fetch
	life    time.Duration
	err     error
}

func newScripted() *scripted {
	s := &scripted{Source: New(), takes: time.Second, life: time.Hour}
	s.fetch = func(_ context.Context, audience string) (string, error) {
		s.mu.Lock()
		s.fetches++
		n, takes, life, err := s.fetches, s.takes, s.life, s.err
		s.mu.Unlock()
		time.Sleep(takes)
		if err != nil {
			return "", err
		}
		return fmt.Sprint(ocrtest.Token(audience, time.Now().Add(life)), n), nil // each another
	}
	return s
}

// set changes the result of later fetches.
func (s *scripted) set(takes, life time.Duration, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.takes, s.life, s.err = takes, life, err
}

// expect requests a token and checks the number of fetches.
func (s *scripted) expect(t *testing.T, what string, fetches int) string {
	t.Helper()
	token, err := s.Token(t.Context(), audience)
	if err != nil || token == "" {
		t.Fatalf("%s: %q, %v", what, token, err)
	}
	synctest.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fetches != fetches {
		t.Errorf("%s: %d fetches, want %d", what, s.fetches, fetches)
	}
	return token
}

func TestTokensAreKeptUntilTheyEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newScripted()
		first := s.expect(t, "at first", 1)
		time.Sleep(54 * time.Minute)
		if s.expect(t, "after 54m", 1) != first {
			t.Error("another token without a fetch")
		}
		time.Sleep(2 * time.Minute)
		if s.expect(t, "near the end", 2) != first {
			t.Error("a token that is good for minutes was waited for")
		}
		time.Sleep(2 * time.Second)
		if second := s.expect(t, "renewed", 2); second == first {
			t.Error("the old token is kept")
		}
		time.Sleep(2 * time.Hour)
		s.expect(t, "after its end", 3)
	})
}

// A part-used token is renewed according to its own expiry, not after a fixed time.
func TestTokensPartUsed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newScripted()
		s.set(time.Second, 8*time.Minute, nil)
		s.expect(t, "at first", 1)
		time.Sleep(3 * time.Minute)
		s.expect(t, "after 3m", 1)
		time.Sleep(90 * time.Second)
		s.expect(t, "past its half", 2)
		time.Sleep(2 * time.Second)
	})
}

// While a token is valid, a failing renewal is not an error for callers.
func TestTokensRenewalFails(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newScripted()
		first := s.expect(t, "at first", 1)
		s.set(time.Second, time.Hour, errors.New("no metadata server"))
		time.Sleep(57 * time.Minute)
		for range 3 {
			if got, err := s.Token(t.Context(), audience); got != first || err != nil {
				t.Errorf("Token = %q, %v; want the old one", got, err)
			}
			time.Sleep(10 * time.Second)
		}
		time.Sleep(5 * time.Minute)
		if _, err := s.Token(t.Context(), audience); err == nil {
			t.Error("a token that has ended is handed out")
		}
		s.set(time.Second, time.Hour, nil)
		if got, err := s.Token(t.Context(), audience); err != nil || got == first {
			t.Errorf("and then: %v: errors are not kept", err)
		}
	})
}

func TestTokensForget(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newScripted()
		first := s.expect(t, "at first", 1)
		s.Forget("https://other.run.app")
		s.expect(t, "another forgotten", 1)
		s.Forget(audience)
		if s.expect(t, "forgotten", 2) == first {
			t.Error("the refused token comes back")
		}
	})
}

func TestTokensOneFetchForAll(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newScripted()
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() {
				if _, err := s.Token(t.Context(), audience); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		s.expect(t, "fifty callers", 1)
	})
}

// Callers stop waiting at their context's end; hanging fetches are bypassed, and limited in number.
func TestTokensStuckFetch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newScripted()
		s.set(time.Hour, time.Hour, nil)
		for range 10 {
			ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
			begin := time.Now()
			_, err := s.Token(ctx, audience)
			if !errors.Is(err, context.DeadlineExceeded) || time.Since(begin) != 3*time.Second {
				t.Errorf("Token = %v after %v, want DeadlineExceeded after 3s", err, time.Since(begin))
			}
			cancel()
		}
		s.mu.Lock()
		if s.fetches != maxFetches {
			t.Errorf("%d fetches hang, want %d", s.fetches, maxFetches)
		}
		s.mu.Unlock()
		time.Sleep(2 * time.Hour) // they end at last, with a token of an hour
		s.set(time.Second, time.Hour, nil)
		s.expect(t, "after all", maxFetches+1)
	})
}

// A caller without a deadline gives up a hanging token service, however many others keep asking.
func TestTokensAreNotWaitedForWithoutEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newScripted()
		// as Google's client takes with a metadata server that hangs
		s.set(31*time.Second, time.Hour, errors.New("no answer"))
		for range 20 {
			go func() {
				begin := time.Now()
				_, err := s.Token(t.Context(), audience)
				if err == nil || errors.Is(err, context.DeadlineExceeded) || time.Since(begin) > waitLimit {
					t.Errorf("Token = %v after %v, want an error of its own after %v at most", err, time.Since(begin),
						waitLimit)
				}
			}()
			time.Sleep(stuckAfter)
		}
		time.Sleep(time.Hour)
	})
}

// One fetch hangs and the next one works: callers that still wait for the first get the second's token.
func TestTokensPassByAStuckFetch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newScripted()
		s.set(time.Hour, time.Hour, nil)
		early := make(chan error, 1)
		go func() {
			_, err := s.Token(t.Context(), audience)
			early <- err
		}()
		time.Sleep(stuckAfter)
		s.set(time.Second, time.Hour, nil)
		s.expect(t, "the second", 2)
		if err := <-early; err != nil {
			t.Errorf("the first caller: %v", err)
		}
		time.Sleep(2 * time.Hour)
	})
}

// One fetch is slow and the next one fails: waiting callers get the slow one's token.
func TestTokensWaitForAFetchThatMayYetWork(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newScripted()
		s.set(4*stuckAfter, time.Hour, nil)
		var wg sync.WaitGroup
		ask := func() {
			if _, err := s.Token(t.Context(), audience); err != nil {
				t.Error(err)
			}
		}
		wg.Go(ask)
		time.Sleep(stuckAfter)
		s.set(time.Second, time.Hour, errors.New("refused"))
		wg.Go(ask)
		wg.Wait()
		s.expect(t, "after both", 2)
	})
}
