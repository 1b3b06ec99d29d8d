package servers

import (
	"bytes"
	"compress/zlib"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"hash/crc32"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"os"
	"strings"
	"testing"

	"github.com/bucketocr/bucketocr/ocr/ocrtest"
)

// question is one request of the contract. Empty fields are those of a valid request for a page.
type question struct {
	name, sent  string // sent says in words what is unusual
	method      string
	path        string
	contentType string
	encoding    string
	body        func(testing.TB) []byte
}

// change is the difference from a valid request; nil removes a field.
type change map[string]any

var detection = change{"max_pattern_size": 30, "min_pattern_size": 1, "min_count": 130}

func questions(tb testing.TB) []question {
	tb.Helper()
	begun := strings.Join(readModel(tb)["yellow"].Tokens[:100], "")
	continued := func(changes change) func(testing.TB) []byte {
		return func(tb testing.TB) []byte {
			changes["messages"] = []any{user(imagePart(pageURI(tb, "yellow"))),
				map[string]any{"role": "assistant", "content": begun}}
			return request(tb, "", changes)
		}
	}
	grounding := func(tb testing.TB) []byte {
		return request(tb, "",
			change{
				"messages": []any{user(imagePart(pageURI(tb, "cyan")),
					map[string]any{"type": "text", "text": "grounding"})}})
	}
	all := []question{
		// The model's answers.
		{name: "stop", sent: "white page", body: page("white", nil)},
		{name: "blank", sent: "black page", body: page("black", nil)},
		{name: "unicode", sent: "blue page: a table, an umlaut, CJK", body: page("blue", nil)},
		{name: "math", sent: "magenta page", body: page("magenta", nil)},
		{name: "layout", sent: "cyan page with a text part", body: grounding},
		{name: "thinking", sent: "azure page", body: page("azure", nil)},
		{name: "thinking-off", sent: "azure page, enable_thinking false",
			body: page("azure", change{"chat_template_kwargs": change{"enable_thinking": false}})},
		{name: "thinking-off-for-others", sent: "white page, enable_thinking false",
			body: page("white", change{"chat_template_kwargs": change{"enable_thinking": false}})},
		{name: "unknown-template-argument", sent: "chat_template_kwargs with a name that the template does not know",
			body: page("white", change{"chat_template_kwargs": change{"no_such_thing": true}})},
		{name: "length", sent: "yellow page, max_tokens 100", body: page("yellow", change{"max_tokens": 100})},
		{name: "loop-undetected", sent: "red page, max_tokens 300, no repetition_detection",
			body: page("red", change{"max_tokens": 300})},
		{name: "repetition", sent: "red page, repetition_detection 30/1/130",
			body: page("red", change{"repetition_detection": detection, "max_tokens": 400})},
		{name: "repetition-soon", sent: "red page, repetition_detection 20/1/8",
			body: page("red", change{"repetition_detection": change{"max_pattern_size": 20, "min_pattern_size": 1,
				"min_count": 8}, "max_tokens": 400})},
		{name: "repetition-honest", sent: "yellow page (300 numbered words), repetition_detection 30/1/130",
			body: page("yellow", change{"repetition_detection": detection})},
		{name: "repetition-misspelt", sent: "red page, repetition_detektion, max_tokens 100",
			body: page("red", change{"repetition_detektion": detection, "max_tokens": 100})},
		{name: "repetition-zero", sent: "red page, max_pattern_size 0, max_tokens 100",
			body: page("red", change{"repetition_detection": change{"max_pattern_size": 0}, "max_tokens": 100})},
		{name: "repetition-wrong-type", sent: "repetition_detection is a string",
			body: page("red", change{"repetition_detection": "x", "max_tokens": 400})},
		{
			name: "continue", sent: "the first 100 tokens as an assistant message, continue_final_message true, add_generation_prompt false",
			body: continued(change{"continue_final_message": true, "add_generation_prompt": false})},
		{name: "continue-cut", sent: "the same with max_tokens 50",
			body: continued(change{"continue_final_message": true, "add_generation_prompt": false, "max_tokens": 50})},
		{name: "continue-echo", sent: "the same with echo true",
			body: continued(change{"continue_final_message": true, "add_generation_prompt": false, "echo": true})},
		{name: "continue-without-agp", sent: "the same without add_generation_prompt",
			body: continued(change{"continue_final_message": true})},
		{name: "max-tokens-over-room", sent: "max_tokens 16000 in a context of 16384",
			body: page("yellow", change{"max_tokens": 16000})},
		{name: "max-tokens-no-room", sent: "max_tokens 16384", body: page("yellow", change{"max_tokens": 16384})},
		{name: "max-tokens-over-context", sent: "max_tokens 20000", body: page("yellow", change{"max_tokens": 20000})},
		{name: "max-tokens-zero", sent: "max_tokens 0", body: page("yellow", change{"max_tokens": 0})},
		{name: "no-max-tokens", sent: "no max_tokens", body: page("yellow", change{"max_tokens": nil})},
		{name: "logprobs", sent: "logprobs true", body: page("magenta", change{"logprobs": true})},
		{name: "token-ids", sent: "return_token_ids true", body: page("black", change{"return_token_ids": true})},
		{name: "stream", sent: "stream with usage",
			body: page("magenta", change{"stream": true, "stream_options": change{"include_usage": true}})},

		// Requests that are wrong.
		{name: "wrong-model", sent: "model x/y", body: page("white", change{"model": "x/y"})},
		{name: "no-model", sent: "no model", body: page("white", change{"model": nil})},
		{name: "wrong-path", sent: "POST /v1/chat/completion", path: "/v1/chat/completion", body: page("white", nil)},
		{name: "wrong-method", sent: "GET", method: "GET", body: nothing},
		{name: "bad-json", sent: "{not json", body: text("{not json")},
		{name: "empty-body", sent: "no body", body: text("")},
		{name: "wrong-content-type", sent: "text/plain", contentType: "text/plain", body: page("white", nil)},
		{name: "gzip", sent: "Content-Encoding gzip", encoding: "gzip", body: text("\x1f\x8b\x08\x00\x00\x00\x00\x00")},
		{name: "no-messages", sent: "no messages", body: text(`{"model":"` + ocrtest.DefaultModel + `"}`)},
		{name: "two-images", sent: "two image parts", body: twice},
		{name: "image-url-string", sent: "image_url is a string", body: func(tb testing.TB) []byte {
			return request(tb, "",
				change{"messages": []any{user(map[string]any{"type": "image_url", "image_url": pageURI(tb, "white")})}})
		}},
		{name: "temperature-3", sent: "temperature 3", body: page("white", change{"temperature": 3})},
		{name: "file-url", sent: "file:///etc/hostname", body: url("file:///etc/hostname")},

		// Images.
		{name: "image-not-an-image", sent: "text as PNG",
			body: url(uri("image/png", bytes.Repeat([]byte("no image at all"), 9)))},
		{name: "image-empty-image", sent: "no bytes", body: url(uri("image/png", nil))},
		{name: "image-bad-base64", sent: "@@@@", body: url("data:image/png;base64,@@@@")},
		{name: "image-base64-newlines", sent: "base64 with line breaks",
			body: respelt(func(u string) string { return u[:80] + "\n" + u[80:] })},
		{name: "image-url-safe-base64", sent: "base64 with - and _", body: url("data:image/png;base64,-_-_")},
		{name: "image-no-base64-marker", sent: "data:image/png,…",
			body: respelt(func(u string) string { return strings.Replace(u, ";base64", "", 1)[:80] })},
		{name: "image-no-media-type", sent: "data:;base64,…",
			body: respelt(func(u string) string { return strings.Replace(u, "image/png", "", 1) })},
		{name: "image-wrong-media-type", sent: "PNG as image/jpeg",
			body: respelt(func(u string) string { return strings.Replace(u, "image/png", "image/jpeg", 1) })},
		{name: "image-truncated-png", sent: "half a PNG", body: func(tb testing.TB) []byte {
			whole := encode(tb, sized("white", 850, 1100)(tb))
			return request(tb, uri("image/png", whole[:len(whole)/2]), nil)
		}},
		{name: "image-pdf", sent: "a PDF", body: url(uri("application/pdf", []byte("%PDF-1.4\n%%EOF")))},
		{name: "image-1x1", sent: "1 x 1", body: drawn(sized("white", 1, 1))},
		{name: "image-1x2000", sent: "1 x 2000", body: drawn(sized("white", 1, 2000))},
		{name: "image-2000x1", sent: "2000 x 1", body: drawn(sized("white", 2000, 1))},
		{name: "image-1x1540", sent: "1 x 1540", body: drawn(sized("white", 1, 1540))},
		{name: "image-2x3000", sent: "2 x 3000", body: drawn(sized("white", 2, 3000))},
		{name: "image-20x20000", sent: "20 x 20000", body: drawn(sized("white", 20, 20000))},
		{name: "image-1540x1540", sent: "1540 x 1540", body: drawn(sized("white", 1540, 1540))},
		{name: "image-1541x1541", sent: "1541 x 1541", body: drawn(sized("white", 1541, 1541))},
		{name: "image-cmyk-jpeg", sent: "CMYK JPEG", body: func(tb testing.TB) []byte {
			file, err := os.ReadFile("testdata/white-cmyk.jpeg")
			if err != nil {
				tb.Fatal(err)
			}
			return request(tb, uri("image/jpeg", file), nil)
		}},
		{name: "image-gray16", sent: "16-bit gray PNG", body: drawn(func(testing.TB) image.Image {
			m := image.NewGray16(image.Rect(0, 0, 600, 800))
			draw.Draw(m, m.Bounds(), image.White, image.Point{}, draw.Src)
			return m
		})},
		{name: "image-transparent", sent: "a transparent black PNG",
			body: drawn(func(testing.TB) image.Image { return image.NewNRGBA(image.Rect(0, 0, 600, 800)) })},
		{name: "image-182-megapixels", sent: "13500 x 13500", body: func(tb testing.TB) []byte {
			return request(tb, uri("image/png", bitmap(13500, 13500)), nil)
		}},

		// What is not a page.
		{name: "get-health", sent: "GET /health", method: "GET", path: "/health", body: nothing},
		{name: "get-ping", sent: "GET /ping", method: "GET", path: "/ping", body: nothing},
		{name: "get-version", sent: "GET /version", method: "GET", path: "/version", body: nothing},
		{name: "get-v1-models", sent: "GET /v1/models", method: "GET", path: "/v1/models", body: nothing},
		{name: "get-load", sent: "GET /load", method: "GET", path: "/load", body: nothing},
	}
	return all
}

// request returns a valid request for the image at a URL, with changes.
func request(tb testing.TB, imageURL string, changes change) []byte {
	tb.Helper()
	fields := map[string]any{
		"model": ocrtest.DefaultModel, "messages": []any{user(imagePart(imageURL))}, "temperature": 0.2, "top_p": 0.9,
		"max_tokens": 4096,
	}
	for name, value := range changes {
		if fields[name] = value; value == nil {
			delete(fields, name)
		}
	}
	body, err := json.Marshal(fields)
	if err != nil {
		tb.Fatal(err)
	}
	return body
}

func user(parts ...any) map[string]any { return map[string]any{"role": "user", "content": parts} }

func imagePart(url string) map[string]any {
	return map[string]any{"type": "image_url", "image_url": map[string]any{"url": url}}
}

// page returns a request for a page of the usual size in one of the model's colours.
func page(colour string, changes change) func(testing.TB) []byte {
	return func(tb testing.TB) []byte { return request(tb, pageURI(tb, colour), changes) }
}

func pageURI(tb testing.TB, colour string) string {
	return uri("image/png", encode(tb, sized(colour, 850, 1100)(tb)))
}

// respelt returns a request for a white page with a changed URL.
func respelt(change func(string) string) func(testing.TB) []byte {
	return func(tb testing.TB) []byte { return request(tb, change(pageURI(tb, "white")), nil) }
}

func url(u string) func(testing.TB) []byte {
	return func(tb testing.TB) []byte { return request(tb, u, nil) }
}

func twice(tb testing.TB) []byte {
	part := imagePart(pageURI(tb, "white"))
	return request(tb, "", change{"messages": []any{user(part, part)}})
}

func text(s string) func(testing.TB) []byte { return func(testing.TB) []byte { return []byte(s) } }

func nothing(testing.TB) []byte { return nil }

// drawn returns a request for any image.
func drawn(make func(testing.TB) image.Image) func(testing.TB) []byte {
	return func(tb testing.TB) []byte {
		return request(tb, uri("image/png", encode(tb, make(tb))), change{"max_tokens": 50})
	}
}

func uri(mediaType string, data []byte) string {
	return "data:" + mediaType + ";base64," + base64.StdEncoding.EncodeToString(data)
}

func encode(tb testing.TB, m image.Image) []byte {
	tb.Helper()
	var b bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestSpeed}).Encode(&b, m); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

// bitmap returns a white PNG of one bit per pixel, written by hand: the encoder needs seconds for a huge one.
func bitmap(width, height uint32) []byte {
	file := bytes.NewBufferString("\x89PNG\r\n\x1a\n")
	chunk := func(name string, data []byte) {
		file.Write(binary.BigEndian.AppendUint32(nil, uint32(len(data))))
		named := append([]byte(name), data...)
		file.Write(binary.BigEndian.AppendUint32(named, crc32.ChecksumIEEE(named)))
	}
	header := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, width), height)
	chunk("IHDR", append(header, 1, 0, 0, 0, 0))
	var data bytes.Buffer
	w, _ := zlib.NewWriterLevel(&data, zlib.BestSpeed) // the level is a good one
	row := append([]byte{0}, bytes.Repeat([]byte{0xff}, int(width+7)/8)...)
	for range height {
		w.Write(row)
	}
	w.Close()
	chunk("IDAT", data.Bytes())
	chunk("IEND", nil)
	return file.Bytes()
}

// sized returns a page in one of the model's colours.
func sized(colour string, width, height int) func(testing.TB) image.Image {
	return func(tb testing.TB) image.Image {
		tb.Helper()
		c := readModel(tb)[colour].rgb()
		return image.NewPaletted(image.Rect(0, 0, width, height), color.Palette{color.RGBA{c[0], c[1], c[2], 255}})
	}
}
