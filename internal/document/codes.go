package document

import (
	"strings"
	"unicode/utf8"
)

// Class says whose fault a fault is, and with that how often it is tried again.
type Class string

// The classes.
const (
	ClassFinal   Class = "final"   // failed now
	ClassObject  Class = "object"  // proven to be this object's: failed at MAX_ATTEMPTS
	ClassDoubt   Class = "doubt"   // may be this object's: failed at MAX_DOUBTS
	ClassService Class = "service" // somebody else's: tried again until RETRY_WINDOW is over
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
	CodeDeadline             = "deadline"
	CodeInterrupted          = "interrupted"
	CodeInternal             = "internal"
)

// Codes are all there are.
func Codes() []string {
	return []string{
		CodeUnsupportedMedia, CodeTooLarge, CodeCorrupt, CodeEncrypted, CodeEmpty, CodeObjectGone,
		CodeStorageUnavailable, CodeStorageMisconfigured, CodeOCRUnavailable, CodeOCRMisconfigured, CodeOCRTimeout,
		CodeOCRFailed, CodeOCRRejected, CodeOCRBadResponse, CodeStoreUnavailable, CodeStoreMisconfigured, CodeStoreRejected,
		CodeDeadline, CodeInterrupted, CodeInternal,
	}
}

// Fault is an error with a verdict.
type Fault struct {
	Code    string
	Class   Class
	Message string
	Cause   error
}

// maxMessage bounds an error's message in a document, in bytes.
const MaxMessage = 500

func (f Fault) Stored() *Error {
	return &Error{Code: f.Code, Message: Clip(f.Message, MaxMessage), Retryable: f.Class != ClassFinal}
}

// clip cuts s to at most limit bytes of valid UTF-8 on a rune.
func Clip(s string, limit int) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) <= limit {
		return s
	}
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return s[:limit]
}
