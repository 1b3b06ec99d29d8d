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
	protobuf         = "http/protobuf" // the only protocol that is spoken
)

// destinations returns the URLs that traces and metrics are sent to, empty where they are not sent. The rules are those
// of OpenTelemetry's specification, but that nothing is sent where neither an address nor an exporter is set.
func destinations(values map[string]string, log *slog.Logger) (traces, metrics string) {
	v := variables{values, log}
	if v.oneOf("OTEL_SDK_DISABLED", "false", "true", "false") == "true" {
		return "", ""
	}
	v.oneOf("OTEL_EXPORTER_OTLP_PROTOCOL", protobuf, protobuf)
	common := v.collector(commonEndpoint)
	return v.destination("TRACES", common), v.destination("METRICS", common)
}

// variables are OpenTelemetry's that are set, by name.
type variables struct {
	values map[string]string
	log    *slog.Logger
}

// destination returns where a signal goes, if anywhere. An address of its own is taken as it is, the common one gets
// the signal's path, and an exporter that is asked for by name alone has a default address.
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

// oneOf returns the choice that is set, empty where none is. Instead of anything else it returns fallback.
func (v variables) oneOf(name, fallback string, choices ...string) string {
	value := strings.ToLower(v.values[name])
	if value != "" && !slices.Contains(choices, value) {
		v.wrong(name, strings.Join(choices, ", "), fallback)
		return fallback
	}
	return value
}

// collector returns a collector's address, empty where there is none or a wrong one. Keys belong in headers: the
// exporter would silently leave out a user, query or fragment.
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

// wrong logs that a variable is not used as it is set. The value is left out: it may hold a key.
func (v variables) wrong(name, allowed, used string) {
	v.log.Warn("wrong value of "+name, "allowed", allowed, "used", used)
}
