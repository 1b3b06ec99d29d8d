package app_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	cloudevents "github.com/cloudevents/sdk-go/v2"

	"github.com/bucketocr/bucketocr/internal/app/apptest"
	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/event"
	"github.com/bucketocr/bucketocr/internal/telemetry"
	"github.com/bucketocr/bucketocr/internal/telemetry/otlptest"
	"github.com/bucketocr/bucketocr/internal/worker"
	"github.com/bucketocr/bucketocr/ocr/ocrtest"
)

// callerSpan is the span id sent by a traced caller.
var callerSpan = strings.Repeat("ef", 8)

// postTraced sends an event as a part of the trace, which the caller samples; "" is not a trace.
func postTraced(t *testing.T, f *apptest.Function, ce cloudevents.Event, trace string) (status int, outcome string) {
	t.Helper()
	r := apptest.Request(t, t.Context(), f.URL, ce)
	if trace != "" {
		r.Header.Set("Traceparent", "00-"+trace+"-"+callerSpan+"-01")
	}
	return apptest.Do(r)
}

// only returns the one element that matches.
func only[T any](t *testing.T, what string, all []T, matches func(T) bool) T {
	t.Helper()
	all = slices.DeleteFunc(slices.Clone(all), func(e T) bool { return !matches(e) })
	if len(all) != 1 {
		t.Fatalf("%s: found %d, want 1", what, len(all))
	}
	return all[0]
}

// delivery is a case of TestTelemetryAgrees: how to cause a delivery, and its expected result.
type delivery struct {
	name    string
	prepare func(t *testing.T, c *apptest.Cloud, f *apptest.Function) (cloudevents.Event, document.Object)
	status  int // of the answer
	outcome string
	code    string
	parent  string // name of the span that the delivery's is under; "" is the caller's
	tries   []string
}

// put stores an object and returns its event.
func put(c *apptest.Cloud, name string, data []byte) (cloudevents.Event, document.Object) {
	ev := c.Put(name, data)
	return c.Encode(ev), ev.Object
}

// deliveries share a cloud and happen in this order.
var deliveries = []delivery{
	{
		name: "done",
		prepare: func(_ *testing.T, c *apptest.Cloud, _ *apptest.Function) (cloudevents.Event, document.Object) {
			c.OCR.Default(ocrtest.Text("Confidential words"))
			return put(c, "done.png", apptest.PNG(41))
		},
		status: 200, outcome: "done", tries: []string{"200 "},
	},
	{
		name: "three pages",
		prepare: func(_ *testing.T, c *apptest.Cloud, _ *apptest.Function) (cloudevents.Event, document.Object) {
			return put(c, "pages.tiff", apptest.TIFF(3))
		},
		status: 200, outcome: "done", tries: []string{"200 ", "200 ", "200 "},
	},
	{
		name: "copied",
		prepare: func(_ *testing.T, c *apptest.Cloud, _ *apptest.Function) (cloudevents.Event, document.Object) {
			return put(c, "copy of pages.tiff", apptest.TIFF(3))
		},
		status: 200, outcome: "done",
	},
	{
		name: "asked again",
		prepare: func(_ *testing.T, c *apptest.Cloud, _ *apptest.Function) (cloudevents.Event, document.Object) {
			c.OCR.Next(ocrtest.Platform(429), ocrtest.Finish("repetition", "la la"), ocrtest.Text("la"))
			return put(c, "again.png", apptest.PNG(42))
		},
		status: 200, outcome: "done", tries: []string{"429 overloaded", "200 ", "200 "},
	},
	{
		name: "failed",
		prepare: func(_ *testing.T, c *apptest.Cloud, _ *apptest.Function) (cloudevents.Event, document.Object) {
			return put(c, "none.png", []byte("no picture at all, whatever its name says"))
		},
		status: 200, outcome: "failed", code: "unsupported_media",
	},
	{
		name: "retry",
		prepare: func(_ *testing.T, c *apptest.Cloud, _ *apptest.Function) (cloudevents.Event, document.Object) {
			c.OCR.Next(ocrtest.Platform(429), ocrtest.StringError(403, "the key "+c.Settings["OCR_API_KEY"]+" may not"))
			return put(c, "retry.png", apptest.PNG(43))
		},
		status: 503, outcome: "retry", code: "ocr_misconfigured", tries: []string{"429 overloaded", "403 forbidden"},
	},
	{
		name: "duplicate",
		prepare: func(t *testing.T, c *apptest.Cloud, f *apptest.Function) (cloudevents.Event, document.Object) {
			ce, o := put(c, "twice.png", apptest.PNG(44))
			postTraced(t, f, ce, strings.Repeat("09", 16))
			return ce, o
		},
		status: 200, outcome: "duplicate",
	},
	{
		name: "sweep after a crash",
		prepare: func(_ *testing.T, c *apptest.Cloud, _ *apptest.Function) (cloudevents.Event, document.Object) {
			_, o := put(c, "left.png", apptest.PNG(45))
			c.Abandon(o)
			return event.Sweep("s", time.Now()), o
		},
		status: 200, outcome: "done", parent: "sweep", tries: []string{"200 "},
	},
}

// TestTelemetryAgrees: log line, trace and metrics of a delivery agree with its document, and none of them contains the
// text, the image or the key of the OCR service, even if the service repeats the key in an error.
func TestTelemetryAgrees(t *testing.T) {
	t.Parallel()
	collector := otlptest.New(t)
	c := apptest.New(t, apptest.Options{Settings: map[string]string{
		"OTEL_EXPORTER_OTLP_ENDPOINT": collector.URL, "K_SERVICE": "scans", "K_REVISION": "scans-7",
		"OCR_CONCURRENCY": "1", "REUSE": "same-bytes", "OCR_API_KEY": "key-of-the-service",
	}})
	f := c.Serve()
	for n, d := range deliveries {
		t.Run(d.name, func(t *testing.T) {
			ce, o := d.prepare(t, c, f)
			trace := fmt.Sprintf("%032x", n+1)
			status, outcome := postTraced(t, f, ce, trace)
			equal(t, "HTTP status", status, d.status)
			equal(t, "answer", outcome, d.outcome)
			spans := slices.DeleteFunc(collector.Spans(), func(s otlptest.Span) bool { return s.Trace != trace })
			span := only(t, "delivery spans", spans, func(s otlptest.Span) bool { return s.Name == "delivery" })
			line := only(t, "log lines of the trace", f.Log.Lines(t), func(l map[string]any) bool {
				return l["document"] != nil && l["logging.googleapis.com/trace"] == "projects/"+c.Project+"/traces/"+
					trace
			})
			checkDelivery(t, d, c.Record(o), line, span)
			checkTree(t, d, spans)
			checkTries(t, d, spans, c.OCR.Requests())
		})
	}
	if err := f.Handler.Drain(t.Context()); err != nil {
		t.Error(err)
	}
	checkMetrics(t, c, f, collector)
	checkSecrets(t, c, append(collector.Bodies(), []byte(f.Log.String())))
}

// checkSecrets checks that nothing of what is sensitive is in what was logged or sent to the collector.
func checkSecrets(t *testing.T, c *apptest.Cloud, left [][]byte) {
	t.Helper()
	secrets := []string{"Confidential", c.Settings["OCR_API_KEY"]}
	for _, r := range c.OCR.Requests() {
		equal(t, "the key that was sent", r.Header.Get("Authorization"), "Bearer "+c.Settings["OCR_API_KEY"])
		secrets = append(secrets, r.URL[30:80]) // of the image, in Base64
	}
	for _, output := range left {
		for _, secret := range secrets {
			if strings.Contains(string(output), secret) {
				t.Errorf("%q was logged or sent to the collector", secret)
			}
		}
	}
}

// checkDelivery compares a delivery's record, log line and span.
func checkDelivery(t *testing.T, d delivery, r *document.Record, line map[string]any, span otlptest.Span) {
	t.Helper()
	for _, f := range []struct {
		span, line string
		want       any
	}{
		{"bucketocr.outcome", "outcome", d.outcome},
		{"bucketocr.status", "status", string(r.Status)},
		{"bucketocr.document", "document", r.Object().ID()},
		{"bucketocr.generation", "generation", r.Generation},
		{"bucketocr.attempt", "attempt", int64(r.Attempt)},
		{"bucketocr.pages", "pages", int64(r.Pages)},
		{"bucketocr.pages_done", "pagesDone", int64(r.PagesDone)},
		{"faas.document.name", "name", r.Name},
		{"gen_ai.usage.input_tokens", "promptTokens", int64(r.Usage.PromptTokens)},
		{"gen_ai.usage.output_tokens", "completionTokens", int64(r.Usage.CompletionTokens)},
		{"cloudevents.event_id", "event", r.EventID},
		{"bucketocr.copied_from", "copiedFrom", r.CopiedFrom},
	} {
		equal(t, "span: "+f.span, span.Attributes[f.span], f.want)
		equal(t, "log line: "+f.line, fmt.Sprint(whole(line[f.line])), fmt.Sprint(f.want))
	}
	stored := ""
	if r.Error != nil {
		stored = r.Error.Code
	}
	inSpan, _ := span.Attributes["error.type"].(string)
	equal(t, "code in the record", stored, d.code)
	equal(t, "code in the log line", line["code"], any(d.code))
	equal(t, "code in the span", inSpan, d.code)
	equal(t, "span failed", span.Failed, d.code != "")
	equal(t, "status text of the span", span.Status, d.code)
	equal(t, "span of the log line", line["logging.googleapis.com/spanId"], any(span.ID))
	equal(t, "log line is sampled", line["logging.googleapis.com/trace_sampled"], any(true))
	equal(t, "lease expired", line["leaseExpired"], any(d.parent != ""))
}

// whole returns a JSON number as an integer, and anything else unchanged.
func whole(v any) any {
	if f, ok := v.(float64); ok {
		return int64(f)
	}
	return v
}

// checkTree checks that the spans of a trace hang together, with the root under the caller's span, and name their
// source.
func checkTree(t *testing.T, d delivery, spans []otlptest.Span) {
	t.Helper()
	parents := map[string]string{
		"claim": "delivery", "reuse": "delivery", "resume": "delivery", "open": "delivery", "page": "delivery",
		"close":   "delivery",
		"ocr try": "page", "sweep": "", "delivery": d.parent,
	}
	kind := "server"
	if d.parent != "" {
		kind = "internal"
	}
	byID := map[string]otlptest.Span{}
	for _, s := range spans {
		byID[s.ID] = s
	}
	for _, s := range spans {
		equal(t, s.Name+": parent", byID[s.Parent].Name, parents[s.Name])
		if parents[s.Name] == "" {
			equal(t, s.Name+": id of the parent", s.Parent, callerSpan)
		}
		if s.Name == "delivery" {
			equal(t, "kind of the delivery", s.Kind, kind)
		}
		equal(t, s.Name+": service.name", s.Source["service.name"], "scans")
		equal(t, s.Name+": faas.version", s.Source["faas.version"], "scans-7")
	}
}

// checkTries checks that each request to the OCR service is a span, no longer than its page, whose span it carried.
func checkTries(t *testing.T, d delivery, spans []otlptest.Span, requests []*ocrtest.Request) {
	t.Helper()
	var tries []string
	carried := map[string]int{} // by the header's value: the tries of a page carry the same
	for _, s := range spans {
		if s.Name != "ocr try" {
			continue
		}
		kind, _ := s.Attributes["error.type"].(string)
		tries = append(tries, fmt.Sprint(s.Attributes["http.response.status_code"], " ", kind))
		carried["00-"+s.Trace+"-"+s.Parent+"-01"]++
		page := only(t, "page spans", spans, func(p otlptest.Span) bool { return p.ID == s.Parent })
		// Durations are of a clock that nothing sets, the moments are not.
		if took := s.End.Sub(s.Start); took <= 0 || took > page.End.Sub(page.Start) {
			t.Errorf("a try of %v under a page of %v", took, page.End.Sub(page.Start))
		}
	}
	for header, want := range carried {
		sent := 0
		for _, r := range requests {
			if r.Header.Get("Traceparent") == header {
				sent++
			}
		}
		equal(t, "requests with "+header, sent, want)
	}
	if !slices.Equal(tries, d.tries) {
		t.Errorf("tries: got %q, want %q", tries, d.tries)
	}
}

// checkMetrics compares all metrics with all log lines and requests.
func checkMetrics(t *testing.T, c *apptest.Cloud, f *apptest.Function, collector *otlptest.Collector) {
	t.Helper()
	want := map[string]float64{}
	for _, l := range f.Log.Lines(t) {
		if l["document"] == nil {
			continue
		}
		want["bucketocr.deliveries "+l["outcome"].(string)]++
		if code := l["code"].(string); code != "" {
			want["bucketocr.faults "+code]++
		}
		if l["outcome"] == "done" {
			want["gen_ai.client.token.usage input"] += l["promptTokens"].(float64)
			want["gen_ai.client.token.usage output"] += l["completionTokens"].(float64)
			result := "bucketocr.pages read"
			if l["copiedFrom"] != "" {
				result = "bucketocr.pages copied"
			}
			want[result] += l["pages"].(float64)
		}
	}
	want["bucketocr.pages failed"] = 1 // retry's; what is not a picture has none
	want["bucketocr.leases.expired"] = 1

	got, tries := map[string]float64{}, uint64(0)
	for _, p := range collector.Points() {
		checkInstrument(t, p)
		switch p.Name {
		case "http.client.request.duration":
			tries += p.Count
		case "bucketocr.leases.expired":
			got[p.Name] += p.Value
		}
		for _, by := range []string{"bucketocr.outcome", "error.type", "bucketocr.page.result", "gen_ai.token.type"} {
			if value := p.Attributes[by]; value != nil {
				got[fmt.Sprint(p.Name, " ", value)] += p.Value
			}
		}
	}
	for name, n := range want {
		equal(t, "metric "+name, got[name], n)
	}
	equal(t, "tries measured", tries, uint64(c.OCR.Counts().Requests))
}

// checkInstrument checks that a point is of an instrument in the table, with its unit and no other attributes.
func checkInstrument(t *testing.T, p otlptest.Point) {
	t.Helper()
	i := only(t, "instruments "+p.Name, instruments(), func(i worker.Instrument) bool { return i.Name == p.Name })
	equal(t, "unit of "+p.Name, p.Unit, i.Unit)
	for name := range p.Attributes {
		if !slices.Contains(i.Attributes, name) {
			t.Errorf("%s has the attribute %s", p.Name, name)
		}
	}
}

// TestDeadCollector: a collector that is absent, refuses or hangs changes no delivery, is asked no more for a while,
// and is logged once. The test would hang if a delivery or the end waited for it: OpenTelemetry's own time-outs are of
// no help here.
func TestDeadCollector(t *testing.T) {
	for _, name := range []string{"OTEL_EXPORTER_OTLP_TIMEOUT", "OTEL_BSP_EXPORT_TIMEOUT",
		"OTEL_METRIC_EXPORT_TIMEOUT"} {
		t.Setenv(name, "3600000")
	}
	for name, test := range map[string]struct {
		address  func(c *otlptest.Collector) string
		requests int // that arrive, at most
	}{
		"absent":  {func(*otlptest.Collector) string { return "http://127.0.0.1:1" }, 0},
		"refuses": {func(c *otlptest.Collector) string { c.Answer(403); return c.URL }, 2},
		"hangs":   {func(c *otlptest.Collector) string { c.Hang(); return c.URL }, 2},
	} {
		t.Run(name, func(t *testing.T) {
			collector := otlptest.New(t)
			c := apptest.New(t, apptest.Options{Settings: map[string]string{
				"OTEL_EXPORTER_OTLP_ENDPOINT": test.address(collector), "K_SERVICE": "scans",
			}})
			f := c.Serve()
			for n, name := range []string{"a.png", "b.png", "c.png"} {
				ce, o := put(c, name, apptest.PNG(50+n))
				answers(t, f, ce, 200, "done")
				r := c.Record(o)
				equal(t, "status", r.Status, document.StatusDone)
				equal(t, "attempt", r.Attempt, 1)
			}
			if n := collector.Requests(); n > test.requests {
				t.Errorf("%d requests to a dead collector, want at most %d", n, test.requests)
			}
			if err := f.Handler.Drain(t.Context()); err != nil {
				t.Error(err)
			}
			equal(t, "log lines about it", strings.Count(f.Log.String(), "OTLP export failed: dropping traces"), 1)
		})
	}
}

// TestNothingIsSentUnasked: without OpenTelemetry's variables no request carries a trace, even if the caller's does,
// and a collector whose signals are all turned off receives nothing.
func TestNothingIsSentUnasked(t *testing.T) {
	t.Parallel()
	collector := otlptest.New(t)
	for name, settings := range map[string]map[string]string{
		"nothing set": nil,
		"disabled":    {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.URL, "OTEL_SDK_DISABLED": "true"},
		"none": {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.URL,
			"OTEL_TRACES_EXPORTER": "none", "OTEL_METRICS_EXPORTER": "none"},
	} {
		t.Run(name, func(t *testing.T) {
			c := apptest.New(t, apptest.Options{Settings: settings})
			f := c.Serve()
			ce, _ := put(c, "a.png", apptest.PNG(50))
			trace := strings.Repeat("ab", 16)
			status, _ := postTraced(t, f, ce, trace)
			equal(t, "HTTP status", status, 200)
			equal(t, "trace sent to the OCR service", c.OCR.Last().Header.Get("Traceparent"), "")
			equal(t, "trace of the log line", f.Log.Lines(t)[0]["logging.googleapis.com/trace"],
				any("projects/"+c.Project+"/traces/"+trace))
			if err := f.Handler.Drain(t.Context()); err != nil {
				t.Error(err)
			}
			equal(t, "requests to the collector", collector.Requests(), 0)
		})
	}
}

// TestTracesAlone: each signal has its own switch, and the caller's sampling decision is respected.
func TestTracesAlone(t *testing.T) {
	t.Parallel()
	collector := otlptest.New(t)
	c := apptest.New(t, apptest.Options{Settings: map[string]string{
		"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": collector.URL + "/v1/traces", "K_SERVICE": "scans",
	}})
	f := c.Serve()
	ce, _ := put(c, "a.png", apptest.PNG(50))
	unsampled := apptest.Request(t, t.Context(), f.URL, ce)
	unsampled.Header.Set("Traceparent", "00-"+strings.Repeat("ab", 16)+"-"+callerSpan+"-00")
	apptest.Do(unsampled)
	equal(t, "spans of an unsampled trace", len(collector.Spans()), 0)

	ce, _ = put(c, "b.png", apptest.PNG(51))
	postTraced(t, f, ce, "")
	if len(collector.Spans()) == 0 {
		t.Error("no spans of a delivery without a trace")
	}
	equal(t, "points", len(collector.Points()), 0)
}

// TestSweepReportsWhatItTook: a sweep's log line, span and gauges say how many records it took, and what is still due.
func TestSweepReportsWhatItTook(t *testing.T) {
	t.Parallel()
	collector := otlptest.New(t)
	c := apptest.New(t, apptest.Options{Settings: map[string]string{
		"OTEL_EXPORTER_OTLP_ENDPOINT": collector.URL, "K_SERVICE": "scans", "RETRY_WINDOW": "30m",
	}})
	f := c.Serve()
	_, o := put(c, "left.png", apptest.PNG(45))
	c.Abandon(o) // its window ended half an hour ago: the fault found now is its last
	c.OCR.Next(ocrtest.Platform(403))
	answers(t, f, event.Sweep("s", time.Now()), 200, "done")

	line := only(t, "sweep lines", f.Log.Lines(t), func(l map[string]any) bool { return l["message"] == "sweep done" })
	for name, want := range map[string]any{
		"taken": 1.0, "due": 0.0, "pastWindow": 0.0, "overdueSeconds": 0.0, "code": "", "severity": "INFO",
	} {
		equal(t, "log line: "+name, line[name], want)
	}
	outcomes, _ := line["outcomes"].(map[string]any)
	equal(t, "outcomes: failed", outcomes["failed"], any(1.0))
	equal(t, "outcomes: done", outcomes["done"], any(0.0))

	span := only(t, "sweep spans", collector.Spans(), func(s otlptest.Span) bool { return s.Name == "sweep" })
	equal(t, "span: taken", span.Attributes["bucketocr.sweep.taken"], any(int64(1)))
	equal(t, "span of the log line", line["logging.googleapis.com/spanId"], any(span.ID))
	equal(t, "kind of the span", span.Kind, "server")
	for _, name := range []string{"bucketocr.sweep.due", "bucketocr.sweep.overdue", "bucketocr.sweep.past_window"} {
		p := only(t, name, collector.Points(), func(p otlptest.Point) bool { return p.Name == name })
		equal(t, name, p.Value, 0)
	}
}

// instruments returns all metrics of the function.
func instruments() []worker.Instrument {
	return append(worker.Instruments(), worker.Instrument{Name: telemetry.InvokeDuration, Kind: "histogram", Unit: "s",
		Meaning: telemetry.InvokeMeaning, Attributes: []string{"faas.trigger", "http.response.status_code"}})
}
