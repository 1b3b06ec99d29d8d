package ocrtest_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bucketocr/bucketocr/ocr/ocrtest"
)

const (
	base     = "/computeMetadata/v1/"
	identity = base + "instance/service-accounts/default/identity?format=full&audience="
)

func TestTokenCheck(t *testing.T) {
	hour := time.Now().Add(time.Hour)
	good, old := ocrtest.Token("aud", hour), ocrtest.Token("aud", hour.Add(time.Minute))
	tests := []struct {
		name    string
		headers []string
		status  int
	}{
		{"none", nil, 403},
		{"good", []string{"Authorization", "Bearer " + good}, 200},
		{"in the other header", []string{"X-Serverless-Authorization", "Bearer " + good}, 200},
		{"the other header goes first",
			[]string{"Authorization", "Bearer key", "X-Serverless-Authorization", "Bearer " + good}, 200},
		{"another audience", []string{"Authorization", "Bearer " + ocrtest.Token("aud/", hour)}, 401},
		{"expired", []string{"Authorization", "Bearer " + ocrtest.Token("aud", time.Now().Add(-time.Second))}, 401},
		{"no token", []string{"Authorization", "Bearer key"}, 401},
		{"not Bearer", []string{"Authorization", good}, 401},
		{"twice", []string{"Authorization", "Bearer " + good, "Authorization", "Bearer " + good}, 401},
		{"revoked", []string{"Authorization", "Bearer " + old}, 401},
	}
	s := ocrtest.New(t, ocrtest.RequireToken("aud"))
	s.Revoke(old)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if resp, body := send(t, s, request(t, page(t, 60, 80), nil),
				test.headers...); resp.StatusCode != test.status {
				t.Errorf("%d %s", resp.StatusCode, body)
			}
		})
	}
	if resp, _ := do(t, "GET", s.URL+"/health", ""); resp.StatusCode != 403 {
		t.Errorf("/health without a token: %d", resp.StatusCode)
	}
	if c := s.Counts(); c.Requests != len(tests) || c.Answers != 3 || c.Refused != len(tests)-3 {
		t.Errorf("counts %+v", c)
	}
}

// get sends a request to the metadata server.
func get(t *testing.T, m *ocrtest.Metadata, path string, flavor string) (*http.Response, string) {
	t.Helper()
	return do(t, "GET", "http://"+m.Host+path, "", "Metadata-Flavor", flavor)
}

func TestMetadata(t *testing.T) {
	m := ocrtest.NewMetadata(t)
	tests := []struct {
		name, path, flavor string
		status             int
		words              string
	}{
		{"root", "/", "", 200, "computeMetadata/"},
		{"no header", identity + "a", "", 403, "Metadata-Flavor"},
		{"project", base + "project/project-id", "Google", 200, "test-project"},
		{"email", base + "instance/service-accounts/default/email", "Google", 200, "@example.iam"},
		{"access token", base + "instance/service-accounts/default/token", "Google", 200, `"expires_in":3600`},
		{"no audience", identity, "Google", 400, "audience"},
		{"unknown", base + "instance/zone", "Google", 404, ""},
		{"elsewhere", "/x", "Google", 404, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			resp, body := get(t, m, test.path, test.flavor)
			if resp.StatusCode != test.status || !strings.Contains(body, test.words) ||
				resp.Header.Get("Metadata-Flavor") != "Google" {
				t.Errorf("%d %v %q", resp.StatusCode, resp.Header, body)
			}
		})
	}
	m.Project("mine")
	if _, body := get(t, m, base+"project/project-id", "Google"); body != "mine" {
		t.Errorf("project %q", body)
	}
}

func TestMetadataTokens(t *testing.T) {
	m := ocrtest.NewMetadata(t)
	for _, lifetime := range []time.Duration{time.Hour, time.Minute, -time.Minute} {
		m.Lifetime(lifetime)
		_, token := get(t, m, identity+"https%3A%2F%2Focr.example", "Google")
		raw, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1])
		var claims struct {
			Aud string
			Exp int64
		}
		if err != nil || json.Unmarshal(raw, &claims) != nil || claims.Aud != "https://ocr.example" {
			t.Fatalf("token %q", token)
		}
		if left := time.Until(time.Unix(claims.Exp, 0)); left > lifetime || left < lifetime-10*time.Second {
			t.Errorf("a token of %v is good for %v", lifetime, left)
		}
	}
	m.Answer("garbage")
	if _, body := get(t, m, identity+"a", "Google"); body != "garbage" {
		t.Errorf("told to answer: %q", body)
	}
	m.Fail(503)
	if resp, _ := get(t, m, identity+"a", "Google"); resp.StatusCode != 503 {
		t.Errorf("told to fail: %d", resp.StatusCode)
	}
	if m.Tokens() != 5 ||
		!slices.Equal(m.Audiences(),
			[]string{"https://ocr.example", "https://ocr.example", "https://ocr.example", "a", "a"}) {
		t.Errorf("%d tokens for %q", m.Tokens(), m.Audiences())
	}
}

func TestMetadataHangs(t *testing.T) {
	m := ocrtest.NewMetadata(t)
	gate := ocrtest.NewGate()
	m.Hang(gate)
	ctx, cancel := context.WithCancel(t.Context())
	req, err := http.NewRequestWithContext(ctx, "GET", "http://"+m.Host+identity+"a", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Metadata-Flavor", "Google")
	failed := make(chan error)
	go func() { _, err := http.DefaultClient.Do(req); failed <- err }()
	if err := gate.Wait(soon(t), 1); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := <-failed; err == nil {
		t.Error("an answer from a hanging server")
	}
	gate.Open()
	if resp, _ := get(t, m, identity+"a", "Google"); resp.StatusCode != 200 {
		t.Errorf("%d after the gate was opened", resp.StatusCode)
	}
	m.Hang(ocrtest.NewGate())
	go m.Close()
	if resp, err := http.Get("http://" + m.Host + base + "project/project-id"); err == nil {
		resp.Body.Close()
	}
}
