package ocr

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"
	"unicode"
)

// Warnings in a [Result]. New ones may be added.
const (
	WarningTruncated  = "truncated"  // a limit cut the text off
	WarningRepetition = "repetition" // the model may have fallen into a loop; sure copies are cut off
	WarningNoText     = "no_text"    // the page has ink, but the answer has no text
	WarningImprobable = "improbable" // the answer has much text, but the page almost no ink
	WarningTurned     = "turned"     // the page was rotated before it was read
)

// Result is the text of one page and how it was obtained.
type Result struct {
	// Text is Markdown with # headings, tables in HTML and formulas between dollar signs, including headers and
	// footers. It is controlled by the page's author: escape it before showing it on a web page. In layout mode it
	// consists of the joined texts of the blocks, without descriptions of pictures.
	Text string
	// Blank reports that the model ended its answer without any text, as it does for empty pages, and for some that it
	// cannot read.
	Blank bool
	// Warnings is sorted. If it is empty, the model considers the page complete.
	Warnings []string
	// Turned is the number of degrees clockwise by which the page was rotated for this text. Boxes refer to the rotated
	// page.
	Turned int
	// Model is the name of the model in the server's answer.
	Model string
	// Dialect is the kind of server, inferred from its answer: one of the Dialect constants.
	Dialect string
	// Usage is the sum over all tries.
	Usage Usage
	// Blocks holds the blocks of layout mode, in reading order.
	Blocks []Block
	// Tries holds the requests for the page, in order. Requests to other paths are not included.
	Tries []Try
}

const (
	// maxAnswers limits the answers for a page, and maxAnswersTurned those for a page that is rotated as well.
	maxAnswers, maxAnswersTurned = 3, 4

	// A page with at most fewWords for inkOfPage or more may have been read sideways. More than manyLetters for less
	// than inkOfParagraph are improbable: so much print has ten times the ink.
	fewWords, inkOfPage         = 20, 0.02
	manyLetters, inkOfParagraph = 400, 0.001

	// leastMore is the additional room, in tokens, that a longer answer must have.
	leastMore = 256

	// minLongerTime must remain for a longer answer, in addition to Config.Timeout: it takes the longest.
	minLongerTime = 60 * time.Second
)

// InkOfPrint is the value of Image.Ink from which an empty answer is doubted: a few words have more.
const InkOfPrint = 0.0004

// hotterTemperatures are for further answers after a loop: high enough to leave the loop, too low to invent text.
var hotterTemperatures = []float64{0.4, 0.7}

// reading is the reading of a page: its answers, and the best one so far.
type reading struct {
	k          *call
	first      question
	answers    []answer
	limit      int // of them
	best, last answer
	seen       Image // that the last answer is for

	heat      int  // number of questions at higher temperatures
	longer    bool // the whole room in the context was asked for
	continued bool // an answer was continued

	looked bool // Look was called
	ink    float64
	turns  []Turn // left to try
}

// read asks for the page, and asks again if the answer falls short and a further one may help. A further answer never
// makes the result worse: it is one request without retries, made only if the context leaves enough time, and the best
// text so far is kept.
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

// done reports whether the best answer is good enough.
func (r *reading) done(ctx context.Context) bool {
	switch {
	case r.best.ending != complete:
		return false
	case r.best.empty():
		if r.ink == 0 {
			r.look(ctx)
		}
		return r.ink < InkOfPrint
	case len(r.answers) == 1 && r.ink >= inkOfPage && hasFewWords(r.best.text):
		r.look(ctx)
		return !r.sideways()
	}
	return true
}

// hasFewWords reports whether a text has fewer words than fewWords. In Chinese and Japanese, which have no spaces
// between words, letters are counted instead.
func hasFewWords(text string) bool {
	return len(strings.Fields(text)) < fewWords && lettersIn(text) < 10*fewWords
}

// look calls Image.Look, once.
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
	if r.sideways() { // so it is not upside down
		r.turns = slices.DeleteFunc(slices.Clone(r.turns), func(t Turn) bool { return t.Degrees == 180 })
	}
}

// sideways reports whether the page seems to lie on its side, with a rotation left to try.
func (r *reading) sideways() bool { return len(r.turns) > 0 && r.turns[0].Degrees != 180 }

// timeFor reports whether the context leaves time for one more try, and at least the given duration.
func (k *call) timeFor(ctx context.Context, least time.Duration) bool {
	deadline, ok := ctx.Deadline()
	return ctx.Err() == nil && (!ok || time.Until(deadline) >= max(least, k.client.cfg.Timeout))
}

// longestAnswer returns the number of tokens that an answer could have if the client's own limit cut this one off; 0 if
// that is unknown.
func (k *call) longestAnswer(a answer) int {
	size := k.client.catalog.current().context()
	if size == 0 || a.usage.PromptTokens == 0 || a.usage.CompletionTokens < a.asked.maxTokens {
		return 0
	}
	return size - a.usage.PromptTokens
}

// next returns the question to ask after an answer that falls short, if any. A page that seems to lie on its side is
// rotated first. A text that was cut off is asked for with all the room in the context, at a higher temperature if it
// may be in a loop. Loops, and answers that lost the page after one, are asked for at a higher temperature, the last
// time without the server's own detection if that stopped a loop that may be on the page. After an empty answer the
// page is asked for once more. Finally the page is turned upside down.
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
	if r.last.ended { // otherwise the next answer could not be as long
		q.maxTokens = r.last.asked.maxTokens
	}
	q.temperature = r.hotter()
	q.undetected = r.last.disputed && len(r.answers) == maxAnswers-1
	r.seen = r.k.img
	return q, 0, true
}

// goOn asks for the continuation of an answer that the client's own limit cut off, and reports whether it did. A
// continuation costs only the missing part, does not count as a further answer, and is asked for once. A refusal, and
// an answer that is no continuation, are remembered, and the page is asked for again instead. Unknown servers are not
// asked: they may take the text for a finished turn of a conversation, and go on with anything.
func (r *reading) goOn(ctx context.Context) bool {
	k, cut := r.k, r.last
	begun := strings.TrimRight(cut.text, " \t\r\n\uFFFD") // templates trim blanks, and a character may be cut
	room := k.client.catalog.current().context() - cut.usage.PromptTokens - cut.usage.CompletionTokens - continueMargin
	if r.continued || cut.ending != truncated || begun == "" || cut.dialect == DialectOther ||
		cut.usage.PromptTokens == 0 || room < leastMore || !k.timeFor(ctx, minLongerTime) ||
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
		if asError(err).context == 0 { // otherwise only this answer is too long to be sent back
			k.client.refused.Or(uint32(fieldContinue))
		}
		return true
	case err != nil:
		r.limit = len(r.answers) // as after any failed further request
		return true
	}
	a.turned = cut.turned
	switch whole, ok := splice(begun, a.text); {
	case a.empty() && a.dialect != DialectVLLM: // the server took the text for a finished turn
		k.client.refused.Or(uint32(fieldContinue))
		return true
	case ok && (a.stop == complete || len(whole) > len(begun)):
		a.text = whole
		a.usage = Usage{cut.usage.PromptTokens, cut.usage.CompletionTokens + a.usage.CompletionTokens}
		a.asked.begun, a.asked.maxTokens = "", cut.asked.maxTokens+q.maxTokens
		a = a.examine()
		r.answers[len(r.answers)-1] = a
	default:
		k.client.refused.Or(uint32(fieldContinue))
	}
	r.best = better(r.best.provenBy(a), a)
	r.last = a
	return true
}

const (
	// continueMargin is the part of the context, in tokens, that prompt and answer must leave free: vLLM refuses
	// requests that come within 63 tokens of the limit.
	continueMargin = 128

	// A continuation may repeat between overlapLeast and overlapMost bytes from the end of the text sent.
	overlapMost, overlapLeast = 200, 16

	// freshStart is the number of leading letters and digits that an answer which starts from the top shares with the
	// text sent. The rest, Markdown among it, may differ.
	freshStart = 48
)

// opening returns the first freshStart letters and digits of a text, or "" if it has fewer.
func opening(text string) string {
	var out []rune
	for _, r := range text {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			out = append(out, unicode.ToLower(r))
		}
		if len(out) == freshStart {
			return string(out)
		}
	}
	return ""
}

// splice joins a text and its continuation. vLLM answers with the new text only, llama-server with the whole text. It
// returns false for an answer that starts the page from the top, as a server does that takes the text for a turn of a
// conversation. The seam may be anywhere, so nothing is put in between.
func splice(begun, next string) (string, bool) {
	if strings.HasPrefix(next, begun) {
		return next, true
	}
	if top := opening(begun); top != "" && opening(next) == top {
		return "", false
	}
	overlap := 0
	for n := min(overlapMost, len(begun), len(next)); n >= overlapLeast; n-- {
		again := next[:n]
		if !strings.HasSuffix(begun, again) {
			continue
		}
		// A text that occurs more than once, or repeats itself, may well occur again.
		if strings.Index(begun, again) < len(begun)-n {
			return begun + next, true
		}
		overlap = n
	}
	return begun + next[overlap:], true
}

func (r *reading) hotter() float64 {
	t := hotterTemperatures[min(r.heat, len(hotterTemperatures)-1)]
	r.heat++
	return t
}

// turn rotates the page by the next of the turns left or, if that fails, by the one after it.
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

// add compares a further answer with the others. If it agrees with an earlier one, the loop in both is on the page.
func (r *reading) add(a answer) {
	r.last = a
	if i := slices.IndexFunc(r.answers, func(earlier answer) bool { return agree(earlier, a) }); i >= 0 {
		a = r.answers[i]
		a.ending, a.loop = complete, loop{}
	}
	r.best = better(r.best.provenBy(a), a)
	r.answers = append(r.answers, r.last)
}

// result returns the result for the caller.
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
	read := func(b Block) bool { return b.Text != "" || pictures[b.Label] }
	switch {
	case out.Text == "" && a.ending == complete && r.ink >= InkOfPrint && !slices.ContainsFunc(out.Blocks, read):
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
