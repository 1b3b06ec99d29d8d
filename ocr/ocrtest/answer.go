package ocrtest

import (
	"fmt"
	"net/http"
	"strconv"
)

// Text is a complete page with this text.
func Text(text string) Reply { return Finish("stop", text) }

// TextOf is a complete page whose text depends on the image. It is called from many goroutines.
func TextOf(read func(image []byte) string) Reply {
	return modelReply(func(r *Request) string { return answerBody(r, content(read(r.Image)), "stop", 0) })
}

// Describe reads an image as its own description, so that different images have different texts. It is what a new
// server does.
func Describe() Reply {
	return TextOf(func(image []byte) string { return "page " + Hash(image)[:12] })
}

// Blank is the answer to an empty page: a complete answer without text.
func Blank() Reply { return Finish("stop", "") }

// BlankNull is the same with null for the text.
func BlankNull() Reply {
	return modelReply(func(r *Request) string { return answerBody(r, "null", "stop", 1) })
}

// Finish is an answer with a finish reason: stop, length, repetition, abort, or one of the future. With length the
// usage says that the limit was used up.
func Finish(reason, text string) Reply {
	return modelReply(func(r *Request) string { return answerBody(r, content(text), reason, 0) })
}

// FinishNull is an answer that does not say how it ended.
func FinishNull(text string) Reply {
	return modelReply(func(r *Request) string { return answerBody(r, content(text), "", 0) })
}

// FinishAt is Finish with a number of tokens: of a text that was cut by the context, less than what was asked for.
func FinishAt(reason, text string, tokens int) Reply {
	return modelReply(func(r *Request) string { return answerBody(r, content(text), reason, tokens) })
}

// OldText is a complete page as an older server writes it, with the least fields.
func OldText(text string) Reply {
	return modelReply(func(r *Request) string {
		return fmt.Sprintf(`{"id":"chatcmpl-1","object":"chat.completion","created":1795430400,"model":%s,`+
			`"choices":[{"index":0,"message":{"role":"assistant","content":%s},"finish_reason":"stop"}],`+
			`"usage":{"prompt_tokens":%d,"completion_tokens":%d,"total_tokens":%d}}`,
			quote(r.server.models[0]), quote(text), r.PromptTokens, tokens(text), r.PromptTokens+tokens(text))
	})
}

// NoChoices is a 200 with nothing in it.
func NoChoices() Reply {
	return modelReply(func(r *Request) string {
		return `{"id":"chatcmpl-1","object":"chat.completion","created":1795430400,"model":` +
			quote(r.server.models[0]) + `,"choices":[],"usage":null}`
	})
}

// modelReply is a 200 with a body that depends on the request.
func modelReply(body func(*Request) string) Reply {
	return Reply{model: true, whole: true, write: func(w http.ResponseWriter, r *Request) {
		contentType := "application/json"
		if r.server.llama {
			contentType = llamaJSON
		}
		Raw(200, contentType, body(r)).write(w, r)
	}}
}

// content is a text as the answer's content.
func content(text string) string { return quote(text) }

// answerBody is a full answer, nulls included. An empty reason is null; n is completion_tokens, 0 to count them.
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

// tokens is a rough count for a text: one in four bytes and the end; of the empty text one, as the model has.
func tokens(text string) int {
	if text == `""` || text == "" {
		return 1
	}
	return len(text)/4 + 1
}

// Cut sends a good answer but for its end, and closes the connection.
func Cut(text string) Reply {
	return Reply{model: true, write: func(w http.ResponseWriter, r *Request) {
		body := answerBody(r, content(text), "stop", 0)
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		w.Write([]byte(body[:len(body)/2]))
	}}
}

// Slow sends the headers and half of a good answer, and the rest when the gate lets it.
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
