package ocr_test

import (
	"bytes"
	"context"
	"errors"
	"image"
	"image/jpeg"
	"image/png"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bucketocr/bucketocr/ocr"
	"github.com/bucketocr/bucketocr/ocr/ocrtest"
)

// pngPage returns a small real page.
func pngPage(t testing.TB) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, 60, 80))); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func jpegPage(t testing.TB) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, image.NewGray(image.Rect(0, 0, 60, 80)), nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// bigPage returns n bytes of which only the first look like a PNG.
func bigPage(n int) []byte {
	page := make([]byte, n)
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range page {
		page[i] = byte(rng.Uint32())
	}
	copy(page, "\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x10\x00\x00\x00\x10")
	return page
}

// sleeps records waits instead of waiting.
type sleeps struct {
	mu    sync.Mutex
	waits []time.Duration
}

func (s *sleeps) sleep(ctx context.Context, d time.Duration) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waits = append(s.waits, d)
	return ctx.Err()
}

func (s *sleeps) all() []time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]time.Duration(nil), s.waits...)
}

// newClient returns a client of the server that does not really wait between tries. Its clock stands still: a reply
// that is meant to be immediate may take more than a second on a busy machine.
func newClient(t testing.TB, s *ocrtest.Server, change ...func(*ocr.Config)) *ocr.Client {
	t.Helper()
	start := time.Now()
	still := func(cfg *ocr.Config) { cfg.SetNow(func() time.Time { return start }) }
	return newClientAt(t, s.URL, append([]func(*ocr.Config){still}, change...)...)
}

func newClientAt(t testing.TB, url string, change ...func(*ocr.Config)) *ocr.Client {
	t.Helper()
	cfg := ocr.Config{URL: url}
	cfg.SetSleep(new(sleeps).sleep)
	cfg.SetRand(func() float64 { return 0.5 })
	for _, f := range change {
		f(&cfg)
	}
	c, err := ocr.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// newClientOver returns a client that uses the given network.
func newClientOver(t testing.TB, network http.RoundTripper) *ocr.Client {
	t.Helper()
	return newClientAt(t, "http://127.0.0.1:1", func(cfg *ocr.Config) { cfg.Transport = network })
}

// readWith reads a page with a new server that always gives the same reply.
func readWith(t *testing.T, reply ocrtest.Reply, change ...func(*ocr.Config)) (*ocrtest.Server, ocr.Result, error) {
	t.Helper()
	s := ocrtest.New(t)
	s.Default(reply)
	r, err := newClient(t, s, change...).ExtractText(patience(t), ocr.Bytes(pngPage(t)))
	return s, r, err
}

// failure returns the *ocr.Error of a call that must have failed.
func failure(t testing.TB, err error) *ocr.Error {
	t.Helper()
	var e *ocr.Error
	if !errors.As(err, &e) {
		t.Fatalf("error is %v, want an *ocr.Error", err)
	}
	return e
}

// patience returns a context that ends a test that would otherwise hang for ever if the code were broken. It has no
// deadline, since with little time left the client would not try again.
func patience(t testing.TB) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	timer := time.AfterFunc(30*time.Second, cancel)
	t.Cleanup(func() { timer.Stop(); cancel() })
	return ctx
}

// source is an image whose reader the test provides; it counts how often it is opened and closed.
type source struct {
	io.Reader
	mu     sync.Mutex
	opened int
	closed int
}

func (s *source) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed++
	return nil
}

// closedAll reports whether there were as many calls of Close as readers.
func (s *source) closedAll() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.opened == s.closed
}

// opening returns an image that opens a new reader for each try.
func (s *source) opening(size int, reader func() io.Reader) ocr.Image {
	return ocr.Image{Size: int64(size), Open: func() (io.ReadCloser, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.opened++
		return struct {
			io.Reader
			io.Closer
		}{reader(), s}, nil
	}}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// answering returns a network in which every request gets the same answer.
func answering(status int, body string) http.RoundTripper {
	return roundTrip(func(r *http.Request) (*http.Response, error) {
		if r.Body != nil {
			io.Copy(io.Discard, r.Body)
			r.Body.Close()
		}
		return &http.Response{
			StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
	})
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// memoryNet is a network inside the process, on which a synctest bubble can wait: a time-out of two minutes takes no
// real time.
type memoryNet struct {
	conns chan net.Conn
	done  chan struct{}
}

func (m *memoryNet) Accept() (net.Conn, error) {
	select {
	case c := <-m.conns:
		return c, nil
	case <-m.done:
		return nil, net.ErrClosed
	}
}

func (m *memoryNet) Close() error { return nil }

func (m *memoryNet) Addr() net.Addr { return &net.UnixAddr{Name: "memory"} }

func (m *memoryNet) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	here, there := net.Pipe()
	select {
	case m.conns <- there:
		return here, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-m.done: // net/http may keep dialling for later requests
		return nil, net.ErrClosed
	}
}

// inMemory runs a test in a bubble, with a handler at the other end of the network. If the handler is nil, no
// connection is accepted.
func inMemory(t *testing.T, handler http.HandlerFunc, test func(t *testing.T, cfg ocr.Config)) {
	synctest.Test(t, func(t *testing.T) {
		m := &memoryNet{make(chan net.Conn), make(chan struct{})}
		server := &http.Server{Handler: handler}
		if handler != nil {
			go server.Serve(m)
		}
		transport := &http.Transport{DialContext: m.dial}
		cfg := ocr.Config{URL: "http://127.0.0.1:1"}
		cfg.Transport = transport
		test(t, cfg)
		transport.CloseIdleConnections()
		close(m.done)
		server.Close()
		time.Sleep(time.Second) // net/http keeps some connections for a moment
	})
}

// silent reads the request and does not respond until the client hangs up.
func silent(_ http.ResponseWriter, r *http.Request) {
	io.Copy(io.Discard, r.Body)
	<-r.Context().Done()
}

// dripping sends the beginning of an answer and then nothing.
func dripping(w http.ResponseWriter, r *http.Request) {
	io.Copy(io.Discard, r.Body)
	w.Header().Set("Content-Length", "1000")
	w.Write([]byte(`{"choices":[`))
	http.NewResponseController(w).Flush()
	<-r.Context().Done()
}

// waitFor returns a reader that blocks until the context ends.
func waitFor(ctx context.Context) io.Reader {
	return readerFunc(func([]byte) (int, error) { <-ctx.Done(); return 0, ctx.Err() })
}
