package ocrtest_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/bucketocr/bucketocr/ocr/ocrtest"
)

func TestOtherPaths(t *testing.T) {
	s := ocrtest.New(t, ocrtest.Models("a", "b"), ocrtest.Key("key"), ocrtest.MaxModelLen(77))
	tests := []struct {
		method, path, key string
		status            int
		body              string
	}{
		{"GET", "/health", "", 200, ""},
		{"GET", "/ping", "", 200, ""},
		{"POST", "/ping", "", 200, ""},
		{"GET", "/version", "", 200, `{"version":"0.30.0"}`},
		{"GET", "/v1/models", "", 401, `{"error":"Unauthorized"}`},
		{"GET", "/v1/chat/completions", "key", 405, `{"detail":"Method Not Allowed"}`},
		{"POST", "/v1/models", "key", 405, `{"detail":"Method Not Allowed"}`},
		{"POST", "/chat/completions", "", 404, `{"detail":"Not Found"}`},
	}
	for _, test := range tests {
		if resp, body := do(t, test.method, s.URL+test.path, "", "Authorization",
			"Bearer "+test.key); resp.StatusCode != test.status || body != test.body {
			t.Errorf("%s %s: %d %s", test.method, test.path, resp.StatusCode, body)
		}
	}
	var list struct {
		Data []struct {
			ID  string `json:"id"`
			Len int    `json:"max_model_len"`
		}
	}
	if _, body := do(t, "GET", s.URL+"/v1/models", "", "Authorization", "Bearer key"); json.Unmarshal([]byte(body),
		&list) != nil || len(list.Data) != 2 || list.Data[1].ID != "b" || list.Data[1].Len != 77 {
		t.Errorf("models: %s", body)
	}
	s.KillEngine()
	if resp, body := do(t, "GET", s.URL+"/health", ""); resp.StatusCode != 503 || body != "" {
		t.Errorf("health of a dead engine: %d %q", resp.StatusCode, body)
	}
	if c := s.Counts(); c.Health != 4 || c.Models != 1 || c.Requests != 0 {
		t.Errorf("counts %+v", c)
	}
}

func TestDownAndUp(t *testing.T) {
	s := ocrtest.New(t)
	s.Next(ocrtest.Dies())
	body := request(t, page(t, 60, 80), nil)
	if resp, _ := send(t, s, body); resp.StatusCode != 500 {
		t.Errorf("the dying server answers %d", resp.StatusCode)
	}
	for _, path := range []string{"/health", "/v1/models"} {
		if resp, err := http.Get(s.URL + path); err == nil {
			resp.Body.Close()
			t.Errorf("%s of a dead server answers %d", path, resp.StatusCode)
		}
	}
	s.Up()
	if resp, _ := send(t, s, body); resp.StatusCode != 200 {
		t.Errorf("the new server answers %d", resp.StatusCode)
	}
}

func TestScriptImageDefault(t *testing.T) {
	s := ocrtest.New(t)
	a, b := page(t, 10, 10), page(t, 20, 20)
	s.Default(ocrtest.Text("default"))
	s.For(a, ocrtest.Text("for a"))
	s.Next(ocrtest.Text("first"), ocrtest.Text("second"))
	for _, want := range []string{"first", "second", "for a"} {
		if _, body := send(t, s, request(t, a, nil)); !strings.Contains(body, `"`+want+`"`) {
			t.Errorf("want %q in %s", want, body)
		}
	}
	if _, body := send(t, s, request(t, b, nil)); !strings.Contains(body, `"default"`) {
		t.Errorf("%s", body)
	}
	if n := s.Images(); n[ocrtest.Hash(a)] != 3 || n[ocrtest.Hash(b)] != 1 || len(s.Requests()) != 4 ||
		s.Last().Width != 20 {
		t.Errorf("images %v", n)
	}
}

func TestGateHoldsAndCounts(t *testing.T) {
	s := ocrtest.New(t)
	gate := ocrtest.NewGate()
	s.Default(ocrtest.Hold(gate, ocrtest.Text("x")))
	body := request(t, page(t, 60, 80), nil)
	done := make(chan struct{})
	for range 3 {
		go func() { send(t, s, body); done <- struct{}{} }()
	}
	if err := gate.Wait(soon(t), 3); err != nil {
		t.Fatal(err)
	}
	if c := s.Counts(); c.Running != 3 || gate.Held() != 3 || c.Answers != 0 {
		t.Errorf("counts %+v, %d held", c, gate.Held())
	}
	gate.Pass(1)
	<-done
	if c := s.Counts(); c.Running != 2 || c.Answers != 1 {
		t.Errorf("counts %+v after one", c)
	}
	gate.Open()
	<-done
	<-done
	if c := s.Counts(); c.Running != 0 || c.Answers != 3 || c.Peak != 3 {
		t.Errorf("counts %+v", c)
	}
	if resp, _ := send(t, s, body); resp.StatusCode != 200 {
		t.Error("an open gate holds")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := gate.Wait(ctx, 99); !errors.Is(err, context.Canceled) {
		t.Errorf("Wait returns %v", err)
	}
}

// vLLM stops generating when its client hangs up; behind Cloud Run it continues.
func TestClientThatLeaves(t *testing.T) {
	for _, keep := range []bool{false, true} {
		var options []ocrtest.Option
		if keep {
			options = append(options, ocrtest.KeepGenerating())
		}
		s := ocrtest.New(t, options...)
		gate := ocrtest.NewGate()
		s.Default(ocrtest.Hold(gate, ocrtest.Text("x")))
		ctx, cancel := context.WithCancel(t.Context())
		req, err := http.NewRequestWithContext(ctx, "POST", s.URL+"/v1/chat/completions",
			strings.NewReader(request(t, page(t, 60, 80), nil)))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		failed := make(chan error)
		go func() { _, err := http.DefaultClient.Do(req); failed <- err }()
		if err := gate.Wait(soon(t), 1); err != nil {
			t.Fatal(err)
		}
		cancel()
		<-failed
		if keep {
			if err := s.Wait(soon(t), func(c ocrtest.Counts) bool { return c.Left == 1 }); err != nil ||
				s.Counts().Running != 1 {
				t.Errorf("counts %+v: the page should still be running", s.Counts())
			}
			gate.Open()
		}
		if err := s.Wait(soon(t), func(c ocrtest.Counts) bool {
			return c.Running == 0 && c.Left == 1 && (c.Wasted == 1) == keep
		}); err != nil {
			t.Errorf("keep %v: %v with counts %+v", keep, err, s.Counts())
		}
		if c := s.Counts(); c.Answers != 0 {
			t.Errorf("counts %+v", c)
		}
	}
}

func TestIdleConnectionsAreClosed(t *testing.T) {
	s := ocrtest.New(t, ocrtest.IdleTimeout(time.Millisecond))
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprint(conn, "GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
	if _, err := io.ReadAll(conn); err != nil { // returns only when the server closes the connection
		t.Error(err)
	}
}

func TestCloseFreesEverythingHeld(t *testing.T) {
	s := ocrtest.New(nil, ocrtest.KeepGenerating())
	gate := ocrtest.NewGate()
	s.Default(ocrtest.Hold(gate, ocrtest.Text("x")))
	failed := make(chan error)
	go func() {
		_, err := http.Post(s.URL+"/v1/chat/completions", "application/json",
			strings.NewReader(request(t, page(t, 60, 80), nil)))
		failed <- err
	}()
	if err := gate.Wait(soon(t), 1); err != nil {
		t.Fatal(err)
	}
	s.Close()
	s.Close()
	if err := <-failed; err == nil {
		t.Error("an answer from a closed server")
	}
}

// A vLLM that receives SIGTERM: with --shutdown-timeout it finishes the pages that it is reading and refuses new ones;
// without, it answers them all with a 500.
func TestServerThatIsToldToStop(t *testing.T) {
	const shutdown = "cannot schedule new futures after shutdown"
	for _, test := range []struct {
		name        string
		stop        func(*ocrtest.Server)
		inFlight    int
		up          bool // it accepts new connections
		counts      ocrtest.Counts
		description string
	}{
		{"with time", (*ocrtest.Server).Drain, 200, true,
			ocrtest.Counts{Requests: 2, Answers: 1, Refused: 1, Peak: 1, Health: 1}, shutdown},
		{"at once", (*ocrtest.Server).Terminate, 500, false, ocrtest.Counts{Requests: 1, Refused: 1, Peak: 1},
			"EngineCore encountered an issue"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := ocrtest.New(t)
			gate := ocrtest.NewGate()
			s.Default(ocrtest.Hold(gate, ocrtest.Text("x")))
			body := request(t, page(t, 60, 80), nil)
			type answer struct {
				status int
				text   string
			}
			inFlight := make(chan answer)
			go func() {
				resp, text := send(t, s, body)
				inFlight <- answer{resp.StatusCode, text}
			}()
			if err := gate.Wait(soon(t), 1); err != nil {
				t.Fatal(err)
			}
			test.stop(s)
			resp, err := (&http.Client{Transport: &http.Transport{}}).Get(s.URL + "/health")
			if up := err == nil; up != test.up || up && resp.StatusCode != 200 {
				t.Errorf("health: %v %v", resp, err)
			} else if up {
				resp.Body.Close()
			}
			if test.up {
				if resp, text := send(t, s, body); resp.StatusCode != 500 || !strings.Contains(text, shutdown) {
					t.Errorf("a new page: %d %s", resp.StatusCode, text)
				}
				gate.Open()
			}
			if a := <-inFlight; a.status != test.inFlight || a.status == 500 &&
				!strings.Contains(a.text, test.description) {
				t.Errorf("the page in flight: %d %s", a.status, a.text)
			}
			if c := s.Counts(); c != test.counts {
				t.Errorf("counts %+v", c)
			}
			s.Up()
			gate.Open()
			if resp, _ := send(t, s, body); resp.StatusCode != 200 {
				t.Errorf("the new server answers %d", resp.StatusCode)
			}
		})
	}
}
