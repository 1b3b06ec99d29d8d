package ocr

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Defaults of [Config].
const (
	DefaultModel    = "lightonai/LightOnOCR-2-1B"
	DefaultTimeout  = 120 * time.Second
	DefaultMaxTries = 4
)

// Modes of [Config].
const (
	ModePlain  = "plain"  // Markdown of the page
	ModeLayout = "layout" // labelled blocks with boxes and their Markdown (LightOnOCR-3)
)

// Config configures a [Client]. Only URL is required.
type Config struct {
	// URL is the address of the server, in a form that [ParseURL] accepts.
	URL string
	// Audience is the audience of the ID tokens. The default is the [Origin] of URL, as Cloud Run expects. It is used
	// literally, for custom domains and load balancers.
	Audience string
	// Token supplies ID tokens; if it is nil, none are sent. If it is set, URL must pass [CheckTokenURL].
	Token TokenFunc
	// ForgetToken, if not nil, is called when the platform rejects a token with 401, at most once per call of
	// ExtractText and before one more try.
	ForgetToken func(audience string)
	// APIKey is the server's own key (vLLM's --api-key). It is sent in the Authorization header, and the ID token then
	// in X-Serverless-Authorization, which Cloud Run reads first.
	APIKey string
	// Model is the name of the model, DefaultModel if empty. If the server does not have it but serves exactly one
	// other model, that one is used from then on.
	Model string
	// Profile is one of [ProfileNames]. If it is empty, the profile is chosen by the model's name.
	Profile string
	// Mode is ModePlain (the default) or ModeLayout.
	Mode string
	// Timeout limits one try, from connecting to the last byte of the answer; a call can take several tries. The
	// default is DefaultTimeout.
	Timeout time.Duration
	// MaxTokens limits the length of an answer, in tokens. It is also the only bound on the GPU time that is wasted
	// when a caller gives up. The default is the profile's. If the context leaves less room beside the page, the limit
	// is lower.
	MaxTokens int
	// MaxTries limits the requests, including the first, for one question if the server is busy or unreachable, with
	// waits between them. The default is DefaultMaxTries. Callers that do their own waiting should set 1.
	MaxTries int
	// Header, if not nil, adds headers, such as traceparent, to the request of each try. It is called with the context
	// of the call before the request is sent, possibly by many goroutines at once, and must return quickly. Values that
	// it sets for Authorization, X-Serverless-Authorization and Content-Type are dropped.
	Header func(ctx context.Context, h http.Header)
	// Transport makes the requests. The default is a transport of the client's own, for HTTP/1.1 and without a proxy. A
	// custom one sees tokens, and must be safe for concurrent use.
	Transport http.RoundTripper

	hooks hooks
}

// hooks replaces clock and randomness in tests.
type hooks struct {
	// returns after the duration, or earlier with the context's error
	sleep func(context.Context, time.Duration) error
	rand  func() float64 // in [0, 1)
	now   func() time.Time
}

// Client reads pages with one server. It is safe for concurrent use. It keeps idle connections for only a few seconds,
// and need not be closed.
type Client struct {
	*server
	catalog *catalog
}

// New returns a client, or an error that lists every problem in the configuration. It makes no connections.
func New(cfg Config) (*Client, error) {
	cfg = cfg.withDefaults()
	base, profile, err := cfg.check()
	if err != nil {
		return nil, err
	}
	cfg.Audience = cmp.Or(cfg.Audience, Origin(base))
	s := &server{cfg: cfg, base: base.String(), http: &http.Client{
		Transport:     cfg.Transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	configured := &target{model: cfg.Model, profile: profile}
	c := &Client{server: s, catalog: &catalog{server: s, layout: cfg.Mode == ModeLayout, settled: cfg.Profile != "",
		first: configured}}
	c.catalog.now.Store(configured)
	return c, nil
}

// Profile returns the profile of the model in use. Callers should scale pages down to its Edge. It can change if
// the server turns out to serve a family other than that of the configured name.
func (c *Client) Profile() Profile { return c.catalog.current().profile }

// ExtractText reads one page. Even without an error the text may be incomplete: see [Result.Warnings]. The error is
// always an *[Error]. Both the result and the error record all tries. ExtractText may be called concurrently, and
// repeatedly for the same image; every call costs GPU time, and two readings of the same page may differ, even in
// digits.
func (c *Client) ExtractText(ctx context.Context, img Image) (Result, error) {
	if err := img.check(); err != nil {
		return Result{}, err
	}
	k := &call{client: c, img: img}
	read, err := k.read(ctx)
	if err != nil {
		failed := asError(err)
		failed.Tries = k.tries
		return Result{}, failed
	}
	return read.result(), nil
}

// Healthy asks the server for its models and reports whether the configured one, or the one used in its place, is
// served. This verifies address, token, key and model, but not that the GPU can read. It takes at most 10 s, including
// the token, and never panics. With llama-server, which ignores the model name in requests, Healthy needs the correct
// Config.Model.
//
// Any request starts a GPU service that has scaled to zero, and keeps it running: call Healthy when needed, not on a
// timer.
func (c *Client) Healthy(ctx context.Context) (healthy bool) {
	defer func() {
		if recover() != nil { // a nil context
			healthy = false
		}
	}()
	return c.catalog.probe(ctx) == nil
}

// WaitHealthy waits until [Client.Healthy] is true, polling with growing pauses of at most 30 s. If ctx ends before
// that, it returns an *[Error] with the last problem. It is meant for operators and start-up scripts.
func (c *Client) WaitHealthy(ctx context.Context) error {
	hooks := c.server.cfg.hooks
	for d := 2 * firstWait; ; d = min(2*d, probeMaxWait) {
		err := c.catalog.probe(ctx)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil || hooks.sleep(ctx, min(d/2+time.Duration(hooks.rand()*float64(d)), probeMaxWait)) != nil {
			end := canceled(ctx, PhaseRead)
			end.Message = cleanText(end.Message + "; last: " + err.Error())
			return end
		}
	}
}

func (cfg Config) withDefaults() Config {
	cfg.Model, cfg.Mode = cmp.Or(cfg.Model, DefaultModel), cmp.Or(cfg.Mode, ModePlain)
	cfg.Timeout, cfg.MaxTries = cmp.Or(cfg.Timeout, DefaultTimeout), cmp.Or(cfg.MaxTries, DefaultMaxTries)
	if cfg.Transport == nil {
		cfg.Transport = newTransport()
	}
	if cfg.hooks.sleep == nil {
		cfg.hooks.sleep = sleep
	}
	if cfg.hooks.rand == nil {
		cfg.hooks.rand = rand.Float64
	}
	if cfg.hooks.now == nil {
		cfg.hooks.now = time.Now
	}
	return cfg
}

// check returns the parsed URL and the initial profile, or an error that lists every problem.
func (cfg Config) check() (*url.URL, Profile, error) {
	var problems []error
	note := func(format string, args ...any) { problems = append(problems, fmt.Errorf("ocr: "+format, args...)) }

	base, err := ParseURL(cfg.URL)
	if err == nil && cfg.Token != nil {
		err = CheckTokenURL(base)
	}
	if err != nil {
		note("URL: %w", err)
	}
	profile := ProfileOf(cfg.Model)
	if cfg.Profile != "" {
		var known bool
		if profile, known = profileByName(cfg.Profile); !known {
			note("Profile: %q is none of %s", cfg.Profile, strings.Join(ProfileNames(), ", "))
		}
	}
	switch {
	case cfg.Mode != ModePlain && cfg.Mode != ModeLayout:
		note("Mode: %q is neither %s nor %s", cfg.Mode, ModePlain, ModeLayout)
	case cfg.Mode == ModeLayout && profile.Name != "" && !profile.Layout:
		note("Mode: %s has no layout mode", profile.Name)
	}
	if cfg.Timeout < 0 {
		note("Timeout: %v is negative", cfg.Timeout)
	}
	if cfg.MaxTokens < 0 {
		note("MaxTokens: %d is negative", cfg.MaxTokens)
	}
	if cfg.MaxTries < 0 {
		note("MaxTries: %d is negative", cfg.MaxTries)
	}
	if strings.ContainsFunc(cfg.APIKey, notInHeader) {
		note("APIKey: holds a blank or a character that no header can carry")
	}
	return base, profile, errors.Join(problems...)
}

// ParseURL parses the base URL of a server. It removes surrounding blanks and a trailing slash or /v1, and lower-cases
// the host. An error reads as a predicate, such as "must name a host", for use after the name of a setting; it never
// contains the URL, which may hold a password.
func ParseURL(raw string) (*url.URL, error) {
	raw = strings.TrimSpace(raw)
	u, err := url.Parse(raw)
	switch {
	case raw == "":
		return nil, errors.New("must be set")
	case err != nil, !utf8.ValidString(u.Host): // an IPv6 zone may hold any byte
		return nil, errors.New("must be a URL")
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, errors.New("must begin with https:// or http://")
	case u.Hostname() == "":
		return nil, errors.New("must name a host")
	case !validPort(u):
		return nil, errors.New("must have a port from 1 to 65535, or none")
	case u.User != nil:
		return nil, errors.New("must hold no user or password")
	case strings.ContainsAny(raw, "?#"):
		return nil, errors.New("must hold no query or fragment")
	}
	escaped := strings.TrimRight(u.EscapedPath(), "/")
	escaped = strings.TrimRight(strings.TrimSuffix(escaped, "/v1"), "/")
	if strings.Contains(escaped+"/", "/v1/") {
		return nil, errors.New("must be the base URL, not an endpoint below it")
	}
	path, err := url.PathUnescape(escaped)
	if err != nil {
		return nil, errors.New("must be a URL")
	}
	return &url.URL{Scheme: u.Scheme, Host: strings.ToLower(u.Host), Path: path, RawPath: escaped}, nil
}

func validPort(u *url.URL) bool {
	if u.Port() == "" {
		return !strings.HasSuffix(u.Host, ":")
	}
	n, err := strconv.ParseUint(u.Port(), 10, 16)
	return err == nil && n > 0
}

// Origin returns the scheme and host of a URL, with the port unless it is the scheme's default.
func Origin(u *url.URL) string {
	host := u.Host
	if own := map[string]string{"http": "80", "https": "443"}[u.Scheme]; own != "" && u.Port() == own {
		host = strings.TrimSuffix(host, ":"+own)
	}
	return u.Scheme + "://" + host
}

// CheckTokenURL returns an error if an ID token must not be sent to a URL: plain http to another machine. The error
// reads as a predicate, like those of [ParseURL].
func CheckTokenURL(u *url.URL) error {
	if u.Scheme == "https" || u.Scheme == "http" && IsLoopback(u) {
		return nil
	}
	return errors.New("must be https, or http to this machine, to carry an ID token")
}

// IsLoopback reports whether the host of a URL is the local machine: localhost, an address in 127.0.0.0/8, or ::1.
func IsLoopback(u *url.URL) bool {
	if strings.EqualFold(u.Hostname(), "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(u.Hostname())
	return err == nil && ip.IsLoopback()
}

const (
	// as in LightOnOCR's own client; Cloud Run's front end accepts connections at once, even while a GPU starts
	dialTimeout = 10 * time.Second
	// vLLM closes idle connections after 5 s, and a POST on one that is being closed is lost
	idleTimeout = 4 * time.Second
	maxIdle     = 64       // as many pages as a well-configured server processes concurrently
	maxHeader   = 64 << 10 // bytes of response headers
)

// newTransport returns a transport for HTTP/1.1, which vLLM speaks: with one connection per page, the phases of a try
// can be distinguished. It uses no proxy.
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

// sleep waits for d, or returns the context's error if it ends earlier.
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
