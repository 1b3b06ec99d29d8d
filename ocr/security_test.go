package ocr_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bucketocr/bucketocr/ocr"
	"github.com/bucketocr/bucketocr/ocr/ocrtest"
)

func TestHeaders(t *testing.T) {
	tests := []struct {
		name                      string
		token                     ocr.TokenFunc
		key                       string
		authorization, serverless string
	}{
		{"neither", nil, "", "", ""},
		{"token", fixed("tok"), "", "Bearer tok", ""},
		{"key", nil, "key", "Bearer key", ""},
		{"both", fixed("tok"), "key", "Bearer key", "Bearer tok"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := ocrtest.New(t)
			c := newClient(t, s, func(cfg *ocr.Config) { cfg.Token, cfg.APIKey = test.token, test.key })
			if _, err := c.ExtractText(patience(t), ocr.Bytes(pngPage(t))); err != nil {
				t.Fatal(err)
			}
			h := s.Last().Header
			if got := strings.Join(h.Values("Authorization"), ","); got != test.authorization {
				t.Errorf("Authorization %q, want %q", got, test.authorization)
			}
			if got := strings.Join(h.Values("X-Serverless-Authorization"), ","); got != test.serverless {
				t.Errorf("X-Serverless-Authorization %q, want %q", got, test.serverless)
			}
			for name, want := range map[string]string{"Content-Type": "application/json", "Expect": "", "Content-Encoding": "", "Transfer-Encoding": "", "Accept-Encoding": ""} {
				if got := h.Get(name); got != want {
					t.Errorf("%s is %q, want %q", name, got, want)
				}
			}
		})
	}
}

func TestWorksWithTokenAndKeyTogether(t *testing.T) {
	s := ocrtest.New(t, ocrtest.RequireToken("https://ocr.example"), ocrtest.Key("secret"))
	c := newClient(t, s, func(cfg *ocr.Config) {
		cfg.Audience, cfg.Token, cfg.APIKey = "https://ocr.example", ocrtest.FixedToken, "secret"
	})
	if _, err := c.ExtractText(patience(t), ocr.Bytes(pngPage(t))); err != nil || !c.Healthy(patience(t)) {
		t.Error(err)
	}
}

func TestRedirectGetsNoToken(t *testing.T) {
	var visits atomic.Int32
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { visits.Add(1) }))
	defer elsewhere.Close()
	for _, status := range []int{301, 302, 303, 307, 308} {
		s := ocrtest.New(t)
		s.Default(ocrtest.Redirect(status, elsewhere.URL))
		c := newClient(t, s, func(cfg *ocr.Config) { cfg.Token = fixed("secret-token") })
		_, err := c.ExtractText(patience(t), ocr.Bytes(pngPage(t)))
		if e := failure(t, err); e.Kind != ocr.KindWrongAddress || e.Status != status || visits.Load() != 0 {
			t.Errorf("%d: %v, %d visits elsewhere", status, err, visits.Load())
		}
	}
}

func TestNoProxy(t *testing.T) {
	var visits atomic.Int32
	proxy := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { visits.Add(1) }))
	defer proxy.Close()
	t.Setenv("HTTP_PROXY", proxy.URL)
	t.Setenv("http_proxy", proxy.URL)
	c, err := ocr.New(ocr.Config{URL: "http://ocr.invalid", Sleep: new(sleeps).sleep})
	if err != nil {
		t.Fatal(err)
	}
	if c.Healthy(patience(t)) || visits.Load() != 0 {
		t.Errorf("%d requests went through the proxy", visits.Load())
	}
}

func TestErrorsTellNoSecrets(t *testing.T) {
	page := pngPage(t)
	token := ocrtest.Token("aud", time.Now().Add(time.Hour))
	said := "you sent " + token + " and key-1234 and "
	for _, reply := range []ocrtest.Reply{
		ocrtest.Echo(),
		ocrtest.Error(400, "BadRequestError", "", said),
		ocrtest.StringError(401, said),
		ocrtest.HTML(500, "<p>"+said+"</p>"),
		ocrtest.HTML(200, "<p>"+said+"</p>"),
		ocrtest.Raw(200, "application/json", `{"error":"`+said+`"}`),
	} {
		s := ocrtest.New(t)
		s.Default(reply)
		c := newClient(t, s, func(cfg *ocr.Config) { cfg.Token, cfg.APIKey = fixed(token), "key-1234" })
		_, err := c.ExtractText(patience(t), ocr.Bytes(page))
		image := s.Last().URL[30:80]
		for _, secret := range []string{token, token[40:100], "key-1234", image} {
			if text := err.Error(); strings.Contains(text, secret) || len(text) > 500 {
				t.Errorf("%d characters of error tell a secret: %s", len(text), text)
			}
		}
	}
}

// A certificate that is not this server's is a matter of configuration: another try would not help.
func TestWrongCertificate(t *testing.T) {
	server := httptest.NewTLSServer(http.NotFoundHandler())
	server.Config.ErrorLog = nil
	defer server.Close()
	waits := new(sleeps)
	for name, url := range map[string]string{"unknown authority": server.URL, "no TLS there": "https://" + strings.TrimPrefix(ocrtest.New(t).URL, "http://")} {
		c, err := ocr.New(ocr.Config{URL: url, Sleep: waits.sleep})
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.ExtractText(patience(t), ocr.Bytes(pngPage(t)))
		if e := failure(t, err); e.Kind != ocr.KindWrongAddress || len(waits.all()) != 0 {
			t.Errorf("%s: %v after waits %v", name, err, waits.all())
		}
	}
}

func TestTLSWithOwnTransport(t *testing.T) {
	stand := ocrtest.New(t)
	server := httptest.NewTLSServer(stand)
	defer server.Close()
	c, err := ocr.New(ocr.Config{URL: server.URL, Transport: server.Client().Transport, Token: fixed("t")})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.ExtractText(patience(t), ocr.Bytes(pngPage(t))); err != nil {
		t.Error(err)
	}
}
