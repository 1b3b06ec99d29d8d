package ocr_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
	"testing"

	"github.com/bucketocr/bucketocr/ocr"
	"github.com/bucketocr/bucketocr/ocr/ocrtest"
)

// observer keeps what it is told.
type observer struct {
	mu    sync.Mutex
	begun int
	tries []ocr.Try
}

func (o *observer) observe(_ context.Context, header http.Header) func(ocr.Try) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.begun++
	header.Set("Traceparent", fmt.Sprint("try-", o.begun))
	header.Set("Authorization", "Bearer of another")
	header.Set("Content-Type", "text/plain")
	return func(t ocr.Try) {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.tries = append(o.tries, t)
	}
}

// TestObserve: every request for a page is told of, with what became of it, and carries the observer's header; what the
// client sets itself the observer cannot replace.
func TestObserve(t *testing.T) {
	s := ocrtest.New(t, ocrtest.Key("the-key"))
	s.Next(ocrtest.Platform(503), ocrtest.Finish("abort", "begun"), ocrtest.Finish("repetition", "la la"), ocrtest.Text("la"))
	o := &observer{}
	image := pngPage(t)
	c := newClient(t, s, func(cfg *ocr.Config) { cfg.APIKey, cfg.Observe = "the-key", o.observe })
	r, err := c.ExtractText(t.Context(), new(source).opening(len(image), func() io.Reader { return bytes.NewReader(image) }))
	if err != nil || r.Text != "la" || r.Tries != 4 {
		t.Fatalf("%+v, %v", r, err)
	}
	var got, sum = "", ocr.Usage{}
	for _, try := range o.tries {
		kind := ocr.Kind("")
		if try.Err != nil {
			kind = try.Err.Kind
		}
		got += fmt.Sprintf("%d %d %s %s;", try.Number, try.Status, kind, try.Ending)
		sum.PromptTokens += try.Usage.PromptTokens
		sum.CompletionTokens += try.Usage.CompletionTokens
		if try.Size != int64(len(image)) || try.Model != ocr.DefaultModel {
			t.Errorf("%+v", try)
		}
	}
	if want := "1 503 overloaded ;2 200 aborted ;3 200  repetition;4 200  complete;"; got != want {
		t.Errorf("told of %s\nwant    %s", got, want)
	}
	if sum != r.Usage || sum.CompletionTokens == 0 {
		t.Errorf("usage of the tries %+v, of the result %+v", sum, r.Usage)
	}
	for n, req := range s.Requests() {
		if req.Header.Get("Traceparent") != fmt.Sprint("try-", n+1) || req.Header.Get("Authorization") != "Bearer the-key" ||
			req.Header.Get("Content-Type") != "application/json" {
			t.Errorf("request %d: %v", n+1, req.Header)
		}
	}
}
