package ocr_test

import (
	"bytes"
	"fmt"
	"image"
	"image/png"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/bucketocr/bucketocr/ocr"
	"github.com/bucketocr/bucketocr/ocr/ocrtest"
)

// refusalsOf returns the forms in which servers refuse a field by its name.
func refusalsOf(field string) map[string]ocrtest.Reply {
	const disabled = " is disabled on this server (--max-repetition-detection-pattern-size 0)"
	return map[string]ocrtest.Reply{
		"vLLM, param":         ocrtest.Error(400, "BadRequestError", field, "This is disabled on this server."),
		"vLLM, message":       ocrtest.Error(400, "BadRequestError", "", field+disabled),
		"vLLM, validation":    ocrtest.Invalid(true, field),
		"FastAPI, validation": ocrtest.Invalid(false, field),
		"string":              ocrtest.StringError(400, "unknown field "+field),
		"flat":                ocrtest.FlatError(400, "BadRequestError", field+disabled),
		"OpenAI": ocrtest.NullCode(400, "invalid_request_error",
			"Unrecognized request argument supplied: "+field),
		"LiteLLM's own refusal": ocrtest.StringCode(400, "invalid_request_error", "400",
			"litellm.UnsupportedParamsError: hosted_vllm does not support parameters: ['"+field+"']"),
	}
}

func sentFields(r *ocrtest.Request) string {
	var sent []string
	for _, name := range []string{"repetition_detection", "chat_template_kwargs"} {
		if r.Fields[name] != nil {
			sent = append(sent, name)
		}
	}
	return strings.Join(sent, " ")
}

func TestRefusedFieldIsLeftOutFromThenOn(t *testing.T) {
	t.Parallel()
	for _, field := range []string{"repetition_detection", "chat_template_kwargs"} {
		for name, refusal := range refusalsOf(field) {
			for _, options := range [][]ocrtest.Option{nil, {ocrtest.Gateway()}} {
				t.Run(fmt.Sprint(field, ", ", name, ", gateway ", len(options) > 0), func(t *testing.T) {
					t.Parallel()
					s := ocrtest.New(t, append(options, ocrtest.Models("lightonai/LightOnOCR-3-4B"),
						ocrtest.RefuseField(field, refusal))...)
					c := newClient(t, s, func(cfg *ocr.Config) {
						cfg.Model, cfg.MaxTries = "lightonai/LightOnOCR-3-4B", 1
					})
					for range 3 {
						if _, err := c.ExtractText(patience(t), ocr.Bytes(pngPage(t))); err != nil {
							t.Fatal(err)
						}
					}
					var got []string
					for _, r := range s.Requests() {
						got = append(got, sentFields(r))
					}
					other := strings.TrimSpace(strings.Replace("repetition_detection chat_template_kwargs", field, "",
						1))
					if want := []string{
						"repetition_detection chat_template_kwargs", other, other, other}; !slices.Equal(got, want) {
						t.Errorf("sent %q, want %q", got, want)
					}
				})
			}
		}
	}
}

func TestBothFieldsCanBeRefused(t *testing.T) {
	t.Parallel()
	s := ocrtest.New(t, ocrtest.Models("scans"),
		ocrtest.RefuseField("repetition_detection", ocrtest.Invalid(false, "repetition_detection")),
		ocrtest.RefuseField("chat_template_kwargs", ocrtest.Invalid(true, "chat_template_kwargs")))
	r, err := newClient(t, s, func(cfg *ocr.Config) { cfg.Model = "scans" }).ExtractText(patience(t),
		ocr.Bytes(pngPage(t)))
	if want := "1 422 bad_request read; 2 400 bad_request read; 3 200 complete"; err != nil ||
		summary(r.Tries) != want {
		t.Errorf("%s, %v, want %s", summary(r.Tries), err, want)
	}
}

// A refusal of a field that was not sent is an ordinary 400, and so is one that names a field only where it repeats the
// request.
func TestSecondRefusalIsOrdinary(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		reply ocrtest.Reply
		tries int
	}{
		"again":    {ocrtest.Error(400, "BadRequestError", "repetition_detection", "disabled"), 2},
		"not sent": {ocrtest.Error(400, "BadRequestError", "chat_template_kwargs", "unknown"), 1},
		"in the input": {ocrtest.Error(400, "Bad Request", "body.messages",
			"1 validation error:\n  {'type': 'missing', 'loc': 'body.messages', 'input': {'repetition_detection': {}}}"),
			1},
		"in old inputs": {ocrtest.Error(400, "Bad Request", "",
			"1 validation error\nmessages\n  Input should be a list [type=list_type, input_value={'repetition_detection': {}}]"),
			1},
		"in a detail": {ocrtest.Raw(422, "application/json",
			`{"detail":[{"loc":["body","messages"],"msg":"Field required","input":{"repetition_detection":{}}}]}`), 1},
		"a bad image": {ocrtest.Error(400, "BadRequestError", "", "Failed to load image: repetition_detection"), 1},
		"an engine's": {ocrtest.EngineFailed("repetition_detection"), 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := ocrtest.New(t)
			s.Default(test.reply)
			_, err := newClient(t, s).ExtractText(patience(t), ocr.Bytes(pngPage(t)))
			if e := failure(t, err); e.Kind == ocr.KindOverloaded || s.Counts().Requests != test.tries {
				t.Errorf("%d requests, want %d: %v", s.Counts().Requests, test.tries, err)
			}
		})
	}
}

// Several pages in flight are refused together: each is sent once more, and none fails.
func TestFieldIsRefusedToManyAtOnce(t *testing.T) {
	t.Parallel()
	s := ocrtest.New(t)
	gate := ocrtest.NewGate()
	refused := ocrtest.Hold(gate, ocrtest.Error(400, "BadRequestError", "repetition_detection", "disabled"))
	s.Next(refused, refused, refused, refused)
	c := newClient(t, s, func(cfg *ocr.Config) { cfg.MaxTries = 1 })
	var calls sync.WaitGroup
	for range 4 {
		calls.Go(func() {
			if _, err := c.ExtractText(t.Context(), ocr.Bytes(pngPage(t))); err != nil {
				t.Error(err)
			}
		})
	}
	if err := gate.Wait(patience(t), 4); err != nil {
		t.Fatal(err)
	}
	gate.Open()
	calls.Wait()
	if requests := s.Requests(); len(requests) != 8 || sentFields(requests[3]) == "" || sentFields(requests[7]) != "" {
		t.Errorf("%d requests", len(requests))
	}
}

// The refusal of a field does not count as one of the tries at a busy server.
func TestRefusedFieldIsNoTryOfTheQuestion(t *testing.T) {
	t.Parallel()
	s := ocrtest.New(t)
	busy := ocrtest.Platform(429)
	s.Next(busy, ocrtest.Error(400, "BadRequestError", "repetition_detection", "disabled"), busy, busy)
	r, err := newClient(t, s, func(cfg *ocr.Config) { cfg.MaxTries = 4 }).ExtractText(patience(t),
		ocr.Bytes(pngPage(t)))
	if err != nil || len(r.Tries) != 5 {
		t.Errorf("%s, %v", summary(r.Tries), err)
	}
}

func pageOf(t *testing.T, width, height int) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, width, height))); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// No server refuses an ordinary page because of max_tokens, whatever the size of its context.
func TestAnswerIsNoLongerThanTheContextLeaves(t *testing.T) {
	t.Parallel()
	const prompt = 64 // more than the template takes
	a4, square := pageOf(t, 1089, 1540), pageOf(t, 1540, 1540)
	tests := []struct {
		name, model   string
		page          []byte
		context       int // of the server
		healthy       bool
		maxTokens     int // of Config
		want, refused int
	}{
		{"as the card serves it", "lightonai/LightOnOCR-2-1B", square, 16384, false, 0, 4096, 0},
		{"the first family", "lightonai/LightOnOCR-1B-1025", square, 8192, false, 0, 4096, 0},
		{"the third", "lightonai/LightOnOCR-3-1B", square, 16384, false, 0, 12288, 0},
		{"the third at its edge", "lightonai/LightOnOCR-3-4B", pageOf(t, 2048, 2048), 18000, false, 0, 12288, 0},
		{"all that is left", "lightonai/LightOnOCR-2-1B", square, 16384, false, 16384, 16384 - 3025 - prompt, 0},
		{"more than there is", "lightonai/LightOnOCR-2-1B", a4, 16384, false, 100_000, 16384 - 39*55 - prompt, 0},
		{"larger than the edge", "lightonai/LightOnOCR-2-1B", pageOf(t, 2178, 3080), 16384, false, 100_000,
			16384 - 39*55 - prompt, 0},
		{"stated by the server", "lightonai/LightOnOCR-3-1B", a4, 8192, true, 0, 8192 - 39*55 - prompt, 0},
		{"learned from a refusal", "lightonai/LightOnOCR-3-1B", a4, 8192, false, 0, 8192 - 39*55 - prompt, 1},
		{"learned for an unknown family", "scans", a4, 2048 + 4096, false, 100_000, 6144 - 39*55 - prompt, 1},
		{"less than the page", "lightonai/LightOnOCR-2-1B", square, 3060, true, 0, 1, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := ocrtest.New(t, ocrtest.Models(test.model), ocrtest.MaxModelLen(test.context))
			c := newClient(t, s, func(cfg *ocr.Config) {
				cfg.Model, cfg.MaxTokens, cfg.MaxTries = test.model, test.maxTokens, 1
			})
			if test.healthy && !c.Healthy(patience(t)) {
				t.Fatal("not healthy")
			}
			for range 2 {
				r, err := c.ExtractText(patience(t), ocr.Bytes(test.page))
				if got := s.Last().MaxTokens; err != nil || got != test.want || len(r.Tries) != 1+test.refused {
					t.Errorf("asked for %d tokens in %d tries, %v, want %d", got, len(r.Tries), err, test.want)
				}
				test.refused = 0
			}
		})
	}
}

// A refusal that does not lead to a smaller answer is an ordinary one, and a server cannot make the client ask for less
// again and again.
func TestContextIsLearnedOnceACall(t *testing.T) {
	t.Parallel()
	said := func(size int) ocrtest.Reply {
		return ocrtest.Error(400, "BadRequestError", "",
			fmt.Sprintf("This model's maximum context length is %d tokens.", size))
	}
	for name, test := range map[string]struct {
		replies []ocrtest.Reply
		tries   int
	}{
		"as known":        {[]ocrtest.Reply{said(16384)}, 1},
		"more than known": {[]ocrtest.Reply{said(20000)}, 1},
		"nothing":         {[]ocrtest.Reply{said(0)}, 1},
		"ever less":       {[]ocrtest.Reply{said(9000), said(8000), said(7000)}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := ocrtest.New(t)
			s.Next(test.replies...)
			_, err := newClient(t, s).ExtractText(patience(t), ocr.Bytes(pngPage(t)))
			if e := failure(t, err); e.Kind != ocr.KindBadRequest || s.Counts().Requests != test.tries {
				t.Errorf("%d requests, want %d: %v", s.Counts().Requests, test.tries, err)
			}
		})
	}
}

// If an answer has filled the context, no further answer is requested: there is no more room.
func TestAnswerThatFillsTheContextIsTruncated(t *testing.T) {
	t.Parallel()
	s := ocrtest.New(t, ocrtest.MaxModelLen(8192), ocrtest.Models("lightonai/LightOnOCR-3-1B"))
	s.Default(ocrtest.Finish("length", cutText))
	c := newClient(t, s, func(cfg *ocr.Config) { cfg.Model = "lightonai/LightOnOCR-3-1B" })
	if !c.Healthy(patience(t)) {
		t.Fatal("not healthy")
	}
	r, err := c.ExtractText(patience(t), ocr.Bytes(pngPage(t)))
	if err != nil || len(r.Tries) != 1 || !slices.Equal(r.Warnings, []string{ocr.WarningTruncated}) {
		t.Errorf("%d tries, %v, %v", len(r.Tries), r.Warnings, err)
	}
}

// A context size learned from a refusal is kept if the list of models does not mention the context.
func TestLearnedContextStays(t *testing.T) {
	t.Parallel()
	s := ocrtest.New(t, ocrtest.Gateway(), ocrtest.MaxModelLen(8192), ocrtest.Models("lightonai/LightOnOCR-3-1B"))
	c := newClient(t, s, func(cfg *ocr.Config) { cfg.Model = "lightonai/LightOnOCR-3-1B" })
	for range 2 {
		if _, err := c.ExtractText(patience(t), ocr.Bytes(pngPage(t))); err != nil {
			t.Fatal(err)
		}
		if !c.Healthy(patience(t)) {
			t.Fatal("not healthy")
		}
	}
	if n := s.Counts().Requests; n != 3 {
		t.Errorf("%d requests for two pages, want one refused", n)
	}
}
