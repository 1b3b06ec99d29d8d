package bucketocr

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	cloudevents "github.com/cloudevents/sdk-go/v2"

	"github.com/bucketocr/bucketocr/internal/config"
	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/event"
	"github.com/bucketocr/bucketocr/internal/gcp/cloudlog"
	"github.com/bucketocr/bucketocr/internal/gcp/firestore"
	"github.com/bucketocr/bucketocr/internal/gcp/gcptest"
	"github.com/bucketocr/bucketocr/ocr/ocrtest"
)

func TestMain(m *testing.M) { os.Exit(gcptest.Main(m)) }

// cloud is the door over real drivers: the Firestore emulator, Cloud Storage's client, the OCR client over HTTP.
type cloud struct {
	t       *testing.T
	bucket  *gcptest.Bucket
	records *firestore.Store
	ocr     *ocrtest.Server
	log     *lockedBuffer
	project string
	door    *Door
	url     string
}

func newCloud(t *testing.T, settings ...string) *cloud {
	host := gcptest.Firestore(t)
	c := &cloud{t: t, bucket: gcptest.NewBucket(t, "acme-scans"), ocr: ocrtest.New(t), log: &lockedBuffer{}, project: gcptest.Project(t)}
	env := map[string]string{
		"OCR_URL": c.ocr.URL, "GOOGLE_CLOUD_PROJECT": c.project,
		"FIRESTORE_EMULATOR_HOST": host, "STORAGE_EMULATOR_HOST": c.bucket.Host(),
	}
	for i := 0; i < len(settings); i += 2 {
		env[settings[i]] = settings[i+1]
	}
	cfg, err := config.Load(func(name string) (string, bool) { v, ok := env[name]; return v, ok })
	if err != nil {
		t.Fatal(err)
	}
	world := googleCloud(cfg)
	c.records = world.Records.(*firestore.Store)
	c.door, err = New(cfg, world, cloudlog.New(c.log, cfg.LogLevel, cfg.Project))
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(c.door)
	t.Cleanup(server.Close)
	c.url = server.URL
	return c
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// scan is a small gray page as PNG.
func scan(width int) []byte {
	img := image.NewGray(image.Rect(0, 0, width, 40))
	for x := range width {
		img.SetGray(x, x%40, color.Gray{Y: uint8(x)})
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// put stores an image and gives its event.
func (c *cloud) put(name string, data []byte) document.Event {
	generation := c.bucket.Put(name, data, "image/png", map[string]string{"uploader": "scanner-3"})
	return document.Event{
		Kind: document.KindFinalized, ID: fmt.Sprint("event-", generation), Time: time.Now(),
		Object:     document.Object{Bucket: c.bucket.Name(), Name: name, Generation: generation},
		Attributes: document.Attributes{ContentType: "image/png", Size: int64(len(data)), Metadata: map[string]string{"uploader": "scanner-3"}},
	}
}

func (c *cloud) encode(ev document.Event) cloudevents.Event {
	c.t.Helper()
	ce, err := event.Encode(ev)
	if err != nil {
		c.t.Fatal(err)
	}
	return ce
}

// post sends an event and gives status and answer.
func (c *cloud) post(ctx context.Context, ce cloudevents.Event) (int, string) {
	c.t.Helper()
	req, err := cloudevents.NewHTTPRequestFromEvent(ctx, c.url, ce)
	if err != nil {
		c.t.Fatal(err)
	}
	return c.do(req)
}

func (c *cloud) do(req *http.Request) (int, string) {
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	var b bytes.Buffer
	_, _ = b.ReadFrom(resp.Body)
	return resp.StatusCode, strings.TrimSpace(b.String())
}

func (c *cloud) record(o document.Object) *document.Record {
	c.t.Helper()
	s, err := c.records.Get(c.t.Context(), o.ID())
	if err != nil {
		c.t.Fatal(err)
	}
	if s == nil {
		return nil
	}
	return s.Record
}

func TestEventToDocument(t *testing.T) {
	c := newCloud(t)
	c.ocr.Default(ocrtest.Text("# Delivery note 4711"))
	ev := c.put("inbox/Rechnung 7%.png", scan(200))
	if status, out := c.post(t.Context(), c.encode(ev)); status != 200 || out != "done" {
		t.Fatalf("%d %s\n%s", status, out, c.log)
	}
	r := c.record(ev.Object)
	if r == nil || r.Status != document.StatusDone || r.Text != "# Delivery note 4711" || r.Name != ev.Name ||
		r.Metadata["uploader"] != "scanner-3" || r.EventID != ev.ID || r.Model != ocrtest.DefaultModel {
		t.Errorf("%+v", r)
	}
	if status, out := c.post(t.Context(), c.encode(ev)); status != 200 || out != "duplicate" {
		t.Errorf("again: %d %s", status, out)
	}
	if n := c.ocr.Counts().Requests; n != 1 {
		t.Errorf("%d requests to the OCR service", n)
	}
	if log := c.log.String(); strings.Contains(log, "Delivery") || strings.Count(log, "\n") != 2 || !strings.Contains(log, "Rechnung 7%.png") {
		t.Errorf("log:\n%s", log)
	}
}

// TestAnswers: which status each kind of request gets, and that nothing is written for it.
func TestAnswers(t *testing.T) {
	c := newCloud(t, "EXCLUDE", "tmp/**")
	good := c.put("a.png", scan(20))
	change := func(f func(*cloudevents.Event)) cloudevents.Event {
		ce := c.encode(good)
		f(&ce)
		return ce
	}
	named := func(name, contentType string) cloudevents.Event {
		ev := good
		ev.Name, ev.ContentType = name, contentType
		return c.encode(ev)
	}
	for _, test := range []struct {
		name   string
		ce     cloudevents.Event
		status int
		out    string
	}{
		{"folder", named("inbox/", "text/plain"), 200, "filtered"},
		{"junk", named("x/.DS_Store", "image/png"), 200, "filtered"},
		{"excluded", named("tmp/a.png", "image/png"), 200, "filtered"},
		{"no image", named("a.txt", "text/plain"), 200, "filtered"},
		{"other type", change(func(ce *cloudevents.Event) { ce.SetType("google.cloud.pubsub.topic.v1.messagePublished") }), 200, "filtered"},
		{"deleted, kept", change(func(ce *cloudevents.Event) { ce.SetType(event.TypeDeleted) }), 200, "filtered"},
		{"protobuf", change(func(ce *cloudevents.Event) { _ = ce.SetData("application/protobuf", []byte{1, 2}) }), 503, "retry"},
		{"no name", change(func(ce *cloudevents.Event) { _ = ce.SetData("application/json", map[string]string{"bucket": "b"}) }), 503, "retry"},
		{"sweep of nothing", event.Sweep("s", time.Now()), 200, "done"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if status, out := c.post(t.Context(), test.ce); status != test.status || out != test.out {
				t.Errorf("%d %q, want %d %q", status, out, test.status, test.out)
			}
		})
	}
	for name, req := range map[string]func() (*http.Request, error){
		"GET":          func() (*http.Request, error) { return http.NewRequest("GET", c.url, nil) },
		"no event":     func() (*http.Request, error) { return http.NewRequest("POST", c.url, strings.NewReader(`{"a":1}`)) },
		"broken event": func() (*http.Request, error) { return structured(c.url, `{"specversion":`) },
		"no source":    func() (*http.Request, error) { return structured(c.url, `{"specversion":"1.0","id":"1","type":"t"}`) },
		"2 MiB": func() (*http.Request, error) {
			return structured(c.url, `{"specversion":"1.0","id":"1","type":"t","source":"s","data":"`+strings.Repeat("x", 2<<20)+`"}`)
		},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := req()
			if err != nil {
				t.Fatal(err)
			}
			if status, out := c.do(r); status != 400 {
				t.Errorf("%d %s", status, out)
			}
		})
	}
	if r := c.record(good.Object); r != nil {
		t.Errorf("a record was written: %+v", r)
	}
}

func structured(url, body string) (*http.Request, error) {
	r, err := http.NewRequest("POST", url, strings.NewReader(body))
	if err == nil {
		r.Header.Set("Content-Type", "application/cloudevents+json")
	}
	return r, err
}

// TestStructuredEvent: the other form of a CloudEvent means the same.
func TestStructuredEvent(t *testing.T) {
	c := newCloud(t)
	ev := c.put("a.png", scan(20))
	body, err := c.encode(ev).MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	r, _ := structured(c.url, string(body))
	if status, out := c.do(r); status != 200 || out != "done" {
		t.Errorf("%d %s\n%s", status, out, c.log)
	}
}

// TestRetryIsRefused: what is not settled is wanted again, and the document says why.
func TestRetryIsRefused(t *testing.T) {
	c := newCloud(t)
	c.ocr.Default(ocrtest.Platform(403))
	ev := c.put("a.png", scan(20))
	if status, out := c.post(t.Context(), c.encode(ev)); status != 503 || out != "retry" {
		t.Errorf("%d %s", status, out)
	}
	if r := c.record(ev.Object); r.Status != document.StatusRetrying || r.Error.Code != "ocr_misconfigured" || !r.Error.Retryable || r.Due.IsZero() {
		t.Errorf("%+v", r)
	}
	if log := c.log.String(); !strings.Contains(log, `"severity":"ERROR"`) || !strings.Contains(log, "roles/run.invoker") {
		t.Errorf("the log does not say what to do:\n%s", log)
	}
	c.ocr.Default(ocrtest.Text("late"))
	if status, _ := c.post(t.Context(), c.encode(ev)); status != 200 {
		t.Errorf("redelivered: %d", status)
	}
	if r := c.record(ev.Object); r.Text != "late" || r.Attempt != 2 || r.Error != nil {
		t.Errorf("%+v", r)
	}
}

// TestCallerHangsUp: the work goes on and its end is written.
func TestCallerHangsUp(t *testing.T) {
	c := newCloud(t)
	gate := ocrtest.NewGate()
	c.ocr.Default(ocrtest.Hold(gate, ocrtest.Text("read")))
	ev := c.put("a.png", scan(20))
	ctx, hangUp := context.WithCancel(t.Context())
	hungUp := make(chan struct{})
	go func() { c.post(ctx, c.encode(ev)); close(hungUp) }()
	if err := gate.Wait(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	hangUp()
	<-hungUp
	gate.Open()
	final := fmt.Errorf("seen")
	err := c.records.Watch(t.Context(), func(_ string, r *document.Record) error {
		if r.Status == document.StatusDone && r.Text == "read" {
			return final
		}
		return nil
	})
	if err != final {
		t.Error(err)
	}
}

func TestUnconfigured(t *testing.T) {
	w := httptest.NewRecorder()
	ExtractText(w, httptest.NewRequest("POST", "/", nil))
	if w.Code != 503 {
		t.Errorf("%d before Setup", w.Code)
	}
	if err := Setup(func(string) (string, bool) { return "", false }, os.Stderr); err == nil || !strings.Contains(err.Error(), "OCR_URL") {
		t.Errorf("Setup without OCR_URL: %v", err)
	}
}

// TestHostileNames: every legal object name has its own document with the exact name, and one line of JSON in the log.
func TestHostileNames(t *testing.T) {
	c := newCloud(t)
	names := []string{
		"a//b", "x/..", "./x", "..", " leading and trailing ", "tab\there", "line\u2028separator", "bell\a and esc\x1b[31m", "nul\x00byte",
		"emoji 😀", "%2F", "100%done%!d(MISSING)", "#?&=", "__x__", "a.png ", `"},{"severity":"EMERGENCY"`, `back\slash`, "ä", "a\u0308",
		strings.Repeat("n", 1024), strings.Repeat("é", 512), "ocr_pages/1-0001", "\u202Egnp.exe",
	}
	seen := map[string]string{}
	for _, name := range names {
		ev := c.put(name, scan(30))
		if status, out := c.post(t.Context(), c.encode(ev)); status != 200 || out != "done" {
			t.Errorf("%q: %d %s", name, status, out)
			continue
		}
		if r := c.record(ev.Object); r == nil || r.Name != name {
			t.Errorf("%q: stored as %+v", name, r)
		}
		if other, ok := seen[ev.Object.ID()]; ok {
			t.Errorf("%q and %q share a document", name, other)
		}
		seen[ev.Object.ID()] = name
	}
	lines := strings.Split(strings.TrimSpace(c.log.String()), "\n")
	for i, line := range lines {
		var fields map[string]any
		if err := json.Unmarshal([]byte(line), &fields); err != nil || fields["name"] != names[i] || fields["severity"] != "INFO" {
			t.Errorf("log line %d: %v: %s", i, err, line)
		}
	}
	if len(lines) != len(names) {
		t.Errorf("%d log lines for %d names", len(lines), len(names))
	}
}
