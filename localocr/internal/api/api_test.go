package api

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"image"
	"image/png"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// reader is a Reader that always gives the same answer.
type reader struct {
	text string
	err  error
}

func (r reader) Read(context.Context, []byte) (string, error) { return r.text, r.err }

func handler(r Reader, log io.Writer) http.Handler {
	return (&Service{Model: "stand-in", Engine: "fake", Reader: r,
		Log: slog.New(slog.NewTextHandler(log, nil))}).Handler()
}

func picturePNG(w, h int) []byte {
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, w, h))); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// lyingPNG returns a small file whose header claims w x h pixels.
func lyingPNG(w, h int) []byte {
	file := picturePNG(3, 2)
	header := file[12:29] // "IHDR" and its 13 bytes
	binary.BigEndian.PutUint32(header[4:], uint32(w))
	binary.BigEndian.PutUint32(header[8:], uint32(h))
	binary.BigEndian.PutUint32(file[29:], crc32.ChecksumIEEE(header))
	return file
}

var goodURI = "data:image/png;base64," + base64.StdEncoding.EncodeToString(picturePNG(3, 2))

func imagePart(uri string) string {
	return fmt.Sprintf(`{"type":"image_url","image_url":{"url":%q}}`, uri)
}

func content(parts ...string) string {
	return `"messages":[{"role":"user","content":[` + strings.Join(parts, ",") + `]}]`
}

func post(h http.Handler, contentType, body string) *httptest.ResponseRecorder {
	req := httptest.NewRequest(http.MethodPost, "/v1/chat/completions", strings.NewReader(body))
	req.Header.Set("Content-Type", contentType)
	req.Header.Set("X-Request-Id", "r1")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, req)
	return w
}

func TestAnswer(t *testing.T) {
	for _, tt := range []struct{ name, fields, text, content, finish, usage string }{
		{"page", "", "One two\n\nthree & <four>", "One two\n\nthree & <four>", "stop", "1 6 7"},
		{"blank", "", "", "", "stop", "1 1 2"},
		{"own model", `"model":"stand-in",`, "a", "a", "stop", "1 2 3"},
		{"no model", `"model":"",`, "a", "a", "stop", "1 2 3"},
		{"room left", `"max_tokens":3,`, "a b", "a b", "stop", "1 3 4"},
		{"no room for the end", `"max_tokens":2,`, "a b", "a b", "length", "1 2 3"},
		{"cut", `"max_tokens":1,`, "a\nb", "a", "length", "1 1 2"},
		{"newer field wins", `"max_tokens":1,"max_completion_tokens":9,`, "a b", "a b", "stop", "1 3 4"},
		{"blank and cut", `"max_tokens":1,`, "", "", "stop", "1 1 2"},
		{"unknown fields", `"temperature":0.2,"chat_template_kwargs":{"x":1},`, "a", "a", "stop", "1 2 3"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := post(handler(reader{text: tt.text}, io.Discard), "application/json; charset=utf-8",
				"{"+tt.fields+content(`{"type":"text","text":"ignored"}`, imagePart(goodURI))+"}")
			var c completionBody
			if err := json.Unmarshal(w.Body.Bytes(), &c); err != nil || w.Code != http.StatusOK || len(c.Choices) != 1 {
				t.Fatalf("%d %s, %v", w.Code, w.Body, err)
			}
			usage := fmt.Sprint(c.Usage.PromptTokens, c.Usage.CompletionTokens, c.Usage.TotalTokens)
			got := c.Choices[0]
			if got.Message.Content != tt.content || got.FinishReason != tt.finish || usage != tt.usage {
				t.Errorf("got %q %q %q, want %q %q %q", got.Message.Content, got.FinishReason, usage, tt.content,
					tt.finish, tt.usage)
			}
			if c.ID != "chatcmpl-r1" || c.Model != "stand-in" || c.Created == 0 {
				t.Errorf("id %q, model %q, created %d", c.ID, c.Model, c.Created)
			}
		})
	}
}

// TestEveryField: the answer has every field of vLLM's.
func TestEveryField(t *testing.T) {
	w := post(handler(reader{text: "a"}, io.Discard), "application/json", "{"+content(imagePart(goodURI))+"}")
	for _, field := range strings.Fields(`id object created model choices index message role content refusal annotations
		audio function_call reasoning logprobs finish_reason stop_reason token_ids routed_experts service_tier
		system_fingerprint usage prompt_tokens total_tokens completion_tokens prompt_tokens_details
		completion_tokens_details prompt_logprobs prompt_token_ids prompt_text kv_transfer_params ec_transfer_params metrics`) {
		if !strings.Contains(w.Body.String(), `"`+field+`":`) {
			t.Errorf("no field %s in %s", field, w.Body)
		}
	}
}

func TestRefusals(t *testing.T) {
	const (
		json   = "application/json"
		badReq = "BadRequestError"
		shape  = "Bad Request"
	)
	huge := base64.StdEncoding.EncodeToString(lyingPNG(8000, 5001))
	for _, tt := range []struct {
		name, contentType, body string
		status                  int
		kind, param, says       string
	}{
		{"content type", "text/plain", "{}", 400, shape, "", "Only 'application/json' is allowed"},
		{"no content type", "", "{}", 400, shape, "", "Only 'application/json' is allowed"},
		{"not JSON", json, `{"a":`, 400, shape, "body.5", "json_invalid"},
		{"empty", json, "", 400, shape, "body.0", "json_invalid"},
		{"list", json, "[]", 400, shape, "body", "dictionary"},
		{"no messages", json, "{}", 400, shape, "body.messages", "Field required"},
		{"messages of another type", json, `{"messages":3}`, 400, shape, "body.messages", "slice"},
		{"no role", json, `{"messages":[{"content":"x"}]}`, 400, shape, "body.messages.0.role", "required"},
		{"other model, bad image", json, `{"model":"x",` + content(imagePart("data:,")) + `}`, 404, "NotFoundError",
			"model", "The model `x` does not exist."},
		{"only text", json, `{"messages":[{"role":"user","content":"hi"}]}`, 400, badReq, "",
			"a page image is required"},
		{"content of another type", json, `{"messages":[{"role":"user","content":3}]}`, 400, shape,
			"body.messages.content", "string or a list"},
		{"unknown part", json, "{" + content(`{"type":"audio"}`) + "}", 400, badReq, "", "Unknown part type"},
		{"bare string", json, "{" + content(`{"type":"image_url","image_url":"data:;base64,AA=="}`) + "}", 400, badReq,
			"", "object with a url"},
		{"null url", json, "{" + content(`{"type":"image_url","image_url":{"url":null}}`) + "}", 400, badReq, "",
			"object with a url"},
		{"no image_url", json, "{" + content(`{"type":"image_url"}`) + "}", 400, badReq, "", "object with a url"},
		{"two images", json, "{" + content(imagePart(goodURI), imagePart(goodURI)) + "}", 400, badReq, "image",
			"At most 1 image(s)"},
		{"web address", json, "{" + content(imagePart("http://127.0.0.1/x.png")) + "}", 400, badReq, "",
			"data URLs only"},
		{"no comma", json, "{" + content(imagePart("data:image/png;base64")) + "}", 400, badReq, "", "comma"},
		{"not base64", json, "{" + content(imagePart("data:image/png,AAAA")) + "}", 501, "NotImplementedError", "",
			"Only base64 data URLs are supported for now."},
		{"upper case", json, "{" + content(imagePart("data:image/png;BASE64,AAAA")) + "}", 501, "NotImplementedError",
			"", "Only base64"},
		{"line break", json, "{" + content(imagePart("data:;base64,AA\nAA")) + "}", 400, badReq, "", "base64"},
		{"URL alphabet", json, "{" + content(imagePart("data:;base64,__--")) + "}", 400, badReq, "", "base64"},
		{"no padding", json, "{" + content(imagePart("data:;base64,AA")) + "}", 400, badReq, "", "base64"},
		{"no image", json, "{" + content(imagePart("data:;base64,AAAA")) + "}", 400, badReq, "",
			"Failed to load image: "},
		{"no bytes", json, "{" + content(imagePart("data:;base64,")) + "}", 400, badReq, "", "Failed to load image: "},
		{"cut off", json, "{" + content(imagePart(goodURI[:len(goodURI)-24])) + "}", 400, badReq, "",
			"Failed to load image: "},
		{"pixels", json, "{" + content(imagePart("data:;base64,"+huge)) + "}", 400, badReq, "", "8000 x 5001 pixels"},
		{"max_tokens 0", json, `{"max_tokens":0,` + content(imagePart(goodURI)) + `}`, 400, badReq, "max_tokens",
			"at least 1"},
		{"stream", json, `{"stream":true,` + content(imagePart(goodURI)) + `}`, 400, badReq, "stream",
			"does not stream"},
		{"body", json, strings.Repeat(" ", MaxBody+1), 413, "RequestEntityTooLargeError", "",
			"larger than 33554432 bytes"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := post(handler(reader{}, io.Discard), tt.contentType, tt.body)
			check(t, w, tt.status, tt.kind, tt.param, tt.says)
		})
	}
}

func check(t *testing.T, w *httptest.ResponseRecorder, status int, kind, param, says string) {
	t.Helper()
	var f failure
	if err := json.Unmarshal(w.Body.Bytes(), &f); err != nil {
		t.Fatalf("%s: %v", w.Body, err)
	}
	gotParam := ""
	if f.Error.Param != nil {
		gotParam = *f.Error.Param
	}
	if w.Code != status || f.Error.Code != status || f.Error.Type != kind || gotParam != param ||
		!strings.Contains(f.Error.Message, says) {
		t.Errorf("%d %s, want %d %s %q %q", w.Code, w.Body, status, kind, param, says)
	}
}

func TestDataURIs(t *testing.T) {
	_, data, _ := strings.Cut(goodURI, ",")
	for _, head := range []string{"data:;base64", "DATA:text/plain;base64", "data:image/png;charset=x;base64"} {
		if w := post(handler(reader{}, io.Discard), "application/json",
			"{"+content(imagePart(head+","+data))+"}"); w.Code != 200 {
			t.Errorf("%s: %d %s", head, w.Code, w.Body)
		}
	}
}

func TestEngineFails(t *testing.T) {
	var log bytes.Buffer
	w := post(handler(reader{err: errors.New("out of memory")}, &log), "application/json",
		"{"+content(imagePart(goodURI))+"}")
	check(t, w, 500, "InternalServerError", "", "the OCR engine failed on this page")
	if strings.Contains(w.Body.String(), "memory") || !strings.Contains(log.String(), "out of memory") {
		t.Errorf("what the engine says belongs in the log alone: %s, %s", w.Body, &log)
	}
}

func TestEndedContext(t *testing.T) {
	for cause, status := range map[error]int{ErrStopping: 503, context.Canceled: clientGone} {
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(cause)
		if p := asProblem(ctx, cause); p.status != status {
			t.Errorf("%v: status %d, want %d", cause, p.status, status)
		}
	}
}

func TestLogHoldsNoText(t *testing.T) {
	var log bytes.Buffer
	post(handler(reader{text: "secret words"}, &log), "application/json", "{"+content(imagePart(goodURI))+"}")
	if s := log.String(); strings.Contains(s, "secret") || !strings.Contains(s, "words=3") {
		t.Errorf("log: %s", s)
	}
}

func TestOtherRoutes(t *testing.T) {
	for _, tt := range []struct {
		method, path string
		status       int
		body         string
	}{
		{"GET", "/health", 200, ""},
		{"GET", "/v1/models", 200, `{"object":"list","data":[{"id":"stand-in","object":"model",`},
		{"POST", "/v1/models", 405, `{"detail":"Method Not Allowed"}`},
		{"GET", "/v1/chat/completions", 405, `{"detail":"Method Not Allowed"}`},
		{"GET", "/", 404, `{"detail":"Not Found"}`},
		{"POST", "/v1/completions", 404, `{"detail":"Not Found"}`},
	} {
		w := httptest.NewRecorder()
		handler(reader{}, io.Discard).ServeHTTP(w, httptest.NewRequest(tt.method, tt.path, nil))
		if w.Code != tt.status || !strings.HasPrefix(w.Body.String(), tt.body) || tt.body == "" && w.Body.Len() > 0 {
			t.Errorf("%s %s: %d %s, want %d %s", tt.method, tt.path, w.Code, w.Body, tt.status, tt.body)
		}
	}
}
