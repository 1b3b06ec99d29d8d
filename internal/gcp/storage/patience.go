package storage

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync/atomic"
	"time"
)

const (
	// answerLimit is how long a try may take until the headers of its answer: token, connection and all. Cloud Storage
	// answers within a second, and within some when it is busy.
	answerLimit = 30 * time.Second
	// stallLimit is how long a Read may wait for a byte. A body that is not read may wait for as long as its reader
	// likes: an image is read at the pace at which it is sent on.
	stallLimit = 30 * time.Second
	// pingAfter is how long a connection of HTTP/2 may be silent until it is asked for a sign of life, and pingLimit
	// how long that may take: a connection that died is left for another one before a try is given up.
	pingAfter = 10 * time.Second
	pingLimit = 10 * time.Second
)

// errSlow says that Cloud Storage took too long. It is not an error of a context: the caller's goes on.
var errSlow = errors.New("no answer in time")

// patience is how long an answer may take until its headers, and then between its bytes.
type patience struct{ answer, stall time.Duration }

// patient ends a request whose answer does not come, or does not go on. It is the outermost transport, so that the
// token is waited for within the same time.
type patient struct {
	base http.RoundTripper
	patience
}

func (t patient) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancel(req.Context())
	w := &watchdog{limit: t.stall, cancel: cancel}
	w.timer = time.AfterFunc(t.answer, w.bite)
	res, err := t.base.RoundTrip(req.WithContext(ctx))
	w.timer.Stop()
	switch {
	case err != nil:
		cancel()
		return nil, w.explain(err)
	case res.Body == nil:
		cancel()
		return res, nil
	}
	res.Body = &patientBody{ReadCloser: res.Body, watchdog: w}
	return res, nil
}

// watchdog cancels a request that takes too long.
type watchdog struct {
	limit  time.Duration
	timer  *time.Timer
	cancel context.CancelFunc
	bitten atomic.Bool
}

func (w *watchdog) bite() {
	w.bitten.Store(true)
	w.cancel()
}

// explain says of what the watchdog ended what it is.
func (w *watchdog) explain(err error) error {
	if err != nil && err != io.EOF && w.bitten.Load() {
		return errSlow
	}
	return err
}

// patientBody is a body that ends where a Read waits for too long. The time between two Reads is the reader's own.
type patientBody struct {
	io.ReadCloser
	watchdog *watchdog
}

func (b *patientBody) Read(p []byte) (int, error) {
	b.watchdog.timer.Reset(b.watchdog.limit)
	n, err := b.ReadCloser.Read(p)
	b.watchdog.timer.Stop()
	return n, b.watchdog.explain(err)
}

func (b *patientBody) Close() error {
	b.watchdog.timer.Stop()
	b.watchdog.cancel()
	return b.ReadCloser.Close()
}
