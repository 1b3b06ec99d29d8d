package ocr_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bucketocr/bucketocr/ocr"
	"github.com/bucketocr/bucketocr/ocr/ocrtest"
)

const invalid = "1 validation error:\n  {'type': 'missing', 'loc': ('body', 'messages'), 'msg': 'Field required', 'input': {}}"

// statusCases are the failures that a server and its platform can answer with, and the expected kind and number of
// requests.
var statusCases = []struct {
	name  string
	reply ocrtest.Reply
	kind  ocr.Kind
	tries int
}{
	// vLLM
	{"wrong Content-Type",
		ocrtest.Error(400, "Bad Request", "",
			"1 validation error:\n  {'msg': \"Unsupported Media Type: Only 'application/json' is allowed\"}"),
		ocr.KindBadRequest, 1},
	{"not JSON", ocrtest.Error(400, "Bad Request", "body.17",
		"1 validation error:\n  {'type': 'json_invalid', 'loc': ('body', 17)}"), ocr.KindBadRequest, 1},
	{"messages missing", ocrtest.Error(400, "Bad Request", "body.messages", invalid), ocr.KindBadRequest, 1},
	{"value out of range",
		ocrtest.Error(400, "BadRequestError", "temperature",
			"temperature must be in [0, 2], got 3.0. (parameter=temperature, value=3.0)"), ocr.KindBadRequest, 1},
	{"five stops", ocrtest.Error(400, "Bad Request", "body.stop", invalid), ocr.KindBadRequest, 1},
	{"stream_options", ocrtest.Error(400, "BadRequestError", "stream_options",
		"Stream options can only be defined when `stream=True`."), ocr.KindBadRequest, 1},
	{"bad base64", ocrtest.Error(400, "BadRequestError", "", "Incorrect padding"), ocr.KindBadRequest, 1},
	{"image_url as string", ocrtest.Error(400, "Bad Request", "body.messages", invalid), ocr.KindBadRequest, 1},
	{"undecodable image",
		ocrtest.Error(400, "BadRequestError", "",
			"Failed to load image: cannot identify image file <_io.BytesIO object>"), ocr.KindBadImage, 1},
	{"over VLLM_MAX_IMAGE_PIXELS", ocrtest.Error(400, "BadRequestError", "",
		"Image dimensions 9000x6000 (54000000 pixels) exceed the maximum of 50000000 pixels. Set VLLM_MAX_IMAGE_PIXELS "+
			"to increase this limit."), ocr.KindTooLarge, 1},
	{"picture longer than the context", ocrtest.Error(400, "BadRequestError", "",
		"The decoder prompt (length 4108) is longer than the maximum model length of 4096. Make sure that it is no "+
			"longer than the maximum."), ocr.KindTooLarge, 1},
	{"processor refuses",
		ocrtest.Error(400, "BadRequestError", "", "Failed to apply LightOnOCRProcessor on data={'text': '…'}"),
		ocr.KindBadImage, 1},
	{"two images", ocrtest.Error(400, "BadRequestError", "image", "At most 1 image(s) may be provided in one prompt."),
		ocr.KindBadRequest, 1},
	// the second request asks for fewer tokens
	{"too many tokens", ocrtest.Error(400, "BadRequestError", "input_tokens",
		"This model's maximum context length is 4096 tokens."), ocr.KindBadRequest, 2},
	{"chat_template", ocrtest.Error(400, "BadRequestError", "", "Chat template is passed with request"),
		ocr.KindBadRequest, 1},
	{"wrong key", ocrtest.StringError(401, "Unauthorized"), ocr.KindUnauthenticated, 1},
	{"unknown model", ocrtest.Error(404, "NotFoundError", "model", "The model `x` does not exist."), ocr.KindWrongModel,
		1},
	{"unknown path", ocrtest.Detail(404, "Not Found"), ocr.KindWrongAddress, 1},
	{"unknown path with the word model", ocrtest.Detail(404, "No model here"), ocr.KindWrongAddress, 1},
	{"wrong method", ocrtest.Detail(405, "Method Not Allowed"), ocr.KindWrongAddress, 1},
	{"image at a URL", ocrtest.Error(422, "UnprocessableEntityError", "image_url", "404, message='Not Found'"),
		ocr.KindBadRequest, 1},
	{
		"too many pixels", ocrtest.EngineFailed(
			"Image size (200000000 pixels) exceeds limit of 178956970 pixels, could be decompression bomb DOS attack."),
		ocr.KindBackendFailed, 1},
	{"engine failed, no message", ocrtest.EngineFailed(""), ocr.KindBackendFailed, 1},
	{"generation error", ocrtest.EngineFailed("Internal server error"), ocr.KindBackendFailed, 1},
	{"engine dead", ocrtest.EngineFailed("EngineCore encountered an issue."), ocr.KindBackendFailed, 1},
	{"no chat", ocrtest.LlamaError(501, "not_supported_error",
		"This server does not support completions. Start it without `--embeddings`"), ocr.KindBadRequest, 1},
	{"another server", ocrtest.Raw(501, "text/html;charset=utf-8", "<p>Message: Unsupported method ('POST').</p>"),
		ocr.KindWrongAddress, 1},
	{"the model cannot be loaded", ocrtest.Error(400, "invalid_request_error", "model",
		`Failed to load model "lightonocr-2-1b". Error: out of memory`), ocr.KindBadRequest, 1},
	{"scaling", ocrtest.Scaling(), ocr.KindOverloaded, 4},
	{"unhandled exception", ocrtest.Raw(500, "text/plain; charset=utf-8", "Internal Server Error"),
		ocr.KindBackendFailed, 1},
	// Cloud Run
	{"platform 401 without a token function", ocrtest.Platform(401), ocr.KindUnauthenticated, 1},
	{"platform 403", ocrtest.Platform(403), ocr.KindForbidden, 1},
	{"platform 404", ocrtest.Platform(404), ocr.KindWrongAddress, 1},
	{"platform 413", ocrtest.Platform(413), ocr.KindTooLarge, 1},
	{"platform 429", ocrtest.Platform(429), ocr.KindOverloaded, 4},
	{"platform 500, no instance", ocrtest.Platform(500), ocr.KindUnavailable, 4},
	{"platform 500, not started", ocrtest.PlatformText(500, ocrtest.NotStarted), ocr.KindUnavailable, 4},
	{"platform 502", ocrtest.Platform(502), ocr.KindUnavailable, 4},
	{"platform 503, container died", ocrtest.Platform(503), ocr.KindLost, 1},
	{"platform 503, at its limit", ocrtest.PlatformText(503, "The maximum container instance limit was reached."),
		ocr.KindOverloaded, 4},
	{"platform 504", ocrtest.Platform(504), ocr.KindTimeout, 1},
	{"redirect to a login page", ocrtest.Redirect(302, "/login"), ocr.KindWrongAddress, 1},
	{"redirect that keeps the method", ocrtest.Redirect(307, "/v1/chat/completions/"), ocr.KindWrongAddress, 1},
	// the same in other forms
	{"flat 400", ocrtest.FlatError(400, "BadRequestError", "Failed to load image: x"), ocr.KindBadImage, 1},
	{"flat 404", ocrtest.FlatError(404, "NotFoundError", "The model `x` does not exist."), ocr.KindWrongModel, 1},
	{"flat 500", ocrtest.FlatError(500, "InternalServerError", "x"), ocr.KindBackendFailed, 1},
	{"string code 404", ocrtest.StringCode(404, "invalid_request_error", "model_not_found", "no such thing"),
		ocr.KindWrongModel, 1},
	{"string code 400", ocrtest.StringCode(400, "invalid_request_error", "json_parse_error", "x"), ocr.KindBadRequest,
		1},
	{"null code 404", ocrtest.NullCode(404, "not_found_error", `model "x" not found, try pulling it first`),
		ocr.KindWrongModel, 1},
	{"Ollama busy", ocrtest.NullCode(503, "api_error",
		"server busy, please try again. maximum pending requests exceeded"), ocr.KindOverloaded, 4},
	{"llama-server 500", ocrtest.LlamaError(500, "server_error", "image input is not supported"), ocr.KindBackendFailed,
		1},
	{"llama-server loading", ocrtest.LlamaError(503, "unavailable_error", "Loading model"), ocr.KindOverloaded, 4},
	{"llama-server unknown path", ocrtest.LlamaError(404, "not_found_error", "File Not Found"), ocr.KindWrongAddress,
		1},
	{"empty 500", ocrtest.Empty(500), ocr.KindUnavailable, 4},
	{"empty 503", ocrtest.Empty(503), ocr.KindOverloaded, 4},
	{"408 of a proxy", ocrtest.HTML(408, "<h1>Request Timeout</h1>"), ocr.KindUnavailable, 4},
	{"409", ocrtest.HTML(409, "x"), ocr.KindBadRequest, 1},
	{"524 of a proxy", ocrtest.HTML(524, "A timeout occurred"), ocr.KindTimeout, 1},
	{"520 of a proxy, at once", ocrtest.HTML(520, "x"), ocr.KindUnavailable, 4},
	{"521 of a proxy", ocrtest.HTML(521, "x"), ocr.KindUnavailable, 4},
	{"204", ocrtest.Empty(204), ocr.KindBadResponse, 1},
	// connections
	{"reset after the request", ocrtest.Reset(), ocr.KindLost, 1},
	{"reset before the request was read", ocrtest.ResetEarly(), ocr.KindLost, 1},
	{"answer cut off", ocrtest.Cut("a page"), ocr.KindLost, 1},
	// responses with status 200 that are failures
	{"abort", ocrtest.Finish("abort", "half a"), ocr.KindAborted, 2},
	{"tool calls", ocrtest.Finish("tool_calls", ""), ocr.KindBadResponse, 1},
	{"future reason", ocrtest.Finish("tired", "a page"), ocr.KindBadResponse, 1},
	{"no reason", ocrtest.FinishNull("a page"), ocr.KindBadResponse, 1},
	{"no choices", ocrtest.NoChoices(), ocr.KindBadResponse, 1},
	{"no message", ocrtest.Raw(200, "application/json", `{"choices":[{"finish_reason":"stop"}]}`), ocr.KindBadResponse,
		1},
	{"error in a 200", ocrtest.Raw(200, "application/json", `{"error":{"message":"sorry","code":null}}`),
		ocr.KindBadResponse, 1},
	{"content of another type",
		ocrtest.Raw(200, "application/json", `{"choices":[{"message":{"content":7},"finish_reason":"stop"}]}`),
		ocr.KindBadResponse, 1},
	{"null", ocrtest.Raw(200, "application/json", `null`), ocr.KindBadResponse, 1},
	{"HTML with 200", ocrtest.HTML(200, "<html>Sign in</html>"), ocr.KindBadResponse, 1},
	{"empty 200", ocrtest.Empty(200), ocr.KindBadResponse, 1},
	{"JSON cut, length right", ocrtest.Raw(200, "application/json", `{"choices":[{"message":{"content":"ab`),
		ocr.KindBadResponse, 1},
}

func TestEveryAnswerHasItsKind(t *testing.T) {
	t.Parallel()
	page := ocr.Bytes(pngPage(t))
	for _, test := range statusCases {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := ocrtest.New(t, ocrtest.Models(ocrtest.DefaultModel, "other"))
			s.Default(test.reply)
			_, err := newClient(t, s).ExtractText(patience(t), page)
			if e := failure(t, err); e.Kind != test.kind {
				t.Errorf("kind is %s, want %s: %v", e.Kind, test.kind, err)
			} else if strings.ContainsAny(e.Message, "\n\r\t") || strings.Contains(e.Message, "<h") ||
				strings.Contains(e.Message, "</") {
				t.Errorf("message is not clean: %q", e.Message)
			}
			if got := s.Counts().Requests; got != test.tries {
				t.Errorf("%d requests, want %d", got, test.tries)
			}
		})
	}
}

// TestUnreadableAnswerIsNotRepeated: an answer that cannot be decoded may hold the page's text, which no error may.
func TestUnreadableAnswerIsNotRepeated(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		`{"choices":[{"message":{"content":"# Patient Anna`,
		`{"choices":[{"message":{"content":[{"type":"text","text":"# Patient Anna"}]},"finish_reason":"stop"}]}`,
		`{"choices":[{"message":{"content":"# Patient Anna"},"finish_reason":"stop"}]}}`,
		`data: {"choices":[{"delta":{"content":"# Patient Anna"}}]}`, "# Patient Anna",
	} {
		_, _, err := readWith(t, ocrtest.Raw(200, "application/json", body))
		e := failure(t, err)
		if e.Kind != ocr.KindBadResponse || strings.Contains(err.Error(), "Anna") ||
			!strings.Contains(err.Error(), fmt.Sprint(len(body), " bytes")) {
			t.Errorf("%s: %v", body, err)
		}
	}
	_, _, err := readWith(t, ocrtest.HTML(200, "<html><h1>Sign in</h1></html>"))
	if e := failure(t, err); !strings.Contains(e.Message, "Sign in") {
		t.Errorf("what a proxy answers is not said: %v", err)
	}
}

func TestStatusAndMessageAreKept(t *testing.T) {
	t.Parallel()
	s := ocrtest.New(t)
	s.Default(ocrtest.Error(400, "BadRequestError", "", "Failed to load image: it is\nbroken"))
	_, err := newClient(t, s).ExtractText(patience(t), ocr.Bytes(pngPage(t)))
	e := failure(t, err)
	if e.Status != http.StatusBadRequest || e.Phase != ocr.PhaseRead ||
		e.Message != "Failed to load image: it is broken" {
		t.Errorf("error is %+v", e)
	}
}

func TestMessageIsFoundInEveryShapeOfError(t *testing.T) {
	t.Parallel()
	for _, reply := range []ocrtest.Reply{
		ocrtest.StringCode(400, "invalid_request_error", "bad", "the words that matter"),
		ocrtest.NullCode(400, "x", "the words that matter"),
		ocrtest.StringError(400, "the words that matter"), ocrtest.FlatError(400, "x", "the words that matter"),
	} {
		if _, _, err := readWith(t, reply); failure(t, err).Message != "the words that matter" {
			t.Errorf("%v", err)
		}
	}
}

func TestEchoedImageIsNotRepeated(t *testing.T) {
	t.Parallel()
	s := ocrtest.New(t, ocrtest.AnyImage())
	s.Default(ocrtest.Echo())
	_, err := newClient(t, s).ExtractText(patience(t), ocr.Bytes(bigPage(1<<20)))
	e := failure(t, err)
	if e.Kind != ocr.KindBadRequest || len(err.Error()) > 400 || strings.Contains(err.Error(), s.Last().URL[30:100]) {
		t.Errorf("%.1000s", err)
	}
}

// The client must stop reading answers, refusals and lists of models that do not end.
func TestAnswersWithoutEndAreGivenUp(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]struct {
		kind ocr.Kind
		most int64
	}{200: {ocr.KindBadResponse, 9 << 20}, 400: {ocr.KindBadRequest, 128 << 10},
		503: {ocr.KindOverloaded, 4 * 128 << 10}} {
		var read atomic.Int64
		c := newClientOver(t, endless(status, &read))
		_, err := c.ExtractText(t.Context(), ocr.Bytes(pngPage(t)))
		if e := failure(t, err); e.Kind != want.kind || len(err.Error()) > 500 || read.Load() > want.most {
			t.Errorf("%d: %d bytes were read, %.300s", status, read.Load(), err)
		}
		if read.Store(0); c.Healthy(t.Context()) || read.Load() > 2<<20 {
			t.Errorf("%d: %d bytes of a list were read", status, read.Load())
		}
	}
	many := make([]string, 3000)
	for i := range many {
		many[i] = fmt.Sprint("name-", i)
	}
	s := ocrtest.New(t, ocrtest.Models(many...))
	_, err := newClient(t, s).ExtractText(patience(t), ocr.Bytes(pngPage(t)))
	if e := failure(t, err); e.Kind != ocr.KindWrongModel || len(err.Error()) > 1000 {
		t.Errorf("%.1200s", err)
	}
}

// endless returns a server whose answers do not end. It stops after 40 MB, so that a failing test ends.
func endless(status int, read *atomic.Int64) http.RoundTripper {
	begin := `{"error":"`
	return roundTrip(func(r *http.Request) (*http.Response, error) {
		resp, err := answering(status, "").RoundTrip(r)
		blanks := io.LimitReader(readerFunc(func(p []byte) (int, error) {
			read.Add(int64(len(p)))
			return copy(p, bytes.Repeat([]byte(" "), len(p))), nil
		}), 40<<20)
		resp.Body = io.NopCloser(io.MultiReader(strings.NewReader(begin), blanks))
		return resp, err
	})
}

func TestRedirectGetsNoToken(t *testing.T) {
	t.Parallel()
	var visits atomic.Int32
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { visits.Add(1) }))
	defer elsewhere.Close()
	for _, status := range []int{301, 302, 303, 307, 308} {
		s := ocrtest.New(t)
		s.Default(ocrtest.Redirect(status, elsewhere.URL))
		c := newClient(t, s, func(cfg *ocr.Config) { cfg.Token = fixed("secret-token") })
		_, err := c.ExtractText(patience(t), ocr.Bytes(pngPage(t)))
		if e := failure(t, err); e.Kind != ocr.KindWrongAddress || e.Status != status || visits.Load() != 0 {
			t.Errorf("%d: %v, %d visits elsewhere", status, err, visits.Load())
		}
	}
}

func TestRedirectIsNotFollowed(t *testing.T) {
	t.Parallel()
	if s, _, err := readWith(t, ocrtest.Redirect(307, "/v1/models")); failure(t, err).Kind != ocr.KindWrongAddress ||
		s.Counts().Models != 0 {
		t.Errorf("%v", err)
	}
}

func TestErrorsHoldNoSecrets(t *testing.T) {
	t.Parallel()
	page := pngPage(t)
	token := ocrtest.Token("aud", time.Now().Add(time.Hour))
	said := "you sent " + token + " and key-1234 and "
	for _, reply := range []ocrtest.Reply{
		ocrtest.Echo(),
		ocrtest.Error(400, "BadRequestError", "", said),
		ocrtest.StringError(401, said),
		ocrtest.HTML(500, "<p>"+said+"</p>"),
		ocrtest.HTML(200, "<p>"+said+"</p>"),
		ocrtest.Raw(200, "application/json", `{"error":"`+said+`"}`),
	} {
		s := ocrtest.New(t)
		s.Default(reply)
		c := newClient(t, s, func(cfg *ocr.Config) { cfg.Token, cfg.APIKey = fixed(token), "key-1234" })
		_, err := c.ExtractText(patience(t), ocr.Bytes(page))
		image := s.Last().URL[30:80]
		for _, secret := range []string{token, token[40:100], "key-1234", image} {
			if text := err.Error(); strings.Contains(text, secret) || len(text) > 500 {
				t.Errorf("%d characters of error hold a secret: %s", len(text), text)
			}
		}
	}
}

// reasoned is an answer of llama-server that has reasoning beside the text.
func reasoned(end, text, thoughts string) ocrtest.Reply {
	message := fmt.Sprintf(`{"role":"assistant","content":%q,"reasoning_content":%q}`, text, thoughts)
	return ocrtest.Raw(http.StatusOK, "application/json",
		`{"model":"lightonocr","choices":[{"index":0,"finish_reason":"`+end+`","message":`+message+
			`}],"usage":{"prompt_tokens":9,"completion_tokens":9}}`)
}

func TestThoughtsAreNoText(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		reply    ocrtest.Reply
		text     string
		warnings []string
	}{
		"before the text": {ocrtest.Text("<think>\nLet me look closely.\n</think>\n\n# Page"), "# Page", nil},
		"none, but said": {ocrtest.Text("<think>\n\n</think>\n\n# Page\n\nA <think> tag"), "# Page\n\nA <think> tag",
			nil},
		"without an end": {ocrtest.FinishAt("length", "<think>\nLet me look", 9), "", []string{"truncated"}},
		"on the page":    {ocrtest.Text("# The <think> tag"), "# The <think> tag", nil},
		// Answers of llama-server for a model whose template can begin with reasoning:
		"nothing but":          {reasoned("stop", "", "# Page"), "# Page", nil},
		"nothing but, cut off": {reasoned("length", "", "Let me look"), "", []string{"truncated"}},
		"beside the text":      {reasoned("stop", "# Page", "Let me look"), "# Page", nil},
	} {
		_, r, err := readWith(t, test.reply)
		if err != nil || r.Text != test.text || r.Blank || !slices.Equal(r.Warnings, test.warnings) {
			t.Errorf("%s: %q, blank %v, %v, %v", name, r.Text, r.Blank, r.Warnings, err)
		}
	}
}
