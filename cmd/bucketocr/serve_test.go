package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	cloudevents "github.com/cloudevents/sdk-go/v2"

	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/event"
	"github.com/bucketocr/bucketocr/internal/gcp/firestore"
	"github.com/bucketocr/bucketocr/internal/gcp/gcptest"
	pageimage "github.com/bucketocr/bucketocr/internal/page"
	"github.com/bucketocr/bucketocr/internal/telemetry/otlptest"
	"github.com/bucketocr/bucketocr/ocr/ocrtest"
)

// asMain makes the test binary the program itself, so that tests can start it, signal it and kill it.
const asMain = "BUCKETOCR_TEST_AS_MAIN"

func TestMain(m *testing.M) {
	pageimage.ServeIfDecoder()
	if os.Getenv(asMain) != "" {
		main()
		return
	}
	os.Exit(gcptest.Main(m))
}

// cloud is what a served function talks to: the Firestore emulator, a bucket, an OCR service that checks tokens, and the
// metadata server that issues them.
type cloud struct {
	t       *testing.T
	env     []string
	bucket  *gcptest.Bucket
	ocr     *ocrtest.Server
	records *firestore.Store
	host    string
	project string
}

func newCloud(t *testing.T) *cloud {
	c := &cloud{t: t, host: gcptest.Firestore(t), project: gcptest.Project(t), bucket: gcptest.NewBucket(t, "acme-scans")}
	c.ocr = ocrtest.New(t, ocrtest.RequireToken("https://ocr.example"), ocrtest.KeepGenerating())
	metadata := ocrtest.NewMetadata(t)
	c.records = firestore.New(firestore.Config{Project: c.project, Collection: "ocr_documents", Emulator: c.host})
	t.Cleanup(func() { c.records.Close() })
	c.env = []string{
		"OCR_URL=" + c.ocr.URL, "OCR_AUTH=oidc", "OCR_AUDIENCE=https://ocr.example", "GCE_METADATA_HOST=" + metadata.Host,
		"GOOGLE_CLOUD_PROJECT=" + c.project, "FIRESTORE_EMULATOR_HOST=" + c.host, "STORAGE_EMULATOR_HOST=" + c.bucket.Host(),
		"HOME=" + t.TempDir(), "PORT=0",
	}
	return c
}

// served is the program as a process of its own.
type served struct {
	t    *testing.T
	cmd  *exec.Cmd
	url  string
	logs *bytes.Buffer // read it after the end
	once sync.Once
	err  error
}

// start begins a process and waits until it listens.
func (c *cloud) start() *served {
	c.t.Helper()
	s := &served{t: c.t, cmd: program("serve"), logs: &bytes.Buffer{}}
	s.cmd.Env = append(c.env, asMain+"=1")
	s.cmd.Stderr = s.logs
	out, err := s.cmd.StdoutPipe()
	if err == nil {
		err = s.cmd.Start()
	}
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { s.cmd.Process.Kill(); s.wait() })
	line, _ := bufio.NewReader(out).ReadString('\n')
	port, ok := strings.CutPrefix(strings.TrimSpace(line), "listening on port ")
	if !ok {
		s.wait()
		c.t.Fatalf("it did not start: %q\n%s", line, s.logs)
	}
	s.url = "http://127.0.0.1:" + port
	for {
		conn, err := net.Dial("tcp", "127.0.0.1:"+port)
		if err == nil {
			conn.Close()
			return s
		}
		if c.t.Context().Err() != nil {
			c.t.Fatal(err)
		}
	}
}

func program(args ...string) *exec.Cmd {
	self, err := os.Executable()
	if err != nil {
		panic(err)
	}
	return exec.Command(self, args...)
}

func (s *served) wait() error {
	s.once.Do(func() { s.err = s.cmd.Wait() })
	return s.err
}

// post sends an event; status 0 means that no answer came.
func (s *served) post(ce cloudevents.Event) (status int, outcome string) {
	req, err := cloudevents.NewHTTPRequestFromEvent(s.t.Context(), s.url, ce)
	if err != nil {
		s.t.Error(err)
		return 0, ""
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	b, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, strings.TrimSpace(string(b))
}

// page is a small gray picture; its width tells it from others.
func page(width int) []byte {
	img := image.NewGray(image.Rect(0, 0, width, 40))
	img.SetGray(3, 3, color.Gray{Y: 200})
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// put stores an image and gives its object and event.
func (c *cloud) put(name string, data []byte) (document.Object, cloudevents.Event) {
	c.t.Helper()
	metadata := map[string]string{"uploader": "scanner-3"}
	o := document.Object{Bucket: c.bucket.Name(), Name: name, Generation: c.bucket.Put(name, data, "image/png", metadata)}
	ce, err := event.Encode(document.Event{
		Kind: document.KindFinalized, ID: fmt.Sprint(o.Generation), Time: time.Now(), Object: o,
		Attributes: document.Attributes{ContentType: "image/png", Size: int64(len(data)), Metadata: metadata},
	})
	if err != nil {
		c.t.Fatal(err)
	}
	return o, ce
}

func (c *cloud) record(o document.Object) *document.Record {
	c.t.Helper()
	s, err := c.records.Get(c.t.Context(), o.ID())
	if err != nil || s == nil {
		c.t.Fatalf("no record: %v", err)
	}
	return s.Record
}

// document is the stored document as any client of Firestore sees it: the type of each field.
func (c *cloud) document(o document.Object) map[string]string {
	c.t.Helper()
	url := fmt.Sprintf("http://%s/v1/projects/%s/databases/(default)/documents/ocr_documents/%s", c.host, c.project, o.ID())
	req, _ := http.NewRequestWithContext(c.t.Context(), "GET", url, nil)
	req.Header.Set("Authorization", "Bearer owner")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		c.t.Fatal(err)
	}
	defer resp.Body.Close()
	var doc struct {
		Fields map[string]map[string]any `json:"fields"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&doc); err != nil {
		c.t.Fatal(err)
	}
	types := map[string]string{}
	for name, value := range doc.Fields {
		for typ := range value {
			types[name] = strings.TrimSuffix(typ, "Value")
		}
	}
	return types
}

// TestServe: one event gives one document with every field of DESIGN 4; copies, a newer generation and an older one leave
// what one clean run leaves.
func TestServe(t *testing.T) {
	c := newCloud(t)
	s := c.start()
	gate := ocrtest.NewGate()
	c.ocr.Default(ocrtest.Hold(gate, ocrtest.Text("# One")))
	o, ce := c.put("inbox/scan 1.png", page(50))

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
	if n := c.ocr.Counts().Requests; n != 1 {
		t.Errorf("%d requests to the OCR service for 30 copies", n)
	}
	want := map[string]string{
		"bucket": "string", "name": "string", "generation": "integer", "contentType": "string", "size": "integer", "metadata": "map",
		"status": "string", "text": "string", "textInPages": "boolean", "pages": "integer", "pagesDone": "integer", "blank": "boolean",
		"warnings": "array", "model": "string", "usage": "map", "attempt": "integer", "faults": "integer", "doubts": "integer",
		"windowStart": "timestamp", "write": "string", "eventId": "string", "eventTime": "timestamp", "created": "timestamp",
		"started": "timestamp", "updated": "timestamp", "finished": "timestamp", "schema": "integer",
	}
	if got := c.document(o); !equal(got, want) {
		t.Errorf("document\n got %v\nwant %v", got, want)
	}
	if r := c.record(o); r.Text != "# One" || r.Status != document.StatusDone || r.Attempt != 1 || r.Usage.PromptTokens == 0 {
		t.Errorf("%+v", r)
	}

	c.ocr.Default(ocrtest.Text("# Two"))
	newer, ce2 := c.put("inbox/scan 1.png", page(51))
	if status, out := s.post(ce2); status != 200 || out != "done" {
		t.Errorf("newer generation: %d %s", status, out)
	}
	if status, out := s.post(ce); status != 200 || out != "superseded" {
		t.Errorf("older generation: %d %s", status, out)
	}
	if r := c.record(newer); r.Text != "# Two" || r.Generation != newer.Generation {
		t.Errorf("%+v", r)
	}
}

func equal(a, b map[string]string) bool {
	if len(a) != len(b) {
		return false
	}
	for k, v := range a {
		if b[k] != v {
			return false
		}
	}
	return true
}

// TestKilled: kill -9 in the middle; a copy is refused while the lease lives; after it, a redelivery or the sweep alone
// finishes the work.
func TestKilled(t *testing.T) {
	for _, by := range []string{"redelivery", "sweep"} {
		t.Run(by, func(t *testing.T) {
			c := newCloud(t)
			gate := ocrtest.NewGate()
			c.ocr.Next(ocrtest.Hold(gate, ocrtest.Text("never written")))
			c.ocr.Default(ocrtest.Text("read at last"))
			o, ce := c.put("a.png", page(50))
			first := c.start()
			posted := make(chan struct{})
			go func() { first.post(ce); close(posted) }()
			if err := gate.Wait(t.Context(), 1); err != nil {
				t.Fatal(err)
			}
			first.cmd.Process.Kill()
			<-posted

			second := c.start()
			if status, out := second.post(ce); status != 503 || out != "busy" {
				t.Fatalf("a copy while the lease lives: %d %s", status, out)
			}
			c.expire(o)
			if by == "sweep" {
				ce = event.Sweep("s1", time.Now())
			}
			if status, out := second.post(ce); status != 200 || out != "done" {
				t.Fatalf("%d %s", status, out)
			}
			if r := c.record(o); r.Status != document.StatusDone || r.Text != "read at last" || r.Attempt != 2 || r.Doubts != 0 || !r.Due.IsZero() {
				t.Errorf("%+v", r)
			}
		})
	}
}

// expire sets a record's lease and due time into the past, as if time had gone by.
func (c *cloud) expire(o document.Object) {
	c.t.Helper()
	_, err := document.Update(c.t.Context(), c.records, o.ID(), document.Unread(), func(old *document.Record) (*document.Change, error) {
		if old == nil || old.Lease == nil {
			return nil, nil
		}
		next, lease := *old, *old.Lease
		lease.Expires = time.Now().Add(-time.Minute)
		next.Lease, next.Due = &lease, lease.Expires
		return &document.Change{Record: &next}, nil
	})
	if err != nil {
		c.t.Fatal(err)
	}
}

// TestSIGTERM: work in hand is finished, the process ends with 0, also where a collector of traces and metrics hangs.
func TestSIGTERM(t *testing.T) {
	t.Run("alone", func(t *testing.T) { testSIGTERM(t, newCloud(t)) })
	t.Run("the collector hangs", func(t *testing.T) {
		c, collector := newCloud(t), otlptest.New(t)
		collector.Hang()
		c.env = append(c.env, "OTEL_EXPORTER_OTLP_ENDPOINT="+collector.URL, "OTEL_EXPORTER_OTLP_TIMEOUT=3600000",
			"OTEL_BSP_EXPORT_TIMEOUT=3600000", "OTEL_METRIC_EXPORT_TIMEOUT=3600000") // only our own limit helps
		testSIGTERM(t, c)
		if collector.Requests() == 0 {
			t.Error("nothing was sent at the end")
		}
	})
}

func testSIGTERM(t *testing.T, c *cloud) {
	gate := ocrtest.NewGate()
	c.ocr.Default(ocrtest.Hold(gate, ocrtest.Text("read")))
	o, ce := c.put("a.png", page(50))
	s := c.start()
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
	<-answer
	if err := s.wait(); err != nil {
		t.Errorf("%v\n%s", err, s.logs)
	}
	if r := c.record(o); r.Status != document.StatusDone {
		t.Errorf("%s after SIGTERM", r.Status)
	}
}

// runProgram runs it to its end.
func runProgram(t *testing.T, env []string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	cmd := program(args...)
	cmd.Env = append(env, asMain+"=1", "HOME="+t.TempDir(), "PATH="+os.Getenv("PATH"))
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	_ = cmd.Run()
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}

// TestWrongSettings: all of them at once, by name, and a non-zero end.
func TestWrongSettings(t *testing.T) {
	code, _, stderr := runProgram(t, []string{"OCR_TIMEOUT=soon", "INCLUDE=[a", "MAX_BYTES=-1"}, "serve")
	for _, name := range []string{"OCR_URL", "OCR_TIMEOUT", "INCLUDE", "MAX_BYTES"} {
		if !strings.Contains(stderr, name+":") {
			t.Errorf("%s is not named:\n%s", name, stderr)
		}
	}
	if code != exitUsage {
		t.Errorf("exit code %d", code)
	}
}

func TestPortInUse(t *testing.T) {
	l, err := net.Listen("tcp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	code, _, stderr := runProgram(t, []string{"OCR_URL=http://127.0.0.1:1", "PORT=" + port}, "serve")
	if code != exitFailed || !strings.Contains(stderr, "port "+port+" cannot be listened on: address already in use") {
		t.Errorf("%d: %s", code, stderr)
	}
}

// TestOnCloudRun: where the platform runs a generated main, the package itself reads the settings and ends at wrong ones.
func TestOnCloudRun(t *testing.T) {
	code, _, stderr := runProgram(t, []string{"K_SERVICE=bucketocr"}, "help")
	if code != 1 || !strings.Contains(stderr, "OCR_URL") {
		t.Errorf("%d: %s", code, stderr)
	}
}

func TestUsage(t *testing.T) {
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{nil, exitUsage, "Usage: bucketocr"},
		{[]string{"help"}, exitGood, "Usage: bucketocr"},
		{[]string{"fly"}, exitUsage, `no command "fly"`},
		{[]string{"serve", "--help"}, exitGood, "OCR_TIMEOUT"},
		{[]string{"serve", "x"}, exitUsage, `unknown argument "x"`},
		{[]string{"serve", "--fast"}, exitUsage, "-fast"},
		{[]string{"up", "--help"}, exitGood, "-once"},
		{[]string{"up", "a", "b"}, exitUsage, `one folder, not "b" as well`},
	} {
		var out bytes.Buffer
		code := run(context.Background(), system{&out, &out, func(string) (string, bool) { return "", false }, platformBackoff}, c.args)
		if code != c.code || !strings.Contains(out.String(), c.want) {
			t.Errorf("%v: %d\n%s", c.args, code, out.String())
		}
	}
	if slices.ContainsFunc(commands(), func(c command) bool { return c.short == "" }) {
		t.Error("a command without a word about it")
	}
}
