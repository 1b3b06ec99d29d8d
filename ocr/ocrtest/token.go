package ocrtest

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"time"
)

// Token returns an unsigned ID token, which is sufficient for tests, valid until expires.
func Token(audience string, expires time.Time) string {
	claims, _ := json.Marshal(map[string]any{
		"aud": audience, "exp": expires.Unix(), "iat": expires.Add(-time.Hour).Unix(),
		"iss": "https://accounts.google.com",
		"sub": "100000000000000000000", "email": "function@example.iam.gserviceaccount.com", "email_verified": true,
	})
	encode := base64.RawURLEncoding.EncodeToString
	return encode([]byte(`{"alg":"none","typ":"JWT"}`)) + "." + encode(claims) + ".c2lnbmF0dXJl"
}

// FixedToken returns a token that is valid for an hour. It can be used as ocr.Config.Token.
func FixedToken(_ context.Context, audience string) (string, error) {
	return Token(audience, time.Now().Add(time.Hour)), nil
}
