package ocr_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bucketocr/bucketocr/ocr"
	"github.com/bucketocr/bucketocr/ocr/ocrtest"
)

func TestOnlyModelIsAdoptedAndRemembered(t *testing.T) {
	t.Parallel()
	s := ocrtest.New(t, ocrtest.Models("lightonai/LightOnOCR-3-4B"))
	c := newClient(t, s)
	for range 2 {
		r, err := c.ExtractText(patience(t), ocr.Bytes(pngPage(t)))
		if err != nil || r.Model != "lightonai/LightOnOCR-3-4B" {
			t.Fatalf("%+v, %v", r, err)
		}
	}
	if n := s.Counts(); n.Models != 1 || n.Requests != 3 {
		t.Errorf("counts %+v, want one question and three requests", n)
	}
	if p := c.Profile(); p.Name != "lightonocr-3-4b" ||
		!strings.Contains(string(s.Last().Body), `"enable_thinking":false`) {
		t.Errorf("profile is %+v", p)
	}
	if !c.Healthy(patience(t)) {
		t.Error("not healthy with the model that was adopted")
	}
}

// TestConfiguredModelComesBack: a client that adopted another name uses the configured one as soon as it is served.
func TestConfiguredModelComesBack(t *testing.T) {
	t.Parallel()
	served := `"other"`
	inMemory(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		switch {
		case r.URL.Path == "/v1/models":
			var list []string
			for name := range strings.SplitSeq(served, " ") {
				list = append(list, `{"id":`+name+`}`)
			}
			fmt.Fprintf(w, `{"data":[%s]}`, strings.Join(list, ","))
		case slices.ContainsFunc(strings.Fields(served), func(name string) bool {
			return strings.Contains(string(body), `"model":`+name)
		}):
			fmt.Fprint(w, `{"choices":[{"message":{"content":"text"},"finish_reason":"stop"}]}`)
		default:
			w.WriteHeader(404)
			fmt.Fprint(w, `{"error":{"message":"The model does not exist.","type":"NotFoundError","param":"model","code":404}}`)
		}
	}, func(t *testing.T, cfg ocr.Config) {
		cfg.Model = "mine"
		c, err := ocr.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		for _, served = range []string{`"other"`, `"mine" "scans"`} {
			if _, err := c.ExtractText(t.Context(), ocr.Bytes(pngPage(t))); err != nil {
				t.Errorf("serving %s: %v", served, err)
			}
		}
		served = `"other"`
		if _, err := c.ExtractText(t.Context(), ocr.Bytes(pngPage(t))); err != nil {
			t.Error(err)
		}
		served = `"mine" "scans"`
		if !c.Healthy(t.Context()) {
			t.Error("not healthy with the configured model")
		}
	})
}

func TestNoQuestionWithoutNeed(t *testing.T) {
	t.Parallel()
	s := ocrtest.New(t)
	if _, err := newClient(t, s).ExtractText(patience(t), ocr.Bytes(pngPage(t))); err != nil ||
		s.Counts().Models != 0 || s.Counts().Health != 0 {
		t.Errorf("counts %+v, %v", s.Counts(), err)
	}
}

func TestConfiguredProfileStaysWithAnotherModel(t *testing.T) {
	t.Parallel()
	s := ocrtest.New(t, ocrtest.Models("lightonai/LightOnOCR-2-1B"))
	c := newClient(t, s, func(cfg *ocr.Config) { cfg.Model, cfg.Profile = "mine", "lightonocr-1" })
	if _, err := c.ExtractText(patience(t), ocr.Bytes(pngPage(t))); err != nil || c.Profile().Name != "lightonocr-1" {
		t.Errorf("%v, profile %+v", err, c.Profile())
	}
	s = ocrtest.New(t, ocrtest.Models("renamed"))
	c = newClient(t, s)
	if _, err := c.ExtractText(patience(t), ocr.Bytes(pngPage(t))); err != nil || c.Profile().Name != "lightonocr-2" {
		t.Errorf("%v, profile %+v: a name that says nothing changes nothing", err, c.Profile())
	}
}

func TestWrongModelStays(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		models []string
		change func(*ocr.Config)
		words  string
	}{
		{"two to choose from", []string{"a", "b"}, nil, `it has ["a" "b"]`},
		{"none", nil, nil, `it has []`},
		{"the only one has no layout", []string{"lightonai/LightOnOCR-2-1B"}, func(cfg *ocr.Config) {
			cfg.Model, cfg.Mode = "lightonai/LightOnOCR-3-1B", ocr.ModeLayout
		}, "no layout mode"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := ocrtest.New(t, ocrtest.Models(test.models...))
			change := func(cfg *ocr.Config) {
				if test.change != nil {
					test.change(cfg)
				}
			}
			_, err := newClient(t, s, change).ExtractText(patience(t), ocr.Bytes(pngPage(t)))
			if e := failure(t, err); e.Kind != ocr.KindWrongModel || !strings.Contains(e.Message, test.words) ||
				s.Counts().Requests != 1 {
				t.Errorf("%v after %d requests", err, s.Counts().Requests)
			}
		})
	}
}

func TestManyCallsAskOnce(t *testing.T) {
	t.Parallel()
	s := ocrtest.New(t, ocrtest.Models("other"))
	gate := ocrtest.NewGate()
	missing := ocrtest.Hold(gate, ocrtest.Error(404, "NotFoundError", "model", "The model does not exist."))
	s.Next(missing, missing, missing, missing)
	c := newClient(t, s)
	var calls sync.WaitGroup
	for range 4 {
		calls.Go(func() {
			if _, err := c.ExtractText(t.Context(), ocr.Bytes(pngPage(t))); err != nil {
				t.Error(err)
			}
		})
	}
	if err := gate.Wait(patience(t), 4); err != nil {
		t.Fatal(err)
	}
	gate.Open()
	calls.Wait()
	if n := s.Counts().Models; n != 1 {
		t.Errorf("the models were asked for %d times", n)
	}
}

func TestHealthyNeedsTheWantedModel(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		prepare func(*ocrtest.Server)
		options []ocrtest.Option
		change  func(*ocr.Config)
		want    bool
	}{
		{"as configured", nil, nil, nil, true},
		{"second name", nil, []ocrtest.Option{ocrtest.Models("x", ocr.DefaultModel)}, nil, true},
		{"another model", nil, []ocrtest.Option{ocrtest.Models("x")}, nil, false},
		{"no models", nil, []ocrtest.Option{ocrtest.Models()}, nil, false},
		{"down", (*ocrtest.Server).Down, nil, nil, false},
		{"gone", (*ocrtest.Server).Close, nil, nil, false},
		{"no token", nil, []ocrtest.Option{ocrtest.RequireToken("a")}, nil, false},
		{"wrong key", nil, []ocrtest.Option{ocrtest.Key("a")}, func(cfg *ocr.Config) { cfg.APIKey = "b" }, false},
		{"wrong path", nil, nil, func(cfg *ocr.Config) { cfg.URL += "/nowhere" }, false},
		{"transport panics", nil, nil, func(cfg *ocr.Config) { cfg.Transport = panicTransport{} }, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := ocrtest.New(t, test.options...)
			if test.prepare != nil {
				test.prepare(s)
			}
			c := newClient(t, s, func(cfg *ocr.Config) {
				if test.change != nil {
					test.change(cfg)
				}
			})
			if got := c.Healthy(patience(t)); got != test.want {
				t.Errorf("healthy is %v", got)
			}
			var none context.Context // must not panic
			if c.Healthy(none) || c.Healthy(ended(t)) {
				t.Error("healthy without a living context")
			}
		})
	}
}

type panicTransport struct{}

func (panicTransport) RoundTrip(*http.Request) (*http.Response, error) { panic("transport bug") }

func ended(t *testing.T) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}

func TestHealthyReadsOddLists(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]bool{
		`{"data":[{"id":"lightonai/LightOnOCR-2-1B","max_model_len":null}]}`:            true,
		`{"data":[{"id":7},{"id":"lightonai/LightOnOCR-2-1B","max_model_len":"many"}]}`: true,
		`{"data":null}`: false, `[]`: false, `<html>login</html>`: false, ``: false,
	} {
		if got := newClientOver(t, answering(200, body)).Healthy(t.Context()); got != want {
			t.Errorf("%s: healthy is %v", body, got)
		}
	}
}

func TestWaitHealthyAsksUntilHealthy(t *testing.T) {
	t.Parallel()
	s := ocrtest.New(t)
	s.Down()
	waits := 0
	var longest time.Duration
	c := newClient(t, s, func(cfg *ocr.Config) {
		cfg.SetRand(func() float64 { return 0.9999 })
		cfg.SetSleep(func(ctx context.Context, d time.Duration) error {
			longest = max(longest, d)
			if waits++; waits == 12 {
				s.Up()
			}
			return ctx.Err()
		})
	})
	if err := c.WaitHealthy(patience(t)); err != nil || waits != 12 || longest != 30*time.Second {
		t.Errorf("%v after %d waits, the longest %v", err, waits, longest)
	}
}

func TestWaitHealthyEndsWithTheContext(t *testing.T) {
	t.Parallel()
	s := ocrtest.New(t, ocrtest.Models("other"))
	ctx, cancel := context.WithCancel(t.Context())
	c := newClient(t, s, func(cfg *ocr.Config) {
		cfg.SetSleep(func(ctx context.Context, _ time.Duration) error { cancel(); return ctx.Err() })
	})
	err := c.WaitHealthy(ctx)
	if e := failure(t, err); e.Kind != ocr.KindCanceled || !errors.Is(err, context.Canceled) ||
		!strings.Contains(e.Message, `"other"`) {
		t.Errorf("%v does not say what the last answer was", err)
	}
}
