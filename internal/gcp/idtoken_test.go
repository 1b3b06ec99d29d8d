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
	"time"

	"github.com/bucketocr/bucketocr/ocr/ocrtest"
)

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
	if renew, expires := lifetime("opaque", now); !renew.After(now) || !expires.After(renew) || expires.After(now.Add(unknownLife)) {
		t.Errorf("an opaque token is renewed at %v and ends at %v, from %v", renew, expires, now)
	}
}

func TestTokensFromTheMetadataServer(t *testing.T) {
	tokens := NewTokens()
	audience := "https://" + rand.Text() + ".run.app" // asked for by nobody else
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
	tokens := NewTokens()
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
		t.Error("a token for nobody")
	}
}

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

// keyFile has Google's client find the key of a service account, and exchanges its assertions: for an ID token, or for
// the answer that refuse gives.
func keyFile(t *testing.T, refuse func(w http.ResponseWriter, assertion string) bool) {
	t.Helper()
	exchange := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if !refuse(w, r.FormValue("assertion")) {
			_ = json.NewEncoder(w).Encode(map[string]any{
				"id_token":     ocrtest.Token(audience, time.Now().Add(time.Hour)),
				"access_token": "access", "expires_in": 3600, "token_type": "Bearer",
			})
		}
	}))
	t.Cleanup(exchange.Close)
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	credentialsFile(t, map[string]string{
		"type": "service_account", "client_email": "ocr@demo-x.iam.gserviceaccount.com", "token_uri": exchange.URL,
		"private_key": string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})),
	})
}

func grant(http.ResponseWriter, string) bool { return false }

// invalidGrant refuses with what must not be passed on.
func invalidGrant(w http.ResponseWriter, assertion string) bool {
	w.WriteHeader(http.StatusBadRequest)
	_, _ = w.Write([]byte(`{"error":"invalid_grant","error_description":"hush ` + assertion + `"}`))
	return true
}

func TestTokensOfAServiceAccountKey(t *testing.T) {
	keyFile(t, grant)
	if token, err := NewTokens().Token(t.Context(), audience); err != nil || strings.Count(token, ".") != 2 {
		t.Errorf("Token = %q, %v", token, err)
	}
}

func TestTokensOfARefusedKey(t *testing.T) {
	keyFile(t, invalidGrant)
	_, err := NewTokens().Token(t.Context(), audience)
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
