package document

// Class says whose fault a fault is, and with that how often it is tried again.
type Class string

// The classes.
const (
	ClassFinal   Class = "final"   // the page's or the object's: failed now
	ClassSuspect Class = "suspect" // may be the page's: tried again alone, and failed after MAX_ATTEMPTS strikes
	ClassService Class = "service" // another part's: tried again until RETRY_WINDOW is over
	ClassOurs    Class = "ours"    // of this function's own doing: tried again, and never why a record fails
)

// The codes that a document's error holds. Append-only: listeners and dashboards know them.
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

// CodeInfo is a row of the table of codes. The log, the page, the terminal and the documentation all use its sentences.
type CodeInfo struct {
	Code     string
	Class    Class  // the usual one; what the OCR service says of itself may change it
	Summary  string // what happened: a sentence
	Advice   string // what to do about it: a sentence
	Operator bool   // the operator has to act: such a fault is logged as an error, and its advice with it
}

// Codes returns the table of codes.
func Codes() []CodeInfo {
	return []CodeInfo{
		{CodeUnsupportedMedia, ClassFinal, "This is not an image, or its format is not supported.",
			"Supported are PNG, JPEG, GIF, BMP, WebP, TIFF, HEIC, AVIF, JPEG 2000 and PDF.", false},
		{CodeTooLarge, ClassFinal, "It is larger than the limits, or than what the OCR service takes.",
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
		{CodeOCRMisconfigured, ClassService, "The OCR service is not set up for the requests it gets.",
			"Check its address, model and role; the log line says which.", true},
		{CodeOCRTimeout, ClassSuspect, "The OCR service took longer than OCR_TIMEOUT.",
			"Retry it; if that does not help, the page may be too dense.", false},
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
			"The end will be announced by the sweep.", false},
		{CodeTopicMisconfigured, ClassService, "The topic of NOTIFY_TOPIC is not there, or denied access.",
			"Make the topic, and grant roles/pubsub.publisher on it to the function's service account; the sweep then announces what ended meanwhile.",
			true},

		{CodeDeadline, ClassOurs, "PROCESS_TIMEOUT was over before every page was finished.",
			"It will be retried automatically.", false},
		{CodeInterrupted, ClassSuspect, "The process ended while it worked on this.",
			"Retry it; if that does not help, this is worth a bug report.", false},
		{CodeInternal, ClassSuspect, "A decoder or bucketocr itself failed on this.",
			"This is worth a bug report; the log line has the details.", true},
	}
}

// Code returns the row of a code; a zero row for one that is not in the table.
func Code(code string) CodeInfo {
	for _, c := range Codes() {
		if c.Code == code {
			return c
		}
	}
	return CodeInfo{}
}

// Warnings of a page, and of the document that holds it. Append-only.
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
		{WarnNoText, "There is print on the page, but no text came of it."},
		{WarnImprobable, "There is much text for a page with hardly any print on it; it may be invented."},
		{WarnPagesSkipped, "The object has more pages than MAX_PAGES; the first ones were read."},
	}
}

// Fault is an error with a verdict.
type Fault struct {
	Code    string
	Class   Class
	Message string
	Cause   error
}

// MaxMessage bounds an error's message in a document, in bytes.
const MaxMessage = 500

// StoredError returns what a record says of the fault.
func (f Fault) StoredError() *Error {
	return &Error{Code: f.Code, Message: Clip(f.Message, MaxMessage), Retryable: f.Class != ClassFinal}
}
