package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"

	"github.com/bucketocr/bucketocr/localocr/internal/api"
	"github.com/bucketocr/bucketocr/localocr/internal/engine"
)

// service is the real handler with a real engine, on a loopback port.
type service struct{ url string }

func newService(t *testing.T, maker engine.Maker) *service {
	t.Helper()
	pool := engine.NewPool(maker, 2, time.Hour, func(err error) { t.Error(err) })
	api := &api.Service{Model: "m", Engine: "e", Reader: pool, Log: slog.New(slog.NewTextHandler(t.Output(), nil))}
	server := httptest.NewServer(api.Handler())
	t.Cleanup(func() {
		server.Close()
		if err := maker.Close(); err != nil {
			t.Error(err)
		}
	})
	return &service{server.URL}
}

// ask sends a page, and returns the text and the reason for its end.
func (s *service) ask(file []byte, maxTokens int) (text, finish string, err error) {
	body := fmt.Sprintf(`{"messages":[{"role":"user","content":[{"type":"image_url","image_url":`+
		`{"url":"data:image/png;base64,%s"}}]}],"max_tokens":%d}`, base64.StdEncoding.EncodeToString(file), maxTokens)
	res, err := http.Post(s.url+"/v1/chat/completions", "application/json", strings.NewReader(body))
	if err != nil {
		return "", "", err
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		return "", "", fmt.Errorf("status %d, %s, %w", res.StatusCode, raw, err)
	}
	var got struct {
		Choices []struct {
			Message struct{ Content string }
			Finish  string `json:"finish_reason"`
		}
	}
	if err := json.Unmarshal(raw, &got); err != nil || len(got.Choices) != 1 {
		return "", "", fmt.Errorf("%s: %w", raw, err)
	}
	return got.Choices[0].Message.Content, got.Choices[0].Finish, nil
}

// read sends a page, whose text must be complete, and returns the text.
func (s *service) read(t *testing.T, file []byte) string {
	t.Helper()
	text, finish, err := s.ask(file, 4096)
	if err != nil || finish != "stop" {
		t.Fatalf("finish_reason %q, %v", finish, err)
	}
	return text
}

// sheet returns a PNG, 600 pixels wide, with lines of text in the Go font.
func sheet(t *testing.T, lines ...string) []byte {
	t.Helper()
	parsed, err := opentype.Parse(goregular.TTF)
	if err != nil {
		t.Fatal(err)
	}
	face, err := opentype.NewFace(parsed, &opentype.FaceOptions{Size: 20, DPI: 72, Hinting: font.HintingFull})
	if err != nil {
		t.Fatal(err)
	}
	img := image.NewGray(image.Rect(0, 0, 600, 80+32*len(lines)))
	draw.Draw(img, img.Rect, image.White, image.Point{}, draw.Src)
	pen := font.Drawer{Dst: img, Src: image.NewUniform(color.Black), Face: face}
	for i, line := range lines {
		pen.Dot = fixed.P(40, 60+32*i)
		pen.DrawString(line)
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

var (
	fox   = []string{"The quick brown fox jumps over", "the lazy dog, 1234567890 times."}
	vixen = []string{"Pack my box with five dozen jugs", "of good old liquor & 42 vials."}
)

// TestWebAssembly tests the service with the built-in engine.
func TestWebAssembly(t *testing.T) {
	s := serviceWith(t, "wasm")
	t.Run("two at once", func(t *testing.T) {
		var wg sync.WaitGroup
		for _, page := range [][]string{fox, vixen} {
			file := sheet(t, page...)
			wg.Go(func() {
				got, _, err := s.ask(file, 4096)
				if want := strings.Join(page, "\n"); err != nil || cer(got, want) > 0.02 {
					t.Errorf("read %q, %v; want %q", got, err, want)
				}
			})
		}
		wg.Wait()
	})
	t.Run("blank page", func(t *testing.T) {
		if got := s.read(t, sheet(t)); got != "" {
			t.Errorf("read %q from a blank page", got)
		}
	})
	t.Run("cut", func(t *testing.T) {
		got, finish, err := s.ask(sheet(t, fox...), 3)
		if got != "The quick brown" || finish != "length" || err != nil {
			t.Errorf("read %q, %q, %v", got, finish, err)
		}
	})
	t.Run("engine is used again", func(t *testing.T) {
		start := time.Now()
		if got := s.read(t, sheet(t, "Once more")); got != "Once more" {
			t.Errorf("read %q", got)
		}
		t.Log("one line took", time.Since(start))
	})
}
