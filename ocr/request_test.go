package ocr_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bucketocr/bucketocr/ocr"
	"github.com/bucketocr/bucketocr/ocr/ocrtest"
)

var update = flag.Bool("update", false, "write the golden files anew")

// tinyPNG is one white pixel, fixed so that the golden files do not depend on an encoder.
var tinyPNG, _ = base64.StdEncoding.DecodeString("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR42mP4DwABAQEAHLCMmQAAAABJRU5ErkJggg==")

// The golden files are the requests of each kind of model and mode, byte for byte.
func TestGoldenRequests(t *testing.T) {
	tests := []struct{ name, model, mode string }{
		{"lightonocr-1", "lightonai/LightOnOCR-1B-1025", ""},
		{"lightonocr-2", "lightonai/LightOnOCR-2-1B", ""},
		{"lightonocr-3-1b", "lightonai/LightOnOCR-3-1B", ""},
		{"lightonocr-3-1b-layout", "lightonai/LightOnOCR-3-1B", ocr.ModeLayout},
		{"lightonocr-3-4b", "lightonai/LightOnOCR-3-4B", ""},
		{"lightonocr-3-4b-layout", "lightonai/LightOnOCR-3-4B", ocr.ModeLayout},
		{"generic", `a "quoted" <name>`, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := ocrtest.New(t, ocrtest.Models(test.model))
			c := newClient(t, s, func(cfg *ocr.Config) { cfg.Model, cfg.Mode = test.model, test.mode })
			if _, err := c.ExtractText(patience(t), ocr.Bytes(tinyPNG)); err != nil {
				t.Fatal(err)
			}
			golden(t, filepath.Join("testdata", "request-"+test.name+".json"), s.Last().Body)
			if last := s.Last(); last.Model != test.model || !json.Valid(last.Body) || last.Length != int64(len(last.Body)) {
				t.Errorf("model %q, length %d of %d", last.Model, last.Length, len(last.Body))
			}
		})
	}
}

func golden(t *testing.T, file string, got []byte) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("request differs from %s; if that is meant, run with -update\n got %s\nwant %s", file, got, want)
	}
}

func TestMaxTokensIsOverridden(t *testing.T) {
	s := ocrtest.New(t)
	c := newClient(t, s, func(cfg *ocr.Config) { cfg.MaxTokens = 777 })
	if _, err := c.ExtractText(patience(t), ocr.Bytes(tinyPNG)); err != nil || s.Last().MaxTokens != 777 {
		t.Errorf("sent %d, %v", s.Last().MaxTokens, err)
	}
}

func TestMediaTypeFollowsTheBytes(t *testing.T) {
	tests := []struct {
		name string
		data []byte
		want string
	}{
		{"PNG", pngPage(t), "image/png"},
		{"JPEG", jpegPage(t), "image/jpeg"},
		{"GIF", []byte("GIF89a\x01\x00\x01\x00"), ""},
		{"WebP", []byte("RIFF\x10\x00\x00\x00WEBPVP8 "), ""},
		{"BMP", []byte("BM\x10\x00\x00\x00"), ""},
		{"TIFF", []byte("II*\x00\x08\x00\x00\x00"), ""},
		{"PDF", []byte("%PDF-1.7"), ""},
		{"HEIC", []byte("\x00\x00\x00\x18ftypheic"), ""},
		{"SVG", []byte("<svg/>"), ""},
		{"text", []byte("hello"), ""},
		{"PNG cut in its magic", []byte("\x89PNG"), ""},
		{"one byte", []byte{0xff}, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := ocrtest.New(t)
			_, err := newClient(t, s).ExtractText(patience(t), ocr.Bytes(test.data))
			if test.want == "" {
				if e := failure(t, err); e.Kind != ocr.KindBadImage || e.Phase != ocr.PhaseImage || s.Counts().Requests != 0 {
					t.Errorf("%v after %d requests", err, s.Counts().Requests)
				}
				return
			}
			if err != nil || s.Last().MediaType != test.want {
				t.Errorf("sent as %q, %v", s.Last().MediaType, err)
			}
		})
	}
}

// frame is the beginning of a JPEG: a preview of some bytes, then a frame header with a size.
func frame(preview int, width, height uint16) []byte {
	b := []byte("\xff\xd8\xff\xe1")
	b = append(b, byte((preview+2)>>8), byte(preview+2))
	b = append(b, make([]byte, preview)...)
	return append(b, 0xff, 0xff, 0xc2, 0, 17, 8, byte(height>>8), byte(height), byte(width>>8), byte(width), 3, 1, 0x22, 0, 2, 0x11, 1)
}

func TestOwnRefusals(t *testing.T) {
	huge := append([]byte{}, tinyPNG...)
	copy(huge[16:], "\x00\x01\x00\x00\x00\x01\x00\x00")
	opened := false
	sized := func(n int64) ocr.Image {
		img := ocr.Bytes(tinyPNG)
		inner := img.Open
		img.Size, img.Open = n, func() (r io.ReadCloser, err error) { opened = true; return inner() }
		return img
	}
	tests := []struct {
		name string
		img  ocr.Image
		kind ocr.Kind
	}{
		{"no bytes", sized(0), ocr.KindBadImage},
		{"negative size", sized(-1), ocr.KindBadImage},
		{"no way to open", ocr.Image{Size: 10}, ocr.KindImageSource},
		{"over the platform's limit", sized(25_165_825), ocr.KindTooLarge},
		{"far over it", sized(1 << 62), ocr.KindTooLarge},
		{"largest number", sized(1<<63 - 1), ocr.KindTooLarge},
		{"PNG of four billion pixels", ocr.Bytes(huge), ocr.KindTooLarge},
		{"JPEG of four billion pixels", ocr.Bytes(frame(5000, 65535, 65535)), ocr.KindTooLarge},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := ocrtest.New(t)
			_, err := newClient(t, s).ExtractText(patience(t), test.img)
			if e := failure(t, err); e.Kind != test.kind || e.Phase != ocr.PhaseImage || s.Counts().Requests != 0 || opened {
				t.Errorf("%v after %d requests, opened %v", err, s.Counts().Requests, opened)
			}
		})
	}
}

// The limit is that of the request as it is sent: one byte less passes.
func TestLargestImage(t *testing.T) {
	var sent int64
	transport := roundTrip(func(r *http.Request) (*http.Response, error) {
		n, err := io.Copy(io.Discard, r.Body)
		r.Body.Close()
		if sent = n; n != r.ContentLength {
			err = fmt.Errorf("%d bytes sent, Content-Length %d", n, r.ContentLength)
		}
		return &http.Response{StatusCode: 200, Body: io.NopCloser(strings.NewReader(`{"choices":[{"message":{"content":"x"},"finish_reason":"stop"}]}`))}, err
	})
	c, err := ocr.New(ocr.Config{URL: "http://127.0.0.1:1", Transport: transport})
	if err != nil {
		t.Fatal(err)
	}
	read := func(n int) *ocr.Error {
		if _, err := c.ExtractText(t.Context(), ocr.Bytes(bigPage(n))); err != nil {
			return failure(t, err)
		}
		return nil
	}
	if problem := read(30); problem != nil {
		t.Fatal(problem)
	}
	around := int(sent) - 40
	largest := (32<<20 - around) / 4 * 3
	if problem := read(largest); problem != nil || sent > 32<<20 || sent <= 32<<20-4 {
		t.Errorf("an image of %d bytes: %d sent, %v", largest, sent, problem)
	}
	if problem := read(largest + 1); problem == nil || problem.Kind != ocr.KindTooLarge {
		t.Errorf("an image of %d bytes: %v", largest+1, problem)
	}
}
