package ocr_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bucketocr/bucketocr/ocr"
)

// memoryNet is a network inside the process, whose waits a synctest bubble can see through: a time-out of two minutes takes none.
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

func (m *memoryNet) Close() error   { return nil }
func (m *memoryNet) Addr() net.Addr { return &net.UnixAddr{Name: "memory"} }

func (m *memoryNet) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	here, there := net.Pipe()
	select {
	case m.conns <- there:
		return here, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-m.done: // net/http may go on dialling for later requests
		return nil, net.ErrClosed
	}
}

// inMemory runs a test in a bubble, with a handler behind the network; a nil handler takes no connections.
func inMemory(t *testing.T, handler http.HandlerFunc, test func(t *testing.T, cfg ocr.Config)) {
	synctest.Test(t, func(t *testing.T) {
		m := &memoryNet{make(chan net.Conn), make(chan struct{})}
		server := &http.Server{Handler: handler}
		if handler != nil {
			go server.Serve(m)
		}
		transport := &http.Transport{DialContext: m.dial}
		test(t, ocr.Config{URL: "http://127.0.0.1:1", Transport: transport})
		transport.CloseIdleConnections()
		close(m.done)
		server.Close()
		time.Sleep(time.Second) // net/http lingers on some connections
	})
}

// silent reads the request and says nothing until the client leaves.
func silent(_ http.ResponseWriter, r *http.Request) {
	io.Copy(io.Discard, r.Body)
	<-r.Context().Done()
}

// dripping sends the head of an answer and then nothing.
func dripping(w http.ResponseWriter, r *http.Request) {
	io.Copy(io.Discard, r.Body)
	w.Header().Set("Content-Length", "1000")
	w.Write([]byte(`{"choices":[`))
	http.NewResponseController(w).Flush()
	<-r.Context().Done()
}

// waitFor is a reader that blocks until the context ends.
func waitFor(ctx context.Context) io.Reader {
	return readerFunc(func([]byte) (int, error) { <-ctx.Done(); return 0, ctx.Err() })
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }
