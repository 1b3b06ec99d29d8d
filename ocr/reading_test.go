package ocr_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bucketocr/bucketocr/ocr"
	"github.com/bucketocr/bucketocr/ocr/ocrtest"
)

// seen is a page that counts how often it is looked at and records which of its turns are made.
type seen struct {
	ocr.Image
	page  []byte
	looks int
	made  []int
}

// page returns a page with the given amount of ink, which is known at once or only after a look, and with possible
// turns in degrees.
func page(t *testing.T, known bool, ink float64, degrees ...int) *seen {
	p := &seen{page: pngPage(t)}
	p.Image = ocr.Bytes(p.page)
	if known {
		p.Ink = ink
	}
	p.Look = func(context.Context) (ocr.Look, error) {
		p.looks++
		look := ocr.Look{Ink: ink}
		for _, d := range degrees {
			look.Turns = append(look.Turns, ocr.Turn{Degrees: d, Make: func(context.Context) (ocr.Image, error) {
				p.made = append(p.made, d)
				return ocr.Bytes(append(slices.Clone(p.page), byte(d))), nil
			}})
		}
		return look, nil
	}
	return p
}

// chinese is a page of text without spaces.
var chinese = strings.Repeat("本合同自双方签字之日起生效，买方应在收到货物后三十日内付款。\n\n"+
	"卖方保证货物符合约定的质量标准，并承担由此产生的一切责任。"+
	"如有争议，双方应协商解决；协商不成的，提交仲裁委员会仲裁。\n\n"+
	"本合同一式两份，双方各执一份，具有同等法律效力。"+
	"未尽事宜由双方另行商定，并以书面形式补充，补充条款与本合同具有同等效力。\n\n"+
	"付款方式为银行转账，逾期付款的，每逾期一日，应按照应付金额的万分之五支付违约金；"+
	"逾期超过六十日的，卖方有权解除合同，并要求赔偿损失。", 2)

func TestPageIsLookedAtWhereAnAnswerIsInDoubt(t *testing.T) {
	t.Parallel()
	const ink = 0.05
	engine := ocrtest.EngineFailed("")
	words := "Only a few words"
	cut := func(text string) ocrtest.Reply { return ocrtest.Finish("length", text) }
	tests := []struct {
		name     string
		page     *seen
		replies  []ocrtest.Reply
		text     string
		turned   int
		blank    bool
		warnings []string
		tries    int
		looks    int
		made     []int
	}{
		{"good", page(t, true, ink, 90, 270, 180), []ocrtest.Reply{ocrtest.Text(prose)}, prose, 0, false, nil, 1, 0,
			nil},
		{"good, ink unknown", page(t, false, ink, 90, 270, 180), []ocrtest.Reply{ocrtest.Text(words)}, words, 0, false,
			nil, 1, 0, nil},
		{"good, in Chinese", page(t, true, ink, 90, 270, 180), []ocrtest.Reply{ocrtest.Text(chinese)}, chinese, 0,
			false, nil, 1, 0, nil},
		{"cut", page(t, true, ink, 90, 270, 180), []ocrtest.Reply{cut(cutText), ocrtest.Text(wholeText)}, wholeText, 0,
			false, nil, 2, 0, nil},

		{"empty, and blank", page(t, false, 0.00001, 180), []ocrtest.Reply{ocrtest.Blank()}, "", 0, true, nil, 1, 1,
			nil},
		{"empty, known to be blank", page(t, true, 0.00001, 180), []ocrtest.Reply{ocrtest.Blank()}, "", 0, true, nil, 1,
			0, nil},
		{"empty on ink, then text", page(t, false, ink, 180), []ocrtest.Reply{ocrtest.Blank(), ocrtest.Text(prose)},
			prose, 0, false, nil, 2, 1, nil},
		{"empty on ink each time", page(t, false, ink),
			[]ocrtest.Reply{ocrtest.Blank(), ocrtest.Blank(), ocrtest.Text("never asked")}, "", 0, false,
			[]string{"no_text"}, 2, 1, nil},
		{"empty on ink, then a failure", page(t, true, ink), []ocrtest.Reply{ocrtest.Blank(), engine}, "", 0, false,
			[]string{"no_text"}, 2, 1, nil},
		{"empty on ink, upside down", page(t, true, ink, 180),
			[]ocrtest.Reply{ocrtest.Blank(), ocrtest.Blank(), ocrtest.Text(prose)}, prose, 180, false,
			[]string{"turned"}, 3, 1, []int{180}},
		{"empty on ink, on its side", page(t, true, ink, 90, 270, 180),
			[]ocrtest.Reply{ocrtest.Blank(), ocrtest.Text(prose)}, prose, 90, false, []string{"turned"}, 2, 1,
			[]int{90}},
		{"empty on ink, on its other side", page(t, true, ink, 90, 270, 180),
			[]ocrtest.Reply{ocrtest.Blank(), ocrtest.Blank(), ocrtest.Text(prose)}, prose, 270, false,
			[]string{"turned"}, 3, 1, []int{90, 270}},
		{"empty on ink, however it is turned", page(t, true, ink, 90, 270, 180),
			[]ocrtest.Reply{ocrtest.Blank(), ocrtest.Blank(), ocrtest.Blank(), ocrtest.Blank(),
				ocrtest.Text("never asked")}, "", 0, false, []string{"no_text"}, 4, 1, []int{90, 270}},

		{"loop, on its side", page(t, false, ink, 90, 270, 180), []ocrtest.Reply{cut(loopText), ocrtest.Text(prose)},
			prose, 90, false, []string{"turned"}, 2, 1, []int{90}},
		{"loop, on its side and long", page(t, false, ink, 90, 270, 180),
			[]ocrtest.Reply{cut(loopText), cut(prose), ocrtest.Text(prose + prose)}, prose + prose, 90, false,
			[]string{"turned"}, 3, 1, []int{90}},
		{"a short page on its side goes before a long loop", page(t, false, ink, 90, 270, 180),
			[]ocrtest.Reply{cut(prose + strings.Repeat(overleaf, 90)), ocrtest.Text(words)}, words, 90, false,
			[]string{"turned"}, 2, 1, []int{90}},
		{"loop, seems to be on its side and is not", page(t, false, ink, 90, 270, 180),
			[]ocrtest.Reply{cut(loopText), ocrtest.Blank(), cut(loopText), ocrtest.Text(prose)}, prose, 0, false, nil,
			4, 1, []int{90, 270}},
		{"loops, upside down", page(t, false, ink, 180),
			[]ocrtest.Reply{cut(loopText), cut(loopText), cut(loopText), ocrtest.Text(prose)}, prose, 180, false,
			[]string{"turned"}, 4, 1, []int{180}},
		{"long text before loops, and a little upside down", page(t, false, ink, 180),
			[]ocrtest.Reply{cut(prose + strings.Repeat(overleaf, 90)), cut(prose + strings.Repeat(overleaf, 90)),
				cut(prose + strings.Repeat(overleaf, 90)), ocrtest.Text(words)},
			strings.TrimSpace(prose + overleaf), 0, false, []string{"repetition"}, 4, 1, []int{180}},
		{"loops, whatever is tried", page(t, false, ink, 180),
			[]ocrtest.Reply{cut(loopText), cut(loopText), cut(loopText), cut(loopText), ocrtest.Text("never asked")},
			loopKept, 0, false, []string{"repetition"}, 4, 1, []int{180}},

		{"loops, and then cut: it is not upside down", page(t, false, ink, 180),
			[]ocrtest.Reply{cut(loopText), cut(loopText), ocrtest.FinishAt("length", prose, 9),
				ocrtest.Text("never asked")}, prose, 0, false, []string{"truncated"}, 3, 1, nil},

		{"few words on much ink, on its side", page(t, true, ink, 90, 270, 180),
			[]ocrtest.Reply{ocrtest.Text(words), ocrtest.Text(prose)}, prose, 90, false, []string{"turned"}, 2, 1,
			[]int{90}},
		{"few words on much ink, and fewer on its side", page(t, true, ink, 90, 270, 180),
			[]ocrtest.Reply{ocrtest.Text(words), ocrtest.Text("few"), ocrtest.Text("never asked")}, words, 0, false,
			nil, 2, 1, []int{90}},
		{"few words on much ink, upright", page(t, true, ink, 180), []ocrtest.Reply{ocrtest.Text(words)}, words, 0,
			false, nil, 1, 1, nil},
		{"few words on little ink", page(t, true, 0.01, 90, 270, 180), []ocrtest.Reply{ocrtest.Text(words)}, words, 0,
			false, nil, 1, 0, nil},

		{"much text and no ink", page(t, true, 0.00001), []ocrtest.Reply{ocrtest.Text(prose)}, prose, 0, false,
			[]string{"improbable"}, 1, 0, nil},
		{"much text and no ink, cut", page(t, true, 0.00001), []ocrtest.Reply{ocrtest.FinishAt("length", prose, 9)},
			prose, 0, false, []string{"improbable", "truncated"}, 1, 0, nil},
		{"little text and no ink", page(t, true, 0.00001), []ocrtest.Reply{ocrtest.Text(words)}, words, 0, false, nil,
			1, 0, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := ocrtest.New(t)
			s.Next(test.replies...)
			s.Default(ocrtest.EngineFailed("asked too often"))
			r, err := newClient(t, s).NeverContinues().ExtractText(patience(t), test.page.Image)
			if err != nil {
				t.Fatal(err)
			}
			if r.Text != test.text || r.Turned != test.turned || r.Blank != test.blank ||
				!slices.Equal(r.Warnings, test.warnings) {
				t.Errorf("got %q turned %d blank %v warnings %v,\nwant %q turned %d blank %v warnings %v",
					r.Text, r.Turned, r.Blank, r.Warnings, test.text, test.turned, test.blank, test.warnings)
			}
			if n := s.Counts().Requests; n != test.tries {
				t.Errorf("%d requests, want %d", n, test.tries)
			}
			if test.page.looks != test.looks || !slices.Equal(test.page.made, test.made) {
				t.Errorf("looked %d times and turned by %d, want %d times and %d", test.page.looks, test.page.made,
					test.looks, test.made)
			}
		})
	}
}

func TestTurnedPageIsSent(t *testing.T) {
	t.Parallel()
	p := page(t, true, 0.05, 90, 270, 180)
	s := ocrtest.New(t)
	s.Next(ocrtest.Blank(), ocrtest.Finish("length", prose), ocrtest.Blank(), ocrtest.EngineFailed(""))
	if _, err := newClient(t, s).ExtractText(patience(t), p.Image); err != nil {
		t.Fatal(err)
	}
	turned := append(slices.Clone(p.page), 90)
	for i, want := range [][]byte{p.page, turned, turned} {
		if got := s.Requests()[i].Image; !bytes.Equal(got, want) {
			t.Errorf("request %d holds %d bytes, want %d", i+1, len(got), len(want))
		}
	}
}

func TestUprightPageIsSentAgainWhereNoTurnHelps(t *testing.T) {
	t.Parallel()
	p := page(t, true, 0.05, 90, 270, 180)
	s := ocrtest.New(t)
	s.Default(ocrtest.Finish("length", loopText))
	if _, err := newClient(t, s).ExtractText(patience(t), p.Image); err != nil {
		t.Fatal(err)
	}
	// 14 is 270 as a byte
	for i, want := range [][]byte{p.page, append(slices.Clone(p.page), 90), append(slices.Clone(p.page), 14), p.page} {
		if got := s.Requests()[i].Image; !bytes.Equal(got, want) {
			t.Errorf("request %d holds %d bytes, want %d", i+1, len(got), len(want))
		}
	}
}

func TestPageThatCannotBeLookedAtOrTurnedIsJudgedWithout(t *testing.T) {
	t.Parallel()
	broken := errors.New("no picture")
	unseen := page(t, false, 0.05)
	unseen.Look = func(context.Context) (ocr.Look, error) { return ocr.Look{}, broken }
	stuck := page(t, false, 0.05)
	stuck.Look = func(context.Context) (ocr.Look, error) {
		return ocr.Look{Ink: 0.05,
			Turns: []ocr.Turn{{Degrees: 90, Make: func(context.Context) (ocr.Image, error) {
				return ocr.Image{}, broken
			}}}}, nil
	}
	for name, test := range map[string]struct {
		page     *seen
		blank    bool
		warnings []string
		tries    int
	}{
		"not looked at": {unseen, true, nil, 1},
		"not turned":    {stuck, false, []string{"no_text"}, 1},
	} {
		s := ocrtest.New(t)
		s.Default(ocrtest.Blank())
		r, err := newClient(t, s).ExtractText(patience(t), test.page.Image)
		if err != nil || r.Blank != test.blank || !slices.Equal(r.Warnings, test.warnings) ||
			len(r.Tries) != test.tries {
			t.Errorf("%s: blank %v, warnings %v, %d tries, %v", name, r.Blank, r.Warnings, len(r.Tries), err)
		}
	}
}

// After two answers that the server stopped, the last one is requested without its detection if a page could hold the
// repetition.
func TestServerIsOverruledWhereAPageCanHoldWhatItSaw(t *testing.T) {
	t.Parallel()
	dots := "# Index\n\nA " + strings.Repeat(". ", 130)
	for name, test := range map[string]struct {
		reply ocrtest.Reply
		want  string
	}{
		"a line of dots": {ocrtest.Finish("repetition", dots), "detected detected without"},
		"dots without end": {ocrtest.Finish("repetition", dots+strings.Repeat(". ", 600)),
			"detected detected detected"},
		"until its limit":   {ocrtest.Finish("length", loopText), "detected detected detected"},
		"a sentence, again": {ocrtest.Finish("repetition", loopText), "detected detected detected"},
	} {
		s := ocrtest.New(t)
		s.Default(test.reply)
		if _, err := newClient(t, s).ExtractText(patience(t), ocr.Bytes(pngPage(t))); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, r := range s.Requests() {
			how := "without"
			if bytes.Contains(r.Body, []byte("repetition_detection")) {
				how = "detected"
			}
			got = append(got, how)
		}
		if strings.Join(got, " ") != test.want {
			t.Errorf("%s: %s, want %s", name, got, test.want)
		}
	}
}

// After a possible loop, one answer is requested with all the room and at a higher temperature; after that, and after a
// cut, only the temperature rises.
func TestDoubtIsAskedForWithAllTheRoom(t *testing.T) {
	t.Parallel()
	few := "# List\n\n<table>" + packed(138)
	for name, test := range map[string]struct {
		replies []ocrtest.Reply
		left    time.Duration // of the context; 0: no deadline
		want    []string
	}{
		"a doubt": {[]ocrtest.Reply{ocrtest.Finish("length", few)}, 0,
			[]string{"0.2 4096", "0.4 all"}},
		"a doubt, and a loop": {[]ocrtest.Reply{ocrtest.Finish("length", few),
			ocrtest.Finish("length", loopText)}, 0, []string{"0.2 4096", "0.4 all", "0.7 4096"}},
		"a doubt, without the time": {[]ocrtest.Reply{ocrtest.Finish("length", few)}, 50 * time.Second,
			[]string{"0.2 4096", "0.4 4096"}},
		"cut, and a loop": {[]ocrtest.Reply{ocrtest.Finish("length", cutText),
			ocrtest.Finish("length", loopText)}, 0, []string{"0.2 4096", "0.2 all", "0.4 4096"}},
		"cut, and a loop that ended": {[]ocrtest.Reply{ocrtest.Finish("length", cutText), ocrtest.Text(loops(50))}, 0,
			[]string{"0.2 4096", "0.2 all", "0.4 all"}},
	} {
		s := ocrtest.New(t)
		s.Next(test.replies...)
		s.Default(ocrtest.Text(wholeText + prose))
		ctx := patience(t)
		if test.left > 0 {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, test.left)
			defer cancel()
		}
		if _, err := newClient(t, s, func(c *ocr.Config) {
			c.Timeout = 10 * time.Second
		}).NeverContinues().ExtractText(ctx, ocr.Bytes(pngPage(t))); err != nil {
			t.Fatal(err)
		}
		all := fmt.Sprint(16384 - s.Last().PromptTokens)
		var got []string
		for _, r := range s.Requests() {
			got = append(got, strings.Replace(fmt.Sprint(*r.Temperature, " ", r.MaxTokens), all, "all", 1))
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%s: asked %q, want %q", name, got, test.want)
		}
	}
}
