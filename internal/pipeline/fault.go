package pipeline

import (
	"context"
	"errors"
	"strings"
	"unicode/utf8"

	"github.com/bucketocr/bucketocr/internal/page"
	"github.com/bucketocr/bucketocr/ocr"
)

// Class says whose fault a fault is, and with that how often it is tried again.
type Class string

// The classes.
const (
	Final    Class = "final"   // failed now
	OfObject Class = "object"  // proven to be this object's: failed at MAX_ATTEMPTS
	Doubt    Class = "doubt"   // may be this object's: failed at MAX_DOUBTS
	Service  Class = "service" // somebody else's: tried again until RETRY_WINDOW is over
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
const maxMessage = 500

func (f Fault) record() *RecordError {
	return &RecordError{Code: f.Code, Message: clip(f.Message, maxMessage), Retryable: f.Class != Final}
}

// Causes with which an attempt's work is ended from outside.
var (
	errDraining  = errors.New("the instance is shutting down")
	errLeaseLost = errors.New("the record was taken over")
	errDeadline  = errors.New("the time for one delivery is over")
)

// sentinels is the part of the table that drivers and the walk itself speak in.
var sentinels = []struct {
	err   error
	code  string
	class Class
}{
	// Why the work was ended goes before what that did to a call under way.
	{errDraining, CodeInterrupted, Service},
	{errLate, CodeDeadline, Service}, // also where the time was over at last
	{errDeadline, CodeDeadline, Doubt},
	{ErrObjectGone, CodeObjectGone, Final},
	{ErrObjectCorrupt, CodeCorrupt, Final},
	{errReplaced, CodeObjectGone, Service},
	{ErrStorageUnavailable, CodeStorageUnavailable, Service},
	{ErrStorageMisconfigured, CodeStorageMisconfigured, Service},
	{ErrStoreUnavailable, CodeStoreUnavailable, Service},
	{ErrStoreMisconfigured, CodeStoreMisconfigured, Service},
	{ErrStoreRejected, CodeStoreRejected, Final},
	{context.DeadlineExceeded, CodeDeadline, Doubt},
}

// faultOf is the table of DESIGN 5. Nothing else decides what an error means. What a driver says goes first: an error of
// the bucket can come wrapped in one of the OCR client that was sending its bytes.
func faultOf(err error) Fault {
	f := Fault{Code: CodeInternal, Class: OfObject, Message: err.Error(), Cause: err}
	if oe, ok := errors.AsType[*ocr.Error](err); ok {
		f.Code, f.Class = ocrFault(oe)
	}
	if pe, ok := errors.AsType[*page.Error](err); ok {
		f.Code, f.Class, f.Message = pageCodes[pe.Kind], Final, pe.Error()
	}
	for _, s := range sentinels {
		if errors.Is(err, s.err) && (f.Code == CodeInternal || s.err != context.DeadlineExceeded) {
			f.Code, f.Class = s.code, s.class
			break
		}
	}
	return f
}

var pageCodes = map[page.Kind]string{
	page.Unsupported: CodeUnsupportedMedia,
	page.TooLarge:    CodeTooLarge,
	page.Corrupt:     CodeCorrupt,
	page.Encrypted:   CodeEncrypted,
	page.Empty:       CodeEmpty,
}

// clip cuts s to at most limit bytes of valid UTF-8 on a rune.
func clip(s string, limit int) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) <= limit {
		return s
	}
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return s[:limit]
}
