package gcp

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bucketocr/bucketocr/internal/gcp/gcptest"
)

const audience = "https://ocr-abc.run.app"

// scripted is a source whose fetches are under the test's control and time.
type scripted struct {
	*Tokens
	mu      sync.Mutex
	fetches int
	takes   time.Duration // of a fetch
	life    time.Duration
	err     error
}

func newScripted() *scripted {
	s := &scripted{Tokens: NewTokens(), takes: time.Second, life: time.Hour}
	s.fetch = func(_ context.Context, audience string) (string, error) {
		s.mu.Lock()
		s.fetches++
		n, takes, life, err := s.fetches, s.takes, s.life, s.err
		s.mu.Unlock()
		time.Sleep(takes)
		if err != nil {
			return "", err
		}
		return gcptest.IDToken(audience, time.Now().Add(life), n), nil
	}
	return s
}

// set changes what later fetches do.
func (s *scripted) set(takes, life time.Duration, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.takes, s.life, s.err = takes, life, err
}

// expect asks for a token and compares how many fetches there were.
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

// A token handed out part-used is renewed by what it says itself, not after a fixed time.
func TestTokensPartUsed(t *testing.T) {
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

// While a token serves, a failing renewal is nobody's error.
func TestTokensRenewalFails(t *testing.T) {
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

// Callers let go at their context's end; what hangs is passed by, and bounded in number.
func TestTokensStuckFetch(t *testing.T) {
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
		if s.fetches != maxFetches {
			t.Errorf("%d fetches hang, want %d", s.fetches, maxFetches)
		}
		time.Sleep(2 * time.Hour) // they end at last, with a token of an hour
		s.set(time.Second, time.Hour, nil)
		s.expect(t, "after all", maxFetches+1)
	})
}

// One fetch hangs and the next one works: whoever still waits for the first gets the second's token.
func TestTokensPassByAStuckFetch(t *testing.T) {
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

func TestTokenWithoutExpiry(t *testing.T) {
	for token, want := range map[string]bool{
		gcptest.IDToken(audience, time.Unix(1795428131, 0), 1): true,
		"a.eyJleHAiOjE3OTU0MjgxMzF9.b":                         true,
		"a.eyJleHAiOjE3OTU0MjgxMzEuNX0=.b":                     true,
		"":                                                     false, "opaque": false, "a.b": false, "a.?.c": false, "a.e30.c": false,
		"a.eyJleHAiOiJzb29uIn0.c": false, "a.eyJleHAiOjFlOTl9.c": false, "a.eyJleHAiOi0xfQ.c": false,
	} {
		exp, ok := expiry(token)
		if ok != want || ok && exp.Unix() != 1795428131 {
			t.Errorf("expiry(%q) = %v, %v; want %v", token, exp, ok, want)
		}
	}
	now := time.Now()
	if renew, expires := lifetime("opaque", now); !renew.After(now) || !expires.After(renew) || expires.After(now.Add(unknownLife)) {
		t.Errorf("an opaque token is renewed at %v and ends at %v, from %v", renew, expires, now)
	}
}

// From here on, Google's client and a metadata server.

func TestTokensFromTheMetadataServer(t *testing.T) {
	tokens := NewTokens()
	audience := audience + "/one"
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			if token, err := tokens.Token(t.Context(), audience); err != nil || strings.Count(token, ".") != 2 {
				t.Errorf("Token = %q, %v", token, err)
			}
		})
	}
	wg.Wait()
	if n := server.Requests(audience); n != 1 {
		t.Errorf("%d requests, want 1", n)
	}
	tokens.Forget(audience)
	if _, err := tokens.Token(t.Context(), audience); err != nil || server.Requests(audience) != 2 {
		t.Errorf("after Forget: %v after %d requests", err, server.Requests(audience))
	}
}

func TestTokensFromAFailingMetadataServer(t *testing.T) {
	t.Cleanup(func() { server.Fail(0); server.Hang(nil) })
	tokens := NewTokens()
	server.Fail(http.StatusNotFound)
	if _, err := tokens.Token(t.Context(), audience+"/two"); err == nil || strings.Contains(err.Error(), "\n") {
		t.Errorf("Token = %v, want an error of one line", err)
	}
	server.Fail(0)
	gate := make(chan struct{})
	server.Hang(gate)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := tokens.Token(ctx, audience+"/two"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Token = %v, want DeadlineExceeded", err)
	}
	close(gate) // the fetch under way is not lost
	if _, err := tokens.Token(t.Context(), audience+"/two"); err != nil {
		t.Errorf("and then: %v", err)
	}
	if _, err := tokens.Token(ctx, audience+"/two"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Token on an ended context = %v", err)
	}
	if _, err := tokens.Token(t.Context(), ""); err == nil {
		t.Error("a token for nobody")
	}
}

// credentialsFile has Google's client find these credentials.
func credentialsFile(t *testing.T, content any) {
	t.Helper()
	b, err := json.Marshal(content)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "credentials.json")
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", file)
}

func TestTokensOfAPersonsLogin(t *testing.T) {
	credentialsFile(t, map[string]string{
		"type": "authorized_user", "client_id": "c", "client_secret": "hush-secret", "refresh_token": "hush-refresh",
	})
	_, err := NewTokens().Token(t.Context(), audience)
	if err == nil || !strings.Contains(err.Error(), "--impersonate-service-account") || strings.Contains(err.Error(), "hush") {
		t.Errorf("Token = %v, want what to do", err)
	}
}

func TestTokensOfAServiceAccountKey(t *testing.T) {
	answer := func(w http.ResponseWriter) {
		_ = json.NewEncoder(w).Encode(map[string]string{"id_token": gcptest.IDToken(audience, time.Now().Add(time.Hour), 1)})
	}
	status := http.StatusOK
	exchange := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		if status == http.StatusOK {
			answer(w)
			return
		}
		_, _ = w.Write([]byte(`{"error":"invalid_grant","error_description":"hush ` + r.FormValue("assertion") + `"}`))
	}))
	defer exchange.Close()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	credentialsFile(t, map[string]string{
		"type": "service_account", "client_email": "ocr@demo-x.iam.gserviceaccount.com", "token_uri": exchange.URL,
		"private_key": string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})),
	})
	if token, err := NewTokens().Token(t.Context(), audience); err != nil || strings.Count(token, ".") != 2 {
		t.Errorf("Token = %q, %v", token, err)
	}
	status = http.StatusBadRequest
	_, err = NewTokens().Token(t.Context(), audience)
	if err == nil || strings.Contains(err.Error(), "hush") || !strings.Contains(err.Error(), "invalid_grant") {
		t.Errorf("Token = %v, want the code without the answer", err)
	}
}
