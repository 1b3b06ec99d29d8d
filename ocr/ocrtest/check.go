package ocrtest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	_ "image/gif"  // what Pillow reads,
	_ "image/jpeg" // as far as
	_ "image/png"  // this library does
	"math"
	"mime"
	"slices"
	"strings"
	"unicode/utf8"
)

// check returns vLLM's refusal of a request, or nil if vLLM would accept it. The checks are in vLLM's order: a wrong
// model with a bad image is a 404, and a bad image with a temperature of 3 is reported as a bad image.
func (s *Server) check(r *Request) *Reply {
	for _, step := range []func(*Request) *Reply{
		checkContentType, checkJSON, checkSchema, s.checkFields, s.checkModel, s.checkEngine, checkTemplate,
		s.checkMaxTokens,
		checkParts, s.checkImage, s.checkLength, checkRanges,
	} {
		if problem := step(r); problem != nil {
			return problem
		}
	}
	return nil
}

func refuse(status int, kind, param, format string, args ...any) *Reply {
	r := Error(status, kind, param, fmt.Sprintf(format, args...))
	return &r
}

// badRequest returns a refusal by vLLM's own code, and invalid one by the schema validation, which repeats its input.
func badRequest(param, format string, args ...any) *Reply {
	return refuse(400, "BadRequestError", param, format, args...)
}

func invalid(param, kind, words string, input []byte) *Reply {
	return refuse(400, "Bad Request", param,
		"1 validation error:\n  {'type': '%s', 'loc': '%s', 'msg': '%s', 'input': %s}", kind, param, words,
		shown(input))
}

// shown returns a piece of the request as messages repeat it: only the ends of a long text, and only the size of an
// object.
func shown(input []byte) string {
	var fields map[string]json.RawMessage
	var word string
	switch {
	case json.Unmarshal(input, &fields) == nil && fields != nil:
		return fmt.Sprintf("'<dict of %d items>'", len(fields))
	case json.Unmarshal(input, &word) == nil:
		return "'" + ends(word) + "'"
	}
	return "'" + ends(string(input)) + "'"
}

// ends shortens a long text as Python's schemas do.
func ends(s string) string {
	if len(s) <= 50 {
		return s
	}
	return s[:24] + "..." + s[len(s)-23:]
}

func checkContentType(r *Request) *Reply {
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != "application/json" {
		return refuse(400, "Bad Request", "",
			"1 validation error:\n  Unsupported Media Type: Only 'application/json' is allowed")
	}
	return nil
}

func checkJSON(r *Request) *Reply {
	if !utf8.Valid(r.Body) { // compressed, for example
		unreadable := Detail(400, "There was an error parsing the body")
		return &unreadable
	}
	if json.Valid(r.Body) {
		return nil
	}
	if len(r.Body) == 0 {
		return invalid("body", "missing", "Field required", []byte("None"))
	}
	position := len(r.Body)
	var syntax *json.SyntaxError
	if err := json.Unmarshal(r.Body, new(any)); errors.As(err, &syntax) {
		position = max(0, int(syntax.Offset)-1)
	}
	expected := "Expecting value"
	if position > 0 && position < len(r.Body) && r.Body[position-1] == '{' {
		expected = "Expecting property name enclosed in double quotes"
	}
	return refuse(400, "Bad Request", fmt.Sprintf("body.%d", position),
		"1 validation error:\n  {'type': 'json_invalid', 'loc': 'body.%d', 'msg': 'JSON decode error', "+
			"'input': '<dict of 0 items>', 'ctx': {'error': '%s'}}", position, expected)
}

// schema lists the fields whose types are checked. A wrong type is refused with the whole input in the message.
var schema = []struct {
	name string
	into func() any
}{
	{"messages", func() any { return new([]message) }},
	{"model", func() any { return new(string) }},
	{"temperature", func() any { return new(float64) }},
	{"top_p", func() any { return new(float64) }},
	{"max_tokens", func() any { return new(int) }},
	{"max_completion_tokens", func() any { return new(int) }},
	{"seed", func() any { return new(int64) }},
	{"stream", func() any { return new(bool) }},
	{"repetition_detection", func() any { return new(detection) }},
	{"chat_template_kwargs", func() any { return new(map[string]any) }},
}

func checkSchema(r *Request) *Reply {
	if r.Fields == nil {
		return invalid("body", "model_attributes_type", "Input should be a valid dictionary", r.Body)
	}
	if r.Fields["messages"] == nil {
		return invalid("body.messages", "missing", "Field required", r.Body)
	}
	for _, field := range schema {
		raw := r.Fields[field.name]
		if raw == nil || json.Unmarshal(raw, field.into()) == nil {
			continue
		}
		if field.name == "repetition_detection" {
			return refuse(400, "Bad Request", "body.repetition_detection",
				"1 validation error:\n  {'type': 'dataclass_type', 'loc': 'body.repetition_detection', "+
					"'msg': 'Input should be a dictionary or an instance of RepetitionDetectionParams', 'input': %s, 'ctx': {'class_name': 'RepetitionDetectionParams'}}",
				shown(raw))
		}
		return invalid("body."+field.name, "type_error", "Input has a wrong type", raw)
	}
	var stops []string
	if json.Unmarshal(r.Fields["stop"], &stops); len(stops) > 4 {
		return invalid("body.stop", "too_long", "List should have at most 4 items", r.Fields["stop"])
	}
	if r.Fields["stream_options"] != nil && string(r.Fields["stream"]) != "true" {
		return badRequest("stream_options", "Stream options can only be defined when `stream=True`.")
	}
	return nil
}

// checkFields refuses the fields set with [RefuseField].
func (s *Server) checkFields(r *Request) *Reply {
	for i, field := range s.refused {
		if r.Fields[field.name] != nil {
			return &s.refused[i].refusal
		}
	}
	return nil
}

func (s *Server) checkModel(r *Request) *Reply {
	if r.Model == "" && !s.gateway || slices.Contains(s.models, r.Model) {
		return nil
	}
	return refuse(404, "NotFoundError", "model", "The model `%s` does not exist.", r.Model)
}

func (s *Server) checkEngine(*Request) *Reply {
	switch {
	case s.engineDead.Load():
		return refuse(500, "InternalServerError", "", engineDead)
	case s.draining.Load():
		return refuse(500, "InternalServerError", "", "cannot schedule new futures after shutdown")
	}
	return nil
}

func checkTemplate(r *Request) *Reply {
	if r.Fields["chat_template"] != nil {
		return badRequest("",
			"Chat template is passed with request, but --trust-request-chat-template is not set. Refused request with untrusted chat template.")
	}
	if string(r.Fields["continue_final_message"]) == "true" && string(r.Fields["add_generation_prompt"]) != "false" {
		return badRequest("",
			"continue_final_message and add_generation_prompt are not compatible. Use continue_final_message when you want the model to continue "+
				"the final message, and add_generation_prompt when you want to add a header that will prompt it to start a new assistant message instead.")
	}
	return nil
}

func (s *Server) checkMaxTokens(r *Request) *Reply {
	if r.MaxTokens > s.maxModelLen {
		return badRequest("max_tokens",
			"max_tokens=%d cannot be greater than max_model_len=max_total_tokens=%d. Please request fewer output tokens. (parameter=max_tokens, value=%d)",
			r.MaxTokens, s.maxModelLen, r.MaxTokens)
	}
	if r.MaxTokens == s.maxModelLen { // as in 0.30.0; later versions lower it
		return badRequest("input_text",
			"This model's maximum context length is %d tokens. However, you requested %d output tokens and your prompt contains 63 characters "+
				"(more than 0 characters, which is the upper bound for 0 input tokens). Please reduce the length of the input prompt or the number of requested output tokens. (parameter=input_text, value=63)",
			s.maxModelLen, r.MaxTokens)
	}
	return nil
}

func (s *Server) checkLength(r *Request) *Reply {
	if r.PromptTokens >= s.maxModelLen {
		return badRequest("input_tokens", "The prompt is too long: %d tokens, and the model takes %d.", r.PromptTokens,
			s.maxModelLen)
	}
	return nil
}

// detection holds the parameters of vLLM's loop detection.
type detection struct {
	Max   int `json:"max_pattern_size"`
	Min   int `json:"min_pattern_size"`
	Count int `json:"min_count"`
}

func checkRanges(r *Request) *Reply {
	if t := r.Temperature; t != nil && (*t < 0 || *t > 2) {
		return badRequest("temperature", "temperature must be in [0, 2], got %.1f. (parameter=temperature, value=%.1f)",
			*t, *t)
	}
	if p := r.TopP; p != nil && (*p <= 0 || *p > 1) {
		return badRequest("top_p", "top_p must be in (0, 1], got %.1f. (parameter=top_p, value=%.1f)", *p, *p)
	}
	if raw := r.Fields["max_tokens"]; raw != nil && r.MaxTokens < 1 {
		return badRequest("max_tokens", "max_tokens must be at least 1, got %d. (parameter=max_tokens, value=%d)",
			r.MaxTokens, r.MaxTokens)
	}
	for _, name := range []string{"frequency_penalty", "presence_penalty"} {
		var penalty float64
		if json.Unmarshal(r.Fields[name], &penalty); penalty < -2 || penalty > 2 {
			return badRequest("", "%s must be in [-2, 2], got %.1f.", name, penalty)
		}
	}
	var d *detection
	if json.Unmarshal(r.Fields["repetition_detection"], &d); d != nil && d.Max > 0 && (d.Count < 2 || d.Min > d.Max) {
		return badRequest("repetition_detection",
			"min_count must be at least 2 and min_pattern_size at most max_pattern_size")
	}
	return nil
}

// pillowLimit is the number of pixels above which vLLM's image library refuses an image.
const pillowLimit = 178_956_970

// checkParts checks the form of the content: part types, object form, one image.
func checkParts(r *Request) *Reply {
	images := 0
	for _, p := range r.parts() {
		switch p.Type {
		case "text":
		case "image_url":
			if url, ok := p.url(); !ok {
				return badRequest("",
					"1 validation error for ChatCompletionContentPartImageParam\nimage_url\n  Input should be a valid dictionary [type=dict_type, "+
						"input_value=%s, input_type=str]\n    For further information visit https://errors.pydantic.dev/2.14/v/dict_type",
					shown(p.ImageURL))
			} else if url == "" {
				return badRequest("", "image_url must hold a url")
			}
			images++
		default:
			return badRequest("", "Unknown part type: %s", p.Type)
		}
	}
	if images > 1 {
		return badRequest("image", "At most 1 image(s) may be provided in one prompt. (parameter=image)")
	}
	return nil
}

// checkImage loads the image like vLLM, and counts its tokens.
func (s *Server) checkImage(r *Request) *Reply {
	if r.URL == "" {
		r.PromptTokens = templateTokens
		return nil
	}
	if strings.HasPrefix(r.URL, "http") { // nothing is fetched: any other server seems to respond 404
		return refuse(422, "UnprocessableEntityError", "image_url", "Failed to fetch image: 404, message='Not Found'")
	}
	if strings.HasPrefix(r.URL, "file:") {
		return refuse(500, "InternalServerError", "", "Cannot load local files without `--allowed-local-media-path`.")
	}
	_, data, err := readDataURI(r.URL)
	switch {
	case errors.Is(err, errNotBase64):
		return refuse(501, "NotImplementedError", "", "%v", err)
	case err != nil:
		return badRequest("", "%v", err)
	}
	if s.anyImage {
		r.Width, r.Height = 1, 1
		r.PromptTokens = templateTokens + imageTokens(1, 1)
		return nil
	}
	return s.loadImage(r, data)
}

func (s *Server) loadImage(r *Request, data []byte) *Reply {
	header, _, err := image.DecodeConfig(bytes.NewReader(data))
	if err == nil && int64(header.Width)*int64(header.Height) > s.maxPixels {
		return refuse(500, "InternalServerError", "",
			"Image size (%d pixels) exceeds limit of %d pixels, could be decompression bomb DOS attack.",
			header.Width*header.Height, s.maxPixels)
	}
	if err != nil {
		return badRequest("", "Failed to load image: cannot identify image file <_io.BytesIO object>")
	}
	if _, _, err = image.Decode(bytes.NewReader(data)); err != nil {
		return badRequest("", "Failed to load image: image file is truncated")
	}
	if w, h := shrunk(header.Width, header.Height); w == 0 || h == 0 {
		return badRequest("",
			"Failed to apply PixtralProcessor on data={'text': '<|image_pad|>', 'images': [<PIL.Image.Image image mode=RGB size=%dx%d at 0x7F7AD3AD1D50>]} "+
				"with kwargs={'truncation': False, 'return_tensors': 'pt'}", header.Width, header.Height)
	}
	r.Width, r.Height = header.Width, header.Height
	r.PromptTokens = templateTokens + imageTokens(header.Width, header.Height)
	return nil
}

// templateTokens is the number of tokens that the chat template adds to the image.
const templateTokens = 11

// imageTokens returns the token count of the 1B models: patches of 14 pixels, merged two by two.
func imageTokens(width, height int) int {
	w, h := shrunk(width, height)
	return int(math.Ceil(w/28) * math.Ceil(h/28))
}

// shrunk returns the size to which the 1B models scale an image: at most 1540 pixels on the long side.
func shrunk(width, height int) (w, h float64) {
	w, h = float64(width), float64(height)
	if r := max(w, h) / 1540; r > 1 {
		w, h = math.Floor(w/r), math.Floor(h/r)
	}
	return w, h
}
