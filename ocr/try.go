package ocr

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"sync"
	"time"
)

// Try is the record of one request for a page. It contains no text, token or key.
type Try struct {
	Number int       // 1-based, within one call of ExtractText
	Start  time.Time // start of the try, after any wait before it
	// Phases holds the time spent in each [Phase]; 0 for a phase that was not reached or was skipped, such as PhaseWait
	// if the answer arrives before the whole request is sent.
	Phases [PhaseRead + 1]time.Duration

	Model       string // requested model
	ImageSent   int64  // bytes of the image, before base64, passed to the connection
	Status      int    // HTTP status; 0 if none arrived
	ServedModel string // model named in a complete answer
	Ending      string // of a complete answer, judged by its text as well: complete, truncated or repetition
	Usage       Usage  // of an answer, even an aborted one

	Kind  Kind  // kind of the error; empty after a complete answer
	Phase Phase // phase in the error; 0 after a complete answer
}

// Duration returns the duration of the try, without any wait before it.
func (t Try) Duration() time.Duration {
	var sum time.Duration
	for _, d := range t.Phases {
		sum += d
	}
	return sum
}

// errOwnTimeout is the cause when Config.Timeout ends a try, as opposed to the caller's deadline.
var errOwnTimeout = errors.New("the time for one try is over")

// exchange is one request in progress.
type exchange struct {
	server *server
	caller context.Context // of the call
	ctx    context.Context // the same, limited by Config.Timeout
	auth   credentials
	body   *body // nil until the image is open

	mu      sync.Mutex
	reused  bool // the connection had carried a request before
	reached Phase
	since   time.Time // the phase was reached
	spent   [PhaseRead + 1]time.Duration
	over    bool
}

// send sends the page once and reads the answer, without retries.
func (x *exchange) send(img Image, q question) (answer, error) {
	x.since = x.server.cfg.hooks.now()
	x.reach(PhaseToken)
	defer x.end()
	if x.caller.Err() != nil {
		return answer{}, canceled(x.caller, PhaseImage)
	}
	auth, err := x.server.authorize(x.caller)
	if err != nil {
		return answer{}, err
	}
	x.reach(PhaseImage)
	body, err := openBody(img)
	if err != nil {
		return answer{}, err
	}
	defer body.Close()
	if err := body.wrap(q); err != nil {
		return answer{}, err
	}
	x.reach(PhaseConnect)
	ctx, cancel := context.WithTimeoutCause(x.caller, x.server.cfg.Timeout, errOwnTimeout)
	defer cancel()
	x.auth, x.body, x.ctx = auth, body, ctx
	return x.post(q)
}

// reach enters a later phase; it never goes back, since an early answer can overtake the upload. net/http's goroutines
// call it, even after the end.
func (x *exchange) reach(p Phase) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if p > x.reached && !x.over {
		x.settle()
		x.reached = p
	}
}

// end stops the clock.
func (x *exchange) end() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.settle()
	x.over = true
}

// settle adds the time since the last change to the current phase. The caller must hold mu.
func (x *exchange) settle() {
	now := x.server.cfg.hooks.now()
	x.spent[x.reached] += now.Sub(x.since)
	x.since = now
}

// inPhase returns the time spent in a phase.
func (x *exchange) inPhase(p Phase) time.Duration {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.settle()
	return x.spent[p]
}

// connected records whether the request uses a reused connection.
func (x *exchange) connected(reused bool) {
	x.reach(PhaseUpload)
	x.mu.Lock()
	defer x.mu.Unlock()
	x.reused = reused
}

// stale reports whether a broken connection may be one that the server had just closed because it was idle, so that the
// page did not arrive.
func (x *exchange) stale() bool {
	waited := x.inPhase(PhaseWait)
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.reused && x.reached == PhaseWait && waited < atOnce
}

func (x *exchange) phase() Phase {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.reached
}

// post sends the request and reads the answer.
func (x *exchange) post(q question) (answer, error) {
	ctx := httptrace.WithClientTrace(x.ctx, &httptrace.ClientTrace{
		GotConn: func(info httptrace.GotConnInfo) { x.connected(info.Reused) },
		WroteRequest: func(info httptrace.WroteRequestInfo) {
			if info.Err == nil {
				x.reach(PhaseWait)
			}
		},
		GotFirstResponseByte: func() { x.reach(PhaseRead) },
	})
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, x.server.base+"/v1/chat/completions", x.body)
	if err != nil {
		return answer{}, causeError(KindWrongAddress, PhaseConnect, err)
	}
	req.ContentLength = x.body.length
	x.server.addHeader(x.caller, req.Header)
	req.Header.Set("Content-Type", "application/json")
	x.auth.apply(req.Header)
	// await returns when the context ends even if the image's reader hangs: net/http would wait for the body's Read to
	// return.
	resp, err := await(x.ctx, func() (*http.Response, error) { return x.server.http.Do(req) },
		func(late *http.Response) { late.Body.Close() })
	if err != nil {
		return answer{}, x.broken(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		refused := readRefusal(resp, x.auth)
		refused.orLost(x.inPhase(PhaseWait))
		if err := x.sourceError(); err != nil {
			return answer{}, err
		}
		return answer{}, refused
	}
	a, err := x.receive(resp)
	a.asked, a.asked.prompt = q, a.usage.PromptTokens
	return a, err
}

// receive reads a response with status 200. The answer counts only if the server has received the whole page and the
// source has not failed.
func (x *exchange) receive(resp *http.Response) (answer, error) {
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return answer{}, x.broken(err)
	}
	resp.Body.Close()
	select {
	case <-x.body.closed:
	case <-x.ctx.Done():
	}
	if err := x.sourceError(); err != nil {
		return answer{}, err
	}
	if !x.body.whole() {
		if x.ctx.Err() != nil {
			return answer{}, x.broken(x.ctx.Err())
		}
		return answer{}, badResponse("the server answered before it had the whole page")
	}
	return decodeAnswer(raw, x.auth)
}

// sourceError returns the error of the image's source, or nil if there is none.
func (x *exchange) sourceError() error {
	err := x.body.sourceError()
	switch {
	case err == nil:
		return nil
	case x.caller.Err() != nil && (errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)):
		return canceled(x.caller, x.phase())
	}
	return causeError(KindImageSource, PhaseUpload, err)
}

// broken returns the error for an incomplete exchange, blaming, in this order, the image's reader, the caller's
// context, the time-out, or the network.
func (x *exchange) broken(err error) error {
	select {
	case <-x.body.closed: // the source is no longer in use
	case <-x.ctx.Done():
		x.body.abandoned.Store(true)
	}
	if source := x.sourceError(); source != nil {
		return source
	}
	phase := x.phase()
	switch {
	case x.caller.Err() != nil:
		return canceled(x.caller, phase)
	case x.ctx.Err() != nil:
		return &Error{
			Kind: KindTimeout, Phase: phase,
			Message: fmt.Sprintf("%s after %v", unfinished[phase], x.server.cfg.Timeout),
			Err:     fmt.Errorf("%w: %w", errOwnTimeout, context.DeadlineExceeded),
		}
	}
	failed := networkError(phase, err)
	failed.stale = failed.Kind == KindLost && x.stale()
	return failed
}

// unfinished describes the state after a time-out in each phase.
var unfinished = [...]string{
	PhaseConnect: "not connected",
	PhaseUpload:  "page not sent",
	PhaseWait:    "page sent and no answer (queue, cold start or a long page)",
	PhaseRead:    "answer not complete",
}
