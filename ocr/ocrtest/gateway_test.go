package ocrtest_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/bucketocr/bucketocr/ocr/ocrtest"
)

// What a client sees of a server behind LiteLLM. The messages are those of the real LiteLLM, shortened.
func TestGatewaySpeaksInItsOwnWords(t *testing.T) {
	const after = "\n\nLiteLLM: model group 'lightonai/LightOnOCR-2-1B' failed with the error above. No fallback was attempted."
	tests := []struct {
		name    string
		reply   ocrtest.Reply
		changes map[string]any
		status  int
		message string // of the error
	}{
		{"bad image", ocrtest.Error(400, "BadRequestError", "", "Failed to load image: x"), nil, 400,
			`litellm.BadRequestError: Hosted_vllmException - {"error":{"message":"Failed to load image: x","type":"BadRequestError","param":null,"code":400}}` + after},
		{"engine failed", ocrtest.EngineFailed("x"), nil, 500,
			`litellm.InternalServerError: InternalServerError: Hosted_vllmException - {"error":{"message":"x","type":"InternalServerError","param":null,"code":500}}` + after},
		{"another status", ocrtest.Error(501, "NotImplementedError", "", "x"), nil, 501,
			`litellm.APIError: APIError: Hosted_vllmException - {"error":{"message":"x","type":"NotImplementedError","param":null,"code":501}}` + after},
		{"lost", ocrtest.Reset(), nil, 500,
			"litellm.InternalServerError: InternalServerError: Hosted_vllmException - Server disconnected" + after},
		{"unknown model", ocrtest.Text("x"), map[string]any{"model": "x/y"}, 400,
			"/chat/completions: Invalid model name passed in model=x/y. Call `/v1/models` to view available models for your key."},
		{"no model", ocrtest.Text("x"), map[string]any{"model": nil}, 400,
			"/chat/completions: Invalid model name passed in model=None. Call `/v1/models` to view available models for your key."},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := ocrtest.New(t, ocrtest.Gateway())
			s.Default(test.reply)
			resp, body := send(t, s, request(t, page(t, 60, 80), test.changes))
			var shape struct {
				Error struct{ Message, Code, Type string }
			}
			if err := json.Unmarshal([]byte(body), &shape); err != nil || resp.StatusCode != test.status ||
				shape.Error.Message != test.message {
				t.Errorf("%d %q, %v, want %d %q", resp.StatusCode, shape.Error.Message, err, test.status, test.message)
			}
		})
	}
}

func TestGatewayTurnsUnknownEndingsIntoStop(t *testing.T) {
	for reason, want := range map[string]string{
		"repetition": `"native_finish_reason":"repetition","routed_experts":null,"stop_reason":"repetition_detected"`,
		"abort":      `"native_finish_reason":"abort"`,
		"stop":       `"provider_specific_fields":{"routed_experts":null,"stop_reason":null,"token_ids":null}`,
	} {
		s := ocrtest.New(t, ocrtest.Gateway())
		s.Default(ocrtest.Finish(reason, "a page"))
		resp, body := send(t, s, request(t, page(t, 60, 80), nil))
		if resp.StatusCode != 200 || !strings.Contains(body, want) ||
			!strings.Contains(body, `"finish_reason":"stop"`) || !strings.Contains(body, `"content":"a page"`) {
			t.Errorf("%s: %d %s", reason, resp.StatusCode, body)
		}
	}
}

func TestGatewayAnswersForAServerThatIsDown(t *testing.T) {
	s := ocrtest.New(t, ocrtest.Gateway())
	s.Down()
	if resp, body := send(t, s, request(t, page(t, 60, 80), nil)); resp.StatusCode != 500 ||
		!strings.Contains(body, "Cannot connect to host") {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
	s.Up()
	if resp, _ := send(t, s, request(t, page(t, 60, 80), nil)); resp.StatusCode != 200 || s.Counts().Requests != 2 {
		t.Errorf("%d after %+v", resp.StatusCode, s.Counts())
	}
}

func TestGatewayHasItsOwnPathsAndKeys(t *testing.T) {
	s := ocrtest.New(t, ocrtest.Gateway(), ocrtest.Key("key"), ocrtest.MaxModelLen(77), ocrtest.Models("scans"))
	for _, test := range []struct {
		path, key, words string
		status           int
	}{
		{"/v1/models", "key",
			`{"id":"scans","object":"model","created":1795430000,"owned_by":"openai","max_input_tokens":77`, 200},
		{"/v1/models", "wrong", `"type":"no_db_connection"`, 400},
		{"/v1/models", "", "Internal Server Error", 500},
		{"/version", "key", `{"detail":"Not Found"}`, 404},
		{"/v1/chat/completions", "key", `{"detail":"Method Not Allowed"}`, 405},
	} {
		var headers []string
		if test.key != "" {
			headers = []string{"Authorization", "Bearer " + test.key}
		}
		if resp, body := do(t, http.MethodGet, s.URL+test.path, "", headers...); resp.StatusCode != test.status ||
			!strings.Contains(body, test.words) {
			t.Errorf("%s with key %q: %d %s", test.path, test.key, resp.StatusCode, body)
		}
	}
}

func TestFieldIsRefusedInAnyWords(t *testing.T) {
	s := ocrtest.New(t, ocrtest.RefuseField("repetition_detection", ocrtest.Invalid(true, "repetition_detection")),
		ocrtest.RefuseField("chat_template_kwargs", ocrtest.Invalid(false, "chat_template_kwargs")))
	for name, want := range map[string]struct {
		status int
		words  string
	}{"repetition_detection": {400, `"param":"body.repetition_detection"`},
		"chat_template_kwargs": {422, `"loc":["body","chat_template_kwargs"]`}, "seed": {200, "page"}} {
		value := any(map[string]int{})
		if name == "seed" {
			value = 7
		}
		if resp, body := send(t, s,
			request(t, page(t, 60, 80), map[string]any{name: value})); resp.StatusCode != want.status ||
			!strings.Contains(body, want.words) {
			t.Errorf("%s: %d %s", name, resp.StatusCode, body)
		}
	}
}
