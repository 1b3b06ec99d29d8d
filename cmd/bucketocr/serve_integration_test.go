//go:build integration

package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	cloudevents "github.com/cloudevents/sdk-go/v2"

	"github.com/bucketocr/bucketocr/internal/app/apptest"
	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/event"
	"github.com/bucketocr/bucketocr/internal/telemetry/otlptest"
	"github.com/bucketocr/bucketocr/ocr/ocrtest"
)

// newCloud starts the services that a served function uses: the Firestore emulator, a bucket, an OCR service that
// checks tokens, and the metadata server that issues them.
func newCloud(t *testing.T) *apptest.Cloud {
	return apptest.New(t, apptest.Options{
		Firestore: true,
		OCR:       []ocrtest.Option{ocrtest.RequireToken("https://ocr.example"), ocrtest.KeepGenerating()},
		Settings: map[string]string{
			"OCR_AUTH": "oidc", "OCR_AUDIENCE": "https://ocr.example", "GCE_METADATA_HOST": ocrtest.NewMetadata(t).Host,
			"HOME": t.TempDir(), "PORT": "0",
		},
	})
}

// served is the program as a separate process.
type served struct {
	t    *testing.T
	cmd  *exec.Cmd
	url  string
	logs *bytes.Buffer // read it after the end
	once sync.Once
	err  error
}

// start begins a process and waits until it listens.
func start(t *testing.T, c *apptest.Cloud) *served {
	t.Helper()
	s := &served{t: t, cmd: program("serve"), logs: &bytes.Buffer{}}
	s.cmd.Env = append(c.Environ(), asMain+"=1")
	s.cmd.Stderr = s.logs
	out, err := s.cmd.StdoutPipe()
	if err == nil {
		err = s.cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.cmd.Process.Kill(); _ = s.wait() })
	line, _ := bufio.NewReader(out).ReadString('\n')
	port, ok := strings.CutPrefix(strings.TrimSpace(line), "listening on port ")
	if !ok {
		_ = s.wait()
		t.Fatalf("it did not start: %q\n%s", line, s.logs)
	}
	s.url = apptest.Await(t, port)
	return s
}

func (s *served) wait() error {
	s.once.Do(func() { s.err = s.cmd.Wait() })
	return s.err
}

// post sends an event; status 0 means that there was no response.
func (s *served) post(ce cloudevents.Event) (status int, outcome string) {
	return apptest.Do(apptest.Request(s.t, s.t.Context(), s.url, ce))
}

// put stores an object and returns it with its event.
func put(c *apptest.Cloud, name string, data []byte) (document.Object, cloudevents.Event) {
	ev := c.Put(name, data)
	return ev.Object, c.Encode(ev)
}

// fieldTypes returns the type of each field of the stored document, as any client of Firestore sees it.
func fieldTypes(t *testing.T, c *apptest.Cloud, o document.Object) map[string]string {
	t.Helper()
	url := fmt.Sprintf("http://%s/v1/projects/%s/databases/(default)/documents/ocr_documents/%s",
		c.Settings["FIRESTORE_EMULATOR_HOST"], c.Project, o.ID())
	req, err := http.NewRequestWithContext(t.Context(), "GET", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer owner")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var doc struct {
		Fields map[string]map[string]any `json:"fields"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&doc); err != nil {
		t.Fatal(err)
	}
	types := map[string]string{}
	for name, value := range doc.Fields {
		for typ := range value {
			types[name] = strings.TrimSuffix(typ, "Value")
		}
	}
	return types
}

// TestServe: one event results in one document with every field; duplicates, a newer generation and an older one
// converge to the document of one clean run.
func TestServe(t *testing.T) {
	c := newCloud(t)
	s := start(t, c)
	gate := ocrtest.NewGate()
	c.OCR.Default(ocrtest.Hold(gate, ocrtest.Text("# One")))
	o, ce := put(c, "inbox/scan 1.png", apptest.PNG(50))

	var mu sync.Mutex
	answers := map[string]int{}
	var copies sync.WaitGroup
	for range 30 {
		copies.Go(func() {
			status, out := s.post(ce)
			mu.Lock()
			defer mu.Unlock()
			answers[fmt.Sprint(status, " ", out)]++
		})
	}
	if err := gate.Wait(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	gate.Open()
	copies.Wait()
	if answers["200 done"] != 1 || answers["200 done"]+answers["200 duplicate"]+answers["503 busy"] != 30 {
		t.Errorf("answers to 30 copies: %v", answers)
	}
	if n := c.OCR.Counts().Requests; n != 1 {
		t.Errorf("%d requests to the OCR service for 30 copies", n)
	}
	want := map[string]string{
		"bucket": "string", "name": "string", "generation": "integer", "contentType": "string", "size": "integer",
		"metadata": "map",
		"status":   "string", "text": "string", "textInPages": "boolean", "pages": "integer", "pagesDone": "integer",
		"blank":    "boolean",
		"warnings": "array", "model": "string", "mode": "string", "profile": "string", "md5": "string",
		"reuseKey": "string", "usage": "map", "attempt": "integer", "interruptions": "integer",
		"windowStart": "timestamp", "write": "string", "eventId": "string", "eventTime": "timestamp", "file": "string",
		"created": "timestamp",
		"started": "timestamp", "updated": "timestamp", "finished": "timestamp", "schema": "integer",
	}
	if got := fieldTypes(t, c, o); !maps.Equal(got, want) {
		t.Errorf("document\n got %v\nwant %v", got, want)
	}
	if r := c.Record(o); r.Text != "# One" || r.Status != document.StatusDone || r.Attempt != 1 ||
		r.Usage.PromptTokens == 0 {
		t.Errorf("%+v", r)
	}

	c.OCR.Default(ocrtest.Text("# Two"))
	newer, ce2 := put(c, "inbox/scan 1.png", apptest.PNG(51))
	if status, out := s.post(ce2); status != 200 || out != "done" {
		t.Errorf("newer generation: %d %s", status, out)
	}
	if status, out := s.post(ce); status != 200 || out != "superseded" {
		t.Errorf("older generation: %d %s", status, out)
	}
	if r := c.Record(newer); r.Text != "# Two" || r.Generation != newer.Generation {
		t.Errorf("%+v", r)
	}
}

// TestKilled: kill -9 in the middle; a copy is refused while the lease lives; after it, a redelivery or the sweep alone
// finishes the work.
func TestKilled(t *testing.T) {
	for _, by := range []string{"redelivery", "sweep"} {
		t.Run(by, func(t *testing.T) {
			c := newCloud(t)
			gate := ocrtest.NewGate()
			c.OCR.Next(ocrtest.Hold(gate, ocrtest.Text("never written")))
			c.OCR.Default(ocrtest.Text("read at last"))
			o, ce := put(c, "a.png", apptest.PNG(50))
			first := start(t, c)
			posted := make(chan struct{})
			go func() { first.post(ce); close(posted) }()
			if err := gate.Wait(t.Context(), 1); err != nil {
				t.Fatal(err)
			}
			first.cmd.Process.Kill()
			<-posted

			second := start(t, c)
			if status, out := second.post(ce); status != 503 || out != "busy" {
				t.Fatalf("a copy while the lease lives: %d %s", status, out)
			}
			c.Expire(o)
			if by == "sweep" {
				ce = event.Sweep("s1", time.Now())
			}
			if status, out := second.post(ce); status != 200 || out != "done" {
				t.Fatalf("%d %s", status, out)
			}
			if r := c.Record(o); r.Status != document.StatusDone || r.Text != "read at last" || r.Attempt != 2 ||
				len(r.Strikes) > 0 || !r.Due.IsZero() {
				t.Errorf("%+v", r)
			}
		})
	}
}

// TestSIGTERM: work in flight is finished and the process exits with 0, even if the telemetry collector hangs.
func TestSIGTERM(t *testing.T) {
	t.Run("alone", func(t *testing.T) { testSIGTERM(t, newCloud(t)) })
	t.Run("the collector hangs", func(t *testing.T) {
		c, collector := newCloud(t), otlptest.New(t)
		collector.Hang()
		c.Settings["OTEL_EXPORTER_OTLP_ENDPOINT"] = collector.URL
		for _, name := range []string{"OTEL_EXPORTER_OTLP_TIMEOUT", "OTEL_BSP_EXPORT_TIMEOUT",
			"OTEL_METRIC_EXPORT_TIMEOUT"} {
			c.Settings[name] = "3600000" // only our own limit helps
		}
		testSIGTERM(t, c)
		if collector.Requests() == 0 {
			t.Error("nothing was sent at the end")
		}
	})
}

func testSIGTERM(t *testing.T, c *apptest.Cloud) {
	gate := ocrtest.NewGate()
	c.OCR.Default(ocrtest.Hold(gate, ocrtest.Text("read")))
	o, ce := put(c, "a.png", apptest.PNG(50))
	s := start(t, c)
	answer := make(chan string, 1)
	go func() { _, out := s.post(ce); answer <- out }()
	if err := gate.Wait(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	for out := ""; out != "retry"; _, out = s.post(event.Sweep("s", time.Now())) { // until the signal has arrived
	}
	gate.Open()
	if out := <-answer; out != "done" {
		t.Errorf("the delivery in flight was answered %q", out)
	}
	if err := s.wait(); err != nil {
		t.Errorf("%v\n%s", err, s.logs)
	}
	if r := c.Record(o); r.Status != document.StatusDone {
		t.Errorf("%s after SIGTERM", r.Status)
	}
}
