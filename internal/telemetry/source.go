package telemetry

import (
	"crypto/rand"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/resource"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
)

// measure is an attribute of a span or of a measurement.
type measure = attribute.KeyValue

// sourceOf is what all traces and metrics say of the process that they come from. What the person set goes before what we
// know, but for the name, which is settled already. The instance id is made up: each process counts for itself.
func sourceOf(cfg Config) *resource.Resource {
	id := rand.Text()
	known := []measure{semconv.ServiceInstanceID(id)}
	if cfg.Function != "" {
		known = append(known, semconv.CloudProviderGCP, semconv.CloudPlatformGCPCloudRun,
			semconv.FaaSName(cfg.Function), semconv.FaaSVersion(cfg.Revision), semconv.FaaSInstance(id))
	}
	if cfg.Project != "" {
		known = append(known, semconv.CloudAccountID(cfg.Project))
	}
	for name, value := range cfg.Attributes {
		known = append(known, attribute.String(name, value))
	}
	known = append(known, semconv.ServiceName(cfg.Service), semconv.TelemetrySDKLanguageGo, semconv.TelemetrySDKName("opentelemetry"))
	return resource.NewWithAttributes(semconv.SchemaURL, known...) // of two with one name the last one holds
}
