package bucketocr

import (
	"strings"
	"testing"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/event"
	"github.com/bucketocr/bucketocr/internal/telemetry/otlptest"
	"github.com/bucketocr/bucketocr/ocr/ocrtest"
)

// TestDeadCollector: a collector that is not there, refuses or hangs changes nothing about any delivery, is asked no more
// for a while, and is told of once. The test itself would hang if a delivery or the end waited for it: OpenTelemetry's own
// time-outs are of no help here.
func TestDeadCollector(t *testing.T) {
	for _, name := range []string{"OTEL_EXPORTER_OTLP_TIMEOUT", "OTEL_BSP_EXPORT_TIMEOUT", "OTEL_METRIC_EXPORT_TIMEOUT"} {
		t.Setenv(name, "3600000")
	}
	for name, tt := range map[string]struct {
		prepare  func(c *otlptest.Collector) string
		requests int // that arrive, at most
	}{
		"not there": {func(*otlptest.Collector) string { return "http://127.0.0.1:1" }, 0},
		"refuses":   {func(c *otlptest.Collector) string { c.Answer(403); return c.URL }, 2},
		"hangs":     {func(c *otlptest.Collector) string { c.Hang(); return c.URL }, 2},
	} {
		t.Run(name, func(t *testing.T) {
			collector := otlptest.New(t)
			c := newCloud(t, "OTEL_EXPORTER_OTLP_ENDPOINT", tt.prepare(collector), "K_SERVICE", "scans")
			for n, image := range []string{"a.png", "b.png", "c.png"} {
				ce, o := c.fresh(image, scan(50+n))
				if status, out := c.traced(ce, ""); status != 200 || out != "done" {
					t.Errorf("%d %s", status, out)
				}
				if r := c.record(o); r.Status != document.StatusDone || r.Attempt != 1 {
					t.Errorf("%+v", r)
				}
			}
			if n := collector.Requests(); n > tt.requests {
				t.Errorf("%d requests to a dead collector", n)
			}
			if err := c.door.Drain(t.Context()); err != nil {
				t.Error(err)
			}
			if n := strings.Count(c.log.String(), "the collector takes no traces"); n != 1 {
				t.Errorf("told of %d times:\n%s", n, c.log)
			}
		})
	}
}

// TestNothingIsSentUnasked: without OpenTelemetry's variables no request bears a trace, whatever the caller's does, and
// with a common address and everything turned off the collector hears nothing.
func TestNothingIsSentUnasked(t *testing.T) {
	collector := otlptest.New(t)
	for name, settings := range map[string][]string{
		"nothing set": nil,
		"disabled":    {"OTEL_EXPORTER_OTLP_ENDPOINT", collector.URL, "OTEL_SDK_DISABLED", "true"},
		"none":        {"OTEL_EXPORTER_OTLP_ENDPOINT", collector.URL, "OTEL_TRACES_EXPORTER", "none", "OTEL_METRICS_EXPORTER", "none"},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCloud(t, settings...)
			ce, _ := c.fresh("a.png", scan(50))
			if status, out := c.traced(ce, strings.Repeat("ab", 16)); status != 200 || out != "done" {
				t.Errorf("%d %s", status, out)
			}
			if h := c.ocr.Last().Header; h.Get("Traceparent") != "" {
				t.Errorf("the OCR service was sent %v", h)
			}
			if !strings.Contains(c.log.String(), "/traces/"+strings.Repeat("ab", 16)) {
				t.Errorf("the log line has no trace: %s", c.log)
			}
			if c.door.telemetry != nil || collector.Requests() != 0 {
				t.Errorf("%d requests to the collector", collector.Requests())
			}
		})
	}
}

// TestTracesAlone: each signal has its own switch, and a caller that does not sample is obeyed.
func TestTracesAlone(t *testing.T) {
	collector := otlptest.New(t)
	c := newCloud(t, "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", collector.URL+"/v1/traces", "K_SERVICE", "scans")
	c.ocr.Default(ocrtest.Text("x"))
	ce, _ := c.fresh("a.png", scan(50))
	req := mustRequest(t, c, ce)
	req.Header.Set("Traceparent", "00-"+strings.Repeat("ab", 16)+"-"+strings.Repeat("cd", 8)+"-00")
	c.do(req)
	if n := len(collector.Spans()); n != 0 {
		t.Errorf("%d spans of an unsampled trace", n)
	}
	ce, _ = c.fresh("b.png", scan(51))
	c.traced(ce, "")
	if len(collector.Spans()) == 0 || len(collector.Points()) != 0 {
		t.Errorf("%d spans, %d points", len(collector.Spans()), len(collector.Points()))
	}
}

// TestSweepLine: a sweep's line, span and gauges say how many it took, and what is due still.
func TestSweepLine(t *testing.T) {
	collector := otlptest.New(t)
	c := newCloud(t, "OTEL_EXPORTER_OTLP_ENDPOINT", collector.URL, "K_SERVICE", "scans", "RETRY_WINDOW", "30m")
	_, o := c.fresh("left.png", scan(45))
	c.leave(o) // its window is over for half an hour: the interruption found now is its last
	if status, out := c.traced(event.Sweep("s", time.Now()), ""); status != 200 || out != "done" {
		t.Fatalf("%d %s\n%s", status, out, c.log)
	}
	line := one(t, "sweep lines", c.lines(), func(l map[string]any) bool { return l["message"] == "sweep done" })
	outcomes, _ := line["outcomes"].(map[string]any)
	if line["taken"] != 1.0 || outcomes["failed"] != 1.0 || outcomes["done"] != 0.0 || line["due"] != 0.0 || line["pastWindow"] != 0.0 ||
		line["overdueSeconds"] != 0.0 || line["code"] != "" || line["severity"] != "INFO" {
		t.Errorf("%v", line)
	}
	span := one(t, "sweep spans", collector.Spans(), func(s otlptest.Span) bool { return s.Name == "sweep" })
	if span.Attributes["bucketocr.sweep.taken"] != int64(1) || line["logging.googleapis.com/spanId"] != span.ID || span.Kind != "server" {
		t.Errorf("%+v", span)
	}
	for _, name := range []string{"bucketocr.sweep.due", "bucketocr.sweep.overdue", "bucketocr.sweep.past_window"} {
		if p := one(t, name, collector.Points(), func(p otlptest.Point) bool { return p.Name == name }); p.Value != 0 {
			t.Errorf("%+v", p)
		}
	}
}
