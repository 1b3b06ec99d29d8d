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

// targetText is the part about it of a command's help.
const targetText = `
The function's address is --to, else FUNCTION_URL (gcloud run services describe bucketocr --format='value(status.url)'); with
--local it is --to, else that of the running bucketocr up, whatever FUNCTION_URL says. The caller needs roles/run.invoker on it.
The ID token is ID_TOKEN if that is set, else it comes from your credentials: a service account's, or your own by way of one
(gcloud auth application-default login --impersonate-service-account=ACCOUNT). None is sent over plain http to an address on
this machine, nor to an address that the folder names.
`

// target is the function that a command posts to.
type target struct{ to string }

func (t *target) flags(fs *pflag.FlagSet) {
	fs.StringVar(&t.to, "to", "",
		"`URL` of the function (default FUNCTION_URL; with --local that of the running bucketocr up)")
	section(fs, whereTitle, "to")
}

// functionPoster is the way to it.
type functionPoster struct{ *backfill.Poster }

// poster finds the function. It connects to a running bucketocr up at most, to check that it is there.
func (t *target) poster(sys system, p *place) (functionPoster, error) {
	address, token, err := t.find(sys, p)
	if err != nil {
		return functionPoster{}, err
	}
	poster, err := backfill.NewPoster(address, token)
	return functionPoster{poster}, err
}

// tokenSource returns the bearer token for the function; it is nil where none is wanted.
type tokenSource func(context.Context) (string, error)

// find returns the function's address and the tokens for it. An ID token is for an address that the user names: one
// that a folder names gets that folder's token and no other.
func (t *target) find(sys system, p *place) (address string, token tokenSource, err error) {
	if t.to != "" {
		return t.to, idToken(sys, t.to), nil
	}
	if p.endpoint != nil { // a function in the cloud knows nothing of a folder, so FUNCTION_URL is not meant
		e, err := p.endpoint()
		if err != nil {
			return "", nil, err
		}
		if !answers(e.URL) { // one that was killed leaves its address
			return "", nil, errors.New("bucketocr up is not running in this folder: start it, or say --to URL")
		}
		return e.URL, func(context.Context) (string, error) { return e.Token, nil }, nil
	}
	if address, _ := sys.lookup("FUNCTION_URL"); address != "" {
		return address, idToken(sys, address), nil
	}
	return "", nil, errors.New("no address of the function: say --to URL or set FUNCTION_URL")
}

// nextSweep says when what is due is taken.
func (p *place) nextSweep() string {
	if p.endpoint == nil {
		return "The next sweep takes them, within five minutes."
	}
	if e, err := p.endpoint(); err != nil || !answers(e.URL) {
		return "bucketocr up is not running in this folder: it takes them when it is."
	}
	return "The running bucketocr up takes them within a second."
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
