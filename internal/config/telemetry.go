package config

import (
	"errors"
	"net/url"
	"strconv"
	"strings"
)

// Telemetry is where OpenTelemetry's traces and metrics go, and what they say of their source.
type Telemetry struct {
	TracesURL  string            // OTLP over HTTP, whole; default "", which is to send none
	MetricsURL string            // the same
	Service    string            // service.name; default K_SERVICE, or bucketocr
	Function   string            // K_SERVICE, faas.name; default "", which is not to run on Cloud Run
	Revision   string            // K_REVISION, faas.version
	Attributes map[string]string // more of the source; default none
	Sampler    string            // by OpenTelemetry's names; default parentbased_always_on
	Ratio      float64           // of the samplers that take one; default 1

	raw otlp
}

// otlp is what the variables say, until [Telemetry.derive] has made addresses of it.
type otlp struct {
	disabled, traces, metrics               string
	endpoint, tracesEndpoint, metricsPoint  string
	protocol, tracesProtocol, metricsFormat string
}

// Parts of OTLP's specification.
const (
	defaultCollector = "http://localhost:4318"
	tracesPath       = "/v1/traces"
	metricsPath      = "/v1/metrics"
	defaultService   = "bucketocr"
)

func (t *Telemetry) settings() []setting {
	const protocol = "the only one that is spoken"
	return []setting{
		{"OTEL_EXPORTER_OTLP_ENDPOINT", "", true, "OpenTelemetry collector that gets traces and metrics, below its /v1; none: nothing is sent",
			collector(&t.raw.endpoint)},
		{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "", true, "whole address for traces alone", collector(&t.raw.tracesEndpoint)},
		{"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "", true, "whole address for metrics alone", collector(&t.raw.metricsPoint)},
		{"OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf", false, protocol, oneOf(&t.raw.protocol, "http/protobuf")},
		{"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/protobuf", false, protocol, oneOf(&t.raw.tracesProtocol, "http/protobuf")},
		{"OTEL_EXPORTER_OTLP_METRICS_PROTOCOL", "http/protobuf", false, protocol, oneOf(&t.raw.metricsFormat, "http/protobuf")},
		{"OTEL_TRACES_EXPORTER", "otlp where an address is set", true, "otlp alone sends to " + defaultCollector, oneOf(&t.raw.traces, "otlp", "none")},
		{"OTEL_METRICS_EXPORTER", "otlp where an address is set", true, "otlp alone sends to " + defaultCollector, oneOf(&t.raw.metrics, "otlp", "none")},
		{"OTEL_SDK_DISABLED", "false", false, "true sends nothing, whatever else is set", oneOf(&t.raw.disabled, "true", "false")},
		{"OTEL_SERVICE_NAME", "K_SERVICE, or bucketocr", true, "name of the source", token(&t.Service)},
		{"OTEL_RESOURCE_ATTRIBUTES", "", true, "more about the source", attributes(&t.Attributes)},
		{"OTEL_TRACES_SAMPLER", "parentbased_always_on", false, "which deliveries are traced; by default those that the platform traces, and those that come without a trace",
			oneOf(&t.Sampler, "always_on", "always_off", "traceidratio", "parentbased_always_on", "parentbased_always_off", "parentbased_traceidratio")},
		{"OTEL_TRACES_SAMPLER_ARG", "1", false, "share of the two that take one", share(&t.Ratio)},
		{"K_SERVICE", "", true, "name of the Cloud Run service, set by the platform; traces and metrics then leave before a delivery is answered", token(&t.Function)},
		{"K_REVISION", "", true, "its revision, set by the platform", token(&t.Revision)},
	}
}

// derive makes the addresses. The specification's rules: an address of one signal is taken as it is, the common one gets the
// signal's path, and an exporter that is asked for by name alone has a default address.
func (t *Telemetry) derive() {
	r := t.raw
	if t.Service == "" {
		t.Service = t.Attributes["service.name"]
	}
	for _, name := range []string{t.Function, defaultService} {
		if t.Service == "" {
			t.Service = name
		}
	}
	if r.disabled != "true" {
		t.TracesURL = destination(r.traces, r.tracesEndpoint, r.endpoint, tracesPath)
		t.MetricsURL = destination(r.metrics, r.metricsPoint, r.endpoint, metricsPath)
	}
	t.raw = otlp{}
}

// destination is where a signal goes; empty for nowhere.
func destination(exporter, own, common, path string) string {
	switch {
	case exporter == "none":
		return ""
	case own != "":
		return own
	case common != "":
		return strings.TrimRight(common, "/") + path
	case exporter == "otlp":
		return defaultCollector + path
	}
	return ""
}

// collector reads an address for OTLP. Keys belong into headers, which OpenTelemetry's client reads itself.
func collector(p *string) kind {
	return kind{
		limit: "http or https URL without user, query or fragment",
		set: func(value string) error {
			u, err := url.Parse(value)
			switch {
			case err != nil:
				return errors.New("is no URL")
			case u.Scheme != "http" && u.Scheme != "https":
				return errors.New("does not begin with http:// or https://")
			case u.Hostname() == "" || !validPort(u):
				return errors.New("has no host, or no proper port")
			case u.User != nil || strings.ContainsAny(value, "?#"):
				return errors.New("holds a user, query or fragment: keys go into OTEL_EXPORTER_OTLP_HEADERS")
			}
			*p = value
			return nil
		},
		show: showURL,
	}
}

func validPort(u *url.URL) bool {
	if u.Port() == "" {
		return !strings.HasSuffix(u.Host, ":")
	}
	n, err := strconv.ParseUint(u.Port(), 10, 16)
	return err == nil && n > 0
}

// attributes reads key=value pairs as OpenTelemetry writes them.
func attributes(p *map[string]string) kind {
	return kind{limit: "key=value pairs apart by commas, values percent-encoded", set: func(value string) error {
		all := map[string]string{}
		for pair := range strings.SplitSeq(value, ",") {
			if strings.TrimSpace(pair) == "" {
				continue
			}
			name, encoded, ok := strings.Cut(pair, "=")
			decoded, err := url.PathUnescape(strings.TrimSpace(encoded))
			if name = strings.TrimSpace(name); !ok || name == "" || err != nil {
				return errors.New("holds a pair that is none")
			}
			all[name] = decoded
		}
		*p = all
		return nil
	}}
}

func share(p *float64) kind {
	return kind{limit: "number from 0 to 1", set: func(value string) error {
		f, err := strconv.ParseFloat(value, 64)
		if err != nil || !(f >= 0 && f <= 1) {
			return errors.New("is no share")
		}
		*p = f
		return nil
	}}
}
