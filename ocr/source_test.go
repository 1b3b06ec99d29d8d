package ocr_test

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/bucketocr/bucketocr/ocr"
	"github.com/bucketocr/bucketocr/ocr/ocrtest"
)

var errChecksum = errors.New("the checksum is wrong")

// bigPage is a PNG by its first bytes only, of a length that needs many blocks and padding.
func bigPage(n int) []byte {
	page := make([]byte, n)
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range page {
		page[i] = byte(rng.Uint32())
	}
	copy(page, "\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x10\x00\x00\x00\x10")
	return page
}

func TestSourceFailures(t *testing.T) {
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
		{"behind the last byte", len(page), failing(len(page)), errChecksum, "checksum"},
		{"with the last byte", len(page), func() io.Reader { return &lastWords{page, errChecksum} }, errChecksum, "checksum"},
		{"too short", len(page) + 5, whole, io.ErrUnexpectedEOF, "5 bytes before"},
		{"too long", len(page) - 5, whole, nil, "longer"},
		{"never ends", len(page), func() io.Reader { return io.MultiReader(bytes.NewReader(page), idle{}) }, io.ErrNoProgress, ""},
		{"panics", len(page), func() io.Reader { return io.MultiReader(bytes.NewReader(page[:9000]), panicking{}) }, nil, "panicked"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := ocrtest.New(t, ocrtest.AnyImage())
			src := new(source)
			r, err := newClient(t, s).ExtractText(patience(t), src.opening(test.size, test.reader))
			e := failure(t, err)
			if e.Kind != ocr.KindImageSource || test.want != nil && !errors.Is(err, test.want) || !strings.Contains(e.Message, test.words) {
				t.Errorf("error is %v, result %+v", err, r)
			}
			if src.opened != 1 || !src.closedAll() {
				t.Errorf("opened %d times, closed %d times, want once each: a source that fails is not asked again", src.opened, src.closed)
			}
			if c := s.Counts(); c.Answers != 0 {
				t.Errorf("the server answered %d times to a page that it cannot have had", c.Answers)
			}
		})
	}
}

// lastWords gives its error together with its last bytes, as a reader may.
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

func TestOpenFails(t *testing.T) {
	s := ocrtest.New(t)
	opened := 0
	img := ocr.Image{Size: 100, Open: func() (io.ReadCloser, error) { opened++; return nil, errChecksum }}
	_, err := newClient(t, s).ExtractText(patience(t), img)
	if e := failure(t, err); e.Kind != ocr.KindImageSource || e.Phase != ocr.PhaseImage || !errors.Is(err, errChecksum) || opened != 1 {
		t.Errorf("%v after %d openings", err, opened)
	}
	if n := s.Counts().Requests; n != 0 {
		t.Errorf("%d requests", n)
	}
}

// An answer to a page whose source has failed must not count, even where the server answers before it has everything.
func TestEarlyAnswerDoesNotHideASourceFailure(t *testing.T) {
	page := bigPage(8 << 20)
	for name, rest := range map[string]io.Reader{"source fails": iotest.ErrReader(errChecksum), "source goes on": bytes.NewReader(page[4<<20:])} {
		t.Run(name, func(t *testing.T) {
			s := ocrtest.New(t)
			s.Default(ocrtest.Early(ocrtest.Raw(200, "application/json", `{"choices":[{"message":{"content":"invented"},"finish_reason":"stop"}]}`)))
			s.Next(ocrtest.Early(ocrtest.Raw(200, "application/json", `{"choices":[{"message":{"content":"invented"},"finish_reason":"stop"}]}`)))
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

// A network that answers although it could not send the page.
func TestAnswerInSpiteOfASourceFailure(t *testing.T) {
	page := bigPage(100_000)
	careless := roundTrip(func(r *http.Request) (*http.Response, error) {
		io.Copy(io.Discard, r.Body)
		r.Body.Close()
		return answering(200, `{"choices":[{"message":{"content":"invented"},"finish_reason":"stop"}]}`).RoundTrip(&http.Request{})
	})
	c, err := ocr.New(ocr.Config{URL: "http://127.0.0.1:1", Transport: careless})
	if err != nil {
		t.Fatal(err)
	}
	src := new(source)
	_, err = c.ExtractText(t.Context(), src.opening(len(page), func() io.Reader {
		return io.MultiReader(bytes.NewReader(page), iotest.ErrReader(errChecksum))
	}))
	if e := failure(t, err); e.Kind != ocr.KindImageSource || !errors.Is(err, errChecksum) {
		t.Errorf("%v", err)
	}
}

func TestEverySourceIsClosed(t *testing.T) {
	page := pngPage(t)
	for _, reply := range []ocrtest.Reply{ocrtest.Text("x"), ocrtest.Platform(503), ocrtest.Reset(), ocrtest.ResetEarly(), ocrtest.Cut("x"), ocrtest.Text(loopText)} {
		s := ocrtest.New(t)
		s.Default(reply)
		src := new(source)
		newClient(t, s).ExtractText(patience(t), src.opening(len(page), func() io.Reader { return bytes.NewReader(page) }))
		if src.opened != s.Counts().Requests || !src.closedAll() {
			t.Errorf("opened %d times for %d requests, closed %d times", src.opened, s.Counts().Requests, src.closed)
		}
	}
}

func TestImageArrivesWhole(t *testing.T) {
	for _, n := range []int{24, 25, 26, 24<<10 - 1, 24 << 10, 24<<10 + 1, 48 << 10, 100_003} {
		page := bigPage(n)
		for name, wrap := range map[string]func(io.Reader) io.Reader{
			"plain": func(r io.Reader) io.Reader { return r }, "halves": iotest.HalfReader, "with its end": iotest.DataErrReader,
		} {
			s := ocrtest.New(t, ocrtest.AnyImage())
			src := new(source)
			_, err := newClient(t, s).ExtractText(patience(t), src.opening(n, func() io.Reader { return wrap(bytes.NewReader(page)) }))
			if err != nil {
				t.Fatalf("%d bytes, %s: %v", n, name, err)
			}
			if last := s.Last(); !bytes.Equal(last.Image, page) || last.Length != int64(len(last.Body)) {
				t.Errorf("%d bytes, %s: %d arrived, Content-Length %d, body %d", n, name, len(last.Image), last.Length, len(last.Body))
			}
		}
	}
}
