package bucketocr

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"image"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	cloudevents "github.com/cloudevents/sdk-go/v2"

	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/event"
	"github.com/bucketocr/bucketocr/internal/page/pagetest"
	"github.com/bucketocr/bucketocr/internal/telemetry/otlptest"
	"github.com/bucketocr/bucketocr/ocr/ocrtest"
)

// traced posts an event as a part of the trace, "" for none, and gives status and answer.
func (c *cloud) traced(ce cloudevents.Event, trace string) (int, string) {
	c.t.Helper()
	req := mustRequest(c.t, c, ce)
	if trace != "" {
		req.Header.Set("Traceparent", "00-"+trace+"-"+strings.Repeat("ef", 8)+"-01")
	}
	return c.do(req)
}

func mustRequest(t *testing.T, c *cloud, ce cloudevents.Event) *http.Request {
	t.Helper()
	req, err := cloudevents.NewHTTPRequestFromEvent(t.Context(), c.url, ce)
	if err != nil {
		t.Fatal(err)
	}
	return req
}

// lines are all log lines.
func (c *cloud) lines() []map[string]any {
	c.t.Helper()
	var all []map[string]any
	for line := range strings.Lines(c.log.String()) {
		var fields map[string]any
		if err := json.Unmarshal([]byte(line), &fields); err != nil {
			c.t.Fatal(err, line)
		}
		all = append(all, fields)
	}
	return all
}

// one gives the only element that fits.
func one[T any](t *testing.T, what string, all []T, fits func(T) bool) T {
	t.Helper()
	all = slices.DeleteFunc(slices.Clone(all), func(e T) bool { return !fits(e) })
	if len(all) != 1 {
		t.Fatalf("%d of %s", len(all), what)
	}
	return all[0]
}

// attempts are the cases of TestTelemetryAgrees: how an attempt is brought about, and what must come of it.
var attempts = []struct {
	name    string
	prepare func(c *cloud) (cloudevents.Event, document.Object)
	outcome string
	code    string
	parent  string // of the delivery's span, by name; empty: the caller's
	tries   string // of the OCR service: status and what went wrong
}{
	{"done", func(c *cloud) (cloudevents.Event, document.Object) {
		c.ocr.Default(ocrtest.Text("Confidential words"))
		return c.fresh("done.png", scan(41))
	}, "done", "", "", "200 "},
	{"three pages", func(c *cloud) (cloudevents.Event, document.Object) {
		return c.fresh("pages.tiff", threePages())
	}, "done", "", "", "200 ,200 ,200 "},
	{"asked again", func(c *cloud) (cloudevents.Event, document.Object) {
		c.ocr.Next(ocrtest.Platform(503), ocrtest.Finish("repetition", "la la"), ocrtest.Text("la"))
		return c.fresh("again.png", scan(42))
	}, "done", "", "", "503 overloaded,200 ,200 "},
	{"failed", func(c *cloud) (cloudevents.Event, document.Object) {
		return c.fresh("none.png", []byte("no picture at all, whatever its name says"))
	}, "failed", "unsupported_media", "", ""},
	{"retry", func(c *cloud) (cloudevents.Event, document.Object) {
		c.ocr.Next(ocrtest.Platform(503), ocrtest.Platform(403))
		return c.fresh("retry.png", scan(43))
	}, "retry", "ocr_misconfigured", "", "503 overloaded,403 forbidden"},
	{"duplicate", func(c *cloud) (cloudevents.Event, document.Object) {
		ce, o := c.fresh("twice.png", scan(44))
		c.traced(ce, strings.Repeat("09", 16))
		return ce, o
	}, "duplicate", "", "", ""},
	{"sweep after a crash", func(c *cloud) (cloudevents.Event, document.Object) {
		_, o := c.fresh("left.png", scan(45))
		c.leave(o)
		return event.Sweep("s", time.Now()), o
	}, "done", "", "sweep", "200 "},
}

func threePages() []byte {
	var pages []pagetest.Picture
	for n := range 3 {
		m := image.NewGray(image.Rect(0, 0, 60+n, 80))
		for i := range m.Pix {
			m.Pix[i] = uint8(i * (n + 7)) // not blank
		}
		pages = append(pages, pagetest.Gray(m, 80))
	}
	return pagetest.TIFF(binary.LittleEndian, pages...)
}

func (c *cloud) fresh(name string, data []byte) (cloudevents.Event, document.Object) {
	ev := c.put(name, data)
	return c.encode(ev), ev.Object
}

// leave makes the record of an attempt whose process died long ago.
func (c *cloud) leave(o document.Object) {
	c.t.Helper()
	_, err := document.Update(c.t.Context(), c.records, o.ID(), document.Unread(), func(*document.Record) (*document.Change, error) {
		then := time.Now().Add(-time.Hour)
		return &document.Change{Record: &document.Record{
			Bucket: o.Bucket, Name: o.Name, Generation: o.Generation, Status: document.StatusProcessing, Attempt: 1, EventID: "lost",
			WindowStart: then, Due: then, Lease: &document.Lease{ID: "dead", Expires: then},
		}}, nil
	})
	if err != nil {
		c.t.Fatal(err)
	}
}

// TestTelemetryAgrees: log line, trace and metrics of an attempt say what its document says, and no more.
func TestTelemetryAgrees(t *testing.T) {
	collector := otlptest.New(t)
	c := newCloud(t, "OTEL_EXPORTER_OTLP_ENDPOINT", collector.URL, "K_SERVICE", "scans", "K_REVISION", "scans-7",
		"OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test", "OCR_CONCURRENCY", "1")
	for n, a := range attempts {
		t.Run(a.name, func(t *testing.T) {
			ce, o := a.prepare(c)
			trace := fmt.Sprintf("%032x", n+1)
			if status, out := c.traced(ce, trace); out != a.outcome || status != map[bool]int{true: 503, false: 200}[a.outcome == "retry"] {
				t.Fatalf("%d %s\n%s", status, out, c.log)
			}
			mine := slices.DeleteFunc(collector.Spans(), func(s otlptest.Span) bool { return s.Trace != trace })
			d := one(t, "delivery spans", mine, func(s otlptest.Span) bool { return s.Name == "delivery" })
			line := one(t, "lines of the trace", c.lines(), func(l map[string]any) bool {
				return l["document"] != nil && l["logging.googleapis.com/trace"] == "projects/"+c.project+"/traces/"+trace
			})
			compare(t, c.record(o), line, d, a.outcome, a.code)
			if line["leaseExpired"] != (a.parent != "") {
				t.Errorf("leaseExpired: %v", line["leaseExpired"])
			}
			checkTree(t, mine, d, a.parent)
			checkTries(t, c, mine, a.tries)
		})
	}
	if err := c.door.Drain(t.Context()); err != nil {
		t.Error(err)
	}
	checkMetrics(t, c, collector)
	checkLogMetrics(t, c)
	for _, body := range collector.Bodies() {
		if strings.Contains(string(body), "Confidential") {
			t.Error("the collector was sent text")
		}
	}
}
