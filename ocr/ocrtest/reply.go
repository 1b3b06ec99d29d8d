package ocrtest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Reply is the reply to a request. It can be used more than once.
type Reply struct {
	early bool // sent before the request's body is read
	model bool // of the model: sent after vLLM's checks, and counted as running
	whole bool // a complete 200
	gate  *Gate
	delay time.Duration
	write func(http.ResponseWriter, *Request)
}

// Custom returns a reply that calls write. With checks set, it follows vLLM's checks and counts as the model's.
func Custom(checks bool, write func(http.ResponseWriter, *Request)) Reply {
	return Reply{model: checks, whole: checks, write: write}
}

// Hold returns a reply that waits at a gate: for a cold start, a queue, a long page.
func Hold(gate *Gate, r Reply) Reply {
	r.gate = gate
	return r
}

// Delay returns a reply that waits for a time. Prefer a [Gate] where possible.
func Delay(d time.Duration, r Reply) Reply {
	r.delay = d
	return r
}

// With returns a reply with an additional header, such as Retry-After.
func With(name, value string, r Reply) Reply {
	inner := r.write
	r.write = func(w http.ResponseWriter, req *Request) {
		w.Header().Set(name, value)
		inner(w, req)
	}
	return r
}

// Raw returns a reply with any status and body, regardless of the request.
func Raw(status int, contentType, body string) Reply {
	return Reply{whole: status == 200, write: func(w http.ResponseWriter, _ *Request) {
		if contentType != "" {
			w.Header().Set("Content-Type", contentType)
		}
		if w.Header().Get("Server") == "" {
			w.Header().Set("Server", "uvicorn")
		}
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		w.WriteHeader(status)
		w.Write([]byte(body))
	}}
}

// Empty returns a reply with a status and no body.
func Empty(status int) Reply { return Raw(status, "", "") }

// HTML returns a reply with a web page: with 200, that of a login page or an intercepting proxy.
func HTML(status int, body string) Reply {
	r := Raw(status, "text/html; charset=UTF-8", body)
	r.whole = false
	return r
}

// Redirect returns a redirect.
func Redirect(status int, location string) Reply {
	return With("Location", location, HTML(status, "<a href="+strconv.Quote(location)+">Moved</a>"))
}

// Reset returns a reply that closes the connection without a response after reading the whole request.
func Reset() Reply { return Reply{write: func(w http.ResponseWriter, _ *Request) { hangUp(w) }} }

// ResetEarly returns a reply that closes the connection before reading the request.
func ResetEarly() Reply {
	return Reply{early: true, write: func(w http.ResponseWriter, _ *Request) { hangUp(w) }}
}

// Early returns a reply that is sent before the request is read, as by a front end.
func Early(r Reply) Reply {
	r.early = true
	return r
}

// Error returns an error in vLLM's format. An empty param becomes null, as in most errors.
func Error(status int, kind, param, message string) Reply {
	return Raw(status, "application/json", errorBody(status, kind, param, message))
}

func errorBody(status int, kind, param, message string) string {
	name := "null"
	if param != "" {
		name = quote(param)
	}
	return fmt.Sprintf(`{"error":{"message":%s,"type":%s,"param":%s,"code":%d}}`, quote(message), quote(kind), name,
		status)
}

// StringError returns an error in the format of vLLM's key check and scaling reply, and of Ollama.
func StringError(status int, message string) Reply {
	return Raw(status, "application/json", `{"error":`+quote(message)+`}`)
}

// Detail returns an error in the format of FastAPI's routing.
func Detail(status int, message string) Reply {
	return Raw(status, "application/json", `{"detail":`+quote(message)+`}`)
}

// Invalid returns a refusal by a schema that forbids extra fields, which repeats its input, in vLLM's format or else in
// FastAPI's own.
func Invalid(vllm bool, field string) Reply {
	if vllm {
		return Error(400, "Bad Request", "body."+field,
			"1 validation error:\n  {'type': 'extra_forbidden', 'loc': 'body."+field+
				"', 'msg': 'Extra inputs are not permitted', 'input': {'max_tokens': 1, 'repetition_detection': {}, 'chat_template_kwargs': {}}}")
	}
	return Raw(422, "application/json", `{"detail":[{"type":"extra_forbidden","loc":["body",`+quote(field)+
		`],"msg":"Extra inputs are not permitted","input":{"max_tokens":1,"repetition_detection":{},"chat_template_kwargs":{}}}]}`)
}

// FlatError returns an error in the format of vLLM before 0.10.1 and of SGLang.
func FlatError(status int, kind, message string) Reply {
	return Raw(status, "application/json",
		fmt.Sprintf(`{"object":"error","message":%s,"type":%s,"param":null,"code":%d}`, quote(message), quote(kind),
			status))
}

// StringCode returns an error in the format of vLLM's Rust front end.
func StringCode(status int, kind, code, message string) Reply {
	return Raw(status, "application/json",
		fmt.Sprintf(`{"error":{"message":%s,"type":%s,"param":null,"code":%s}}`, quote(message), quote(kind),
			quote(code)))
}

// NullCode returns an error in Ollama's format.
func NullCode(status int, kind, message string) Reply {
	return Raw(status, "application/json",
		fmt.Sprintf(`{"error":{"message":%s,"type":%s,"param":null,"code":null}}`, quote(message), quote(kind)))
}

// LlamaError returns an error in llama-server's format.
func LlamaError(status int, kind, message string) Reply {
	return Raw(status, "application/json; charset=utf-8",
		fmt.Sprintf(`{"error":{"code":%d,"message":%s,"type":%s}}`, status, quote(message), quote(kind)))
}

// quote encodes a string in JSON as Python does, without escaping < and >.
func quote(s string) string {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(s) // cannot fail for a string
	return strings.TrimSuffix(b.String(), "\n")
}
