package config

import (
	"maps"
	"strings"
	"testing"
)

// TestOpenTelemetrysVariablesStopNothing: no value is a problem; variables that decide whether and where to send are
// passed on unchanged, and the rest is left to OpenTelemetry's SDK.
func TestOpenTelemetrysVariablesStopNothing(t *testing.T) {
	t.Parallel()
	want := map[string]string{
		"OTEL_EXPORTER_OTLP_ENDPOINT": "collector:4318", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "grpc://c",
		"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://user:pass@c", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
		"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/json", "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL": "h",
		"OTEL_TRACES_EXPORTER": "jaeger", "OTEL_METRICS_EXPORTER": "prometheus", "OTEL_SDK_DISABLED": "yes",
	}
	pairs := []string{
		"OTEL_SERVICE_NAME", "a b", "OTEL_RESOURCE_ATTRIBUTES", "a", "OTEL_TRACES_SAMPLER", "half",
		"OTEL_TRACES_SAMPLER_ARG", "1.1",
	}
	for name, value := range want {
		pairs = append(pairs, name, " "+value+"\n")
	}
	c, err := load(from(pairs...), 0)
	if err != nil || !maps.Equal(c.Telemetry.OTel, want) {
		t.Errorf("got %q, %v; want %q", c.Telemetry.OTel, err, want)
	}
	set := len(pairs) / 2
	for _, v := range Variables() {
		if strings.HasPrefix(v.Name, "OTEL_") {
			set--
		}
	}
	if set != 0 {
		t.Errorf("the table has %d of OpenTelemetry's variables less than the test", set)
	}
}
