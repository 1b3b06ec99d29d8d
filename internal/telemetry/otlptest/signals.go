package otlptest

import (
	"encoding/hex"
	"fmt"
	"time"

	metrics "go.opentelemetry.io/proto/otlp/metrics/v1"
	traces "go.opentelemetry.io/proto/otlp/trace/v1"
)

// Span is one that arrived. Ids are in hex; the parent of a root is empty.
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
	traces.Span_SPAN_KIND_SERVER: "server", traces.Span_SPAN_KIND_CLIENT: "client", traces.Span_SPAN_KIND_INTERNAL: "internal",
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

// points are those of one metric.
func points(m *metrics.Metric) (all []Point) {
	numbers := m.GetSum().GetDataPoints()
	if numbers == nil {
		numbers = m.GetGauge().GetDataPoints()
	}
	for _, n := range numbers {
		all = append(all, Point{Attributes: values(n.Attributes), Value: float64(n.GetAsInt()) + n.GetAsDouble(), Traces: exemplars(n.Exemplars)})
	}
	for _, h := range m.GetHistogram().GetDataPoints() {
		all = append(all, Point{Attributes: values(h.Attributes), Value: h.GetSum(), Count: h.Count, Traces: exemplars(h.Exemplars)})
	}
	return all
}

func exemplars(all []*metrics.Exemplar) (ids []string) {
	for _, e := range all {
		ids = append(ids, hex.EncodeToString(e.TraceId))
	}
	return ids
}
