package telemetry

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
)

// Names of variables in the tables below.
const (
	tracesEndpoint  = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
	metricsEndpoint = "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT"
	tracesExporter  = "OTEL_TRACES_EXPORTER"
	metricsExporter = "OTEL_METRICS_EXPORTER"
	disabled        = "OTEL_SDK_DISABLED"
)

// TestDestinations follows OpenTelemetry's specification.
func TestDestinations(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		set             map[string]string
		traces, metrics string
	}{
		"nothing": {nil, "", ""},
		"common": {map[string]string{commonEndpoint: "http://c:4318"}, "http://c:4318/v1/traces",
			"http://c:4318/v1/metrics"},
		"common with a path": {map[string]string{commonEndpoint: "https://c/otlp/"}, "https://c/otlp/v1/traces",
			"https://c/otlp/v1/metrics"},
		"traces alone": {map[string]string{tracesEndpoint: "http://c:1/t"}, "http://c:1/t", ""},
		"own before common": {map[string]string{commonEndpoint: "http://c", metricsEndpoint: "http://d/m"},
			"http://c/v1/traces", "http://d/m"},
		"traces' exporter":  {map[string]string{tracesExporter: "otlp"}, "http://localhost:4318/v1/traces", ""},
		"metrics' exporter": {map[string]string{metricsExporter: "OTLP"}, "", "http://localhost:4318/v1/metrics"},
		"no traces": {map[string]string{commonEndpoint: "http://c", tracesExporter: "none"}, "",
			"http://c/v1/metrics"},
		"none before own": {map[string]string{commonEndpoint: "http://c", metricsEndpoint: "http://d/m",
			metricsExporter: "none"}, "http://c/v1/traces", ""},
		"disabled": {map[string]string{commonEndpoint: "http://c", disabled: "TRUE"}, "", ""},
		"not disabled": {map[string]string{commonEndpoint: "http://c", disabled: "false"}, "http://c/v1/traces",
			"http://c/v1/metrics"},
		"protocol is default": {map[string]string{commonEndpoint: "http://c", "OTEL_EXPORTER_OTLP_PROTOCOL": protobuf},
			"http://c/v1/traces", "http://c/v1/metrics"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var log bytes.Buffer
			traces, metrics := destinations(test.set, slog.New(slog.NewTextHandler(&log, nil)))
			if traces != test.traces || metrics != test.metrics || log.Len() != 0 {
				t.Errorf("got %q and %q, want %q and %q\n%s", traces, metrics, test.traces, test.metrics, log.String())
			}
		})
	}
}

// TestWrongVariableIsOnlyLogged: once, by its name and without its value, which may hold a password. What is not
// concerned goes on.
func TestWrongVariableIsOnlyLogged(t *testing.T) {
	t.Parallel()
	const c, toTraces, toMetrics = "http://c", "http://c/v1/traces", "http://c/v1/metrics"
	for name, test := range map[string]struct {
		variable, value string
		others          map[string]string
		traces, metrics string
	}{
		"no scheme":    {commonEndpoint, "hush:4318", nil, "", ""},
		"other scheme": {tracesEndpoint, "grpc://hush", map[string]string{commonEndpoint: c}, "", toMetrics},
		"no host":      {metricsEndpoint, "http:///hush", map[string]string{commonEndpoint: c}, toTraces, ""},
		"no URL":       {commonEndpoint, "http://hush:x", nil, "", ""},
		"user":         {commonEndpoint, "http://user:hush@c", nil, "", ""},
		"query":        {commonEndpoint, "http://c/?key=hush", nil, "", ""},
		"fragment":     {commonEndpoint, "http://c/#hush", nil, "", ""},
		"not even by name": {commonEndpoint, "hush",
			map[string]string{tracesExporter: "otlp", metricsExporter: "otlp"}, "", ""},
		"own is right": {commonEndpoint, "hush", map[string]string{tracesEndpoint: "http://d/t"}, "http://d/t",
			""},
		"other exporter": {tracesExporter, "hush", map[string]string{commonEndpoint: c}, "", toMetrics},
		"neither":        {disabled, "hush", map[string]string{commonEndpoint: c}, toTraces, toMetrics},
		"protocol": {"OTEL_EXPORTER_OTLP_PROTOCOL", "hush", map[string]string{commonEndpoint: c}, toTraces,
			toMetrics},
		"traces' protocol": {"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "hush", map[string]string{commonEndpoint: c},
			toTraces, toMetrics},
		"metrics' protocol": {"OTEL_EXPORTER_OTLP_METRICS_PROTOCOL", "hush", map[string]string{commonEndpoint: c},
			toTraces, toMetrics},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			set := map[string]string{test.variable: test.value}
			for name, value := range test.others {
				set[name] = value
			}
			var log bytes.Buffer
			traces, metrics := destinations(set, slog.New(slog.NewTextHandler(&log, nil)))
			if traces != test.traces || metrics != test.metrics {
				t.Errorf("got %q and %q, want %q and %q", traces, metrics, test.traces, test.metrics)
			}
			text := log.String()
			if strings.Count(text, "\n") != 1 || !strings.Contains(text, "level=WARN") ||
				!strings.Contains(text, test.variable+"\"") ||
				strings.Contains(text, "hush") {
				t.Errorf("logged %s", text)
			}
		})
	}
}
