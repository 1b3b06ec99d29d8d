package config

import (
	"reflect"
	"testing"
)

// TestWhereTelemetryGoes follows OpenTelemetry's specification.
func TestWhereTelemetryGoes(t *testing.T) {
	const all, tr, me = "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT"
	for _, tt := range []struct {
		pairs           []string
		traces, metrics string
	}{
		{nil, "", ""},
		{[]string{all, "http://c:4318"}, "http://c:4318/v1/traces", "http://c:4318/v1/metrics"},
		{[]string{all, "https://c/otlp/"}, "https://c/otlp/v1/traces", "https://c/otlp/v1/metrics"},
		{[]string{tr, "http://c:1/t"}, "http://c:1/t", ""},
		{[]string{all, "http://c", me, "http://d/m"}, "http://c/v1/traces", "http://d/m"},
		{[]string{"OTEL_TRACES_EXPORTER", "otlp"}, "http://localhost:4318/v1/traces", ""},
		{[]string{"OTEL_METRICS_EXPORTER", "otlp"}, "", "http://localhost:4318/v1/metrics"},
		{[]string{all, "http://c", "OTEL_TRACES_EXPORTER", "none"}, "", "http://c/v1/metrics"},
		{[]string{all, "http://c", me, "http://d/m", "OTEL_METRICS_EXPORTER", "none"}, "http://c/v1/traces", ""},
		{[]string{all, "http://c", "OTEL_SDK_DISABLED", "TRUE"}, "", ""},
		{[]string{"OTEL_SERVICE_NAME", "x", "K_SERVICE", "f"}, "", ""},
	} {
		c, err := load(from(tt.pairs...), 0)
		if err != nil || c.Telemetry.TracesURL != tt.traces || c.Telemetry.MetricsURL != tt.metrics {
			t.Errorf("%q: %+v, %v", tt.pairs, c.Telemetry, err)
		}
	}
}

func TestTelemetrySource(t *testing.T) {
	for _, tt := range []struct {
		pairs []string
		want  string
	}{
		{nil, "bucketocr"},
		{[]string{"K_SERVICE", "scans"}, "scans"},
		{[]string{"K_SERVICE", "scans", "OTEL_RESOURCE_ATTRIBUTES", "service.name=a%20b,x=1"}, "a b"},
		{[]string{"OTEL_SERVICE_NAME", "mine", "OTEL_RESOURCE_ATTRIBUTES", "service.name=other"}, "mine"},
	} {
		if c, err := load(from(tt.pairs...), 0); err != nil || c.Telemetry.Service != tt.want {
			t.Errorf("%q: %+v, %v", tt.pairs, c.Telemetry, err)
		}
	}
	c, err := load(from("OTEL_RESOURCE_ATTRIBUTES", " deployment.environment.name = prod , team=a%2Cb,, empty="), 0)
	want := map[string]string{"deployment.environment.name": "prod", "team": "a,b", "empty": ""}
	if err != nil || !reflect.DeepEqual(c.Telemetry.Attributes, want) {
		t.Errorf("%q, %v", c.Telemetry.Attributes, err)
	}
	for _, bad := range []string{"a", "=b", "a=%zz", "a=1,b"} {
		if got := problemsOf(t, 0, "OTEL_RESOURCE_ATTRIBUTES", bad); len(got) != 1 {
			t.Errorf("%q: %q", bad, got)
		}
	}
}

// TestCollectorSecret: an address that may hold a password is refused and not shown.
func TestCollectorSecret(t *testing.T) {
	for _, value := range []string{"http://user:hush@c", "http://c/?key=hush", "http://c/#hush"} {
		want := "OTEL_EXPORTER_OTLP_ENDPOINT: the URL (not shown) holds a user, query or fragment: keys go into " +
			"OTEL_EXPORTER_OTLP_HEADERS; allowed: http or https URL without user, query or fragment"
		if got := problemsOf(t, 0, "OTEL_EXPORTER_OTLP_ENDPOINT", value); len(got) != 1 || got[0] != want {
			t.Errorf("%q", got)
		}
	}
}
