package ocr_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/bucketocr/bucketocr/ocr"
	"github.com/bucketocr/bucketocr/ocr/ocrtest"
)

func TestWaitsBetweenTries(t *testing.T) {
	ms := time.Millisecond
	busy := ocrtest.Platform(429)
	after := func(value string) ocrtest.Reply { return ocrtest.With("Retry-After", value, busy) }
	tests := []struct {
		name    string
		rand    float64
		replies []ocrtest.Reply
		want    []time.Duration
	}{
		{"doubling", 0.5, []ocrtest.Reply{busy, busy, busy}, []time.Duration{500 * ms, 1000 * ms, 2000 * ms}},
		{"spread down", 0, []ocrtest.Reply{busy, busy, busy}, []time.Duration{250 * ms, 500 * ms, 1000 * ms}},
		{"spread up", 0.99, []ocrtest.Reply{busy}, []time.Duration{745 * ms}},
		{"as the server asks", 0.5, []ocrtest.Reply{after("7")}, []time.Duration{7 * time.Second}},
		{"capped", 0.5, []ocrtest.Reply{after("3600")}, []time.Duration{30 * time.Second}},
		{"asked for less", 0.5, []ocrtest.Reply{after("0")}, []time.Duration{500 * ms}},
		{"nonsense", 0.5, []ocrtest.Reply{after("soon")}, []time.Duration{500 * ms}},
		{"negative", 0.5, []ocrtest.Reply{after("-5")}, []time.Duration{500 * ms}},
		{"past date", 0.5, []ocrtest.Reply{after("Mon, 02 Jan 2006 15:04:05 GMT")}, []time.Duration{500 * ms}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := ocrtest.New(t)
			s.Next(test.replies...)
			waits := new(sleeps)
			c := newClient(t, s, func(cfg *ocr.Config) { cfg.Sleep, cfg.Rand = waits.sleep, func() float64 { return test.rand } })
			if _, err := c.ExtractText(t.Context(), ocr.Bytes(pngPage(t))); err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(waits.all(), test.want) {
				t.Errorf("waited %v, want %v", waits.all(), test.want)
			}
		})
	}
}

func TestRetryAfterDateAndValueReachTheCaller(t *testing.T) {
	s := ocrtest.New(t)
	c := newClient(t, s)
	s.Default(ocrtest.With("Retry-After", "3600", ocrtest.Platform(503)))
	_, err := c.ExtractText(patience(t), ocr.Bytes(pngPage(t)))
	if e := failure(t, err); e.RetryAfter != time.Hour {
		t.Errorf("RetryAfter is %v, want what the server said", e.RetryAfter)
	}
	s.Default(ocrtest.With("Retry-After", time.Now().Add(time.Hour).UTC().Format(http.TimeFormat), ocrtest.Platform(503)))
	_, err = c.ExtractText(patience(t), ocr.Bytes(pngPage(t)))
	if e := failure(t, err); e.RetryAfter < 50*time.Minute || e.RetryAfter > time.Hour {
		t.Errorf("RetryAfter of a date is %v", e.RetryAfter)
	}
}

func TestNoWaitBeyondTheContext(t *testing.T) {
	s := ocrtest.New(t)
	s.Default(ocrtest.With("Retry-After", "25", ocrtest.Platform(503)))
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	waits := new(sleeps)
	_, err := newClient(t, s, func(cfg *ocr.Config) { cfg.Sleep = waits.sleep }).ExtractText(ctx, ocr.Bytes(pngPage(t)))
	if e := failure(t, err); e.Kind != ocr.KindOverloaded || len(waits.all()) != 0 || s.Counts().Requests != 1 {
		t.Errorf("%v after waits %v and %d requests: want one request and its own error", err, waits.all(), s.Counts().Requests)
	}
}

func TestContextThatEndsDuringAWait(t *testing.T) {
	s := ocrtest.New(t)
	s.Default(ocrtest.Platform(503))
	ctx, cancel := context.WithCancel(t.Context())
	c := newClient(t, s, func(cfg *ocr.Config) {
		cfg.Sleep = func(ctx context.Context, _ time.Duration) error { cancel(); return ctx.Err() }
	})
	_, err := c.ExtractText(ctx, ocr.Bytes(pngPage(t)))
	if e := failure(t, err); e.Kind != ocr.KindOverloaded || s.Counts().Requests != 1 {
		t.Errorf("%v after %d requests", err, s.Counts().Requests)
	}
}

func TestContextThatHasEnded(t *testing.T) {
	s := ocrtest.New(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	shutdown := errors.New("the process ends")
	cancel(shutdown)
	_, err := newClient(t, s).ExtractText(ctx, ocr.Bytes(pngPage(t)))
	if e := failure(t, err); e.Kind != ocr.KindCanceled || s.Counts().Requests != 0 {
		t.Errorf("%v after %d requests", err, s.Counts().Requests)
	}
	if !errors.Is(err, context.Canceled) || !errors.Is(err, shutdown) {
		t.Errorf("%v hides the context's error or its cause", err)
	}
}

func TestSuccessAfterFailures(t *testing.T) {
	s := ocrtest.New(t)
	s.Next(ocrtest.Platform(500), ocrtest.Reset(), ocrtest.Cut("x"))
	r, err := newClient(t, s).ExtractText(patience(t), ocr.Bytes(pngPage(t)))
	if err != nil || r.Tries != 4 {
		t.Errorf("%d tries and %v, want success at the fourth", r.Tries, err)
	}
}

// Proof, in the sense of Error.Proven, is an answer for another page while the failing try was under way.
func TestProven(t *testing.T) {
	bad, good := pngPage(t), jpegPage(t)
	for _, busy := range []bool{true, false} {
		s := ocrtest.New(t)
		gate := ocrtest.NewGate()
		s.For(bad, ocrtest.Hold(gate, ocrtest.EngineFailed("")))
		c := newClient(t, s)
		if _, err := c.ExtractText(patience(t), ocr.Bytes(good)); err != nil { // before the try: proves nothing
			t.Fatal(err)
		}
		failed := make(chan error, 1)
		go func() {
			_, err := c.ExtractText(t.Context(), ocr.Bytes(bad))
			failed <- err
		}()
		if err := gate.Wait(patience(t), 1); err != nil {
			t.Fatal(err)
		}
		if busy {
			if _, err := c.ExtractText(patience(t), ocr.Bytes(good)); err != nil {
				t.Fatal(err)
			}
		}
		gate.Open()
		if e := failure(t, <-failed); e.Proven != busy || e.Kind != ocr.KindBackendFailed {
			t.Errorf("with another page read meanwhile %v: proven %v, %v", busy, e.Proven, e)
		}
	}
}
