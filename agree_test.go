package bucketocr

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/telemetry"
	"github.com/bucketocr/bucketocr/internal/telemetry/otlptest"
	"github.com/bucketocr/bucketocr/internal/worker"
)

// compare holds document, line and span of one attempt against each other.
func compare(t *testing.T, r *document.Record, line map[string]any, d otlptest.Span, outcome, code string) {
	t.Helper()
	for _, f := range []struct {
		span, line string
		want       any
	}{
		{"bucketocr.outcome", "outcome", outcome}, {"bucketocr.status", "status", string(r.Status)},
		{"bucketocr.document", "document", r.Object().ID()}, {"bucketocr.generation", "generation", r.Generation},
		{"bucketocr.attempt", "attempt", int64(r.Attempt)}, {"bucketocr.pages", "pages", int64(r.Pages)},
		{"bucketocr.pages_done", "pagesDone", int64(r.PagesDone)}, {"faas.document.name", "name", r.Name},
		{"gen_ai.usage.input_tokens", "promptTokens", int64(r.Usage.PromptTokens)},
		{"gen_ai.usage.output_tokens", "completionTokens", int64(r.Usage.CompletionTokens)}, {"cloudevents.event_id", "event", r.EventID},
	} {
		if d.Attributes[f.span] != f.want {
			t.Errorf("span: %s is %v, want %v", f.span, d.Attributes[f.span], f.want)
		}
		if fmt.Sprint(plain(line[f.line])) != fmt.Sprint(f.want) {
			t.Errorf("line: %s is %v, want %v", f.line, line[f.line], f.want)
		}
	}
	stored := ""
	if r.Error != nil {
		stored = r.Error.Code
	}
	spanCode, _ := d.Attributes["error.type"].(string)
	if stored != code || line["code"] != code || spanCode != code || d.Failed != (code != "") || d.Status != code {
		t.Errorf("code %q stored, %q in the line, %q in the span (%v, %q); want %q", stored, line["code"], spanCode, d.Failed, d.Status, code)
	}
	if line["logging.googleapis.com/spanId"] != d.ID || line["logging.googleapis.com/trace_sampled"] != true {
		t.Errorf("line of span %v, want %s", line["logging.googleapis.com/spanId"], d.ID)
	}
}

// plain is a number of JSON without its fraction.
func plain(v any) any {
	if f, ok := v.(float64); ok {
		return int64(f)
	}
	return v
}

// checkTree: the spans hang together, the root on what the caller or the sweep began.
func checkTree(t *testing.T, mine []otlptest.Span, d otlptest.Span, parent string) {
	t.Helper()
	byID := map[string]otlptest.Span{}
	for _, s := range mine {
		byID[s.ID] = s
		if s.Source["service.name"] != "scans" || s.Source["faas.version"] != "scans-7" || s.Source["deployment.environment.name"] != "test" {
			t.Errorf("%s comes from %v", s.Name, s.Source)
		}
	}
	for _, s := range mine {
		up := map[string]string{"claim": "delivery", "resume": "delivery", "open": "delivery", "page": "delivery", "close": "delivery",
			"ocr try": "page", "sweep": "", "delivery": parent}[s.Name]
		if byID[s.Parent].Name != up {
			t.Errorf("%s is under %q, want %q", s.Name, byID[s.Parent].Name, up)
		}
		if up == "" && s.Parent != strings.Repeat("ef", 8) {
			t.Errorf("%s is under %s, not under the caller's span", s.Name, s.Parent)
		}
	}
	if wantKind := map[bool]string{true: "server", false: "internal"}[parent == ""]; d.Kind != wantKind {
		t.Errorf("the delivery's kind is %s", d.Kind)
	}
}

// checkTries: each request to the OCR service is a span, and carried the span of its page on.
func checkTries(t *testing.T, c *cloud, mine []otlptest.Span, want string) {
	t.Helper()
	var got []string
	carried := map[string]int{} // by the header's value: the tries of a page carry the same
	for _, s := range mine {
		if s.Name != "ocr try" {
			continue
		}
		kind, _ := s.Attributes["error.type"].(string)
		got = append(got, fmt.Sprint(s.Attributes["http.response.status_code"], " ", kind))
		carried["00-"+s.Trace+"-"+s.Parent+"-01"]++
		page := one(t, "page spans", mine, func(p otlptest.Span) bool { return p.ID == s.Parent })
		if s.Start.Before(page.Start) || !s.End.After(s.Start) || s.End.After(page.End) {
			t.Errorf("a try from %v to %v under a page from %v to %v", s.Start, s.End, page.Start, page.End)
		}
	}
	for header, tries := range carried {
		requests := 0
		for _, r := range c.ocr.Requests() {
			if r.Header.Get("Traceparent") == header {
				requests++
			}
		}
		if requests != tries {
			t.Errorf("%d requests carried %s, want %d", requests, header, tries)
		}
	}
	if strings.Join(got, ",") != want {
		t.Errorf("tries %q, want %q", got, want)
	}
}

// checkMetrics holds all metrics against all documents, lines and requests.
func checkMetrics(t *testing.T, c *cloud, collector *otlptest.Collector) {
	t.Helper()
	want := map[string]float64{}
	for _, l := range c.lines() {
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
			want["bucketocr.pages read"] += l["pages"].(float64)
		}
	}
	want["bucketocr.pages failed"] = 1 // retry's; what is no picture has none
	want["bucketocr.leases.expired"] = 1
	got, tries := map[string]float64{}, uint64(0)
	for _, p := range collector.Points() {
		checkInstrument(t, p)
		if p.Name == "http.client.request.duration" {
			tries += p.Count
		}
		for _, by := range []string{"bucketocr.outcome", "error.type", "bucketocr.page.result", "gen_ai.token.type", "bucketocr.none"} {
			name := strings.TrimSpace(fmt.Sprint(p.Name, " ", either(p.Attributes[by], "")))
			if _, ok := want[name]; ok {
				got[name] += p.Value
			}
		}
	}
	delete(got, "bucketocr.leases.expired") // met once for each attribute that it has not
	got["bucketocr.leases.expired"] = one(t, "expired leases", collector.Points(), func(p otlptest.Point) bool { return p.Name == "bucketocr.leases.expired" }).Value
	for name, n := range want {
		if got[name] != n {
			t.Errorf("%s is %v, want %v", name, got[name], n)
		}
	}
	if n := c.ocr.Counts().Requests; tries != uint64(n) {
		t.Errorf("%d tries measured, %d requests arrived", tries, n)
	}
}

func either(v, other any) any {
	if v == nil {
		return other
	}
	return v
}

// checkInstrument: a point is of an instrument of the table, with its unit and none but its attributes.
func checkInstrument(t *testing.T, p otlptest.Point) {
	t.Helper()
	i := one(t, "instruments "+p.Name, instruments(), func(i worker.Instrument) bool { return i.Name == p.Name })
	if p.Unit != i.Unit {
		t.Errorf("%s in %s, want %s", p.Name, p.Unit, i.Unit)
	}
	for name := range p.Attributes {
		if !slices.Contains(i.Attributes, name) {
			t.Errorf("%s has the attribute %s", p.Name, name)
		}
	}
}

// instruments returns all that the function measures.
func instruments() []worker.Instrument {
	return append(worker.Instruments(), worker.Instrument{Name: telemetry.InvokeDuration, Kind: "histogram", Unit: "s",
		Meaning: telemetry.InvokeMeaning, Attributes: []string{"faas.trigger", "http.response.status_code"}})
}
