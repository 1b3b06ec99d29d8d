package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/bucketocr/bucketocr/localocr/internal/api"
	"github.com/bucketocr/bucketocr/localocr/internal/engine"
)

const (
	headerLimit = 10 * time.Second // to send a request's header; a limit on the rest would end waiting pages
	grace       = time.Second      // for running requests to learn that the server is stopping
)

// serve serves on ln, which it closes, until ctx ends, and announces itself on stdout. It returns nil unless the
// listener fails or an engine is stuck.
func serve(ctx context.Context, ln net.Listener, h http.Handler, stdout io.Writer) (err error) {
	requests, abort := context.WithCancelCause(context.Background())
	server := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: headerLimit,
		BaseContext:       func(net.Listener) context.Context { return requests },
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(ln) }()
	fmt.Fprintf(stdout, "listening http://%s\n", ln.Addr())

	select {
	case err = <-failed:
	case <-ctx.Done():
		if cause := context.Cause(ctx); errors.Is(cause, engine.ErrStuck) {
			err = cause
		}
	}
	abort(api.ErrStopping)
	last, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	if server.Shutdown(last) != nil {
		_ = server.Close() // remaining clients have had their time
	}
	return err
}

// listen listens on a loopback address, and refuses any other: the service does not authenticate its clients.
func listen(address string) (net.Listener, error) {
	tcp, err := net.ResolveTCPAddr("tcp", address)
	if err != nil {
		return nil, err
	}
	if !tcp.IP.IsLoopback() {
		return nil, fmt.Errorf("%s is not a loopback address", address)
	}
	return net.ListenTCP("tcp", tcp)
}
