package ocrtest

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"time"
)

// Token makes an ID token, unsigned as tests need no more, that is good until expires.
func Token(audience string, expires time.Time) string {
	claims, _ := json.Marshal(map[string]any{
		"aud": audience, "exp": expires.Unix(), "iat": expires.Add(-time.Hour).Unix(), "iss": "https://accounts.google.com",
		"sub": "100000000000000000000", "email": "function@example.iam.gserviceaccount.com", "email_verified": true,
	})
	encode := base64.RawURLEncoding.EncodeToString
	return encode([]byte(`{"alg":"none","typ":"JWT"}`)) + "." + encode(claims) + ".c2lnbmF0dXJl"
}

// FixedToken returns a token that is good for an hour; it fits ocr.Config.Token.
func FixedToken(_ context.Context, audience string) (string, error) {
	return Token(audience, time.Now().Add(time.Hour)), nil
}

// admit checks the ID token as Cloud Run does: none is a 403, a bad one, or two, a 401; nil lets the request in.
func (s *Server) admit(r *http.Request) *Reply {
	if s.audience == "" {
		return nil
	}
	given := r.Header.Values("X-Serverless-Authorization")
	if len(given) == 0 {
		given = r.Header.Values("Authorization")
	}
	status := 401
	switch {
	case len(given) == 0:
		status = 403
	case len(given) == 1 && s.good(given[0]):
		return nil
	}
	refusal := Platform(status)
	return &refusal
}

// good reports whether a header holds a token for this service that has not expired.
func (s *Server) good(header string) bool {
	token, found := strings.CutPrefix(header, "Bearer ")
	parts := strings.Split(token, ".")
	if !found || len(parts) != 3 {
		return false
	}
	s.mu.Lock()
	revoked := s.revoked[token]
	s.mu.Unlock()
	var claims struct {
		Audience string `json:"aud"`
		Expires  int64  `json:"exp"`
	}
	raw, err := base64.RawURLEncoding.DecodeString(parts[1])
	return err == nil && !revoked && json.Unmarshal(raw, &claims) == nil &&
		claims.Audience == s.audience && time.Unix(claims.Expires, 0).After(time.Now())
}
