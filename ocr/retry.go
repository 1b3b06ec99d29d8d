package ocr

import (
	"context"
	"time"
)

// How often and how long. The waits are short: an outage is for whoever redelivers the page, not for a call that holds a place.
const (
	maxTries  = 4                      // of the same question, the first included
	firstWait = 500 * time.Millisecond // doubled each time, spread over half to one and a half
	maxWait   = 30 * time.Second       // also where a server asks for more
)

// step is what a failed try leads to.
type step int

const (
	giveUp     step = iota
	waitAndTry      // after a wait, up to maxTries
	tryOnce         // after a wait, but only once in a call
	renewToken      // once, with a fresh token, if a platform refused the old one
	findModel       // once, with the only model that the server has
)

// steps is every decision about a further try. What is not in it is given up: it would fail again, cost money, or it is not ours
// to decide. A time-out is never tried again, since the GPU may still be at work on the page: hanging up does not reach it
// through Cloud Run. Nor is a failed backend, which may be the page's doing.
var steps = map[Kind]step{
	KindUnavailable:     waitAndTry,
	KindOverloaded:      waitAndTry,
	KindAborted:         tryOnce,
	KindUnauthenticated: renewToken,
	KindWrongModel:      findModel,
}

// reading is one call of ExtractText.
type reading struct {
	client  *Client
	img     Image
	to      *served // what the last try was addressed to
	tries   int
	usage   Usage
	aborted bool
	renewed bool
	sought  bool
}

// ask puts one question, with the further tries that the table allows.
func (r *reading) ask(ctx context.Context, s sampling) (answer, *Error) {
	for n := 1; ; n++ {
		a, problem := r.once(ctx, s)
		if problem == nil || n == maxTries || !r.again(ctx, problem, n) {
			return a, problem
		}
	}
}

// once is one try, counted.
func (r *reading) once(ctx context.Context, s sampling) (answer, *Error) {
	r.tries++
	r.to = r.client.served.Load()
	header, end := r.client.begin(ctx)
	a, problem := r.client.try(ctx, r.img, r.to, s, header)
	end(r.tried(a, problem))
	r.usage.PromptTokens += a.usage.PromptTokens
	r.usage.CompletionTokens += a.usage.CompletionTokens
	return a, problem
}

// again prepares the next try after the nth one failed, and reports whether there is to be one.
func (r *reading) again(ctx context.Context, problem *Error, n int) bool {
	switch steps[problem.Kind] {
	case waitAndTry:
		return r.client.wait(ctx, problem.RetryAfter, n)
	case tryOnce:
		return first(&r.aborted) && r.client.wait(ctx, problem.RetryAfter, n)
	case renewToken:
		return problem.platform && r.client.cfg.Token != nil && first(&r.renewed) && r.client.forget()
	case findModel:
		return first(&r.sought) && r.client.adoptModel(ctx, r.to, problem)
	}
	return false
}

// first is true the first time.
func first(done *bool) bool {
	was := *done
	*done = true
	return !was
}

// wait sleeps before a further try; false if the context would not outlast the wait, or ended.
func (c *Client) wait(ctx context.Context, asked time.Duration, n int) bool {
	d := min(max(c.backoff(n, maxWait), asked), maxWait)
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) <= d {
		return false
	}
	return c.cfg.Sleep(ctx, d) == nil
}

// backoff is the nth wait, spread, at most limit.
func (c *Client) backoff(n int, limit time.Duration) time.Duration {
	d := min(firstWait<<min(n-1, 16), limit)
	return min(d/2+time.Duration(c.cfg.Rand()*float64(d)), limit)
}

// forget drops the token that was refused; it always allows the try.
func (c *Client) forget() bool {
	if c.cfg.ForgetToken != nil {
		c.cfg.ForgetToken(c.cfg.Audience)
	}
	return true
}
