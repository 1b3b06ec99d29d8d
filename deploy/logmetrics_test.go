package deploytest

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/bucketocr/bucketocr/internal/app/apptest"
	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/event"
	"github.com/bucketocr/bucketocr/ocr/ocrtest"
)

// TestLogMetricsAgreeWithDocuments: Cloud Logging's counts and sums of the function's log lines agree with its
// documents.
func TestLogMetricsAgreeWithDocuments(t *testing.T) {
	t.Parallel()
	c := apptest.New(t, apptest.Options{})
	f := c.Serve()
	deliver := func(name string, data []byte, outcome string) document.Event {
		t.Helper()
		ev := c.Put(name, data)
		if _, got := f.Post(c.Encode(ev)); got != outcome {
			t.Fatalf("%s: %q, want %q\n%s", name, got, outcome, f.Log)
		}
		return ev
	}
	once := deliver("one.png", apptest.PNG(41), "done")
	deliver("three.tiff", apptest.TIFF(3), "done")
	deliver("none.png", []byte("no picture at all, whatever its name says"), "failed")
	c.OCR.Next(ocrtest.Platform(429), ocrtest.Platform(403))
	deliver("later.png", apptest.PNG(42), "retry")
	if _, got := f.Post(c.Encode(once)); got != "duplicate" {
		t.Fatalf("again: %q", got)
	}
	c.Abandon(c.Put("left.png", apptest.PNG(43)).Object)
	if _, got := f.Post(event.Sweep("s", time.Now())); got != "done" {
		t.Fatalf("sweep: %q", got)
	}

	want := map[string]float64{
		"deliveries done": 3, "deliveries duplicate": 1, "deliveries failed unsupported_media": 1,
		"deliveries retry ocr_misconfigured": 1, "past_window": 0, "overdue": 0, "pages": 0,
	}
	err := c.Records.List(t.Context(), document.Query{Status: document.StatusDone}, func(r *document.Stored) error {
		want["pages"] += float64(r.Pages)
		want["prompt_tokens"] += float64(r.Usage.PromptTokens)
		want["completion_tokens"] += float64(r.Usage.CompletionTokens)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if want["pages"] != 5 {
		t.Errorf("the documents have %v pages, want 5", want["pages"])
	}
	got := counted(t, f.Log.Lines(t))
	for name, n := range want {
		if got[name] != n {
			t.Errorf("%s: counted %v, want %v", name, got[name], n)
		}
	}
	if got["seconds"] <= 0 {
		t.Errorf("seconds: counted %v", got["seconds"])
	}
}

// counted returns the values of the log metrics for log lines, by the metric's name and its labels outcome and code.
func counted(t *testing.T, lines []map[string]any) map[string]float64 {
	t.Helper()
	sums := map[string]float64{}
	for name, m := range logMetrics(t) {
		for _, line := range lines {
			if !matches(t, m.Filter, line) {
				continue
			}
			key := name
			for _, label := range []string{"outcome", "code"} {
				if extract := m.LabelExtractors[label]; extract != "" {
					key = strings.TrimSpace(fmt.Sprint(key, " ", payloadField(t, line, extract)))
				}
			}
			n := 1.0
			if m.ValueExtractor != "" {
				var ok bool
				if n, ok = payloadField(t, line, m.ValueExtractor).(float64); !ok {
					t.Errorf("%s extracts no number from %v", name, line)
				}
			}
			sums[key] += n
		}
	}
	return sums
}

// payloadField returns the field that jsonPayload.NAME, or EXTRACT of it, refers to.
func payloadField(t *testing.T, line map[string]any, path string) any {
	t.Helper()
	name, ok := strings.CutPrefix(strings.TrimSuffix(strings.TrimPrefix(path, "EXTRACT("), ")"), "jsonPayload.")
	if !ok {
		t.Fatalf("%s is not in the payload", path)
	}
	return line[name]
}

// matches evaluates the part of Cloud Logging's query language that the filters use.
func matches(t *testing.T, filter string, line map[string]any) bool {
	t.Helper()
	for condition := range strings.SplitSeq(filter, " AND ") {
		if condition == "resource.type=cloud_run_revision" {
			continue
		}
		at := strings.IndexAny(condition, ":=>")
		value, operand := payloadField(t, line, condition[:at]), condition[at+1:]
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

// TestErrorsAreNotRequests: the alert, the dashboard and the runbook look for the same entries of Cloud Logging: errors
// of the function and of the platform, but not the platform's log of requests, which has an ERROR for each 503.
func TestErrorsAreNotRequests(t *testing.T) {
	var alert struct {
		Conditions []struct{ ConditionMatchedLog struct{ Filter string } }
	}
	readJSON(t, "alerts/errors.json", &alert)
	filter := alert.Conditions[0].ConditionMatchedLog.Filter
	inJSON := strings.ReplaceAll(filter, `"`, `\"`)
	if !strings.Contains(read(t, "deploy/dashboard.json"), `"logsPanel": {"filter": "`+inJSON+`"`) {
		t.Errorf("the dashboard has another filter than %s", filter)
	}
	documented := strings.ReplaceAll(filter, "@FUNCTION@", "bucketocr")
	if runbook := strings.Join(strings.Fields(read(t, "docs/operations.md")), " "); !strings.Contains(runbook,
		"`"+documented+"`") {
		t.Errorf("docs/operations.md has another query than %s", documented)
	}
	for _, entry := range []struct {
		log, severity string
		found         bool
	}{
		{"run.googleapis.com/stderr", "ERROR", true},
		{"run.googleapis.com/stderr", "WARNING", false},
		{"run.googleapis.com/varlog/system", "ERROR", true}, // an exceeded memory limit
		{"run.googleapis.com/requests", "ERROR", false},     // a 503 that asks for redelivery
	} {
		found := true
		for condition := range strings.SplitSeq(filter, " AND ") {
			switch condition {
			case `resource.type="cloud_run_revision"`, `resource.labels.service_name="@FUNCTION@"`:
			case "severity>=ERROR":
				found = found && entry.severity == "ERROR"
			case `NOT log_id("` + entry.log + `")`:
				found = false
			default:
				if !strings.HasPrefix(condition, "NOT log_id(") {
					t.Errorf("unknown condition %s", condition)
				}
			}
		}
		if found != entry.found {
			t.Errorf("%s in %s: found %v, want %v", entry.severity, entry.log, found, entry.found)
		}
	}
}
