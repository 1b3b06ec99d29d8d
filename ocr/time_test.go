package ocr_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bucketocr/bucketocr/ocr"
	"github.com/bucketocr/bucketocr/ocr/ocrtest"
)

func TestTimeoutSaysWhereTimeWent(t *testing.T) {
	page := pngPage(t)
	stuck := func(ctx context.Context) ocr.Image { // a source that hangs behind the head of the image
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
				if !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("%v is no deadline's error", err)
				}
			})
		})
	}
}

func TestCallersDeadlineIsNotOurTimeout(t *testing.T) {
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
			if e := failure(t, err); e.Kind != ocr.KindCanceled || !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != time.Minute {
				t.Errorf("after %v: %v", time.Since(start), err)
			}
		})
	}
}

// A source that obeys the caller's context fails with it; that is the context's end, not the source's fault.
func TestSourceThatEndsWithTheContext(t *testing.T) {
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

func TestTokenFunctionThatHangs(t *testing.T) {
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
			synctest.Test(t, func(t *testing.T) {
				release := make(chan struct{})
				defer close(release)
				c, err := ocr.New(ocr.Config{URL: "https://ocr.example", Token: func(context.Context, string) (string, error) {
					<-release // deaf to its context
					return "late", nil
				}})
				if err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithTimeout(t.Context(), test.left)
				defer cancel()
				start := time.Now()
				_, err = c.ExtractText(ctx, ocr.Bytes(page))
				if e := failure(t, err); e.Kind != test.kind || e.Phase != ocr.PhaseToken || !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != test.want {
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

func TestRealSleepEndsWithTheContext(t *testing.T) {
	page := pngPage(t)
	inMemory(t, func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		w.Header().Set("Retry-After", "20")
		w.WriteHeader(429)
	}, func(t *testing.T, cfg ocr.Config) {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(5*time.Second, cancel)
		c, err := ocr.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		_, err = c.ExtractText(ctx, ocr.Bytes(page))
		if e := failure(t, err); e.Kind != ocr.KindOverloaded || time.Since(start) != 5*time.Second {
			t.Errorf("after %v: %v", time.Since(start), err)
		}
	})
}

// Behind Cloud Run the GPU goes on after a time-out, so that another try would be a second page on it.
func TestTimeoutIsNotTriedAgain(t *testing.T) {
	s := ocrtest.New(t, ocrtest.KeepGenerating())
	gate := ocrtest.NewGate()
	defer gate.Open()
	s.Default(ocrtest.Hold(gate, ocrtest.Text("late")))
	c := newClient(t, s, func(cfg *ocr.Config) { cfg.Timeout = 200 * time.Millisecond })
	_, err := c.ExtractText(patience(t), ocr.Bytes(pngPage(t)))
	if e := failure(t, err); e.Kind != ocr.KindTimeout || e.Phase != ocr.PhaseWait {
		t.Errorf("%v", err)
	}
	if n := s.Counts(); n.Requests != 1 || n.Running != 1 || n.Peak != 1 {
		t.Errorf("counts %+v, want one request and one page running", n)
	}
}
