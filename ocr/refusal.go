package ocr

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// maxRefusal is how much of an error body is read, in bytes: vLLM's validation messages can repeat the whole image.
const maxRefusal = 64 << 10

// refusal is what could be read of an error body. Servers write it in at least eight shapes.
type refusal struct {
	message string
	kind    string // "type", and "code" where that is a word
	param   string
	json    bool // by the server itself: platforms answer in text or HTML
	routing bool // by the server's routing, before anything that knows models
}

// readRefusal turns a status other than 200 into an error.
func readRefusal(resp *http.Response, auth credentials) *Error {
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxRefusal))
	r := decodeRefusal(body)
	e := &Error{
		Kind: classify(resp.StatusCode, r), Phase: PhaseRead, Status: resp.StatusCode,
		RetryAfter: retryAfter(resp.Header.Get("Retry-After")), Message: cleanText(auth.hide(r.message)), platform: !r.json,
	}
	if e.Message == "" {
		e.Message = http.StatusText(resp.StatusCode)
	}
	if err != nil { // the status says enough; the reason for the cut goes along
		e.Err = err
	}
	return e
}

// closings complete a JSON text that was cut off inside a string or behind one; the first is for text that is complete.
var closings = []string{"", `"}}`, `"}`, `"}]}`, `"]}}`, `"]}`, `}}`, `}`}

// decodeRefusal never fails: what is not understood is kept as text.
func decodeRefusal(body []byte) refusal {
	body = bytes.TrimSpace(body)
	if len(body) > 0 && body[0] == '{' {
		for _, closing := range closings {
			text := body
			if closing != "" {
				text = append(trimEscape(body), closing...)
			}
			var fields map[string]json.RawMessage
			if json.Unmarshal(text, &fields) == nil {
				return readFields(fields)
			}
		}
	}
	return refusal{message: string(body), json: false}
}

// trimEscape drops the beginning of an escape sequence at the end of a cut text.
func trimEscape(body []byte) []byte {
	from := max(0, len(body)-6)
	slash := bytes.LastIndexByte(body[from:], '\\')
	if slash < 0 {
		return bytes.Clone(body)
	}
	at := from + slash
	if before := body[:at]; (len(before)-len(bytes.TrimRight(before, `\`)))%2 == 1 {
		return bytes.Clone(body) // that backslash is itself escaped
	}
	whole := 2
	if at+1 < len(body) && body[at+1] == 'u' {
		whole = 6
	}
	if at+whole <= len(body) {
		return bytes.Clone(body)
	}
	return bytes.Clone(body[:at])
}

// readFields finds the error in an object: under "error" as object or string, flat, or as FastAPI's "detail".
func readFields(fields map[string]json.RawMessage) refusal {
	r := refusal{json: true}
	var inner map[string]json.RawMessage
	switch {
	case json.Unmarshal(fields["error"], &inner) == nil && inner != nil:
		r.take(inner)
	case fields["error"] != nil:
		r.message = asText(fields["error"])
	case fields["message"] != nil:
		r.take(fields)
	case fields["detail"] != nil:
		r.message, r.routing = asText(fields["detail"]), true
	default:
		r.json = false
		whole, _ := json.Marshal(fields)
		r.message = string(whole)
	}
	return r
}

func (r *refusal) take(fields map[string]json.RawMessage) {
	r.message, r.param = asText(fields["message"]), asText(fields["param"])
	r.kind = strings.ToLower(asText(fields["type"]) + " " + asText(fields["code"]))
}

// asText is a string's text, nothing for null, and the JSON of anything else.
func asText(raw json.RawMessage) string {
	var s *string
	if len(raw) == 0 || json.Unmarshal(raw, &s) == nil {
		if s == nil {
			return ""
		}
		return *s
	}
	return string(raw)
}

// classify is the table of statuses. Where the same status means several things, the body decides.
func classify(status int, r refusal) Kind {
	switch {
	case status >= 300 && status < 400, status == http.StatusMethodNotAllowed:
		return KindWrongAddress
	case status == http.StatusBadRequest:
		return classifyBadRequest(r)
	case status == http.StatusNotFound:
		return classifyNotFound(r)
	case status == http.StatusInternalServerError:
		return classifyServerError(r)
	}
	if kind, known := byStatus[status]; known {
		return kind
	}
	switch {
	case status >= 500:
		return KindUnavailable
	case status >= 400:
		return KindBadRequest
	}
	return KindBadResponse
}

var byStatus = map[int]Kind{
	http.StatusUnauthorized:          KindUnauthenticated,
	http.StatusForbidden:             KindForbidden,
	http.StatusRequestTimeout:        KindUnavailable, // a proxy did not get the whole request
	http.StatusRequestEntityTooLarge: KindTooLarge,
	http.StatusTooEarly:              KindUnavailable,
	http.StatusTooManyRequests:       KindOverloaded,
	http.StatusNotImplemented:        KindBadImage,
	http.StatusBadGateway:            KindUnavailable,
	http.StatusServiceUnavailable:    KindOverloaded,
	http.StatusGatewayTimeout:        KindTimeout,
}

// classifyBadRequest looks at the beginning only: validation messages repeat their input further on.
func classifyBadRequest(r refusal) Kind {
	start := strings.ToLower(r.message[:min(len(r.message), 200)])
	for _, words := range []string{"failed to load", "failed to apply", "cannot identify image"} {
		if strings.Contains(start, words) {
			return KindBadImage
		}
	}
	return KindBadRequest
}

// classifyNotFound: a server that knows no such model says so in its error shape; routing and platforms answer otherwise.
func classifyNotFound(r refusal) Kind {
	words := strings.ToLower(r.message) + " " + r.kind + " " + r.param
	if r.json && !r.routing && (strings.Contains(words, "model") || strings.Contains(r.kind, "notfounderror")) {
		return KindWrongModel
	}
	return KindWrongAddress
}

// classifyServerError: JSON comes from the server, text from the platform in front of it, but for the two words that the server's web
// framework (Starlette) uses where nobody handled an exception.
func classifyServerError(r refusal) Kind {
	if r.json || r.message == "Internal Server Error" {
		return KindBackendFailed
	}
	return KindUnavailable
}

// retryAfter reads seconds or a date; 0 if there is none or it is past.
func retryAfter(header string) time.Duration {
	if seconds, err := strconv.ParseInt(header, 10, 32); err == nil {
		return max(0, time.Duration(seconds)*time.Second)
	}
	if at, err := http.ParseTime(header); err == nil {
		return max(0, time.Until(at))
	}
	return 0
}
