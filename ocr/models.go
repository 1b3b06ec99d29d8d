package ocr

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"
)

const (
	probeTimeout = 10 * time.Second // a server that does not say within this what it serves is not healthy
	probeMaxWait = 30 * time.Second // between two questions of WaitHealthy
	maxModels    = 1 << 20          // bytes of the list of models
)

// Healthy asks the server for its models and says whether the wanted one, or the one taken in its place, is served. That
// proves address, token, key and model, not that the GPU can read. It takes 10 s at most, token included, and never
// panics. With llama-server, which does not care for the name in a request, Config.Model must be right for this.
//
// A request of any kind starts a GPU that scales to zero, and keeps it: ask when there is need, not on a timer.
func (c *Client) Healthy(ctx context.Context) (healthy bool) {
	defer func() {
		if recover() != nil { // a nil context, a Transport of the caller's
			healthy = false
		}
	}()
	return c.probe(ctx) == nil
}

// WaitHealthy asks until the server is [Client.Healthy], with growing pauses of 30 s at most, until ctx ends. The *[Error] then says
// what the last answer was. For operators and start-up scripts.
func (c *Client) WaitHealthy(ctx context.Context) error {
	for n := 2; ; n++ {
		problem := c.probe(ctx)
		if problem == nil {
			return nil
		}
		if ctx.Err() != nil || c.cfg.Sleep(ctx, c.backoff(n, probeMaxWait)) != nil {
			end := canceled(ctx, problem.Phase)
			end.Message = cleanText(end.Message + "; last: " + problem.Error())
			return end
		}
	}
}

// probe says why the wanted model is not to be had, nil if it is.
func (c *Client) probe(ctx context.Context) *Error {
	list, problem := c.models(ctx)
	if problem != nil {
		return problem
	}
	now := c.served.Load()
	for _, m := range list {
		if m.name == now.model {
			c.served.CompareAndSwap(now, &served{now.model, now.profile, m.limit})
			return nil
		}
	}
	return &Error{Kind: KindWrongModel, Phase: PhaseRead, Status: http.StatusOK, Message: notServed(now.model, list)}
}

// model is one that the server has; limit is its context in tokens, 0 if the server does not say.
type model struct {
	name  string
	limit int
}

func notServed(wanted string, list []model) string {
	names := make([]string, len(list))
	for i, m := range list {
		names[i] = m.name
	}
	return cleanText(fmt.Sprintf("the server has no model %q, it has %q", wanted, names))
}

// models asks what the server has.
func (c *Client) models(ctx context.Context) ([]model, *Error) {
	caller := ctx
	ctx, cancel := context.WithTimeoutCause(ctx, min(probeTimeout, c.cfg.Timeout), errOwnTimeout)
	defer cancel()
	auth, problem := c.authorize(ctx)
	switch {
	case problem != nil && problem.Kind == KindCanceled && caller.Err() == nil:
		return nil, causeError(KindToken, PhaseToken, errTokenLimit)
	case problem != nil:
		return nil, problem
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+"/v1/models", nil)
	if err != nil {
		return nil, causeError(KindWrongAddress, PhaseConnect, err)
	}
	auth.apply(req.Header)
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, probeProblem(caller, ctx, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, readRefusal(resp, auth)
	}
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxModels))
	if err != nil {
		return nil, probeProblem(caller, ctx, err)
	}
	return decodeModels(raw)
}

func probeProblem(caller, limited context.Context, err error) *Error {
	switch {
	case caller.Err() != nil:
		return canceled(caller, PhaseWait)
	case limited.Err() != nil:
		return causeError(KindTimeout, PhaseWait, limited.Err())
	}
	return networkProblem(PhaseWait, err)
}

func decodeModels(raw []byte) ([]model, *Error) {
	var list struct {
		Data []struct {
			ID     lenientString `json:"id"`
			Length lenientInt    `json:"max_model_len"`
		} `json:"data"`
	}
	if err := json.Unmarshal(raw, &list); err != nil {
		return nil, badResponse("no list of models in JSON: %s", cleanText(err.Error()))
	}
	var models []model
	for _, m := range list.Data {
		if m.ID != "" {
			models = append(models, model{string(m.ID), int(m.Length)})
		}
	}
	return models, nil
}

// adoptModel takes the server's only model in place of the wanted one, which it said not to have, and reports whether a further try makes
// sense. Otherwise it puts what it learned into the error. Calls that come to this at once ask one after the other, and all
// but the first find the matter settled.
func (c *Client) adoptModel(ctx context.Context, before *served, problem *Error) bool {
	c.asking.Lock()
	defer c.asking.Unlock()
	if c.served.Load().model != before.model {
		return true
	}
	list, failed := c.models(ctx)
	switch {
	case failed != nil:
		problem.Message = cleanText(problem.Message + "; asked for its models: " + failed.Error())
		return false
	case len(list) != 1 || list[0].name == before.model:
		problem.Message = notServed(before.model, list)
		return false
	}
	only := list[0]
	next := &served{only.name, c.profileFor(only.name, before.profile), only.limit}
	if c.cfg.Mode == ModeLayout && !next.profile.Layout {
		problem.Message = cleanText(fmt.Sprintf("the server has only %q, which has no layout mode", only.name))
		return false
	}
	c.served.Store(next)
	return true
}

// profileFor is the profile of an adopted model: what was configured, unless that came from a name too and the new name says more.
func (c *Client) profileFor(name string, now Profile) Profile {
	if next := profileByModel(name); c.cfg.Profile == "" && next.Name != genericName {
		return next
	}
	return now
}
