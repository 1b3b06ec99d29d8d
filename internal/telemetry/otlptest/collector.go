// Package otlptest is a stand-in for an OpenTelemetry collector: it receives OTLP over HTTP in protobuf and keeps it
// for tests to check.
package otlptest

import (
	"compress/gzip"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	collectormetrics "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	collectortraces "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	metrics "go.opentelemetry.io/proto/otlp/metrics/v1"
	traces "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// Collector receives traces and metrics. It is safe for concurrent use.
type Collector struct {
	URL string // for OTEL_EXPORTER_OTLP_ENDPOINT

	mu       sync.Mutex
	spans    []Span
	points   map[string]Point
	requests int
	status   int
	hung     chan struct{} // closed to release hanging requests; nil: none hang
	bodies   [][]byte
}

// New starts a collector that stops with the test.
func New(tb testing.TB) *Collector {
	c := &Collector{points: map[string]Point{}}
	s := httptest.NewServer(http.HandlerFunc(c.serve))
	c.URL = s.URL
	tb.Cleanup(func() { c.Answer(200); s.CloseClientConnections(); s.Close() })
	return c
}

// Hang makes requests hang until Answer is called.
func (c *Collector) Hang() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.hung == nil {
		c.hung = make(chan struct{})
	}
}

// Answer answers requests with this status, including hanging ones.
func (c *Collector) Answer(status int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.status = status
	if c.hung != nil {
		close(c.hung)
		c.hung = nil
	}
}

// Requests returns how many requests arrived, answered or not.
func (c *Collector) Requests() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.requests
}

// Spans returns all spans that arrived, within a batch in the order of their end.
func (c *Collector) Spans() []Span {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.spans)
}

// Points returns the newest point of each series.
func (c *Collector) Points() []Point {
	c.mu.Lock()
	defer c.mu.Unlock()
	var all []Point
	for _, p := range c.points {
		all = append(all, p)
	}
	return all
}

// Bodies returns all request bodies, decompressed.
func (c *Collector) Bodies() [][]byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.bodies)
}

func (c *Collector) serve(w http.ResponseWriter, r *http.Request) {
	body, err := read(r)
	c.mu.Lock()
	c.requests++
	hung, status := c.hung, c.status
	c.mu.Unlock()
	if hung != nil {
		select {
		case <-hung:
		case <-r.Context().Done():
		}
		return
	}
	if err == nil && (status == 0 || status == http.StatusOK) {
		err = c.take(r.URL.Path, body)
	}
	switch {
	case err != nil:
		http.Error(w, err.Error(), http.StatusBadRequest)
	case status != 0:
		w.WriteHeader(status)
	}
}

func read(r *http.Request) ([]byte, error) {
	if r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/x-protobuf" {
		return nil, fmt.Errorf("%s of %s", r.Method, r.Header.Get("Content-Type"))
	}
	var body io.Reader = r.Body
	if r.Header.Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(r.Body)
		if err != nil {
			return nil, err
		}
		body = z
	}
	return io.ReadAll(body)
}

// take keeps the contents of a request.
func (c *Collector) take(path string, body []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.bodies = append(c.bodies, body)
	switch path {
	case "/v1/traces":
		var m collectortraces.ExportTraceServiceRequest
		if err := proto.Unmarshal(body, &m); err != nil {
			return err
		}
		c.takeSpans(m.ResourceSpans)
	case "/v1/metrics":
		var m collectormetrics.ExportMetricsServiceRequest
		if err := proto.Unmarshal(body, &m); err != nil {
			return err
		}
		c.takeMetrics(m.ResourceMetrics)
	default:
		return fmt.Errorf("no handler for %s", path)
	}
	return nil
}

// values returns attributes by name: string, bool, int64, float64 or []any.
func values(attributes []*common.KeyValue) map[string]any {
	all := map[string]any{}
	for _, a := range attributes {
		all[a.Key] = value(a.Value)
	}
	return all
}

func value(v *common.AnyValue) any {
	switch v := v.GetValue().(type) {
	case *common.AnyValue_StringValue:
		return v.StringValue
	case *common.AnyValue_BoolValue:
		return v.BoolValue
	case *common.AnyValue_IntValue:
		return v.IntValue
	case *common.AnyValue_DoubleValue:
		return v.DoubleValue
	case *common.AnyValue_ArrayValue:
		var all []any
		for _, e := range v.ArrayValue.Values {
			all = append(all, value(e))
		}
		return all
	}
	return nil
}

// Span is a span that arrived. Ids are in hex; the parent of a root is empty.
type Span struct {
	Name, Trace, ID, Parent string
	Kind                    string // server, client, internal
	Start, End              time.Time
	Failed                  bool
	Status                  string // its message
	Attributes, Source      map[string]any
}

// Point is the newest measurement of a series.
type Point struct {
	Name, Unit         string
	Attributes, Source map[string]any
	Value              float64  // of a counter or gauge; the sum of a histogram
	Count              uint64   // of a histogram
	Traces             []string // of its exemplars
}

var kinds = map[traces.Span_SpanKind]string{
	traces.Span_SPAN_KIND_SERVER: "server", traces.Span_SPAN_KIND_CLIENT: "client",
	traces.Span_SPAN_KIND_INTERNAL: "internal",
}

func (c *Collector) takeSpans(all []*traces.ResourceSpans) {
	for _, r := range all {
		for _, s := range r.ScopeSpans {
			for _, span := range s.Spans {
				c.spans = append(c.spans, Span{
					Name: span.Name, Trace: hex.EncodeToString(span.TraceId), ID: hex.EncodeToString(span.SpanId),
					Parent: hex.EncodeToString(span.ParentSpanId), Kind: kinds[span.Kind],
					Start: time.Unix(0, int64(span.StartTimeUnixNano)), End: time.Unix(0, int64(span.EndTimeUnixNano)),
					Failed: span.Status.GetCode() == traces.Status_STATUS_CODE_ERROR, Status: span.Status.GetMessage(),
					Attributes: values(span.Attributes), Source: values(r.Resource.GetAttributes()),
				})
			}
		}
	}
}

func (c *Collector) takeMetrics(all []*metrics.ResourceMetrics) {
	for _, r := range all {
		source := values(r.Resource.GetAttributes())
		for _, s := range r.ScopeMetrics {
			for _, m := range s.Metrics {
				for _, p := range points(m) {
					p.Name, p.Unit, p.Source = m.Name, m.Unit, source
					c.points[fmt.Sprint(p.Name, p.Attributes, source["service.instance.id"])] = p
				}
			}
		}
	}
}

// points returns the points of one metric.
func points(m *metrics.Metric) (all []Point) {
	numbers := m.GetSum().GetDataPoints()
	if numbers == nil {
		numbers = m.GetGauge().GetDataPoints()
	}
	for _, n := range numbers {
		all = append(all, Point{Attributes: values(n.Attributes), Value: float64(n.GetAsInt()) + n.GetAsDouble(),
			Traces: exemplars(n.Exemplars)})
	}
	for _, h := range m.GetHistogram().GetDataPoints() {
		all = append(all, Point{Attributes: values(h.Attributes), Value: h.GetSum(), Count: h.Count,
			Traces: exemplars(h.Exemplars)})
	}
	return all
}

func exemplars(all []*metrics.Exemplar) (ids []string) {
	for _, e := range all {
		ids = append(ids, hex.EncodeToString(e.TraceId))
	}
	return ids
}
