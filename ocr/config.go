package ocr

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Defaults of [Config].
const (
	DefaultModel     = "lightonai/LightOnOCR-2-1B"
	DefaultTimeout   = 120 * time.Second
	DefaultMaxTokens = 4096
)

// Modes of [Config].
const (
	ModePlain  = "plain"  // Markdown of the page
	ModeLayout = "layout" // LightOnOCR-3: labelled blocks with boxes, and their Markdown
)

// TokenFunc returns an ID token for the audience. It is called before every try, often at once from several goroutines, so it should
// keep tokens while they are good. It must obey ctx; it gets 10 s at most, and one that does not obey is left behind.
type TokenFunc func(ctx context.Context, audience string) (string, error)

// Config is what [New] takes. The zero value of every field but URL is usable.
type Config struct {
	// URL is where the server is, http or https, without /v1 (which is forgiven).
	URL string
	// Audience is what ID tokens are asked for. Empty: the origin of URL, as Cloud Run wants it. It is taken literally,
	// for custom domains and load balancers.
	Audience string
	// Token supplies ID tokens; nil sends none. With it, plain http is refused unless the host is this machine.
	Token TokenFunc
	// ForgetToken is called once, when the platform refuses a token with 401, before one more try. May be nil.
	ForgetToken func(audience string)
	// APIKey is the server's own key (vLLM's --api-key). It takes the Authorization header, and the ID token moves to
	// X-Serverless-Authorization, which Cloud Run reads first.
	APIKey string
	// Model is asked for by this name. Empty: DefaultModel. Where the server does not know it but serves exactly one
	// other, that one is taken, from then on.
	Model string
	// Profile is one of [ProfileNames]; empty: from the model's name.
	Profile string
	// Mode is ModePlain (the default) or ModeLayout.
	Mode string
	// Timeout is for one try, from connecting to the last byte of the answer; a call can take several. 0: DefaultTimeout.
	Timeout time.Duration
	// MaxTokens is how long an answer may get, in tokens. It is also the only bound on GPU time that is wasted when a
	// caller gives up. 0: DefaultMaxTokens.
	MaxTokens int

	// Observe, where set, is told of every request for a page, before anything of it happens; what it puts into the header goes along,
	// to this server only. The func that it returns is called once, when the try is over. Both are called from many goroutines and
	// must return at once. For traces and metrics.
	Observe func(ctx context.Context, header http.Header) (end func(Try))

	// Transport carries the requests; nil: one of its own, which uses no proxy and closes idle connections after 4 s.
	// Redirects are not followed with any.
	Transport http.RoundTripper
	// Sleep waits between tries, until d is over or ctx ends, whose error it returns; nil: the clock. For tests.
	Sleep func(ctx context.Context, d time.Duration) error
	// Rand gives numbers in [0, 1) that spread the waits; nil: math/rand. It is called from many goroutines. For tests.
	Rand func() float64
}

// check fills in defaults and gives every problem at once.
func (cfg Config) check() (Config, *url.URL, Profile, error) {
	cfg = cfg.withDefaults()
	var problems []error
	note := func(format string, args ...any) { problems = append(problems, fmt.Errorf("ocr: "+format, args...)) }

	base, err := parseBase(cfg.URL)
	switch {
	case err != nil:
		note("URL: %w", err)
	case cfg.Token != nil && base.Scheme == "http" && !isLoopback(base.Hostname()):
		note("URL: an ID token is not sent over plain http to another machine")
	}
	if err == nil && cfg.Audience == "" {
		cfg.Audience = base.Scheme + "://" + base.Host
	}
	profile := profileByModel(cfg.Model)
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
	if strings.ContainsFunc(cfg.APIKey, notInHeader) {
		note("APIKey: holds a blank or a character that no header can carry")
	}
	return cfg, base, profile, errors.Join(problems...)
}

func (cfg Config) withDefaults() Config {
	if cfg.Model == "" {
		cfg.Model = DefaultModel
	}
	if cfg.Mode == "" {
		cfg.Mode = ModePlain
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = DefaultTimeout
	}
	if cfg.MaxTokens == 0 {
		cfg.MaxTokens = DefaultMaxTokens
	}
	return cfg
}

// parseBase reads the server's address, without a trailing slash or /v1.
func parseBase(raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	switch {
	case raw == "":
		return nil, errors.New("is required")
	case err != nil:
		return nil, errors.New("cannot be read as an address") // the parser's own words would repeat a password in it
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, errors.New("must begin with https:// or http://")
	case u.Hostname() == "":
		return nil, errors.New("names no host")
	case u.User != nil:
		return nil, errors.New("must hold no user or password")
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return nil, errors.New("must hold neither ? nor #")
	}
	path := strings.TrimSuffix(strings.TrimRight(u.Path, "/"), "/v1")
	return &url.URL{Scheme: u.Scheme, Host: strings.ToLower(u.Host), Path: strings.TrimRight(path, "/")}, nil
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// notInHeader reports what no token or key may hold.
func notInHeader(r rune) bool { return r <= ' ' || r >= 0x7f }
