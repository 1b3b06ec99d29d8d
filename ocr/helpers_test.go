package ocr_test

import (
	"bytes"
	"context"
	"errors"
	"image"
	"image/jpeg"
	"image/png"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bucketocr/bucketocr/ocr"
	"github.com/bucketocr/bucketocr/ocr/ocrtest"
)

// pngPage is a small real page.
func pngPage(t testing.TB) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, 60, 80))); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func jpegPage(t testing.TB) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, image.NewGray(image.Rect(0, 0, 60, 80)), nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// sleeps records waits instead of waiting.
type sleeps struct {
	mu    sync.Mutex
	waits []time.Duration
}

func (s *sleeps) sleep(ctx context.Context, d time.Duration) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waits = append(s.waits, d)
	return ctx.Err()
}

func (s *sleeps) all() []time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]time.Duration(nil), s.waits...)
}

// newClient makes a client of a server that never really waits between tries.
func newClient(t testing.TB, s *ocrtest.Server, change ...func(*ocr.Config)) *ocr.Client {
	t.Helper()
	cfg := ocr.Config{URL: s.URL, Sleep: new(sleeps).sleep, Rand: func() float64 { return 0.5 }}
	for _, f := range change {
		f(&cfg)
	}
	c, err := ocr.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// failure is the *ocr.Error of a call that must have failed.
func failure(t testing.TB, err error) *ocr.Error {
	t.Helper()
	var e *ocr.Error
	if !errors.As(err, &e) {
		t.Fatalf("error is %v, want an *ocr.Error", err)
	}
	return e
}

// patience bounds what would otherwise hang for ever if the code were broken. It has no deadline, which would be a reason not to try again.
func patience(t testing.TB) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	timer := time.AfterFunc(30*time.Second, cancel)
	t.Cleanup(func() { timer.Stop(); cancel() })
	return ctx
}

// source is an image whose reader is under the test's control.
type source struct {
	io.Reader
	mu     sync.Mutex
	opened int
	closed int
}

func (s *source) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed++
	return nil
}

// closedAll reports whether every reader was closed once.
func (s *source) closedAll() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.opened == s.closed
}

// opening gives an image over a fresh reader per try.
func (s *source) opening(size int, reader func() io.Reader) ocr.Image {
	return ocr.Image{Size: int64(size), Open: func() (io.ReadCloser, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.opened++
		return struct {
			io.Reader
			io.Closer
		}{reader(), s}, nil
	}}
}

// answering is a network where every request gets the same answer.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func answering(status int, body string) http.RoundTripper {
	return roundTrip(func(r *http.Request) (*http.Response, error) {
		if r.Body != nil {
			io.Copy(io.Discard, r.Body)
			r.Body.Close()
		}
		return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
	})
}
