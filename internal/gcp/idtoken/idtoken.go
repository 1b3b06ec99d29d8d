// Package idtoken is the source of the ID tokens with which services on Cloud Run are called.
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

// Limits of fetching a token.
const (
	// fetchLimit bounds one request to a token service. The metadata server has a limit of its own in Google's client,
	// which repeats six times and fails after half a minute.
	fetchLimit = 15 * time.Second
	// waitLimit is how long a caller waits for a token: what its fetches take, with those that others start meanwhile,
	// may be without end.
	waitLimit = 30 * time.Second
	// stuckAfter is when a fetch counts as stuck, so that another is started beside it.
	stuckAfter = 5 * time.Second
	// maxFetches is how many may be under way for one audience.
	maxFetches = 3
)

// Source returns ID tokens, each kept until shortly before the end that it names itself. All methods may be called
// concurrently.
//
// It is built on google.golang.org/api/idtoken, whose constructor fetches and ignores its context, which keeps a token
// for 55 minutes whatever the token says, and whose request under way blocks all others. So each fetch is a new source
// of Google's, in a goroutine that no caller has to wait for.
//
// A token is a secret: it is returned and goes nowhere else, no log and no error.
type Source struct {
	fetch func(ctx context.Context, audience string) (string, error)

	mu   sync.Mutex
	held map[string]*held
}

// held is what is known for one audience.
type held struct {
	token   string
	renew   time.Time // from then on a new one is fetched, while this one serves
	expires time.Time
	round   *round // the fetching under way
}

// round is one fetching, by one goroutine or, where that is stuck, by several. The first token ends it, or the last
// error.
type round struct {
	done    chan struct{}
	token   string
	err     error
	running int
	latest  time.Time // the youngest goroutine's start
}

// New returns a source. It does not touch the network.
func New() *Source { return &Source{fetch: fetchIDToken, held: map[string]*held{}} }

// Token returns an ID token for the audience, valid for a while yet. Where one has to be fetched, all callers wait for
// the same request; each stops waiting when its ctx ends, with an error that is ctx's, or after half a minute, with one
// that is not. Errors are not kept: the next call tries again.
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

// ask returns the token that is held, or the round to wait for. A token that is about to end is returned, and renewed
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

// run is one fetch.
func (s *Source) run(h *held, r *round, audience string) {
	token, err := s.fetch(context.Background(), audience)
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	r.running--
	if r != h.round || err != nil && r.running > 0 {
		return // another one ended the round, or may yet
	}
	if err == nil {
		h.token = token
		h.renew, h.expires = lifetime(token, now)
	}
	r.token, r.err = token, err
	h.round = nil
	close(r.done)
}

// Margins before a token's end.
const (
	renewEarly  = 5 * time.Minute
	expireEarly = 30 * time.Second // a request under way still needs it, and clocks differ
	unknownLife = 5 * time.Minute  // of a token that does not say
)

// lifetime says when to renew a token and when not to use it any more. One that was handed out part-used is renewed
// after half of what is left.
func lifetime(token string, now time.Time) (renew, expires time.Time) {
	exp, ok := expiry(token)
	if !ok {
		exp = now.Add(unknownLife)
	}
	left := exp.Sub(now)
	return exp.Add(-min(renewEarly, left/2)), exp.Add(-min(expireEarly, left/2))
}

// fetchIDToken asks Google's client, a new one for each token because it keeps what it has too long.
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

// tokenError says what to do, in a few words; a token service's answer is left out.
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

// oauthCode is the code in a token service's answer, such as invalid_grant; what describes it is left out.
func oauthCode(body []byte) string {
	var answer struct {
		Error string `json:"error"`
	}
	if json.Unmarshal(body, &answer) != nil || len(answer.Error) > 40 {
		return ""
	}
	return answer.Error
}

// expiry reads when a JWT ends. Its signature is the receiver's to check; here the time only says when to fetch
// another.
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
		Exp float64 `json:"exp"` // seconds, in whatever form JSON has for a number
	}
	if err := json.Unmarshal(b, &claims); err != nil || claims.Exp <= 0 || claims.Exp > math.MaxInt32*100 {
		return time.Time{}, false
	}
	return time.Unix(int64(claims.Exp), 0), true
}
