package config

import (
	"math"
	"strconv"
	"time"

	"github.com/bucketocr/bucketocr/ocr"
)

// Variable describes one variable for people.
type Variable struct {
	Name    string
	Default string // its value, or in words where it depends; "required"; empty for none
	Meaning string
	Unit    string // of a number; empty where there is none
	Limit   string // what is allowed
}

// Variables are all that Load reads, in the order in which they are best explained.
func Variables() []Variable {
	var c Config
	settings := c.settings()
	all := make([]Variable, len(settings))
	for i, s := range settings {
		all[i] = Variable{Name: s.name, Default: s.def, Meaning: s.meaning, Unit: s.kind.unit, Limit: s.kind.limit}
	}
	return all
}

// setting is a row of the table, bound to a field.
type setting struct {
	name    string
	def     string // the default as it would be written, or as people are told where derived is set
	derived bool   // the default is no value: the field stays zero, or derive finds it
	meaning string
	kind    kind
}

const required = "required"

func (c *Config) settings() []setting {
	var all []setting
	all = append(all, c.ocrSettings()...)
	all = append(all, c.storeSettings()...)
	all = append(all, c.limitSettings()...)
	all = append(all, c.platformSettings()...)
	all = append(all, c.clientSettings()...)
	return append(all, c.Telemetry.settings()...)
}

func (c *Config) ocrSettings() []setting {
	return []setting{
		{"OCR_URL", required, true, "base URL of the OCR service; /v1 at its end is left out", baseURL(&c.OCRURL)},
		{"OCR_AUDIENCE", "origin of OCR_URL", true, "audience of the ID token", token(&c.OCRAudience)},
		{"OCR_AUTH", "oidc; none for loopback http", true,
			"how we show the OCR service who we are; oidc is refused over plain http to another host",
			oneOf(&c.OCRAuth, OIDC, NoAuth)},
		{"OCR_API_KEY", "", true,
			"vLLM's own key: it takes Authorization, the ID token moves to X-Serverless-Authorization", secret(&c.OCRAPIKey)},
		{"OCR_MODEL", ocr.DefaultModel, false,
			"model to ask for; after a wrong-model 404 the server's only one is taken", token(&c.OCRModel)},
		{"OCR_PROFILE", "from the model's name", true, "edge, sampling and layout of a model",
			oneOf(&c.OCRProfile, ocr.ProfileNames()...)},
		{"OCR_MODE", ocr.ModePlain, false, "text alone, or with blocks and their place (LightOnOCR-3)",
			oneOf(&c.OCRMode, Plain, Layout)},
		{"OCR_TIMEOUT", plain(ocr.DefaultTimeout), false, "one try, connect to last byte; less than PROCESS_TIMEOUT",
			duration(&c.OCRTimeout, 100*time.Millisecond, 598*time.Second)},
		{"OCR_MAX_TOKENS", strconv.Itoa(ocr.DefaultMaxTokens), false, "longest answer for one page",
			number(&c.OCRMaxTokens, "tokens", 1, 131_072)},
		{"OCR_CONCURRENCY", "4", false, "pages in flight for one object", number(&c.OCRConcurrency, "pages", 1, 64)},
		{"OCR_INSTANCE_CONCURRENCY", "8", false, "pages in flight for all objects of one instance; no less than its concurrency",
			number(&c.OCRInstanceConcurrency, "pages", 1, 1000)},
	}
}

func (c *Config) storeSettings() []setting {
	return []setting{
		{"GOOGLE_CLOUD_PROJECT", "from the metadata server", true, "project of bucket and database", projectID(&c.Project)},
		{"FIRESTORE_DATABASE", "(default)", false, "database of the documents", databaseID(&c.FirestoreDatabase)},
		{"FIRESTORE_COLLECTION", "ocr_documents", false, "collection of the documents, shared with no other app",
			collectionID(&c.FirestoreCollection)},
	}
}

func (c *Config) limitSettings() []setting {
	include, exclude := globs(&c.Filter)
	return []setting{
		{"INCLUDE", "all", true, "which object names to read", include},
		{"EXCLUDE", "none", true, "which object names to pass over", exclude},
		{"MAX_BYTES", "64MiB", false, "largest object", size(&c.MaxBytes, 1*kib, 4*gib)},
		{"MAX_PIXELS", "60MP", false, "largest page, by its pixels or what its decoder needs",
			pixels(&c.MaxPixels, 1, 1000*megapixel)},
		{"MAX_PAGES", "2000", false, "longest object", number(&c.MaxPages, "pages", 1, 9999)},
		{"MEMORY_BUDGET", "half of the instance's limit", true,
			"decoded pages in flight; 512 MiB where no limit is found, never above the instance's",
			size(&c.MemoryBudget, minBudget, maxBudget)},
		{"MAX_ATTEMPTS", "5", false, "proven faults before an object fails", number(&c.MaxAttempts, "attempts", 1, 1000)},
		{"MAX_DOUBTS", "20", false, "unproven faults before an object fails", number(&c.MaxDoubts, "attempts", 1, 1000)},
		{"RETRY_WINDOW", "24h", false, "from the first claim until any fault is final",
			duration(&c.RetryWindow, time.Minute, 720*time.Hour)},
	}
}

func (c *Config) platformSettings() []setting {
	return []setting{
		{"PROCESS_TIMEOUT", "480s", false, "one delivery; less than the service's time-out",
			duration(&c.ProcessTimeout, time.Second, 598*time.Second)},
		{"CLOUD_RUN_TIMEOUT_SECONDS", "540", false,
			"the service's time-out, set by the platform; less than the 600 s after which the event is sent again",
			seconds(&c.ServiceTimeout, 1, 599)},
		{"ON_DELETE", "keep", false, "what happens to the document when the object is deleted",
			oneOf(&c.OnDelete, Keep, Erase)},
		{"LOG_LEVEL", "info", false, "least level that is logged", level(&c.LogLevel)},
		{"PORT", "8080", false, "TCP port to listen on; 0 for any that is free", number(&c.Port, "", 0, math.MaxUint16)},
		{"FUNCTION_TARGET", "ExtractText", false, "function to serve", functionName(&c.FunctionTarget)},
	}
}

// clientSettings are those that Google's clients read themselves. The last two are checked and otherwise left to them.
func (c *Config) clientSettings() []setting {
	return []setting{
		{"STORAGE_EMULATOR_HOST", "", true, "address of a stand-in for Cloud Storage", address(&c.StorageEmulatorHost)},
		{"FIRESTORE_EMULATOR_HOST", "", true, "address of Firestore's emulator", hostPort(&c.FirestoreEmulatorHost)},
		{"GCE_METADATA_HOST", "", true, "the metadata server's stand-in, read by Google's clients",
			hostPort(new(string))},
		{"GOOGLE_APPLICATION_CREDENTIALS", "", true, "credentials file, read by Google's clients",
			filePath(new(string))},
	}
}
