package ocr

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
)

// attempt is one request under way.
type attempt struct {
	client *Client
	caller context.Context // the caller's
	ctx    context.Context // the same, ended by Config.Timeout at the latest
	body   *body
	auth   credentials
	header http.Header // the observer's
	stage  atomic.Int32
}

// stages in the order in which a request goes through them.
var stages = []Phase{PhaseConnect, PhaseUpload, PhaseWait, PhaseRead}

func (t *attempt) phase() Phase { return stages[t.stage.Load()] }

// reach never goes back: an early answer can overtake the upload.
func (t *attempt) reach(stage int32) {
	for {
		now := t.stage.Load()
		if now >= stage || t.stage.CompareAndSwap(now, stage) {
			return
		}
	}
}

func (t *attempt) trace() context.Context {
	return httptrace.WithClientTrace(t.ctx, &httptrace.ClientTrace{
		GotConn: func(httptrace.GotConnInfo) { t.reach(1) },
		WroteRequest: func(info httptrace.WroteRequestInfo) {
			if info.Err == nil {
				t.reach(2)
			}
		},
		GotFirstResponseByte: func() { t.reach(3) },
	})
}

// exchange sends the request and reads the answer.
func (t *attempt) exchange(length int64, s sampling) (answer, *Error) {
	req, err := http.NewRequestWithContext(t.trace(), http.MethodPost, t.client.base+"/v1/chat/completions", t.body)
	if err != nil {
		return answer{}, causeError(KindWrongAddress, PhaseConnect, err)
	}
	req.ContentLength = length
	maps.Copy(req.Header, t.header) // first, so that it replaces nothing of ours
	req.Header.Set("Content-Type", "application/json")
	t.auth.apply(req.Header)
	resp, err := t.do(req)
	if err != nil {
		return answer{}, t.broken(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		problem := readRefusal(resp, t.auth)
		if source := t.sourceProblem(); source != nil {
			return answer{}, source
		}
		return answer{}, problem
	}
	return t.receive(resp, s)
}

// do is Do, but it ends with the context also where the image's reader hangs: net/http waits for the body's Read to return, whatever the
// context says.
func (t *attempt) do(req *http.Request) (*http.Response, error) {
	type outcome struct {
		resp *http.Response
		err  error
	}
	got := make(chan outcome)
	go func() {
		resp, err := t.client.http.Do(req)
		select {
		case got <- outcome{resp, err}:
		case <-t.ctx.Done(): // nobody waits any more
			if err == nil {
				resp.Body.Close()
			}
		}
	}()
	select {
	case o := <-got:
		return o.resp, o.err
	case <-t.ctx.Done():
		return nil, t.ctx.Err()
	}
}

// receive reads a 200. The answer counts only if the server had the whole page, and the source has not failed.
func (t *attempt) receive(resp *http.Response, s sampling) (answer, *Error) {
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return answer{}, t.broken(err)
	}
	resp.Body.Close()
	select {
	case <-t.body.closed:
	case <-t.ctx.Done():
	}
	if source := t.sourceProblem(); source != nil {
		return answer{}, source
	}
	if !t.body.whole.Load() {
		if t.ctx.Err() != nil {
			return answer{}, t.broken(t.ctx.Err())
		}
		return answer{}, &Error{Kind: KindBadResponse, Phase: PhaseRead, Status: resp.StatusCode, Message: "the server answered before it had the whole page"}
	}
	a, problem := decodeAnswer(raw, t.auth)
	if problem != nil {
		problem.Status = resp.StatusCode
		return a, problem
	}
	a.asked = s
	return a, nil
}

// sourceProblem is the image source's failure, nil if it has none.
func (t *attempt) sourceProblem() *Error {
	err := t.body.sourceFailure()
	switch {
	case err == nil:
		return nil
	case t.caller.Err() != nil && (errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)):
		return canceled(t.caller, t.phase())
	}
	return causeError(KindImageSource, PhaseUpload, err)
}

// broken says why no complete answer came: the image's reader goes first, then the caller's context, our time-out, the network.
func (t *attempt) broken(err error) *Error {
	select {
	case <-t.body.closed: // the source is no longer in use
	case <-t.ctx.Done():
		t.body.abandon()
	}
	if source := t.sourceProblem(); source != nil {
		return source
	}
	switch {
	case t.caller.Err() != nil:
		return canceled(t.caller, t.phase())
	case t.ctx.Err() != nil:
		return t.timedOut()
	}
	return networkProblem(t.phase(), err)
}

func (t *attempt) timedOut() *Error {
	phase := t.phase()
	words := map[Phase]string{
		PhaseConnect: "not connected",
		PhaseUpload:  "page not sent",
		PhaseWait:    "page sent and no answer (queue, cold start or a long page)",
		PhaseRead:    "answer not complete",
	}
	return &Error{Kind: KindTimeout, Phase: phase, Message: fmt.Sprintf("%s after %v", words[phase], t.client.cfg.Timeout),
		Err: fmt.Errorf("%w: %w", errOwnTimeout, context.DeadlineExceeded)}
}
