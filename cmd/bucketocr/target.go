package main

import (
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"net/url"
	"time"

	"github.com/bucketocr/bucketocr/internal/backfill"
	"github.com/bucketocr/bucketocr/internal/event"
	"github.com/bucketocr/bucketocr/internal/gcp"
)

// targetText is the part about it of a command's help.
const targetText = `
The function's address is --to or FUNCTION_URL (gcloud run services describe bucketocr --format='value(status.url)'); with
--local it is the running up's. The caller needs roles/run.invoker on it. The ID token is ID_TOKEN if that is set, else it
comes from your credentials: a service account's, or your own by way of one (gcloud auth application-default login
--impersonate-service-account=ACCOUNT). None is sent to an address on this machine.
`

// target is the function that a command posts to.
type target struct{ to string }

func (t *target) flags(fs *flag.FlagSet) {
	fs.StringVar(&t.to, "to", "", "`URL` of the function (default FUNCTION_URL; with --local the running up)")
}

// functionPoster is the way to it.
type functionPoster struct{ *backfill.Poster }

// poster finds the function. It calls nobody.
func (t *target) poster(sys system, p *place) (functionPoster, error) {
	address := t.to
	if address == "" {
		address, _ = sys.lookup("FUNCTION_URL")
	}
	if address == "" {
		address = p.door
	}
	if address == "" && p.bucket != "" {
		return functionPoster{}, errors.New("bucketocr up does not run in this folder: start it, or say --to URL")
	}
	if address == "" {
		return functionPoster{}, errors.New("no address of the function: say --to URL or set FUNCTION_URL")
	}
	poster, err := backfill.NewPoster(address, idToken(sys, address))
	return functionPoster{poster}, err
}

// idToken is the source of ID tokens for the function; nil where none is wanted.
func idToken(sys system, address string) func(context.Context) (string, error) {
	if token, ok := sys.lookup("ID_TOKEN"); ok && token != "" {
		return func(context.Context) (string, error) { return token, nil }
	}
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" {
		return nil
	}
	tokens := gcp.NewTokens()
	audience := u.Scheme + "://" + u.Host
	return func(ctx context.Context) (string, error) { return tokens.Token(ctx, audience) }
}

// sweep has the function take what is due, and waits for its end.
func (p functionPoster) sweep(ctx context.Context) error {
	a := p.Post(ctx, event.Sweep(rand.Text(), time.Now()))
	if a.Verdict != backfill.Settled {
		return fmt.Errorf("the sweep: %s", a.What)
	}
	return nil
}
