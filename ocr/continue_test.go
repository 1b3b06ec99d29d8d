package ocr_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/bucketocr/bucketocr/ocr"
	"github.com/bucketocr/bucketocr/ocr/ocrtest"
)

// words are tokens of a page on which nothing repeats itself.
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

// fromTheTop is a server that takes the text to be continued for a turn of a conversation, and reads the page from its top.
func fromTheTop(tokens []string) ocrtest.Reply {
	return ocrtest.Custom(true, func(w http.ResponseWriter, r *ocrtest.Request) {
		n, reason := len(tokens), "stop"
		if r.MaxTokens < n {
			n, reason = r.MaxTokens, "length"
		}
		body, _ := json.Marshal(map[string]any{
			"choices": []any{map[string]any{"message": map[string]any{"content": strings.Join(tokens[:n], "")}, "finish_reason": reason}},
			"usage":   map[string]any{"prompt_tokens": r.PromptTokens, "completion_tokens": n},
		})
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(body)
	})
}

func TestCutAnswerGoesOn(t *testing.T) {
	t.Parallel()
	long, longer := words(6000), words(9000)
	loop := strings.SplitAfter("Please see the terms overleaf for details.\n", " ")
	tests := []struct {
		name     string
		options  []ocrtest.Option
		page     ocrtest.Writing
		want     string // the text; empty: all tokens
		warnings []string
		asked    []string // what each request had: its max_tokens, and + where it was to go on
		tokens   int      // paid for the answers
	}{
		{"vLLM", nil, ocrtest.Writing{Tokens: long}, "", nil, []string{"4096", "4096+"}, 6001},
		{"llama-server, which says it all again", []ocrtest.Option{ocrtest.Llama()}, ocrtest.Writing{Tokens: long}, "", nil, []string{"4096", "4096+"}, 6001},
		{"a gateway", []ocrtest.Option{ocrtest.Gateway()}, ocrtest.Writing{Tokens: long}, "", nil, []string{"4096", "4096+"}, 6001},
		{"cut once more: then all of it is asked for", nil, ocrtest.Writing{Tokens: longer}, "", nil, []string{"4096", "4096+", "all"}, 2*4096 + 9001},
		{"cut once more by the context", []ocrtest.Option{ocrtest.MaxModelLen(6000)}, ocrtest.Writing{Tokens: longer}, strings.TrimSpace(strings.Join(longer[:5800], "")), []string{"truncated"}, []string{"4096", "all+"}, 0},
		{"short pages are asked once", nil, ocrtest.Writing{Tokens: words(900)}, "", nil, []string{"4096"}, 901},
		{"a loop in what follows", nil, ocrtest.Writing{Tokens: words(5000), Loop: loop}, strings.Join(words(5000), "") + strings.TrimSpace(strings.Join(loop, "")), []string{"repetition"}, []string{"4096", "4096+", "4096", "all"}, 0},
		{"a loop is not continued", nil, ocrtest.Writing{Tokens: words(50), Loop: loop}, strings.Join(words(50), "") + strings.TrimSpace(strings.Join(loop, "")), []string{"repetition"}, []string{"4096", "4096", "4096"}, 0},
		{"no room for more", []ocrtest.Option{ocrtest.MaxModelLen(4300)}, ocrtest.Writing{Tokens: long}, strings.TrimSpace(strings.Join(long[:4096], "")), []string{"truncated"}, []string{"4096"}, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := ocrtest.New(t, test.options...)
			s.Default(ocrtest.Writes(func(*ocrtest.Request) ocrtest.Writing { return test.page }))
			c := newClient(t, s)
			if len(test.options) > 0 {
				c.Healthy(patience(t)) // which tells the context
			}
			r, err := c.ExtractText(patience(t), ocr.Bytes(pngPage(t)))
			if err != nil {
				t.Fatal(err)
			}
			want := test.want
			if want == "" {
				want = strings.Join(test.page.Tokens, "")
			}
			if strings.TrimSpace(r.Text) != want && !strings.HasPrefix(r.Text, want) || !slices.Equal(r.Warnings, test.warnings) {
				at := 0
				for at < min(len(want), len(r.Text)) && want[at] == r.Text[at] {
					at++
				}
				t.Errorf("%d bytes, want %d, %v; they differ at %d: %q, want %q", len(r.Text), len(want), r.Warnings, at, r.Text[at:min(len(r.Text), at+50)], want[at:min(len(want), at+50)])
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

// askedFor says what each request had: its max_tokens, "all" where that is more than the profile's, and + where the answer was to go on.
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

// A server that refuses to continue, or begins from the top, is asked the other way, at once and from then on.
func TestServerThatDoesNotContinueIsRemembered(t *testing.T) {
	t.Parallel()
	tokens := words(6000)
	writes := ocrtest.Writes(func(*ocrtest.Request) ocrtest.Writing { return ocrtest.Writing{Tokens: tokens} })
	refusal := func(message string) ocrtest.Reply { return ocrtest.Error(400, "BadRequestError", "", message) }
	for name, test := range map[string]struct {
		options []ocrtest.Option
		reply   ocrtest.Reply
	}{
		"refused by name":      {[]ocrtest.Option{ocrtest.RefuseField("continue_final_message", ocrtest.Invalid(true, "continue_final_message"))}, writes},
		"refused in any words": {[]ocrtest.Option{ocrtest.RefuseField("continue_final_message", refusal("the last message must be the user's"))}, writes},
		"begun from the top":   {nil, fromTheTop(tokens)},
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
		if asked, want := askedFor(s), []string{"4096", "4096+", "all", "4096", "all"}; !slices.Equal(asked, want) {
			t.Errorf("%s: asked %q, want %q", name, asked, want)
		}
	}
}

// What goes wrong while an answer goes on leaves the answer as it is.
func TestFailedContinuationLosesNothing(t *testing.T) {
	t.Parallel()
	cut := strings.Join(words(700), "")
	for name, reply := range map[string]ocrtest.Reply{
		"a failure": ocrtest.EngineFailed(""), "overloaded": ocrtest.Scaling(), "empty": ocrtest.Blank(), "aborted": ocrtest.Finish("abort", "x"),
	} {
		s := ocrtest.New(t)
		s.Next(ocrtest.Finish("length", cut), reply)
		s.Default(ocrtest.EngineFailed("asked too often"))
		r, err := newClient(t, s).ExtractText(patience(t), ocr.Bytes(pngPage(t)))
		if err != nil || strings.TrimSpace(r.Text) != strings.TrimSpace(cut) || s.Counts().Requests != 2 {
			t.Errorf("%s: %d of %d bytes, %d requests, %v, %v", name, len(r.Text), len(cut), s.Counts().Requests, r.Warnings, err)
		}
	}
}

func TestLoopInAContinuationIsCutAtItsFirstPiece(t *testing.T) {
	t.Parallel()
	cut := strings.Join(words(700), "") + "\n"
	s := ocrtest.New(t)
	s.Next(ocrtest.Finish("length", cut), ocrtest.Finish("length", strings.Repeat(overleaf, 90)), ocrtest.EngineFailed(""))
	r, err := newClient(t, s).ExtractText(patience(t), ocr.Bytes(pngPage(t)))
	if want := strings.TrimSpace(cut) + strings.TrimSpace(overleaf); err != nil || r.Text != want || !slices.Equal(r.Warnings, []string{"repetition"}) {
		t.Errorf("%q, want %q; %v, %v", r.Text[max(0, len(r.Text)-100):], want[len(want)-100:], r.Warnings, err)
	}
}
