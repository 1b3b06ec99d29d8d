package ocr

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Client reads pages with one server. It is safe for concurrent use, holds idle connections for a few seconds only, and needs no closing.
type Client struct {
	cfg    Config // defaults filled in
	base   string
	http   *http.Client
	served atomic.Pointer[served]
	asking sync.Mutex   // one goroutine at a time asks which models there are
	done   atomic.Int64 // complete answers so far
}

// served is what the requests are addressed to.
type served struct {
	model   string
	profile Profile
	limit   int // the context that the server states, in tokens; 0 if it was not asked
}

// context is prompt and answer together, in tokens; 0 if unknown.
func (s *served) context() int {
	if s.limit > 0 {
		return s.limit
	}
	return s.profile.Context
}

// New checks the configuration and gives every problem at once. It does not touch the network.
func New(cfg Config) (*Client, error) {
	cfg, base, profile, err := cfg.check()
	if err != nil {
		return nil, err
	}
	if cfg.Transport == nil {
		cfg.Transport = newTransport()
	}
	if cfg.Sleep == nil {
		cfg.Sleep = sleep
	}
	if cfg.Rand == nil {
		cfg.Rand = rand.Float64
	}
	c := &Client{cfg: cfg, base: base.String()}
	c.http = &http.Client{
		Transport:     cfg.Transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	c.served.Store(&served{model: cfg.Model, profile: profile})
	return c, nil
}

const (
	dialTimeout = 10 * time.Second // as LightOnOCR's own client; Cloud Run's front end takes connections at once, also while it starts a GPU
	idleTimeout = 4 * time.Second  // vLLM closes idle connections after 5 s, and a POST on one that is just being closed is lost
	maxIdle     = 64               // as many pages as a well set up server works on at once
	maxHeader   = 64 << 10         // bytes of response headers
)

// newTransport speaks HTTP/1.1, as vLLM does: one connection per page, so that the phases of a try can be told apart.
func newTransport() *http.Transport {
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	return &http.Transport{
		DialContext:            (&net.Dialer{Timeout: dialTimeout}).DialContext,
		TLSHandshakeTimeout:    dialTimeout,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
		IdleConnTimeout:        idleTimeout,
		MaxIdleConns:           maxIdle,
		MaxIdleConnsPerHost:    maxIdle,
		MaxResponseHeaderBytes: maxHeader,
		DisableCompression:     true,
		Protocols:              &protocols,
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Profile is what the model in use wants; pages are sized to its Edge. It can change once, when the server turns out to serve another
// family than the one that was configured by name.
func (c *Client) Profile() Profile { return c.served.Load().profile }

// ExtractText reads one page. A result without an error can still fall short of the page: see [Result.Warnings]. The error is always an
// *[Error]. It may be called at once from many goroutines, and again for the same image; every call costs GPU time, and two
// readings of one page may differ, digits included.
func (c *Client) ExtractText(ctx context.Context, img Image) (Result, error) {
	if problem := checkSize(img); problem != nil {
		return Result{}, problem
	}
	r := &reading{client: c, img: img}
	best, problem := r.read(ctx)
	if problem != nil {
		return Result{}, problem
	}
	return r.result(best), nil
}

// checkSize refuses what nobody would take, before anything is opened.
func checkSize(img Image) *Error {
	switch {
	case img.Size <= 0:
		return imageProblem(KindBadImage, "the image holds no bytes")
	case img.Open == nil:
		return causeError(KindImageSource, PhaseImage, errors.New("Image.Open is missing"))
	case img.Size > maxBody, base64.StdEncoding.EncodedLen(int(img.Size)) > maxBody:
		return tooLarge(img.Size)
	}
	return nil
}

func tooLarge(size int64) *Error {
	return imageProblem(KindTooLarge, "an image of %d bytes makes a request beyond the %d bytes that the platform takes", size, maxBody)
}
