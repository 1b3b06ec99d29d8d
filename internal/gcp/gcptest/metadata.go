package gcptest

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"time"
)

// MetadataEnv is the variable in which Google's clients look for the address of a metadata server. They remember the
// answer, so it is set before their first use, in TestMain.
const MetadataEnv = "GCE_METADATA_HOST"

// Metadata is a metadata server: it names the project and hands out tokens. Its methods may be called at any time.
type Metadata struct {
	server *httptest.Server

	mu       sync.Mutex
	life     time.Duration
	status   int
	gate     <-chan struct{}
	requests map[string]int
	serial   int
}

// NewMetadata starts a metadata server. It belongs to no test, because Google's clients look for one only once.
func NewMetadata() *Metadata {
	m := &Metadata{life: time.Hour, requests: map[string]int{}}
	m.server = httptest.NewServer(http.HandlerFunc(m.serve))
	return m
}

// Close stops the server.
func (m *Metadata) Close() { m.server.Close() }

// Host is its host:port, the value for [MetadataEnv].
func (m *Metadata) Host() string { return strings.TrimPrefix(m.server.URL, "http://") }

// Life sets how long the ID tokens handed out from now on are valid.
func (m *Metadata) Life(d time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.life = d
}

// Fail has every request from now on answered with an HTTP status; 0 ends it.
func (m *Metadata) Fail(status int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.status = status
}

// Hang has every request from now on wait until gate is closed; nil ends it.
func (m *Metadata) Hang(gate <-chan struct{}) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.gate = gate
}

// Requests is how often an ID token for the audience was asked for, repetitions of Google's client included.
func (m *Metadata) Requests(audience string) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.requests[audience]
}

func (m *Metadata) serve(w http.ResponseWriter, r *http.Request) {
	audience := r.URL.Query().Get("audience")
	m.mu.Lock()
	m.requests[audience]++
	m.serial++
	life, status, gate, serial := m.life, m.status, m.gate, m.serial
	m.mu.Unlock()
	if gate != nil {
		select {
		case <-gate:
		case <-r.Context().Done():
			return
		}
	}
	w.Header().Set("Metadata-Flavor", "Google")
	switch suffix := strings.TrimPrefix(r.URL.Path, "/computeMetadata/v1/"); {
	case status != 0:
		http.Error(w, "the metadata server fails", status)
	case r.Header.Get("Metadata-Flavor") != "Google":
		http.Error(w, "no flavor", http.StatusForbidden)
	case suffix == "project/project-id":
		fmt.Fprint(w, "demo-metadata")
	case suffix == "universe/universe-domain":
		fmt.Fprint(w, "googleapis.com")
	case suffix == "instance/service-accounts/default/token":
		fmt.Fprintf(w, `{"access_token":"access-%d","expires_in":3600,"token_type":"Bearer"}`, serial)
	case suffix == "instance/service-accounts/default/identity" && audience != "":
		fmt.Fprint(w, IDToken(audience, time.Now().Add(life), serial))
	default:
		http.NotFound(w, r)
	}
}

// IDToken makes an unsigned token of the form that Google hands out. serial makes it differ from others.
func IDToken(audience string, expires time.Time, serial int) string {
	part := func(v any) string {
		b, err := json.Marshal(v)
		if err != nil {
			panic(err) // of maps of strings and numbers: cannot be
		}
		return base64.RawURLEncoding.EncodeToString(b)
	}
	claims := map[string]any{"aud": audience, "exp": expires.Unix(), "iss": "https://accounts.google.com", "jti": serial}
	return part(map[string]string{"alg": "RS256", "typ": "JWT"}) + "." + part(claims) + ".c2lnbmF0dXJl"
}
