package ocr_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/bucketocr/bucketocr/ocr"
	"github.com/bucketocr/bucketocr/ocr/ocrtest"
)

func TestTimeoutNamesThePhaseAndTheTryItsTime(t *testing.T) {
	t.Parallel()
	page := pngPage(t)
	stuck := func(ctx context.Context) ocr.Image { // a source that hangs after the beginning of the image
		return ocr.Image{Size: 1 << 20, Open: func() (io.ReadCloser, error) {
			head := strings.NewReader(string(bigPage(30 << 10)))
			return io.NopCloser(io.MultiReader(head, waitFor(ctx))), nil
		}}
	}
	tests := []struct {
		name    string
		handler http.HandlerFunc
		image   func(context.Context) ocr.Image
		phase   ocr.Phase
	}{
		{"connect", nil, nil, ocr.PhaseConnect},
		{"upload", silent, stuck, ocr.PhaseUpload},
		{"wait", silent, nil, ocr.PhaseWait},
		{"read", dripping, nil, ocr.PhaseRead},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			inMemory(t, test.handler, func(t *testing.T, cfg ocr.Config) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				img := ocr.Bytes(page)
				if test.image != nil {
					img = test.image(ctx)
				}
				c, err := ocr.New(cfg)
				if err != nil {
					t.Fatal(err)
				}
				start := time.Now()
				_, err = c.ExtractText(ctx, img)
				e := failure(t, err)
				if e.Kind != ocr.KindTimeout || e.Phase != test.phase || time.Since(start) != ocr.DefaultTimeout {
					t.Errorf("after %v: %v", time.Since(start), err)
				}
				if try := e.Tries[0]; try.Phases[test.phase] != ocr.DefaultTimeout ||
					try.Duration() != ocr.DefaultTimeout || try.Phase != test.phase {
					t.Errorf("the try is %+v", try)
				}
				if !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("%v is no deadline's error", err)
				}
			})
		})
	}
}

// Each try records the time that was spent in each phase.
func TestPhasesAreMeasured(t *testing.T) {
	t.Parallel()
	inMemory(t, func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		time.Sleep(40 * time.Second)
		w.WriteHeader(http.StatusOK)
		http.NewResponseController(w).Flush()
		time.Sleep(5 * time.Second)
		io.WriteString(w, `{"choices":[{"message":{"content":"# Page"},"finish_reason":"stop"}]}`)
	}, func(t *testing.T, cfg ocr.Config) {
		cfg.Token = func(ctx context.Context, audience string) (string, error) {
			time.Sleep(time.Second)
			return ocrtest.FixedToken(ctx, audience)
		}
		c, err := ocr.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		page := bigPage(100 << 10)
		start := time.Now()
		r, err := c.ExtractText(t.Context(), ocr.Image{Size: int64(len(page)), Open: func() (io.ReadCloser, error) {
			time.Sleep(2 * time.Second)
			slow := readerFunc(func([]byte) (int, error) { time.Sleep(3 * time.Second); return 0, io.EOF })
			return io.NopCloser(io.MultiReader(bytes.NewReader(page[:50<<10]), slow, bytes.NewReader(page[50<<10:]))),
				nil
		}})
		if err != nil {
			t.Fatal(err)
		}
		try := r.Tries[0]
		if want := [...]time.Duration{
			ocr.PhaseToken: time.Second, ocr.PhaseImage: 2 * time.Second, ocr.PhaseUpload: 3 * time.Second,
			ocr.PhaseWait: 40 * time.Second, ocr.PhaseRead: 5 * time.Second,
		}; try.Phases != want {
			t.Errorf("phases %v, want %v", try.Phases, want)
		}
		if !try.Start.Equal(start) || try.Duration() != time.Since(start) || try.ImageSent != int64(len(page)) {
			t.Errorf("%+v after %v", try, time.Since(start))
		}
	})
}

func TestImageSentIsWhatLeft(t *testing.T) {
	t.Parallel()
	page := bigPage(300_000)
	src := new(source)
	_, err := newClient(t, ocrtest.New(t, ocrtest.AnyImage())).ExtractText(patience(t),
		src.opening(len(page), func() io.Reader {
			return io.MultiReader(bytes.NewReader(page[:150_000]), iotest.ErrReader(errChecksum))
		}))
	if sent := failure(t, err).Tries[0].ImageSent; sent == 0 || sent > 150_000 {
		t.Errorf("%d bytes of 150000", sent)
	}
}

func TestCallersDeadlineIsNotOurTimeout(t *testing.T) {
	t.Parallel()
	page := pngPage(t)
	for _, handler := range []http.HandlerFunc{nil, silent, dripping} {
		inMemory(t, handler, func(t *testing.T, cfg ocr.Config) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			c, err := ocr.New(cfg)
			if err != nil {
				t.Fatal(err)
			}
			start := time.Now()
			_, err = c.ExtractText(ctx, ocr.Bytes(page))
			if e := failure(t, err); e.Kind != ocr.KindCanceled || !errors.Is(err, context.DeadlineExceeded) ||
				time.Since(start) != time.Minute {
				t.Errorf("after %v: %v", time.Since(start), err)
			}
		})
	}
}

// A source that fails because the caller's context has ended is not at fault.
func TestSourceThatEndsWithTheContextIsNotToBlame(t *testing.T) {
	t.Parallel()
	inMemory(t, silent, func(t *testing.T, cfg ocr.Config) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		c, err := ocr.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.ExtractText(ctx, ocr.Image{Size: 1 << 20, Open: func() (io.ReadCloser, error) {
			return io.NopCloser(io.MultiReader(strings.NewReader(string(bigPage(30<<10))), waitFor(ctx))), nil
		}})
		if e := failure(t, err); e.Kind != ocr.KindCanceled {
			t.Errorf("%v", err)
		}
	})
}

func TestTokenFunctionThatHangsIsAbandoned(t *testing.T) {
	t.Parallel()
	page := pngPage(t)
	tests := []struct {
		name string
		left time.Duration // of the caller's context
		kind ocr.Kind
		want time.Duration
	}{
		{"own limit", time.Hour, ocr.KindToken, 10 * time.Second},
		{"caller's deadline", 3 * time.Second, ocr.KindCanceled, 3 * time.Second},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				release := make(chan struct{})
				defer close(release)
				c, err := ocr.New(ocr.Config{URL: "https://ocr.example",
					Token: func(context.Context, string) (string, error) {
						<-release // ignores its context
						return "late", nil
					}})
				if err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithTimeout(t.Context(), test.left)
				defer cancel()
				start := time.Now()
				_, err = c.ExtractText(ctx, ocr.Bytes(page))
				if e := failure(t, err); e.Kind != test.kind || e.Phase != ocr.PhaseToken ||
					!errors.Is(err, context.DeadlineExceeded) || time.Since(start) != test.want {
					t.Errorf("after %v: %v", time.Since(start), err)
				}
				if start = time.Now(); c.Healthy(ctx) || time.Since(start) > 10*time.Second {
					t.Errorf("Healthy took %v", time.Since(start))
				}
			})
		})
	}
}

func TestTimeOfTheTokenIsNotTheTrys(t *testing.T) {
	t.Parallel()
	page := pngPage(t)
	inMemory(t, func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		time.Sleep(100 * time.Second)
		w.Write([]byte(`{"choices":[{"message":{"content":"# Page"},"finish_reason":"stop"}]}`))
	}, func(t *testing.T, cfg ocr.Config) {
		cfg.Timeout = 105 * time.Second
		cfg.Token = func(ctx context.Context, audience string) (string, error) {
			time.Sleep(9 * time.Second)
			return ocrtest.FixedToken(ctx, audience)
		}
		c, err := ocr.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.ExtractText(t.Context(), ocr.Bytes(page)); err != nil {
			t.Error(err)
		}
	})
}

// Behind Cloud Run the GPU keeps working after a time-out, so that another try would occupy it twice.
func TestTimeoutIsNotTriedAgain(t *testing.T) {
	t.Parallel()
	var requests atomic.Int32
	inMemory(t, func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		silent(w, r)
	}, func(t *testing.T, cfg ocr.Config) {
		cfg.Timeout = 30 * time.Second
		c, err := ocr.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.ExtractText(t.Context(), ocr.Bytes(bigPage(100)))
		if e := failure(t, err); e.Kind != ocr.KindTimeout || e.Phase != ocr.PhaseWait ||
			!strings.Contains(e.Message, "30s") {
			t.Errorf("%v", err)
		}
		if n := requests.Load(); n != 1 {
			t.Errorf("%d requests", n)
		}
	})
}
