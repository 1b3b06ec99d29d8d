package ocr_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bucketocr/bucketocr/ocr"
	"github.com/bucketocr/bucketocr/ocr/ocrtest"
)

// fixed gives always the same token.
func fixed(token string) ocr.TokenFunc {
	return func(context.Context, string) (string, error) { return token, nil }
}

func TestTokenIsAskedForTheAudience(t *testing.T) {
	tests := []struct{ name, url, audience, want string }{
		{"origin", "https://ocr-abc.a.run.app", "", "https://ocr-abc.a.run.app"},
		{"path and slash cut off", "https://OCR-abc.a.run.app/some/path/", "", "https://ocr-abc.a.run.app"},
		{"port kept", "https://ocr.example:8443/v1", "", "https://ocr.example:8443"},
		{"as configured", "https://ocr.example", "https://custom.example/x/", "https://custom.example/x/"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var asked string
			c, err := ocr.New(ocr.Config{URL: test.url, Audience: test.audience, Token: func(_ context.Context, audience string) (string, error) {
				asked = audience
				return "", errors.New("none")
			}})
			if err != nil {
				t.Fatal(err)
			}
			_, err = c.ExtractText(t.Context(), ocr.Bytes(pngPage(t)))
			if e := failure(t, err); asked != test.want || e.Kind != ocr.KindToken || e.Phase != ocr.PhaseToken {
				t.Errorf("asked for %q, want %q; %v", asked, test.want, err)
			}
		})
	}
}

func TestTokensThatCannotBeSent(t *testing.T) {
	gone := errors.New("metadata server gone")
	for name, token := range map[string]ocr.TokenFunc{
		"error":      func(context.Context, string) (string, error) { return "", gone },
		"empty":      fixed(""),
		"line break": fixed("abc\r\nX-Evil: 1"),
		"blank":      fixed("two words"),
		"panic":      func(context.Context, string) (string, error) { panic(gone) },
	} {
		s := ocrtest.New(t)
		_, err := newClient(t, s, func(cfg *ocr.Config) { cfg.Token = token }).ExtractText(patience(t), ocr.Bytes(pngPage(t)))
		if e := failure(t, err); e.Kind != ocr.KindToken || s.Counts().Requests != 0 || name == "error" && !errors.Is(err, gone) {
			t.Errorf("%s: %v after %d requests", name, err, s.Counts().Requests)
		}
		if strings.Contains(err.Error(), "X-Evil") || strings.Contains(err.Error(), "two words") {
			t.Errorf("%s: the error tells the token: %v", name, err)
		}
	}
}

func TestTokenGoesWithoutPlainHTTP(t *testing.T) {
	for url, want := range map[string]bool{
		"https://ocr.example": true, "http://127.0.0.1:8000": true, "http://[::1]:8000": true, "http://localhost:8000": true,
		"http://ocr.example": false, "http://10.0.0.7:8000": false, "http://localhost.evil.example": false, "http://127.0.0.1.evil.example": false,
	} {
		if _, err := ocr.New(ocr.Config{URL: url, Token: fixed("t")}); (err == nil) != want {
			t.Errorf("%s with a token: %v", url, err)
		}
		if _, err := ocr.New(ocr.Config{URL: url}); err != nil {
			t.Errorf("%s without a token: %v", url, err)
		}
	}
}

func TestRefusedTokenIsRenewedOnce(t *testing.T) {
	old := ocrtest.Token("aud", time.Now().Add(time.Hour))
	fresh := ocrtest.Token("aud", time.Now().Add(2*time.Hour))
	tests := []struct {
		name     string
		next     string // token after the first was forgotten
		key      string
		kind     ocr.Kind
		forgets  int32
		requests int
	}{
		{"fresh one is good", fresh, "", "", 1, 2},
		{"fresh one is refused too", old, "", ocr.KindUnauthenticated, 1, 2},
		{"the key is wrong, not the token", fresh, "wrong", ocr.KindUnauthenticated, 1, 2},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			options := []ocrtest.Option{ocrtest.RequireToken("aud")}
			if test.key != "" {
				options = append(options, ocrtest.Key("right"))
			}
			s := ocrtest.New(t, options...)
			s.Revoke(old)
			var token atomic.Value
			token.Store(old)
			var forgets atomic.Int32
			c := newClient(t, s, func(cfg *ocr.Config) {
				cfg.Audience, cfg.APIKey = "aud", test.key
				cfg.Token = func(context.Context, string) (string, error) { return token.Load().(string), nil }
				cfg.ForgetToken = func(audience string) {
					if audience == "aud" {
						forgets.Add(1)
					}
					token.Store(test.next)
				}
			})
			_, err := c.ExtractText(patience(t), ocr.Bytes(pngPage(t)))
			var kind ocr.Kind
			if err != nil {
				kind = failure(t, err).Kind
			}
			if kind != test.kind || forgets.Load() != test.forgets || s.Counts().Requests != test.requests {
				t.Errorf("%v after %d requests and %d forgets", err, s.Counts().Requests, forgets.Load())
			}
		})
	}
}

// The server's own 401 is about its key: a fresh token would change nothing.
func TestWrongKeyDoesNotRenewTheToken(t *testing.T) {
	s := ocrtest.New(t, ocrtest.RequireToken("aud"), ocrtest.Key("right"))
	c := newClient(t, s, func(cfg *ocr.Config) {
		cfg.Audience, cfg.Token, cfg.APIKey = "aud", ocrtest.FixedToken, "wrong"
		cfg.ForgetToken = func(string) { t.Error("the token was forgotten") }
	})
	_, err := c.ExtractText(patience(t), ocr.Bytes(pngPage(t)))
	if e := failure(t, err); e.Kind != ocr.KindUnauthenticated || s.Counts().Requests != 1 {
		t.Errorf("%v after %d requests", err, s.Counts().Requests)
	}
}
