package ocr_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptrace"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bucketocr/bucketocr/ocr"
	"github.com/bucketocr/bucketocr/ocr/ocrtest"
)

const overleaf = "Please see the terms overleaf for details.\n"

var (
	loopLead  = "# Invoice\n\nTotal due within thirty days.\n"
	loopText  = loopLead + strings.Repeat(overleaf, 90)
	loopKept  = loopLead + strings.TrimSpace(overleaf)
	fewTimes  = "# Notes\n\n" + strings.Repeat("Please see the terms overleaf for all further details.\n", 10)
	cutText   = "# Report\n\nThe first half of a long page, and then"
	wholeText = "# Report\n\nThe first half of a long page, and then the other half."

	prose = honestProse(3000)
	// A packing list: it looks like a loop only if it is cut off.
	list = "# Packing list\n\n<table>" + packed(150) + "</table>\n\nTotal 1,800 pieces.\n"
	// Labels: unusually many, but a page can hold them.
	labels = strings.Repeat("Jane Example\n14 Orchard Lane\nBath BA1 1AA\n\n", 80)
	// One copy of a paragraph that a model repeats endlessly.
	paragraph = honestProse(1700) + "\n\n"
)

func packed(rows int) string {
	var b strings.Builder
	for i := range rows {
		fmt.Fprintf(&b, "<tr><td>%d</td><td>%d</td><td>12</td></tr>\n", i+1, 700101+i)
	}
	return b.String()
}

func countingWords(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, " g%04d", i)
	}
	return b.String()
}

// loops returns a loop that ends by itself after the given number of copies.
func loops(copies int) string { return loopLead + strings.Repeat(overleaf, copies) }

// honestProse returns text without repetition.
func honestProse(n int) string {
	words := strings.Fields("the carrier shall notify the consignee of the arrival of goods at place delivery and any damage that became apparent during carriage unless parties agreed otherwise in writing")
	rng := rand.New(rand.NewPCG(uint64(n), 7))
	var b strings.Builder
	for b.Len() < n {
		b.WriteString(words[rng.IntN(len(words))] + " ")
	}
	return b.String()
}

// TestEveryEndingHasItsResult: the server does not continue answers; TestCutAnswerGoesOn covers those that do.
func TestEveryEndingHasItsResult(t *testing.T) {
	t.Parallel()
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
		{"empty but cut is not blank", []ocrtest.Reply{ocrtest.FinishAt("length", "", 7)}, "", false,
			[]string{"truncated"}, 1},

		{"cut by the context", []ocrtest.Reply{ocrtest.FinishAt("length", cutText, 1940)}, cutText, false,
			[]string{"truncated"}, 1},
		{"cut by our limit, then whole", []ocrtest.Reply{ocrtest.Finish("length", cutText), ocrtest.Text(wholeText)},
			wholeText, false, nil, 2},
		{"cut twice", []ocrtest.Reply{ocrtest.Finish("length", cutText), ocrtest.Finish("length", cutText+" more")},
			cutText + " more", false, []string{"truncated"}, 2},
		{"cut, then a failure", []ocrtest.Reply{ocrtest.Finish("length", cutText), ocrtest.Scaling()}, cutText, false,
			[]string{"truncated"}, 2},
		{"cut, then refused",
			[]ocrtest.Reply{ocrtest.Finish("length", cutText),
				ocrtest.Error(400, "BadRequestError", "max_tokens", "too much")}, cutText, false, []string{"truncated"},
			2},
		{"cut, then a loop of more text",
			[]ocrtest.Reply{ocrtest.Finish("length", cutText), ocrtest.Finish("length", loopText),
				ocrtest.Finish("length", loopText)}, loopKept, false, []string{"repetition"}, 3},
		{"cut, then a loop, then whole",
			[]ocrtest.Reply{ocrtest.Finish("length", cutText), ocrtest.Finish("length", loopText),
				ocrtest.Text(wholeText)}, wholeText, false, nil, 3},
		{"cut, then aborted", []ocrtest.Reply{ocrtest.Finish("length", cutText), ocrtest.Finish("abort", "x")}, cutText,
			false, []string{"truncated"}, 2},
		{"cut, then a complete answer that lost the page",
			[]ocrtest.Reply{ocrtest.Finish("length", prose), ocrtest.Text("Report"), ocrtest.Text("Report")}, prose,
			false, []string{"truncated"}, 3},

		{"loop found by the server, then whole",
			[]ocrtest.Reply{ocrtest.Finish("repetition", loopText), ocrtest.Text(wholeText)}, wholeText, false, nil, 2},
		{"loop that ran to the limit, then whole",
			[]ocrtest.Reply{ocrtest.Finish("length", loopText), ocrtest.Text(wholeText)}, wholeText, false, nil, 2},
		{"loop that ran to the limit each time",
			[]ocrtest.Reply{ocrtest.Finish("length", loopText), ocrtest.Finish("length", loopText),
				ocrtest.Finish("length", loopText), ocrtest.Text("never asked")}, loopKept, false,
			[]string{"repetition"}, 3},
		{"loop that ended by itself, then whole", []ocrtest.Reply{ocrtest.Text(loops(90)), ocrtest.Text(wholeText)},
			wholeText, false, nil, 2},
		{"loops of different lengths, then whole",
			[]ocrtest.Reply{ocrtest.Text(loops(90)), ocrtest.Text(loops(70)), ocrtest.Text(wholeText)}, wholeText,
			false, nil, 3},
		{"loops of different lengths are kept whole",
			[]ocrtest.Reply{ocrtest.Text(loops(90)), ocrtest.Text(loops(70)), ocrtest.Text(loops(50)),
				ocrtest.Text("never asked")}, loops(90), false, []string{"repetition"}, 3},
		{"what two answers agree on is on the page",
			[]ocrtest.Reply{ocrtest.Text(labels), ocrtest.Text(labels), ocrtest.Text("never asked")}, labels, false,
			nil, 2},
		{"the second and the third agree",
			[]ocrtest.Reply{ocrtest.Text(loops(90)), ocrtest.Text(labels), ocrtest.Text(labels)}, labels, false, nil,
			3},
		{"the first and the third agree",
			[]ocrtest.Reply{ocrtest.Text(labels), ocrtest.Text(loops(90)), ocrtest.Text(labels)}, labels, false, nil,
			3},
		{"they agree on more copies than a page can hold",
			[]ocrtest.Reply{ocrtest.Text("Yes, " + strings.Repeat("very-", 500)),
				ocrtest.Text("Yes, " + strings.Repeat("very-", 500)),
				ocrtest.Text("Yes, " + strings.Repeat("very-", 500))}, "Yes, " + strings.Repeat("very-", 500), false,
			[]string{"repetition"}, 3},
		{"they agree on more text than a page can hold",
			[]ocrtest.Reply{ocrtest.Text(strings.Repeat(paragraph, 8)), ocrtest.Text(strings.Repeat(paragraph, 8)),
				ocrtest.Text(strings.Repeat(paragraph, 8))}, strings.Repeat(paragraph, 8), false,
			[]string{"repetition"}, 3},
		{"they agree on its length and not on where it begins",
			[]ocrtest.Reply{ocrtest.Text(loops(50)), ocrtest.Text(prose[:300] + strings.Repeat(overleaf, 43)),
				ocrtest.EngineFailed("")}, prose[:300] + strings.Repeat(overleaf, 43), false, []string{"repetition"},
			3},
		{"they agree on where it begins and not on its length",
			[]ocrtest.Reply{ocrtest.Text(loops(50)), ocrtest.Text(loops(55)), ocrtest.Text(loops(60))}, loops(50),
			false, []string{"repetition"}, 3},
		{"loop, then a failure", []ocrtest.Reply{ocrtest.Text(loops(90)), ocrtest.EngineFailed("")}, loops(90), false,
			[]string{"repetition"}, 2},
		{"loop, then blank", []ocrtest.Reply{ocrtest.Finish("length", loopText), ocrtest.Blank(), ocrtest.Blank()},
			loopKept, false, []string{"repetition"}, 3},
		{"loop, then a complete answer that lost the page",
			[]ocrtest.Reply{ocrtest.Finish("length", prose+strings.Repeat(overleaf, 90)), ocrtest.Text("Report"),
				ocrtest.Text(prose)}, prose, false, nil, 3},
		{"loop, then a complete answer of half the page",
			[]ocrtest.Reply{ocrtest.Finish("length", prose+strings.Repeat(overleaf, 90)), ocrtest.Text(prose[:1600])},
			prose[:1600], false, nil, 2},
		{"loop, then cut by the context",
			[]ocrtest.Reply{ocrtest.Finish("length", loopText), ocrtest.FinishAt("length", prose, 9)}, prose, false,
			[]string{"truncated"}, 2},
		{"loop, then cut by our limit, then whole",
			[]ocrtest.Reply{ocrtest.Finish("length", loopText), ocrtest.Finish("length", cutText),
				ocrtest.Text(wholeText)}, wholeText, false, nil, 3},
		{"loop the server found and we do not",
			[]ocrtest.Reply{ocrtest.Finish("repetition", "a a a"), ocrtest.Finish("repetition", "b"),
				ocrtest.Finish("repetition", "c")}, "a a a", false,
			[]string{"repetition", "truncated"}, 3},
		{"loop the server found in less than a line",
			[]ocrtest.Reply{ocrtest.Finish("repetition", "# Index\n\nA "+strings.Repeat(". ", 130)),
				ocrtest.EngineFailed("")}, "# Index\n\nA " + strings.Repeat(". ", 130), false,
			[]string{"repetition", "truncated"}, 2},
		{"cells that a table may well hold, at which the server stopped",
			[]ocrtest.Reply{ocrtest.Finish("repetition", "<table><tr>"+strings.Repeat("<td>0</td>", 130)),
				ocrtest.EngineFailed("")},
			"<table><tr>" + strings.Repeat("<td>0</td>", 130) + "</tr></table>", false,
			[]string{"repetition", "truncated"}, 2},
		{"the longer of two loops",
			[]ocrtest.Reply{ocrtest.Finish("repetition", "a"), ocrtest.Finish("repetition", "longer"),
				ocrtest.Finish("repetition", "c")}, "longer", false,
			[]string{"repetition", "truncated"}, 3},
		{"ten times, and the model ended", []ocrtest.Reply{ocrtest.Text(fewTimes)}, fewTimes, false, nil, 1},
		{"ten times, and the limit ended it",
			[]ocrtest.Reply{ocrtest.FinishAt("length", fewTimes, 9), ocrtest.Text(wholeText)}, wholeText, false, nil,
			2},
		{"ten times, and the limit ended it each time",
			[]ocrtest.Reply{ocrtest.FinishAt("length", fewTimes, 9), ocrtest.FinishAt("length", fewTimes, 9),
				ocrtest.FinishAt("length", fewTimes, 9)}, fewTimes, false, []string{"repetition", "truncated"}, 3},
		{"a list that was cut, then whole", []ocrtest.Reply{ocrtest.Finish("length", list[:6000]), ocrtest.Text(list)},
			list, false, nil, 2},
		{"a list that is always cut",
			[]ocrtest.Reply{ocrtest.Finish("length", "# List\n\n<table>"+packed(138)),
				ocrtest.Finish("length", "# List\n\n<table>"+packed(145)+"<tr><td>14"),
				ocrtest.Finish("length", "# List\n\n<table>"+packed(138))},
			"# List\n\n<table>" + packed(145) + "<tr><td>14</td></tr></table>", false,
			[]string{"repetition", "truncated"}, 3},
		{"words that count are kept as far as they were read",
			[]ocrtest.Reply{ocrtest.Finish("length", "Long:"+countingWords(4000)),
				ocrtest.Text("Long:" + countingWords(6000)), ocrtest.Text("Long:" + countingWords(6000))},
			"Long:" + countingWords(6000), false, []string{"repetition"}, 3},
		{"words that count and end",
			[]ocrtest.Reply{ocrtest.Text("Short:" + countingWords(300)), ocrtest.Text("Short:" + countingWords(300))},
			"Short:" + countingWords(300), false, nil, 2},
		{"paragraphs without end, then whole",
			[]ocrtest.Reply{ocrtest.Finish("length", prose+strings.Repeat(paragraph, 5)),
				ocrtest.Finish("length", prose+strings.Repeat(paragraph, 25)), ocrtest.Text(prose)}, prose, false, nil,
			3},
		{"two paragraphs, which the longer answer shows to be without end",
			[]ocrtest.Reply{ocrtest.Finish("length", prose+strings.Repeat(paragraph, 2)),
				ocrtest.Finish("length", prose+strings.Repeat(paragraph, 25)), ocrtest.EngineFailed("")},
			prose + strings.TrimSpace(paragraph), false, []string{"repetition"}, 3},
		{"a loop in the first of two columns, then whole",
			[]ocrtest.Reply{ocrtest.Text(loops(60) + prose), ocrtest.Text(prose)}, prose, false, nil, 2},
		{"a loop in the first of two columns, twice",
			[]ocrtest.Reply{ocrtest.Text(loops(60) + prose), ocrtest.Text(loops(80) + prose),
				ocrtest.Text("never asked")}, loops(60) + prose, false, []string{"repetition"}, 2},
		{"blanks without end, and the model ended", []ocrtest.Reply{ocrtest.Text(prose + strings.Repeat("\n", 600))},
			strings.TrimSpace(prose), false, nil, 1},
		{"a table in a loop is closed",
			[]ocrtest.Reply{ocrtest.Finish("length",
				"# A\n\n<table><tbody>"+strings.Repeat("<tr><td>Bolts</td><td>200</td></tr>", 200)),
				ocrtest.EngineFailed("")}, "# A\n\n<table><tbody><tr><td>Bolts</td><td>200</td></tr></tbody></table>",
			false, []string{"repetition"}, 2},
		{"aborted, then whole", []ocrtest.Reply{ocrtest.Finish("abort", "half"), ocrtest.Text(wholeText)}, wholeText,
			false, nil, 2},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := ocrtest.New(t)
			s.Next(test.replies...)
			s.Default(ocrtest.EngineFailed("asked too often"))
			r, err := newClient(t, s).NeverContinues().ExtractText(patience(t), ocr.Bytes(pngPage(t)))
			if err != nil {
				t.Fatal(err)
			}
			if r.Text != test.text || r.Blank != test.blank || !slices.Equal(r.Warnings, test.warnings) {
				t.Errorf("got %q blank %v warnings %v,\nwant %q blank %v warnings %v", r.Text, r.Blank, r.Warnings,
					test.text, test.blank, test.warnings)
			}
			if n := s.Counts().Requests; n != test.tries || len(r.Tries) != n {
				t.Errorf("%d requests, Tries %d, want %d", n, len(r.Tries), test.tries)
			}
		})
	}
}

func TestFurtherTriesAskDifferently(t *testing.T) {
	t.Parallel()
	s := ocrtest.New(t)
	s.Next(ocrtest.Text(loops(50)), ocrtest.Text(loops(60)), ocrtest.Text(wholeText))
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
	want := []string{"0.2 4096", "0.4 4096", "0.7 4096"}
	if !slices.Equal(got, want) {
		t.Errorf("asked %q, want %q", got, want)
	}
}

func TestLongerAnswerNeedsAKnownContext(t *testing.T) {
	t.Parallel()
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
			t.Parallel()
			s := ocrtest.New(t)
			s.Next(ocrtest.FinishAt("length", cutText, 16384), ocrtest.Text(wholeText))
			r, err := newClient(t, s, test.change).ExtractText(patience(t), ocr.Bytes(pngPage(t)))
			if err != nil || len(r.Tries) != test.tries {
				t.Errorf("%d tries and %v, want %d", len(r.Tries), err, test.tries)
			}
		})
	}
}

func TestServersOwnContextCounts(t *testing.T) {
	t.Parallel()
	s := ocrtest.New(t, ocrtest.MaxModelLen(6000))
	s.Next(ocrtest.Finish("length", cutText), ocrtest.Text(wholeText))
	c := newClient(t, s)
	if !c.Healthy(patience(t)) {
		t.Fatal("not healthy")
	}
	if _, err := c.ExtractText(patience(t), ocr.Bytes(pngPage(t))); err != nil {
		t.Fatal(err)
	}
	if last := s.Last(); last.MaxTokens != 6000-4096-128-last.PromptTokens {
		t.Errorf("asked for %d tokens more, want %d", last.MaxTokens, 6000-4096-128-last.PromptTokens)
	}
}

func TestNoFurtherTryWithoutTime(t *testing.T) {
	t.Parallel()
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
			t.Parallel()
			s := ocrtest.New(t)
			s.Next(test.first, ocrtest.Text(wholeText))
			ctx, cancel := context.WithTimeout(t.Context(), test.left)
			defer cancel()
			c := newClient(t, s, func(cfg *ocr.Config) { cfg.Timeout = test.timeout })
			r, err := c.ExtractText(ctx, ocr.Bytes(pngPage(t)))
			if err != nil || len(r.Tries) != test.tries {
				t.Errorf("%d tries and %v, want %d", len(r.Tries), err, test.tries)
			}
		})
	}
}

func TestUsageIsSummedOverAnsweredTries(t *testing.T) {
	t.Parallel()
	s := ocrtest.New(t)
	s.Next(ocrtest.Scaling(), ocrtest.FinishAt("abort", "x", 5), ocrtest.FinishAt("repetition", "y", 100),
		ocrtest.FinishAt("stop", "# Page", 20))
	r, err := newClient(t, s).ExtractText(patience(t), ocr.Bytes(pngPage(t)))
	if err != nil {
		t.Fatal(err)
	}
	prompt := s.Last().PromptTokens
	if want := (ocr.Usage{PromptTokens: 3 * prompt, CompletionTokens: 125}); r.Usage != want || len(r.Tries) != 4 {
		t.Errorf("usage %+v after %d tries, want %+v after 4", r.Usage, len(r.Tries), want)
	}
}

func TestUsageMayBeMissingOrOdd(t *testing.T) {
	t.Parallel()
	for _, usage := range []string{`null`, `{}`, `{"prompt_tokens":null,"completion_tokens":null}`,
		`{"prompt_tokens":"many","completion_tokens":-3}`} {
		s := ocrtest.New(t)
		s.Default(ocrtest.Raw(200, "application/json",
			`{"model":7,"choices":[{"message":{"content":"# Page"},"finish_reason":"stop"}],"usage":`+usage+`}`))
		r, err := newClient(t, s).ExtractText(patience(t), ocr.Bytes(pngPage(t)))
		if err != nil || r.Text != "# Page" || r.Usage != (ocr.Usage{}) || r.Model != ocr.DefaultModel {
			t.Errorf("usage %s: %+v, %v", usage, r, err)
		}
	}
}

// summary describes each try in a few words: number, status, kind, phase, ending.
func summary(tries []ocr.Try) string {
	var all []string
	for _, t := range tries {
		words := fmt.Sprint(t.Number, " ", t.Status, " ", t.Kind, " ", t.Phase, " ", t.Ending)
		all = append(all, strings.Join(strings.Fields(words), " "))
	}
	return strings.Join(all, "; ")
}

func TestResultHoldsEveryTry(t *testing.T) {
	t.Parallel()
	s := ocrtest.New(t)
	s.Next(ocrtest.Scaling(), ocrtest.Finish("abort", "begun"), ocrtest.Finish("repetition", "la la"),
		ocrtest.Text("la"))
	image := pngPage(t)
	before := time.Now()
	r, err := newClient(t, s).ExtractText(patience(t), ocr.Bytes(image))
	if err != nil || r.Text != "la" {
		t.Fatalf("%+v, %v", r, err)
	}
	want := "1 503 overloaded read; 2 200 aborted read; 3 200 repetition; 4 200 complete"
	if got := summary(r.Tries); got != want {
		t.Errorf("tries are\n%s, want\n%s", got, want)
	}
	sum := ocr.Usage{}
	for _, try := range r.Tries {
		sum.PromptTokens += try.Usage.PromptTokens
		sum.CompletionTokens += try.Usage.CompletionTokens
		if try.ImageSent != int64(len(image)) || try.Model != ocr.DefaultModel ||
			(try.ServedModel == "") != (try.Ending == "") {
			t.Errorf("%+v", try)
		}
		if try.Start.Before(before) || try.Start.Add(try.Duration()).After(time.Now()) {
			t.Errorf("try %d began at %v and took %v", try.Number, try.Start, try.Duration())
		}
		before = try.Start.Add(try.Duration())
	}
	if sum != r.Usage || sum.CompletionTokens == 0 {
		t.Errorf("usage of the tries %+v, of the result %+v", sum, r.Usage)
	}
}

func TestErrorHoldsEveryTry(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		replies []ocrtest.Reply
		change  func(*ocr.Config)
		want    string
	}{
		"refused in the end": {
			[]ocrtest.Reply{ocrtest.Scaling(), ocrtest.Platform(403)}, nil,
			"1 503 overloaded read; 2 403 forbidden read",
		},
		"unknown finish reason": {[]ocrtest.Reply{ocrtest.Finish("tired", "a page")}, nil, "1 200 bad_response read"},
		"no token": {
			nil, func(cfg *ocr.Config) {
				cfg.Token = func(context.Context, string) (string, error) { return "", errors.New("none") }
			},
			"1 0 token token",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := ocrtest.New(t)
			s.Next(test.replies...)
			change := func(cfg *ocr.Config) {
				if test.change != nil {
					test.change(cfg)
				}
			}
			_, err := newClient(t, s, change).ExtractText(patience(t), ocr.Bytes(pngPage(t)))
			if got := summary(failure(t, err).Tries); got != test.want {
				t.Errorf("tries are\n%s, want\n%s", got, test.want)
			}
		})
	}
}

func TestImageRefusedUnopenedHasNoTries(t *testing.T) {
	t.Parallel()
	_, err := newClient(t, ocrtest.New(t)).ExtractText(patience(t), ocr.Image{})
	if e := failure(t, err); len(e.Tries) != 0 {
		t.Errorf("%+v", e.Tries)
	}
}

func TestWaitsBetweenTries(t *testing.T) {
	t.Parallel()
	ms := time.Millisecond
	busy := ocrtest.Platform(429)
	after := func(value string) ocrtest.Reply { return ocrtest.With("Retry-After", value, busy) }
	tests := []struct {
		name    string
		rand    float64
		replies []ocrtest.Reply
		want    []time.Duration
	}{
		{"doubling", 0.5, []ocrtest.Reply{busy, busy, busy}, []time.Duration{500 * ms, 1000 * ms, 2000 * ms}},
		{"spread down", 0, []ocrtest.Reply{busy, busy, busy}, []time.Duration{250 * ms, 500 * ms, 1000 * ms}},
		{"spread up", 0.99, []ocrtest.Reply{busy}, []time.Duration{745 * ms}},
		{"as the server asks", 0.5, []ocrtest.Reply{after("7")}, []time.Duration{7 * time.Second}},
		{"capped", 0.5, []ocrtest.Reply{after("3600")}, []time.Duration{30 * time.Second}},
		{"asked for less", 0.5, []ocrtest.Reply{after("0")}, []time.Duration{500 * ms}},
		{"nonsense", 0.5, []ocrtest.Reply{after("soon")}, []time.Duration{500 * ms}},
		{"negative", 0.5, []ocrtest.Reply{after("-5")}, []time.Duration{500 * ms}},
		{"past date", 0.5, []ocrtest.Reply{after("Mon, 02 Jan 2006 15:04:05 GMT")}, []time.Duration{500 * ms}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := ocrtest.New(t)
			s.Next(test.replies...)
			waits := new(sleeps)
			c := newClient(t, s, func(cfg *ocr.Config) {
				cfg.SetSleep(waits.sleep)
				cfg.SetRand(func() float64 { return test.rand })
			})
			if _, err := c.ExtractText(t.Context(), ocr.Bytes(pngPage(t))); err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(waits.all(), test.want) {
				t.Errorf("waited %v, want %v", waits.all(), test.want)
			}
		})
	}
}

// TestLongWaitsStayLong: a caller may want many tries, to sit out an outage.
func TestLongWaitsStayLong(t *testing.T) {
	t.Parallel()
	s := ocrtest.New(t)
	s.Default(ocrtest.Platform(429))
	waits := new(sleeps)
	c := newClient(t, s, func(cfg *ocr.Config) {
		cfg.MaxTries = 80
		cfg.SetSleep(waits.sleep)
	})
	if _, err := c.ExtractText(t.Context(), ocr.Bytes(pngPage(t))); err == nil {
		t.Fatal("no error")
	}
	for i, d := range waits.all() {
		if i >= 7 && d != 30*time.Second {
			t.Errorf("wait %d is %v", i+1, d)
		}
	}
	if len(waits.all()) != 79 {
		t.Errorf("%d waits", len(waits.all()))
	}
}

func TestRetryAfterDateAndValueReachTheCaller(t *testing.T) {
	t.Parallel()
	s := ocrtest.New(t)
	c := newClient(t, s)
	s.Default(ocrtest.With("Retry-After", "3600", ocrtest.Scaling()))
	_, err := c.ExtractText(patience(t), ocr.Bytes(pngPage(t)))
	if e := failure(t, err); e.RetryAfter != time.Hour {
		t.Errorf("RetryAfter is %v, want what the server said", e.RetryAfter)
	}
	s.Default(ocrtest.With("Retry-After", time.Now().Add(time.Hour).UTC().Format(http.TimeFormat), ocrtest.Scaling()))
	_, err = c.ExtractText(patience(t), ocr.Bytes(pngPage(t)))
	if e := failure(t, err); e.RetryAfter < 50*time.Minute || e.RetryAfter > time.Hour {
		t.Errorf("RetryAfter of a date is %v", e.RetryAfter)
	}
}

func TestNoWaitBeyondTheContext(t *testing.T) {
	t.Parallel()
	s := ocrtest.New(t)
	s.Default(ocrtest.With("Retry-After", "25", ocrtest.Scaling()))
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	waits := new(sleeps)
	_, err := newClient(t, s, func(cfg *ocr.Config) { cfg.SetSleep(waits.sleep) }).ExtractText(ctx,
		ocr.Bytes(pngPage(t)))
	if e := failure(t, err); e.Kind != ocr.KindOverloaded || len(waits.all()) != 0 || s.Counts().Requests != 1 {
		t.Errorf("%v after waits %v and %d requests: want one request and its own error", err, waits.all(),
			s.Counts().Requests)
	}
}

func TestContextThatEndsDuringAWaitEndsTheCall(t *testing.T) {
	t.Parallel()
	s := ocrtest.New(t)
	s.Default(ocrtest.Scaling())
	ctx, cancel := context.WithCancel(t.Context())
	c := newClient(t, s, func(cfg *ocr.Config) {
		cfg.SetSleep(func(ctx context.Context, _ time.Duration) error { cancel(); return ctx.Err() })
	})
	_, err := c.ExtractText(ctx, ocr.Bytes(pngPage(t)))
	if e := failure(t, err); e.Kind != ocr.KindOverloaded || s.Counts().Requests != 1 {
		t.Errorf("%v after %d requests", err, s.Counts().Requests)
	}
}

func TestNothingIsSentAfterTheContextsEnd(t *testing.T) {
	t.Parallel()
	s := ocrtest.New(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	shutdown := errors.New("the process ends")
	cancel(shutdown)
	_, err := newClient(t, s).ExtractText(ctx, ocr.Bytes(pngPage(t)))
	if e := failure(t, err); e.Kind != ocr.KindCanceled || s.Counts().Requests != 0 {
		t.Errorf("%v after %d requests", err, s.Counts().Requests)
	}
	if !errors.Is(err, context.Canceled) || !errors.Is(err, shutdown) {
		t.Errorf("%v hides the context's error or its cause", err)
	}
}

func TestSuccessAfterFailures(t *testing.T) {
	t.Parallel()
	s := ocrtest.New(t)
	s.Next(ocrtest.Platform(500), ocrtest.Scaling(), ocrtest.HTML(502, "x"))
	r, err := newClient(t, s).ExtractText(patience(t), ocr.Bytes(pngPage(t)))
	if err != nil || len(r.Tries) != 4 {
		t.Errorf("%d tries and %v, want success at the fourth", len(r.Tries), err)
	}
}

// TestLateRefusalMeansTheServerWasLost: an immediate 502 or 503 comes from something that had no server to ask. A late
// one, or one with Cloud Run's message about a container that ended, may be the page's fault, so the page is not sent
// again within the call.
func TestLateRefusalMeansTheServerWasLost(t *testing.T) {
	t.Parallel()
	const dead = "The request failed because either the HTTP response was malformed or connection to the instance had an error."
	for name, c := range map[string]struct {
		status int
		body   string
		wait   string // Retry-After
		after  time.Duration
		kind   ocr.Kind
		tries  int
	}{
		"502 at once":              {502, "bad gateway", "", 0, ocr.KindUnavailable, 4},
		"502 later":                {502, "bad gateway", "", time.Second, ocr.KindLost, 1},
		"503 at once":              {503, "no server", "", 900 * time.Millisecond, ocr.KindOverloaded, 4},
		"503 later":                {503, "no server", "", time.Second, ocr.KindLost, 1},
		"503 of a dead container":  {503, dead, "", 0, ocr.KindLost, 1},
		"503 that asks for a wait": {503, "busy", "1", time.Minute, ocr.KindOverloaded, 4},
		"429 later":                {429, "slow down", "", time.Minute, ocr.KindOverloaded, 4},
		"500 later":                {500, `{"error":{"message":""}}`, "", time.Minute, ocr.KindBackendFailed, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				client := newClientOver(t, roundTrip(func(req *http.Request) (*http.Response, error) {
					_, _ = io.Copy(io.Discard, req.Body)
					req.Body.Close()
					httptrace.ContextClientTrace(req.Context()).WroteRequest(httptrace.WroteRequestInfo{})
					time.Sleep(c.after)
					httptrace.ContextClientTrace(req.Context()).GotFirstResponseByte()
					return &http.Response{StatusCode: c.status, Header: http.Header{"Retry-After": {c.wait}},
						Body: io.NopCloser(strings.NewReader(c.body))}, nil
				}))
				_, err := client.ExtractText(t.Context(), ocr.Bytes(pngPage(t)))
				if e := failure(t, err); e.Kind != c.kind || len(e.Tries) != c.tries {
					t.Errorf("%s after %d tries, want %s after %d", e.Kind, len(e.Tries), c.kind, c.tries)
				}
			})
		})
	}
}

// TestMaxTriesBoundsWaiting: with MaxTries 1, for callers that do their own waiting, the first refusal is returned.
func TestMaxTriesBoundsWaiting(t *testing.T) {
	t.Parallel()
	s := ocrtest.New(t)
	s.Default(ocrtest.Platform(429))
	_, err := newClient(t, s, func(c *ocr.Config) { c.MaxTries = 1 }).ExtractText(patience(t), ocr.Bytes(pngPage(t)))
	if e := failure(t, err); len(e.Tries) != 1 {
		t.Errorf("%d tries, want 1", len(e.Tries))
	}
}

func TestRefusedConnectionIsTriedAgain(t *testing.T) {
	t.Parallel()
	s := ocrtest.New(nil)
	s.Close()
	waits := new(sleeps)
	c := newClient(t, s, func(cfg *ocr.Config) { cfg.SetSleep(waits.sleep) })
	_, err := c.ExtractText(patience(t), ocr.Bytes(pngPage(t)))
	if e := failure(t, err); e.Kind != ocr.KindUnavailable || e.Phase != ocr.PhaseConnect {
		t.Errorf("error is %v", err)
	}
	if len(waits.all()) != 3 {
		t.Errorf("waited %v, want three waits", waits.all())
	}
}

func TestEngineDiesAndServerComesBack(t *testing.T) {
	t.Parallel()
	s := ocrtest.New(t)
	s.Next(ocrtest.Dies())
	c := newClient(t, s)
	_, err := c.ExtractText(patience(t), ocr.Bytes(pngPage(t)))
	if e := failure(t, err); e.Kind != ocr.KindBackendFailed {
		t.Errorf("the dying engine: %v", err)
	}
	_, err = c.ExtractText(patience(t), ocr.Bytes(pngPage(t)))
	if e := failure(t, err); e.Kind != ocr.KindUnavailable && e.Kind != ocr.KindLost {
		t.Errorf("the dead server: %v", err)
	}
	s.Up()
	if _, err := c.ExtractText(patience(t), ocr.Bytes(pngPage(t))); err != nil {
		t.Errorf("the new server: %v", err)
	}
}

// A page that is sent on an idle connection just as the server closes it must be sent again.
func TestPageSurvivesAConnectionThatTheServerJustClosed(t *testing.T) {
	t.Parallel()
	s := ocrtest.New(t, ocrtest.IdleTimeout(time.Millisecond))
	c := newClient(t, s)
	for range 20 {
		if _, err := c.ExtractText(patience(t), ocr.Bytes(pngPage(t))); err != nil {
			t.Fatal(err)
		}
	}
}

// TestPageThatTheServerDiesOfIsLost: this holds even if other pages were sent on the same connection before, and the
// page is not sent to the next server.
func TestPageThatTheServerDiesOfIsLost(t *testing.T) {
	t.Parallel()
	s := ocrtest.New(t)
	c := newClient(t, s)
	if _, err := c.ExtractText(patience(t), ocr.Bytes(pngPage(t))); err != nil {
		t.Fatal(err)
	}
	killer := jpegPage(t)
	var deaths atomic.Int64
	s.For(killer, ocrtest.Custom(true, func(http.ResponseWriter, *ocrtest.Request) {
		deaths.Add(1)
		s.Down()
		panic(http.ErrAbortHandler)
	}))
	_, err := c.ExtractText(patience(t), ocr.Bytes(killer))
	if e := failure(t, err); e.Kind != ocr.KindLost || deaths.Load() != 1 {
		t.Errorf("%v after %d deaths, want lost after one", err, deaths.Load())
	}
}

// TestSecondAttemptDecidesUnlessTheServerIsGone: after a connection that the server may just have closed.
func TestSecondAttemptDecidesUnlessTheServerIsGone(t *testing.T) {
	t.Parallel()
	broken := ocrtest.Custom(true, func(http.ResponseWriter, *ocrtest.Request) { panic(http.ErrAbortHandler) })
	for name, c := range map[string]struct {
		second ocrtest.Reply
		want   ocr.Kind
	}{
		"refused":   {ocrtest.Error(400, "BadRequestError", "", "Failed to load image: x"), ocr.KindBadImage},
		"timed out": {ocrtest.Platform(504), ocr.KindTimeout},
		"lost":      {broken, ocr.KindLost},
		"busy":      {ocrtest.Platform(429), ocr.KindLost},
	} {
		s := ocrtest.New(t)
		s.Next(ocrtest.Text("x"), broken, c.second)
		client := newClient(t, s)
		if _, err := client.ExtractText(patience(t), ocr.Bytes(pngPage(t))); err != nil {
			t.Fatal(err)
		}
		_, err := client.ExtractText(patience(t), ocr.Bytes(pngPage(t)))
		if e := failure(t, err); e.Kind != c.want || s.Counts().Requests != 3 {
			t.Errorf("%s: %v after %d requests, want %s after 3", name, err, s.Counts().Requests, c.want)
		}
	}
}

func TestWaitEndsWithTheContext(t *testing.T) {
	t.Parallel()
	page := pngPage(t)
	inMemory(t, func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		w.Header().Set("Retry-After", "20")
		w.WriteHeader(429)
	}, func(t *testing.T, cfg ocr.Config) {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(5*time.Second, cancel)
		c, err := ocr.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		_, err = c.ExtractText(ctx, ocr.Bytes(page))
		if e := failure(t, err); e.Kind != ocr.KindOverloaded || time.Since(start) != 5*time.Second {
			t.Errorf("after %v: %v", time.Since(start), err)
		}
	})
}

func TestRefusedTokenIsRenewedOnce(t *testing.T) {
	t.Parallel()
	old := ocrtest.Token("aud", time.Now().Add(time.Hour))
	fresh := ocrtest.Token("aud", time.Now().Add(2*time.Hour))
	tests := []struct {
		name     string
		next     string // the token after the first one is forgotten
		key      string
		kind     ocr.Kind
		forgets  int32
		requests int
	}{
		{"fresh one is good", fresh, "", "", 1, 2},
		{"fresh one is refused too", old, "", ocr.KindUnauthenticated, 1, 2},
		{"the key is wrong, not the token", fresh, "wrong", ocr.KindUnauthenticated, 1, 2},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			options := []ocrtest.Option{ocrtest.RequireToken("aud")}
			if test.key != "" {
				options = append(options, ocrtest.Key("right"))
			}
			s := ocrtest.New(t, options...)
			s.Revoke(old)
			var token atomic.Value
			token.Store(old)
			var forgets atomic.Int32
			c := newClient(t, s, func(cfg *ocr.Config) {
				cfg.Audience, cfg.APIKey = "aud", test.key
				cfg.Token = func(context.Context, string) (string, error) { return token.Load().(string), nil }
				cfg.ForgetToken = func(audience string) {
					if audience == "aud" {
						forgets.Add(1)
					}
					token.Store(test.next)
				}
			})
			_, err := c.ExtractText(patience(t), ocr.Bytes(pngPage(t)))
			var kind ocr.Kind
			if err != nil {
				kind = failure(t, err).Kind
			}
			if kind != test.kind || forgets.Load() != test.forgets || s.Counts().Requests != test.requests {
				t.Errorf("%v after %d requests and %d forgets", err, s.Counts().Requests, forgets.Load())
			}
		})
	}
}

// A 401 from the server itself is about its key: a fresh token would not help.
func TestWrongKeyDoesNotRenewTheToken(t *testing.T) {
	t.Parallel()
	s := ocrtest.New(t, ocrtest.RequireToken("aud"), ocrtest.Key("right"))
	c := newClient(t, s, func(cfg *ocr.Config) {
		cfg.Audience, cfg.Token, cfg.APIKey = "aud", ocrtest.FixedToken, "wrong"
		cfg.ForgetToken = func(string) { t.Error("the token was forgotten") }
	})
	_, err := c.ExtractText(patience(t), ocr.Bytes(pngPage(t)))
	if e := failure(t, err); e.Kind != ocr.KindUnauthenticated || s.Counts().Requests != 1 {
		t.Errorf("%v after %d requests", err, s.Counts().Requests)
	}
}
