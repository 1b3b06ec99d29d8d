package gcp

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestLogLine(t *testing.T) {
	trace, id := strings.Repeat("ab", 16), strings.Repeat("cd", 8)
	for name, c := range map[string]struct {
		header, value string
		wantTrace     string
		wantSpan      any
	}{
		"w3c":     {"Traceparent", "00-" + trace + "-" + id + "-01", "projects/p/traces/" + trace, id},
		"google":  {"X-Cloud-Trace-Context", trace + "/123;o=1", "projects/p/traces/" + trace, nil},
		"hostile": {"Traceparent", "00-\"},{\"-x-01", "", nil},
		"none":    {"X", "", "", nil},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			r := httptest.NewRequest("POST", "/", nil)
			r.Header.Set(c.header, c.value)
			log := NewLog(&out, slog.LevelInfo, "p").With("a", 1)
			log.WarnContext(WithTrace(t.Context(), r), "100%done.png \n x", "name", "b\nc")
			log.Debug("not shown")
			var line map[string]any
			if err := json.Unmarshal(out.Bytes(), &line); err != nil || strings.Count(out.String(), "\n") != 1 {
				t.Fatalf("%v: %s", err, out.String())
			}
			if line["severity"] != "WARNING" || line["message"] != "100%done.png \n x" || line["name"] != "b\nc" {
				t.Errorf("%v", line)
			}
			got, _ := line["logging.googleapis.com/trace"].(string)
			if got != c.wantTrace || line["logging.googleapis.com/spanId"] != c.wantSpan {
				t.Errorf("trace %q span %v", got, line["logging.googleapis.com/spanId"])
			}
		})
	}
}
