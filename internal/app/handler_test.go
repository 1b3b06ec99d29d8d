package app_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	cloudevents "github.com/cloudevents/sdk-go/v2"

	"github.com/bucketocr/bucketocr/internal/app"
	"github.com/bucketocr/bucketocr/internal/app/apptest"
	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/event"
	"github.com/bucketocr/bucketocr/ocr/ocrtest"
)

// answers checks the answer to an event.
func answers(t *testing.T, f *apptest.Function, ce cloudevents.Event, status int, outcome string) {
	t.Helper()
	if s, o := f.Post(ce); s != status || o != outcome {
		t.Errorf("%s was answered %d %q, want %d %q\n%s", ce.ID(), s, o, status, outcome, f.Log)
	}
}

func equal[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

// TestEventBecomesDocument: however often it is delivered, an event ends in one document with text and the object's
// data; each delivery has one log line without text.
func TestEventBecomesDocument(t *testing.T) { testEventBecomesDocument(t, apptest.Options{}) }

func testEventBecomesDocument(t *testing.T, o apptest.Options) {
	c := apptest.New(t, o)
	f := c.Serve()
	c.OCR.Default(ocrtest.Text("# Delivery note 4711"))
	ev := c.Put("inbox/Rechnung 7%.png", apptest.PNG(200))
	answers(t, f, c.Encode(ev), 200, "done")
	r := c.Record(ev.Object)
	if r == nil {
		t.Fatal("no record")
	}
	equal(t, "status", r.Status, document.StatusDone)
	equal(t, "text", r.Text, "# Delivery note 4711")
	equal(t, "name", r.Name, ev.Name)
	equal(t, "metadata", r.Metadata["uploader"], "scanner-3")
	equal(t, "event id", r.EventID, ev.ID)
	equal(t, "model", r.Model, ocrtest.DefaultModel)

	answers(t, f, c.Encode(ev), 200, "duplicate")
	equal(t, "requests to the OCR service", c.OCR.Counts().Requests, 1)
	equal(t, "log lines", len(f.Log.Deliveries(t)), 2)
	for _, line := range f.Log.Deliveries(t) {
		equal(t, "name in the log", line["name"], any(ev.Name))
	}
	if strings.Contains(f.Log.String(), "Delivery") {
		t.Errorf("the log holds text: %s", f.Log)
	}
}

// TestSameBytesCostOnePage: only with REUSE=same-bytes, and only with the same model and mode.
func TestSameBytesCostOnePage(t *testing.T) { testSameBytes(t, apptest.Options{}) }

func testSameBytes(t *testing.T, o apptest.Options) {
	for name, c := range map[string]struct {
		settings map[string]string
		requests int
	}{
		"as it is":            {nil, 11},
		"same-bytes":          {map[string]string{"REUSE": "same-bytes"}, 1},
		"same-bytes, by mode": {map[string]string{"REUSE": "same-bytes", "OCR_MODE": "layout"}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := o
			o.Settings = map[string]string{"REUSE": c.settings["REUSE"], "OCR_PROFILE": "generic"}
			cloud := apptest.New(t, o)
			cloud.OCR.Default(ocrtest.Text("# Delivery note 4711"))
			first := cloud.Put("in/a.png", apptest.PNG(200))
			answers(t, cloud.Serve(), cloud.Encode(first), 200, "done")
			maps.Copy(cloud.Settings, c.settings)
			f := cloud.Serve() // another instance, which has not called the OCR service yet
			for n := range 10 {
				ev := cloud.Put(fmt.Sprintf("copy %d/a.png", n), apptest.PNG(200))
				answers(t, f, cloud.Encode(ev), 200, "done")
				r := cloud.Record(ev.Object)
				equal(t, "text", r.Text, "# Delivery note 4711")
				equal(t, "a copy", r.CopiedFrom != "", c.requests == 1 || c.requests == 2 && n > 0)
			}
			equal(t, "requests to the OCR service", cloud.OCR.Counts().Requests, c.requests)
		})
	}
}

// TestEventsAreAcknowledgedOrRefused: irrelevant events are acknowledged, events that cannot be decoded are
// redelivered, and neither writes a record.
func TestEventsAreAcknowledgedOrRefused(t *testing.T) {
	t.Parallel()
	c := apptest.New(t, apptest.Options{Settings: map[string]string{"EXCLUDE": "tmp/**"}})
	f := c.Serve()
	good := c.Put("a.png", apptest.PNG(20))
	change := func(f func(*cloudevents.Event)) cloudevents.Event {
		ce := c.Encode(good)
		f(&ce)
		return ce
	}
	named := func(name, contentType string) cloudevents.Event {
		ev := good
		ev.Name, ev.ContentType = name, contentType
		return c.Encode(ev)
	}
	for name, test := range map[string]struct {
		ce      cloudevents.Event
		status  int
		outcome string
	}{
		"folder":   {named("inbox/", "text/plain"), 200, "filtered"},
		"junk":     {named("x/.DS_Store", "image/png"), 200, "filtered"},
		"excluded": {named("tmp/a.png", "image/png"), 200, "filtered"},
		"no image": {named("a.txt", "text/plain"), 200, "filtered"},
		"other type": {change(func(ce *cloudevents.Event) {
			ce.SetType("google.cloud.pubsub.topic.v1.messagePublished")
		}), 200, "filtered"},
		"deleted, kept": {change(func(ce *cloudevents.Event) { ce.SetType(event.TypeDeleted) }), 200, "filtered"},
		"protobuf": {change(func(ce *cloudevents.Event) {
			_ = ce.SetData("application/protobuf", []byte{1, 2})
		}), 503, "retry"},
		"no name": {change(func(ce *cloudevents.Event) {
			_ = ce.SetData("application/json", map[string]string{"bucket": "b"})
		}), 503, "retry"},
		"sweep of nothing": {event.Sweep("s", time.Now()), 200, "done"},
	} {
		t.Run(name, func(t *testing.T) { answers(t, f, test.ce, test.status, test.outcome) })
	}
	if r := c.Record(good.Object); r != nil {
		t.Errorf("a record was written: %+v", r)
	}
}

func TestUndecodableEventIsLogged(t *testing.T) {
	t.Parallel()
	c := apptest.New(t, apptest.Options{})
	f := c.Serve()
	other, broken := c.Encode(c.Put("a.png", apptest.PNG(20))), c.Encode(c.Put("b.png", apptest.PNG(21)))
	other.SetType("google.cloud.pubsub.topic.v1.messagePublished")
	_ = broken.SetData("application/protobuf", []byte{1, 2})
	answers(t, f, other, 200, "filtered")
	answers(t, f, broken, 503, "retry")
	lines := f.Log.Lines(t)
	if len(lines) != 2 {
		t.Fatalf("%d log lines", len(lines))
	}
	equal(t, "severity of another type", lines[0]["severity"], any("WARNING"))
	equal(t, "message of another type", lines[0]["message"], any("event ignored"))
	equal(t, "severity of a broken event", lines[1]["severity"], any("ERROR"))
	equal(t, "message of a broken event", lines[1]["message"], any("event rejected, will be redelivered"))
}

// TestNotACloudEvent: such a request is answered 400, so that it is not repeated.
func TestNotACloudEvent(t *testing.T) {
	t.Parallel()
	f := apptest.New(t, apptest.Options{}).Serve()
	request := func(method, body string) *http.Request {
		r, err := http.NewRequestWithContext(t.Context(), method, f.URL, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	for name, r := range map[string]*http.Request{
		"GET":          request("GET", ""),
		"no event":     request("POST", `{"a":1}`),
		"broken event": apptest.Structured(t, f.URL, `{"specversion":`),
		"no source":    apptest.Structured(t, f.URL, `{"specversion":"1.0","id":"1","type":"t"}`),
		"2 MiB": apptest.Structured(t, f.URL,
			`{"specversion":"1.0","id":"1","type":"t","source":"s","data":"`+strings.Repeat("x", 2<<20)+`"}`),
	} {
		t.Run(name, func(t *testing.T) {
			if status, text := apptest.Do(r); status != 400 {
				t.Errorf("%d %s", status, text)
			}
		})
	}
}

// TestStructuredEvent: the other form of a CloudEvent means the same.
func TestStructuredEvent(t *testing.T) {
	t.Parallel()
	c := apptest.New(t, apptest.Options{})
	f := c.Serve()
	body, err := c.Encode(c.Put("a.png", apptest.PNG(20))).MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	if status, out := apptest.Do(apptest.Structured(t, f.URL, string(body))); status != 200 || out != "done" {
		t.Errorf("%d %s\n%s", status, out, f.Log)
	}
}

// TestReleasedEventIsRedelivered: the answer to an event that cannot be finished requests redelivery, document and log
// say why, and the next delivery finishes it.
func TestReleasedEventIsRedelivered(t *testing.T) {
	t.Parallel()
	c := apptest.New(t, apptest.Options{})
	f := c.Serve()
	c.OCR.Default(ocrtest.Platform(403))
	ev := c.Put("a.png", apptest.PNG(20))
	answers(t, f, c.Encode(ev), 503, "retry")
	r := c.Record(ev.Object)
	if r == nil || r.Error == nil {
		t.Fatalf("no error in the record: %+v", r)
	}
	equal(t, "status", r.Status, document.StatusRetrying)
	equal(t, "code", r.Error.Code, "ocr_misconfigured")
	equal(t, "retryable", r.Error.Retryable, true)
	equal(t, "has no due time", r.Due.IsZero(), false)
	line := f.Log.Lines(t)[0]
	equal(t, "severity", line["severity"], any("ERROR"))
	if !strings.Contains(f.Log.String(), "roles/run.invoker") {
		t.Errorf("the log does not say what to do: %s", f.Log)
	}

	c.OCR.Default(ocrtest.Text("late"))
	answers(t, f, c.Encode(ev), 200, "done")
	r = c.Record(ev.Object)
	equal(t, "text", r.Text, "late")
	equal(t, "attempt", r.Attempt, 2)
	equal(t, "has an error", r.Error != nil, false)
}

// TestDeliveryOutlivesItsCaller: when the caller hangs up, the work goes on and its end is written.
func TestDeliveryOutlivesItsCaller(t *testing.T) {
	t.Parallel()
	c := apptest.New(t, apptest.Options{})
	f := c.Serve()
	gate := ocrtest.NewGate()
	c.OCR.Default(ocrtest.Hold(gate, ocrtest.Text("read")))
	ce := c.Encode(c.Put("a.png", apptest.PNG(20)))
	ctx, hangUp := context.WithCancel(t.Context())
	hungUp := make(chan struct{})
	go func() { apptest.Do(apptest.Request(t, ctx, f.URL, ce)); close(hungUp) }()
	if err := gate.Wait(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	hangUp()
	<-hungUp
	gate.Open()
	seen := errors.New("seen")
	err := c.Records.Watch(t.Context(), func(_ string, r *document.Record) error {
		if r.Status == document.StatusDone && r.Text == "read" {
			return seen
		}
		return nil
	})
	if !errors.Is(err, seen) {
		t.Error(err)
	}
}

func TestStartNamesEveryProblem(t *testing.T) {
	t.Parallel()
	wrong := map[string]string{"OCR_TIMEOUT": "soon", "MAX_BYTES": "-1"}
	_, err := app.Start(func(name string) (string, bool) { v, ok := wrong[name]; return v, ok }, io.Discard)
	if err == nil {
		t.Fatal("started")
	}
	for _, name := range []string{"OCR_URL", "OCR_TIMEOUT", "MAX_BYTES"} {
		if !strings.Contains(err.Error(), name+":") {
			t.Errorf("%s is not named: %v", name, err)
		}
	}
}

// TestHostileNames: every legal object name has its own document with the exact name, and one line of JSON in the log.
func TestHostileNames(t *testing.T) { testHostileNames(t, apptest.Options{}) }

func testHostileNames(t *testing.T, o apptest.Options) {
	c := apptest.New(t, o)
	f := c.Serve()
	names := []string{
		"a//b", "x/..", "./x", "..", " leading and trailing ", "tab\there", "line\u2028separator",
		"bell\a and esc\x1b[31m", "nul\x00byte",
		"emoji 😀", "%2F", "100%done%!d(MISSING)", "#?&=", "__x__", "a.png ", `"},{"severity":"EMERGENCY"`, `back\slash`,
		"ä", "a\u0308",
		strings.Repeat("n", 1024), strings.Repeat("é", 512), "ocr_pages/1-0001", "\u202Egnp.exe",
	}
	seen := map[string]string{}
	for _, name := range names {
		ev := c.Put(name, apptest.PNG(30))
		answers(t, f, c.Encode(ev), 200, "done")
		if r := c.Record(ev.Object); r == nil || r.Name != name {
			t.Errorf("%q: stored as %+v", name, r)
		}
		if other, ok := seen[ev.Object.ID()]; ok {
			t.Errorf("%q and %q share a document", name, other)
		}
		seen[ev.Object.ID()] = name
	}
	lines := f.Log.Deliveries(t)
	if len(lines) != len(names) {
		t.Fatalf("%d log lines for %d names", len(lines), len(names))
	}
	for i, line := range lines {
		equal(t, "name in the log", line["name"], any(names[i]))
		equal(t, "severity", line["severity"], any("INFO"))
	}
}
