package ui

import (
	"github.com/bucketocr/bucketocr/internal/document"
)

// words say what a code means and what to do about it.
type words struct {
	Says string `json:"says"`
	Do   string `json:"do"`
}

// codes has a sentence for every code that a record's error holds.
var codes = map[string]words{
	document.CodeUnsupportedMedia: {"This is no image, or none that is read here.", "Read are PNG, JPEG, GIF, BMP, WebP, TIFF, HEIC, AVIF and PDF."},
	document.CodeTooLarge:         {"It is larger than what is read here.", "Make it smaller, or raise MAX_BYTES, MAX_PIXELS, MAX_PAGES or MEMORY_BUDGET."},
	document.CodeCorrupt:          {"The file is broken or cut off.", "Upload it again from where it came."},
	document.CodeEncrypted:        {"The file is locked with a password.", "Remove the password and upload it again."},
	document.CodeEmpty:            {"The file is empty.", "Upload it again from where it came."},
	document.CodeObjectGone:       {"The file was deleted before it was read.", "Upload it again if it is still wanted."},

	document.CodeStorageUnavailable:   {"The bucket did not answer, or its bytes came damaged.", "It is tried again by itself."},
	document.CodeStorageMisconfigured: {"The bucket refused to be read.", "Grant roles/storage.objectViewer on the bucket to the function's account."},

	document.CodeOCRUnavailable:   {"The OCR service did not answer, is full or still starting.", "It is tried again by itself."},
	document.CodeOCRMisconfigured: {"The OCR service is not set up as it is asked.", "Check its address, model and role; the log line says which."},
	document.CodeOCRTimeout:       {"The OCR service took longer than OCR_TIMEOUT.", "Try again; if it stays so, the page may be too dense."},
	document.CodeOCRFailed:        {"The OCR engine failed on this image.", "Try again; if it stays so, save the image anew in another format."},
	document.CodeOCRRejected:      {"The OCR service cannot read this image.", "Save the image anew, as PNG for instance."},
	document.CodeOCRBadResponse:   {"The OCR service's answer made no sense.", "Try again; if it stays so, look at the OCR service's log."},

	document.CodeStoreUnavailable:   {"The record store did not answer.", "It is tried again by itself."},
	document.CodeStoreMisconfigured: {"The record store refused to be written.", "Grant roles/datastore.user to the function's account."},
	document.CodeStoreRejected:      {"The record store does not take this document.", "This is worth a bug report; the log line says more."},

	document.CodeDeadline:    {"Time was over before a page was finished.", "Try again; or raise PROCESS_TIMEOUT."},
	document.CodeInterrupted: {"The process ended while it worked on this.", "It is tried again by itself."},
	document.CodeInternal:    {"A decoder or bucketocr itself failed on this.", "This is worth a bug report; the log line has the details."},
}

// warnings has a sentence for every warning of a page.
var warnings = map[string]string{
	document.WarnTruncated:  "The page holds more than the text shows.",
	document.WarnRepetition: "The model began to repeat itself; the text ends there.",
	document.WarnDamaged:    "The image is cut off or broken in part.",
	document.WarnPageFailed: "This page has no text: reading it failed.",
}
