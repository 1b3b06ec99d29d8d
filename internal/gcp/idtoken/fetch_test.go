package idtoken

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bucketocr/bucketocr/internal/gcp/gcptest"
	"github.com/bucketocr/bucketocr/ocr/ocrtest"
)

// requests returns how often an ID token for the audience was requested, including repetitions by Google's client.
func requests(audience string) int {
	n := 0
	for _, asked := range server.Audiences() {
		if asked == audience {
			n++
		}
	}
	return n
}

func TestTokenExpiry(t *testing.T) {
	for token, want := range map[string]bool{
		ocrtest.Token(audience, time.Unix(1795428131, 0)): true,

		"a.eyJleHAiOjE3OTU0MjgxMzF9.b":     true, // exp 1795428131
		"a.eyJleHAiOjE3OTU0MjgxMzEuNX0=.b": true, // 1795428131.5, padded

		"":                        false,
		"opaque":                  false,
		"a.b":                     false,
		"a.?.c":                   false, // no base64
		"a.e30.c":                 false, // {}
		"a.eyJleHAiOiJzb29uIn0.c": false, // exp "soon"
		"a.eyJleHAiOjFlOTl9.c":    false, // 1e99
		"a.eyJleHAiOi0xfQ.c":      false, // -1
	} {
		exp, ok := expiry(token)
		if ok != want || ok && exp.Unix() != 1795428131 {
			t.Errorf("expiry(%q) = %v, %v; want %v", token, exp, ok, want)
		}
	}
	now := time.Now()
	if renew, expires := lifetime("opaque", now); !renew.After(now) || !expires.After(renew) ||
		expires.After(now.Add(unknownLife)) {
		t.Errorf("an opaque token is renewed at %v and ends at %v, from %v", renew, expires, now)
	}
}

func TestTokensFromTheMetadataServer(t *testing.T) {
	tokens := New()
	audience := "https://" + rand.Text() + ".run.app" // asked for by no other test
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			if token, err := tokens.Token(t.Context(), audience); err != nil || strings.Count(token, ".") != 2 {
				t.Errorf("Token = %q, %v", token, err)
			}
		})
	}
	wg.Wait()
	if n := requests(audience); n != 1 {
		t.Errorf("%d requests, want 1", n)
	}
	tokens.Forget(audience)
	if _, err := tokens.Token(t.Context(), audience); err != nil || requests(audience) != 2 {
		t.Errorf("after Forget: %v after %d requests", err, requests(audience))
	}
}

func TestTokensFromAFailingMetadataServer(t *testing.T) {
	t.Cleanup(func() { server.Fail(0); server.Hang(nil) })
	tokens := New()
	server.Fail(http.StatusNotFound)
	if _, err := tokens.Token(t.Context(), audience+"/two"); err == nil || strings.Contains(err.Error(), "\n") {
		t.Errorf("Token = %v, want an error of one line", err)
	}
	server.Fail(0)
	gate := ocrtest.NewGate()
	server.Hang(gate)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := tokens.Token(ctx, audience+"/two"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Token = %v, want DeadlineExceeded", err)
	}
	gate.Open() // the fetch under way is not lost
	if _, err := tokens.Token(t.Context(), audience+"/two"); err != nil {
		t.Errorf("and then: %v", err)
	}
	if _, err := tokens.Token(ctx, audience+"/two"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Token on an ended context = %v", err)
	}
	if _, err := tokens.Token(t.Context(), ""); err == nil {
		t.Error("a token without an audience")
	}
}

func TestTokensOfAPersonsLogin(t *testing.T) {
	gcptest.Credentials(t, map[string]string{
		"type": "authorized_user", "client_id": "c", "client_secret": "hush-secret", "refresh_token": "hush-refresh",
	})
	_, err := New().Token(t.Context(), audience)
	if err == nil || !strings.Contains(err.Error(), "--impersonate-service-account") ||
		strings.Contains(err.Error(), "hush") {
		t.Errorf("Token = %v, want what to do", err)
	}
}

func TestTokensOfAServiceAccountKey(t *testing.T) {
	gcptest.ServiceAccount(t, gcptest.Grant)
	if token, err := New().Token(t.Context(), audience); err != nil || strings.Count(token, ".") != 2 {
		t.Errorf("Token = %q, %v", token, err)
	}
}

func TestTokensOfARefusedKey(t *testing.T) {
	gcptest.ServiceAccount(t, gcptest.InvalidGrant)
	_, err := New().Token(t.Context(), audience)
	if err == nil || strings.Contains(err.Error(), "hush") || !strings.Contains(err.Error(), "invalid_grant") {
		t.Errorf("Token = %v, want the code without the answer", err)
	}
}

func TestOAuthCode(t *testing.T) {
	for body, want := range map[string]string{
		`{"error":"invalid_grant"}`: "invalid_grant", `{"error":{"code":1}}`: "", `<html>`: "", ``: "",
		`{"error":"` + strings.Repeat("x", 41) + `"}`: "",
	} {
		if got := oauthCode([]byte(body)); got != want {
			t.Errorf("oauthCode(%s) = %q, want %q", body, got, want)
		}
	}
}
