package ocrtest

import (
	"net"
	"net/http"
	"sync/atomic"
)

// TB is the part of testing.TB that New needs. Outside tests it may be nil; then call Close.
type TB interface {
	Helper()
	Cleanup(func())
}

// fragile is a listener that resets accepted connections while the server is down.
type fragile struct {
	net.Listener
	down *atomic.Bool
}

func (l fragile) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil || !l.down.Load() {
			return conn, err
		}
		reset(conn)
	}
}

// reset closes a connection so that the peer sees a reset instead of EOF.
func reset(conn net.Conn) {
	if tcp, ok := conn.(*net.TCPConn); ok {
		tcp.SetLinger(0)
	}
	conn.Close()
}

// hangUp resets the connection of a request.
func hangUp(w http.ResponseWriter) {
	if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
		reset(conn)
	}
}
