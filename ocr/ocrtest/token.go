package ocrtest

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"time"
)

// Token makes an ID token, unsigned as tests need no more, that is good until expires.
func Token(audience string, expires time.Time) string {
	claims, _ := json.Marshal(map[string]any{
		"aud": audience, "exp": expires.Unix(), "iat": expires.Add(-time.Hour).Unix(),
		"iss": "https://accounts.google.com",
		"sub": "100000000000000000000", "email": "function@example.iam.gserviceaccount.com", "email_verified": true,
	})
	encode := base64.RawURLEncoding.EncodeToString
	return encode([]byte(`{"alg":"none","typ":"JWT"}`)) + "." + encode(claims) + ".c2lnbmF0dXJl"
}

// FixedToken returns a token that is good for an hour; it fits ocr.Config.Token.
func FixedToken(_ context.Context, audience string) (string, error) {
	return Token(audience, time.Now().Add(time.Hour)), nil
}
