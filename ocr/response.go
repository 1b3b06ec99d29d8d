package ocr

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// maxAnswer limits the part of an answer that is read, in bytes: a full context of text has some 100 KB.
const maxAnswer = 8 << 20

// Usage counts tokens, as reported by the server.
type Usage struct{ PromptTokens, CompletionTokens int }

// completion is the part of an answer that is used. Every server adds fields, older ones omit some, and any may be
// null.
type completion struct {
	Model   lenientString `json:"model"`
	Choices []choice      `json:"choices"`
	Usage   struct {
		PromptTokens     lenientInt `json:"prompt_tokens"`
		CompletionTokens lenientInt `json:"completion_tokens"`
	} `json:"usage"`
	Error json.RawMessage `json:"error"`

	Fingerprint    lenientString   `json:"system_fingerprint"`
	PromptLogprobs json.RawMessage `json:"prompt_logprobs"` // vLLM's, null unless requested
	Timings        json.RawMessage `json:"timings"`         // llama-server's
}

// Dialects in a [Result]. New ones may be added.
const (
	DialectVLLM    = "vllm"
	DialectLlama   = "llama-server"
	DialectGateway = "gateway" // LiteLLM, in front of any server
	DialectOther   = "other"
)

// dialect returns the kind of server that wrote an answer with a choice, by its characteristic fields. Servers that
// imitate vLLM's fields add a fingerprint of their own.
func (c *completion) dialect() string {
	switch fingerprint := string(c.Fingerprint); {
	case c.Choices[0].Provider.present:
		return DialectGateway
	case c.Timings != nil:
		return DialectLlama
	case c.PromptLogprobs != nil && (fingerprint == "" || strings.HasPrefix(fingerprint, "vllm")):
		return DialectVLLM
	}
	return DialectOther
}

// choice is the text and the reported reason for its end.
type choice struct {
	Message *struct {
		Content   string        `json:"content"`
		Reasoning lenientString `json:"reasoning_content"` // llama-server's name
	} `json:"message"`
	FinishReason string        `json:"finish_reason"`
	StopReason   lenientString `json:"stop_reason"`
	Provider     passedOn      `json:"provider_specific_fields"`
}

// passedOn holds the fields of the server's answer that a gateway (LiteLLM) passes on.
type passedOn struct {
	StopReason   lenientString `json:"stop_reason"`
	FinishReason lenientString `json:"native_finish_reason"`

	present bool
}

func (p *passedOn) UnmarshalJSON(raw []byte) error {
	type plain passedOn
	var v plain
	if json.Unmarshal(raw, &v) == nil {
		*p = passedOn(v)
	}
	p.present = true
	return nil
}

// reason returns the reason why the text ended. A gateway reports stop for all reasons unknown to its own API,
// including loops and a server that is shutting down, and passes on the original one separately.
func (c choice) reason() string {
	if c.FinishReason != "stop" && c.FinishReason != "" {
		return c.FinishReason
	}
	const detected = "repetition_detected"
	switch native := string(c.Provider.FinishReason); {
	case c.StopReason == detected || c.Provider.StopReason == detected:
		return "repetition"
	case native == "repetition", native == "length", native == "abort":
		return native
	}
	return c.FinishReason
}

// lenientString and lenientInt decode any JSON value: the text does not depend on them, so an unexpected type must not
// invalidate the answer.
type (
	lenientString string
	lenientInt    int
)

func (s *lenientString) UnmarshalJSON(raw []byte) error {
	var v string
	if json.Unmarshal(raw, &v) == nil {
		*s = lenientString(v)
	}
	return nil
}

func (n *lenientInt) UnmarshalJSON(raw []byte) error {
	var v float64
	if json.Unmarshal(raw, &v) == nil && v >= 0 && v < 1<<31 {
		*n = lenientInt(v)
	}
	return nil
}

// decodeAnswer decodes the body of a 200, which does not by itself mean success. With an error, the answer has only its
// usage, if that arrived.
func decodeAnswer(raw []byte, auth credentials) (answer, error) {
	if len(raw) > maxAnswer {
		return answer{}, badResponse("the answer is longer than %d bytes", maxAnswer)
	}
	var c completion
	if err := json.Unmarshal(raw, &c); err != nil {
		// HTML is of something in front of the service. Anything else may hold the page's text.
		if bytes.HasPrefix(bytes.TrimSpace(raw), []byte("<")) {
			return answer{}, badResponse("no answer in JSON, but %s",
				cleanText(auth.hide(clip(string(raw), maxRefusal))))
		}
		return answer{}, badResponse("no answer in JSON (%s) in %d bytes", cleanText(err.Error()), len(raw))
	}
	if len(c.Choices) == 0 || c.Choices[0].Message == nil {
		if len(c.Error) > 0 {
			return answer{}, badResponse("an error inside a 200: %s", cleanText(auth.hide(decodeRefusal(raw).message)))
		}
		return answer{}, badResponse("the answer holds no choice with a message")
	}
	choice := c.Choices[0]
	a := answer{
		text: choice.text(), model: string(c.Model), dialect: c.dialect(),
		usage: Usage{int(c.Usage.PromptTokens), int(c.Usage.CompletionTokens)}}
	return judgeAnswer(a, choice.reason())
}

// text returns the text of the page. If the model's template supports thinking, llama-server may take the whole answer
// for thoughts, even though the request switches thinking off. So thoughts count as the text of the page if the answer
// is complete and has nothing else; in an answer that was cut off by a limit they may be real thoughts.
func (c choice) text() string {
	if c.Message.Content == "" && c.reason() == "stop" {
		return withoutThoughts(string(c.Message.Reasoning))
	}
	return withoutThoughts(c.Message.Content)
}

// withoutThoughts returns the text without the model's thoughts, which a server without a parser for them, or with a
// template without the switch, leaves in the answer. If a limit cut the answer off among its thoughts, there is no
// text.
func withoutThoughts(text string) string {
	thoughts, ok := strings.CutPrefix(strings.TrimLeft(text, " \t\r\n"), "<think>")
	if !ok {
		return text
	}
	_, text, _ = strings.Cut(thoughts, "</think>")
	return strings.TrimLeft(text, "\r\n")
}

// judgeAnswer judges an answer by its finish reason and by the text itself, since a loop can have any finish reason.
func judgeAnswer(a answer, reason string) (answer, error) {
	withoutText := answer{usage: a.usage} // already paid for
	switch reason {
	case "":
		return withoutText, badResponse("the answer does not say how it ended")
	case "stop":
		a.stop = complete
	case "length":
		a.stop = truncated
	case "repetition":
		a.stop = looped
	case "abort":
		return withoutText, &Error{
			Kind: KindAborted, Phase: PhaseRead, Status: http.StatusOK,
			Message: "the server stopped writing: it is paused or shuts down",
		}
	default:
		return withoutText, badResponse("the answer ended in an unknown way, %q", cleanText(reason))
	}
	return a.examine(), nil
}

// maxRefusal limits the part of an error body that is read, in bytes: vLLM's validation messages can repeat the whole
// image.
const maxRefusal = 64 << 10

// refusal is a decoded error body. Servers use at least eight formats.
type refusal struct {
	message string
	kind    string // "type", and "code" if that is a word
	param   string
	json    bool // from the server itself: platforms respond with text or HTML
	routing bool // from the server's routing, which does not know models
}

// readRefusal returns the error for a response with a status other than 200.
func readRefusal(resp *http.Response, auth credentials) *Error {
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxRefusal))
	r := decodeRefusal(body)
	e := &Error{
		Kind: classify(resp.StatusCode, r), Phase: PhaseRead, Status: resp.StatusCode,
		RetryAfter: retryAfter(resp.Header.Get("Retry-After")), Platform: !r.json,
		Message: cmp.Or(cleanText(auth.hide(r.message)), http.StatusText(resp.StatusCode)),
		Err:     err, // the status is sufficient; the read error is added
	}
	if e.Kind == KindBadRequest {
		e.named, e.context = r.named(), r.context()
	}
	return e
}

// closings complete JSON that was cut off inside or after a string; the first is for complete JSON.
var closings = []string{"", `"}}`, `"}`, `"}]}`, `"]}}`, `"]}`, `}}`, `}`}

// decodeRefusal decodes an error body. It never fails: a body in an unknown format is kept as text.
func decodeRefusal(body []byte) refusal {
	body = bytes.TrimSpace(body)
	for cut := range min(6, len(body)) { // the cut may be within an escape sequence
		for _, closing := range closings {
			var fields map[string]json.RawMessage
			if body[0] == '{' && json.Unmarshal(append(bytes.Clone(body[:len(body)-cut]), closing...), &fields) == nil {
				return readFields(fields).inside()
			}
		}
	}
	return refusal{message: string(body), json: false}
}

// readFields finds the error in an object: under "error" as object or string, flat, or as FastAPI's "detail".
func readFields(fields map[string]json.RawMessage) refusal {
	r := refusal{json: true}
	var inner map[string]json.RawMessage
	_ = json.Unmarshal(fields["error"], &inner) // it may be a string, or missing
	if fields["error"] == nil && fields["message"] != nil {
		inner = fields
	}
	switch {
	case inner != nil:
		r.message, r.param = asText(inner["message"]), asText(inner["param"])
		r.kind = strings.ToLower(asText(inner["type"]) + " " + asText(inner["code"]))
	case fields["error"] != nil:
		r.message = asText(fields["error"])
	case fields["detail"] != nil:
		r.message, r.param, r.routing = asText(fields["detail"]), locations(fields["detail"]), true
	default:
		r.json = false
		whole, _ := json.Marshal(fields)
		r.message = string(whole)
	}
	return r
}

// locations returns the locations of errors in the request, as listed by FastAPI.
func locations(detail json.RawMessage) string {
	var problems []struct {
		Loc []any `json:"loc"`
	}
	if json.Unmarshal(detail, &problems) != nil {
		return ""
	}
	var all []string
	for _, p := range problems {
		for _, step := range p.Loc {
			all = append(all, fmt.Sprint(step))
		}
	}
	return strings.Join(all, " ")
}

// inside extracts the server's own refusal from the message of a gateway. LiteLLM's message is
// "litellm.BadRequestError: Hosted_vllmException - ", followed by the server's JSON, an empty line and a sentence of
// its own. Gateways behind gateways are unwrapped too; this ends because the inner message is always shorter.
func (r refusal) inside() refusal {
	if !strings.HasPrefix(r.message, "litellm.") {
		return r
	}
	r.message, _, _ = strings.Cut(r.message, "\n\nLiteLLM: ")
	at := strings.Index(r.message, " - {")
	if at < 0 {
		return r
	}
	body := r.message[at+len(" - "):]
	var whole json.RawMessage
	if json.NewDecoder(strings.NewReader(body)).Decode(&whole) == nil {
		body = string(whole) // without the text after it
	}
	inner := decodeRefusal([]byte(body))
	if !inner.json {
		return r
	}
	inner.param = cmp.Or(inner.param, r.param)
	return inner
}

// input matches the point at which a message about a request starts to repeat it.
var input = regexp.MustCompile(`\binput(?:_value)?['"]?\s*[:=]`)

// words returns the beginning of the message in lower case, without any repeated part of the request.
func (r refusal) words() string {
	start := strings.ToLower(clip(r.message, maxMessage))
	if at := input.FindStringIndex(start); at != nil {
		start = start[:at[0]]
	}
	return start
}

// named returns the optional fields that the refusal names.
func (r refusal) named() fields {
	var named fields
	all := strings.ToLower(r.param) + " " + r.words()
	for _, o := range optional {
		if slices.ContainsFunc(o.names, func(name string) bool { return strings.Contains(all, name) }) {
			named |= o.field
		}
	}
	return named
}

// size matches the size of the context that a request exceeds, as stated by vLLM, SGLang and OpenAI's API.
var size = regexp.MustCompile(`(?:max_model_len=(?:max_total_tokens=)?|maximum context length (?:is|of) )(\d{1,9})\b`)

// context returns the size of the server's context, in tokens, if the refusal states that the request exceeded it;
// otherwise 0.
func (r refusal) context() int {
	if m := size.FindStringSubmatch(r.words()); m != nil {
		n, _ := strconv.Atoi(m[1]) // nine digits
		return n
	}
	return 0
}

// asText returns the value of a JSON string, "" for null, and the JSON of any other value.
func asText(raw json.RawMessage) string {
	var s string
	if len(raw) == 0 || json.Unmarshal(raw, &s) == nil {
		return s
	}
	return string(raw)
}

// Statuses of Cloudflare's own for an origin that broke the connection, and for one that has not answered for 100 s.
const cloudflareBroken, cloudflareTimeout = 520, 524

// classify returns the kind of error for a status. If a status is ambiguous, the body decides.
func classify(status int, r refusal) Kind {
	switch {
	case status == http.StatusBadRequest:
		return classifyBadRequest(r)
	case status == http.StatusUnauthorized:
		return KindUnauthenticated
	case status == http.StatusForbidden:
		return KindForbidden
	case status == http.StatusNotFound && isWrongModel(r):
		return KindWrongModel
	case status == http.StatusNotFound, status == http.StatusMethodNotAllowed, status >= 300 && status < 400:
		return KindWrongAddress
	case status == http.StatusRequestEntityTooLarge:
		return KindTooLarge
	case status == http.StatusTooManyRequests, status == http.StatusServiceUnavailable:
		return KindOverloaded
	case status == http.StatusNotImplemented && r.json: // it does not serve chat completions
		return KindBadRequest
	case status == http.StatusNotImplemented:
		return KindWrongAddress
	case status == http.StatusGatewayTimeout, status == cloudflareTimeout:
		return KindTimeout
	case status == http.StatusInternalServerError && unreachable(r):
		return KindUnavailable
	// LiteLLM's own time-out: the page is on the GPU, as after the client's.
	case status == http.StatusRequestTimeout && strings.HasPrefix(r.message, "litellm.Timeout"):
		return KindTimeout
	// JSON comes from the server, and text from the platform in front of it, except for the message that the server's
	// web framework (Starlette) sends for unhandled exceptions.
	case status == http.StatusInternalServerError && (r.json || r.message == "Internal Server Error"):
		return KindBackendFailed
	// A proxy responds 408 if it did not receive the whole request.
	case status >= 500, status == http.StatusRequestTimeout, status == http.StatusTooEarly:
		return KindUnavailable
	case status >= 400:
		return KindBadRequest
	}
	return KindBadResponse
}

// classifyBadRequest returns the kind of error for a 400. It examines only the beginning of the message, since
// validation messages repeat their input later on.
func classifyBadRequest(r refusal) Kind {
	start := strings.ToLower(clip(r.message, 200))
	for _, sign := range []string{"failed to load image", "failed to apply", "cannot identify image"} {
		if strings.Contains(start, sign) {
			return KindBadImage
		}
	}
	switch {
	// vLLM, about VLLM_MAX_IMAGE_PIXELS and a picture that alone exceeds its context
	case strings.Contains(start, "image dimensions ") && strings.Contains(start, " exceed the maximum of "),
		strings.Contains(start, "longer than the maximum model length"):
		return KindTooLarge
	case strings.Contains(start, "invalid model name passed in model="): // LiteLLM
		return KindWrongModel
	case strings.Contains(r.kind, "no_db_connection"): // LiteLLM, which looks up unknown keys
		return KindUnauthenticated
	}
	return KindBadRequest
}

// unreachable reports whether a gateway could not connect to the server, so that the page did not arrive. A connection
// lost later does not count, since the page may be the cause.
func unreachable(r refusal) bool {
	start := strings.ToLower(clip(r.message, 200))
	for _, sign := range []string{"cannot connect to host", "connect call failed", "all connection attempts failed",
		"connection refused"} {
		if strings.Contains(start, sign) {
			return true
		}
	}
	return false
}

// isWrongModel reports whether the server itself, rather than its routing or a platform, says that it does not have the
// model.
func isWrongModel(r refusal) bool {
	all := strings.ToLower(r.message) + " " + r.kind + " " + r.param
	return r.json && !r.routing && (strings.Contains(all, "model") || strings.Contains(r.kind, "notfounderror"))
}

// retryAfter parses a Retry-After header with seconds or a date; it returns 0 if there is none or if it is past.
func retryAfter(header string) time.Duration {
	if seconds, err := strconv.ParseInt(header, 10, 32); err == nil {
		return max(0, time.Duration(seconds)*time.Second)
	}
	if at, err := http.ParseTime(header); err == nil {
		return max(0, time.Until(at))
	}
	return 0
}
