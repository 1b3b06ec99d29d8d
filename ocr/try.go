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
	Number int           // 1-based, within one call of ExtractText
	Waited time.Duration // before this try, since the one before it ended; 0 if there was no wait
	Start  time.Time     // when the try began, after the wait
	// Phases is how long the try was in each phase, by [Phase]; 0 for one that it did not reach or passed over, as an answer
	// that arrives before the whole request is sent passes over PhaseWait.
	Phases [PhaseRead + 1]time.Duration

	Model        string // that was asked for
	ImageSent    int64  // bytes of the image, before base64, that were passed to the connection
	Status       int    // of HTTP; 0 if none arrived
	ServedModel  string // that answered, as the server names it; empty without a complete answer
	FinishReason string // the server's own word: stop, length, repetition, abort, …; empty if none arrived
	Ending       string // of a complete answer, as judged by its text too: complete, truncated or repetition
	Usage        Usage  // of an answer, also of one that was aborted

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
	clock  stopwatch
}

// run sends the page once and reads the answer. Nothing is repeated here.
func (x *exchange) run(img Image, q question) (answer, error) {
	x.clock.start()
	defer x.clock.stop()
	if x.caller.Err() != nil {
		return answer{}, canceled(x.caller, PhaseImage)
	}
	auth, err := x.server.authorize(x.caller)
	if err != nil {
		return answer{}, err
	}
	x.clock.reach(PhaseImage)
	body, err := openBody(img)
	if err != nil {
		return answer{}, err
	}
	defer body.Close()
	if err := body.wrap(q); err != nil {
		return answer{}, err
	}
	x.clock.reach(PhaseConnect)
	ctx, cancel := context.WithTimeoutCause(x.caller, x.server.timeout, errOwnTimeout)
	defer cancel()
	x.auth, x.body, x.ctx = auth, body, ctx
	return x.post(q)
}

// record returns what is known of the exchange once it is over, but for its error.
func (x *exchange) record(q question, a answer) Try {
	t := Try{
		Start: x.clock.began, Phases: x.clock.spent, Model: q.target.model,
		FinishReason: a.reason, Usage: a.usage,
	}
	if x.body != nil {
		t.ImageSent = x.body.imageSent()
	}
	if a.ending != unusable {
		t.Status, t.ServedModel, t.Ending = http.StatusOK, a.model, a.ending.String()
	}
	return t
}

// stopwatch measures the phases of an exchange. net/http reports some of them from goroutines of its own, also after the end.
type stopwatch struct {
	began time.Time
	mu    sync.Mutex
	at    Phase     // now, or in which it ended
	since time.Time // of at
	over  bool
	spent [PhaseRead + 1]time.Duration // settled by stop
}

func (w *stopwatch) start() {
	w.began = time.Now()
	w.at, w.since = PhaseToken, w.began
}

// reach begins a later phase. It never goes back: an early answer can overtake the upload.
func (w *stopwatch) reach(p Phase) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if p > w.at && !w.over {
		w.settle()
		w.at = p
	}
}

func (w *stopwatch) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.settle()
	w.over = true
}

// settle adds the time since the last change to the present phase.
func (w *stopwatch) settle() {
	now := time.Now()
	w.spent[w.at] += now.Sub(w.since)
	w.since = now
}

func (w *stopwatch) phase() Phase {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.at
}

// traced returns the context that reports the phases of the request to the clock.
func (x *exchange) traced() context.Context {
	return httptrace.WithClientTrace(x.ctx, &httptrace.ClientTrace{
		GotConn: func(httptrace.GotConnInfo) { x.clock.reach(PhaseUpload) },
		WroteRequest: func(info httptrace.WroteRequestInfo) {
			if info.Err == nil {
				x.clock.reach(PhaseWait)
			}
		},
		GotFirstResponseByte: func() { x.clock.reach(PhaseRead) },
	})
}

// post sends the request and reads the answer.
func (x *exchange) post(q question) (answer, error) {
	req, err := http.NewRequestWithContext(x.traced(), http.MethodPost, x.server.base+"/v1/chat/completions", x.body)
	if err != nil {
		return answer{}, causeError(KindWrongAddress, PhaseConnect, err)
	}
	req.ContentLength = x.body.length
	x.server.addHeader(x.caller, req.Header)
	req.Header.Set("Content-Type", "application/json")
	x.auth.apply(req.Header)
	resp, err := x.do(req)
	if err != nil {
		return answer{}, x.broken(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		refused := readRefusal(resp, x.auth)
		if err := x.sourceError(); err != nil {
			return answer{}, err
		}
		return answer{}, refused
	}
	a, err := x.receive(resp)
	a.asked = q
	return a, err
}

// do is http.Client.Do, but it ends with the context also where the image's reader hangs: net/http waits for the body's Read to
// return, whatever the context says.
func (x *exchange) do(req *http.Request) (*http.Response, error) {
	type outcome struct {
		resp *http.Response
		err  error
	}
	got := make(chan outcome)
	go func() {
		resp, err := x.server.http.Do(req)
		select {
		case got <- outcome{resp, err}:
		case <-x.ctx.Done(): // the exchange is over
			if err == nil {
				resp.Body.Close()
			}
		}
	}()
	select {
	case o := <-got:
		return o.resp, o.err
	case <-x.ctx.Done():
		return nil, x.ctx.Err()
	}
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
		return canceled(x.caller, x.clock.phase())
	}
	return causeError(KindImageSource, PhaseUpload, err)
}

// broken returns why no complete answer came: the image's reader goes first, then the caller's context, our time-out, the network.
func (x *exchange) broken(err error) error {
	select {
	case <-x.body.closed: // the source is no longer in use
	case <-x.ctx.Done():
		x.body.abandoned.Store(true)
	}
	if source := x.sourceError(); source != nil {
		return source
	}
	switch {
	case x.caller.Err() != nil:
		return canceled(x.caller, x.clock.phase())
	case x.ctx.Err() != nil:
		return x.timedOut()
	}
	return networkError(x.clock.phase(), err)
}

// unfinished says what a time-out in each phase left undone.
var unfinished = [...]string{
	PhaseConnect: "not connected",
	PhaseUpload:  "page not sent",
	PhaseWait:    "page sent and no answer (queue, cold start or a long page)",
	PhaseRead:    "answer not complete",
}

func (x *exchange) timedOut() error {
	phase := x.clock.phase()
	return &Error{
		Kind: KindTimeout, Phase: phase, Message: fmt.Sprintf("%s after %v", unfinished[phase], x.server.timeout),
		Err: fmt.Errorf("%w: %w", errOwnTimeout, context.DeadlineExceeded),
	}
}
