package api

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
)

// Limits of what one request may carry.
const (
	MaxBody   = 32 << 20   // bytes of JSON: a picture of about 24 MB
	MaxPixels = 40_000_000 // an A4 page at 600 DPI has 35 million
)

// request is the part of a chat completion that matters here. Other fields are ignored, as vLLM
// ignores those that it does not know; sampling has no meaning for Tesseract.
type request struct {
	Model               string    `json:"model"`
	Messages            []message `json:"messages"`
	MaxTokens           *int      `json:"max_tokens"`
	MaxCompletionTokens *int      `json:"max_completion_tokens"`
	Stream              bool      `json:"stream"`
	RequestID           string    `json:"request_id"`
}

type message struct {
	Role    string          `json:"role"`
	Content json.RawMessage `json:"content"` // a string, or parts
}

type part struct {
	Type     string          `json:"type"`
	ImageURL json.RawMessage `json:"image_url"`
}

// decode reads the request's body.
func decode(w http.ResponseWriter, r *http.Request) (*request, error) {
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || media != "application/json" {
		return nil, invalid("", "Only 'application/json' is allowed")
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxBody))
	if tooBig := (*http.MaxBytesError)(nil); errors.As(err, &tooBig) {
		return nil, problem{http.StatusRequestEntityTooLarge, "RequestEntityTooLargeError", "",
			fmt.Sprintf("the request is larger than %d bytes", MaxBody)}
	} else if err != nil {
		return nil, invalid("body", "the request's body could not be read")
	}
	req := new(request)
	if err := json.Unmarshal(body, req); err != nil {
		return nil, badJSON(err)
	}
	if len(req.Messages) == 0 {
		return nil, invalid("body.messages", "Field required")
	}
	return req, nil
}

func badJSON(err error) error {
	if at := (*json.SyntaxError)(nil); errors.As(err, &at) {
		return invalid(fmt.Sprintf("body.%d", at.Offset), "json_invalid: JSON decode error")
	}
	if at := (*json.UnmarshalTypeError)(nil); errors.As(err, &at) && at.Field != "" {
		return invalid("body."+at.Field, "Input should be a valid "+at.Type.Kind().String())
	}
	return invalid("body", "Input should be a valid dictionary")
}

// picture returns the bytes of the request's only image. Text parts and messages without an image
// are ignored: Tesseract takes no prompt.
func (req *request) picture() ([]byte, error) {
	var urls []string
	for i, m := range req.Messages {
		if m.Role == "" {
			return nil, invalid(fmt.Sprintf("body.messages.%d.role", i), "Field required")
		}
		more, err := m.images()
		if err != nil {
			return nil, err
		}
		urls = append(urls, more...)
	}
	switch {
	case len(urls) == 0:
		return nil, bad("a page image is required: this model reads nothing else")
	case len(urls) > 1:
		return nil, problem{http.StatusBadRequest, "BadRequestError", "image",
			"At most 1 image(s) may be provided in one prompt."}
	}
	return fromURI(urls[0])
}

// images returns the URLs of a message's image parts.
func (m message) images() ([]string, error) {
	var text string
	if len(m.Content) == 0 || json.Unmarshal(m.Content, &text) == nil {
		return nil, nil // no content, null or plain text
	}
	var parts []part
	if err := json.Unmarshal(m.Content, &parts); err != nil {
		return nil, invalid("body.messages.content", "Input should be a string or a list of parts")
	}
	var urls []string
	for _, p := range parts {
		switch p.Type {
		case "text":
		case "image_url":
			var image struct {
				URL string `json:"url"`
			}
			if err := json.Unmarshal(p.ImageURL, &image); err != nil || image.URL == "" {
				return nil, bad("image_url must be an object with a url")
			}
			urls = append(urls, image.URL)
		default:
			return nil, bad("Unknown part type")
		}
	}
	return urls, nil
}

// fromURI decodes a data URI by vLLM's rules: "data:" in any case, then anything, then ";base64"
// in lower case right before the first comma, then strict base64. Nothing is ever fetched.
func fromURI(uri string) ([]byte, error) {
	const scheme = "data:"
	if len(uri) < len(scheme) || !strings.EqualFold(uri[:len(scheme)], scheme) {
		return nil, bad("Invalid image URL: this server reads data URLs only")
	}
	head, data, ok := strings.Cut(uri[len(scheme):], ",")
	if !ok {
		return nil, bad("Invalid data URL: it holds no comma")
	}
	if !strings.HasSuffix(head, ";base64") {
		return nil, problem{http.StatusNotImplemented, "NotImplementedError", "",
			"Only base64 data URLs are supported for now."}
	}
	if strings.ContainsAny(data, "\r\n") { // Go's decoder would skip them
		return nil, bad("Invalid base64 data: line break")
	}
	file, err := base64.StdEncoding.DecodeString(data)
	if err != nil {
		return nil, bad("Invalid base64 data")
	}
	return file, nil
}

// limit is how many words the answer may have, 0 for any number.
func (req *request) limit() (int, error) {
	if req.Stream {
		return 0, problem{http.StatusBadRequest, "BadRequestError", "stream", "this server does not stream"}
	}
	for _, n := range []*int{req.MaxCompletionTokens, req.MaxTokens} {
		if n == nil {
			continue
		}
		if *n < 1 {
			return 0, problem{http.StatusBadRequest, "BadRequestError", "max_tokens",
				fmt.Sprintf("max_tokens must be at least 1, got %d. (parameter=max_tokens, value=%d)", *n, *n)}
		}
		return *n, nil
	}
	return 0, nil
}
