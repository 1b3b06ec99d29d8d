package telemetry

import (
	"bytes"
	"context"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"go.opentelemetry.io/otel/trace"

	"github.com/bucketocr/bucketocr/internal/telemetry/otlptest"
)

// sendingTo returns a Telemetry that sends to url, with nothing else set but what cfg and the environment say.
func sendingTo(t *testing.T, url string, cfg Config) *Telemetry {
	t.Helper()
	cfg.Variables, cfg.Log = map[string]string{commonEndpoint: url}, slog.New(slog.DiscardHandler)
	sent, err := New(cfg)
	if err != nil || sent == nil {
		t.Fatalf("%v, %v", sent, err)
	}
	t.Cleanup(func() { sent.Shutdown(t.Context()) })
	return sent
}

// TestNothingSetSendsNothing: where no destination is set there is no Telemetry, and a nil one does nothing.
func TestNothingSetSendsNothing(t *testing.T) {
	t.Parallel()
	none, err := New(Config{Function: "f"})
	if none != nil || err != nil || none.Header() != nil {
		t.Fatalf("%v, %v", none, err)
	}
	none.Request(t.Context())(BySchedule, 200)
	none.Hold()
	none.Shutdown(t.Context())
}

// TestSource: traces and metrics name the process that they come from, with what the environment says before what is
// known.
func TestSource(t *testing.T) {
	onCloudRun := Config{Function: "scans", Revision: "scans-7", Project: "p"}
	for name, test := range map[string]struct {
		service, attributes string // of the environment
		cfg                 Config
		want                map[string]any
	}{
		"laptop": {"", "", Config{},
			map[string]any{"service.name": "bucketocr", "faas.name": nil, "cloud.account.id": nil}},
		"Cloud Run": {"", "", onCloudRun,
			map[string]any{"service.name": "scans", "faas.name": "scans", "faas.version": "scans-7",
				"cloud.platform": "gcp_cloud_run", "cloud.account.id": "p"}},
		"name": {"mine", "service.name=other", onCloudRun,
			map[string]any{"service.name": "mine", "faas.name": "scans"}},
		"attributes": {"", " deployment.environment.name = prod , team=a%2Cb, service.name=a%20b,cloud.account.id=q",
			onCloudRun,
			map[string]any{"deployment.environment.name": "prod", "team": "a,b", "service.name": "a b",
				"cloud.account.id": "q"}},
		"one attribute is wrong": {"", "a,team=b", onCloudRun, map[string]any{"team": "b", "service.name": "scans"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("OTEL_SERVICE_NAME", test.service)
			t.Setenv("OTEL_RESOURCE_ATTRIBUTES", test.attributes)
			collector := otlptest.New(t)
			sent := sendingTo(t, collector.URL, test.cfg)
			_, span := sent.Traces().Tracer("test").Start(t.Context(), "x")
			span.End()
			sent.Request(t.Context())(BySchedule, 200)
			sent.Shutdown(t.Context())
			spans, points := collector.Spans(), collector.Points()
			if len(spans) != 1 || len(points) == 0 {
				t.Fatalf("%d spans, %d points", len(spans), len(points))
			}
			for name, want := range test.want {
				if got := spans[0].Source[name]; got != want {
					t.Errorf("%s of a span is %v, want %v", name, got, want)
				}
				if got := points[0].Source[name]; got != want {
					t.Errorf("%s of a metric is %v, want %v", name, got, want)
				}
			}
		})
	}
}

// TestEachProcessHasAnID: two instances of one revision are told apart.
func TestEachProcessHasAnID(t *testing.T) {
	a, b := sourceOf(Config{}), sourceOf(Config{})
	if _, set := a.Set().Value("service.instance.id"); !set || a.Equal(b) {
		t.Errorf("%v and %v", a, b)
	}
}

// TestSamplers: each of OpenTelemetry's names does what it says, for deliveries with and without a trace of the
// caller's. A wrong name is the default.
func TestSamplers(t *testing.T) {
	caller := trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{1}, Remote: true}
	sampled := caller
	sampled.TraceFlags = trace.FlagsSampled
	for _, test := range []struct {
		name, share                        string
		inUnsampled, inSampled, withoutOne bool
	}{
		{"always_on", "", true, true, true},
		{"always_off", "", false, false, false},
		{"traceidratio", "0", false, false, false},
		{"traceidratio", "1", true, true, true},
		{"parentbased_always_on", "", false, true, true},
		{"parentbased_always_off", "", false, true, false},
		{"parentbased_traceidratio", "0", false, true, false},
		{"", "", false, true, true},
		{"half", "", false, true, true},
	} {
		t.Run(fmt.Sprint(test.name, " ", test.share), func(t *testing.T) {
			t.Setenv("OTEL_TRACES_SAMPLER", test.name)
			t.Setenv("OTEL_TRACES_SAMPLER_ARG", test.share)
			sent := sendingTo(t, "http://127.0.0.1:1", Config{})
			samples := func(caller trace.SpanContextConfig) bool {
				ctx := trace.ContextWithRemoteSpanContext(t.Context(), trace.NewSpanContext(caller))
				_, span := sent.Traces().Tracer("test").Start(ctx, "x")
				return span.SpanContext().IsSampled()
			}
			if got := samples(caller); got != test.inUnsampled {
				t.Errorf("in an unsampled trace: %v", got)
			}
			if got := samples(sampled); got != test.inSampled {
				t.Errorf("in a sampled trace: %v", got)
			}
			if got := samples(trace.SpanContextConfig{}); got != test.withoutOne {
				t.Errorf("without a trace: %v", got)
			}
		})
	}
}

// TestCertificateForPlainHTTP: a combination that the exporter refuses turns off this signal alone, with a warning that
// lists the variables that are set.
func TestCertificateForPlainHTTP(t *testing.T) {
	server := httptest.NewTLSServer(http.NotFoundHandler())
	defer server.Close()
	file := filepath.Join(t.TempDir(), "ca.pem")
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(file, ca, 0o600); err != nil {
		t.Fatal(err)
	}
	const variable = "OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE"
	t.Setenv(variable, file)
	var log bytes.Buffer
	sent, err := New(Config{Variables: map[string]string{commonEndpoint: "http://127.0.0.1:1"},
		Log: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil || sent == nil || sent.traces != nil || sent.metrics == nil {
		t.Fatalf("%+v, %v", sent, err)
	}
	if n := strings.Count(log.String(), "level=WARN"); n != 1 || !strings.Contains(log.String(), variable) {
		t.Errorf("%d warnings:\n%s", n, log.String())
	}
}

// TestStalledCollectorDelaysNoRequest: a collector whose answer begins and does not go on is given up at the end of one
// request and left alone by those that follow. Without a time of its own the request would wait for ever: the SDK's are
// set to an hour.
func TestStalledCollectorDelaysNoRequest(t *testing.T) {
	for _, name := range []string{"OTEL_EXPORTER_OTLP_TIMEOUT", "OTEL_BSP_EXPORT_TIMEOUT",
		"OTEL_METRIC_EXPORT_TIMEOUT"} {
		t.Setenv(name, "3600000")
	}
	var requests atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/x-protobuf")
		w.Header().Set("Content-Length", "100")
		_, _ = w.Write([]byte("\x0a"))
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}))
	defer server.Close()
	defer server.CloseClientConnections()
	cfg := Config{Function: "scans", Variables: map[string]string{commonEndpoint: server.URL},
		Log: slog.New(slog.DiscardHandler)}
	sent, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		_, span := sent.Traces().Tracer("test").Start(t.Context(), "x")
		end := sent.Request(t.Context())
		span.End()
		end(ByObject, 200)
	}
	if n := requests.Load(); n == 0 || n > 2 {
		t.Errorf("%d requests to the collector, want one for each signal at most", n)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	sent.Shutdown(ended)
}
