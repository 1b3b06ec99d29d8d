package ocr_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/bucketocr/bucketocr/ocr"
	"github.com/bucketocr/bucketocr/ocr/ocrtest"
)

var update = flag.Bool("update", false, "write the golden files")

// tinyPNG is one white pixel, fixed so that the golden files do not depend on an encoder.
var tinyPNG, _ = base64.StdEncoding.DecodeString(
	"iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR42mP4DwABAQEAHLCMmQAAAABJRU5ErkJggg==")

// The golden files hold the requests for each kind of model and mode, byte for byte.
func TestGoldenRequests(t *testing.T) {
	t.Parallel()
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
			t.Parallel()
			s := ocrtest.New(t, ocrtest.Models(test.model))
			c := newClient(t, s, func(cfg *ocr.Config) { cfg.Model, cfg.Mode = test.model, test.mode })
			if _, err := c.ExtractText(patience(t), ocr.Bytes(tinyPNG)); err != nil {
				t.Fatal(err)
			}
			golden(t, filepath.Join("testdata", "request-"+test.name+".json"), s.Last().Body)
			if last := s.Last(); last.Model != test.model || !json.Valid(last.Body) ||
				last.Length != int64(len(last.Body)) {
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
	t.Parallel()
	s := ocrtest.New(t)
	c := newClient(t, s, func(cfg *ocr.Config) { cfg.MaxTokens = 777 })
	if _, err := c.ExtractText(patience(t), ocr.Bytes(tinyPNG)); err != nil || s.Last().MaxTokens != 777 {
		t.Errorf("sent %d, %v", s.Last().MaxTokens, err)
	}
}

func TestSamplingIsAlwaysSent(t *testing.T) {
	t.Parallel()
	s, _, _ := readWith(t, ocrtest.Text("x"))
	if r := s.Last(); r.Temperature == nil || *r.Temperature != 0.2 || r.TopP == nil || *r.TopP != 0.9 ||
		r.MaxTokens != 4096 {
		t.Errorf("sent %s", r.Body)
	}
}

func TestNoWordsGoWithTheImage(t *testing.T) {
	t.Parallel()
	s, _, _ := readWith(t, ocrtest.Text("x"))
	if body := string(s.Last().Body); s.Last().Prompt != "" || strings.Contains(body, `"text"`) ||
		strings.Contains(body, `"system"`) {
		t.Errorf("words were sent: %s", body)
	}
}

func TestMediaTypeFollowsTheBytes(t *testing.T) {
	t.Parallel()
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
			t.Parallel()
			s := ocrtest.New(t)
			_, err := newClient(t, s).ExtractText(patience(t), ocr.Bytes(test.data))
			if test.want == "" {
				if e := failure(t, err); e.Kind != ocr.KindBadImage || e.Phase != ocr.PhaseImage ||
					s.Counts().Requests != 0 {
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

// frame returns the beginning of a JPEG: a preview of the given length, then a frame header with the size.
func frame(preview int, width, height uint16) []byte {
	b := []byte("\xff\xd8\xff\xe1")
	b = append(b, byte((preview+2)>>8), byte(preview+2))
	b = append(b, make([]byte, preview)...)
	return append(b, 0xff, 0xff, 0xc2, 0, 17, 8, byte(height>>8), byte(height), byte(width>>8), byte(width), 3, 1, 0x22,
		0, 2, 0x11, 1)
}

func TestImageThatNoServerReadsIsNotSent(t *testing.T) {
	t.Parallel()
	huge := append([]byte{}, tinyPNG...)
	copy(huge[16:], "\x00\x01\x00\x00\x00\x01\x00\x00")
	hugest := append([]byte{}, tinyPNG...)
	copy(hugest[16:], "\xff\xff\xff\xff\xff\xff\xff\xff")
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
		{"PNG of more pixels than an int64 holds", ocr.Bytes(hugest), ocr.KindTooLarge},
		{"JPEG of four billion pixels", ocr.Bytes(frame(5000, 65535, 65535)), ocr.KindTooLarge},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := ocrtest.New(t)
			_, err := newClient(t, s).ExtractText(patience(t), test.img)
			if e := failure(t, err); e.Kind != test.kind || e.Phase != ocr.PhaseImage || s.Counts().Requests != 0 ||
				opened {
				t.Errorf("%v after %d requests, opened %v", err, s.Counts().Requests, opened)
			}
		})
	}
}

// The limit applies to the request as it is sent: an image that fills it exactly is accepted, and one byte more is not.
func TestLargestImageFillsTheLargestRequest(t *testing.T) {
	t.Parallel()
	var sent int64
	transport := roundTrip(func(r *http.Request) (*http.Response, error) {
		n, err := io.Copy(io.Discard, r.Body)
		r.Body.Close()
		if sent = n; n != r.ContentLength {
			err = fmt.Errorf("%d bytes sent, Content-Length %d", n, r.ContentLength)
		}
		return &http.Response{
			StatusCode: 200, Body: io.NopCloser(
				strings.NewReader(`{"choices":[{"message":{"content":"x"},"finish_reason":"stop"}]}`))}, err
	})
	c := newClientOver(t, transport)
	read := func(n int) *ocr.Error {
		if _, err := c.ExtractText(t.Context(), ocr.Bytes(bigPage(n))); err != nil {
			return failure(t, err)
		}
		return nil
	}
	if err := read(30); err != nil {
		t.Fatal(err)
	}
	around := int(sent) - 40
	largest := (32<<20 - around) / 4 * 3
	if err := read(largest); err != nil || sent > 32<<20 || sent <= 32<<20-4 {
		t.Errorf("an image of %d bytes: %d sent, %v", largest, sent, err)
	}
	if err := read(largest + 1); err == nil || err.Kind != ocr.KindTooLarge {
		t.Errorf("an image of %d bytes: %v", largest+1, err)
	}
}

var errChecksum = errors.New("the checksum is wrong")

func TestSourceFailureReachesTheCaller(t *testing.T) {
	t.Parallel()
	page := bigPage(300_001)
	whole := func() io.Reader { return bytes.NewReader(page) }
	failing := func(at int) func() io.Reader {
		return func() io.Reader { return io.MultiReader(bytes.NewReader(page[:at]), iotest.ErrReader(errChecksum)) }
	}
	tests := []struct {
		name   string
		size   int
		reader func() io.Reader
		want   error // by errors.Is
		words  string
	}{
		{"at the first byte", len(page), failing(0), errChecksum, "checksum"},
		{"in the middle", len(page), failing(150_000), errChecksum, "checksum"},
		{"at the last byte", len(page), failing(len(page) - 1), errChecksum, "checksum"},
		{"after the last byte", len(page), failing(len(page)), errChecksum, "checksum"},
		{"with the last byte", len(page), func() io.Reader { return &lastWords{page, errChecksum} }, errChecksum,
			"checksum"},
		{"too short", len(page) + 5, whole, io.ErrUnexpectedEOF, "5 bytes before"},
		{"too long", len(page) - 5, whole, nil, "longer"},
		{"never ends", len(page), func() io.Reader { return io.MultiReader(bytes.NewReader(page), idle{}) },
			io.ErrNoProgress, ""},
		{"panics", len(page), func() io.Reader { return io.MultiReader(bytes.NewReader(page[:9000]), panicking{}) },
			nil, "panicked"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := ocrtest.New(t, ocrtest.AnyImage())
			src := new(source)
			r, err := newClient(t, s).ExtractText(patience(t), src.opening(test.size, test.reader))
			e := failure(t, err)
			if e.Kind != ocr.KindImageSource || test.want != nil && !errors.Is(err, test.want) ||
				!strings.Contains(e.Message, test.words) {
				t.Errorf("error is %v, result %+v", err, r)
			}
			if src.opened != 1 || !src.closedAll() {
				t.Errorf("opened %d times, closed %d times, want once each: a source that fails is not asked again",
					src.opened, src.closed)
			}
			if c := s.Counts(); c.Answers != 0 {
				t.Errorf("the server answered %d times to a page that it cannot have had", c.Answers)
			}
		})
	}
}

// lastWords is a reader that returns its error together with its last bytes, which readers may do.
type lastWords struct {
	left []byte
	err  error
}

func (l *lastWords) Read(p []byte) (int, error) {
	n := copy(p, l.left)
	l.left = l.left[n:]
	if len(l.left) == 0 {
		return n, l.err
	}
	return n, nil
}

type idle struct{}

func (idle) Read([]byte) (int, error) { return 0, nil }

type panicking struct{}

func (panicking) Read([]byte) (int, error) { panic("decoder bug") }

func TestOpenFailureReachesTheCaller(t *testing.T) {
	t.Parallel()
	s := ocrtest.New(t)
	opened := 0
	img := ocr.Image{Size: 100, Open: func() (io.ReadCloser, error) { opened++; return nil, errChecksum }}
	_, err := newClient(t, s).ExtractText(patience(t), img)
	if e := failure(t, err); e.Kind != ocr.KindImageSource || e.Phase != ocr.PhaseImage ||
		!errors.Is(err, errChecksum) || opened != 1 {
		t.Errorf("%v after %d openings", err, opened)
	}
	if n := s.Counts().Requests; n != 0 {
		t.Errorf("%d requests", n)
	}
}

func TestFileIsOpenedForEveryTry(t *testing.T) {
	t.Parallel()
	s := ocrtest.New(t)
	s.Next(ocrtest.Scaling())
	want, err := os.ReadFile("testdata/page.png")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := newClient(t, s).ExtractText(patience(t), ocr.File("testdata/page.png")); err != nil {
		t.Fatal(err)
	}
	for n, r := range s.Requests() {
		if !bytes.Equal(r.Image, want) {
			t.Errorf("try %d sent %d bytes, want %d", n+1, len(r.Image), len(want))
		}
	}
	if n := s.Counts().Requests; n != 2 {
		t.Errorf("%d requests", n)
	}
}

func TestMissingFileIsTheCallsError(t *testing.T) {
	t.Parallel()
	s := ocrtest.New(t)
	_, err := newClient(t, s).ExtractText(patience(t), ocr.File(filepath.Join(t.TempDir(), "none.png")))
	if e := failure(t, err); e.Kind != ocr.KindImageSource || !errors.Is(err, fs.ErrNotExist) ||
		s.Counts().Requests != 0 {
		t.Errorf("%v after %d requests", err, s.Counts().Requests)
	}
}

// An answer to a page whose source has failed must not count, even if the server answers before it has the whole page.
func TestEarlyAnswerDoesNotHideASourceFailure(t *testing.T) {
	t.Parallel()
	page := bigPage(8 << 20)
	for name, rest := range map[string]io.Reader{"source fails": iotest.ErrReader(errChecksum),
		"source goes on": bytes.NewReader(page[4<<20:])} {
		t.Run(name, func(t *testing.T) {
			s := ocrtest.New(t)
			s.Default(ocrtest.Early(ocrtest.Raw(200, "application/json",
				`{"choices":[{"message":{"content":"invented"},"finish_reason":"stop"}]}`)))
			s.Next(ocrtest.Early(ocrtest.Raw(200, "application/json",
				`{"choices":[{"message":{"content":"invented"},"finish_reason":"stop"}]}`)))
			src := new(source)
			r, err := newClient(t, s).ExtractText(patience(t), src.opening(len(page), func() io.Reader {
				return io.MultiReader(bytes.NewReader(page[:4<<20]), rest)
			}))
			if err == nil {
				t.Fatalf("success with %q", r.Text)
			}
		})
	}
}

// TestAnswerDoesNotHideASourceFailure: the network answers although it could not send the whole page.
func TestAnswerDoesNotHideASourceFailure(t *testing.T) {
	t.Parallel()
	page := bigPage(100_000)
	careless := roundTrip(func(r *http.Request) (*http.Response, error) {
		io.Copy(io.Discard, r.Body)
		r.Body.Close()
		return answering(200,
			`{"choices":[{"message":{"content":"invented"},"finish_reason":"stop"}]}`).RoundTrip(&http.Request{})
	})
	c := newClientOver(t, careless)
	src := new(source)
	_, err := c.ExtractText(t.Context(), src.opening(len(page), func() io.Reader {
		return io.MultiReader(bytes.NewReader(page), iotest.ErrReader(errChecksum))
	}))
	if e := failure(t, err); e.Kind != ocr.KindImageSource || !errors.Is(err, errChecksum) {
		t.Errorf("%v", err)
	}
}

func TestEverySourceIsClosed(t *testing.T) {
	t.Parallel()
	page := pngPage(t)
	for _, reply := range []ocrtest.Reply{ocrtest.Text("x"), ocrtest.Scaling(), ocrtest.Reset(), ocrtest.ResetEarly(),
		ocrtest.Cut("x"), ocrtest.Text(loopText)} {
		s := ocrtest.New(t)
		s.Default(reply)
		src := new(source)
		newClient(t, s).ExtractText(patience(t),
			src.opening(len(page), func() io.Reader { return bytes.NewReader(page) }))
		if src.opened != s.Counts().Requests || !src.closedAll() {
			t.Errorf("opened %d times for %d requests, closed %d times", src.opened, s.Counts().Requests, src.closed)
		}
	}
}

func TestImageArrivesWhole(t *testing.T) {
	t.Parallel()
	for _, n := range []int{24, 25, 26, 24<<10 - 1, 24 << 10, 24<<10 + 1, 48 << 10, 100_003} {
		page := bigPage(n)
		for name, wrap := range map[string]func(io.Reader) io.Reader{
			"plain": func(r io.Reader) io.Reader { return r }, "halves": iotest.HalfReader,
			"with its end": iotest.DataErrReader,
		} {
			s := ocrtest.New(t, ocrtest.AnyImage())
			src := new(source)
			_, err := newClient(t, s).ExtractText(patience(t),
				src.opening(n, func() io.Reader { return wrap(bytes.NewReader(page)) }))
			if err != nil {
				t.Fatalf("%d bytes, %s: %v", n, name, err)
			}
			if last := s.Last(); !bytes.Equal(last.Image, page) || last.Length != int64(len(last.Body)) {
				t.Errorf("%d bytes, %s: %d arrived, Content-Length %d, body %d", n, name, len(last.Image), last.Length,
					len(last.Body))
			}
		}
	}
}

// fixed returns a function that always returns the same token.
func fixed(token string) ocr.TokenFunc {
	return func(context.Context, string) (string, error) { return token, nil }
}

func TestTokenIsAskedForTheAudience(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, url, audience, want string }{
		{"origin", "https://ocr-abc.a.run.app", "", "https://ocr-abc.a.run.app"},
		{"path and slash cut off", "https://OCR-abc.a.run.app/some/path/", "", "https://ocr-abc.a.run.app"},
		{"port kept", "https://ocr.example:8443/v1", "", "https://ocr.example:8443"},
		{"own port left out", "https://ocr.example:443", "", "https://ocr.example"},
		{"as configured", "https://ocr.example", "https://custom.example/x/", "https://custom.example/x/"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var asked string
			c, err := ocr.New(ocr.Config{URL: test.url, Audience: test.audience,
				Token: func(_ context.Context, audience string) (string, error) {
					asked = audience
					return "", errors.New("none")
				}})
			if err != nil {
				t.Fatal(err)
			}
			_, err = c.ExtractText(t.Context(), ocr.Bytes(pngPage(t)))
			if e := failure(t, err); asked != test.want || e.Kind != ocr.KindToken || e.Phase != ocr.PhaseToken {
				t.Errorf("asked for %q, want %q; %v", asked, test.want, err)
			}
		})
	}
}

func TestTokenThatNoHeaderCarriesIsNotSent(t *testing.T) {
	t.Parallel()
	gone := errors.New("metadata server gone")
	for name, token := range map[string]ocr.TokenFunc{
		"error":      func(context.Context, string) (string, error) { return "", gone },
		"empty":      fixed(""),
		"line break": fixed("abc\r\nX-Evil: 1"),
		"blank":      fixed("two words"),
		"panic":      func(context.Context, string) (string, error) { panic(gone) },
	} {
		s := ocrtest.New(t)
		_, err := newClient(t, s, func(cfg *ocr.Config) { cfg.Token = token }).ExtractText(patience(t),
			ocr.Bytes(pngPage(t)))
		if e := failure(t, err); e.Kind != ocr.KindToken || s.Counts().Requests != 0 || name == "error" &&
			!errors.Is(err, gone) {
			t.Errorf("%s: %v after %d requests", name, err, s.Counts().Requests)
		}
		if strings.Contains(err.Error(), "X-Evil") || strings.Contains(err.Error(), "two words") {
			t.Errorf("%s: the error repeats the token: %v", name, err)
		}
	}
}

func TestTokenAndKeyHaveTheirHeaders(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name                      string
		token                     ocr.TokenFunc
		key                       string
		authorization, serverless string
	}{
		{"neither", nil, "", "", ""},
		{"token", fixed("tok"), "", "Bearer tok", ""},
		{"key", nil, "key", "Bearer key", ""},
		{"both", fixed("tok"), "key", "Bearer key", "Bearer tok"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := ocrtest.New(t)
			c := newClient(t, s, func(cfg *ocr.Config) { cfg.Token, cfg.APIKey = test.token, test.key })
			if _, err := c.ExtractText(patience(t), ocr.Bytes(pngPage(t))); err != nil {
				t.Fatal(err)
			}
			h := s.Last().Header
			if got := strings.Join(h.Values("Authorization"), ","); got != test.authorization {
				t.Errorf("Authorization %q, want %q", got, test.authorization)
			}
			if got := strings.Join(h.Values("X-Serverless-Authorization"), ","); got != test.serverless {
				t.Errorf("X-Serverless-Authorization %q, want %q", got, test.serverless)
			}
			for name, want := range map[string]string{"Content-Type": "application/json", "Expect": "",
				"Content-Encoding": "", "Transfer-Encoding": "", "Accept-Encoding": ""} {
				if got := h.Get(name); got != want {
					t.Errorf("%s is %q, want %q", name, got, want)
				}
			}
		})
	}
}

func TestWorksWithTokenAndKeyTogether(t *testing.T) {
	t.Parallel()
	s := ocrtest.New(t, ocrtest.RequireToken("https://ocr.example"), ocrtest.Key("secret"))
	c := newClient(t, s, func(cfg *ocr.Config) {
		cfg.Audience, cfg.Token, cfg.APIKey = "https://ocr.example", ocrtest.FixedToken, "secret"
	})
	if _, err := c.ExtractText(patience(t), ocr.Bytes(pngPage(t))); err != nil || !c.Healthy(patience(t)) {
		t.Error(err)
	}
}

func TestHeaderIsAskedBeforeEachTryAndReplacesNothing(t *testing.T) {
	t.Parallel()
	type key struct{}
	s := ocrtest.New(t, ocrtest.Key("the-key"))
	s.Next(ocrtest.Scaling(), ocrtest.Finish("repetition", "la la"), ocrtest.Text("la"))
	asked := 0
	c := newClient(t, s, func(cfg *ocr.Config) {
		cfg.APIKey = "the-key"
		cfg.Header = func(ctx context.Context, h http.Header) {
			asked++
			h.Set("Traceparent", fmt.Sprint(ctx.Value(key{}), asked))
			h.Set("Authorization", "Bearer of another")
			h["authorization"] = []string{"Bearer of a third"}
			h.Set("X-Serverless-Authorization", "Bearer of a fourth")
			h.Set("Content-Type", "text/plain")
		}
	})
	if _, err := c.ExtractText(context.WithValue(patience(t), key{}, "page-"), ocr.Bytes(pngPage(t))); err != nil {
		t.Fatal(err)
	}
	if n := len(s.Requests()); n != 3 || asked != n {
		t.Errorf("%d requests, asked %d times", n, asked)
	}
	for n, req := range s.Requests() {
		for name, want := range map[string][]string{
			"Traceparent": {fmt.Sprint("page-", n+1)}, "Authorization": {"Bearer the-key"},
			"X-Serverless-Authorization": nil,
			"Content-Type":               {"application/json"},
		} {
			if got := req.Header.Values(name); !slices.Equal(got, want) {
				t.Errorf("request %d: %s is %q, want %q", n+1, name, got, want)
			}
		}
	}
}

func TestHeaderCannotAuthorize(t *testing.T) {
	t.Parallel()
	s, _, err := readWith(t, ocrtest.Text("x"), func(cfg *ocr.Config) {
		cfg.Header = func(_ context.Context, h http.Header) { h.Set("Authorization", "Bearer of another") }
	})
	if err != nil || s.Last().Header.Get("Authorization") != "" {
		t.Errorf("sent %v, %v", s.Last().Header, err)
	}
}
