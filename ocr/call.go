package ocr

import (
	"cmp"
	"context"
	"net/http"
	"strings"
	"time"
)

// Warnings of [Result]. The list only grows.
const (
	WarningTruncated  = "truncated"  // a limit cut the text off
	WarningRepetition = "repetition" // the model fell into a loop; the text ends where that begins
	WarningNoText     = "no_text"    // there is ink on the page, and no text came of it
	WarningImprobable = "improbable" // there is much text, and almost no ink on the page
	WarningTurned     = "turned"     // the page was turned before it was read
)

// Result is the text of one page and how it was obtained.
type Result struct {
	// Text is Markdown: # headings, tables as HTML, formulas between dollars, headers and footers included. It is what the page's
	// author wrote: escape it before it is shown on a web page. In layout mode it is the blocks' texts joined.
	Text string
	// Blank reports that the model ended by itself without any text, as it does on an empty page, and on some that it cannot read.
	Blank bool
	// Warnings are sorted; none means that the model considers the page complete.
	Warnings []string
	// Turned is by how many degrees clockwise the page was turned for this text; 0 if it was read as it is. Boxes are those of the
	// turned page.
	Turned int
	// Model is the name that the server uses for itself.
	Model string
	// Usage is the sum over all tries.
	Usage Usage
	// Blocks are those of layout mode, in reading order.
	Blocks []Block
	// Tries are the requests for the page in the order in which they were made; those to other paths are not among them.
	Tries []Try
}

// How often and how long a call tries. The waits are short: whoever delivers the page again bridges an outage, not a call that
// occupies a place.
const (
	firstWait = 500 * time.Millisecond // doubled each time, spread over half to one and a half
	maxWait   = 30 * time.Second       // also where a server asks for more

	// minLongerTime must remain for a longer answer, as well as a whole try: it takes the longest of all.
	minLongerTime = 60 * time.Second
)

// hotter are the temperatures that follow the profile's after a loop: enough to leave it, too little to invent text.
var hotter = []float64{0.4, 0.7}

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

// read asks for the page, and asks again where the answer falls short and a further try can help: hotter after a loop, at most
// twice, and once for more tokens after a cut. A further try never makes the result worse: it is one request without retries, it
// begins only if the context outlasts it, and whatever comes of it, the best text so far is kept.
func (k *call) read(ctx context.Context) (answer, error) {
	cfg := &k.client.cfg
	best, err := k.ask(ctx, question{
		temperature: k.client.Profile().Temperature, maxTokens: cfg.MaxTokens, layout: cfg.Mode == ModeLayout,
	}, cfg.MaxTries)
	if err != nil {
		return answer{}, err
	}
	last, heat, longer := best, 0, false
	for last.ending != complete {
		next := last.asked
		switch tokens := k.longestAnswer(last); {
		case last.ending == looped && heat < len(hotter) && !longer && k.timeFor(ctx, 0):
			next.temperature = hotter[heat]
			heat++
		case last.ending == truncated && tokens > next.maxTokens && !longer && k.timeFor(ctx, minLongerTime):
			next.maxTokens, longer = tokens, true
		default:
			return best, nil
		}
		if last, err = k.ask(ctx, next, 0); err != nil {
			return best, nil
		}
		best = better(best, last)
	}
	return best, nil
}

// timeFor reports whether the context outlasts one more try, and least.
func (k *call) timeFor(ctx context.Context, least time.Duration) bool {
	deadline, ok := ctx.Deadline()
	return ctx.Err() == nil && (!ok || time.Until(deadline) >= max(least, k.client.cfg.Timeout))
}

// longestAnswer returns how many tokens an answer could have if it was our limit that cut this one off; 0 if that is not known.
func (k *call) longestAnswer(a answer) int {
	size := k.client.catalog.current().context()
	if size == 0 || a.usage.PromptTokens == 0 || a.usage.CompletionTokens < a.asked.maxTokens {
		return 0
	}
	return size - a.usage.PromptTokens
}

// ask puts one question, in as many tries as limit and retry allow; 0 means a single request, whatever comes of it.
func (k *call) ask(ctx context.Context, q question, limit int) (answer, error) {
	for n := 1; ; n++ {
		q.target = k.client.catalog.current()
		a, err := k.put(ctx, q)
		if err != nil && asError(err).stale && first(&k.reconnected) {
			k.client.http.CloseIdleConnections()
			if a, again := k.put(ctx, q); again == nil {
				return a, nil
			} // else the first error stands: the page may be what the server died of
		}
		if err == nil || limit == 0 || !k.retry(ctx, q, asError(err), n, limit) {
			return a, err
		}
	}
}

// put makes one request, and the same one again without what the server refuses in it by name. A refusal costs no GPU time, so none of
// these counts as a try of the question.
func (k *call) put(ctx context.Context, q question) (answer, error) {
	for {
		asked := q
		asked.target, asked.omitted = k.client.catalog.current(), fields(k.client.refused.Load())
		asked.maxTokens = cmp.Or(q.maxTokens, asked.target.profile.MaxTokens)
		a, err := k.try(ctx, asked)
		if err == nil || !k.comply(asked, asError(err)) {
			return a, err
		}
	}
}

// comply reports whether a question can be put again in a form that the server has just asked for. An optional field that it named is
// left out for as long as the client lives, by all calls; a context smaller than what was assumed is remembered likewise. A server
// that refuses what was not sent is not listened to, so this comes to an end.
func (k *call) comply(q question, refused *Error) bool {
	if named := refused.named & q.sent(); named != 0 {
		k.client.refused.Or(uint32(named))
		return true
	}
	return refused.context != 0 && first(&k.narrowed) && k.client.catalog.narrow(q.target, refused.context)
}

// retry prepares a further try after the nth of at most limit failed, and reports whether there is to be one. What is not listed is given up:
// it would fail again, cost money, or is not the client's to decide. A time-out is never tried again, since the GPU may still be
// at work on the page: hanging up does not reach it through Cloud Run. Nor is a failed backend or a lost connection, which the
// page may have caused.
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

// wait sleeps before a further try: longer after each, spread by chance, and as long as the server asked for, up to maxWait. It
// returns false if the context would not outlast the wait, or ended.
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
func (k *call) try(ctx context.Context, q question) (answer, error) {
	x := &exchange{server: k.client.server, caller: ctx}
	t := Try{Number: len(k.tries) + 1, Start: time.Now(), Model: q.target.model}
	a, err := x.run(k.img, q)
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

// better returns the answer that has more of the page: complete before truncated before looped, then the longer one, then the
// earlier.
func better(a, b answer) answer {
	if a.ending < b.ending || a.ending == b.ending && len(a.kept()) >= len(b.kept()) {
		return a
	}
	return b
}

// result returns what the caller receives of the best answer.
func (k *call) result(a answer) Result {
	out := Result{Text: a.kept(), Model: cmp.Or(a.model, a.asked.target.model), Tries: k.tries}
	for _, t := range k.tries {
		out.Usage.PromptTokens += t.Usage.PromptTokens
		out.Usage.CompletionTokens += t.Usage.CompletionTokens
	}
	switch a.ending {
	case truncated:
		out.Warnings = []string{WarningTruncated}
	case looped:
		out.Warnings = []string{WarningRepetition}
	}
	if a.asked.layout {
		out.Blocks, out.Text = readLayout(out.Text)
	} else {
		out.Text = repairDollars(out.Text)
	}
	if strings.TrimSpace(out.Text) == "" {
		out.Text = ""
		out.Blank = a.ending == complete && len(out.Blocks) == 0
	}
	return out
}
