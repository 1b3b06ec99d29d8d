package ui

import "github.com/bucketocr/bucketocr/internal/pipeline"

// words say what a code means and what to do about it.
type words struct {
	Says string `json:"says"`
	Do   string `json:"do"`
}

// codes has a sentence for every code that a record's error holds.
var codes = map[string]words{
	pipeline.CodeUnsupportedMedia: {"This is no image, or none that is read here.", "Read are PNG, JPEG, GIF, BMP, WebP, TIFF, HEIC, AVIF and PDF."},
	pipeline.CodeTooLarge:         {"It is larger than what is read here.", "Make it smaller, or raise MAX_BYTES, MAX_PIXELS, MAX_PAGES or MEMORY_BUDGET."},
	pipeline.CodeCorrupt:          {"The file is broken or cut off.", "Upload it again from where it came."},
	pipeline.CodeEncrypted:        {"The file is locked with a password.", "Remove the password and upload it again."},
	pipeline.CodeEmpty:            {"The file is empty.", "Upload it again from where it came."},
	pipeline.CodeObjectGone:       {"The file was deleted before it was read.", "Upload it again if it is still wanted."},

	pipeline.CodeStorageUnavailable:   {"The bucket did not answer, or its bytes came damaged.", "It is tried again by itself."},
	pipeline.CodeStorageMisconfigured: {"The bucket refused to be read.", "Grant roles/storage.objectViewer on the bucket to the function's account."},

	pipeline.CodeOCRUnavailable:   {"The OCR service did not answer, is full or still starting.", "It is tried again by itself."},
	pipeline.CodeOCRMisconfigured: {"The OCR service is not set up as it is asked.", "Check its address, model and role; the log line says which."},
	pipeline.CodeOCRTimeout:       {"The OCR service took longer than OCR_TIMEOUT.", "Try again; if it stays so, the page may be too dense."},
	pipeline.CodeOCRFailed:        {"The OCR engine failed on this image.", "Try again; if it stays so, save the image anew in another format."},
	pipeline.CodeOCRRejected:      {"The OCR service cannot read this image.", "Save the image anew, as PNG for instance."},
	pipeline.CodeOCRBadResponse:   {"The OCR service's answer made no sense.", "Try again; if it stays so, look at the OCR service's log."},

	pipeline.CodeStoreUnavailable:   {"The record store did not answer.", "It is tried again by itself."},
	pipeline.CodeStoreMisconfigured: {"The record store refused to be written.", "Grant roles/datastore.user to the function's account."},
	pipeline.CodeStoreRejected:      {"The record store does not take this document.", "This is worth a bug report; the log line says more."},

	pipeline.CodeDeadline:    {"Time was over before a page was finished.", "Try again; or raise PROCESS_TIMEOUT."},
	pipeline.CodeInterrupted: {"The process ended while it worked on this.", "It is tried again by itself."},
	pipeline.CodeInternal:    {"A decoder or bucketocr itself failed on this.", "This is worth a bug report; the log line has the details."},
}

// warnings has a sentence for every warning of a page.
var warnings = map[string]string{
	pipeline.WarnTruncated:  "The page holds more than the text shows.",
	pipeline.WarnRepetition: "The model began to repeat itself; the text ends there.",
	pipeline.WarnDamaged:    "The image is cut off or broken in part.",
	pipeline.WarnPageFailed: "This page has no text: reading it failed.",
}
