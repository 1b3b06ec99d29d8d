package ocrtest_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/bucketocr/bucketocr/ocr/ocrtest"
)

// A full answer has every field that vLLM sends, including those that are null.
func TestFullAnswer(t *testing.T) {
	s := ocrtest.New(t)
	s.Default(ocrtest.Text("# Delivery note \"4711\"\n"))
	resp, body := send(t, s, request(t, page(t, 1654, 2339), nil))
	var fields map[string]any
	if err := json.Unmarshal([]byte(body), &fields); err != nil || resp.StatusCode != 200 ||
		resp.Header.Get("Content-Type") != "application/json" || resp.Header.Get("Server") != "uvicorn" {
		t.Fatalf("%d %v %s", resp.StatusCode, err, body)
	}
	for _, name := range []string{"id", "object", "created", "model", "choices", "service_tier", "system_fingerprint",
		"usage", "prompt_logprobs", "prompt_token_ids", "prompt_text", "kv_transfer_params", "ec_transfer_params",
		"metrics"} {
		if _, ok := fields[name]; !ok {
			t.Errorf("%s is missing", name)
		}
	}
	choice := fields["choices"].([]any)[0].(map[string]any)
	if message := choice["message"].(map[string]any); message["content"] != "# Delivery note \"4711\"\n" ||
		message["role"] != "assistant" || choice["finish_reason"] != "stop" || choice["stop_reason"] != nil {
		t.Errorf("choice %v", choice)
	}
	if usage := fields["usage"].(map[string]any); usage["prompt_tokens"] != 2156.0 ||
		usage["total_tokens"].(float64) != 2156+usage["completion_tokens"].(float64) {
		t.Errorf("usage %v", usage)
	}
}

func TestImageTokens(t *testing.T) {
	s := ocrtest.New(t)
	for _, test := range []struct{ width, height, want int }{{1, 1, 1}, {100, 100, 16}, {600, 800, 638},
		{1654, 2339, 2145}, {1700, 2200, 2365}, {1540, 1540, 3025}, {2000, 2000, 3025}} {
		send(t, s, request(t, page(t, test.width, test.height), nil))
		if got := s.Last().PromptTokens; got != test.want+11 {
			t.Errorf("%d×%d: %d tokens, want %d", test.width, test.height, got, test.want+11)
		}
	}
}

// Every reply, as the client sees it.
func TestReplies(t *testing.T) {
	tests := []struct {
		name   string
		reply  ocrtest.Reply
		status int
		words  string
	}{
		{"old", ocrtest.OldText("x"), 200, `"content":"x"},"finish_reason":"stop"`},
		{"blank", ocrtest.Blank(), 200, `"content":"","refusal"`},
		{"blank null", ocrtest.BlankNull(), 200, `"content":null`},
		{"length, silently lowered", ocrtest.Finish("length", "x"), 200, `"completion_tokens":989,`},
		{"repetition", ocrtest.Finish("repetition", "x"), 200,
			`"finish_reason":"repetition","stop_reason":"repetition_detected"`},
		{"abort", ocrtest.Finish("abort", "x"), 200, `"finish_reason":"abort"`},
		{"null", ocrtest.FinishNull("x"), 200, `"finish_reason":null`},
		{"number of tokens", ocrtest.FinishAt("length", "x", 7), 200, `"completion_tokens":7,`},
		{"no choices", ocrtest.NoChoices(), 200, `"choices":[]`},
		{"html", ocrtest.HTML(200, "<p>x"), 200, "<p>x"},
		{"echo", ocrtest.Echo(), 400, "1 validation error"},
		{"engine failed", ocrtest.EngineFailed(""), 500,
			`{"error":{"message":"","type":"InternalServerError","param":null,"code":500}}`},
		{"scaling", ocrtest.Scaling(), 503, `{"error":"The model is currently scaling`},
		{"flat", ocrtest.FlatError(400, "T", "m"), 400,
			`{"object":"error","message":"m","type":"T","param":null,"code":400}`},
		{"string code", ocrtest.StringCode(404, "T", "model_not_found", "m"), 404, `"code":"model_not_found"`},
		{"null code", ocrtest.NullCode(404, "T", "m"), 404, `"code":null`},
		{"llama-server", ocrtest.LlamaError(503, "unavailable_error", "m"), 503,
			`{"error":{"code":503,"message":"m","type":"unavailable_error"}}`},
		{"redirect", ocrtest.Redirect(302, "/login"), 302, "Moved"},
		{"by image", ocrtest.TextOf(func(image []byte) string { return fmt.Sprint(len(image) > 10) }), 200,
			`"content":"true"`},
		{"custom", ocrtest.Custom(true, func(w http.ResponseWriter, r *ocrtest.Request) { fmt.Fprint(w, r.Width) }),
			200, "60"},
		{"header", ocrtest.With("Retry-After", "7", ocrtest.Platform(503)), 503, "Error: 503"},
		{"empty", ocrtest.Empty(500), 500, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := ocrtest.New(t, ocrtest.MaxModelLen(1009))
			s.Default(test.reply)
			resp, body := send(t, s, request(t, page(t, 60, 80), map[string]any{"max_tokens": 1008}))
			if test.name == "length, silently lowered" {
				test.words = fmt.Sprintf(`"completion_tokens":%d,`, 1009-s.Last().PromptTokens)
			}
			if resp.StatusCode != test.status || !strings.Contains(body, test.words) {
				t.Errorf("%d %s", resp.StatusCode, body)
			}
			if test.name == "header" && resp.Header.Get("Retry-After") != "7" {
				t.Errorf("headers %v", resp.Header)
			}
			if test.name == "echo" && strings.Count(body, dataURI(page(t, 60, 80))) != 2 {
				t.Error("the image is not repeated twice")
			}
		})
	}
}

// TestShapesOfOtherServers: replies that package internal/servers does not compare with a real server's are compared
// here with their exact text.
func TestShapesOfOtherServers(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		reply ocrtest.Reply
		body  string
	}{
		"an old vLLM": {ocrtest.OldText("four more"),
			`{"id":"chatcmpl-1","object":"chat.completion","created":1795430400,"model":"lightonai/LightOnOCR-2-1B",` +
				`"choices":[{"index":0,"message":{"role":"assistant","content":"four more"},"finish_reason":"stop"}],"usage":{"prompt_tokens":20,"completion_tokens":3,"total_tokens":23}}`},
		"no choices": {ocrtest.NoChoices(),
			`{"id":"chatcmpl-1","object":"chat.completion","created":1795430400,"model":"lightonai/LightOnOCR-2-1B","choices":[],"usage":null}`},
		"FastAPI's checks": {ocrtest.Invalid(false, "stop"),
			`{"detail":[{"type":"extra_forbidden","loc":["body","stop"],"msg":"Extra inputs are not permitted",` +
				`"input":{"max_tokens":1,"repetition_detection":{},"chat_template_kwargs":{}}}]}`},
		"a strict vLLM": {ocrtest.Invalid(true, "stop"),
			`{"error":{"message":"1 validation error:\n  {'type': 'extra_forbidden', 'loc': 'body.stop', 'msg': 'Extra inputs are not permitted', ` +
				`'input': {'max_tokens': 1, 'repetition_detection': {}, 'chat_template_kwargs': {}}}","type":"Bad Request","param":"body.stop","code":400}}`},
		"a key check": {ocrtest.StringError(401, "Unauthorized"), `{"error":"Unauthorized"}`},
		"SGLang": {ocrtest.FlatError(400, "T", "m"),
			`{"object":"error","message":"m","type":"T","param":null,"code":400}`},
		"vLLM's Rust front": {ocrtest.StringCode(404, "T", "model_not_found", "m"),
			`{"error":{"message":"m","type":"T","param":null,"code":"model_not_found"}}`},
		"Ollama": {ocrtest.NullCode(404, "T", "m"),
			`{"error":{"message":"m","type":"T","param":null,"code":null}}`},
		"Cloud Run, busy": {ocrtest.Platform(429), `Rate exceeded.`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := ocrtest.New(t)
			s.Default(test.reply)
			if _, body := send(t, s, request(t, page(t, 60, 80), nil)); body != test.body {
				t.Errorf("%s, not %s", body, test.body)
			}
		})
	}
}

func TestPlatformReplies(t *testing.T) {
	for _, status := range []int{401, 403, 404, 413, 429, 500, 502, 503, 504} {
		s := ocrtest.New(t)
		s.Default(ocrtest.Platform(status))
		resp, body := send(t, s, "not even JSON")
		if resp.StatusCode != status || resp.Header.Get("Server") != "Google Frontend" || json.Valid([]byte(body)) ||
			body == "" {
			t.Errorf("%d: %d %v %s", status, resp.StatusCode, resp.Header, body)
		}
		if got := resp.Header.Get("WWW-Authenticate"); (status == 401) != strings.Contains(got,
			`error="invalid_token"`) {
			t.Errorf("%d: WWW-Authenticate %q", status, got)
		}
	}
}

func TestBrokenConnections(t *testing.T) {
	for name, reply := range map[string]ocrtest.Reply{"reset": ocrtest.Reset(), "reset early": ocrtest.ResetEarly(),
		"cut": ocrtest.Cut("a page")} {
		s := ocrtest.New(t)
		s.Default(reply)
		s.Next(reply)
		resp, err := http.Post(s.URL+"/v1/chat/completions", "application/json",
			strings.NewReader(request(t, page(t, 60, 80), nil)))
		if err == nil {
			_, err = io.ReadAll(resp.Body)
			resp.Body.Close()
		}
		if err == nil {
			t.Errorf("%s: no error", name)
		}
		if c := s.Counts(); c.Requests != 1 || c.Answers != 0 {
			t.Errorf("%s: counts %+v", name, c)
		}
	}
}

func TestSlowAndDelayed(t *testing.T) {
	s := ocrtest.New(t)
	gate := ocrtest.NewGate()
	s.Next(ocrtest.Slow(gate, "a page"), ocrtest.Delay(time.Millisecond, ocrtest.Text("x")))
	resp, err := http.Post(s.URL+"/v1/chat/completions", "application/json",
		strings.NewReader(request(t, page(t, 60, 80), nil)))
	if err != nil {
		t.Fatal(err)
	}
	half := make([]byte, 50)
	if _, err := io.ReadFull(resp.Body, half); err != nil {
		t.Fatal(err)
	}
	gate.Open()
	if rest, err := io.ReadAll(resp.Body); err != nil || !json.Valid(append(half, rest...)) {
		t.Errorf("%s%s, %v", half, rest, err)
	}
	resp.Body.Close()
	if resp, _ := send(t, s, request(t, page(t, 60, 80), nil)); resp.StatusCode != 200 {
		t.Errorf("delayed: %d", resp.StatusCode)
	}
}

func TestAnyImage(t *testing.T) {
	s := ocrtest.New(t, ocrtest.AnyImage())
	if resp, body := send(t, s, request(t, []byte("no image at all"), nil)); resp.StatusCode != 200 {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
}
