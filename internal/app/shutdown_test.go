package app

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	cloudevents "github.com/cloudevents/sdk-go/v2"

	"github.com/bucketocr/bucketocr/internal/config"
	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/document/documenttest"
	"github.com/bucketocr/bucketocr/internal/event"
)

// bed is a handler in a bubble of fake time.
type bed struct {
	handler *Handler
	bucket  *documenttest.Bucket
	records *documenttest.Memory
	log     *bytes.Buffer
}

func newBed(t *testing.T) *bed {
	env := map[string]string{"OCR_URL": "http://127.0.0.1:1"}
	cfg, err := config.Load(func(name string) (string, bool) { v, ok := env[name]; return v, ok })
	if err != nil {
		t.Fatal(err)
	}
	b := &bed{bucket: documenttest.NewBucket(), records: documenttest.NewMemory(), log: &bytes.Buffer{}}
	b.handler, err = New(cfg, Backends{Objects: b.bucket, Records: b.records},
		slog.New(slog.NewTextHandler(b.log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// finalized returns the request for a new object.
func (b *bed) finalized(t *testing.T) *http.Request {
	ce, err := event.Encode(b.bucket.Put("a.png", []byte("not read in these tests")))
	if err != nil {
		t.Fatal(err)
	}
	r, err := cloudevents.NewHTTPRequestFromEvent(t.Context(), "http://function", ce)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// slowly is a response writer with a slow connection.
type slowly struct {
	http.ResponseWriter
	write func()
}

func (s slowly) Write(p []byte) (int, error) {
	s.write()
	return s.ResponseWriter.Write(p)
}

func invalid() *http.Request { return httptest.NewRequest("POST", "/", http.NoBody) }

// TestShutdownFitsItsBudget: whatever hangs, the process ends before Cloud Run kills it, and waits no longer than
// necessary.
func TestShutdownFitsItsBudget(t *testing.T) {
	for name, test := range map[string]struct {
		begin func(t *testing.T, b *bed, end chan struct{}) // what is under way
		took  time.Duration
		log   string
	}{
		"nothing under way": {begin: func(*testing.T, *bed, chan struct{}) {}},
		"a delivery that ends when it is told to": {
			begin: func(t *testing.T, b *bed, _ chan struct{}) {
				b.bucket.Before = func(ctx context.Context, _ string, _ document.Object) error {
					<-ctx.Done()
					return ctx.Err()
				}
				r := b.finalized(t)
				go b.handler.ServeHTTP(httptest.NewRecorder(), r)
			},
			took: drainTime - 3*time.Second, // the worker keeps 3 s for the closing write
		},
		"a delivery that hangs": {
			begin: func(t *testing.T, b *bed, end chan struct{}) {
				b.records.Before = func(context.Context, string, string) error {
					<-end
					return io.EOF
				}
				r := b.finalized(t)
				go b.handler.ServeHTTP(httptest.NewRecorder(), r)
			},
			took: drainTime + answerTime,
			log:  "shutdown timed out with deliveries in flight; their leases will expire",
		},
		"an answer that takes a while": {
			begin: func(_ *testing.T, b *bed, _ chan struct{}) {
				w := slowly{httptest.NewRecorder(), func() { time.Sleep(answerTime / 2) }}
				go b.handler.ServeHTTP(w, invalid())
			},
			took: answerTime / 2,
		},
		"an answer that hangs": {
			begin: func(_ *testing.T, b *bed, end chan struct{}) {
				go b.handler.ServeHTTP(slowly{httptest.NewRecorder(), func() { <-end }}, invalid())
			},
			took: answerTime,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b, end := newBed(t), make(chan struct{})
				defer close(end)
				test.begin(t, b, end)
				synctest.Wait()
				begun := time.Now()
				b.handler.Shutdown()
				took := time.Since(begun)
				if took != test.took {
					t.Errorf("took %v, want %v", took, test.took)
				}
				if took+telemetryTime+exitTime > shutdownBudget { // these two take no time here
					t.Errorf("took %v, which with %v for telemetry and %v to exit is more than %v", took, telemetryTime,
						exitTime, shutdownBudget)
				}
				if logged := strings.Contains(b.log.String(), "level=ERROR"); logged != (test.log != "") ||
					!strings.Contains(b.log.String(), test.log) {
					t.Errorf("logged %q, want %q", b.log, test.log)
				}
			})
		})
	}
}

// TestShutdownRefusesNewEvents: an event that arrives during the shutdown must be delivered elsewhere.
func TestShutdownRefusesNewEvents(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBed(t)
		b.handler.Shutdown()
		w := httptest.NewRecorder()
		b.handler.ServeHTTP(w, b.finalized(t))
		if w.Code != http.StatusServiceUnavailable ||
			strings.TrimSpace(w.Body.String()) != string(document.OutcomeRetry) {
			t.Errorf("answered %d %q", w.Code, w.Body)
		}
		if b.records.Commits != 0 {
			t.Errorf("%d commits", b.records.Commits)
		}
	})
}
