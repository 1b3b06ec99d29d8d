package config

// Telemetry is what the function itself reads of OpenTelemetry's settings. None of them is checked here: a wrong one must not
// stop the function, so internal/telemetry and OpenTelemetry's SDK warn of it in the log.
type Telemetry struct {
	Function string            // K_SERVICE, faas.name; default "", which is not to run on Cloud Run
	Revision string            // K_REVISION, faas.version
	OTel     map[string]string // variables that say whether anything is sent, and where; default none
}

func (t *Telemetry) settings() []setting {
	const (
		collector = "http or https URL without user, query or fragment"
		protocol  = "the only one that is spoken"
		fallback  = "otlp alone sends to http://localhost:4318"
	)
	return []setting{
		t.passed("OTEL_EXPORTER_OTLP_ENDPOINT", "", "OpenTelemetry collector that gets traces and metrics, below its /v1; none: nothing is sent", collector),
		t.passed("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "", "whole address for traces alone", collector),
		t.passed("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "", "whole address for metrics alone", collector),
		t.passed("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf", protocol, "http/protobuf"),
		t.passed("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/protobuf", protocol, "http/protobuf"),
		t.passed("OTEL_EXPORTER_OTLP_METRICS_PROTOCOL", "http/protobuf", protocol, "http/protobuf"),
		t.passed("OTEL_TRACES_EXPORTER", "otlp where an address is set", fallback, "otlp, none"),
		t.passed("OTEL_METRICS_EXPORTER", "otlp where an address is set", fallback, "otlp, none"),
		t.passed("OTEL_SDK_DISABLED", "false", "true sends nothing, whatever else is set", "true, false"),
		readBySDK("OTEL_SERVICE_NAME", "K_SERVICE, or bucketocr", "name of the source"),
		readBySDK("OTEL_RESOURCE_ATTRIBUTES", "", "more about the source"),
		readBySDK("OTEL_TRACES_SAMPLER", "parentbased_always_on",
			"which deliveries are traced; by default those that the platform traces, and those that come without a trace"),
		readBySDK("OTEL_TRACES_SAMPLER_ARG", "1", "share of the two that take one"),
		{"K_SERVICE", "", true, "name of the Cloud Run service, set by the platform; traces and metrics then leave before a delivery is answered", token(&t.Function)},
		{"K_REVISION", "", true, "its revision, set by the platform", token(&t.Revision)},
	}
}

// passed returns the row of a variable whose value goes into OTel as it is.
func (t *Telemetry) passed(name, def, meaning, limit string) setting {
	return setting{name, def, true, meaning, kind{limit: limit, set: func(value string) error {
		if t.OTel == nil {
			t.OTel = map[string]string{}
		}
		t.OTel[name] = value
		return nil
	}}}
}

// readBySDK returns the row of a variable that OpenTelemetry's SDK reads from the process's environment, and nothing else does.
func readBySDK(name, def, meaning string) setting {
	return setting{name, def, true, meaning + "; read by OpenTelemetry's SDK",
		kind{limit: "as OpenTelemetry specifies it", set: func(string) error { return nil }}}
}
