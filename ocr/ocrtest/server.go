package ocrtest

import (
	"context"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"time"
)

// DefaultModel is the name of the server's model unless [Models] says otherwise.
const DefaultModel = "lightonai/LightOnOCR-2-1B"

// Server is the stand-in. All methods may be called at any time from any goroutine.
type Server struct {
	// URL is the base address, without /v1.
	URL string

	http           *httptest.Server
	models         []string
	key            string
	audience       string
	maxModelLen    int
	maxPixels      int64
	anyImage       bool
	keepGenerating bool
	gateway        bool
	llama          bool
	refused        []refusedField
	idleTimeout    time.Duration

	down, engineDead, draining atomic.Bool
	killed                     atomic.Bool     // since Kill, until Up
	stopped                    context.Context // ends with Close, and releases held requests
	stop                       context.CancelFunc

	mu       sync.Mutex
	script   []Reply
	byImage  map[string]Reply
	fallback Reply
	counts   Counts
	images   map[string]int
	requests []*Request
	revoked  map[string]bool
	changed  chan struct{}
	engine   context.Context // ends with Terminate, and what the model is at work on with it
	kill     context.CancelFunc
}

// Option changes a Server at its making.
type Option func(*Server)

// Models sets the served names; the first is what answers carry. The default is DefaultModel.
func Models(names ...string) Option { return func(s *Server) { s.models = names } }

// Key is vLLM's --api-key: paths under /v1 need it.
func Key(key string) Option { return func(s *Server) { s.key = key } }

// RequireToken makes the platform check for an ID token with this audience on every path.
func RequireToken(audience string) Option { return func(s *Server) { s.audience = audience } }

// MaxModelLen is the context in tokens; the default is 16384.
func MaxModelLen(tokens int) Option { return func(s *Server) { s.maxModelLen = tokens } }

// MaxPixels lowers the size of image that ends in a 500, so that a test needs no huge one.
func MaxPixels(n int64) Option { return func(s *Server) { s.maxPixels = n } }

// AnyImage takes any bytes as an image of 1×1 pixel, for tests that have no need of a real one.
func AnyImage() Option { return func(s *Server) { s.anyImage = true } }

// KeepGenerating goes on with a page after its client has left, as a container behind Cloud Run does. See [Counts].
func KeepGenerating() Option { return func(s *Server) { s.keepGenerating = true } }

// RefuseField makes the server refuse requests with a field of this name, in any words: [Error], [Detail], [Invalid].
func RefuseField(name string, refusal Reply) Option {
	return func(s *Server) { s.refused = append(s.refused, refusedField{name, refusal}) }
}

type refusedField struct {
	name    string
	refusal Reply
}

// IdleTimeout closes connections that are idle for longer; the default is vLLM's 5 s.
func IdleTimeout(d time.Duration) Option { return func(s *Server) { s.idleTimeout = d } }

// New starts a server, which the test's end closes.
func New(tb TB, options ...Option) *Server {
	s := &Server{
		models: []string{DefaultModel}, maxModelLen: 16384, maxPixels: pillowLimit, idleTimeout: 5 * time.Second,
		fallback: Describe(), byImage: map[string]Reply{}, images: map[string]int{}, revoked: map[string]bool{},
		changed: make(chan struct{}),
	}
	for _, option := range options {
		option(s)
	}
	s.stopped, s.stop = context.WithCancel(context.Background())
	s.engine, s.kill = context.WithCancel(s.stopped)
	s.http = httptest.NewUnstartedServer(s)
	if !s.gateway { // else what is down is behind it
		s.http.Listener = fragile{s.http.Listener, &s.down}
	}
	s.http.Config.IdleTimeout = s.idleTimeout
	s.http.Start()
	s.URL = s.http.URL
	if tb != nil {
		tb.Helper()
		tb.Cleanup(s.Close)
	}
	return s
}

// Close ends the server and everything it holds. It may be called again.
func (s *Server) Close() {
	s.stop()
	s.http.CloseClientConnections()
	s.http.Close()
}

// Default is the reply to every request that neither Next nor For has one for.
func (s *Server) Default(r Reply) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fallback = r
}

// Next queues replies after those that wait for a request; each is used once, in order.
func (s *Server) Next(replies ...Reply) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.script = append(s.script, replies...)
}

// For is the reply to every request with this image; Next goes before it.
func (s *Server) For(image []byte, r Reply) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.byImage[Hash(image)] = r
}

// Down makes the server reset every connection, as between the death of a process and the start of the next.
func (s *Server) Down() { s.down.Store(true) }

// Up ends Down, and the death of the engine too: it is a new server.
func (s *Server) Up() {
	s.mu.Lock()
	s.engine, s.kill = context.WithCancel(s.stopped)
	s.mu.Unlock()
	s.engineDead.Store(false)
	s.draining.Store(false)
	s.killed.Store(false)
	s.down.Store(false)
}

// Drain is SIGTERM for a vLLM with --shutdown-timeout: pages that it is reading are answered, every other one gets a
// 500 at once, and /health says 200 all the while. What is not answered within that time hangs until [Server.Kill].
func (s *Server) Drain() { s.draining.Store(true) }

// Terminate is SIGTERM for a vLLM without it, or the death of its engine: every page that it is reading gets a 500, and
// it is down.
func (s *Server) Terminate() {
	s.Down()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kill()
}

// Kill is SIGKILL: connections of pages that it is reading break, and it is down.
func (s *Server) Kill() {
	s.killed.Store(true)
	s.Terminate()
}

// KillEngine leaves the server up with a dead engine: pages get 500, /health 503.
func (s *Server) KillEngine() { s.engineDead.Store(true) }

// Revoke makes the platform refuse a token that it would take otherwise.
func (s *Server) Revoke(token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.revoked[token] = true
}
