package ocr

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestEveryShapeOfErrorIsRead(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, body string
		want       refusal
	}{
		{"vLLM", `{"error":{"message":"m","type":"BadRequestError","param":"p","code":400}}`,
			refusal{"m", "badrequesterror 400", "p", true, false}},
		{"key check", `{"error":"Unauthorized"}`, refusal{"Unauthorized", "", "", true, false}},
		{"routing", `{"detail":"Not Found"}`, refusal{"Not Found", "", "", true, true}},
		{"routing, places", `{"detail":[{"loc":["body","a"],"msg":"x"},{"loc":["body","b",0]}]}`,
			refusal{`[{"loc":["body","a"],"msg":"x"},{"loc":["body","b",0]}]`, "", "body a body b 0", true, true}},
		{
			"LiteLLM", `{"error":{"message":"litellm.BadRequestError: Hosted_vllmException - {\"error\":{\"message\":\"m\",\"type\":\"T\",\"param\":\"p\",\"code\":400}}\n\nLiteLLM: model group 'x' failed.","type":"invalid_request_error","param":null,"code":"400"}}`,
			refusal{"m", "t 400", "p", true, false}},
		{"LiteLLM, older sentence",
			`{"error":{"message":"litellm.BadRequestError: Hosted_vllmException - {\"error\":\"m\"}. Received Model Group=x"}}`,
			refusal{"m", "", "", true, false}},
		{"LiteLLM, own param", `{"error":{"message":"litellm.X: Y - {\"error\":{\"message\":\"m\"}}","param":"p"}}`,
			refusal{"m", " ", "p", true, false}},
		{"LiteLLM, routing",
			`{"error":{"message":"litellm.NotFoundError: NotFoundError: Hosted_vllmException - {\"detail\":\"Not Found\"}\n\nLiteLLM: model group","type":"T"}}`,
			refusal{"Not Found", "", "", true, true}},
		{
			"LiteLLM twice", `{"error":{"message":"litellm.A: B - {\"error\":{\"message\":\"litellm.C: D - {\\\"error\\\":\\\"m\\\"}\"}}"}}`,
			refusal{"m", "", "", true, false}},
		{"LiteLLM, cut inside",
			`{"error":{"message":"litellm.A: B - {\"error\":{\"message\":\"Failed to load image: ab`,
			refusal{"Failed to load image: ab", " ", "", true, false}},
		{"LiteLLM, no JSON inside",
			`{"error":{"message":"litellm.A: B - Cannot connect\n\nLiteLLM: model group","type":"T","code":"500"}}`,
			refusal{"litellm.A: B - Cannot connect", "t 500", "", true, false}},
		{"LiteLLM, odd JSON inside", `{"error":{"message":"litellm.A: B - {'error': 1}","type":"T"}}`,
			refusal{"litellm.A: B - {'error': 1}", "t ", "", true, false}},
		{"routing, list", `{"detail":[{"msg":"x"}]}`, refusal{`[{"msg":"x"}]`, "", "", true, true}},
		{"flat", `{"object":"error","message":"m","type":"T","param":null,"code":400}`,
			refusal{"m", "t 400", "", true, false}},
		{"string code", `{"error":{"message":"m","type":"server_error","code":"model_not_found"}}`,
			refusal{"m", "server_error model_not_found", "", true, false}},
		{"null code", `{"error":{"message":"m","type":"api_error","param":null,"code":null}}`,
			refusal{"m", "api_error ", "", true, false}},
		{"llama-server", `{"error":{"code":500,"message":"m","type":"server_error"}}`,
			refusal{"m", "server_error 500", "", true, false}},
		{"message is an object", `{"error":{"message":{"a":1}}}`, refusal{`{"a":1}`, " ", "", true, false}},
		{"error is null", `{"error":null,"message":"m"}`, refusal{"", "", "", true, false}},
		{"something else", `{"a":1}`, refusal{`{"a":1}`, "", "", false, false}},
		{"text", "\n Rate exceeded.", refusal{"Rate exceeded.", "", "", false, false}},
		{"empty", "", refusal{}},
		{"cut in the message", `{"error":{"message":"Failed to load image: abc`,
			refusal{"Failed to load image: abc", " ", "", true, false}},
		{"cut in an escape", `{"error":{"message":"ab\`, refusal{"ab", " ", "", true, false}},
		{"cut in a long escape", `{"error":{"message":"ab\u00`, refusal{"ab", " ", "", true, false}},
		{"cut after an escaped backslash", `{"error":{"message":"ab\\`, refusal{`ab\`, " ", "", true, false}},
		{"cut after the message", `{"error":{"message":"m","type":"T"`, refusal{"m", "t ", "", true, false}},
		{"cut flat", `{"object":"error","message":"m`, refusal{"m", " ", "", true, false}},
		{"cut string", `{"error":"Unauth`, refusal{"Unauth", "", "", true, false}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got := decodeRefusal([]byte(test.body)); got != test.want {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
		})
	}
}

func TestMessageIsOneCleanLine(t *testing.T) {
	t.Parallel()
	image := strings.Repeat("iVBORw0KGgo+/A", 30)
	for in, want := range map[string]string{
		"":                      "",
		"  a\n\tb\x00c\u200bd ": "a b c d",
		"\x1b[31mred\u202eder":  "[31mred der",
		"bad \xff byte":         "bad � byte",
		"<html><title>t</title><p>Error: <b>429</b></p></html>": "Error: 429",
		"<style>x":        "",
		"a < b and c > d": "a < b and c > d",
		"in data:image/png;base64," + image + "=='": "in […]'",
		"cut " + image: "cut […]",
		"/usr/lib/python3.12/site-packages/vllm/entrypoints/openai/api_server.py": "/usr/lib/python3.12/site-packages/vllm/entrypoints/openai/api_server.py",
		strings.Repeat("é ", 200): strings.Repeat("é ", 149) + "é…",
	} {
		if got := cleanText(in); got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
}

func TestMessagesAreShort(t *testing.T) {
	t.Parallel()
	if n := utf8.RuneCountInString(cleanText(strings.Repeat("word ", 1000))); n != maxMessage {
		t.Errorf("%d characters", n)
	}
}

func TestPhaseIsOneWord(t *testing.T) {
	t.Parallel()
	for phase, want := range map[Phase]string{0: "", PhaseToken: "token", PhaseWait: "wait", PhaseRead: "read",
		PhaseRead + 1: "phase 7", -1: "phase -1"} {
		if got := phase.String(); got != want {
			t.Errorf("phase %d is %q, want %q", int(phase), got, want)
		}
	}
}

func TestClipKeepsCharactersWhole(t *testing.T) {
	t.Parallel()
	for n, want := range []string{"", "a", "aé", "aé本", "aé本😀", "aé本😀"} {
		if got := clip("aé本😀", n); got != want {
			t.Errorf("%d characters are %q, want %q", n, got, want)
		}
	}
}

func FuzzRefusal(f *testing.F) {
	for _, body := range []string{`{"error":{"message":"m","code":400}}`, `{"error":"x"}`, `{"detail":[1]}`, `<html>`,
		`{"error":{"message":"a\u12`, ``,
		`{"error":{"message":"litellm.A: B - {\"error\":{\"message\":\"max_model_len=7, repetition_detection\"}}\n\nLiteLLM: x"}}`,
		`{"detail":[{"loc":["a",1,null]}]}`} {
		f.Add(400, []byte(body))
	}
	image := strings.Repeat("iVBORw0KGgoAAAANSUhEUgAA", 8)
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		r := decodeRefusal(body)
		if classify(status, r) == "" {
			t.Fatal("no kind")
		}
		if r.context() < 0 || r.named() >= fieldTemplate<<1 {
			t.Fatalf("context %d, fields %b", r.context(), r.named())
		}
		text := cleanText(r.message)
		if utf8.RuneCountInString(text) > maxMessage || !utf8.ValidString(text) ||
			strings.ContainsFunc(text, unicode.IsControl) {
			t.Fatalf("message %q", text)
		}
		echoed, err := json.Marshal(map[string]any{"error": map[string]string{"message": string(body) + " " + image}})
		if err != nil {
			t.Fatal(err)
		}
		for _, cut := range []int{0, 1, 2, 3, 9} {
			if text := cleanText(decodeRefusal(echoed[:max(0, len(echoed)-cut)]).message); strings.Contains(text,
				image[:64]) {
				t.Fatalf("the image is in %q", text)
			}
		}
	})
}

func FuzzAnswer(f *testing.F) {
	form := `{"model":"m","choices":[{"message":{"content":%s},"finish_reason":%s}],"usage":{"prompt_tokens":1,"completion_tokens":2}}`
	for _, parts := range [][2]string{{`"text"`, `"stop"`}, {`null`, `"stop"`}, {`""`, `"length"`}, {`"x"`, `null`},
		{`7`, `"abort"`}, {`"x"`, `"repetition"`}} {
		f.Add([]byte(fmt.Sprintf(form, parts[0], parts[1])))
	}
	f.Add([]byte(`{"choices":[]}`))
	f.Add([]byte(`{"choices":[{"message":{"content":"x"},"finish_reason":"stop","stop_reason":7,"provider_specific_fields":{"native_finish_reason":"repetition"}}]}`))
	f.Add([]byte(`{"error":{"message":"x"}}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		a, err := decodeAnswer(raw, credentials{token: "secret"})
		switch {
		case err != nil:
			if kind := asError(err).Kind; kind != KindBadResponse && kind != KindAborted || a.text != "" ||
				a.ending != unusable {
				t.Fatalf("%v with %q", err, a.text)
			}
		case a.loop.first > len(a.text) || a.usage.PromptTokens < 0 || a.usage.CompletionTokens < 0 ||
			!utf8.ValidString(a.text):
			t.Fatalf("answer %+v", a)
		}
	})
}
