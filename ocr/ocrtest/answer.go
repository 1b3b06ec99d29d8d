package ocrtest

import (
	"fmt"
	"net/http"
	"strconv"
)

// Text returns a reply with a complete page of this text.
func Text(text string) Reply { return Finish("stop", text) }

// TextOf returns a reply with a complete page whose text depends on the image. read may be called concurrently.
func TextOf(read func(image []byte) string) Reply {
	return modelReply(func(r *Request) string { return answerBody(r, content(read(r.Image)), "stop", 0) })
}

// Describe returns a reply whose text identifies the image, so that different images have different texts. It is the
// default of a new server.
func Describe() Reply {
	return TextOf(func(image []byte) string { return "page " + Hash(image)[:12] })
}

// Blank returns the reply for an empty page: a complete answer without text.
func Blank() Reply { return Finish("stop", "") }

// BlankNull is like Blank, but with null for the text.
func BlankNull() Reply {
	return modelReply(func(r *Request) string { return answerBody(r, "null", "stop", 1) })
}

// Finish returns a reply with a finish reason: stop, length, repetition, abort, or any other. With length, the usage
// shows that the limit was used up.
func Finish(reason, text string) Reply {
	return modelReply(func(r *Request) string { return answerBody(r, content(text), reason, 0) })
}

// FinishNull returns a reply without a finish reason.
func FinishNull(text string) Reply {
	return modelReply(func(r *Request) string { return answerBody(r, content(text), "", 0) })
}

// FinishAt is like Finish, with the given number of tokens: a text cut off by the context has fewer than requested.
func FinishAt(reason, text string, tokens int) Reply {
	return modelReply(func(r *Request) string { return answerBody(r, content(text), reason, tokens) })
}

// OldText returns a reply with a complete page in the format of an older server, with the fewest fields.
func OldText(text string) Reply {
	return modelReply(func(r *Request) string {
		return fmt.Sprintf(`{"id":"chatcmpl-1","object":"chat.completion","created":1795430400,"model":%s,`+
			`"choices":[{"index":0,"message":{"role":"assistant","content":%s},"finish_reason":"stop"}],`+
			`"usage":{"prompt_tokens":%d,"completion_tokens":%d,"total_tokens":%d}}`,
			quote(r.server.models[0]), quote(text), r.PromptTokens, tokens(text), r.PromptTokens+tokens(text))
	})
}

// NoChoices returns a 200 without choices.
func NoChoices() Reply {
	return modelReply(func(r *Request) string {
		return `{"id":"chatcmpl-1","object":"chat.completion","created":1795430400,"model":` +
			quote(r.server.models[0]) + `,"choices":[],"usage":null}`
	})
}

// modelReply returns a 200 with a body that depends on the request.
func modelReply(body func(*Request) string) Reply {
	return Reply{model: true, whole: true, write: func(w http.ResponseWriter, r *Request) {
		contentType := "application/json"
		if r.server.llama {
			contentType = llamaJSON
		}
		Raw(200, contentType, body(r)).write(w, r)
	}}
}

// content encodes a text as the content of an answer.
func content(text string) string { return quote(text) }

// answerBody returns a full answer, including nulls. An empty reason becomes null; n is completion_tokens, or 0 to
// count them.
func answerBody(r *Request, content, reason string, n int) string {
	stop := "null"
	switch {
	case n != 0:
	case reason == "length":
		n = r.limit()
	default:
		n = tokens(content)
	}
	if reason == "repetition" {
		stop = `"repetition_detected"`
	}
	finish := "null"
	if reason != "" {
		finish = quote(reason)
	}
	if r.server.llama {
		return llamaAnswer(r, content, finish, n)
	}
	return fmt.Sprintf(answerForm, quote(r.server.models[0]), content, finish, stop, r.PromptTokens, r.PromptTokens+n,
		n)
}

const answerForm = `{"id":"chatcmpl-9f1c0a5e7b2d4c63","object":"chat.completion","created":1795430400,"model":%s,` +
	`"choices":[{"index":0,"message":{"role":"assistant","content":%s,"refusal":null,"annotations":null,"audio":null,"function_call":null,"reasoning":null},` +
	`"logprobs":null,"finish_reason":%s,"stop_reason":%s,"token_ids":null,"routed_experts":null}],` +
	`"service_tier":null,"system_fingerprint":"vllm-0.30.0-1a2b3c4d",` +
	`"usage":{"prompt_tokens":%d,"total_tokens":%d,"completion_tokens":%d,"prompt_tokens_details":null,"completion_tokens_details":null},` +
	`"prompt_logprobs":null,"prompt_token_ids":null,"prompt_text":null,"kv_transfer_params":null,"ec_transfer_params":null,"metrics":null}`

// tokens returns a rough count for a text: one for every four bytes and one for the end, so that an empty text has one,
// as with the model.
func tokens(text string) int {
	if text == `""` || text == "" {
		return 1
	}
	return len(text)/4 + 1
}

// Cut returns a reply that sends a good answer without its end and closes the connection.
func Cut(text string) Reply {
	return Reply{model: true, write: func(w http.ResponseWriter, r *Request) {
		body := answerBody(r, content(text), "stop", 0)
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		w.Write([]byte(body[:len(body)/2]))
	}}
}

// Slow returns a reply that sends the headers and half of a good answer, and the rest after passing the gate.
func Slow(gate *Gate, text string) Reply {
	return Reply{model: true, whole: true, write: func(w http.ResponseWriter, r *Request) {
		body := answerBody(r, content(text), "stop", 0)
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		w.Write([]byte(body[:len(body)/2]))
		http.NewResponseController(w).Flush()
		if gate.enter(r.context) == nil {
			w.Write([]byte(body[len(body)/2:]))
		}
	}}
}
