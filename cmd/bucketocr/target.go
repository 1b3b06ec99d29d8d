package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/url"
	"time"

	"github.com/spf13/pflag"

	"github.com/bucketocr/bucketocr/internal/backfill"
	"github.com/bucketocr/bucketocr/internal/event"
	"github.com/bucketocr/bucketocr/internal/gcp/idtoken"
	"github.com/bucketocr/bucketocr/ocr"
)

// targetText describes targets in the help of commands.
const targetText = `
The function's address is --to, or FUNCTION_URL (gcloud run services describe bucketocr
--project=PROJECT --region=REGION --format='value(status.url)'); with --local it is --to, or that of
the running bucketocr up process, regardless of FUNCTION_URL. The caller needs roles/run.invoker on
the function. The ID token is ID_TOKEN if set: yours is printed by gcloud auth print-identity-token
and valid for an hour. Otherwise it is obtained with your credentials, if those are a service
account's or impersonate one (gcloud auth application-default login
--impersonate-service-account=ACCOUNT); the account then also needs the roles for documents and
objects. No ID token is sent over plain http to this machine, or to an address found in the folder.
`

// target is the flag for the function that a command posts to.
type target struct{ to string }

func (t *target) flags(fs *pflag.FlagSet) {
	fs.StringVar(&t.to, "to", "",
		"`URL` of the function (default FUNCTION_URL; with --local, that of the running bucketocr up)")
	section(fs, whereTitle, "to")
}

// functionPoster posts to the function.
type functionPoster struct{ *backfill.Poster }

// poster returns a poster for the function. It makes no connections, except to check that bucketocr up is running.
func (t *target) poster(sys system, p *place) (functionPoster, error) {
	address, token, err := t.find(sys, p)
	if err != nil {
		return functionPoster{}, err
	}
	poster, err := backfill.NewPoster(address, token)
	return functionPoster{poster}, err
}

// tokenSource returns the bearer token for the function. A nil source means that none is sent.
type tokenSource func(context.Context) (string, error)

// find returns the function's address and the source of its tokens. ID tokens are only sent to an address that the user
// gave; an address found in a folder gets only that folder's token.
func (t *target) find(sys system, p *place) (address string, token tokenSource, err error) {
	if t.to != "" {
		return t.to, idToken(sys, t.to), nil
	}
	if p.endpoint != nil { // FUNCTION_URL is ignored: a function in the cloud knows nothing of a folder
		e, err := p.endpoint()
		if err != nil {
			return "", nil, err
		}
		if !answers(e.URL) { // a killed process leaves its address behind
			return "", nil, errors.New("bucketocr up is not running in this folder: start it, or use --to URL")
		}
		return e.URL, func(context.Context) (string, error) { return e.Token, nil }, nil
	}
	if address, _ := sys.lookup("FUNCTION_URL"); address != "" {
		return address, idToken(sys, address), nil
	}
	return "", nil, errors.New("no address for the function: use --to URL or set FUNCTION_URL")
}

// nextSweep tells the user when due documents will be processed.
func (p *place) nextSweep() string {
	if p.endpoint == nil {
		return "The next sweep, within five minutes, processes them."
	}
	if e, err := p.endpoint(); err != nil || !answers(e.URL) {
		return "bucketocr up is not running in this folder: it processes them when it next runs."
	}
	return "The running bucketocr up processes them within a second."
}

// answers reports whether something listens at an address on this machine.
func answers(address string) bool {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return false
	}
	conn, err := net.DialTimeout("tcp", u.Host, 5*time.Second)
	if err != nil {
		return false
	}
	return conn.Close() == nil
}

// idToken returns the source of ID tokens for the function.
func idToken(sys system, address string) tokenSource {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" && ocr.IsLoopback(u) {
		return nil
	}
	if token, ok := sys.lookup("ID_TOKEN"); ok && token != "" {
		return func(context.Context) (string, error) { return token, nil }
	}
	if u.Scheme != "https" {
		return nil
	}
	tokens := idtoken.New()
	audience := u.Scheme + "://" + u.Host
	return func(ctx context.Context) (string, error) {
		token, err := tokens.Token(ctx, audience)
		if err != nil {
			err = fmt.Errorf("%w; or set ID_TOKEN to the output of `gcloud auth print-identity-token`", err)
		}
		return token, err
	}
}

// sweep triggers a sweep of the function and waits until it ends.
func (p functionPoster) sweep(ctx context.Context) error {
	a := p.Post(ctx, event.Sweep(rand.Text(), time.Now()))
	if a.Verdict != backfill.Settled {
		return fmt.Errorf("the sweep: %s", a.What)
	}
	return nil
}
