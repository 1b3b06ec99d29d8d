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

// Reply is what one request gets. The functions below make them; the same one can be used again.
type Reply struct {
	early bool // before the request's body is read
	model bool // by the model: after vLLM's checks, and counted as running
	whole bool // a 200 in full
	gate  *Gate
	delay time.Duration
	write func(http.ResponseWriter, *Request)
}

// Custom is a reply by any code. With checks it comes after vLLM's checks and counts as the model's.
func Custom(checks bool, write func(http.ResponseWriter, *Request)) Reply {
	return Reply{model: checks, whole: checks, write: write}
}

// Hold makes a reply wait at a gate: a cold start, a queue, a long page.
func Hold(gate *Gate, r Reply) Reply {
	r.gate = gate
	return r
}

// Delay makes a reply wait for a time. A Gate is better where a test can do with it.
func Delay(d time.Duration, r Reply) Reply {
	r.delay = d
	return r
}

// With adds a header to a reply, such as Retry-After.
func With(name, value string, r Reply) Reply {
	inner := r.write
	r.write = func(w http.ResponseWriter, req *Request) {
		w.Header().Set(name, value)
		inner(w, req)
	}
	return r
}

// Raw is any status with any body, and no look at the request.
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

// Empty is a status with no body at all.
func Empty(status int) Reply { return Raw(status, "", "") }

// HTML is a web page: with 200, what a login page or a proxy in the way answers.
func HTML(status int, body string) Reply {
	r := Raw(status, "text/html; charset=UTF-8", body)
	r.whole = false
	return r
}

// Redirect sends the client elsewhere.
func Redirect(status int, location string) Reply {
	return With("Location", location, HTML(status, "<a href="+strconv.Quote(location)+">Moved</a>"))
}

// Reset closes the connection without an answer, after the whole request was read.
func Reset() Reply { return Reply{write: func(w http.ResponseWriter, _ *Request) { hangUp(w) }} }

// ResetEarly closes the connection before the request was read.
func ResetEarly() Reply {
	return Reply{early: true, write: func(w http.ResponseWriter, _ *Request) { hangUp(w) }}
}

// Early sends a reply before the request is read, as a front end may.
func Early(r Reply) Reply {
	r.early = true
	return r
}

// Error is vLLM's error shape. An empty param is null, as for most.
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

// StringError is the shape of vLLM's key check and of its scaling answer; Ollama has it too.
func StringError(status int, message string) Reply {
	return Raw(status, "application/json", `{"error":`+quote(message)+`}`)
}

// Detail is the shape of FastAPI's routing.
func Detail(status int, message string) Reply {
	return Raw(status, "application/json", `{"detail":`+quote(message)+`}`)
}

// Invalid is a refusal by the checks of a schema that takes no other fields, which repeats its input: FastAPI's own, if
// it is not vLLM's.
func Invalid(vllm bool, field string) Reply {
	if vllm {
		return Error(400, "Bad Request", "body."+field,
			"1 validation error:\n  {'type': 'extra_forbidden', 'loc': 'body."+field+
				"', 'msg': 'Extra inputs are not permitted', 'input': {'max_tokens': 1, 'repetition_detection': {}, 'chat_template_kwargs': {}}}")
	}
	return Raw(422, "application/json", `{"detail":[{"type":"extra_forbidden","loc":["body",`+quote(field)+
		`],"msg":"Extra inputs are not permitted","input":{"max_tokens":1,"repetition_detection":{},"chat_template_kwargs":{}}}]}`)
}

// FlatError is the shape of vLLM before 0.10.1 and of SGLang.
func FlatError(status int, kind, message string) Reply {
	return Raw(status, "application/json",
		fmt.Sprintf(`{"object":"error","message":%s,"type":%s,"param":null,"code":%d}`, quote(message), quote(kind),
			status))
}

// StringCode is the shape of vLLM's Rust front end.
func StringCode(status int, kind, code, message string) Reply {
	return Raw(status, "application/json",
		fmt.Sprintf(`{"error":{"message":%s,"type":%s,"param":null,"code":%s}}`, quote(message), quote(kind),
			quote(code)))
}

// NullCode is Ollama's shape.
func NullCode(status int, kind, message string) Reply {
	return Raw(status, "application/json",
		fmt.Sprintf(`{"error":{"message":%s,"type":%s,"param":null,"code":null}}`, quote(message), quote(kind)))
}

// LlamaError is llama-server's shape.
func LlamaError(status int, kind, message string) Reply {
	return Raw(status, "application/json; charset=utf-8",
		fmt.Sprintf(`{"error":{"code":%d,"message":%s,"type":%s}}`, status, quote(message), quote(kind)))
}

// quote is a string in JSON, as Python writes it: < and > stay as they are.
func quote(s string) string {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(s) // a string can always be encoded
	return strings.TrimSuffix(b.String(), "\n")
}
