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
	ModeLayout = "layout" // LightOnOCR-3: labelled blocks with boxes, and their Markdown
)

// Config is what [New] takes. The zero value of every field but URL is usable.
type Config struct {
	// URL is the address of the server, as [ParseURL] accepts it.
	URL string
	// Audience is the audience of the ID tokens. It is taken literally, for custom domains and load balancers. Empty:
	// the [Origin] of URL, as Cloud Run wants it.
	Audience string
	// Token supplies ID tokens; nil sends none. With it, URL must pass [CheckTokenURL].
	Token TokenFunc
	// ForgetToken is called once, when the platform refuses a token with 401, before one more try. May be nil.
	ForgetToken func(audience string)
	// APIKey is the server's own key (vLLM's --api-key). It takes the Authorization header, and the ID token moves to
	// X-Serverless-Authorization, which Cloud Run reads first.
	APIKey string
	// Model is the name that is asked for. Empty: DefaultModel. Where the server does not know it but serves exactly
	// one other, that one is used, from then on.
	Model string
	// Profile is one of [ProfileNames]; empty: from the model's name.
	Profile string
	// Mode is ModePlain (the default) or ModeLayout.
	Mode string
	// Timeout limits one try, from connecting to the last byte of the answer; a call can take several. 0:
	// DefaultTimeout.
	Timeout time.Duration
	// MaxTokens limits the length of an answer, in tokens. It is also the only bound on GPU time that is wasted when a
	// caller gives up. 0: the profile's. Where the context leaves less beside the page, less is asked for.
	MaxTokens int
	// MaxTries is how many requests one question may take where the server is busy or cannot be reached, the first
	// included, with waits between them. 0: DefaultMaxTries. A caller that waits by itself sets 1.
	MaxTries int
	// Header adds headers to the request of each try, a traceparent for example; nil adds none. It is called before the
	// request is sent, with the context of the call, by many goroutines at once, and must return quickly.
	// Authorization, X-Serverless-Authorization and Content-Type belong to the client: what Header sets there is
	// dropped.
	Header func(ctx context.Context, h http.Header)
	// Transport makes the requests; nil: one of the client's own, for HTTP/1.1, without a proxy. Another one sees
	// tokens, and must be safe for concurrent use.
	Transport http.RoundTripper

	hooks hooks
}

// hooks replaces clock and chance in tests.
type hooks struct {
	// until the time is over, or the error of a context that ends before
	sleep func(context.Context, time.Duration) error
	rand  func() float64 // in [0, 1)
}

// Client reads pages with one server. It is safe for concurrent use, keeps idle connections for a few seconds only, and
// needs no closing.
type Client struct {
	*server
	catalog *catalog
}

// New returns a client, or an error that lists every problem of the configuration. It does not touch the network.
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
	c := &Client{server: s, catalog: &catalog{server: s, layout: cfg.Mode == ModeLayout, settled: cfg.Profile != ""}}
	c.catalog.now.Store(&target{model: cfg.Model, profile: profile})
	return c, nil
}

// Profile returns what the model in use wants; pages are sized to its Edge. It can change once, when the server turns
// out to serve another family than the one that was configured by name.
func (c *Client) Profile() Profile { return c.catalog.current().profile }

// ExtractText reads one page. A result without an error can still fall short of the page: see [Result.Warnings]. The
// error is always an *[Error]. Both hold every try that was made. ExtractText may be called by many goroutines at once,
// and again for the same image; every call costs GPU time, and two readings of one page may differ, digits included.
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

// Healthy asks the server for its models and reports whether the wanted one, or the one used in its place, is served.
// That proves address, token, key and model, not that the GPU can read. It takes 10 s at most, token included, and
// never panics. With llama-server, which ignores the name in a request, Config.Model must be right for this.
//
// A request of any kind starts a GPU that scales to zero, and keeps it: ask when there is need, not on a timer.
func (c *Client) Healthy(ctx context.Context) (healthy bool) {
	defer func() {
		if recover() != nil { // a nil context
			healthy = false
		}
	}()
	return c.catalog.probe(ctx) == nil
}

// WaitHealthy asks until the server is [Client.Healthy], with growing pauses of 30 s at most, until ctx ends. The
// *[Error] then repeats the last answer. It is meant for operators and start-up scripts.
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
	return cfg
}

// check returns the parsed URL and the profile to begin with, or every problem at once.
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

// ParseURL reads the base URL of a server and returns it without blanks around it, without /v1 or a slash at its end,
// and with its host in lower case. The error completes a sentence that begins with the URL, such as "must name a host",
// and never repeats it, since there may be a password in it.
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

// Origin returns scheme and host of a URL, with its port unless that is the scheme's own.
func Origin(u *url.URL) string {
	host := u.Host
	if own := map[string]string{"http": "80", "https": "443"}[u.Scheme]; own != "" && u.Port() == own {
		host = strings.TrimSuffix(host, ":"+own)
	}
	return u.Scheme + "://" + host
}

// CheckTokenURL returns an error for a URL over which an ID token must not be sent: plain http to another machine. Like
// [ParseURL]'s, it completes a sentence.
func CheckTokenURL(u *url.URL) error {
	if u.Scheme == "https" || u.Scheme == "http" && IsLoopback(u) {
		return nil
	}
	return errors.New("must be https, or http to this machine, to carry an ID token")
}

// IsLoopback reports whether the host of a URL is this machine: localhost, an address in 127.0.0.0/8, or ::1.
func IsLoopback(u *url.URL) bool {
	if strings.EqualFold(u.Hostname(), "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(u.Hostname())
	return err == nil && ip.IsLoopback()
}

const (
	// as LightOnOCR's own client; Cloud Run's front end accepts connections at once, also while it starts a GPU
	dialTimeout = 10 * time.Second
	// vLLM closes idle connections after 5 s, and a POST on one that is just being closed is lost
	idleTimeout = 4 * time.Second
	maxIdle     = 64       // as many pages as a well set up server works on at once
	maxHeader   = 64 << 10 // bytes of response headers
)

// newTransport returns one that speaks HTTP/1.1, as vLLM does: one connection per page, so that the phases of a try can
// be told apart. It uses no proxy.
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

// sleep waits until d is over, or returns the error of a context that ends before.
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
