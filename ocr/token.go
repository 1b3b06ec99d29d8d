package ocr

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// tokenLimit is how long Config.Token may take, outside the time of a try: a metadata server answers in milliseconds or hangs.
const tokenLimit = 10 * time.Second

var errTokenLimit = fmt.Errorf("no token after %v", tokenLimit)

// credentials are what one request carries.
type credentials struct{ token, key string }

// apply sets the headers; it never adds to them, since two tokens are refused.
func (a credentials) apply(h http.Header) {
	switch {
	case a.key != "":
		h.Set("Authorization", "Bearer "+a.key)
		if a.token != "" {
			h.Set("X-Serverless-Authorization", "Bearer "+a.token)
		}
	case a.token != "":
		h.Set("Authorization", "Bearer "+a.token)
	}
}

// hide takes the secrets out of a text that a server sent back.
func (a credentials) hide(text string) string {
	for _, secret := range []string{a.token, a.key} {
		if secret != "" {
			text = strings.ReplaceAll(text, secret, "[secret]")
		}
	}
	return text
}

// authorize gets what the next request carries.
func (c *Client) authorize(ctx context.Context) (credentials, *Error) {
	auth := credentials{key: c.cfg.APIKey}
	if c.cfg.Token == nil {
		return auth, nil
	}
	limited, cancel := context.WithTimeoutCause(ctx, tokenLimit, errTokenLimit)
	defer cancel()
	token, err := awaitToken(limited, c.cfg.Token, c.cfg.Audience)
	switch {
	case err != nil && ctx.Err() != nil:
		return auth, canceled(ctx, PhaseToken)
	case err != nil:
		return auth, causeError(KindToken, PhaseToken, err)
	}
	auth.token = token
	return auth, nil
}

// awaitToken leaves behind a function that does not obey its context. A panic in it is an error: it would otherwise end the process
// from a goroutine that nobody can guard.
func awaitToken(ctx context.Context, token TokenFunc, audience string) (string, error) {
	type result struct {
		token string
		err   error
	}
	got := make(chan result, 1)
	go func() {
		defer func() {
			if p := recover(); p != nil {
				got <- result{err: fmt.Errorf("the token function panicked: %v", p)}
			}
		}()
		t, err := token(ctx, audience)
		got <- result{t, err}
	}()
	select {
	case r := <-got:
		if r.err == nil && (r.token == "" || strings.ContainsFunc(r.token, notInHeader)) {
			return "", errors.New("the token function gave nothing that a header can carry")
		}
		return r.token, r.err
	case <-ctx.Done():
		return "", fmt.Errorf("%w: %w", context.Cause(ctx), ctx.Err())
	}
}
