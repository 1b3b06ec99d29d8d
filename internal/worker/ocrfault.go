package worker

import (
	"net/http"

	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/ocr"
)

// ocrFaults maps what the OCR client says to what a document says. An unknown kind stays internal.
var ocrFaults = map[ocr.Kind]struct {
	code  string
	class document.Class
}{
	ocr.KindBadImage:        {document.CodeOCRRejected, document.ClassFinal},
	ocr.KindTooLarge:        {document.CodeTooLarge, document.ClassFinal},
	ocr.KindBadRequest:      {document.CodeOCRMisconfigured, document.ClassService},
	ocr.KindUnauthenticated: {document.CodeOCRMisconfigured, document.ClassService},
	ocr.KindForbidden:       {document.CodeOCRMisconfigured, document.ClassService},
	ocr.KindWrongModel:      {document.CodeOCRMisconfigured, document.ClassService},
	ocr.KindWrongAddress:    {document.CodeOCRMisconfigured, document.ClassService},
	ocr.KindToken:           {document.CodeOCRMisconfigured, document.ClassService},
	ocr.KindOverloaded:      {document.CodeOCRUnavailable, document.ClassService},
	ocr.KindUnavailable:     {document.CodeOCRUnavailable, document.ClassService},
	ocr.KindAborted:         {document.CodeOCRUnavailable, document.ClassService},
	ocr.KindBackendFailed:   {document.CodeOCRFailed, document.ClassDoubt},
	ocr.KindTimeout:         {document.CodeOCRTimeout, document.ClassDoubt},
	ocr.KindBadResponse:     {document.CodeOCRBadResponse, document.ClassObject},
}

// ocrFault is the code and class of a failed call. A time-out or an engine's 500 is the object's own fault only if the
// server answered for another page meanwhile; else it may as well be an overload, a cold start or an outage.
func ocrFault(e *ocr.Error) (string, document.Class) {
	f, ok := ocrFaults[e.Kind]
	switch {
	case !ok:
		return document.CodeInternal, document.ClassObject
	case e.Status == http.StatusNotImplemented:
		// The client's data URIs are right, so this server has no chat: it would refuse every page there is.
		return document.CodeOCRMisconfigured, document.ClassService
	case e.Kind == ocr.KindTimeout && (e.Phase == ocr.PhaseConnect || e.Phase == ocr.PhaseToken):
		return document.CodeOCRUnavailable, document.ClassService // the server never saw the page
	case f.class == document.ClassDoubt && e.Proven:
		return f.code, document.ClassObject
	}
	return f.code, f.class
}

// ocrAdvice says what a person should do about a service that is set up wrongly.
var ocrAdvice = map[ocr.Kind]string{
	ocr.KindBadRequest:      "the OCR service refuses every request of this form: compare its version and flags with gpu/ and OCR_MODEL, OCR_PROFILE, OCR_MAX_TOKENS",
	ocr.KindUnauthenticated: "check OCR_AUDIENCE (the service's run.app address, or one of its custom audiences) and OCR_API_KEY",
	ocr.KindForbidden:       "grant roles/run.invoker on the OCR service to the function's service account; OCR_AUTH must be oidc",
	ocr.KindWrongModel:      "set OCR_MODEL to a model that the OCR service lists under /v1/models",
	ocr.KindWrongAddress:    "check OCR_URL and the OCR service's ingress setting: something else answers there",
	ocr.KindToken:           "no ID token was to be had: the function needs a service account, a developer a key or impersonation",
}
