package telemetry

import (
	"cmp"
	"context"
	"crypto/rand"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/resource"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
)

const defaultService = "bucketocr"

// sourceOf returns what all traces and metrics say of the process that they come from. What the environment says
// (OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES) takes precedence over what is known here. The instance id is random: each
// process counts for itself.
func sourceOf(cfg Config) *resource.Resource {
	id := rand.Text()
	known := []attribute.KeyValue{
		semconv.ServiceName(cmp.Or(cfg.Function, defaultService)), semconv.ServiceInstanceID(id),
		semconv.TelemetrySDKLanguageGo, semconv.TelemetrySDKName("opentelemetry"),
	}
	if cfg.Function != "" {
		known = append(known, semconv.CloudProviderGCP, semconv.CloudPlatformGCPCloudRun,
			semconv.FaaSName(cfg.Function), semconv.FaaSVersion(cfg.Revision), semconv.FaaSInstance(id))
	}
	if cfg.Project != "" {
		known = append(known, semconv.CloudAccountID(cfg.Project))
	}
	// The error says which attributes of the environment cannot be read; the rest is in the resource. The providers read the
	// environment again and report the same to OpenTelemetry's error handler.
	source, _ := resource.New(context.Background(), resource.WithSchemaURL(semconv.SchemaURL),
		resource.WithAttributes(known...), resource.WithFromEnv())
	return source
}
