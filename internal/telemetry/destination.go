package telemetry

import (
	"log/slog"
	"net/url"
	"slices"
	"strings"
)

const (
	commonEndpoint   = "OTEL_EXPORTER_OTLP_ENDPOINT"
	defaultCollector = "http://localhost:4318"
	protobuf         = "http/protobuf" // the only protocol supported
)

// destinations returns the URLs that traces and metrics are sent to, empty if they are not sent. The rules are those of
// OpenTelemetry's specification, except that nothing is sent if neither an address nor an exporter is set.
func destinations(values map[string]string, log *slog.Logger) (traces, metrics string) {
	v := variables{values, log}
	if v.oneOf("OTEL_SDK_DISABLED", "false", "true", "false") == "true" {
		return "", ""
	}
	v.oneOf("OTEL_EXPORTER_OTLP_PROTOCOL", protobuf, protobuf)
	common := v.collector(commonEndpoint)
	return v.destination("TRACES", common), v.destination("METRICS", common)
}

// variables are the OpenTelemetry variables that are set, by name.
type variables struct {
	values map[string]string
	log    *slog.Logger
}

// destination returns the URL for a signal, empty if it is not sent. The signal's own address is used unchanged, the
// signal's path is added to the common one, and an exporter without an address has a default.
func (v variables) destination(signal, common string) string {
	own, path := "OTEL_EXPORTER_OTLP_"+signal+"_ENDPOINT", "/v1/"+strings.ToLower(signal)
	v.oneOf("OTEL_EXPORTER_OTLP_"+signal+"_PROTOCOL", protobuf, protobuf)
	exporter := v.oneOf("OTEL_"+signal+"_EXPORTER", "none", "otlp", "none")
	switch {
	case exporter == "none":
		return ""
	case v.values[own] != "":
		return v.collector(own)
	case common != "":
		return strings.TrimRight(common, "/") + path
	case exporter == "otlp" && v.values[commonEndpoint] == "":
		return defaultCollector + path
	}
	return ""
}

// oneOf returns the variable's value if it is one of the choices, empty if it is not set, and otherwise fallback.
func (v variables) oneOf(name, fallback string, choices ...string) string {
	value := strings.ToLower(v.values[name])
	if value != "" && !slices.Contains(choices, value) {
		v.wrong(name, strings.Join(choices, ", "), fallback)
		return fallback
	}
	return value
}

// collector returns a collector's address, empty if there is none or an invalid one. Keys belong in headers: the
// exporter would silently drop a user, query or fragment.
func (v variables) collector(name string) string {
	value := v.values[name]
	if value == "" {
		return ""
	}
	u, err := url.Parse(value)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil ||
		strings.ContainsAny(value, "?#") {
		v.wrong(name, "http or https URL without user, query or fragment; keys go into OTEL_EXPORTER_OTLP_HEADERS",
			"none")
		return ""
	}
	return value
}

// wrong logs that a variable's value is not used. The value is left out: it may contain a key.
func (v variables) wrong(name, allowed, used string) {
	v.log.Warn("wrong value of "+name, "allowed", allowed, "used", used)
}
