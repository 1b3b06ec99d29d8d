package ocr

import (
	"context"
	"strings"
	"time"
)

// Warnings of [Result]. The list only grows.
const (
	WarningTruncated  = "truncated"  // a limit cut the text off
	WarningRepetition = "repetition" // the model fell into a loop; the text ends where that begins
)

// Result is the text of one page and how it came about.
type Result struct {
	// Text is Markdown: # headings, tables as HTML, formulas between dollars, headers and footers included. It is what the page's
	// author wrote: escape it before it is shown on a web page. In layout mode it is the blocks' texts joined.
	Text string
	// Blank says that the model ended by itself without any text, as it does on an empty page, and on some that it cannot read.
	Blank bool
	// Warnings are sorted; none means that the model says the page is complete.
	Warnings []string
	// Model is the name that the server gives itself.
	Model string
	// Usage is summed over all tries that were answered.
	Usage Usage
	// Blocks is filled in layout mode, in reading order.
	Blocks []Block
	// Tries is how many requests for the page were sent, those to other paths not counted.
	Tries int
}

// Usage counts tokens, as the server does.
type Usage struct{ PromptTokens, CompletionTokens int }

// hotter are the temperatures that follow the profile's after a loop: enough to leave it, too little to invent text.
var hotter = []float64{0.4, 0.7}

// minLongerTime must remain for a longer answer, as well as a whole try: it takes the longest of all.
const minLongerTime = 60 * time.Second

// read asks for the page, and asks again where the answer falls short and a further try can help: hotter after a loop, at most twice,
// and once with more room after a cut. A further try never makes it worse: it is one request without retries, it begins only if
// the context outlasts it, and whatever comes of it, the best text so far is kept.
func (r *reading) read(ctx context.Context) (answer, *Error) {
	now := sampling{temperature: r.client.Profile().Temperature, maxTokens: r.client.cfg.MaxTokens}
	best, problem := r.ask(ctx, now)
	if problem != nil {
		return answer{}, problem
	}
	last, heat, longer := best, 0, false
	for last.ending != complete {
		next := last.asked
		switch room := r.room(last); {
		case last.ending == looped && heat < len(hotter) && !longer && r.timeFor(ctx, 0):
			next.temperature = hotter[heat]
			heat++
		case last.ending == truncated && room > next.maxTokens && !longer && r.timeFor(ctx, minLongerTime):
			next.maxTokens, longer = room, true
		default:
			return best, nil
		}
		if last, problem = r.once(ctx, next); problem != nil {
			return best, nil
		}
		best = better(best, last)
	}
	return best, nil
}

// timeFor reports whether the context outlasts one more try, and least.
func (r *reading) timeFor(ctx context.Context, least time.Duration) bool {
	deadline, ok := ctx.Deadline()
	return ctx.Err() == nil && (!ok || time.Until(deadline) >= max(least, r.client.cfg.Timeout))
}

// room is how many tokens an answer could have if it was our limit that cut it off; 0 if that is not known.
func (r *reading) room(a answer) int {
	size := r.client.served.Load().context()
	if size == 0 || a.usage.PromptTokens == 0 || a.usage.CompletionTokens < a.asked.maxTokens {
		return 0
	}
	return size - a.usage.PromptTokens
}

// better is the answer that says more of the page: complete before truncated before looped, then the longer one, then the earlier.
func better(a, b answer) answer {
	switch {
	case a.ending != b.ending && a.ending < b.ending, a.ending == b.ending && len(a.kept()) >= len(b.kept()):
		return a
	}
	return b
}

// kept is the text without the loop.
func (a answer) kept() string {
	if a.ending == looped {
		return strings.TrimRight(a.text[:a.loopFrom], " \t\r\n")
	}
	return a.text
}

// result is what the caller gets of the best answer.
func (r *reading) result(a answer) Result {
	out := Result{Text: a.kept(), Model: a.model, Usage: r.usage, Tries: r.tries}
	if out.Model == "" {
		out.Model = r.to.model
	}
	switch a.ending {
	case truncated:
		out.Warnings = []string{WarningTruncated}
	case looped:
		out.Warnings = []string{WarningRepetition}
	}
	if r.client.cfg.Mode == ModeLayout {
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
