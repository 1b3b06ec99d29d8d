package ocr_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/bucketocr/bucketocr/ocr"
	"github.com/bucketocr/bucketocr/ocr/ocrtest"
)

// words returns the tokens of a page without repetition.
func words(n int) []string {
	var tokens []string
	for i, word := range strings.Fields(honestProse(12 * n))[:n] {
		if i%40 != 0 {
			word = " " + word
		}
		if i%40 == 39 {
			word += ".\n"
		}
		tokens = append(tokens, word)
	}
	tokens[n-1] = " end."
	return tokens
}

// What answers of vLLM and of a gateway have, and those of unknown servers lack.
var (
	ofVLLM    = map[string]any{"prompt_logprobs": nil}
	ofGateway = map[string]any{"provider_specific_fields": map[string]any{}}
	ofOther   = map[string]any{}
)

// finishedTurn is a server that takes the text to be continued for a finished turn of a conversation. It answers that
// with what next returns for the page's text so far.
func finishedTurn(tokens []string, dialect map[string]any, next func(soFar string) string) ocrtest.Reply {
	return ocrtest.Custom(true, func(w http.ResponseWriter, r *ocrtest.Request) {
		n, reason := len(tokens), "stop"
		if r.MaxTokens < n {
			n, reason = r.MaxTokens, "length"
		}
		text := strings.Join(tokens[:n], "")
		if _, on := r.Fields["continue_final_message"]; on {
			text = next(text)
			if text == "" {
				n, reason = 1, "stop"
			}
		}
		choice := map[string]any{"message": map[string]any{"content": text}, "finish_reason": reason}
		answer := map[string]any{"choices": []any{choice},
			"usage": map[string]any{"prompt_tokens": r.PromptTokens, "completion_tokens": n}}
		maps.Copy(answer, dialect)
		maps.Copy(choice, dialect)
		body, _ := json.Marshal(answer)
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(body)
	})
}

func fromTheTop(soFar string) string { return soFar }
func inBold(soFar string) string     { return "**" + soFar[:20] + "** " + soFar[20:] }
func nothing(string) string          { return "" }

func TestCutAnswerGoesOn(t *testing.T) {
	t.Parallel()
	long, longer := words(6000), words(9000)
	loop := strings.SplitAfter("Please see the terms overleaf for details.\n", " ")
	tests := []struct {
		name     string
		options  []ocrtest.Option
		page     ocrtest.Writing
		want     string // the text; if empty, all tokens
		warnings []string
		asked    []string // each request's max_tokens, with a + if it continues an answer
		tokens   int      // of all answers together
	}{
		{"vLLM", nil, ocrtest.Writing{Tokens: long}, "", nil, []string{"4096", "4096+"}, 6001},
		{"llama-server, which says it all again", []ocrtest.Option{ocrtest.Llama()}, ocrtest.Writing{Tokens: long}, "",
			nil, []string{"4096", "4096+"}, 6001},
		{"a gateway", []ocrtest.Option{ocrtest.Gateway()}, ocrtest.Writing{Tokens: long}, "", nil,
			[]string{"4096", "4096+"}, 6001},
		{"cut once more: then all of it is asked for", nil, ocrtest.Writing{Tokens: longer}, "", nil,
			[]string{"4096", "4096+", "all"}, 2*4096 + 9001},
		{"cut once more by the context", []ocrtest.Option{ocrtest.MaxModelLen(6000)}, ocrtest.Writing{Tokens: longer},
			strings.TrimSpace(strings.Join(longer[:5800], "")), []string{"truncated"}, []string{"4096", "all+"}, 0},
		{"short pages are asked once", nil, ocrtest.Writing{Tokens: words(900)}, "", nil, []string{"4096"}, 901},
		{"a loop in what follows", nil, ocrtest.Writing{Tokens: words(5000), Loop: loop},
			strings.Join(words(5000), "") + strings.TrimSpace(strings.Join(loop, "")), []string{"repetition"},
			[]string{"4096", "4096+", "4096", "all"}, 0},
		{"a loop is not continued", nil, ocrtest.Writing{Tokens: words(50), Loop: loop},
			strings.Join(words(50), "") + strings.TrimSpace(strings.Join(loop, "")), []string{"repetition"},
			[]string{"4096", "4096", "4096"}, 0},
		{"no room for more", []ocrtest.Option{ocrtest.MaxModelLen(4300)}, ocrtest.Writing{Tokens: long},
			strings.TrimSpace(strings.Join(long[:4096], "")), []string{"truncated"}, []string{"4096"}, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := ocrtest.New(t, test.options...)
			s.Default(ocrtest.Writes(func(*ocrtest.Request) ocrtest.Writing { return test.page }))
			c := newClient(t, s)
			if len(test.options) > 0 {
				c.Healthy(patience(t)) // learns the size of the context
			}
			r, err := c.ExtractText(patience(t), ocr.Bytes(pngPage(t)))
			if err != nil {
				t.Fatal(err)
			}
			want := test.want
			if want == "" {
				want = strings.Join(test.page.Tokens, "")
			}
			if strings.TrimSpace(r.Text) != want && !strings.HasPrefix(r.Text, want) ||
				!slices.Equal(r.Warnings, test.warnings) {
				at := 0
				for at < min(len(want), len(r.Text)) && want[at] == r.Text[at] {
					at++
				}
				t.Errorf("%d bytes, want %d, %v; they differ at %d: %q, want %q", len(r.Text), len(want), r.Warnings,
					at, r.Text[at:min(len(r.Text), at+50)], want[at:min(len(want), at+50)])
			}
			if asked := askedFor(s); !slices.Equal(asked, test.asked) {
				t.Errorf("asked %q, want %q", asked, test.asked)
			}
			if test.tokens > 0 && r.Usage.CompletionTokens != test.tokens {
				t.Errorf("%d tokens paid, want %d", r.Usage.CompletionTokens, test.tokens)
			}
		})
	}
}

// askedFor returns the max_tokens of each request ("all" if it differs from the profile's), with a + if the request
// continues an answer.
func askedFor(s *ocrtest.Server) []string {
	var all []string
	for _, r := range s.Requests() {
		what := fmt.Sprint(r.MaxTokens)
		if r.MaxTokens > 4096 || r.MaxTokens < 4096 {
			what = "all"
		}
		if _, on := r.Fields["continue_final_message"]; on {
			what += "+"
		}
		all = append(all, what)
	}
	return all
}

// If a server refuses to continue an answer, or starts from the top, the whole answer is requested instead: in this
// call and in all later ones.
func TestServerThatDoesNotContinueIsRemembered(t *testing.T) {
	t.Parallel()
	tokens := words(6000)
	writes := ocrtest.Writes(func(*ocrtest.Request) ocrtest.Writing { return ocrtest.Writing{Tokens: tokens} })
	refusal := func(message string) ocrtest.Reply { return ocrtest.Error(400, "BadRequestError", "", message) }
	for name, test := range map[string]struct {
		options []ocrtest.Option
		reply   ocrtest.Reply
	}{
		"refused by name": {
			[]ocrtest.Option{ocrtest.RefuseField("continue_final_message",
				ocrtest.Invalid(true, "continue_final_message"))}, writes},
		"refused in any words": {
			[]ocrtest.Option{ocrtest.RefuseField("continue_final_message",
				refusal("the last message must be the user's"))}, writes},
		"begun from the top":               {nil, finishedTurn(tokens, ofVLLM, fromTheTop)},
		"begun from the top, in bold":      {nil, finishedTurn(tokens, ofGateway, inBold)},
		"ended, behind a gateway":          {nil, finishedTurn(tokens, ofGateway, nothing)},
		"ended, and the server is unknown": {nil, finishedTurn(tokens, ofOther, nothing)},
		"begun, and the server is unknown": {nil, finishedTurn(tokens, ofOther, inBold)},
	} {
		s := ocrtest.New(t, test.options...)
		s.Default(test.reply)
		c := newClient(t, s)
		for range 2 {
			r, err := c.ExtractText(patience(t), ocr.Bytes(pngPage(t)))
			if err != nil || r.Text != strings.Join(tokens, "") || r.Warnings != nil {
				t.Errorf("%s: %d bytes, %v, %v", name, len(r.Text), r.Warnings, err)
			}
		}
		want := []string{"4096", "4096+", "all", "4096", "all"}
		if strings.Contains(name, "unknown") {
			want = []string{"4096", "all", "4096", "all"}
		}
		if asked := askedFor(s); !slices.Equal(asked, want) {
			t.Errorf("%s: asked %q, want %q", name, asked, want)
		}
	}
}

// If a continuation fails, the answer so far is kept, and said to be cut off. To vLLM, which does continue, an empty
// continuation is the end of the page.
func TestFailedContinuationLosesNothing(t *testing.T) {
	t.Parallel()
	cut := strings.Join(words(700), "")
	for name, test := range map[string]struct {
		reply    ocrtest.Reply
		warnings []string
	}{
		"a failure":  {ocrtest.EngineFailed(""), []string{"truncated"}},
		"overloaded": {ocrtest.Scaling(), []string{"truncated"}},
		"aborted":    {ocrtest.Finish("abort", "x"), []string{"truncated"}},
		"empty":      {ocrtest.Blank(), nil},
	} {
		s := ocrtest.New(t)
		s.Next(ocrtest.Finish("length", cut), test.reply)
		s.Default(ocrtest.EngineFailed("asked too often"))
		r, err := newClient(t, s).ExtractText(patience(t), ocr.Bytes(pngPage(t)))
		if err != nil || strings.TrimSpace(r.Text) != strings.TrimSpace(cut) || s.Counts().Requests != 2 ||
			!slices.Equal(r.Warnings, test.warnings) {
			t.Errorf("%s: %d of %d bytes, %d requests, %v, %v", name, len(r.Text), len(cut), s.Counts().Requests,
				r.Warnings, err)
		}
	}
}

func TestLoopInAContinuationIsCutAtItsFirstPiece(t *testing.T) {
	t.Parallel()
	whole := strings.Join(words(700), "") + "\n"
	for _, copies := range []int{0, 2, 4} { // before the cut: too few to recognise a loop
		s := ocrtest.New(t)
		s.Next(ocrtest.Finish("length", whole+strings.Repeat(overleaf, copies)),
			ocrtest.Finish("length", "\n"+strings.Repeat(overleaf, 90)), ocrtest.EngineFailed(""))
		r, err := newClient(t, s).ExtractText(patience(t), ocr.Bytes(pngPage(t)))
		want := whole + strings.TrimSpace(overleaf)
		if err != nil || r.Text != want || !slices.Equal(r.Warnings, []string{"repetition"}) {
			t.Errorf("%d copies: %q, want %q; %v, %v", copies, r.Text[max(0, len(r.Text)-100):], want[len(want)-100:],
				r.Warnings, err)
		}
	}
}

// A text that was continued counts, as any other answer, where two agree on what is on the page.
func TestContinuedAnswerCountsWhereTwoAgree(t *testing.T) {
	t.Parallel()
	whole := loops(50)
	cut := loops(3)
	s := ocrtest.New(t)
	s.Next(ocrtest.Finish("length", cut), ocrtest.Text(whole[len(cut)-1:]), ocrtest.Text(whole))
	s.Default(ocrtest.EngineFailed("asked too often"))
	r, err := newClient(t, s).ExtractText(patience(t), ocr.Bytes(pngPage(t)))
	if err != nil || strings.TrimSpace(r.Text) != strings.TrimSpace(whole) || s.Counts().Requests != 3 ||
		len(r.Warnings) != 0 {
		t.Errorf("%d of %d bytes, %d requests, %v, %v", len(r.Text), len(whole), s.Counts().Requests, r.Warnings, err)
	}
}

// begunIn returns the last message of a request: the model's own text, which it is to continue.
func begunIn(t *testing.T, r *ocrtest.Request) string {
	t.Helper()
	var messages []struct{ Content json.RawMessage }
	var text string
	if err := json.Unmarshal(r.Fields["messages"], &messages); err != nil || len(messages) != 2 {
		t.Fatalf("%d messages, %v", len(messages), err)
	}
	if err := json.Unmarshal(messages[1].Content, &text); err != nil {
		t.Fatal(err)
	}
	return text
}

// A limit cuts between tokens, and so possibly within a character. And since templates trim white space, the text that
// is sent must not end with any.
func TestAnswerGoesOnAfterAWholeCharacter(t *testing.T) {
	t.Parallel()
	half := strings.TrimSpace(prose)
	for name, test := range map[string]struct{ cut, next, sent string }{
		"within a character": {half + " caf\uFFFD", "é and more", half + " caf"},
		"after blanks":       {half + " \t\r\n\n", "\n\n# More", half},
	} {
		s := ocrtest.New(t)
		s.Next(ocrtest.Finish("length", test.cut), ocrtest.Text(test.next), ocrtest.EngineFailed("asked too often"))
		r, err := newClient(t, s).ExtractText(patience(t), ocr.Bytes(pngPage(t)))
		if err != nil || r.Text != test.sent+test.next || r.Warnings != nil {
			t.Errorf("%s: %q, %v, %v", name, r.Text, r.Warnings, err)
		}
		if sent := begunIn(t, s.Last()); sent != test.sent {
			t.Errorf("%s: sent %q", name, sent[max(0, len(sent)-20):])
		}
	}
}

// If the answer's tokens were not counted, the room left in the context is unknown.
func TestAnswerWithoutUsageDoesNotGoOn(t *testing.T) {
	t.Parallel()
	s, r, err := readWith(t,
		ocrtest.Raw(200, "application/json", `{"choices":[{"message":{"content":"half a"},"finish_reason":"length"}]}`))
	if asked := askedFor(s); err != nil || r.Text != "half a" || !slices.Equal(r.Warnings, []string{"truncated"}) ||
		!slices.Equal(asked, []string{"4096"}) {
		t.Errorf("%q, %v, %v, asked %q", r.Text, r.Warnings, err, asked)
	}
}

func TestTurnedPageGoesOnAsItWasTurned(t *testing.T) {
	t.Parallel()
	half := strings.TrimSpace(prose)
	s := ocrtest.New(t)
	s.Next(ocrtest.Blank(), ocrtest.Finish("length", half), ocrtest.Text(" And more."),
		ocrtest.EngineFailed("asked too often"))
	p := page(t, false, 0.05, 90, 270, 180)
	r, err := newClient(t, s).ExtractText(patience(t), p.Image)
	if err != nil || r.Text != half+" And more." || r.Turned != 90 || !slices.Equal(r.Warnings, []string{"turned"}) {
		t.Errorf("%q turned %d, %v, %v", r.Text, r.Turned, r.Warnings, err)
	}
	if all := s.Requests(); len(all) != 3 || begunIn(t, all[2]) != half || !slices.Equal(all[2].Image, all[1].Image) ||
		slices.Equal(all[2].Image, all[0].Image) {
		t.Errorf("%d requests, or the last is not about the turned page", len(all))
	}
}

// The size of the context may be learned only from the refusal of a continuation. The part of the answer that is sent
// back counts towards it.
func TestContinuationFitsAContextThatIsLearned(t *testing.T) {
	t.Parallel()
	half := strings.TrimSpace(prose)
	s := ocrtest.New(t)
	s.Next(ocrtest.FinishAt("length", half, 3000),
		ocrtest.Error(400, "BadRequestError", "max_tokens", "This model's maximum context length is 5000 tokens."),
		ocrtest.Text(" And more."))
	r, err := newClient(t, s).ExtractText(patience(t), ocr.Bytes(pngPage(t)))
	if err != nil || r.Text != half+" And more." {
		t.Fatalf("%q, %v", r.Text, err)
	}
	if last, want := s.Last(), 5000-3000-s.Last().PromptTokens; last.MaxTokens != want {
		t.Errorf("max_tokens %d, want %d", last.MaxTokens, want)
	}
}

// A text may have more tokens when it is sent back than when it was written. If it then exceeds the context, the whole
// answer is requested instead, but answers for other pages are continued as before.
func TestContinuationThatExceedsTheContextIsNotRemembered(t *testing.T) {
	t.Parallel()
	half := strings.TrimSpace(prose)
	s := ocrtest.New(t)
	for range 2 {
		s.Next(ocrtest.FinishAt("length", half, 4096), ocrtest.Error(400, "BadRequestError", "input_text",
			"This model's maximum context length is 16384 tokens."), ocrtest.Text(half+" And more."))
	}
	c := newClient(t, s)
	for range 2 {
		r, err := c.ExtractText(patience(t), ocr.Bytes(pngPage(t)))
		if err != nil || r.Text != half+" And more." || r.Warnings != nil {
			t.Fatalf("%q, %v, %v", r.Text, r.Warnings, err)
		}
	}
	want := []string{"4096", "4096+", "all", "4096", "4096+", "all"}
	if asked := askedFor(s); !slices.Equal(asked, want) {
		t.Errorf("asked %q, want %q", asked, want)
	}
}
