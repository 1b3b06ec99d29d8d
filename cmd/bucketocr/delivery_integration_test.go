//go:build integration

package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	cloudevents "github.com/cloudevents/sdk-go/v2"

	"github.com/bucketocr/bucketocr/internal/app/apptest"
	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/event"
	"github.com/bucketocr/bucketocr/internal/gcp/gcptest"
	"github.com/bucketocr/bucketocr/ocr/ocrtest"
)

// TestRealDelivery: Pub/Sub's emulator pushes to a served function, which is killed and started again and again, while
// objects are overwritten and events are delivered twice. After that, only the platform and the sweep act; in the end
// there is one document for each object, done, with the text of the live generation.
func TestRealDelivery(t *testing.T) {
	const objects, kills = 24, 3
	c := newCloud(t)
	c.OCR.Default(ocrtest.Delay(300*time.Millisecond, ocrtest.TextOf(ocrtest.Hash)))
	s := start(t, c)
	front := newFront(t)
	front.set(s)
	push := gcptest.NewPush(t, c.Project, front.server.URL)
	rng := rand.New(rand.NewPCG(1, 2))

	live := map[string]document.Object{}
	want := map[string]string{}
	for kill := range kills {
		// The answers are counted before there is anything to read: all could be there before the last event is.
		answers := c.OCR.Counts().Answers
		for n := kill * objects / kills; n < (kill+1)*objects/kills; n++ {
			name := fmt.Sprintf("inbox/%d.png", n)
			for range 1 + rng.IntN(2) {
				data := apptest.PNG(60 + len(want)*3 + rng.IntN(3) + n)
				o, ce := put(c, name, data)
				live[name], want[name] = o, ocrtest.Hash(data)
				for range 1 + rng.IntN(2) {
					publish(t, push, ce)
				}
			}
		}
		if err := c.OCR.Wait(t.Context(), answersMoreThan(answers+rng.IntN(4))); err != nil {
			t.Fatal(err)
		}
		front.set(nil)
		_ = s.cmd.Process.Kill()
		_ = s.wait()
		expireAll(t, c, live)
		s = start(t, c)
		front.set(s)
	}
	waitDone(t, c, s, live)
	for name, o := range live {
		r := c.Record(o)
		if r.Generation != o.Generation || r.Text != want[name] || r.Lease != nil || !r.Due.IsZero() {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

// front keeps one address while instances behind it are replaced. Like Cloud Run, it holds requests while there is no
// instance, and responds for one that died. (Refusing them all instead makes the emulator stop pushing for good.)
type front struct {
	server *httptest.Server
	target atomic.Pointer[url.URL]
}

func newFront(t *testing.T) *front {
	f := &front{}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(r.In.Context().Value(targetKey{}).(*url.URL)) },
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) {
			w.WriteHeader(http.StatusServiceUnavailable)
		},
	}
	f.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		target := f.target.Load()
		for ; target == nil; target = f.target.Load() {
			select {
			case <-time.After(10 * time.Millisecond):
			case <-r.Context().Done():
				return
			}
		}
		proxy.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), targetKey{}, target)))
	}))
	t.Cleanup(f.server.Close)
	return f
}

type targetKey struct{}

// set names the instance; nil means that there is none.
func (f *front) set(s *served) {
	if s == nil {
		f.target.Store(nil)
		return
	}
	u, err := url.Parse(s.url)
	if err != nil {
		panic(err)
	}
	f.target.Store(u)
}

func answersMoreThan(n int) func(ocrtest.Counts) bool {
	return func(c ocrtest.Counts) bool { return c.Answers > n }
}

// publish sends a CloudEvent in binary mode: its attributes as headers.
func publish(t *testing.T, push *gcptest.Push, ce cloudevents.Event) {
	t.Helper()
	req, err := cloudevents.NewHTTPRequestFromEvent(t.Context(), "http://unused", ce)
	if err != nil {
		t.Fatal(err)
	}
	attributes := map[string]string{}
	for name, values := range req.Header {
		attributes[http.CanonicalHeaderKey(name)] = values[0]
	}
	push.Publish(t, ce.Data(), attributes)
}

// expireAll ends the leases of those that the killed process held, as time would.
func expireAll(t *testing.T, c *apptest.Cloud, objects map[string]document.Object) {
	for _, o := range objects {
		if s, err := c.Records.Get(t.Context(), o.ID()); err == nil && s != nil && s.Lease != nil {
			c.Expire(o)
		}
	}
}

// waitDone waits until the live generation of every object is done.
func waitDone(t *testing.T, c *apptest.Cloud, s *served, live map[string]document.Object) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	// Cloud Scheduler's part: the emulator now and then stops pushing a message that it was refused.
	var scheduler sync.WaitGroup
	defer scheduler.Wait()
	defer cancel()
	scheduler.Go(func() {
		for every := time.NewTicker(5 * time.Second); ; {
			select {
			case <-every.C:
				s.post(event.Sweep("sweep", time.Now()))
			case <-ctx.Done():
				return
			}
		}
	})
	all := errors.New("all done")
	done := map[string]bool{}
	err := c.Records.Watch(ctx, func(_ string, r *document.Record) error {
		done[r.Name] = r.Status == document.StatusDone && r.Generation == live[r.Name].Generation
		for name := range live {
			if !done[name] {
				return nil
			}
		}
		return all
	})
	if err != all {
		t.Fatalf("not all ended: %v of %d, %v\n%s", done, len(live), err, s.logs)
	}
}
