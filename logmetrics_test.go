package bucketocr

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/bucketocr/bucketocr/internal/document"
)

// logMetric is a file of deploy/metrics: what Cloud Logging counts in log lines.
type logMetric struct {
	Filter, ValueExtractor string
	LabelExtractors        map[string]string
}

// field reads what jsonPayload.NAME stands for.
func field(t *testing.T, line map[string]any, path string) any {
	t.Helper()
	name, ok := strings.CutPrefix(strings.TrimSuffix(strings.TrimPrefix(path, "EXTRACT("), ")"), "jsonPayload.")
	if !ok {
		t.Fatalf("%s is not of the payload", path)
	}
	return line[name]
}

// matches evaluates the little of Cloud Logging's language that the filters use.
func matches(t *testing.T, filter string, line map[string]any) bool {
	t.Helper()
	for condition := range strings.SplitSeq(filter, " AND ") {
		if condition == "resource.type=cloud_run_revision" {
			continue
		}
		at := strings.IndexAny(condition, ":=>")
		value, operand := field(t, line, condition[:at]), condition[at+1:]
		switch condition[at] {
		case ':':
			if operand != "*" {
				t.Fatal(condition)
			}
			if value == nil {
				return false
			}
		case '=':
			if value != operand {
				return false
			}
		case '>':
			least, err := strconv.ParseFloat(operand, 64)
			if err != nil {
				t.Fatal(err)
			}
			if n, ok := value.(float64); !ok || n <= least {
				return false
			}
		}
	}
	return true
}

// checkLogMetrics: what Cloud Logging would count and sum in the lines of the attempts is what their documents say.
func checkLogMetrics(t *testing.T, c *cloud) {
	t.Helper()
	files, err := filepath.Glob("deploy/metrics/*.json")
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, file := range files {
		var m logMetric
		raw, err := os.ReadFile(file)
		if err == nil {
			err = json.Unmarshal(raw, &m)
		}
		if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		for _, line := range c.lines() {
			if !matches(t, m.Filter, line) {
				continue
			}
			key := name
			for _, label := range []string{"outcome", "code"} {
				if extract := m.LabelExtractors[label]; extract != "" {
					key = strings.TrimSpace(fmt.Sprint(key, " ", field(t, line, extract)))
				}
			}
			n := 1.0
			if m.ValueExtractor != "" {
				var ok bool
				if n, ok = field(t, line, m.ValueExtractor).(float64); !ok {
					t.Errorf("%s takes no number from %v", name, line)
				}
			}
			got[key] += n
		}
	}
	want := map[string]float64{"deliveries done": 5, "deliveries duplicate": 1, "deliveries failed unsupported_media": 1,
		"deliveries retry ocr_misconfigured": 1, "past_window": 0, "overdue": 0}
	err = c.records.List(t.Context(), document.Query{Status: document.StatusDone}, func(r *document.Stored) error {
		want["pages"] += float64(r.Pages)
		want["prompt_tokens"] += float64(r.Usage.PromptTokens)
		want["completion_tokens"] += float64(r.Usage.CompletionTokens)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if got["seconds"] <= 0 || want["pages"] != 7 {
		t.Errorf("%v seconds, %v pages", got["seconds"], want["pages"])
	}
	for name, n := range want {
		if got[name] != n {
			t.Errorf("%s is %v, want %v", name, got[name], n)
		}
	}
}
