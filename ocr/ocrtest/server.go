package ocrtest

import (
	"context"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"time"
)

// DefaultModel is the name of the server's model unless [Models] is used.
const DefaultModel = "lightonai/LightOnOCR-2-1B"

// Server is a fake OCR service. Its methods may be called concurrently.
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
	killed                     atomic.Bool     // between Kill and Up
	stopped                    context.Context // ended by Close, which releases held requests
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
	engine   context.Context // ended by Terminate, which aborts pages being processed
	kill     context.CancelFunc
}

// Option configures a Server in [New].
type Option func(*Server)

// Models sets the names of the models; answers carry the first. The default is [DefaultModel].
func Models(names ...string) Option { return func(s *Server) { s.models = names } }

// Key sets an API key, like vLLM's --api-key, which paths under /v1 then require.
func Key(key string) Option { return func(s *Server) { s.key = key } }

// RequireToken makes the platform require an ID token with this audience on every path.
func RequireToken(audience string) Option { return func(s *Server) { s.audience = audience } }

// MaxModelLen sets the context in tokens; the default is 16384.
func MaxModelLen(tokens int) Option { return func(s *Server) { s.maxModelLen = tokens } }

// MaxPixels lowers the image size from which the server responds with a 500, so that tests need no huge images.
func MaxPixels(n int64) Option { return func(s *Server) { s.maxPixels = n } }

// AnyImage makes the server accept any bytes as an image of 1×1 pixel, for tests that need no real one.
func AnyImage() Option { return func(s *Server) { s.anyImage = true } }

// KeepGenerating makes the server continue with a page after its client has left, like a container behind Cloud Run.
// See [Counts].
func KeepGenerating() Option { return func(s *Server) { s.keepGenerating = true } }

// RefuseField makes the server refuse requests with a field of this name, with any reply, such as [Error], [Detail] or
// [Invalid].
func RefuseField(name string, refusal Reply) Option {
	return func(s *Server) { s.refused = append(s.refused, refusedField{name, refusal}) }
}

type refusedField struct {
	name    string
	refusal Reply
}

// IdleTimeout sets the time after which idle connections are closed; the default is vLLM's 5 s.
func IdleTimeout(d time.Duration) Option { return func(s *Server) { s.idleTimeout = d } }

// New starts a server, which is closed when the test ends.
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
	if !s.gateway { // with a gateway, only the server behind it is down
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

// Close stops the server and releases all held requests. It may be called repeatedly.
func (s *Server) Close() {
	s.stop()
	s.http.CloseClientConnections()
	s.http.Close()
}

// Default sets the reply to every request without one from Next or For.
func (s *Server) Default(r Reply) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fallback = r
}

// Next appends replies to the queue; each is used once, in order.
func (s *Server) Next(replies ...Reply) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.script = append(s.script, replies...)
}

// For sets the reply to every request with this image. Queued replies take precedence.
func (s *Server) For(image []byte, r Reply) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.byImage[Hash(image)] = r
}

// Down makes the server reset every connection, as between the exit of a process and the start of the next.
func (s *Server) Down() { s.down.Store(true) }

// Up ends Down, Drain, Terminate, Kill and KillEngine: it starts a new server process.
func (s *Server) Up() {
	s.mu.Lock()
	s.engine, s.kill = context.WithCancel(s.stopped)
	s.mu.Unlock()
	s.engineDead.Store(false)
	s.draining.Store(false)
	s.killed.Store(false)
	s.down.Store(false)
}

// Drain simulates SIGTERM for a vLLM with --shutdown-timeout: pages in progress are completed, every other one gets a
// 500 at once, and /health still responds 200. Pages that are not completed within that time hang until [Server.Kill].
func (s *Server) Drain() { s.draining.Store(true) }

// Terminate simulates SIGTERM for a vLLM without --shutdown-timeout, or the death of its engine: every page in progress
// gets a 500, and the server is down.
func (s *Server) Terminate() {
	s.Down()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kill()
}

// Kill simulates SIGKILL: the connections of pages in progress break, and the server is down.
func (s *Server) Kill() {
	s.killed.Store(true)
	s.Terminate()
}

// KillEngine leaves the server up with a dead engine: pages get a 500, and /health a 503.
func (s *Server) KillEngine() { s.engineDead.Store(true) }

// Revoke makes the platform refuse a token that is otherwise valid.
func (s *Server) Revoke(token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.revoked[token] = true
}
