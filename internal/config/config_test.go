package config

import (
	"log/slog"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// from returns a lookup in pairs of name and value; OCR_URL is set by default.
func from(pairs ...string) func(string) (string, bool) {
	m := map[string]string{"OCR_URL": "https://ocr.example"}
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i]] = pairs[i+1]
	}
	return func(name string) (string, bool) {
		value, ok := m[name]
		return value, ok
	}
}

// problemsOf loads an invalid configuration and returns its problems.
func problemsOf(t *testing.T, memory int64, pairs ...string) []string {
	t.Helper()
	c, err := load(from(pairs...), memory)
	if err == nil {
		t.Fatalf("%q: no error", pairs)
	}
	if !reflect.DeepEqual(c, Config{}) {
		t.Errorf("%q: a config beside the error", pairs)
	}
	return strings.Split(err.Error(), "\n")
}

func TestDefaults(t *testing.T) {
	got, err := load(from(), 2*1<<30)
	if err != nil {
		t.Fatal(err)
	}
	want := Config{
		OCRURL: "https://ocr.example", OCRAudience: "https://ocr.example", OCRAuth: "oidc", OCRAPIKey: "",
		OCRModel: "lightonai/LightOnOCR-2-1B", OCRProfile: "", OCRMode: "plain",
		OCRTimeout: 120 * time.Second, OCRMaxTokens: 0, OCRConcurrency: 4, OCRInstanceConcurrency: 8,
		Project: "", FirestoreDatabase: "(default)", FirestoreCollection: "ocr_documents",
		MaxBytes: 67_108_864, MaxPixels: 60_000_000, MaxPages: 2000, OnMaxPages: "fail", PDFText: "never", Reuse: "off",
		MemoryBudget: 1 << 30, Memory: 2 << 30,
		MaxAttempts: 3, RetryWindow: 24 * time.Hour,
		ProcessTimeout: 480 * time.Second, ServiceTimeout: 540 * time.Second,
		OnDelete: "keep", LogLevel: slog.LevelInfo, Port: 8080, FunctionTarget: "ExtractText",
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

// The table that people read says the same.
func TestVariables(t *testing.T) {
	want := [][2]string{
		{"OCR_URL", "required"}, {"OCR_AUDIENCE", "origin of OCR_URL"}, {"OCR_AUTH", "oidc; none for loopback http"},
		{"OCR_API_KEY", ""}, {"OCR_MODEL", "lightonai/LightOnOCR-2-1B"}, {"OCR_PROFILE", "from the model's name"},
		{"OCR_MODE", "plain"}, {"OCR_TIMEOUT", "120s"}, {"OCR_MAX_TOKENS", "by the profile"}, {"OCR_CONCURRENCY", "4"},
		{"OCR_INSTANCE_CONCURRENCY", "8"},
		{"INCLUDE", "all"}, {"EXCLUDE", "none"}, {"OWNER_PATTERN", "none"}, {"MAX_BYTES", "64MiB"},
		{"MAX_PIXELS", "60MP"}, {"MAX_PAGES", "2000"}, {"ON_MAX_PAGES", "fail"}, {"PDF_TEXT", "never"},
		{"REUSE", "off"}, {"ON_DELETE", "keep"}, {"RECONCILE_BUCKETS", ""},
		{"GOOGLE_CLOUD_PROJECT", "from the metadata server"}, {"FIRESTORE_DATABASE", "(default)"},
		{"FIRESTORE_COLLECTION", "ocr_documents"}, {"NOTIFY_TOPIC", ""},
		{"MAX_ATTEMPTS", "3"}, {"RETRY_WINDOW", "24h"}, {"PROCESS_TIMEOUT", "480s"},
		{"CLOUD_RUN_TIMEOUT_SECONDS", "540"}, {"MEMORY_BUDGET", "half of the instance's limit"},
		{"LOG_LEVEL", "info"}, {"PORT", "8080"}, {"FUNCTION_TARGET", "ExtractText"}, {"K_SERVICE", ""},
		{"K_REVISION", ""},
		{"STORAGE_EMULATOR_HOST", ""}, {"FIRESTORE_EMULATOR_HOST", ""}, {"PUBSUB_EMULATOR_HOST", ""},
		{"GCE_METADATA_HOST", ""}, {"GOOGLE_APPLICATION_CREDENTIALS", ""},
		{"OTEL_EXPORTER_OTLP_ENDPOINT", ""}, {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", ""},
		{"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", ""}, {"OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"},
		{"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/protobuf"},
		{"OTEL_EXPORTER_OTLP_METRICS_PROTOCOL", "http/protobuf"},
		{"OTEL_TRACES_EXPORTER", "otlp where an address is set"},
		{"OTEL_METRICS_EXPORTER", "otlp where an address is set"},
		{"OTEL_SDK_DISABLED", "false"}, {"OTEL_SERVICE_NAME", "K_SERVICE, or bucketocr"},
		{"OTEL_RESOURCE_ATTRIBUTES", ""},
		{"OTEL_TRACES_SAMPLER", "parentbased_always_on"}, {"OTEL_TRACES_SAMPLER_ARG", "1"},
	}
	var got [][2]string
	for _, v := range Variables() {
		got = append(got, [2]string{v.Name, v.Default})
		if v.Meaning == "" || v.Limit == "" || strings.ContainsAny(v.Meaning+v.Limit+v.Unit+v.Default, "|\n") {
			t.Errorf("%+v: does not fit a table", v)
		}
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

// Every field of Config has a variable, and every variable a field, but for those that only Google's clients or
// OpenTelemetry's SDK use.
func TestEveryFieldIsSet(t *testing.T) {
	c, err := load(from(
		"OCR_URL", "http://ocr.example/x", "OCR_AUDIENCE", "a", "OCR_AUTH", "none", "OCR_API_KEY", "k", "OCR_MODEL",
		"m",
		"OCR_PROFILE", "generic", "OCR_MODE", "layout", "OCR_TIMEOUT", "1s", "OCR_MAX_TOKENS", "1", "OCR_CONCURRENCY",
		"2", "OCR_INSTANCE_CONCURRENCY", "3",
		"GOOGLE_CLOUD_PROJECT", "p-1", "FIRESTORE_DATABASE", "docs", "FIRESTORE_COLLECTION", "c", "INCLUDE", "in/**",
		"EXCLUDE", "in/tmp/**", "OWNER_PATTERN", "in/{owner}/**", "MAX_BYTES", "2048", "MAX_PIXELS", "3", "MAX_PAGES",
		"4", "ON_MAX_PAGES", "first", "PDF_TEXT", "prefer", "REUSE", "same-bytes", "MEMORY_BUDGET", "20 MiB",
		"MAX_ATTEMPTS", "6", "RETRY_WINDOW", "2m", "PROCESS_TIMEOUT", "3s",
		"CLOUD_RUN_TIMEOUT_SECONDS", "49", "ON_DELETE", "erase", "RECONCILE_BUCKETS",
		"acme-scans, b.example.org,acme-scans", "NOTIFY_TOPIC", "projects/p-1/topics/ended", "LOG_LEVEL", "error",
		"PORT", "9", "FUNCTION_TARGET", "F",
		"STORAGE_EMULATOR_HOST", "s:1", "FIRESTORE_EMULATOR_HOST", "f:2", "PUBSUB_EMULATOR_HOST", "p:3",
		"GCE_METADATA_HOST", "g",
		"GOOGLE_APPLICATION_CREDENTIALS", "/k.json", "OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:1/x/",
		"K_SERVICE", "f", "K_REVISION", "f-1",
	), 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	filter, owners := c.Filter, c.Owners
	c.Filter, c.Owners = Config{}.Filter, Config{}.Owners
	if want := (Config{
		OCRURL: "http://ocr.example/x", OCRAudience: "a", OCRAuth: NoAuth, OCRAPIKey: "k", OCRModel: "m",
		OCRProfile: "generic",
		OCRMode:    "layout", OCRTimeout: time.Second, OCRMaxTokens: 1, OCRConcurrency: 2, OCRInstanceConcurrency: 3,
		Project:           "p-1",
		FirestoreDatabase: "docs", FirestoreCollection: "c", MaxBytes: 2048, MaxPixels: 3, MaxPages: 4,
		OnMaxPages: ReadFirst, PDFText: PreferText, Reuse: SameBytes,
		MemoryBudget: 20 << 20, Memory: 1 << 30, MaxAttempts: 6, RetryWindow: 2 * time.Minute,
		ProcessTimeout: 3 * time.Second,
		ServiceTimeout: 49 * time.Second, OnDelete: Erase, ReconcileBuckets: []string{"acme-scans", "b.example.org"},
		LogLevel: slog.LevelError, Port: 9, FunctionTarget: "F",
		NotifyTopic: "projects/p-1/topics/ended", PubSubEmulatorHost: "p:3", StorageEmulatorHost: "s:1",
		FirestoreEmulatorHost: "f:2",
		Telemetry: Telemetry{Function: "f", Revision: "f-1",
			OTel: map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:1/x/"}},
	}); !reflect.DeepEqual(c, want) {
		t.Errorf("got  %+v\nwant %+v", c, want)
	}
	for name, want := range map[string]string{"in/a.png": "", "in/tmp/a.png": "excluded", "a.png": "not_included"} {
		if got, _ := filter.Skip(finalized(name)); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if got := owners.Of("in/ada/a.png"); got != "ada" {
		t.Errorf("the owner is %q", got)
	}
	c.Filter, c.Owners = filter, owners
	for i, v := range reflect.VisibleFields(reflect.TypeFor[Config]()) {
		if reflect.ValueOf(c).Field(i).IsZero() {
			t.Errorf("nothing sets %s", v.Name)
		}
	}
}

// bad has an invalid value for each variable that can be wrong.
var bad = []string{
	"OCR_URL", "ocr.example", "OCR_AUDIENCE", "a b", "OCR_AUTH", "jwt", "OCR_API_KEY", "hush hush", "OCR_MODEL", "a b",
	"OCR_PROFILE", "gpt", "OCR_MODE", "fancy", "OCR_TIMEOUT", "120", "OCR_MAX_TOKENS", "0", "OCR_CONCURRENCY", "65",
	"OCR_INSTANCE_CONCURRENCY", "0",
	"GOOGLE_CLOUD_PROJECT", "My Project", "FIRESTORE_DATABASE", "x", "FIRESTORE_COLLECTION", "a/b", "INCLUDE", "a[",
	"EXCLUDE", "*.{a,b}", "OWNER_PATTERN", "users/**", "MAX_BYTES", "64MB", "MAX_PIXELS", "60M", "MAX_PAGES", "10000",
	"ON_MAX_PAGES", "half", "PDF_TEXT", "always", "REUSE", "on", "MEMORY_BUDGET", "1KiB",
	"MAX_ATTEMPTS", "0", "RETRY_WINDOW", "1s", "PROCESS_TIMEOUT", "600s",
	"CLOUD_RUN_TIMEOUT_SECONDS", "600", "ON_DELETE", "drop", "RECONCILE_BUCKETS", "gs://b", "NOTIFY_TOPIC", "ended",
	"LOG_LEVEL", "loud", "PORT", "65536",
	"FUNCTION_TARGET", "a/b", "STORAGE_EMULATOR_HOST", "ftp://x", "FIRESTORE_EMULATOR_HOST", "http://x:1",
	"PUBSUB_EMULATOR_HOST", "http://x:1",
	"GCE_METADATA_HOST", "http://x", "GOOGLE_APPLICATION_CREDENTIALS", "a\nb",
	"K_SERVICE", "a b", "K_REVISION", "a b",
}

func TestEveryProblemAtOnce(t *testing.T) {
	got := problemsOf(t, 0, bad...)
	// never a problem
	all := slices.DeleteFunc(Variables(), func(v Variable) bool { return strings.HasPrefix(v.Name, "OTEL_") })
	if len(got) != len(all) {
		t.Fatalf("%d problems of %d variables:\n%s", len(got), len(all), strings.Join(got, "\n"))
	}
	for i, v := range all {
		if !strings.HasPrefix(got[i], v.Name+": ") || !strings.Contains(got[i], v.Limit) {
			t.Errorf("%s: want %s and its limit", got[i], v.Name)
		}
		value, _ := from(bad...)(v.Name)
		if shown := strings.Contains(got[i], quoted(value)); shown == (v.Name == "OCR_API_KEY") {
			t.Errorf("%s: does not show %q", got[i], value)
		}
	}
	if all := strings.Join(got, "\n"); strings.Contains(all, "hush") {
		t.Errorf("shows the secret:\n%s", all)
	}
}

func TestNotSet(t *testing.T) {
	for _, value := range []string{"", " \t\n"} {
		var pairs []string
		for _, v := range Variables() {
			pairs = append(pairs, v.Name, value)
		}
		got := problemsOf(t, 0, pairs...)
		if len(got) != 1 || !strings.HasPrefix(got[0], "OCR_URL: is not set; allowed: http or https URL") {
			t.Errorf("%q: %q", value, got)
		}
		c, err := load(from(append(pairs, "OCR_URL", " https://ocr.example\n")...), 0)
		if err != nil {
			t.Fatal(err)
		}
		if d, err := load(from(), 0); err != nil || !reflect.DeepEqual(c, d) {
			t.Errorf("%q: not the defaults: %+v", value, c)
		}
	}
}

func TestLoadReadsTheMachine(t *testing.T) {
	c, err := Load(from())
	if err != nil || c.MemoryBudget < minBudget {
		t.Errorf("budget %d, %v", c.MemoryBudget, err)
	}
}

// TestLoadStores: a command that only reads documents needs no OCR service, but a wrong address is still an error.
func TestLoadStores(t *testing.T) {
	env := map[string]string{"GOOGLE_CLOUD_PROJECT": "my-project", "FIRESTORE_EMULATOR_HOST": "127.0.0.1:8081",
		"OCR_TIMEOUT": "never"}
	lookup := func(name string) (string, bool) { v, ok := env[name]; return v, ok }
	c, err := LoadStores(lookup)
	if err != nil || c.Project != "my-project" || c.FirestoreCollection != "ocr_documents" ||
		c.FirestoreDatabase != "(default)" {
		t.Errorf("%+v, %v", c, err)
	}
	env["FIRESTORE_EMULATOR_HOST"], env["FIRESTORE_COLLECTION"] = "a b", "a/b"
	if _, err := LoadStores(lookup); err == nil || strings.Count(err.Error(), "FIRESTORE_") < 2 {
		t.Errorf("two wrong settings: %v", err)
	}
}
