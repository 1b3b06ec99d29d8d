package ocrtest

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strings"
)

// Request is a request for a page. Fields that are missing or invalid in the request are zero.
type Request struct {
	Header http.Header
	Length int64  // Content-Length, -1 for a chunked body
	Body   []byte // the whole JSON

	Model       string
	Temperature *float64
	TopP        *float64
	MaxTokens   int
	Prompt      string // the text part
	URL         string // of the image
	MediaType   string // as declared in the data URI
	Image       []byte
	// Fields is the whole JSON object.
	Fields map[string]json.RawMessage
	// Width, Height and PromptTokens are the image's size and the model's token count; 0 unless the image has been
	// checked.
	Width, Height, PromptTokens int

	server  *Server
	context context.Context
}

// writer is a short name for the many small replies.
type writer = http.ResponseWriter

// message is one of the request's messages; content is a string or a list of parts.
type message struct {
	Role    string          `json:"role"`
	Content json.RawMessage `json:"content"`
}

// part is one piece of a message's content.
type part struct {
	Type     string          `json:"type"`
	Text     string          `json:"text"`
	ImageURL json.RawMessage `json:"image_url"`
}

// newRequest decodes as much of a request as possible; the checks find errors.
func newRequest(s *Server, hr *http.Request, body []byte) *Request {
	r := &Request{Header: hr.Header.Clone(), Length: hr.ContentLength, Body: body, server: s, context: hr.Context()}
	if json.Unmarshal(body, &r.Fields) != nil {
		return r
	}
	json.Unmarshal(r.Fields["model"], &r.Model)
	json.Unmarshal(r.Fields["temperature"], &r.Temperature)
	json.Unmarshal(r.Fields["top_p"], &r.TopP)
	json.Unmarshal(r.Fields["max_tokens"], &r.MaxTokens)
	json.Unmarshal(r.Fields["max_completion_tokens"], &r.MaxTokens)
	for _, p := range r.parts() {
		switch p.Type {
		case "text":
			r.Prompt = p.Text
		case "image_url":
			r.URL, _ = p.url()
		}
	}
	r.MediaType, r.Image, _ = readDataURI(r.URL)
	return r
}

func (r *Request) parts() []part {
	var messages []message
	json.Unmarshal(r.Fields["messages"], &messages)
	var all []part
	for _, m := range messages {
		var parts []part
		json.Unmarshal(m.Content, &parts)
		all = append(all, parts...)
	}
	return all
}

// url returns the URL in the object form, the only form allowed in a part with a type.
func (p part) url() (string, bool) {
	var object struct {
		URL string `json:"url"`
	}
	err := json.Unmarshal(p.ImageURL, &object)
	return object.URL, err == nil
}

// limit returns the maximum number of tokens in the answer: the requested one, silently lowered to fit the context.
func (r *Request) limit() int {
	room := r.server.maxModelLen - r.PromptTokens
	switch {
	case r.MaxTokens <= 0 && r.server.llama && r.Fields["max_tokens"] != nil:
		return 1
	case r.MaxTokens == 0:
		return room
	}
	return min(r.MaxTokens, room)
}

// uriError is a refusal of a data URI, in the server's words.
type uriError string

func (e uriError) Error() string { return string(e) }

const (
	errNoComma   = uriError("Invalid data URL: missing comma")
	errNotBase64 = uriError("Only base64 data URLs are supported for now.")
	errDigit     = uriError("Non-base64 digit found")
)

// readDataURI decodes a data URI by vLLM's rules: any type, `;base64` in lower case right before the first comma,
// strict base64. It returns nothing for any other URL.
func readDataURI(url string) (mediaType string, data []byte, err error) {
	if len(url) < 5 || !strings.EqualFold(url[:5], "data:") {
		return "", nil, nil
	}
	head, encoded, found := strings.Cut(url[5:], ",")
	if !found {
		return "", nil, errNoComma
	}
	mediaType, found = strings.CutSuffix(head, ";base64")
	if !found {
		return "", nil, errNotBase64
	}
	if strings.ContainsAny(encoded, "\r\n") { // which Go would ignore
		return mediaType, nil, errDigit
	}
	if data, err = base64.StdEncoding.Strict().DecodeString(encoded); err != nil {
		err = errDigit
	}
	return mediaType, data, err
}

// Hash returns the name of an image: lower-case hex SHA-256 of its bytes.
func Hash(image []byte) string {
	sum := sha256.Sum256(image)
	return hex.EncodeToString(sum[:])
}
