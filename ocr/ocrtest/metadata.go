package ocrtest

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"time"
)

// Metadata is a fake metadata server of a Google Cloud machine. Point clients at it with GCE_METADATA_HOST=Host before
// their first use. Its methods may be called concurrently.
type Metadata struct {
	// Host is host:port, without a scheme.
	Host string

	http    *httptest.Server
	stopped context.Context
	stop    context.CancelFunc

	mu       sync.Mutex
	project  string
	lifetime time.Duration
	status   int
	gate     *Gate
	token    string
	calls    map[string]int
	asked    []string // audiences
}

const (
	identityPath = "instance/service-accounts/default/identity"
	accessPath   = "instance/service-accounts/default/token"
	emailPath    = "instance/service-accounts/default/email"
	projectPath  = "project/project-id"
)

// NewMetadata starts a metadata server for the project "test-project", with tokens that are valid for an hour. It is
// closed when the test ends; tb may be nil.
func NewMetadata(tb TB) *Metadata {
	m := &Metadata{project: "test-project", lifetime: time.Hour, calls: map[string]int{}}
	m.stopped, m.stop = context.WithCancel(context.Background())
	m.http = httptest.NewServer(m)
	m.Host = strings.TrimPrefix(m.http.URL, "http://")
	if tb != nil {
		tb.Helper()
		tb.Cleanup(m.Close)
	}
	return m
}

// Close stops the server. It may be called repeatedly.
func (m *Metadata) Close() {
	m.stop()
	m.http.CloseClientConnections()
	m.http.Close()
}

// Lifetime sets the lifetime of tokens issued from now on; with a negative one they are expired.
func (m *Metadata) Lifetime(d time.Duration) { m.set(func() { m.lifetime = d }) }

// Fail makes every request for a token fail with this status; 200 ends that.
func (m *Metadata) Fail(status int) { m.set(func() { m.status = status }) }

// Hang makes every request for a token wait at the gate; nil ends that.
func (m *Metadata) Hang(gate *Gate) { m.set(func() { m.gate = gate }) }

// Answer makes the server issue this text as the ID token; "" makes it generate tokens again.
func (m *Metadata) Answer(token string) { m.set(func() { m.token = token }) }

// Project sets the project's ID.
func (m *Metadata) Project(id string) { m.set(func() { m.project = id }) }

func (m *Metadata) set(change func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	change()
}

// Tokens returns the number of requests for ID tokens.
func (m *Metadata) Tokens() int { return m.Calls(identityPath) }

// Calls returns the number of requests for a path below /computeMetadata/v1/.
func (m *Metadata) Calls(path string) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.calls[path]
}

// Audiences returns the audiences of the tokens requested, in order.
func (m *Metadata) Audiences() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]string(nil), m.asked...)
}

// ServeHTTP responds like the real server: only to requests with the Metadata-Flavor header, which every response has
// too.
func (m *Metadata) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Metadata-Flavor", "Google")
	w.Header().Set("Server", "Metadata Server for VM")
	path, found := strings.CutPrefix(r.URL.Path, "/computeMetadata/v1/")
	switch {
	case r.URL.Path == "/":
		fmt.Fprintln(w, "computeMetadata/")
	case !found:
		http.NotFound(w, r)
	case r.Header.Get("Metadata-Flavor") != "Google" || r.Header.Get("X-Forwarded-For") != "":
		http.Error(w, "Missing Metadata-Flavor:Google header.", http.StatusForbidden)
	default:
		m.answer(w, r, path)
	}
}

func (m *Metadata) answer(w http.ResponseWriter, r *http.Request, path string) {
	audience := r.URL.Query().Get("audience")
	m.mu.Lock()
	m.calls[path]++
	if path == identityPath {
		m.asked = append(m.asked, audience)
	}
	project, gate := m.project, m.gate
	m.mu.Unlock()
	switch path {
	case projectPath:
		fmt.Fprint(w, project)
	case emailPath:
		fmt.Fprint(w, "function@example.iam.gserviceaccount.com")
	case identityPath, accessPath:
		if gate != nil && !m.held(r, gate) {
			hangUp(w)
			return
		}
		m.issue(w, path, audience)
	default:
		http.NotFound(w, r)
	}
}

// held waits at the gate and reports whether it got through before the client left or the server stopped.
func (m *Metadata) held(r *http.Request, gate *Gate) bool {
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(m.stopped, cancel)()
	return gate.enter(ctx) == nil
}

// issue writes a token, or the text set with Answer.
func (m *Metadata) issue(w http.ResponseWriter, path, audience string) {
	m.mu.Lock()
	status, lifetime, token := m.status, m.lifetime, m.token
	m.mu.Unlock()
	switch {
	case status != 0 && status != 200:
		http.Error(w, "the metadata server was told to fail", status)
	case path == accessPath:
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"access_token":"test-access-token","expires_in":%d,"token_type":"Bearer"}`,
			int(lifetime.Seconds()))
	case audience == "":
		http.Error(w, "non-empty audience parameter required", http.StatusBadRequest)
	case token != "":
		fmt.Fprint(w, token)
	default:
		fmt.Fprint(w, Token(audience, time.Now().Add(lifetime)))
	}
}
