package ocr_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/bucketocr/bucketocr/ocr"
	"github.com/bucketocr/bucketocr/ocr/ocrtest"
)

// If the model's name does not show its family, Config.Profile decides: with or without a gateway, and even if the name
// is learned from the server.
func TestAliasIsReadAsItsProfileSays(t *testing.T) {
	t.Parallel()
	for name, options := range map[string][]ocrtest.Option{"alone": nil, "behind a gateway": {ocrtest.Gateway()}} {
		for _, model := range []string{"scans", ""} {
			t.Run(fmt.Sprintf("%s, asked for %q", name, model), func(t *testing.T) {
				t.Parallel()
				s := ocrtest.New(t, append(options, ocrtest.Models("scans"))...)
				s.Default(ocrtest.Text("![title](50,40,950,90) Heading\n![text](50,100,950,400) Body"))
				c := newClient(t, s, func(cfg *ocr.Config) {
					cfg.Model, cfg.Profile, cfg.Mode = model, "lightonocr-3-4b", ocr.ModeLayout
				})
				if p := c.Profile(); p.Name != "lightonocr-3-4b" || p.Edge != 2048 {
					t.Errorf("pages are sized for %+v", p)
				}
				r, err := c.ExtractText(patience(t), ocr.Bytes(pngPage(t)))
				if err != nil || len(r.Blocks) != 2 || r.Model != "scans" {
					t.Fatalf("%+v, %v", r, err)
				}
				last := s.Last()
				if last.Model != "scans" || *last.Temperature != 0.1 || *last.TopP != 1 || last.MaxTokens != 12288 ||
					last.Prompt != "grounding" ||
					string(last.Fields["chat_template_kwargs"]) != `{"enable_thinking":false}` {
					t.Errorf("sent %s", last.Body)
				}
				if p := c.Profile(); p.Name != "lightonocr-3-4b" {
					t.Errorf("pages are sized for %+v", p)
				}
			})
		}
	}
}

func TestUnknownFamilyDoesNotThinkAloud(t *testing.T) {
	t.Parallel()
	s := ocrtest.New(t, ocrtest.Models("scans"))
	c := newClient(t, s, func(cfg *ocr.Config) { cfg.Model = "scans" })
	if _, err := c.ExtractText(patience(t), ocr.Bytes(pngPage(t))); err != nil ||
		string(s.Last().Fields["chat_template_kwargs"]) != `{"enable_thinking":false}` {
		t.Errorf("sent %s, %v", s.Last().Body, err)
	}
}

// The real reason for an ending is found in whichever field holds it.
func TestLoopIsFoundBehindAGateway(t *testing.T) {
	t.Parallel()
	form := `{"choices":[{"message":{"content":"la la la"},"finish_reason":"stop"%s}]}`
	for name, test := range map[string]struct {
		reply    ocrtest.Reply
		ending   string
		warnings []string
	}{
		"LiteLLM": {ocrtest.Finish("repetition", "la la la"), "repetition", []string{"repetition", "truncated"}},
		"stop_reason": {ocrtest.Raw(200, "application/json",
			fmt.Sprintf(form, `,"stop_reason":"repetition_detected"`)), "repetition",
			[]string{"repetition", "truncated"}},
		"its stop_reason": {ocrtest.Raw(200, "application/json",
			fmt.Sprintf(form, `,"provider_specific_fields":{"stop_reason":"repetition_detected"}`)), "repetition",
			[]string{"repetition", "truncated"}},
		"its reason": {ocrtest.Raw(200, "application/json",
			fmt.Sprintf(form, `,"provider_specific_fields":{"native_finish_reason":"repetition"}`)), "repetition",
			[]string{"repetition", "truncated"}},
		"no reason but that": {ocrtest.Raw(200, "application/json",
			`{"choices":[{"message":{"content":"la"},"finish_reason":null,"stop_reason":"repetition_detected"}]}`),
			"repetition", []string{"repetition", "truncated"}},
		"cut": {ocrtest.Raw(200, "application/json",
			fmt.Sprintf(form, `,"provider_specific_fields":{"native_finish_reason":"length"}`)), "truncated",
			[]string{"truncated"}},
		"LiteLLM, complete": {ocrtest.Text("la la la"), "complete", nil},
		"complete in its words": {ocrtest.Raw(200, "application/json",
			fmt.Sprintf(form, `,"stop_reason":"</s>","provider_specific_fields":{"native_finish_reason":"end_turn"}`)),
			"complete", nil},
		"a number": {ocrtest.Raw(200, "application/json",
			fmt.Sprintf(form, `,"stop_reason":151645,"provider_specific_fields":{"stop_reason":7}`)), "complete", nil},
		"fields of other types": {ocrtest.Raw(200, "application/json",
			fmt.Sprintf(form, `,"stop_reason":{"a":1},"provider_specific_fields":"none"`)), "complete", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var options []ocrtest.Option
			if strings.HasPrefix(name, "LiteLLM") { // other answers are passed on unchanged
				options = []ocrtest.Option{ocrtest.Gateway()}
			}
			s := ocrtest.New(t, options...)
			s.Default(test.reply)
			r, err := newClient(t, s).ExtractText(patience(t), ocr.Bytes(pngPage(t)))
			if err != nil || r.Tries[0].Ending != test.ending || !slices.Equal(r.Warnings, test.warnings) {
				t.Errorf("%q with %v, %v, want %q with %v", summary(r.Tries), r.Warnings, err, test.ending,
					test.warnings)
			}
		})
	}
}

func TestAbortIsFoundBehindAGateway(t *testing.T) {
	t.Parallel()
	s := ocrtest.New(t, ocrtest.Gateway())
	s.Next(ocrtest.Finish("abort", "half a"), ocrtest.Text("half a page"))
	r, err := newClient(t, s).ExtractText(patience(t), ocr.Bytes(pngPage(t)))
	if want := "1 200 aborted read; 2 200 complete"; err != nil || summary(r.Tries) != want || r.Text != "half a page" {
		t.Errorf("%q: %s, %v, want %s", r.Text, summary(r.Tries), err, want)
	}
}

// A refusal has the same kind with and without a gateway.
func TestGatewayChangesNoKind(t *testing.T) {
	t.Parallel()
	longInput := "1 validation error:\n  {'type': 'missing', 'loc': 'body.messages', 'input': '" +
		strings.Repeat("iVBORw0KGgo/", 8000)
	for name, test := range map[string]struct {
		reply   ocrtest.Reply
		kind    ocr.Kind
		tries   int
		message string // its beginning
	}{
		"bad image": {ocrtest.Error(400, "BadRequestError", "",
			"Failed to load image: cannot identify image file"), ocr.KindBadImage, 1, "Failed to load image: cannot"},
		"processor": {ocrtest.Error(400, "BadRequestError", "",
			"Failed to apply PixtralProcessor on data={'text': '<|image_pad|>'}"), ocr.KindBadImage, 1,
			"Failed to apply"},
		"range": {ocrtest.Error(400, "BadRequestError", "temperature", "temperature must be in [0, 2]"),
			ocr.KindBadRequest, 1, "temperature must"},
		"validation": {ocrtest.Error(400, "Bad Request", "body.messages", longInput), ocr.KindBadRequest, 1,
			"1 validation error"},
		"not base64": {ocrtest.Error(501, "NotImplementedError", "",
			"Only base64 data URLs are supported for now."), ocr.KindBadRequest, 1, "Only base64"},
		"unknown path": {ocrtest.Detail(404, "Not Found"), ocr.KindWrongAddress, 1, "Not Found"},
		"llama-server's": {ocrtest.LlamaError(404, "not_found_error", "File Not Found"), ocr.KindWrongAddress, 1,
			"File Not Found"},
		"engine failed": {ocrtest.EngineFailed("EngineCore encountered an issue."), ocr.KindBackendFailed, 1,
			"EngineCore"},
		"too many pixels": {ocrtest.EngineFailed("Image size (182250000 pixels) exceeds limit"), ocr.KindBackendFailed,
			1, "Image size"},
		"lost": {ocrtest.Reset(), ocr.KindBackendFailed, 1,
			"litellm.InternalServerError: InternalServerError: Hosted_vllmException - Server disconnected"},
		"key of the other": {ocrtest.StringError(401, "Unauthorized"), ocr.KindUnauthenticated, 1, "Unauthorized"},
		"busy":             {ocrtest.Platform(429), ocr.KindOverloaded, 4, "litellm.RateLimitError"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := ocrtest.New(t, ocrtest.Gateway())
			s.Default(test.reply)
			_, err := newClient(t, s).ExtractText(patience(t), ocr.Bytes(pngPage(t)))
			e := failure(t, err)
			if e.Kind != test.kind || s.Counts().Requests != test.tries ||
				!strings.HasPrefix(e.Message, test.message) || strings.Contains(e.Message, "iVBORw0KGgo/") {
				t.Errorf("%d requests, %v, want %s in %d", s.Counts().Requests, err, test.kind, test.tries)
			}
			if strings.Contains(e.Message, "model group") {
				t.Errorf("the gateway's sentence is in %q", e.Message)
			}
		})
	}
}

func TestModelOfAGatewayIsAdopted(t *testing.T) {
	t.Parallel()
	s := ocrtest.New(t, ocrtest.Gateway(), ocrtest.Models("scans"))
	r, err := newClient(t, s, func(cfg *ocr.Config) { cfg.MaxTries = 1 }).ExtractText(patience(t),
		ocr.Bytes(pngPage(t)))
	if want := "1 400 wrong_model read; 2 200 complete"; err != nil || summary(r.Tries) != want ||
		s.Last().Model != "scans" {
		t.Errorf("%s, %v, want %s", summary(r.Tries), err, want)
	}
	s = ocrtest.New(t, ocrtest.Gateway(), ocrtest.Models("a", "b"))
	_, err = newClient(t, s).ExtractText(patience(t), ocr.Bytes(pngPage(t)))
	if e := failure(t, err); e.Kind != ocr.KindWrongModel || !strings.Contains(e.Message, `it has ["a" "b"]`) {
		t.Errorf("%v", err)
	}
}

// A gateway may list a model that the server behind it does not have. The server's refusal then tells what is wrong.
func TestModelMissingBehindAGatewayIsNamed(t *testing.T) {
	t.Parallel()
	s := ocrtest.New(t)
	inner := `litellm.NotFoundError: NotFoundError: Hosted_vllmException - {"error":{"message":"The model ` + "`x/y`" +
		` does not exist.","type":"NotFoundError","param":"model","code":404}}` +
		"\n\nLiteLLM: model group 'ocr' failed with the error above."
	s.Default(ocrtest.StringCode(404, "invalid_request_error", "404", inner))
	_, err := newClient(t, s).ExtractText(patience(t), ocr.Bytes(pngPage(t)))
	if e := failure(t, err); e.Kind != ocr.KindWrongModel || e.Message != "The model `x/y` does not exist." ||
		s.Counts().Requests != 1 {
		t.Errorf("%v", err)
	}
}

// If the gateway cannot reach its server, the service is unavailable, whatever the status: pages wait, and none is
// blamed.
func TestServerDownBehindAGatewayIsUnavailable(t *testing.T) {
	t.Parallel()
	s := ocrtest.New(t, ocrtest.Gateway())
	s.Down()
	c := newClient(t, s)
	_, err := c.ExtractText(patience(t), ocr.Bytes(pngPage(t)))
	if e := failure(t, err); e.Kind != ocr.KindUnavailable || e.Platform || len(e.Tries) != 4 {
		t.Errorf("%d tries, %v", len(e.Tries), err)
	}
	s.Up()
	if _, err := c.ExtractText(patience(t), ocr.Bytes(pngPage(t))); err != nil {
		t.Error(err)
	}
}

func TestGatewaysOwnAnswersHaveTheirKinds(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		reply ocrtest.Reply
		kind  ocr.Kind
	}{
		"httpx": {ocrtest.StringCode(500, "internal_server_error", "500",
			"litellm.InternalServerError: InternalServerError: OpenAIException - All connection attempts failed"),
			ocr.KindUnavailable},
		"aiohttp": {ocrtest.Error(500, "proxy_error", "", "[Errno 111] Connect call failed ('10.0.0.7', 8000)"),
			ocr.KindUnavailable},
		"another's": {ocrtest.Error(500, "proxy_error", "", "dial tcp 10.0.0.7:8000: connect: connection refused"),
			ocr.KindUnavailable},
		"unknown key": {ocrtest.StringCode(400, "no_db_connection", "400", "No connected db."),
			ocr.KindUnauthenticated},
		"its time-out": {ocrtest.StringCode(408, "timeout_error", "408",
			"litellm.Timeout: APITimeoutError - Request timed out."), ocr.KindTimeout},
		"its 404": {ocrtest.Detail(404, "Not Found"), ocr.KindWrongAddress},
		"its 405": {ocrtest.Detail(405, "Method Not Allowed"), ocr.KindWrongAddress},
		"model as path": {ocrtest.StringCode(400, "invalid_request_error", "400",
			"/chat/completions: Invalid model name passed in model=x. Call `/v1/models`"), ocr.KindWrongModel},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := ocrtest.New(t, ocrtest.Models(ocrtest.DefaultModel, "other"))
			s.Default(test.reply)
			_, err := newClient(t, s, func(cfg *ocr.Config) { cfg.MaxTries = 1 }).ExtractText(patience(t),
				ocr.Bytes(pngPage(t)))
			if e := failure(t, err); e.Kind != test.kind || s.Counts().Requests != 1 {
				t.Errorf("%d requests, %v, want %s", s.Counts().Requests, err, test.kind)
			}
		})
	}
}

func TestCodeOfAnyTypeIsRead(t *testing.T) {
	t.Parallel()
	for _, code := range []any{400, "400", nil, 400.5, true, []int{4}, map[string]int{"status": 400}} {
		encoded, err := json.Marshal(code)
		if err != nil {
			t.Fatal(err)
		}
		_, _, err = readWith(t,
			ocrtest.Raw(400, "application/json",
				`{"error":{"message":"Failed to load image: x","type":"t","param":null,"code":`+string(encoded)+`}}`))
		if e := failure(t, err); e.Kind != ocr.KindBadImage || e.Message != "Failed to load image: x" {
			t.Errorf("code %s: %v", encoded, err)
		}
	}
}

// TestDialect: the kind of server is recognised by its answer.
func TestDialect(t *testing.T) {
	t.Parallel()
	reply := ocrtest.Text("text")
	copied := ocrtest.Raw(200, "application/json", `{"model":"m","choices":[{"message":{"content":"text"},"finish_reason":"stop","stop_reason":null}],"usage":null,
		"system_fingerprint":"tesseract-5","prompt_logprobs":null}`)
	older := ocrtest.Raw(200, "application/json", `{"model":"m","choices":[{"message":{"content":"text"},"finish_reason":"stop","stop_reason":null}],"usage":null,
		"system_fingerprint":null,"prompt_logprobs":null}`)
	passed := ocrtest.Raw(200, "application/json", `{"model":"m","choices":[{"message":{"content":"text"},"finish_reason":"stop","provider_specific_fields":{}}],"usage":null,
		"timings":{"predicted_n":1}}`)
	for name, test := range map[string]struct {
		options []ocrtest.Option
		reply   ocrtest.Reply
		want    string
	}{
		"vLLM":               {nil, reply, ocr.DialectVLLM},
		"a vLLM unnamed":     {nil, older, ocr.DialectVLLM},
		"llama-server":       {[]ocrtest.Option{ocrtest.Llama()}, reply, ocr.DialectLlama},
		"LiteLLM":            {[]ocrtest.Option{ocrtest.Gateway()}, reply, ocr.DialectGateway},
		"LiteLLM, of llama":  {nil, passed, ocr.DialectGateway},
		"a copy of vLLM":     {nil, copied, ocr.DialectOther},
		"the least of it":    {nil, ocrtest.OldText("text"), ocr.DialectOther},
		"LiteLLM, of little": {[]ocrtest.Option{ocrtest.Gateway()}, ocrtest.OldText("text"), ocr.DialectGateway},
	} {
		s := ocrtest.New(t, test.options...)
		s.Default(test.reply)
		r, err := newClient(t, s).ExtractText(patience(t), ocr.Bytes(pngPage(t)))
		if err != nil || r.Dialect != test.want || r.Text != "text" {
			t.Errorf("%s: %q, not %q; %q, %v", name, r.Dialect, test.want, r.Text, err)
		}
	}
}
