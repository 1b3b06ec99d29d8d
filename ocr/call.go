package ocr

import (
	"cmp"
	"context"
	"net/http"
	"time"
)

// Waits between tries. They are short: longer outages are better bridged by a later call than by one that occupies a
// slot.
const (
	firstWait = 500 * time.Millisecond // doubled each time, with jitter from 0.5 to 1.5
	maxWait   = 30 * time.Second       // even if a server asks for more
)

// call is one call of ExtractText. Its flags record which single retries have been used.
type call struct {
	client *Client
	img    Image
	tries  []Try

	aborted     bool // after an aborted answer
	renewed     bool // with a fresh token
	adopted     bool // with another model
	reconnected bool // over a fresh connection
	narrowed    bool // with fewer tokens, to fit the server's context
}

// ask asks one question, with as many tries as limit and retry allow; with limit 0 it makes a single request, whatever
// the result.
func (k *call) ask(ctx context.Context, img Image, q question, limit int) (answer, error) {
	for n := 1; ; n++ {
		q.target = k.client.catalog.current()
		a, err := k.put(ctx, img, q)
		if err != nil && asError(err).stale && first(&k.reconnected) {
			k.client.http.CloseIdleConnections()
			// If the server is gone, the first error stays: the page may be the reason.
			if again, failed := k.put(ctx, img, q); failed == nil || !gone(asError(failed).Kind) {
				a, err = again, failed
			}
		}
		if err == nil || limit == 0 || !k.retry(ctx, q, asError(err), n, limit) {
			return a, err
		}
	}
}

// gone reports whether an error of this kind may mean that the server has just died.
func gone(kind Kind) bool {
	return kind == KindUnavailable || kind == KindOverloaded || kind == KindLost
}

// put makes one request, and repeats it without fields that the server rejects by name. Since rejections cost no GPU
// time, they do not count as tries.
func (k *call) put(ctx context.Context, img Image, q question) (answer, error) {
	for {
		asked := q
		asked.target, asked.omitted = k.client.catalog.current(), fields(k.client.refused.Load())
		asked.maxTokens = cmp.Or(q.maxTokens, asked.target.profile.MaxTokens)
		a, err := k.try(ctx, img, asked)
		if err == nil || !k.comply(asked, asError(err)) {
			return a, err
		}
	}
}

// comply reports whether a question can be asked again in a form that the server accepts. An optional field that the
// refusal names is omitted by all calls from then on; a context smaller than assumed is remembered likewise. Refusals
// of fields that were not sent are ignored, so that repeating ends.
func (k *call) comply(q question, refused *Error) bool {
	if named := refused.named & q.sent(); named != 0 {
		k.client.refused.Or(uint32(named))
		return named&fieldContinue == 0
	}
	return refused.context != 0 && first(&k.narrowed) && k.client.catalog.narrow(q.target, refused.context)
}

// retry prepares another try after the nth of at most limit tries failed, and reports whether there should be one.
// Kinds that are not listed are not retried: they would fail again, cost money, or are not the client's to decide. A
// time-out is never retried, since the GPU may still be processing the page: Cloud Run does not tell it that the client
// has disconnected. Nor is a failed backend or a lost connection, which the page may have caused.
func (k *call) retry(ctx context.Context, q question, failed *Error, n, limit int) bool {
	cfg := &k.client.cfg
	switch failed.Kind {
	case KindUnavailable, KindOverloaded:
		return n < limit && k.wait(ctx, failed.RetryAfter, n)
	case KindAborted:
		return first(&k.aborted) && k.wait(ctx, failed.RetryAfter, n)
	case KindUnauthenticated: // with a fresh token, if a platform refused the old one
		if !failed.Platform || cfg.Token == nil || !first(&k.renewed) {
			return false
		}
		if cfg.ForgetToken != nil {
			cfg.ForgetToken(cfg.Audience)
		}
		return true
	case KindWrongModel: // with the server's only model
		return first(&k.adopted) && k.client.catalog.adopt(ctx, q.target, failed)
	}
	return false
}

// first sets done and reports whether it was unset before.
func first(done *bool) bool {
	was := *done
	*done = true
	return !was
}

// wait sleeps before another try, with growing waits and jitter, and at least as long as the server asked for, up to
// maxWait. It returns false if the context has ended or would end before the wait.
func (k *call) wait(ctx context.Context, asked time.Duration, n int) bool {
	hooks := &k.client.cfg.hooks
	d := firstWait << min(n-1, 10) // more than maxWait
	d = min(max(d/2+time.Duration(hooks.rand()*float64(d)), asked), maxWait)
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) <= d {
		return false
	}
	return hooks.sleep(ctx, d) == nil
}

// try makes one request for the page and records it.
func (k *call) try(ctx context.Context, img Image, q question) (answer, error) {
	x := &exchange{server: k.client.server, caller: ctx}
	t := Try{Number: len(k.tries) + 1, Start: k.client.cfg.hooks.now(), Model: q.target.model}
	a, err := x.send(img, q)
	t.Phases, t.Usage = x.spent, a.usage
	if x.body != nil {
		t.ImageSent = x.body.imageSent()
	}
	if err != nil {
		failed := asError(err)
		t.Status, t.Kind, t.Phase = failed.Status, failed.Kind, failed.Phase
		err = failed
	} else {
		t.Status, t.ServedModel, t.Ending = http.StatusOK, a.model, a.ending.String()
	}
	k.tries = append(k.tries, t)
	return a, err
}
