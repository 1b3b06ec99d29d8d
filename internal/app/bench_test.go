package app_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/bucketocr/bucketocr/internal/app"
	"github.com/bucketocr/bucketocr/internal/app/apptest"
	"github.com/bucketocr/bucketocr/internal/config"
	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/document/documenttest"
	"github.com/bucketocr/bucketocr/internal/event"
	"github.com/bucketocr/bucketocr/internal/gcp/cloudlog"
	"github.com/bucketocr/bucketocr/ocr/ocrtest"
)

// BenchmarkEvent measures one event from the handler to its document: a page sent as stored, records and bucket in
// memory, the OCR service on loopback.
func BenchmarkEvent(b *testing.B) {
	server := ocrtest.New(b)
	server.Default(ocrtest.Text("# One page"))
	env := map[string]string{"OCR_URL": server.URL, "GOOGLE_CLOUD_PROJECT": "demo-p"}
	cfg, err := config.Load(func(name string) (string, bool) { v, ok := env[name]; return v, ok })
	if err != nil {
		b.Fatal(err)
	}
	bucket := documenttest.NewBucket()
	handler, err := app.New(cfg, app.Backends{Objects: bucket, Records: documenttest.NewMemory()},
		cloudlog.New(io.Discard, cfg.LogLevel, cfg.Project))
	if err != nil {
		b.Fatal(err)
	}
	page := apptest.PNG(200)
	b.ReportAllocs()
	for b.Loop() {
		w := httptest.NewRecorder()
		if handler.ServeHTTP(w, eventRequest(b, bucket.Put("a.png", page))); w.Code != http.StatusOK {
			b.Fatal(w.Code, w.Body)
		}
	}
}

func eventRequest(b *testing.B, ev document.Event) *http.Request {
	ce, err := event.Encode(ev)
	if err != nil {
		b.Fatal(err)
	}
	r := apptest.Request(b, b.Context(), "http://function", ce)
	body, err := io.ReadAll(r.Body)
	if err != nil {
		b.Fatal(err)
	}
	in := httptest.NewRequest("POST", "/", bytes.NewReader(body))
	in.Header = r.Header
	in.Header.Set("Traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00")
	return in
}
