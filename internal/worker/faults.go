package worker

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"runtime/debug"

	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/page"
	"github.com/bucketocr/bucketocr/ocr"
)

// What ends a delivery's work from outside, and what the line itself finds.
var (
	errDraining   = errors.New("the instance is shutting down")
	errLeaseLost  = errors.New("another worker took the record")
	errNotClaimed = errors.New("no slot in this instance, or no claim, in time")
	errCrowdedOut = errors.New("too little time left after waiting for memory or for a place at the OCR service")
	errDeadline   = errors.New("PROCESS_TIMEOUT is over")
	errReplaced   = errors.New("another generation of the object is live; its event is on the way")
	errMissing    = errors.New("not every page was finished")
)

// sentinels are what drivers and the line itself say.
var sentinels = []struct {
	err   error
	code  string
	class document.Class
}{
	// Why the work was ended comes before what that did to a call under way.
	{errDraining, document.CodeInterrupted, document.ClassService},
	{errNotClaimed, document.CodeDeadline, document.ClassService},
	{errCrowdedOut, document.CodeDeadline, document.ClassService},
	{errDeadline, document.CodeDeadline, document.ClassDoubt},
	{document.ErrObjectGone, document.CodeObjectGone, document.ClassFinal},
	{document.ErrObjectCorrupt, document.CodeCorrupt, document.ClassFinal},
	{errReplaced, document.CodeObjectGone, document.ClassService},
	{document.ErrStorageUnavailable, document.CodeStorageUnavailable, document.ClassService},
	{document.ErrStorageMisconfigured, document.CodeStorageMisconfigured, document.ClassService},
	{document.ErrStoreUnavailable, document.CodeStoreUnavailable, document.ClassService},
	{document.ErrStoreMisconfigured, document.CodeStoreMisconfigured, document.ClassService},
	{document.ErrStoreRejected, document.CodeStoreRejected, document.ClassFinal},
	{context.DeadlineExceeded, document.CodeDeadline, document.ClassDoubt},
}

// ocrFaults are what the OCR client says. An unknown kind stays internal.
var ocrFaults = map[ocr.Kind]struct {
	code   string
	class  document.Class
	advice string // instead of the code's
}{
	ocr.KindBadImage: {document.CodeOCRRejected, document.ClassFinal, ""},
	ocr.KindTooLarge: {document.CodeTooLarge, document.ClassFinal, ""},
	ocr.KindBadRequest: {document.CodeOCRMisconfigured, document.ClassService,
		"the OCR service refuses every request of this form: compare its version and flags with deploy/gpu/ and OCR_MODEL, OCR_PROFILE, OCR_MAX_TOKENS"},
	ocr.KindUnauthenticated: {document.CodeOCRMisconfigured, document.ClassService,
		"check OCR_AUDIENCE (the service's run.app address, or one of its custom audiences) and OCR_API_KEY"},
	ocr.KindForbidden: {document.CodeOCRMisconfigured, document.ClassService,
		"grant roles/run.invoker on the OCR service to the function's service account; OCR_AUTH must be oidc"},
	ocr.KindWrongModel: {document.CodeOCRMisconfigured, document.ClassService,
		"set OCR_MODEL to a model that the OCR service lists under /v1/models"},
	ocr.KindWrongAddress: {document.CodeOCRMisconfigured, document.ClassService,
		"check OCR_URL and the OCR service's ingress setting: something else answers there"},
	ocr.KindToken: {document.CodeOCRMisconfigured, document.ClassService,
		"could not obtain an ID token: the function needs a service account, a developer a key or impersonation"},
	ocr.KindOverloaded:    {document.CodeOCRUnavailable, document.ClassService, ""},
	ocr.KindUnavailable:   {document.CodeOCRUnavailable, document.ClassService, ""},
	ocr.KindAborted:       {document.CodeOCRUnavailable, document.ClassService, ""},
	ocr.KindBackendFailed: {document.CodeOCRFailed, document.ClassDoubt, ""},
	ocr.KindTimeout:       {document.CodeOCRTimeout, document.ClassDoubt, ""},
	ocr.KindBadResponse:   {document.CodeOCRBadResponse, document.ClassObject, ""},
}

// pageCodes are what package page says of an object. All are final.
var pageCodes = map[page.Kind]string{
	page.Unsupported: document.CodeUnsupportedMedia,
	page.TooLarge:    document.CodeTooLarge,
	page.Corrupt:     document.CodeCorrupt,
	page.Encrypted:   document.CodeEncrypted,
	page.Empty:       document.CodeEmpty,
	page.TooSlow:     document.CodeTooLarge,
}

// faultOf returns what an error means. Nothing else decides that. Where ctx, the one of what failed, has ended, the reason
// for that goes first; then what a driver says, because an error of the bucket can come wrapped in one of the OCR client
// that was sending its bytes.
func faultOf(ctx context.Context, err error) document.Fault {
	err = withCause(ctx, err)
	f := document.Fault{Code: document.CodeInternal, Class: document.ClassObject, Message: err.Error(), Cause: err}
	if oe, ok := errors.AsType[*ocr.Error](err); ok {
		f.Code, f.Class = ocrFault(oe)
	}
	if pe, ok := errors.AsType[*page.Error](err); ok {
		f.Code, f.Class, f.Message = pageCodes[pe.Kind], document.ClassFinal, pe.Error()
	}
	for _, s := range sentinels {
		if errors.Is(err, s.err) && (f.Code == document.CodeInternal || s.err != context.DeadlineExceeded) {
			f.Code, f.Class = s.code, s.class
			break
		}
	}
	return f
}

// ocrFault returns the code and class of a failed call. A time-out or an engine's 500 is the object's own fault only if the
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

// advice returns what the operator should do about a fault; empty where there is nothing to do.
func advice(f document.Fault) string {
	row := document.Code(f.Code)
	if oe, ok := errors.AsType[*ocr.Error](f.Cause); ok && f.Code == document.CodeOCRMisconfigured && ocrFaults[oe.Kind].advice != "" {
		return ocrFaults[oe.Kind].advice
	}
	if row.Operator {
		return row.Advice
	}
	return ""
}

// codeOf returns the code of an error, empty for none.
func codeOf(ctx context.Context, err error) string {
	if err == nil {
		return ""
	}
	return faultOf(ctx, err).Code
}

// withCause puts the reason for which ctx ended before an error that may only say that it ended.
func withCause(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil && !errors.Is(err, context.Cause(ctx)) {
		return fmt.Errorf("%w: %w", context.Cause(ctx), err)
	}
	return err
}

// guard turns a panic of f into an error. It is for goroutines: a panic of the line itself is recovered in its report.
func guard(f func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = panicked(v)
		}
	}()
	return f()
}

// panicked keeps where a panic happened for the log. What it says may be text of the document, so only the runtime's own
// words are kept, and the type of anything else.
func panicked(v any) error {
	text := fmt.Sprintf("%T", v)
	if err, ok := v.(runtime.Error); ok {
		text = err.Error()
	}
	return &panicError{value: text, stack: string(debug.Stack())}
}

type panicError struct{ value, stack string }

func (e *panicError) Error() string { return "panic: " + e.value }
