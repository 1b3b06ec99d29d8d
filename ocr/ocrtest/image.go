package ocrtest

import (
	"bytes"
	"encoding/base64"
	"errors"
	"image"
	_ "image/gif"  // what Pillow reads,
	_ "image/jpeg" // as far as
	_ "image/png"  // this library does
	"math"
	"strings"
)

// pillowLimit is the number of pixels at which the image library of vLLM gives up.
const pillowLimit = 178_956_970

// checkParts looks at the form of the content: part types, object form, one image.
func checkParts(r *Request) *Reply {
	images := 0
	for _, p := range r.parts() {
		switch p.Type {
		case "text":
		case "image_url":
			if url, ok := p.url(); !ok {
				return invalid("body.messages", "dict_type", "Input should be a valid dictionary", p.ImageURL)
			} else if url == "" {
				return badRequest("", "image_url must hold a url")
			}
			images++
		default:
			return badRequest("", "Unknown part type: %s", p.Type)
		}
	}
	if images > 1 {
		return badRequest("image", "At most 1 image(s) may be provided in one prompt.")
	}
	return nil
}

// uriError is a refusal of a data URI, in the server's words.
type uriError string

func (e uriError) Error() string { return string(e) }

const (
	errNoComma   = uriError("Invalid data URL: missing comma")
	errNotBase64 = uriError("Only base64 data URLs are supported for now.")
)

// readDataURI applies vLLM's rules: any type, `;base64` in lower case right before the first comma, strict base64. A url that is no data
// URI returns nothing.
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
	if strings.ContainsAny(encoded, "\r\n") { // which Go would pass over
		return mediaType, nil, base64.CorruptInputError(0)
	}
	data, err = base64.StdEncoding.Strict().DecodeString(encoded)
	return mediaType, data, err
}

// checkImage loads the image as vLLM does, and counts its tokens.
func (s *Server) checkImage(r *Request) *Reply {
	if r.URL == "" {
		r.PromptTokens = templateTokens
		return nil
	}
	if strings.HasPrefix(r.URL, "http") { // nothing is fetched: to this server every other one answers 404
		return refuse(422, "UnprocessableEntityError", "image_url", "Failed to fetch image: 404, message='Not Found'")
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
		return refuse(500, "InternalServerError", "", "Image size (%d pixels) exceeds limit of %d pixels, could be decompression bomb DOS attack.", header.Width*header.Height, s.maxPixels)
	}
	if err == nil {
		_, _, err = image.Decode(bytes.NewReader(data))
	}
	if err != nil {
		return badRequest("", "Failed to load image: cannot identify image file <_io.BytesIO object>")
	}
	r.Width, r.Height = header.Width, header.Height
	r.PromptTokens = templateTokens + imageTokens(header.Width, header.Height)
	return nil
}

// templateTokens is what the chat template adds to the image.
const templateTokens = 11

// imageTokens is the count of the 1B models: shrunk to 1540 pixels on the long side, patches of 14, merged two by two.
func imageTokens(width, height int) int {
	w, h := float64(width), float64(height)
	if r := max(w, h) / 1540; r > 1 {
		w, h = math.Floor(w/r), math.Floor(h/r)
	}
	return int(math.Ceil(w/28) * math.Ceil(h/28))
}
