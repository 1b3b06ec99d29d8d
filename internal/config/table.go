package config

import (
	"fmt"
	"log/slog"

	"github.com/bucketocr/bucketocr/ocr"
)

// Variable describes one variable for readers.
type Variable struct {
	Name    string
	Default string // its value, or a description if it depends; "required"; empty if none
	Meaning string
	Unit    string // of a number; empty if there is none
	Limit   string // what is allowed
}

// Section is a group of variables that are explained together.
type Section struct {
	Title     string
	Variables []Variable
}

// Sections returns all variables that Load reads, in the order in which they are best explained.
func Sections() []Section {
	var all []Section
	for _, s := range new(Config).sections() {
		shown := Section{Title: s.title}
		for _, row := range s.settings {
			shown.Variables = append(shown.Variables, Variable{Name: row.name, Default: row.def, Meaning: row.meaning,
				Unit: row.kind.unit, Limit: row.kind.limit})
		}
		all = append(all, shown)
	}
	return all
}

// Variables returns the variables of all sections.
func Variables() []Variable {
	var all []Variable
	for _, s := range Sections() {
		all = append(all, s.Variables...)
	}
	return all
}

// section is a part of the table.
type section struct {
	title    string
	settings []setting
}

// setting is a row of the table, bound to a field.
type setting struct {
	name    string
	def     string // the default value, or its description if derived is set
	derived bool   // the default is not a value: the field stays zero, or derive finds it
	meaning string
	kind    kind
}

const required = "required"

// Of MEMORY_BUDGET, in bytes.
const (
	minBudget     = 16 << 20
	maxBudget     = 64 << 30
	unknownBudget = 512 << 20 // if the instance's memory has no known limit
)

// settings returns the rows of all sections.
func (c *Config) settings() []setting {
	var all []setting
	for _, s := range c.sections() {
		all = append(all, s.settings...)
	}
	return all
}

func (c *Config) sections() []section {
	include, exclude := globs(&c.Filter)
	const (
		collector = "http or https URL without user, query or fragment"
		protocol  = "the only one supported"
		fallback  = "otlp without an address sends to http://localhost:4318"
		bySDK     = "; read by OpenTelemetry's SDK"
	)
	var (
		bytes = quantity{"bytes", "number of bytes, or of KiB, MiB or GiB",
			map[string]int64{"": 1, "b": 1, "kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30}}
		pixels  = quantity{"pixels", "number of pixels, or of MP (a million)", map[string]int64{"": 1, "mp": 1e6}}
		unread  = kind{limit: "as OpenTelemetry specifies it", set: func(string) error { return nil }}
		another = new(string) // variables of others, which are only checked here
	)
	return []section{
		{"The OCR service", []setting{
			{"OCR_URL", required, true, "base URL of the OCR service; a trailing /v1 is dropped", baseURL(&c.OCRURL)},
			{"OCR_AUDIENCE", "origin of OCR_URL", true, "audience of the ID token", token(&c.OCRAudience)},
			{"OCR_AUTH", "oidc; none for loopback http", true,
				"authentication to the OCR service; oidc is refused over plain http to another host",
				oneOf(&c.OCRAuth, OIDC, NoAuth)},
			{"OCR_API_KEY", "", true,
				"vLLM's own key: it is sent as Authorization, the ID token then as X-Serverless-Authorization",
				secret(&c.OCRAPIKey)},
			{"OCR_MODEL", ocr.DefaultModel, false,
				"model to ask for; a server that does not have it uses its only one", token(&c.OCRModel)},
			{"OCR_PROFILE", "from the model's name", true,
				"image size, sampling, answer length and layout support of a model family; set it if OCR_MODEL is an alias",
				oneOf(&c.OCRProfile, ocr.ProfileNames()...)},
			{"OCR_MODE", ocr.ModePlain, false, "plain text, or text with blocks and their positions (LightOnOCR-3)",
				oneOf(&c.OCRMode, ocr.ModePlain, ocr.ModeLayout)},
			{"OCR_TIMEOUT", inSeconds(ocr.DefaultTimeout), false,
				"limit for one try, from connecting to the last byte; less than 15/16 of PROCESS_TIMEOUT",
				duration(&c.OCRTimeout, "100ms", "598s")},
			{"OCR_MAX_TOKENS", "by the profile", true,
				"longest answer for one page: 4096, with LightOnOCR-3 12288; less if the context is too short",
				number(&c.OCRMaxTokens, "tokens", "1", "131072")},
			{"OCR_CONCURRENCY", "4", false, "pages in flight for one object",
				number(&c.OCRConcurrency, "pages", "1", "64")},
			{"OCR_INSTANCE_CONCURRENCY", "8", false,
				"pages in flight for all objects of one instance; at least the instance's concurrency (FUNCTION_CONCURRENCY)",
				number(&c.OCRInstanceConcurrency, "pages", "1", "1000")},
		}},
		{"Objects", []setting{
			{"INCLUDE", "all", true, "which object names to read", include},
			{"EXCLUDE", "none", true, "which object names to ignore", exclude},
			{"OWNER_PATTERN", "none", true,
				"owner of an object, by its name: the match of {owner} becomes the document's field owner",
				owners(&c.Owners)},
			{"MAX_BYTES", "64MiB", false, "largest object", bytes.between(&c.MaxBytes, "1 KiB", "4 GiB")},
			{"MAX_PIXELS", "60MP", false, "largest page, by its pixels or what its decoder needs",
				pixels.between(&c.MaxPixels, "1", "1000 MP")},
			{"MAX_PAGES", "2000", false, "longest object", number(&c.MaxPages, "pages", "1", "9999")},
			{"ON_MAX_PAGES", "fail", false,
				"an object of more pages than MAX_PAGES fails, or its first MAX_PAGES pages are read",
				oneOf(&c.OnMaxPages, FailLong, ReadFirst)},
			{"PDF_TEXT", "never", false,
				"whether to take a PDF page's text from the file, if that is what the page shows, instead of sending the page",
				oneOf(&c.PDFText, NeverText, PreferText)},
			{"REUSE", "off", false,
				"whether an object with the same bytes as one that was read gets its text, without sending pages to the OCR service",
				oneOf(&c.Reuse, ReadAll, SameBytes)},
			{"ON_DELETE", "keep", false, "effect of an object's deletion on its document",
				oneOf(&c.OnDelete, Keep, Erase)},
			{"RECONCILE_BUCKETS", "", true,
				"buckets in which `bucketocr.reconcile` looks for objects whose events were lost",
				buckets(&c.ReconcileBuckets)},
		}},
		{"Documents", []setting{
			{"GOOGLE_CLOUD_PROJECT", "from the metadata server", true, "project of bucket and database",
				matching(&c.Project, `[a-z0-9][a-z0-9.:-]{0,98}[a-z0-9]`,
					"project id: lower-case letters, digits and - . :")},
			{"FIRESTORE_DATABASE", "(default)", false, "database of the documents",
				matching(&c.FirestoreDatabase, `\(default\)|[a-z][a-z0-9-]{2,61}[a-z0-9]`,
					"(default), or 4 to 63 lower-case letters, digits and -, a letter first and no - last")},
			{"FIRESTORE_COLLECTION", "ocr_documents", false,
				"collection of the documents, not shared with any other app", collectionID(&c.FirestoreCollection)},
			{"NOTIFY_TOPIC", "", true,
				"Pub/Sub topic for announcing the end of each document; costs a write and a message each",
				matching(&c.NotifyTopic, `projects/[a-z0-9.:-]+/topics/[A-Za-z][A-Za-z0-9._~%+-]{2,254}`,
					"projects/PROJECT/topics/NAME")},
		}},
		{"Retries, time and memory", []setting{
			{"MAX_ATTEMPTS", "3", false,
				"strikes (failures that only the page explains) with which a page fails; outages do not count",
				number(&c.MaxAttempts, "strikes", "1", "1000")},
			{"RETRY_WINDOW", "24h", false,
				"how long an object is retried after its first attempt; faults of Firestore or of the function itself never fail it",
				duration(&c.RetryWindow, "60s", "720h")},
			{"PROCESS_TIMEOUT", "480s", false,
				"limit for one delivery; with the 45 s before it, less than the service's time-out",
				duration(&c.ProcessTimeout, "1s", "598s")},
			{"CLOUD_RUN_TIMEOUT_SECONDS", "540", false,
				"the service's time-out, set by the platform; less than the 600 s after which the event is sent again",
				seconds(&c.ServiceTimeout, "47", "599")},
			{"MEMORY_BUDGET", "half of the instance's limit", true,
				"decoded pages in flight; 512 MiB if no limit is found, never above the instance's",
				bytes.between(&c.MemoryBudget, "16 MiB", "64 GiB")},
		}},
		{"The process", []setting{
			{"LOG_LEVEL", "info", false, "lowest level that is logged",
				oneOf(&c.LogLevel, slog.LevelDebug, slog.LevelInfo, slog.LevelWarn, slog.LevelError)},
			{"PORT", "8080", false, "TCP port to listen on; 0 for any that is free", number(&c.Port, "", "0", "65535")},
			{"FUNCTION_TARGET", "ExtractText", false, "function to serve",
				matching(&c.FunctionTarget, `[A-Za-z][A-Za-z0-9_.-]{0,62}`,
					"up to 63 letters, digits and _ . -, a letter first")},
			{"K_SERVICE", "", true,
				"name of the Cloud Run service, set by the platform; traces and metrics are then sent before a delivery is answered",
				token(&c.Telemetry.Function)},
			{"K_REVISION", "", true, "its revision, set by the platform", token(&c.Telemetry.Revision)},
		}},
		{"Emulators and credentials", []setting{
			{"STORAGE_EMULATOR_HOST", "", true, "address of a Cloud Storage emulator",
				matching(&c.StorageEmulatorHost, `(?:https?://)?[A-Za-z0-9._:\[\]-]+/?`,
					"host:port, or a URL of that")},
			{"FIRESTORE_EMULATOR_HOST", "", true, "address of Firestore's emulator",
				hostPort(&c.FirestoreEmulatorHost)},
			{"PUBSUB_EMULATOR_HOST", "", true, "address of Pub/Sub's emulator", hostPort(&c.PubSubEmulatorHost)},
			{"GCE_METADATA_HOST", "", true, "address of a stand-in for the metadata server, read by Google's clients",
				hostPort(another)},
			{"GOOGLE_APPLICATION_CREDENTIALS", "", true, "credentials file, read by Google's clients",
				matching(another, `[^\x00-\x1f\x7f]+`, "path of a file")},
		}},
		{"Traces and metrics", []setting{
			c.passed("OTEL_EXPORTER_OTLP_ENDPOINT", "",
				"OpenTelemetry collector for traces and metrics, below its /v1; none: nothing is sent", collector),
			c.passed("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "", "full address for traces only", collector),
			c.passed("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "", "full address for metrics only", collector),
			c.passed("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf", protocol, "http/protobuf"),
			c.passed("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/protobuf", protocol, "http/protobuf"),
			c.passed("OTEL_EXPORTER_OTLP_METRICS_PROTOCOL", "http/protobuf", protocol, "http/protobuf"),
			c.passed("OTEL_TRACES_EXPORTER", "otlp where an address is set", fallback, "otlp, none"),
			c.passed("OTEL_METRICS_EXPORTER", "otlp where an address is set", fallback, "otlp, none"),
			c.passed("OTEL_SDK_DISABLED", "false", "true sends nothing, whatever else is set", "true, false"),
			{"OTEL_SERVICE_NAME", "K_SERVICE, or bucketocr", true, "name of the source" + bySDK, unread},
			{"OTEL_RESOURCE_ATTRIBUTES", "", true, "more about the source" + bySDK, unread},
			{"OTEL_TRACES_SAMPLER", "parentbased_always_on", true,
				"which deliveries are traced; by default those that the platform traces, and those without a trace of the platform" + bySDK,
				unread},
			{"OTEL_TRACES_SAMPLER_ARG", "1", true, "ratio for the two samplers that have one" + bySDK, unread},
		}},
	}
}

// passed returns the row of a variable whose value is put unchanged into Telemetry.OTel.
func (c *Config) passed(name, def, meaning, limit string) setting {
	return setting{name, def, true, meaning, kind{limit: limit, set: func(value string) error {
		if c.Telemetry.OTel == nil {
			c.Telemetry.OTel = map[string]string{}
		}
		c.Telemetry.OTel[name] = value
		return nil
	}}}
}

// read sets the field from a value or, if that is empty, from its default. It returns a description of the problem, or
// nothing.
func (s setting) read(value string) string {
	switch {
	case value == "" && s.def == required:
		return "is not set; allowed: " + s.kind.limit
	case value == "" && s.derived:
		return ""
	case value == "":
		value = s.def
	}
	err := s.kind.set(value)
	if err == nil {
		return ""
	}
	shown := fmt.Sprintf("%.100q", value)
	if s.kind.secret != nil && s.kind.secret(value) {
		shown = "its value " + hidden
	}
	return fmt.Sprintf("%s %v; allowed: %s", shown, err, s.kind.limit)
}
