package ocr_test

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bucketocr/bucketocr/ocr"
	"github.com/bucketocr/bucketocr/ocr/ocrtest"
)

var (
	loopText  = "# Invoice\n\nTotal due within thirty days.\n" + strings.Repeat("Please see the terms overleaf for details.\n", 90)
	loopKept  = "# Invoice\n\nTotal due within thirty days.\nPlease see the terms overleaf for details."
	fewTimes  = "# Notes\n\n" + strings.Repeat("Please see the terms overleaf for all further details.\n", 10)
	cutText   = "# Report\n\nThe first half of a long page, and then"
	wholeText = "# Report\n\nThe first half of a long page, and then the other half."
)

func TestEveryEnding(t *testing.T) {
	tests := []struct {
		name     string
		replies  []ocrtest.Reply
		text     string
		blank    bool
		warnings []string
		tries    int
	}{
		{"stop", []ocrtest.Reply{ocrtest.Text("# Page")}, "# Page", false, nil, 1},
		{"stop, older server", []ocrtest.Reply{ocrtest.OldText("# Page")}, "# Page", false, nil, 1},
		{"blank", []ocrtest.Reply{ocrtest.Blank()}, "", true, nil, 1},
		{"blank, null", []ocrtest.Reply{ocrtest.BlankNull()}, "", true, nil, 1},
		{"blank, only blanks", []ocrtest.Reply{ocrtest.Text("\n \n")}, "", true, nil, 1},
		{"empty but cut is not blank", []ocrtest.Reply{ocrtest.FinishAt("length", "", 7)}, "", false, []string{"truncated"}, 1},

		{"cut by the context", []ocrtest.Reply{ocrtest.FinishAt("length", cutText, 1940)}, cutText, false, []string{"truncated"}, 1},
		{"cut by our limit, then whole", []ocrtest.Reply{ocrtest.Finish("length", cutText), ocrtest.Text(wholeText)}, wholeText, false, nil, 2},
		{"cut twice", []ocrtest.Reply{ocrtest.Finish("length", cutText), ocrtest.Finish("length", cutText+" more")}, cutText + " more", false, []string{"truncated"}, 2},
		{"cut, then a failure", []ocrtest.Reply{ocrtest.Finish("length", cutText), ocrtest.Platform(503)}, cutText, false, []string{"truncated"}, 2},
		{"cut, then refused", []ocrtest.Reply{ocrtest.Finish("length", cutText), ocrtest.Error(400, "BadRequestError", "max_tokens", "too much")}, cutText, false, []string{"truncated"}, 2},
		{"cut, then a loop", []ocrtest.Reply{ocrtest.Finish("length", cutText), ocrtest.Finish("length", loopText)}, cutText, false, []string{"truncated"}, 2},
		{"cut, then aborted", []ocrtest.Reply{ocrtest.Finish("length", cutText), ocrtest.Finish("abort", "x")}, cutText, false, []string{"truncated"}, 2},

		{"loop found by the server, then whole", []ocrtest.Reply{ocrtest.Finish("repetition", loopText), ocrtest.Text(wholeText)}, wholeText, false, nil, 2},
		{"loop that ran to the limit, then whole", []ocrtest.Reply{ocrtest.Finish("length", loopText), ocrtest.Text(wholeText)}, wholeText, false, nil, 2},
		{"loop that ended by itself, then whole", []ocrtest.Reply{ocrtest.Text(loopText), ocrtest.Text(wholeText)}, wholeText, false, nil, 2},
		{"loop twice, then whole", []ocrtest.Reply{ocrtest.Text(loopText), ocrtest.Text(loopText), ocrtest.Text(wholeText)}, wholeText, false, nil, 3},
		{"only loops", []ocrtest.Reply{ocrtest.Text(loopText), ocrtest.Text(loopText), ocrtest.Text(loopText), ocrtest.Text("never asked")}, loopKept, false, []string{"repetition"}, 3},
		{"loop, then a failure", []ocrtest.Reply{ocrtest.Text(loopText), ocrtest.EngineFailed("")}, loopKept, false, []string{"repetition"}, 2},
		{"loop, then blank", []ocrtest.Reply{ocrtest.Text(loopText), ocrtest.Blank()}, "", true, nil, 2},
		{"loop, then cut by the context", []ocrtest.Reply{ocrtest.Text(loopText), ocrtest.FinishAt("length", cutText, 9)}, cutText, false, []string{"truncated"}, 2},
		{"loop, then cut by our limit, then whole", []ocrtest.Reply{ocrtest.Text(loopText), ocrtest.Finish("length", cutText), ocrtest.Text(wholeText)}, wholeText, false, nil, 3},
		{"loop the server found and we do not", []ocrtest.Reply{ocrtest.Finish("repetition", "a a a"), ocrtest.Finish("repetition", "b"), ocrtest.Finish("repetition", "c")}, "a a a", false, []string{"repetition"}, 3},
		{"the longer of two loops", []ocrtest.Reply{ocrtest.Finish("repetition", "a"), ocrtest.Finish("repetition", "longer"), ocrtest.Finish("repetition", "c")}, "longer", false, []string{"repetition"}, 3},
		{"ten times, and the model ended", []ocrtest.Reply{ocrtest.Text(fewTimes)}, fewTimes, false, nil, 1},
		{"ten times, and the limit ended it", []ocrtest.Reply{ocrtest.FinishAt("length", fewTimes, 9), ocrtest.Text(wholeText)}, wholeText, false, nil, 2},
		{"aborted, then whole", []ocrtest.Reply{ocrtest.Finish("abort", "half"), ocrtest.Text(wholeText)}, wholeText, false, nil, 2},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := ocrtest.New(t)
			s.Next(test.replies...)
			s.Default(ocrtest.EngineFailed("asked too often"))
			r, err := newClient(t, s).ExtractText(patience(t), ocr.Bytes(pngPage(t)))
			if err != nil {
				t.Fatal(err)
			}
			if r.Text != test.text || r.Blank != test.blank || !slices.Equal(r.Warnings, test.warnings) {
				t.Errorf("got %q blank %v warnings %v,\nwant %q blank %v warnings %v", r.Text, r.Blank, r.Warnings, test.text, test.blank, test.warnings)
			}
			if n := s.Counts().Requests; n != test.tries || r.Tries != test.tries {
				t.Errorf("%d requests, Tries %d, want %d", n, r.Tries, test.tries)
			}
		})
	}
}

func TestFurtherTriesAskDifferently(t *testing.T) {
	s := ocrtest.New(t)
	s.Next(ocrtest.Text(loopText), ocrtest.Text(loopText), ocrtest.Finish("length", cutText), ocrtest.Text(wholeText))
	page := pngPage(t)
	if _, err := newClient(t, s).ExtractText(patience(t), ocr.Bytes(page)); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range s.Requests() {
		got = append(got, fmt.Sprint(*r.Temperature, r.MaxTokens))
		if !bytes.Equal(r.Image, page) {
			t.Error("a further try sent another image")
		}
	}
	prompt := s.Last().PromptTokens
	want := []string{"0.2 4096", "0.4 4096", "0.7 4096", fmt.Sprint("0.7 ", 16384-prompt)}
	if !slices.Equal(got, want) {
		t.Errorf("asked %q, want %q", got, want)
	}
}

func TestLongerAnswerNeedsRoomThatIsKnown(t *testing.T) {
	tests := []struct {
		name   string
		change func(*ocr.Config)
		tries  int
	}{
		{"known context", func(*ocr.Config) {}, 2},
		{"unknown context", func(c *ocr.Config) { c.Profile = "generic" }, 1},
		{"limit as large as the context", func(c *ocr.Config) { c.MaxTokens = 16384 }, 1},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := ocrtest.New(t)
			s.Next(ocrtest.FinishAt("length", cutText, 16384), ocrtest.Text(wholeText))
			r, err := newClient(t, s, test.change).ExtractText(patience(t), ocr.Bytes(pngPage(t)))
			if err != nil || r.Tries != test.tries {
				t.Errorf("%d tries and %v, want %d", r.Tries, err, test.tries)
			}
		})
	}
}

func TestServersOwnContextCounts(t *testing.T) {
	s := ocrtest.New(t, ocrtest.MaxModelLen(6000))
	s.Next(ocrtest.Finish("length", cutText), ocrtest.Text(wholeText))
	c := newClient(t, s)
	if !c.Healthy(patience(t)) {
		t.Fatal("not healthy")
	}
	if _, err := c.ExtractText(patience(t), ocr.Bytes(pngPage(t))); err != nil {
		t.Fatal(err)
	}
	if last := s.Last(); last.MaxTokens != 6000-last.PromptTokens {
		t.Errorf("asked for %d tokens, want %d", last.MaxTokens, 6000-last.PromptTokens)
	}
}

func TestNoFurtherTryWithoutTime(t *testing.T) {
	tests := []struct {
		name          string
		first         ocrtest.Reply
		left, timeout time.Duration
		tries         int
	}{
		{"loop, a whole try fits", ocrtest.Text(loopText), time.Minute, 30 * time.Second, 2},
		{"loop, a whole try does not fit", ocrtest.Text(loopText), time.Minute, 2 * time.Minute, 1},
		{"cut, a minute is left", ocrtest.Finish("length", cutText), 2 * time.Minute, time.Second, 2},
		{"cut, less than a minute is left", ocrtest.Finish("length", cutText), 50 * time.Second, time.Second, 1},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := ocrtest.New(t)
			s.Next(test.first, ocrtest.Text(wholeText))
			ctx, cancel := context.WithTimeout(t.Context(), test.left)
			defer cancel()
			c := newClient(t, s, func(cfg *ocr.Config) { cfg.Timeout = test.timeout })
			r, err := c.ExtractText(ctx, ocr.Bytes(pngPage(t)))
			if err != nil || r.Tries != test.tries {
				t.Errorf("%d tries and %v, want %d", r.Tries, err, test.tries)
			}
		})
	}
}

func TestUsageIsSummedOverAnsweredTries(t *testing.T) {
	s := ocrtest.New(t)
	s.Next(ocrtest.Platform(503), ocrtest.FinishAt("abort", "x", 5), ocrtest.FinishAt("repetition", "y", 100), ocrtest.FinishAt("stop", "# Page", 20))
	r, err := newClient(t, s).ExtractText(patience(t), ocr.Bytes(pngPage(t)))
	if err != nil {
		t.Fatal(err)
	}
	prompt := s.Last().PromptTokens
	if want := (ocr.Usage{PromptTokens: 3 * prompt, CompletionTokens: 125}); r.Usage != want || r.Tries != 4 {
		t.Errorf("usage %+v after %d tries, want %+v after 4", r.Usage, r.Tries, want)
	}
}

func TestUsageMayBeMissingOrOdd(t *testing.T) {
	for _, usage := range []string{`null`, `{}`, `{"prompt_tokens":null,"completion_tokens":null}`, `{"prompt_tokens":"many","completion_tokens":-3}`} {
		s := ocrtest.New(t)
		s.Default(ocrtest.Raw(200, "application/json", `{"model":7,"choices":[{"message":{"content":"# Page"},"finish_reason":"stop"}],"usage":`+usage+`}`))
		r, err := newClient(t, s).ExtractText(patience(t), ocr.Bytes(pngPage(t)))
		if err != nil || r.Text != "# Page" || r.Usage != (ocr.Usage{}) || r.Model != ocr.DefaultModel {
			t.Errorf("usage %s gives %+v, %v", usage, r, err)
		}
	}
}
