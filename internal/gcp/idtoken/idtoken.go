// Package idtoken obtains ID tokens for calls to services on Cloud Run.
package idtoken

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strings"
	"sync"
	"time"

	"golang.org/x/oauth2"
	api "google.golang.org/api/idtoken"

	"github.com/bucketocr/bucketocr/internal/gcp"
)

// Limits for fetching a token.
const (
	// fetchLimit limits one request to a token service. For the metadata server Google's client has its own limit: it
	// repeats six times and fails after half a minute.
	fetchLimit = 15 * time.Second
	// waitLimit is how long a caller waits for a token: its fetches, together with those that others start meanwhile,
	// might never end.
	waitLimit = 30 * time.Second
	// stuckAfter is when a fetch counts as stuck and another one is started.
	stuckAfter = 5 * time.Second
	// maxFetches is how many fetches may be under way for one audience.
	maxFetches = 3
)

// Source provides ID tokens, and keeps each until shortly before its expiry. All methods may be called concurrently.
//
// It is built on google.golang.org/api/idtoken, whose constructor fetches a token and ignores its context, which keeps
// a token for 55 minutes whatever its expiry, and in which a pending request blocks all others. So each fetch makes a
// new source of Google's, in a goroutine that no caller has to wait for.
//
// A token is a secret: it is returned and never part of a log line or an error.
type Source struct {
	fetch func(ctx context.Context, audience string) (string, error)

	mu   sync.Mutex
	held map[string]*held
}

// held is the token of one audience.
type held struct {
	token   string
	renew   time.Time // when to fetch a new one, while this one is still used
	expires time.Time
	round   *round // the pending fetch
}

// round is a fetch by one goroutine or, if that is stuck, by several. It ends with the first token or the last error.
type round struct {
	done    chan struct{}
	token   string
	err     error
	running int
	latest  time.Time // when the latest goroutine was started
}

// New returns a source. It does not touch the network.
func New() *Source { return &Source{fetch: fetchIDToken, held: map[string]*held{}} }

// Token returns an ID token for the audience, still valid for a while. If one has to be fetched, all callers wait for
// the same request; each stops waiting when its ctx ends, with ctx's error, or after half a minute, with another error.
// Errors are not kept: the next call tries again.
func (s *Source) Token(ctx context.Context, audience string) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", fmt.Errorf("ID token: %w", err)
	}
	token, r := s.ask(audience, time.Now())
	if token != "" {
		return token, nil
	}
	patience := time.NewTimer(waitLimit)
	defer patience.Stop()
	select {
	case <-r.done:
		return r.token, r.err
	case <-patience.C:
		return "", fmt.Errorf("ID token: no answer from the token service within %v", waitLimit)
	case <-ctx.Done():
		return "", fmt.Errorf("ID token: %w", ctx.Err())
	}
}

// Forget drops the token for the audience: the service refused it.
func (s *Source) Forget(audience string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if h := s.held[audience]; h != nil {
		h.token = ""
	}
}

// ask returns the held token, or the round to wait for. A token that is about to expire is returned, and renewed
// meanwhile.
func (s *Source) ask(audience string, now time.Time) (string, *round) {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := s.held[audience]
	if h == nil {
		h = &held{}
		s.held[audience] = h
	}
	if h.token != "" && now.Before(h.renew) {
		return h.token, nil
	}
	if h.round == nil {
		h.round = &round{done: make(chan struct{})}
	}
	r := h.round
	if r.running == 0 || r.running < maxFetches && now.Sub(r.latest) >= stuckAfter {
		r.running++
		r.latest = now
		go s.run(h, r, audience)
	}
	if h.token != "" && now.Before(h.expires) {
		return h.token, nil
	}
	return "", r
}

// run makes one fetch.
func (s *Source) run(h *held, r *round, audience string) {
	token, err := s.fetch(context.Background(), audience)
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	r.running--
	if r != h.round || err != nil && r.running > 0 {
		return // another fetch has ended the round, or may still end it
	}
	if err == nil {
		h.token = token
		h.renew, h.expires = lifetime(token, now)
	}
	r.token, r.err = token, err
	h.round = nil
	close(r.done)
}

// Margins before a token's expiry.
const (
	renewEarly  = 5 * time.Minute
	expireEarly = 30 * time.Second // a request under way still needs it, and clocks differ
	unknownLife = 5 * time.Minute  // of a token without an expiry
)

// lifetime returns when to renew a token and when to stop using it. A token that was already part-used when fetched is
// renewed after half of its remaining life.
func lifetime(token string, now time.Time) (renew, expires time.Time) {
	exp, ok := expiry(token)
	if !ok {
		exp = now.Add(unknownLife)
	}
	left := exp.Sub(now)
	return exp.Add(-min(renewEarly, left/2)), exp.Add(-min(expireEarly, left/2))
}

// fetchIDToken fetches a token with Google's client, a new one each time because it keeps tokens too long.
func fetchIDToken(ctx context.Context, audience string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchLimit)
	defer cancel()
	ctx = context.WithValue(ctx, oauth2.HTTPClient, &http.Client{Timeout: fetchLimit})
	source, err := api.NewTokenSource(ctx, audience)
	if err != nil {
		return "", tokenError(err)
	}
	token, err := source.Token()
	if err != nil {
		return "", tokenError(err)
	}
	return token.AccessToken, nil
}

// tokenError returns a short error that says what to do, without the token service's answer.
func tokenError(err error) error {
	if e, ok := errors.AsType[*oauth2.RetrieveError](err); ok && e.Response != nil {
		return fmt.Errorf("ID token: the token service answers HTTP %d %s", e.Response.StatusCode, oauthCode(e.Body))
	}
	why := gcp.Cause(err)
	switch {
	case strings.Contains(why, "unsupported credentials type"):
		why = "a person's own login cannot make ID tokens: log in as a service account with `gcloud auth application-default " +
			"login --impersonate-service-account=ACCOUNT`, or set GOOGLE_APPLICATION_CREDENTIALS to a service account's key"
	case strings.Contains(why, "could not find default credentials"),
		strings.Contains(why, "couldn't find any credentials"):
		why = "no credentials: run on Google Cloud, log in with `gcloud auth application-default login " +
			"--impersonate-service-account=ACCOUNT`, or set GOOGLE_APPLICATION_CREDENTIALS to a service account's key"
	}
	return fmt.Errorf("ID token: %s", why)
}

// oauthCode returns the code in a token service's answer, such as invalid_grant, without its description.
func oauthCode(body []byte) string {
	var answer struct {
		Error string `json:"error"`
	}
	if json.Unmarshal(body, &answer) != nil || len(answer.Error) > 40 {
		return ""
	}
	return answer.Error
}

// expiry returns a JWT's expiry. It does not verify the signature, which is up to the receiver; the time only decides
// when to fetch another token.
func expiry(token string) (time.Time, bool) {
	_, rest, _ := strings.Cut(token, ".")
	payload, _, ok := strings.Cut(rest, ".")
	if !ok {
		return time.Time{}, false
	}
	b, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(payload, "="))
	if err != nil {
		return time.Time{}, false
	}
	var claims struct {
		Exp float64 `json:"exp"` // seconds, in any JSON number format
	}
	if err := json.Unmarshal(b, &claims); err != nil || claims.Exp <= 0 || claims.Exp > math.MaxInt32*100 {
		return time.Time{}, false
	}
	return time.Unix(int64(claims.Exp), 0), true
}
