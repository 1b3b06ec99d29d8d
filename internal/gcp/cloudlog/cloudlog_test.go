package cloudlog

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
)

// logged returns the log line for a request with these headers.
func logged(t *testing.T, execution string, headers map[string]string) map[string]any {
	t.Helper()
	var out bytes.Buffer
	r := httptest.NewRequest("POST", "/", nil)
	for name, value := range headers {
		r.Header.Set(name, value)
	}
	log := New(&out, slog.LevelInfo, "p").With("a", 1)
	log.WarnContext(WithRequest(t.Context(), r, execution), "100%done.png \n x", "name", "b\nc")
	log.Debug("not shown")
	var line map[string]any
	if err := json.Unmarshal(out.Bytes(), &line); err != nil || strings.Count(out.String(), "\n") != 1 {
		t.Fatalf("%v: %s", err, out.String())
	}
	if line["severity"] != "WARNING" || line["message"] != "100%done.png \n x" || line["name"] != "b\nc" {
		t.Errorf("%v", line)
	}
	return line
}

func TestLogLineTrace(t *testing.T) {
	t.Parallel()
	trace, id := strings.Repeat("ab", 16), strings.Repeat("cd", 8)
	for name, c := range map[string]struct {
		header, value                      string
		wantTrace, wantSpan, wantedSampled any
	}{
		"w3c": {"Traceparent", "00-" + trace + "-" + id + "-01", "projects/p/traces/" + trace, id,
			true},
		"w3c, not sampled": {"Traceparent", "00-" + trace + "-" + id + "-00", "projects/p/traces/" + trace, id,
			false},
		"google": {"X-Cloud-Trace-Context", trace + "/123;o=1", "projects/p/traces/" + trace,
			"000000000000007b", true},
		"google, not sampled": {"X-Cloud-Trace-Context", trace + "/18446744073709551615", "projects/p/traces/" + trace,
			"ffffffffffffffff", false},
		"google, trace alone": {"X-Cloud-Trace-Context", trace, "projects/p/traces/" + trace, nil, false},
		"hostile":             {"Traceparent", "00-\"},{\"-x-01", nil, nil, nil},
		"hostile google":      {"X-Cloud-Trace-Context", "\"},{\"/1", nil, nil, nil},
		"zeros":               {"Traceparent", "00-" + strings.Repeat("0", 32) + "-" + id + "-01", nil, nil, nil},
		"none":                {"X", "", nil, nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			line := logged(t, "", map[string]string{c.header: c.value})
			got := []any{line["logging.googleapis.com/trace"], line["logging.googleapis.com/spanId"],
				line["logging.googleapis.com/trace_sampled"]}
			if want := []any{c.wantTrace, c.wantSpan, c.wantedSampled}; !reflect.DeepEqual(got, want) {
				t.Errorf("%v, want %v", got, want)
			}
		})
	}
}

// TestLogLineLabels: lines about a request have its event's id and the platform's execution id.
func TestLogLineLabels(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		execution, event string
		want             any
	}{
		{"exec-1", "event-1", map[string]any{"execution_id": "exec-1", "event_id": "event-1"}},
		{"", "event-1", map[string]any{"event_id": "event-1"}},
		{"", "", nil},
		{"", strings.Repeat("x", 5000), map[string]any{"event_id": strings.Repeat("x", maxLabel)}},
		{"", strings.Repeat("x", maxLabel-1) + "ü", map[string]any{"event_id": strings.Repeat("x", maxLabel-1)}},
		{"", `"},{"severity":"EMERGENCY"`, map[string]any{"event_id": `"},{"severity":"EMERGENCY"`}},
	} {
		line := logged(t, c.execution, map[string]string{"Ce-Id": c.event})
		if got := line["logging.googleapis.com/labels"]; !reflect.DeepEqual(got, c.want) {
			t.Errorf("labels %v, want %v", got, c.want)
		}
	}
}
