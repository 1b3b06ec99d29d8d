package backfill

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	cloudevents "github.com/cloudevents/sdk-go/v2"

	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/document/documenttest"
	"github.com/bucketocr/bucketocr/internal/event"
)

func says(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		io.WriteString(w, body)
	}
}

// TestPoster is the table of answers over HTTP. Each is also given in a run over 500 objects, whose number of requests
// must stay bounded.
func TestPoster(t *testing.T) {
	for name, c := range map[string]struct {
		handler http.HandlerFunc
		want    Verdict
		what    string
	}{
		"done":            {says(200, "done\n"), Settled, "done"},
		"failed":          {says(200, "failed\n"), Settled, "failed"},
		"duplicate":       {says(200, "duplicate\n"), Settled, "duplicate"},
		"busy":            {says(503, "busy\n"), Settled, "busy"},
		"retry":           {says(503, "retry\n"), Refused, "released it"},
		"another service": {says(200, "<html>welcome</html>"), Wrong, "is this the function's address"},
		"empty":           {says(200, ""), Wrong, "is this the function's address"},
		"no content":      {says(204, ""), Wrong, "HTTP 204"},
		"retry with 200":  {says(200, "retry\n"), Wrong, "HTTP 200"},
		"done with 503":   {says(503, "done\n"), Refused, "HTTP 503"},
		"too many":        {says(429, "Rate exceeded."), Refused, "HTTP 429"},
		"crash":           {says(500, "function error"), Refused, "HTTP 500"},
		"no instance":     {says(503, "no available instance"), Refused, "HTTP 503"},
		"forbidden":       {says(403, ""), Wrong, "run.invoker"},
		"no token":        {says(401, ""), Wrong, "run.invoker"},
		"not found":       {says(404, ""), Wrong, "address"},
		"bad request":     {says(400, "invalid CloudEvent"), Wrong, "HTTP 400"},
		"redirect": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
		}, Wrong, "HTTP 307"},
		"cut off": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "5")
			io.WriteString(w, "do")
		}, Refused, "broke off"},
		"connection closed": {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, Refused,
			"no answer"},
		"endless": {func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				if _, err := io.WriteString(w, strings.Repeat("done\n", 100)); err != nil {
					return
				}
			}
		}, Wrong, "is this"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var requests atomic.Int64
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				requests.Add(1)
				c.handler(w, r)
			}))
			defer server.Close()
			p, err := NewPoster(server.URL, nil)
			if err != nil {
				t.Fatal(err)
			}
			got := p.Deliver(t.Context(), []document.Event{newRun(Options{}).eventOf(chosen{Listed: full(1)[0]})})
			if len(got) != 1 || got[0].Verdict != c.want || !strings.Contains(got[0].What, c.what) {
				t.Errorf("%+v, want %d %q", got, c.want, c.what)
			}
			requests.Store(0)
			sum, err := Run(t.Context(), Options{
				Objects: full(500), Records: documenttest.NewMemory(), Listing: document.Listing{Bucket: "b"},
				Deliver: p, InFlight: 4, Sleep: func(ctx context.Context, _ time.Duration) error { return ctx.Err() },
			})
			if bound := int64(500); c.want != Settled && bound < requests.Load() || c.want == Settled &&
				(err != nil || requests.Load() != bound) {
				t.Errorf("%d requests: %+v, %v", requests.Load(), sum, err)
			}
			if c.want == Wrong && (!errors.Is(err, ErrWrongAddress) || requests.Load() > 8) {
				t.Errorf("%d requests to what is not the function, %v", requests.Load(), err)
			}
			if c.want == Refused && !errors.Is(err, ErrGaveUp) {
				t.Errorf("refused for ever: %v", err)
			}
		})
	}
}

// TestPostSendsTheEvent: what arrives is the event that Cloud Storage would have sent, with the token.
func TestPostSendsTheEvent(t *testing.T) {
	want := full(1)[0]
	want.Name = "a b/ü%2F?.png"
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ce, err := cloudevents.NewEventFromHTTPRequest(r)
		if err != nil {
			t.Error(err)
			return
		}
		ev, err := event.Decode(*ce)
		if err != nil || ev.Object != want.Object || ev.Size != want.Size || !strings.HasPrefix(ev.ID, "backfill-") {
			t.Errorf("%+v, %v", ev, err)
		}
		fmt.Fprintln(w, map[bool]string{true: "done"}[r.Header.Get("Authorization") == "Bearer secret"])
	}))
	defer server.Close()
	p, err := NewPoster(server.URL, func(context.Context) (string, error) { return "secret", nil })
	if err != nil {
		t.Fatal(err)
	}
	if got := p.Deliver(t.Context(),
		[]document.Event{newRun(Options{}).eventOf(chosen{Listed: want})}); got[0] != (Answer{Settled, "done"}) {
		t.Errorf("%+v", got)
	}
}

// TestTokenFaults: without any token the run fails at once; if a token is missing later, the run waits for it.
func TestTokenFaults(t *testing.T) {
	server := httptest.NewServer(says(200, "done"))
	defer server.Close()
	err := errors.New("no credentials")
	p, _ := NewPoster(server.URL, func(context.Context) (string, error) { return "t", err })
	for _, want := range []Verdict{Wrong, Settled, Refused} {
		if got := p.Deliver(t.Context(),
			[]document.Event{newRun(Options{}).eventOf(chosen{Listed: full(1)[0]})}); got[0].Verdict != want {
			t.Errorf("%+v, want %d", got, want)
		}
		if err == nil {
			err = errors.New("the metadata server is restarted")
		} else {
			err = nil
		}
	}
}

func TestNewPoster(t *testing.T) {
	token := func(context.Context) (string, error) { return "", nil }
	for address, bad := range map[string]bool{
		"": true, "f.run.app": true, "ftp://x": true, "https://u:p@x": true, "http://f.run.app": true,
		"https://f.run.app": false, "http://127.0.0.1:8080": false, "http://localhost:1/path": false,
		"http://127.0.0.2:8080": false,
	} {
		if _, err := NewPoster(address, token); (err != nil) != bad {
			t.Errorf("%q: %v", address, err)
		}
	}
}

// TestUnsayable: an object whose event cannot be encoded, such as a file deep in a folder, does not hold up the others.
func TestUnsayable(t *testing.T) {
	server := httptest.NewServer(says(200, "done\n"))
	defer server.Close()
	p, err := NewPoster(server.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	s := full(3)
	s[1].Name = s[1].Name[:6] + strings.Repeat("x", 1100) + ".png"
	sum, err := Run(t.Context(), Options{
		Objects: s, Records: documenttest.NewMemory(), Listing: document.Listing{Bucket: "b"}, Deliver: p, InFlight: 1,
	})
	if err != nil || sum.Results["done"] != 2 || sum.Results[Undelivered] != 1 || sum.After != s[0].Name {
		t.Errorf("%+v, %v", sum, err)
	}
}
