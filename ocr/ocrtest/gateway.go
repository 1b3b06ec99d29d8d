package ocrtest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"
)

// Gateway puts LiteLLM in front of the server, as version 1.108.7 behaves with vLLM: errors are wrapped, an unknown
// model is a 400, a finish reason unknown to OpenAI's API becomes stop with the original in a separate field, and while
// the server is down every page gets a 500. Scripted replies are those of the server behind the gateway.
func Gateway() Option { return func(s *Server) { s.gateway = true } }

// pass forwards a request to the server and responds in the gateway's format.
func (s *Server) pass(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/v1/models":
		s.count(func(c *Counts) { c.Models++ })
		s.listGatewayModels(w)
		return
	case "/version", "/ping", "/load":
		Detail(404, "Not Found").write(w, nil)
		return
	case pagePath:
	default:
		s.route(w, r)
		return
	}
	if r.Method != http.MethodPost {
		s.route(w, r)
		return
	}
	r.Header.Set("Content-Type", "application/json") // whatever it was
	if refusal := s.checkAtGateway(r); refusal != nil {
		s.count(func(c *Counts) { c.Refused++ })
		refusal.write(w, nil)
		return
	}
	behind := &recorder{header: http.Header{}}
	if s.down.Load() {
		s.count(func(c *Counts) { c.Refused++ })
	} else {
		s.route(behind, r)
	}
	switch {
	case s.down.Load() && behind.status == 0:
		wrapped(500, "Cannot connect to host REDACTED:8000 ssl:<ssl.SSLContext object at 0x7f9412be3d10> [Connect call failed ('REDACTED', 8000)]",
			s.models[0]).write(w, nil)
	case behind.status == 0: // the server closed the connection
		wrapped(500, "Server disconnected", s.models[0]).write(w, nil)
	case behind.status == 200:
		behind.copyTo(w, translated(behind.body.Bytes()))
	case behind.status == 404 && strings.Contains(behind.body.String(), `"param":"model"`):
		unknownModel(behind.body.String()).write(w, nil)
	case behind.status >= 400:
		wrapped(behind.status, behind.body.String(), s.models[0]).write(w, nil)
	default:
		behind.copyTo(w, behind.body.Bytes())
	}
}

// checkAtGateway returns the gateway's own refusal of a request. The body can be read again afterwards.
func (s *Server) checkAtGateway(r *http.Request) *Reply {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil // the server will find the same
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	var fields map[string]json.RawMessage
	var refusal Reply
	switch err := json.Unmarshal(body, &fields); {
	case len(body) > 0 && utf8.Valid(body) && err != nil:
		refusal = Raw(400, "application/json",
			`{"error":{"message":"Invalid JSON payload: unexpected character, expected a string key: line 1 column 2 (char 1)",`+
				`"type":"invalid_request_error","param":"request_body","code":"400"}}`)
	case fields["messages"] == nil:
		refusal = Raw(400, "application/json",
			`{"error":{"message":"/chat/completions: Missing required parameter: 'messages'.",`+
				`"type":"invalid_request_error","param":"messages","code":"400"}}`)
	default:
		var model string
		if json.Unmarshal(fields["model"], &model); slices.Contains(s.models, model) {
			return nil
		}
		refusal = unknownModel("`" + model + "`")
	}
	return &refusal
}

// unknownModel returns the gateway's own refusal of the model named in the server's refusal.
func unknownModel(refusal string) Reply {
	asked := "None"
	if words := strings.Split(refusal, "`"); len(words) > 1 && words[1] != "" {
		asked = words[1]
	}
	message := "/chat/completions: Invalid model name passed in model=" + asked +
		". Call `/v1/models` to view available models for your key."
	return Raw(400, "application/json",
		fmt.Sprintf(`{"error":{"message":%[1]s,"type":"invalid_request_error","param":null,"code":"400",`+
			`"provider_specific_fields":{"error":%[1]s}}}`, quote(message)))
}

// wrapped returns the gateway's error around the server's.
func wrapped(status int, inner, model string) Reply {
	kind := "invalid_request_error"
	if status >= 500 {
		kind = "internal_server_error"
	}
	class, ok := map[int]string{
		400: "BadRequestError", 401: "AuthenticationError: AuthenticationError", 404: "NotFoundError: NotFoundError",
		429: "RateLimitError: RateLimitError", 500: "InternalServerError: InternalServerError",
		503: "ServiceUnavailableError: ServiceUnavailableError",
	}[status]
	switch {
	case !ok:
		class = "APIError: APIError"
	case strings.Contains(inner, "maximum context length"):
		class = "ContextWindowExceededError: litellm.BadRequestError: ContextWindowExceededError"
		inner += "\nmodel=" + model +
			". context_window_fallbacks=None. fallbacks=None.\n\nSet 'context_window_fallback' - https://docs.litellm.ai/docs/routing#fallbacks"
	}
	return gatewayError(status, kind,
		fmt.Sprintf("litellm.%s: Hosted_vllmException - %s\n\nLiteLLM: model group '%s' failed with the error above. No fallback was attempted.",
			class, inner, model))
}

// gatewayError returns an error in the gateway's format, in which the code is a string.
func gatewayError(status int, kind, message string) Reply {
	return Raw(status, "application/json",
		fmt.Sprintf(`{"error":{"message":%s,"type":%s,"param":null,"code":"%d"}}`, quote(message), quote(kind), status))
}

// translated returns an answer as the gateway passes it on; an answer that it cannot decode is unchanged.
func translated(body []byte) []byte {
	var answer map[string]any
	if json.Unmarshal(body, &answer) != nil {
		return body
	}
	choices, _ := answer["choices"].([]any)
	for _, c := range choices {
		choice, ok := c.(map[string]any)
		if !ok {
			return body
		}
		kept := map[string]any{}
		for _, name := range []string{"stop_reason", "routed_experts", "token_ids"} {
			kept[name] = choice[name]
			delete(choice, name)
		}
		switch reason := choice["finish_reason"]; reason {
		case "stop", "length", "tool_calls", "content_filter":
		default:
			kept["native_finish_reason"] = reason
			choice["finish_reason"] = "stop"
		}
		choice["provider_specific_fields"] = kept
		if message, ok := choice["message"].(map[string]any); ok {
			message["provider_specific_fields"] = map[string]any{"reasoning": message["reasoning"]}
			for _, name := range []string{"annotations", "audio", "function_call", "reasoning"} {
				delete(message, name)
			}
		}
	}
	if usage, ok := answer["usage"].(map[string]any); ok {
		delete(usage, "prompt_tokens_details")
		delete(usage, "completion_tokens_details")
	}
	for _, name := range []string{"prompt_logprobs", "prompt_token_ids", "prompt_text", "kv_transfer_params",
		"ec_transfer_params", "metrics", "service_tier"} {
		delete(answer, name)
	}
	out, _ := json.Marshal(answer) // it came from JSON
	return out
}

func (s *Server) listGatewayModels(w http.ResponseWriter) {
	var entries []string
	for _, name := range s.models {
		entries = append(entries,
			fmt.Sprintf(`{"id":%s,"object":"model","created":1795430000,"owned_by":"openai","max_input_tokens":%d,"max_output_tokens":%d}`,
				quote(name), s.maxModelLen, s.maxModelLen))
	}
	Raw(200, "application/json", `{"data":[`+strings.Join(entries, ",")+`],"object":"list"}`).write(w, nil)
}

// gatewayKey returns the gateway's refusal of a request with a wrong key or none.
func gatewayKey(r *http.Request) Reply {
	if r.Header.Get("Authorization") == "" {
		return Raw(500, "text/plain; charset=utf-8", "Internal Server Error")
	}
	return gatewayError(400, "no_db_connection", "No connected db.")
}

// recorder records a response. It does not support hijacking, so a reply that closes the connection leaves it empty.
type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (r *recorder) Header() http.Header { return r.header }

func (r *recorder) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
}

func (r *recorder) Write(b []byte) (int, error) {
	r.WriteHeader(200)
	return r.body.Write(b)
}

// copyTo writes the recorded response with another body.
func (r *recorder) copyTo(w http.ResponseWriter, body []byte) {
	for name, values := range r.header {
		w.Header()[name] = values
	}
	w.Header().Set("Content-Length", fmt.Sprint(len(body)))
	w.WriteHeader(r.status)
	w.Write(body)
}
