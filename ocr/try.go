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

// Try is the record of one request for a page. It holds no text, no token and no key.
type Try struct {
	Number int       // 1-based, within one call of ExtractText
	Start  time.Time // when the try began, after the wait that went before it
	// Phases is how long the try was in each [Phase]; 0 for one that it did not reach or passed over, as an answer that
	// arrives before the whole request is sent passes over PhaseWait.
	Phases [PhaseRead + 1]time.Duration

	Model       string // that was asked for
	ImageSent   int64  // bytes of the image, before base64, that were passed to the connection
	Status      int    // of HTTP; 0 if none arrived
	ServedModel string // that answered, as the server names it; empty without a complete answer
	Ending      string // of a complete answer, as judged by its text too: complete, truncated or repetition
	Usage       Usage  // of an answer, also of one that was aborted

	Kind  Kind  // of the error; empty after a complete answer
	Phase Phase // that the error names; 0 after a complete answer
}

// Duration returns how long the try took, without the wait before it.
func (t Try) Duration() time.Duration {
	var sum time.Duration
	for _, d := range t.Phases {
		sum += d
	}
	return sum
}

// errOwnTimeout is the end of Config.Timeout, as opposed to the caller's deadline.
var errOwnTimeout = errors.New("the time for one try is over")

// exchange is one request under way.
type exchange struct {
	server *server
	caller context.Context // of the call
	ctx    context.Context // the same, ended by Config.Timeout at the latest
	auth   credentials
	body   *body // nil until the image is open

	mu      sync.Mutex
	reused  bool // the connection had carried a request before
	reached Phase
	since   time.Time // it was reached
	spent   [PhaseRead + 1]time.Duration
	over    bool
}

// run sends the page once and reads the answer. Nothing is repeated here.
func (x *exchange) run(img Image, q question) (answer, error) {
	x.since = time.Now()
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

// reach begins a later phase. It never goes back: an early answer can overtake the upload. net/http calls it from
// goroutines of its own, also after the end.
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

// settle adds the time since the last change to the phase that was reached. mu is held.
func (x *exchange) settle() {
	now := time.Now()
	x.spent[x.reached] += now.Sub(x.since)
	x.since = now
}

// inPhase returns how long the try has been in a phase.
func (x *exchange) inPhase(p Phase) time.Duration {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.settle()
	return x.spent[p]
}

// connected notes what kind of connection the request got.
func (x *exchange) connected(reused bool) {
	x.reach(PhaseUpload)
	x.mu.Lock()
	defer x.mu.Unlock()
	x.reused = reused
}

// stale reports whether a connection that broke may be one that the server had just closed for being idle: the page
// then went nowhere.
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
	// It ends with the context also where the image's reader hangs: net/http waits for the body's Read to return,
	// whatever the context says.
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

// receive reads a 200. The answer counts only if the server had the whole page, and the source has not failed.
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

// sourceError returns the failure of the image's source, nil if it has none.
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

// broken returns why no complete answer came: the image's reader goes first, then the caller's context, our time-out,
// the network.
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

// unfinished says what a time-out in each phase left undone.
var unfinished = [...]string{
	PhaseConnect: "not connected",
	PhaseUpload:  "page not sent",
	PhaseWait:    "page sent and no answer (queue, cold start or a long page)",
	PhaseRead:    "answer not complete",
}
