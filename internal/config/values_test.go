package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
)

func finalized(name string) document.Event {
	return document.Event{Kind: document.KindFinalized, Object: document.Object{Bucket: "b", Name: name, Generation: 1}}
}

func quoted(s string) string { return strconv.Quote(s) }

// field reads the field of a Config that the variable of a table below sets.
func field(t *testing.T, c Config, name string) any {
	t.Helper()
	v := reflect.ValueOf(c).FieldByName(name)
	if !v.IsValid() {
		t.Fatalf("no field %s", name)
	}
	return v.Interface()
}

func TestGoodValues(t *testing.T) {
	for _, tt := range []struct {
		variable, value, field string
		want                   any
	}{
		{"OCR_AUDIENCE", "123.apps.googleusercontent.com", "OCRAudience", "123.apps.googleusercontent.com"},
		{"OCR_AUTH", "oidc", "OCRAuth", OIDC}, {"OCR_AUTH", "None", "OCRAuth", NoAuth},
		{"OCR_API_KEY", " sk-1/+=\n", "OCRAPIKey", Secret("sk-1/+=")},
		{"OCR_MODEL", "/models/x", "OCRModel", "/models/x"},
		{"OCR_PROFILE", "lightonocr-1", "OCRProfile", "lightonocr-1"},
		{"OCR_PROFILE", "lightonocr-2", "OCRProfile", "lightonocr-2"},
		{"OCR_PROFILE", "lightonocr-3-0.8b", "OCRProfile", "lightonocr-3-0.8b"},
		{"OCR_PROFILE", "LightOnOCR-3-1B", "OCRProfile", "lightonocr-3-1b"},
		{"OCR_PROFILE", "lightonocr-3-4b", "OCRProfile", "lightonocr-3-4b"},
		{"OCR_PROFILE", "generic", "OCRProfile", "generic"},
		{"OCR_MODE", "layout", "OCRMode", "layout"}, {"OCR_MODE", "plain", "OCRMode", "plain"},
		{"OCR_TIMEOUT", "100ms", "OCRTimeout", 100 * time.Millisecond},
		{"OCR_TIMEOUT", "7m29.9s", "OCRTimeout", 449900 * time.Millisecond},
		{"OCR_MAX_TOKENS", "131072", "OCRMaxTokens", 131072},
		{"OCR_CONCURRENCY", "1", "OCRConcurrency", 1}, {"OCR_CONCURRENCY", "64", "OCRConcurrency", 64},
		{"OCR_INSTANCE_CONCURRENCY", "1", "OCRInstanceConcurrency", 1},
		{"OCR_INSTANCE_CONCURRENCY", "1000", "OCRInstanceConcurrency", 1000},
		{"GOOGLE_CLOUD_PROJECT", "example.com:my-project", "Project", "example.com:my-project"},
		{"FIRESTORE_DATABASE", "(default)", "FirestoreDatabase", "(default)"},
		{"FIRESTORE_DATABASE", "scan-2", "FirestoreDatabase", "scan-2"},
		{"FIRESTORE_COLLECTION", "Texte für alle", "FirestoreCollection", "Texte für alle"},
		{"FIRESTORE_COLLECTION", "__x", "FirestoreCollection", "__x"},
		{"FIRESTORE_COLLECTION", strings.Repeat("c", 1494), "FirestoreCollection", strings.Repeat("c", 1494)},
		{"MAX_BYTES", "1024", "MaxBytes", int64(1024)}, {"MAX_BYTES", "64 MiB", "MaxBytes", int64(64 << 20)},
		{"MAX_BYTES", "4GiB", "MaxBytes", int64(4 << 30)}, {"MAX_BYTES", "1kib", "MaxBytes", int64(1024)},
		{"MAX_BYTES", "2000B", "MaxBytes", int64(2000)},
		{"MAX_PIXELS", "1", "MaxPixels", int64(1)}, {"MAX_PIXELS", "1000 mp", "MaxPixels", int64(1_000_000_000)},
		{"MAX_PAGES", "1", "MaxPages", 1}, {"MAX_PAGES", "9999", "MaxPages", 9999},
		{"PDF_TEXT", "prefer", "PDFText", PreferText}, {"PDF_TEXT", "NEVER", "PDFText", NeverText},
		{"REUSE", "same-bytes", "Reuse", SameBytes}, {"REUSE", "OFF", "Reuse", ReadAll},
		{"ON_MAX_PAGES", "first", "OnMaxPages", ReadFirst}, {"ON_MAX_PAGES", "Fail", "OnMaxPages", FailLong},
		{"MEMORY_BUDGET", "16MiB", "MemoryBudget", int64(16 << 20)},
		{"MEMORY_BUDGET", "1GiB", "MemoryBudget", int64(1 << 30)},
		{"MAX_ATTEMPTS", "1", "MaxAttempts", 1}, {"MAX_ATTEMPTS", "1000", "MaxAttempts", 1000},
		{"RETRY_WINDOW", "1m", "RetryWindow", time.Minute}, {"RETRY_WINDOW", "720h", "RetryWindow", 720 * time.Hour},
		{"PROCESS_TIMEOUT", "494s", "ProcessTimeout", 494 * time.Second},
		{"CLOUD_RUN_TIMEOUT_SECONDS", "599", "ServiceTimeout", 599 * time.Second},
		{"ON_DELETE", "erase", "OnDelete", Erase}, {"ON_DELETE", "keep", "OnDelete", Keep},
		{"LOG_LEVEL", "debug", "LogLevel", slog.LevelDebug}, {"LOG_LEVEL", "INFO", "LogLevel", slog.LevelInfo},
		{"LOG_LEVEL", "warn", "LogLevel", slog.LevelWarn}, {"LOG_LEVEL", "error", "LogLevel", slog.LevelError},
		{"PORT", "0", "Port", 0}, {"PORT", "65535", "Port", 65535},
		{"FUNCTION_TARGET", "my-function_2", "FunctionTarget", "my-function_2"},
		{"STORAGE_EMULATOR_HOST", "http://127.0.0.1:9023/", "StorageEmulatorHost", "http://127.0.0.1:9023/"},
		{"FIRESTORE_EMULATOR_HOST", "[::1]:8081", "FirestoreEmulatorHost", "[::1]:8081"},
	} {
		c, err := load(from(tt.variable, tt.value), 1<<30)
		if err != nil {
			t.Errorf("%v", err)
			continue
		}
		if got := field(t, c, tt.field); got != tt.want {
			t.Errorf("%s=%q: %v, want %v", tt.variable, tt.value, got, tt.want)
		}
	}
}

// TestClientsOwnVariables: variables that only Google's clients use are checked, but not kept.
func TestClientsOwnVariables(t *testing.T) {
	plain, err := load(from(), 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	for variable, value := range map[string]string{
		"GCE_METADATA_HOST": "metadata", "GOOGLE_APPLICATION_CREDENTIALS": "/a b/k.json",
	} {
		if c, err := load(from(variable, value), 1<<30); err != nil || !reflect.DeepEqual(c, plain) {
			t.Errorf("%s=%q: %+v, %v", variable, value, c, err)
		}
	}
}

func TestBadValues(t *testing.T) {
	for variable, values := range map[string][]string{
		"OCR_AUDIENCE": {"a b", "é", "a\nb"}, "OCR_AUTH": {"basic", "oidc,none"}, "OCR_MODEL": {"my model", "\x00"},
		"OCR_PROFILE": {"lightonocr-3", "none"}, "OCR_MODE": {"text"},
		"OCR_TIMEOUT":     {"120", "2 min", "-1s", "99ms", "599s", "1h", "9999999999h"},
		"OCR_MAX_TOKENS":  {"0", "131073", "4k", "4096.0", "0x10", "99999999999999999999"},
		"OCR_CONCURRENCY": {"0", "65", "-4", "four"}, "OCR_INSTANCE_CONCURRENCY": {"0", "1001", "-8", "eight"},
		"GOOGLE_CLOUD_PROJECT": {"projects/p", "P", "-p", "p-", "a b"},
		"FIRESTORE_DATABASE":   {"(Default)", "abc", "Abcd", "abc-", "1abc", "a/b", strings.Repeat("a", 64)},
		"FIRESTORE_COLLECTION": {"a/b", ".", "..", "__x__", "____", "ocr_pages", "\xe9", strings.Repeat("c", 1495)},
		"INCLUDE":              {"a[", "a,,b", ",", "*.{a,b}", "\xe9"}, "EXCLUDE": {"[z-a]", "a,"},
		"OWNER_PATTERN": {"users/*", "{owner}-*", "**/{owner}/*", "{owner}/{owner}", "a[/{owner}", "{owner}/\xe9",
			"{owner}/", "/{owner}/*"},
		"MAX_BYTES": {"1023", "64MB", "64 M", "-1", "5GiB", "1.5GiB", "MiB", "99999999999999999999",
			"9223372036854775807GiB"},
		"MAX_PIXELS": {"0", "60 Mpx", "60MiB", "1001MP"}, "MAX_PAGES": {"0", "10000", "2e3"},
		"ON_MAX_PAGES": {"last", "truncate"}, "PDF_TEXT": {"yes", "first"}, "REUSE": {"on", "samebytes", "same bytes"},
		"MEMORY_BUDGET": {"0", "1KiB", "65GiB", "half", "50%"}, "MAX_ATTEMPTS": {"0", "1001"},
		"RETRY_WINDOW":    {"59s", "721h", "1d", "24"},
		"PROCESS_TIMEOUT": {"999ms", "480", "600s"}, "CLOUD_RUN_TIMEOUT_SECONDS": {"0", "46", "600", "3600", "540s"},
		"ON_DELETE": {"delete"}, "NOTIFY_TOPIC": {"t", "projects/p/topics/t", "projects/p/subscriptions/ended"},
		"RECONCILE_BUCKETS": {"gs://b", "b/x", "A", "one,,two"}, "LOG_LEVEL": {"trace", "info+1", "0"},
		"PORT":                    {"-1", "65536", ":8080"},
		"FUNCTION_TARGET":         {"1x", "a/b", strings.Repeat("f", 64)},
		"STORAGE_EMULATOR_HOST":   {"ftp://x", "http://", "a b:1", "http://x/y"},
		"FIRESTORE_EMULATOR_HOST": {"http://x:1", "x/y"},
		"GCE_METADATA_HOST":       {"http://x"}, "GOOGLE_APPLICATION_CREDENTIALS": {"a\x00b"},
	} {
		limit := limitOf(t, variable)
		for _, value := range values {
			got := problemsOf(t, 0, variable, value)
			if len(got) != 1 || !strings.HasPrefix(got[0], variable+": "+fmt.Sprintf("%.100q", value)) ||
				!strings.HasSuffix(got[0], "; allowed: "+limit) {
				t.Errorf("%s=%q: %q", variable, value, got)
			}
		}
	}
}

func limitOf(t *testing.T, variable string) string {
	t.Helper()
	for _, v := range Variables() {
		if v.Name == variable {
			return v.Limit
		}
	}
	t.Fatalf("no variable %s", variable)
	return ""
}

func TestProblemsReadWell(t *testing.T) {
	for _, tt := range []struct{ variable, value, want string }{
		{"OCR_TIMEOUT", "120",
			`OCR_TIMEOUT: "120" is not a duration with a unit; allowed: 100ms to 598s, written like 90s, 2m30s or 24h`},
		{"OCR_CONCURRENCY", "99", `OCR_CONCURRENCY: "99" exceeds the maximum; allowed: whole number, 1 to 64`},
		{"MAX_BYTES", "5GiB",
			`MAX_BYTES: "5GiB" exceeds the maximum; allowed: number of bytes, or of KiB, MiB or GiB, 1 KiB to 4 GiB`},
		{"MAX_BYTES", "MiB",
			`MAX_BYTES: "MiB" is not valid; allowed: number of bytes, or of KiB, MiB or GiB, 1 KiB to 4 GiB`},
		{
			"MAX_PIXELS", "0", `MAX_PIXELS: "0" is below the minimum; allowed: number of pixels, or of MP (a million), 1 to 1000 MP`},
		{"ON_DELETE", "drop", `ON_DELETE: "drop" is not one of the choices; allowed: keep, erase`},
		{"OCR_API_KEY", "Bearer xyz",
			`OCR_API_KEY: its value (not shown) is not valid; allowed: printable ASCII without spaces`},
		{"EXCLUDE", "a[,*.{x,y}",
			`EXCLUDE: "a[,*.{x,y}" contains an invalid pattern: pattern "a[": a [ is not closed within its segment; ` +
				`pattern "*.{x": braces are not alternatives: write a pattern for each; pattern "y}": braces are not alternatives: ` +
				`write a pattern for each; allowed: globs separated by commas, over the whole object name: * ? [a-z] within a segment, ` +
				`** across`},
	} {
		if got := problemsOf(t, 0, tt.variable, tt.value); len(got) != 1 || got[0] != tt.want {
			t.Errorf("got  %s\nwant %s", strings.Join(got, "\n"), tt.want)
		}
	}
}

func TestSpacesAroundGlobs(t *testing.T) {
	c, err := load(from("INCLUDE", "*.png , in/** ,*.jpg"), 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a.png", "in/b/c.tif", "d.jpg"} {
		if reason, skip := c.Filter.Skip(finalized(name)); skip {
			t.Errorf("%s: %s", name, reason)
		}
	}
}

func TestSecretIsNeverShown(t *testing.T) {
	c, err := load(from("OCR_API_KEY", "sk-hush"), 0)
	if err != nil || string(c.OCRAPIKey) != "sk-hush" {
		t.Fatal(err)
	}
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%10s"} {
		fmt.Fprintf(&out, verb+"\n", c.OCRAPIKey)
		fmt.Fprintf(&out, verb+"\n", c)
		fmt.Fprintf(&out, verb+"\n", &c)
	}
	for _, h := range []slog.Handler{slog.NewJSONHandler(&out, nil), slog.NewTextHandler(&out, nil)} {
		slog.New(h).Info("start", "config", c, "key", c.OCRAPIKey, "pointer", &c)
	}
	encoded, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	out.Write(encoded)
	for _, s := range []string{"hush", fmt.Sprintf("%x", "hush"), fmt.Sprintf("%X", "hush")} {
		if strings.Contains(out.String(), s) {
			t.Errorf("shown:\n%s", out.String())
		}
	}
	if !strings.Contains(out.String(), hidden) {
		t.Error("no stand-in")
	}
	if got := fmt.Sprintf("%v", Secret("")); got != "" {
		t.Errorf("no secret shows as %q", got)
	}
	if got, err := json.Marshal(Secret("")); err != nil || string(got) != `""` {
		t.Errorf("no secret is encoded as %s, %v", got, err)
	}
}
