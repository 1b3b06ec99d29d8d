package ocr

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"
	"unicode"
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
	// Text is Markdown: # headings, tables as HTML, formulas between dollars, headers and footers included. It is what
	// the page's author wrote: escape it before it is shown on a web page. In layout mode it is the blocks' texts
	// joined, without those that describe pictures.
	Text string
	// Blank reports that the model ended by itself without any text, as it does on an empty page, and on some that it
	// cannot read.
	Blank bool
	// Warnings are sorted; none means that the model considers the page complete.
	Warnings []string
	// Turned is by how many degrees clockwise the page was turned for this text; 0 if it was read as it is. Boxes are
	// those of the turned page.
	Turned int
	// Model is the name that the server uses for itself.
	Model string
	// Dialect is which kind of server answered, as far as its answer tells: one of the Dialect constants.
	Dialect string
	// Usage is the sum over all tries.
	Usage Usage
	// Blocks are those of layout mode, in reading order.
	Blocks []Block
	// Tries are the requests for the page in the order in which they were made; those to other paths are not among
	// them.
	Tries []Try
}

const (
	// maxAnswers is how many answers a page costs at most, and maxAnswersTurned where it is turned as well.
	maxAnswers, maxAnswersTurned = 3, 4

	// fewWords on inkOfPage make a page that may have been read sideways; manyLetters on less than inkOfParagraph are
	// improbable: so much print has ten times that.
	fewWords, inkOfPage         = 20, 0.02
	manyLetters, inkOfParagraph = 400, 0.001

	// leastMore is what a longer answer must have room for beyond the one before, in tokens.
	leastMore = 256

	// minLongerTime must remain for a longer answer, as well as a whole try: it takes the longest of all.
	minLongerTime = 60 * time.Second
)

// InkOfPrint is the ink, as Image.Ink, from which on an empty answer is doubted: a few words have more.
const InkOfPrint = 0.0004

// hotter are the temperatures that follow the profile's after a loop: enough to leave it, too little to invent text.
var hotter = []float64{0.4, 0.7}

// reading is how a page comes to its text: the answers that it gets, and which of them is the best so far.
type reading struct {
	k          *call
	first      question
	answers    []answer
	limit      int // of them
	best, last answer
	seen       Image // that the last answer is to

	heat      int  // how often it was asked hotter
	longer    bool // it was asked for all that the context has room for
	continued bool // an answer was asked to go on

	looked bool // at the page itself,
	ink    float64
	turns  []Turn // which are left to be tried
}

// read asks for the page, and asks again where the answer falls short and a further one can help. A further answer
// never makes the result worse: it is one request without retries, it begins only if the context outlasts it, and
// whatever comes of it, the best text so far is kept.
func (k *call) read(ctx context.Context) (*reading, error) {
	r := &reading{k: k, seen: k.img, ink: k.img.Ink, first: question{
		temperature: k.client.Profile().Temperature, maxTokens: k.client.cfg.MaxTokens,
		layout: k.client.cfg.Mode == ModeLayout,
	}}
	a, err := k.ask(ctx, r.seen, r.first, k.client.cfg.MaxTries)
	if err != nil {
		return nil, err
	}
	r.answers, r.limit, r.best, r.last, r.first = []answer{a}, maxAnswers, a, a, a.asked
	for !r.done(ctx) && k.timeFor(ctx, 0) {
		if r.goOn(ctx) {
			continue
		}
		q, degrees, again := r.next(ctx)
		if !again {
			break
		}
		a, err := k.ask(ctx, r.seen, q, 0)
		if err != nil {
			break
		}
		a.turned = degrees
		r.add(a)
	}
	return r, nil
}

// done reports whether the best answer is good enough to ask no further.
func (r *reading) done(ctx context.Context) bool {
	switch {
	case r.best.ending != complete:
		return false
	case r.best.empty():
		if r.ink == 0 {
			r.look(ctx)
		}
		return r.ink < InkOfPrint
	case len(r.answers) == 1 && r.ink >= inkOfPage && len(strings.Fields(r.best.text)) < fewWords:
		r.look(ctx)
		return !r.sideways()
	}
	return true
}

// look looks at the page itself, once.
func (r *reading) look(ctx context.Context) {
	if r.looked || r.k.img.Look == nil {
		return
	}
	r.looked = true
	l, err := r.k.img.Look(ctx)
	if err != nil {
		return
	}
	r.ink, r.turns = l.Ink, l.Turns
	if len(r.turns) > 0 {
		r.limit = maxAnswersTurned
	}
	if r.sideways() { // then it is not upside down
		r.turns = slices.DeleteFunc(slices.Clone(r.turns), func(t Turn) bool { return t.Degrees == 180 })
	}
}

// sideways reports whether the page seems to lie on its side, and a way to turn it is left.
func (r *reading) sideways() bool { return len(r.turns) > 0 && r.turns[0].Degrees != 180 }

// timeFor reports whether the context outlasts one more try, and least.
func (k *call) timeFor(ctx context.Context, least time.Duration) bool {
	deadline, ok := ctx.Deadline()
	return ctx.Err() == nil && (!ok || time.Until(deadline) >= max(least, k.client.cfg.Timeout))
}

// longestAnswer returns how many tokens an answer could have if it was our limit that cut this one off; 0 if that is
// not known.
func (k *call) longestAnswer(a answer) int {
	size := k.client.catalog.current().context()
	if size == 0 || a.usage.PromptTokens == 0 || a.usage.CompletionTokens < a.asked.maxTokens {
		return 0
	}
	return size - a.usage.PromptTokens
}

// next decides what is asked after an answer that is not good, if anything. A page that seems to lie on its side is
// turned first; what was cut off is asked for with all the room that the context has, hotter if it may be in a loop;
// loops, and what lost the page after one, are asked for hotter, the last time without the server's own detection where
// that stopped what may be honest; an empty answer is once. Last of all the page is turned upside down.
func (r *reading) next(ctx context.Context) (q question, degrees int, again bool) {
	q = r.first
	q.prompt = r.best.usage.PromptTokens
	cut := r.last.ending == truncated
	if !cut {
		r.look(ctx)
	}
	tokens := r.k.longestAnswer(r.last)
	room := tokens >= r.last.asked.maxTokens+leastMore && !r.longer && r.k.timeFor(ctx, minLongerTime)
	switch {
	case len(r.answers) >= r.limit, len(r.answers) >= maxAnswers && cut:
		return q, 0, false
	case r.sideways() && !cut, len(r.answers) >= maxAnswers && len(r.turns) > 0, r.best.empty() && r.heat > 0:
		return r.turn(ctx, q)
	case cut && room, r.last.ending == looped && !r.last.ended && !r.last.sure() && room:
		q.maxTokens, r.longer = tokens, true
		if !cut {
			q.temperature = r.hotter()
		}
		return q, r.last.turned, true
	case cut, r.last.ending == looped && r.last.loop.inside && r.heat > 0:
		return q, 0, false
	}
	if r.last.ended { // or the next answer could not be as long
		q.maxTokens = r.last.asked.maxTokens
	}
	q.temperature = r.hotter()
	q.undetected = r.last.disputed && len(r.answers) == maxAnswers-1
	r.seen = r.k.img
	return q, 0, true
}

// goOn asks for what is missing of an answer that a limit of ours cut off, and reports whether that was asked. It costs
// what is missing, is none of the further answers, and is asked once. What a server that does not know the way makes of
// it is judged as any further answer, and a refusal is remembered: it is asked the other way.
func (r *reading) goOn(ctx context.Context) bool {
	k, cut := r.k, r.last
	begun := strings.TrimRight(cut.text, " \t\r\n\uFFFD") // templates trim blanks; a character may be cut, too
	room := k.client.catalog.current().context() - cut.usage.PromptTokens - cut.usage.CompletionTokens - continueMargin
	if r.continued || cut.ending != truncated || begun == "" || cut.usage.PromptTokens == 0 || room < leastMore ||
		!k.timeFor(ctx, minLongerTime) ||
		fields(k.client.refused.Load())&fieldContinue != 0 {
		return false
	}
	r.continued = true
	q := r.first
	q.begun, q.prompt, q.maxTokens = begun, cut.usage.PromptTokens+cut.usage.CompletionTokens,
		min(r.first.maxTokens, room)
	a, err := k.ask(ctx, r.seen, q, 0)
	switch {
	case err != nil && asError(err).Kind == KindBadRequest:
		k.client.refused.Or(uint32(fieldContinue))
		return true
	case err != nil:
		r.limit = len(r.answers) // as after any other further request that failed
		return true
	}
	a.turned = cut.turned
	if whole, ok := splice(begun, a.text); ok && (a.stop == complete || len(whole) > len(begun)) {
		a.text = whole
		a.usage = Usage{cut.usage.PromptTokens, cut.usage.CompletionTokens + a.usage.CompletionTokens}
		a.asked.begun, a.asked.maxTokens = "", cut.asked.maxTokens+q.maxTokens
		a = a.examine()
	} else {
		k.client.refused.Or(uint32(fieldContinue))
	}
	r.best = better(r.best.provenBy(a), a)
	r.last = a
	return true
}

const (
	// continueMargin is what prompt and answer must leave of the context, in tokens: vLLM refuses what comes within 63
	// of it.
	continueMargin = 128

	// overlapMost and overlapLeast, in bytes, are what an answer that goes on may say again of the end of what was
	// sent.
	overlapMost, overlapLeast = 200, 16

	// freshStart is how many bytes an answer that begins from the top has in common with what was sent.
	freshStart = 64
)

// splice returns a text and what an answer goes on with. vLLM answers with what is new, llama-server with all of it. It
// reports false of an answer that begins the page from its top, as that of a server does which takes the text for a
// turn of a conversation. The seam may lie anywhere: nothing is put in between.
func splice(begun, next string) (string, bool) {
	if strings.HasPrefix(next, begun) {
		return next, true
	}
	if len(begun) >= freshStart && strings.HasPrefix(next, begun[:freshStart]) {
		return "", false
	}
	for n := min(overlapMost, len(begun), len(next)); n >= overlapLeast; n-- {
		// What the text says more than once may well be said again.
		if again := next[:n]; strings.HasSuffix(begun, again) && strings.Index(begun, again) == len(begun)-n {
			return begun + next[n:], true
		}
	}
	return begun + next, true
}

func (r *reading) hotter() float64 {
	t := hotter[min(r.heat, len(hotter)-1)]
	r.heat++
	return t
}

// turn turns the page as the next turn has it; where that cannot be made, as the one after it.
func (r *reading) turn(ctx context.Context, q question) (question, int, bool) {
	for len(r.turns) > 0 {
		t := r.turns[0]
		r.turns = r.turns[1:]
		if img, err := t.Make(ctx); err == nil {
			r.seen, q.prompt = img, 0
			return q, t.Degrees, true
		}
	}
	return q, 0, false
}

// add judges a further answer beside the others. One that agrees with an earlier one proves that: what both hold is on
// the page.
func (r *reading) add(a answer) {
	r.last = a
	if i := slices.IndexFunc(r.answers, func(earlier answer) bool { return agree(earlier, a) }); i >= 0 {
		a = r.answers[i]
		a.ending, a.loop = complete, loop{}
	}
	r.best = better(r.best.provenBy(a), a)
	r.answers = append(r.answers, r.last)
}

// result returns what the caller receives.
func (r *reading) result() Result {
	a, k := r.best, r.k
	out := Result{Text: a.kept(), Turned: a.turned, Model: cmp.Or(a.model, a.asked.target.model), Dialect: a.dialect,
		Warnings: a.warnings(), Tries: k.tries}
	for _, t := range k.tries {
		out.Usage.PromptTokens += t.Usage.PromptTokens
		out.Usage.CompletionTokens += t.Usage.CompletionTokens
	}
	if a.asked.layout {
		out.Blocks, out.Text = readLayout(out.Text)
	} else {
		out.Text = repairDollars(stripBoxes(out.Text))
	}
	if strings.TrimSpace(out.Text) == "" {
		out.Text = ""
		out.Blank = a.ending == complete && len(out.Blocks) == 0
	}
	switch {
	case out.Blank && r.ink >= InkOfPrint:
		out.Blank, out.Warnings = false, append(out.Warnings, WarningNoText)
	case r.ink > 0 && r.ink < inkOfParagraph && lettersIn(out.Text) >= manyLetters:
		out.Warnings = append(out.Warnings, WarningImprobable)
	}
	if a.turned != 0 {
		out.Warnings = append(out.Warnings, WarningTurned)
	}
	slices.Sort(out.Warnings)
	return out
}

func lettersIn(text string) int {
	n := 0
	for _, r := range text {
		if unicode.IsLetter(r) {
			n++
		}
	}
	return n
}
