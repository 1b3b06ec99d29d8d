package document

// Class is the cause of a fault, which determines how often the work is retried.
type Class string

// The classes.
const (
	ClassFinal   Class = "final"   // caused by the page or the object: it fails at once
	ClassSuspect Class = "suspect" // may be caused by the page: retried alone, and failed after MAX_ATTEMPTS strikes
	// caused by another service: retried until RETRY_WINDOW is over (the store's faults never end a record)
	ClassService Class = "service"
	ClassOurs    Class = "ours" // caused by this function itself: retried, and never makes a record fail
)

// The codes of a document's error. Append-only: listeners and dashboards rely on them.
const (
	CodeUnsupportedMedia     = "unsupported_media"
	CodeTooLarge             = "too_large"
	CodeCorrupt              = "corrupt"
	CodeEncrypted            = "encrypted"
	CodeEmpty                = "empty"
	CodeObjectGone           = "object_gone"
	CodeStorageUnavailable   = "storage_unavailable"
	CodeStorageMisconfigured = "storage_misconfigured"
	CodeOCRUnavailable       = "ocr_unavailable"
	CodeOCRMisconfigured     = "ocr_misconfigured"
	CodeOCRTimeout           = "ocr_timeout"
	CodeOCRFailed            = "ocr_failed"
	CodeOCRRejected          = "ocr_rejected"
	CodeOCRBadResponse       = "ocr_bad_response"
	CodeStoreUnavailable     = "store_unavailable"
	CodeStoreMisconfigured   = "store_misconfigured"
	CodeStoreRejected        = "store_rejected"
	CodeTopicUnavailable     = "topic_unavailable"
	CodeTopicMisconfigured   = "topic_misconfigured"
	CodeDeadline             = "deadline"
	CodeInterrupted          = "interrupted"
	CodeInternal             = "internal"
)

// CodeInfo is a row of the table of codes. The log, the web page, the terminal and the documentation all use its
// sentences.
type CodeInfo struct {
	Code     string
	Class    Class  // the default; the OCR service's own state may change it
	Summary  string // what happened: a sentence
	Advice   string // what to do about it: a sentence
	Operator bool   // the operator must act: the fault is logged as an error, with its advice
}

// Codes returns the table of codes.
func Codes() []CodeInfo {
	return []CodeInfo{
		{CodeUnsupportedMedia, ClassFinal, "This is not an image, or its format is not supported.",
			"Supported are PNG, JPEG, GIF, BMP, WebP, TIFF, HEIC, AVIF, JPEG 2000 and PDF.", false},
		{CodeTooLarge, ClassFinal, "It exceeds the limits, or those of the OCR service.",
			"Make it smaller, or raise MAX_BYTES, MAX_PIXELS, MAX_PAGES or MEMORY_BUDGET.", false},
		{CodeCorrupt, ClassFinal, "The file is damaged or cut off.", "Upload it again from its source.", false},
		{CodeEncrypted, ClassFinal, "The file is encrypted: a password or a customer-supplied key protects it.",
			"Remove the password, or store it without a customer-supplied key, and upload it again.", false},
		{CodeEmpty, ClassFinal, "The file is empty.", "Upload it again from its source.", false},
		{CodeObjectGone, ClassFinal, "The file was deleted before it was read.",
			"Upload it again if it is still wanted.", false},

		{CodeStorageUnavailable, ClassService, "Cloud Storage did not answer, or its bytes arrived damaged.",
			"It will be retried automatically.", false},
		{CodeStorageMisconfigured, ClassService, "Cloud Storage denied access to the object.",
			"Grant roles/storage.objectViewer on the bucket to the function's service account.", true},

		{CodeOCRUnavailable, ClassService, "The OCR service did not answer, is at capacity or is still starting.",
			"It will be retried automatically.", false},
		{CodeOCRMisconfigured, ClassService, "The OCR service is not configured for the requests that it receives.",
			"Check its address, model and role; the log line says which.", true},
		{CodeOCRTimeout, ClassSuspect, "The OCR service took longer than OCR_TIMEOUT.",
			"The page is too dense for that time, or the service is overloaded: raise OCR_TIMEOUT or add GPUs (both with ./deploy.sh all), or lower OCR_MAX_TOKENS, then retry it.",
			false},
		{CodeOCRFailed, ClassSuspect, "The OCR engine failed on this image.",
			"Retry it; if that does not help, save the image in another format.", false},
		{CodeOCRRejected, ClassFinal, "The OCR service cannot read this image.",
			"Save the image in another format, PNG for instance, and upload it again.", false},
		{CodeOCRBadResponse, ClassSuspect, "The OCR service's answer was not usable.",
			"Retry it; if that does not help, look at the OCR service's log.", false},

		{CodeStoreUnavailable, ClassService, "The record store did not answer.", "It will be retried automatically.",
			false},
		{CodeStoreMisconfigured, ClassService, "The record store denied access.",
			"Grant roles/datastore.user to the function's service account; check that the Firestore database exists and FIRESTORE_DATABASE names it.",
			true},
		{CodeStoreRejected, ClassFinal, "The record store does not accept this document.",
			"This is worth a bug report; the log line says more.", true},

		{CodeTopicUnavailable, ClassService, "The topic of NOTIFY_TOPIC did not answer.",
			"The sweep will announce the end.", false},
		{CodeTopicMisconfigured, ClassService, "The topic of NOTIFY_TOPIC does not exist, or denied access.",
			"Create the topic, and grant roles/pubsub.publisher on it to the function's service account; the sweep then announces the ends missed meanwhile.",
			true},

		{CodeDeadline, ClassOurs, "PROCESS_TIMEOUT was over before every page was finished.",
			"It will be retried automatically.", false},
		{CodeInterrupted, ClassSuspect, "The process ended while it worked on this.",
			"Retry it; if that does not help, this is worth a bug report.", false},
		{CodeInternal, ClassSuspect, "A decoder or bucketocr itself failed on this.",
			"This is worth a bug report; the log line has the details.", true},
	}
}

// Code returns the row of a code; a zero row if the code is not in the table.
func Code(code string) CodeInfo {
	for _, c := range Codes() {
		if c.Code == code {
			return c
		}
	}
	return CodeInfo{}
}

// Warnings of a page, and of its document. Append-only.
const (
	WarnTruncated     = "truncated"
	WarnRepetition    = "repetition"
	WarnDamaged       = "damaged"
	WarnPageFailed    = "page_failed"
	WarnMissingGlyphs = "missing_glyphs"
	WarnTurned        = "turned"
	WarnNoText        = "no_text"
	WarnImprobable    = "improbable"
	WarnPagesSkipped  = "pages_skipped"
)

// WarningInfo is a row of the table of warnings.
type WarningInfo struct {
	Warning string
	Summary string // a sentence
}

// Warnings returns the table of warnings.
func Warnings() []WarningInfo {
	return []WarningInfo{
		{WarnTruncated, "The page holds more than the text shows."},
		{WarnRepetition, "The model may have repeated itself; compare the text with the page."},
		{WarnDamaged, "The image is cut off or damaged in part."},
		{WarnPageFailed, "This page has no text: reading it failed."},
		{WarnMissingGlyphs, "The page has characters that no font here can draw; the text lacks them."},
		{WarnTurned, "The page was not upright; it was turned before it was read."},
		{WarnNoText, "The page has print on it, but no text was read."},
		{WarnImprobable, "There is much text for a page with hardly any print; it may be invented."},
		{WarnPagesSkipped, "The object has more pages than MAX_PAGES; the first ones were read."},
	}
}

// Fault is a classified error.
type Fault struct {
	Code    string
	Class   Class
	Message string
	Cause   error
}

// MaxMessage is the maximum length of an error's message in a document, in bytes.
const MaxMessage = 500

// StoredError returns the fault as a record stores it.
func (f Fault) StoredError() *Error {
	return &Error{Code: f.Code, Message: Clip(f.Message, MaxMessage), Retryable: f.Class != ClassFinal}
}
