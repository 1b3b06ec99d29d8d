package ocrtest_test

import (
	"strings"
	"testing"

	"github.com/bucketocr/bucketocr/ocr/ocrtest"
)

// TestChecks sends a request for each check of vLLM that fails it.
func TestChecks(t *testing.T) {
	good := page(t, 60, 80)
	cut := good[:len(good)-20]
	url := func(u any) string { return request(t, good, withURL(u)) }
	set := func(name string, value any) string { return request(t, good, map[string]any{name: value}) }
	image := map[string]any{"type": "image_url", "image_url": map[string]string{"url": dataURI(good)}}
	tests := []struct {
		name, body  string
		contentType string
		status      int
		kind, param string
		words       string
	}{
		{"wrong Content-Type", request(t, good, nil), "text/plain", 400, "Bad Request", "",
			"Only 'application/json' is allowed"},
		{"no Content-Type", request(t, good, nil), "", 400, "Bad Request", "", "Only 'application/json' is allowed"},
		{"not JSON", `{"model": oops}`, "", 400, "Bad Request", "body.10", "json_invalid"},
		{"no object", `[1]`, "application/json; charset=utf-8", 400, "Bad Request", "body", "[1]"},
		{"messages missing", set("messages", nil), "application/json", 400, "Bad Request", "body.messages",
			"Field required"},
		{"messages of a wrong type", set("messages", "hello there"), "application/json", 400, "Bad Request",
			"body.messages", "hello there"},
		{"temperature of a wrong type", set("temperature", "warm"), "application/json", 400, "Bad Request",
			"body.temperature", "warm"},
		{"seed beyond int64", strings.Replace(set("seed", 1), `"seed":1`, `"seed":99999999999999999999`, 1),
			"application/json", 400, "Bad Request", "body.seed", "1 validation error"},
		{"five stops", set("stop", []string{"1", "2", "3", "4", "5"}), "application/json", 400, "Bad Request",
			"body.stop", "1 validation error"},
		{"stream_options without stream", set("stream_options", map[string]any{}), "application/json", 400,
			"BadRequestError", "stream_options", "Stream options can only be defined"},
		{"unknown model", set("model", "x"), "application/json", 404, "NotFoundError", "model",
			"The model `x` does not exist."},
		{"chat_template", set("chat_template", "x"), "application/json", 400, "BadRequestError", "", "template"},
		{"max_tokens over the context", set("max_tokens", 16385), "application/json", 400, "BadRequestError",
			"max_tokens", "cannot be greater than max_model_len=max_total_tokens=16384"},
		{"max_tokens as large as the context", set("max_tokens", 16384), "application/json", 400, "BadRequestError",
			"input_text", "maximum context length is 16384 tokens"},
		{"max_completion_tokens goes first", set("max_completion_tokens", 16385), "application/json", 400,
			"BadRequestError", "max_tokens", "16385"},
		{"unknown part", request(t, good, map[string]any{"messages": messages(map[string]string{"type": "picture"})}),
			"application/json", 400, "BadRequestError", "", "Unknown part type"},
		{"image_url as string",
			request(t, good, map[string]any{
				"messages": messages(map[string]string{"type": "image_url", "image_url": dataURI(good)})}),
			"application/json", 400, "BadRequestError", "", dataURI(good)[:24] + "..."},
		{"empty url", url(""), "application/json", 400, "BadRequestError", "", "url"},
		{"null url", url(nil), "application/json", 400, "BadRequestError", "", "url"},
		{"two images", request(t, good, map[string]any{"messages": messages(image, image)}), "application/json", 400,
			"BadRequestError", "image", "At most 1 image(s)"},
		{"http url", url("http://example.com/a.png"), "application/json", 422, "UnprocessableEntityError", "image_url",
			"404"},
		{"no comma", url("data:image/png;base64"), "application/json", 400, "BadRequestError", "", "comma"},
		{"no base64", url("data:image/png,AAAA"), "application/json", 501, "NotImplementedError", "",
			"Only base64 data URLs are supported for now."},
		{"BASE64", url("data:image/png;BASE64,AAAA"), "application/json", 501, "NotImplementedError", "",
			"Only base64"},
		{"base64 of the web", url("data:image/png;base64,-_-_"), "application/json", 400, "BadRequestError", "", ""},
		{"base64 without padding", url("data:image/png;base64,AAA"), "application/json", 400, "BadRequestError", "",
			""},
		{"base64 in lines", url("data:image/png;base64,AAAA\nAAAA"), "application/json", 400, "BadRequestError", "",
			""},
		{"no image", url(dataURI([]byte("hello"))), "application/json", 400, "BadRequestError", "",
			"Failed to load image:"},
		{"image cut off", url(dataURI(cut)), "application/json", 400, "BadRequestError", "", "Failed to load image:"},
		{"temperature", set("temperature", 3), "application/json", 400, "BadRequestError", "temperature",
			"temperature must be in [0, 2], got 3.0. (parameter=temperature, value=3.0)"},
		{"top_p", set("top_p", 0), "application/json", 400, "BadRequestError", "top_p", "top_p"},
		{"max_tokens", set("max_tokens", 0), "application/json", 400, "BadRequestError", "max_tokens", "at least 1"},
		{"frequency_penalty", set("frequency_penalty", 3), "application/json", 400, "BadRequestError", "",
			"frequency_penalty"},
		{"presence_penalty", set("presence_penalty", -3), "application/json", 400, "BadRequestError", "",
			"presence_penalty"},
		{"repetition_detection",
			set("repetition_detection", map[string]int{"max_pattern_size": 1, "min_pattern_size": 2, "min_count": 2}),
			"application/json", 400, "BadRequestError", "repetition_detection", "min_pattern_size"},
	}
	s := ocrtest.New(t)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			contentType := test.contentType
			if contentType == "" && test.name == "not JSON" {
				contentType = "application/json"
			}
			resp, body := send(t, s, test.body, "Content-Type", contentType)
			message, kind, param, code := refusal(t, body)
			if resp.StatusCode != test.status || code != test.status || kind != test.kind ||
				!strings.Contains(message, test.words) {
				t.Errorf("status %d, %s", resp.StatusCode, body)
			}
			if test.param == "" && param != nil || test.param != "" && (param == nil || *param != test.param) {
				t.Errorf("param in %s, want %q", body, test.param)
			}
		})
	}
	if c := s.Counts(); c.Refused != len(tests) || c.Requests != len(tests) || c.Answers != 0 || c.Running != 0 {
		t.Errorf("counts %+v", c)
	}
}

// Unknown fields, other media types and a missing model are accepted.
func TestChecksPass(t *testing.T) {
	good := page(t, 60, 80)
	encoded := strings.TrimPrefix(dataURI(good), "data:image/png;base64,")
	s := ocrtest.New(t)
	for name, changes := range map[string]map[string]any{
		"as it should be": nil, "no model": {"model": nil}, "empty model": {"model": ""},
		"unknown field": {"repetition_detektion": 7},
		"no type":       withURL("data:;base64," + encoded),
		"another type":  withURL("data:text/plain;base64," + encoded),
		"DATA":          withURL("DATA:x;base64," + encoded),
		"no sampling":   {"temperature": nil, "top_p": nil, "max_tokens": nil},
		"text only":     {"messages": []any{map[string]string{"role": "user", "content": "hi"}}},
		"text part": {
			"messages": messages(map[string]any{"type": "image_url",
				"image_url": map[string]string{"url": dataURI(good)}},
				map[string]string{"type": "text", "text": "grounding"})},
	} {
		if resp, body := send(t, s, request(t, good, changes)); resp.StatusCode != 200 {
			t.Errorf("%s: %d %s", name, resp.StatusCode, body)
		}
	}
}

// If a request has several errors, the first in vLLM's order is reported.
func TestOrderOfChecks(t *testing.T) {
	good := page(t, 60, 80)
	bad := withURL(dataURI([]byte("no image")))
	with := func(changes map[string]any, more ...any) string {
		all := map[string]any{}
		for k, v := range changes {
			all[k] = v
		}
		for i := 0; i < len(more); i += 2 {
			all[more[i].(string)] = more[i+1]
		}
		return request(t, good, all)
	}
	tests := []struct {
		name, path, body string
		headers          []string
		status           int
		words            string
	}{
		{"key before JSON", "/v1/chat/completions", "{", nil, 401, `{"error":"Unauthorized"}`},
		{"key before path", "/v1/nowhere", "{}", nil, 401, `{"error":"Unauthorized"}`},
		{"path before JSON", "/v1/nowhere", "{", []string{"Authorization", "Bearer key"}, 404,
			`{"detail":"Not Found"}`},
		{"Content-Type before JSON", "/v1/chat/completions", "{",
			[]string{"Authorization", "Bearer key", "Content-Type", "text/plain"}, 400, "application/json"},
		{"schema before model", "/v1/chat/completions", with(nil, "messages", 1, "model", "x"),
			[]string{"Authorization", "Bearer key"}, 400, "body.messages"},
		{"model before image", "/v1/chat/completions", with(bad, "model", "x"), []string{"Authorization", "Bearer key"},
			404, "does not exist"},
		{"model before chat_template", "/v1/chat/completions", with(nil, "model", "x", "chat_template", "x"),
			[]string{"Authorization", "Bearer key"}, 404, "does not exist"},
		{"max_tokens before image", "/v1/chat/completions", with(bad, "max_tokens", 1<<20),
			[]string{"Authorization", "Bearer key"}, 400, "max_model_len"},
		{"image before temperature", "/v1/chat/completions", with(bad, "temperature", 3),
			[]string{"Authorization", "Bearer key"}, 400, "Failed to load image"},
	}
	s := ocrtest.New(t, ocrtest.Key("key"))
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			resp, body := do(t, "POST", s.URL+test.path, test.body, test.headers...)
			if resp.StatusCode != test.status || !strings.Contains(body, test.words) {
				t.Errorf("%d %s", resp.StatusCode, body)
			}
		})
	}
	s.KillEngine()
	if resp, body := send(t, s, with(bad), "Authorization", "Bearer key"); resp.StatusCode != 500 ||
		!strings.Contains(body, "EngineCore") {
		t.Errorf("dead engine before image: %d %s", resp.StatusCode, body)
	}
	if resp, body := send(t, s, with(bad, "model", "x"), "Authorization", "Bearer key"); resp.StatusCode != 404 {
		t.Errorf("model before dead engine: %d %s", resp.StatusCode, body)
	}
}

func TestPixelLimitIsA500(t *testing.T) {
	s := ocrtest.New(t, ocrtest.MaxPixels(1000))
	resp, body := send(t, s, request(t, page(t, 60, 80), nil))
	if message, kind, _, _ := refusal(t, body); resp.StatusCode != 500 || kind != "InternalServerError" ||
		!strings.Contains(message, "exceeds limit of 1000 pixels") {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
}

func TestPromptLongerThanTheContext(t *testing.T) {
	s := ocrtest.New(t, ocrtest.MaxModelLen(20))
	resp, body := send(t, s, request(t, page(t, 200, 200), map[string]any{"max_tokens": 5}))
	if _, _, param, _ := refusal(t, body); resp.StatusCode != 400 || param == nil || *param != "input_tokens" {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
}
