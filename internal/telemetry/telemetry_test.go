package telemetry

import (
	"testing"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// TestNothing: nowhere to send to is no sender, and no sender does nothing.
func TestNothing(t *testing.T) {
	none, err := New(Config{Service: "x"})
	if none != nil || err != nil || none.Header() != nil {
		t.Fatalf("%v, %v", none, err)
	}
	none.Request(t.Context())(BySweep, 200)
	none.Hold()
	none.Shutdown(t.Context())
}

// TestSource: what the person set goes before what we know, and each process has an id of its own.
func TestSource(t *testing.T) {
	cfg := Config{Service: "scans", Function: "f", Revision: "f-1", Project: "p",
		Attributes: map[string]string{"service.name": "other", "cloud.account.id": "q", "team": "a"}}
	got := map[string]string{}
	for _, a := range sourceOf(cfg).Attributes() {
		got[string(a.Key)] = a.Value.String()
	}
	for name, want := range map[string]string{"service.name": "scans", "faas.name": "f", "faas.version": "f-1", "cloud.platform": "gcp_cloud_run",
		"cloud.account.id": "q", "team": "a"} {
		if got[name] != want {
			t.Errorf("%s is %q, want %q", name, got[name], want)
		}
	}
	if got["service.instance.id"] == "" || sourceOf(cfg).Equal(sourceOf(cfg)) {
		t.Error("two processes with one id")
	}
}

// TestSamplers: each of OpenTelemetry's names does what it says, for deliveries with and without a trace of the caller's.
func TestSamplers(t *testing.T) {
	caller := trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{1}, Remote: true}
	sampled := caller
	sampled.TraceFlags = trace.FlagsSampled
	for name, want := range map[string][3]bool{ // in an unsampled trace, in a sampled one, in none
		"always_on": {true, true, true}, "always_off": {}, "traceidratio": {}, "parentbased_always_on": {false, true, true},
		"parentbased_always_off": {false, true, false}, "parentbased_traceidratio": {false, true, false},
	} {
		var got [3]bool
		for i, c := range []trace.SpanContextConfig{caller, sampled, {}} {
			ctx := trace.ContextWithRemoteSpanContext(t.Context(), trace.NewSpanContext(c))
			got[i] = sampler(Config{Sampler: name}).ShouldSample(sdktrace.SamplingParameters{ParentContext: ctx, TraceID: trace.TraceID{255}}).
				Decision == sdktrace.RecordAndSample
		}
		if got != want {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
}
