package deploytest

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/bucketocr/bucketocr/internal/worker"
)

// logMetric is a file of deploy/metrics.
type logMetric struct {
	Description, Filter, ValueExtractor string
	LabelExtractors                     map[string]string
}

func logMetrics(t *testing.T) map[string]logMetric {
	t.Helper()
	files, err := filepath.Glob("metrics/*.json")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	all := map[string]logMetric{}
	for _, file := range files {
		var m logMetric
		readJSON(t, file, &m)
		all[strings.TrimSuffix(filepath.Base(file), ".json")] = m
	}
	return all
}

func readJSON(t *testing.T, file string, into any) {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, into); err != nil {
		t.Fatal(file, err)
	}
}

// TestMetricMarks: a description ends with the mark of its file, by which deploy.sh recognises an unchanged metric.
func TestMetricMarks(t *testing.T) {
	for name := range logMetrics(t) {
		raw, err := os.ReadFile("metrics/" + name + ".json")
		if err != nil {
			t.Fatal(err)
		}
		mark := regexp.MustCompile(`(?m)^(  "description": "bucketocr: .*; )([^;"]*)(",)$`)
		bare := mark.ReplaceAll(raw, []byte("${1}MARK${3}"))
		want := fmt.Sprintf("%x", sha256.Sum256(bare))[:12]
		if got := mark.FindSubmatch(raw); got == nil || string(got[2]) != want {
			t.Errorf("metrics/%s.json was changed: its description must end with %s", name, want)
		}
	}
}

// board is the part of the dashboard that tests check.
type board struct {
	MosaicLayout struct {
		Columns int
		Tiles   []struct {
			XPos, YPos, Width, Height int
			Widget                    struct {
				Title     string
				XyChart   json.RawMessage
				LogsPanel json.RawMessage
			}
		}
	}
}

// TestDashboard: tiles do not overlap, and every metric used by a chart or alert is created, with its labels.
func TestDashboard(t *testing.T) {
	var b board
	readJSON(t, "dashboard.json", &b)
	taken := map[[2]int]string{}
	asked := map[string]bool{}
	for _, tile := range b.MosaicLayout.Tiles {
		title := tile.Widget.Title
		for x := tile.XPos; x < tile.XPos+tile.Width; x++ {
			for y := tile.YPos; y < tile.YPos+tile.Height; y++ {
				if other := taken[[2]int{x, y}]; other != "" || x >= b.MosaicLayout.Columns {
					t.Fatalf("%q lies over %q or the edge", title, other)
				}
				taken[[2]int{x, y}] = title
			}
		}
		text := strings.ReplaceAll(string(tile.Widget.XyChart)+string(tile.Widget.LogsPanel), `\"`, `"`)
		if checkChart(t, title, text, asked) != strings.Contains(title, "(needs a collector)") {
			t.Errorf("%q does not say rightly whether it needs a collector", title)
		}
	}
	for _, name := range []string{"unfinished", "undocumented"} {
		alert, err := os.ReadFile("alerts/" + name + ".json")
		if err != nil {
			t.Fatal(err)
		}
		checkChart(t, "the alert "+name, strings.ReplaceAll(string(alert), `\"`, `"`), asked)
	}
	for name := range logMetrics(t) {
		if !asked[name] {
			t.Errorf("nothing uses the metric %s", name)
		}
	}
}

// platform are Google's own metrics.
var platform = []string{
	"pubsub.googleapis.com/subscription/num_undelivered_messages",
	"pubsub.googleapis.com/subscription/oldest_unacked_message_age",
	"run.googleapis.com/container/instance_count", "run.googleapis.com/request_count",
	"run.googleapis.com/container/memory/utilizations",
	"logging.googleapis.com/user/@METRIC@"}

// checkChart notes the log metrics that a chart uses, and reports whether it uses OpenTelemetry's.
func checkChart(t *testing.T, title, text string, asked map[string]bool) (collector bool) {
	t.Helper()
	made := logMetrics(t)
	for _, m := range regexp.MustCompile(`metric\.type="([^"]+)"([^}]*)`).FindAllStringSubmatch(text, -1) {
		name, ours := strings.CutPrefix(m[1], "logging.googleapis.com/user/@METRICS@")
		_, known := made[name]
		if ours != known || !ours && !slices.Contains(platform, m[1]) {
			t.Errorf("%q asks for %s", title, m[1])
		}
		asked[name] = true
		for _, label := range regexp.MustCompile(`metric\.labels?\.(\w+)`).FindAllStringSubmatch(m[2], -1) {
			if ours && made[name].LabelExtractors[label[1]] == "" {
				t.Errorf("%q: %s has no label %s", title, name, label[1])
			}
		}
	}
	for _, m := range regexp.MustCompile(`logging_googleapis_com:user_@METRICS@(\w+)_sum\{`).FindAllStringSubmatch(text,
		-1) {
		if made[m[1]].ValueExtractor == "" {
			t.Errorf("%q asks for the sum of %s", title, m[1])
		}
		asked[m[1]] = true
	}
	for _, m := range regexp.MustCompile(
		`by \(([\w, ]+)\) \(\w+\(workload_googleapis_com:(\w+)_(?:bucket|count|sum)`).FindAllStringSubmatch(text, -1) {
		collector = true
		checkInstrument(t, title, m[2], strings.Split(m[1], ", "))
	}
	return collector || strings.Contains(text, "workload_googleapis_com")
}

// checkInstrument: PromQL writes dots as underscores.
func checkInstrument(t *testing.T, title, name string, labels []string) {
	t.Helper()
	under := func(s string) string { return strings.ReplaceAll(s, ".", "_") }
	for _, i := range worker.Instruments() {
		if under(i.Name) != name {
			continue
		}
		for _, l := range labels {
			if l != "le" && !slices.ContainsFunc(i.Attributes, func(a string) bool { return under(a) == l }) {
				t.Errorf("%q: %s has no %s", title, i.Name, l)
			}
		}
		return
	}
	t.Errorf("%q asks for %s, which is not measured", title, name)
}
