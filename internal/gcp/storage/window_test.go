package storage

import (
	"crypto/tls"
	"encoding/binary"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
)

// TestReadAhead: an HTTP/2 server may send as much of an unread object as the connection's first frame permits per
// stream.
func TestReadAhead(t *testing.T) {
	window := make(chan uint32, 1)
	server := httptest.NewUnstartedServer(nil)
	server.Config.TLSNextProto = map[string]func(*http.Server, *tls.Conn, http.Handler){
		"h2": func(_ *http.Server, c *tls.Conn, _ http.Handler) { window <- initialWindow(c) },
	}
	server.TLS = &tls.Config{NextProtos: []string{"h2"}}
	server.StartTLS()
	defer server.Close()
	transport := transport()
	transport.TLSClientConfig = server.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
	if res, err := (&http.Client{Transport: transport}).Get(server.URL); err == nil {
		res.Body.Close()
		t.Fatal("an answer from a server that sends none")
	}
	if got := <-window; got != readAhead {
		t.Errorf("the server may send %d bytes, want %d", got, readAhead)
	}
}

// initialWindow reads the client's preface and its SETTINGS (RFC 9113, sections 3.4 and 6.5); 0 if they do not contain
// it.
func initialWindow(c net.Conn) uint32 {
	head := make([]byte, len("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")+9)
	if _, err := io.ReadFull(c, head); err != nil {
		return 0
	}
	frame := head[len(head)-9:]
	settings := make([]byte, int(frame[0])<<16|int(frame[1])<<8|int(frame[2]))
	if _, err := io.ReadFull(c, settings); err != nil {
		return 0
	}
	for ; len(settings) >= 6; settings = settings[6:] {
		if binary.BigEndian.Uint16(settings) == 4 { // SETTINGS_INITIAL_WINDOW_SIZE
			return binary.BigEndian.Uint32(settings[2:])
		}
	}
	return 0
}
