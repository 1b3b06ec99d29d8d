package ocr_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bucketocr/bucketocr/ocr"
	"github.com/bucketocr/bucketocr/ocr/ocrtest"
)

// The tests of this file are what clients of such servers usually get wrong, one each. Most of it is tested elsewhere in more depth.

// one reads a page from a server with one reply.
func one(t *testing.T, reply ocrtest.Reply, change ...func(*ocr.Config)) (*ocrtest.Server, ocr.Result, error) {
	t.Helper()
	s := ocrtest.New(t)
	s.Default(reply)
	r, err := newClient(t, s, change...).ExtractText(patience(t), ocr.Bytes(pngPage(t)))
	return s, r, err
}

func TestNaiveAudienceWithAPath(t *testing.T) {
	var audience string
	s, _, err := one(t, ocrtest.Text("x"), func(cfg *ocr.Config) {
		cfg.URL += "/"
		cfg.Token = func(_ context.Context, a string) (string, error) { audience = a; return "t", nil }
	})
	if err != nil || audience != s.URL {
		t.Errorf("audience %q for %s, %v", audience, s.URL, err)
	}
}

func TestNaiveEverythingIsJPEG(t *testing.T) {
	s := ocrtest.New(t)
	_, err := newClient(t, s).ExtractText(patience(t), ocr.Bytes([]byte("II*\x00 a TIFF")))
	if e := failure(t, err); e.Kind != ocr.KindBadImage || s.Counts().Requests != 0 {
		t.Errorf("%v", err)
	}
}

func TestNaiveNoSampling(t *testing.T) {
	s, _, _ := one(t, ocrtest.Text("x"))
	if r := s.Last(); r.Temperature == nil || *r.Temperature != 0.2 || r.TopP == nil || *r.TopP != 0.9 || r.MaxTokens != 4096 {
		t.Errorf("sent %s", r.Body)
	}
}

func TestNaivePleaseTranscribe(t *testing.T) {
	s, _, _ := one(t, ocrtest.Text("x"))
	if body := string(s.Last().Body); s.Last().Prompt != "" || strings.Contains(body, `"text"`) || strings.Contains(body, `"system"`) {
		t.Errorf("words were sent: %s", body)
	}
}

func TestNaive200IsSuccess(t *testing.T) {
	for _, reply := range []ocrtest.Reply{ocrtest.Finish("abort", "half"), ocrtest.HTML(200, "login"), ocrtest.FinishNull("half")} {
		if _, r, err := one(t, reply); err == nil {
			t.Errorf("success: %+v", r)
		}
	}
	if _, r, err := one(t, ocrtest.FinishAt("length", "half", 5)); err != nil || len(r.Warnings) != 1 {
		t.Errorf("a cut page is %+v, %v", r, err)
	}
}

func TestNaiveEmptyTextIsFailure(t *testing.T) {
	if _, r, err := one(t, ocrtest.Blank()); err != nil || !r.Blank || len(r.Warnings) != 0 {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestNaiveRetriesEverything(t *testing.T) {
	for _, reply := range []ocrtest.Reply{ocrtest.EngineFailed("x"), ocrtest.Platform(504), ocrtest.Platform(403), ocrtest.Error(400, "BadRequestError", "", "x")} {
		if s, _, err := one(t, reply); err == nil || s.Counts().Requests != 1 {
			t.Errorf("%d requests, %v", s.Counts().Requests, err)
		}
	}
}

func TestNaiveCodeIsAnInt(t *testing.T) {
	for _, reply := range []ocrtest.Reply{
		ocrtest.StringCode(400, "invalid_request_error", "bad", "the words that matter"), ocrtest.NullCode(400, "x", "the words that matter"),
		ocrtest.StringError(400, "the words that matter"), ocrtest.FlatError(400, "x", "the words that matter"),
	} {
		if _, _, err := one(t, reply); failure(t, err).Message != "the words that matter" {
			t.Errorf("%v", err)
		}
	}
}

func TestNaiveWholeErrorBody(t *testing.T) {
	s := ocrtest.New(t, ocrtest.AnyImage())
	s.Default(ocrtest.Echo())
	_, err := newClient(t, s).ExtractText(patience(t), ocr.Bytes(bigPage(1<<20)))
	e := failure(t, err)
	if e.Kind != ocr.KindBadRequest || len(err.Error()) > 400 || strings.Contains(err.Error(), s.Last().URL[30:100]) {
		t.Errorf("%.1000s", err)
	}
}

func TestNaiveHealthInALoop(t *testing.T) {
	s, _, _ := one(t, ocrtest.Text("x"))
	if n := s.Counts(); n.Health != 0 || n.Models != 0 {
		t.Errorf("counts %+v", n)
	}
}

// One time-out over everything cannot say what used it up.
func TestNaiveOneTimeoutForAll(t *testing.T) {
	gate := ocrtest.NewGate()
	defer gate.Open()
	_, _, err := one(t, ocrtest.Hold(gate, ocrtest.Text("x")), func(cfg *ocr.Config) { cfg.Timeout = 200 * time.Millisecond })
	if e := failure(t, err); e.Kind != ocr.KindTimeout || e.Phase != ocr.PhaseWait || !strings.Contains(e.Message, "200ms") {
		t.Errorf("%v", err)
	}
}

func TestNaiveNoSizeCheck(t *testing.T) {
	s := ocrtest.New(t)
	img := ocr.Bytes(pngPage(t))
	img.Size = 30 << 20
	_, err := newClient(t, s).ExtractText(patience(t), img)
	if e := failure(t, err); e.Kind != ocr.KindTooLarge || s.Counts().Requests != 0 {
		t.Errorf("%v", err)
	}
}

// An answer, a refusal and a list without end must all be given up.
func TestNaiveNoLimits(t *testing.T) {
	for status, want := range map[int]struct {
		kind ocr.Kind
		most int64
	}{200: {ocr.KindBadResponse, 9 << 20}, 400: {ocr.KindBadRequest, 128 << 10}, 503: {ocr.KindOverloaded, 4 * 128 << 10}} {
		var read atomic.Int64
		c, err := ocr.New(ocr.Config{URL: "http://127.0.0.1:1", Transport: endless(status, &read), Sleep: new(sleeps).sleep})
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.ExtractText(t.Context(), ocr.Bytes(pngPage(t)))
		if e := failure(t, err); e.Kind != want.kind || len(err.Error()) > 500 || read.Load() > want.most {
			t.Errorf("%d: %d bytes were read, %.300s", status, read.Load(), err)
		}
		if read.Store(0); c.Healthy(t.Context()) || read.Load() > 2<<20 {
			t.Errorf("%d: %d bytes of a list were read", status, read.Load())
		}
	}
	many := make([]string, 3000)
	for i := range many {
		many[i] = fmt.Sprint("name-", i)
	}
	s := ocrtest.New(t, ocrtest.Models(many...))
	_, err := newClient(t, s).ExtractText(patience(t), ocr.Bytes(pngPage(t)))
	if e := failure(t, err); e.Kind != ocr.KindWrongModel || len(err.Error()) > 1000 {
		t.Errorf("%.1200s", err)
	}
}

// endless is a server whose answers do not end; it stops after 40 MB for the sake of a test that fails.
func endless(status int, read *atomic.Int64) http.RoundTripper {
	begin := `{"error":"`
	return roundTrip(func(r *http.Request) (*http.Response, error) {
		resp, err := answering(status, "").RoundTrip(r)
		blanks := io.LimitReader(readerFunc(func(p []byte) (int, error) {
			read.Add(int64(len(p)))
			return copy(p, bytes.Repeat([]byte(" "), len(p))), nil
		}), 40<<20)
		resp.Body = io.NopCloser(io.MultiReader(strings.NewReader(begin), blanks))
		return resp, err
	})
}

func TestNaiveChoicesIndexed(t *testing.T) {
	if _, _, err := one(t, ocrtest.NoChoices()); failure(t, err).Kind != ocr.KindBadResponse {
		t.Errorf("%v", err)
	}
}

func TestNaiveFollowsRedirects(t *testing.T) {
	if s, _, err := one(t, ocrtest.Redirect(307, "/v1/models")); failure(t, err).Kind != ocr.KindWrongAddress || s.Counts().Models != 0 {
		t.Errorf("%v", err)
	}
}

// The connection that a server has just closed as idle takes a page down with it, unless it is tried again.
func TestNaiveStaleConnection(t *testing.T) {
	s := ocrtest.New(t, ocrtest.IdleTimeout(time.Millisecond))
	c := newClient(t, s)
	for range 20 {
		if _, err := c.ExtractText(patience(t), ocr.Bytes(pngPage(t))); err != nil {
			t.Fatal(err)
		}
	}
}
