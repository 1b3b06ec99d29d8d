package ocr_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bucketocr/bucketocr/ocr"
	"github.com/bucketocr/bucketocr/ocr/ocrtest"
)

func TestEveryProblemIsReportedAtOnce(t *testing.T) {
	t.Parallel()
	_, err := ocr.New(ocr.Config{
		Profile: "lightonocr-9", Mode: "fancy", Timeout: -time.Second, MaxTokens: -1, APIKey: "with blank",
	})
	if err == nil {
		t.Fatal("no error")
	}
	for _, name := range []string{"URL: must be set", "Profile:", "Mode:", "Timeout:", "MaxTokens:", "APIKey:"} {
		if !strings.Contains(err.Error(), name) {
			t.Errorf("%q is missing in:\n%v", name, err)
		}
	}
	if strings.Contains(err.Error(), "with blank") {
		t.Errorf("the error repeats the key: %v", err)
	}
}

func TestLayoutNeedsAModelThatHasIt(t *testing.T) {
	t.Parallel()
	for model, want := range map[string]bool{
		"lightonai/LightOnOCR-1B-1025": false, "lightonai/LightOnOCR-2-1B": false, "lightonai/LightOnOCR-3-1B": true,
		"renamed": true,
	} {
		_, err := ocr.New(ocr.Config{URL: "https://ocr.example", Model: model, Mode: ocr.ModeLayout})
		if (err == nil) != want {
			t.Errorf("layout with %s: %v", model, err)
		}
	}
}

func TestProfileFollowsTheModelsName(t *testing.T) {
	t.Parallel()
	tests := []struct {
		model, profile string
		want           string
		edge           int
		layout         bool
	}{
		{"", "", "lightonocr-2", 1540, false},
		{"lightonai/LightOnOCR-2-1B", "", "lightonocr-2", 1540, false},
		{"lightonai/LightOnOCR-2-1B-bbox-soup", "", "lightonocr-2", 1540, false},
		{"lightonai/LightOnOCR-1B-1025", "", "lightonocr-1", 1540, false},
		{"lightonai/LightOnOCR-0.9B-32k-1025", "", "lightonocr-1", 1540, false},
		{"LightOnOCR-1B-1025-Q8_0.gguf", "", "lightonocr-1", 1540, false},
		{"LightOnOCR-2.gguf", "", "lightonocr-2", 1540, false},
		{"lightonai/LightOnOCR-3-0.8B", "", "lightonocr-3-0.8b", 2048, true},
		{"lightonai/LightOnOCR-3-1B", "", "lightonocr-3-1b", 1540, true},
		{"lightonocr-3:4b", "", "lightonocr-3-4b", 2048, true},
		{"lightonai/LightOnOCR-3-14B", "", "generic", 1540, true},
		{"lightonai/LightOnOCR-4-1B", "", "generic", 1540, true},
		{"lightonai/LightOnOCR-20-1B", "", "generic", 1540, true},
		{"loocr-grounding", "", "generic", 1540, true},
		{"loocr-grounding", "lightonocr-3-4b", "lightonocr-3-4b", 2048, true},
		{"lightonai/LightOnOCR-2-1B", "generic", "generic", 1540, true},
	}
	for _, test := range tests {
		c, err := ocr.New(ocr.Config{URL: "https://ocr.example", Model: test.model, Profile: test.profile})
		if err != nil {
			t.Fatal(err)
		}
		if p := c.Profile(); p.Name != test.want || p.Edge != test.edge || p.Layout != test.layout {
			t.Errorf("model %q profile %q: %+v, want %s", test.model, test.profile, p, test.want)
		}
	}
}

func TestEveryProfileIsUsable(t *testing.T) {
	t.Parallel()
	for _, name := range ocr.ProfileNames() {
		c, err := ocr.New(ocr.Config{URL: "https://ocr.example", Profile: name})
		if err != nil {
			t.Fatal(err)
		}
		p := c.Profile()
		if p.Name != name || p.Edge < 1000 || p.Temperature <= 0 || p.Temperature > 2 || p.TopP <= 0 || p.TopP > 1 {
			t.Errorf("profile %q is %+v", name, p)
		}
	}
}

func TestParseURLReturnsTheBaseURL(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]struct{ base, origin string }{
		"https://ocr.example":              {"https://ocr.example", "https://ocr.example"},
		" https://ocr.example\n":           {"https://ocr.example", "https://ocr.example"},
		"https://OCR.example/":             {"https://ocr.example", "https://ocr.example"},
		"HTTPS://ocr.example//":            {"https://ocr.example", "https://ocr.example"},
		"https://ocr.example/v1":           {"https://ocr.example", "https://ocr.example"},
		"https://ocr.example/v1/":          {"https://ocr.example", "https://ocr.example"},
		"https://ocr.example:443/v1":       {"https://ocr.example:443", "https://ocr.example"},
		"https://ocr.example:8443":         {"https://ocr.example:8443", "https://ocr.example:8443"},
		"https://ocr.example:80":           {"https://ocr.example:80", "https://ocr.example:80"},
		"https://ocr.example/team/ocr/v1/": {"https://ocr.example/team/ocr", "https://ocr.example"},
		"https://ocr.example/a%2Fb/v10":    {"https://ocr.example/a%2Fb/v10", "https://ocr.example"},
		"http://127.0.0.1:80":              {"http://127.0.0.1:80", "http://127.0.0.1"},
		"http://[::1]:8000/":               {"http://[::1]:8000", "http://[::1]:8000"},
		"https://[fd00::443]":              {"https://[fd00::443]", "https://[fd00::443]"},
	} {
		u, err := ocr.ParseURL(raw)
		if err != nil {
			t.Errorf("%q: %v", raw, err)
			continue
		}
		if u.String() != want.base {
			t.Errorf("%q is %q, want %q", raw, u, want.base)
		}
		if got := ocr.Origin(u); got != want.origin {
			t.Errorf("the origin of %q is %q, want %q", raw, got, want.origin)
		}
	}
}

func TestParseURLRefuses(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]string{
		"":                                     "must be set",
		" ":                                    "must be set",
		"ocr.example":                          "must begin with",
		"/ocr":                                 "must begin with",
		"//ocr.example":                        "must begin with",
		"ftp://ocr.example":                    "must begin with",
		"localhost:8000":                       "must begin with",
		"127.0.0.1:8000":                       "must be a URL",
		"https://":                             "must name a host",
		"https:ocr.example":                    "must name a host",
		"https:///x":                           "must name a host",
		"https://:443":                         "must name a host",
		"https://ocr.example:":                 "must have a port",
		"https://ocr.example:0":                "must have a port",
		"https://ocr.example:65536":            "must have a port",
		"https://a b":                          "must be a URL",
		"https://user:hunter2@ocr.example":     "must hold no user",
		"https://ocr.example?x=hunter2":        "must hold no query",
		"https://ocr.example?":                 "must hold no query",
		"https://ocr.example#hunter2":          "must hold no query or fragment",
		"https://ocr.example#":                 "must hold no query or fragment",
		"https://user:hunter2@ocr.example:bad": "must be a URL",
		"https://ocr.example/v1/chat/completions": "must be the base URL",
		"https://ocr.example/v1/v1":               "must be the base URL",
	} {
		u, err := ocr.ParseURL(raw)
		if err == nil {
			t.Errorf("%q is %q", raw, u)
			continue
		}
		if !strings.HasPrefix(err.Error(), want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: %v, want %q", raw, err, want)
		}
		if _, err := ocr.New(ocr.Config{URL: raw}); err == nil {
			t.Errorf("New accepts %q", raw)
		}
	}
}

// FuzzParseURL: what ParseURL returns, it accepts again and leaves unchanged.
func FuzzParseURL(f *testing.F) {
	for _, s := range []string{"https://ocr.example/v1/", "http://[::1]:8000", "https://u:p@h?q#f",
		"https://h/%2e/v1//", "http://[fe80::1%25eth0]", "http://[::%25\xb4]"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		u, err := ocr.ParseURL(raw)
		if err != nil {
			return
		}
		base := u.String()
		if again, err := ocr.ParseURL(base); err != nil || again.String() != base {
			t.Fatalf("%q: %q, then %q, %v", raw, base, again, err)
		}
		if strings.ContainsAny(base, "?#") || strings.HasSuffix(base, "/") {
			t.Fatalf("%q: %q", raw, base)
		}
	})
}

func TestLoopbackIsThisMachine(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]bool{
		"http://localhost:8000": true, "http://LOCALHOST": true, "http://127.0.0.1": true, "http://127.0.0.2:80": true,
		"http://127.9.9.9":  true,
		"http://[::1]:8000": true, "http://[::ffff:127.0.0.1]:8000": true, "https://localhost": true,
		"http://10.0.0.5": false, "http://0.0.0.0:8000": false, "http://ocr.example": false,
		"http://localhost.example": false,
		"http://127.0.0.1.example": false, "http://[fe80::1]": false,
	} {
		u, err := url.Parse(raw)
		if err != nil {
			t.Fatal(err)
		}
		if got := ocr.IsLoopback(u); got != want {
			t.Errorf("%s: %v", raw, got)
		}
	}
}

func TestTokenDoesNotGoOverPlainHTTP(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]bool{
		"https://ocr.example": true, "http://127.0.0.1:8000": true, "http://[::1]:8000": true,
		"http://localhost:8000": true, "http://127.0.0.2": true,
		"http://ocr.example": false, "http://10.0.0.7:8000": false, "http://localhost.evil.example": false,
		"http://127.0.0.1.evil.example": false,
	} {
		if _, err := ocr.New(ocr.Config{URL: url, Token: fixed("t")}); (err == nil) != want {
			t.Errorf("%s with a token: %v", url, err)
		}
		if _, err := ocr.New(ocr.Config{URL: url}); err != nil {
			t.Errorf("%s without a token: %v", url, err)
		}
	}
}

func TestProxyIsNotUsed(t *testing.T) {
	var visits atomic.Int32
	proxy := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { visits.Add(1) }))
	defer proxy.Close()
	t.Setenv("HTTP_PROXY", proxy.URL)
	t.Setenv("http_proxy", proxy.URL)
	if c := newClientAt(t, "http://ocr.invalid"); c.Healthy(patience(t)) || visits.Load() != 0 {
		t.Errorf("%d requests went through the proxy", visits.Load())
	}
}

// A wrong certificate is a configuration error: another try would not help.
func TestWrongCertificateIsAWrongAddress(t *testing.T) {
	t.Parallel()
	server := httptest.NewTLSServer(http.NotFoundHandler())
	server.Config.ErrorLog = nil
	defer server.Close()
	waits := new(sleeps)
	for name, url := range map[string]string{"unknown authority": server.URL,
		"no TLS there": "https://" + strings.TrimPrefix(ocrtest.New(t).URL, "http://")} {
		c := newClientAt(t, url, func(cfg *ocr.Config) { cfg.SetSleep(waits.sleep) })
		_, err := c.ExtractText(patience(t), ocr.Bytes(pngPage(t)))
		if e := failure(t, err); e.Kind != ocr.KindWrongAddress || len(waits.all()) != 0 {
			t.Errorf("%s: %v after waits %v", name, err, waits.all())
		}
	}
}

func TestWorksOverTLS(t *testing.T) {
	t.Parallel()
	handler := ocrtest.New(t)
	server := httptest.NewTLSServer(handler)
	defer server.Close()
	c := newClientAt(t, server.URL, func(cfg *ocr.Config) {
		cfg.Token = fixed("t")
		cfg.Transport = server.Client().Transport
	})
	if _, err := c.ExtractText(patience(t), ocr.Bytes(pngPage(t))); err != nil {
		t.Error(err)
	}
}
