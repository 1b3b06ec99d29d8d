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
	// answerLimit is how long a try may take until the headers of its answer, including token and connection. Cloud
	// Storage answers within a second, or a few seconds when it is busy.
	answerLimit = 30 * time.Second
	// stallLimit is how long a Read may wait for a byte. The time between Reads is not limited: an image is read at the
	// pace at which it is sent on.
	stallLimit = 30 * time.Second
	// pingAfter is how long an HTTP/2 connection may be silent until it is pinged, and pingLimit how long the answer
	// may take: a dead connection is replaced before a try is given up.
	pingAfter = 10 * time.Second
	pingLimit = 10 * time.Second
)

// errSlow means that Cloud Storage took too long. It is not a context's error: the caller's context has not ended.
var errSlow = errors.New("no answer in time")

// patience holds the time limits for an answer's headers, and between its bytes.
type patience struct{ answer, stall time.Duration }

// patient cancels a request whose answer does not arrive or stalls. It is the outermost transport, so that its time
// includes waiting for the token.
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

// explain returns errSlow if the watchdog cancelled the request, and else err.
func (w *watchdog) explain(err error) error {
	if err != nil && err != io.EOF && w.bitten.Load() {
		return errSlow
	}
	return err
}

// patientBody is a body that fails if a Read waits too long. The time between Reads does not count.
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
