package ocr

import (
	"cmp"
	"context"
	"net/http"
	"time"
)

// How often and how long a call tries. The waits are short: whoever delivers the page again bridges an outage, not a
// call that occupies a place.
const (
	firstWait = 500 * time.Millisecond // doubled each time, spread over half to one and a half
	maxWait   = 30 * time.Second       // also where a server asks for more
)

// call is one call of ExtractText.
type call struct {
	client *Client
	img    Image
	tries  []Try

	aborted     bool // the one try after an aborted answer is used up,
	renewed     bool // the one with a fresh token is,
	adopted     bool // the one with another model is,
	reconnected bool // the one over a fresh connection is
	narrowed    bool // the one for what the server's context leaves is
}

// ask puts one question, in as many tries as limit and retry allow; 0 means a single request, whatever comes of it.
func (k *call) ask(ctx context.Context, img Image, q question, limit int) (answer, error) {
	for n := 1; ; n++ {
		q.target = k.client.catalog.current()
		a, err := k.put(ctx, img, q)
		if err != nil && asError(err).stale && first(&k.reconnected) {
			k.client.http.CloseIdleConnections()
			if a, again := k.put(ctx, img, q); again == nil {
				return a, nil
			} // else the first error stands: the page may be what the server died of
		}
		if err == nil || limit == 0 || !k.retry(ctx, q, asError(err), n, limit) {
			return a, err
		}
	}
}

// put makes one request, and the same one again without what the server refuses in it by name. A refusal costs no GPU
// time, so none of these counts as a try of the question.
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

// comply reports whether a question can be put again in a form that the server has just asked for. An optional field
// that it named is left out for as long as the client lives, by all calls; a context smaller than what was assumed is
// remembered likewise. A server that refuses what was not sent is not listened to, so this comes to an end.
func (k *call) comply(q question, refused *Error) bool {
	if named := refused.named & q.sent(); named != 0 {
		k.client.refused.Or(uint32(named))
		return named&fieldContinue == 0
	}
	return refused.context != 0 && first(&k.narrowed) && k.client.catalog.narrow(q.target, refused.context)
}

// retry prepares a further try after the nth of at most limit failed, and reports whether there is to be one. What is
// not listed is given up: it would fail again, cost money, or is not the client's to decide. A time-out is never tried
// again, since the GPU may still be at work on the page: hanging up does not reach it through Cloud Run. Nor is a
// failed backend or a lost connection, which the page may have caused.
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
	case KindWrongModel: // with the only model that the server has
		return first(&k.adopted) && k.client.catalog.adopt(ctx, q.target, failed)
	}
	return false
}

// first sets done and reports whether it was not set before.
func first(done *bool) bool {
	was := *done
	*done = true
	return !was
}

// wait sleeps before a further try: longer after each, spread by chance, and as long as the server asked for, up to
// maxWait. It returns false if the context would not outlast the wait, or ended.
func (k *call) wait(ctx context.Context, asked time.Duration, n int) bool {
	hooks := &k.client.cfg.hooks
	d := firstWait << (n - 1)
	d = min(max(d/2+time.Duration(hooks.rand()*float64(d)), asked), maxWait)
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) <= d {
		return false
	}
	return hooks.sleep(ctx, d) == nil
}

// try makes one request for the page and keeps a record of it.
func (k *call) try(ctx context.Context, img Image, q question) (answer, error) {
	x := &exchange{server: k.client.server, caller: ctx}
	t := Try{Number: len(k.tries) + 1, Start: time.Now(), Model: q.target.model}
	a, err := x.run(img, q)
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
