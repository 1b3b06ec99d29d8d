package worker

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"runtime/debug"
	"slices"

	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/page"
	"github.com/bucketocr/bucketocr/ocr"
)

// Reasons for which a delivery is stopped, and errors that it finds itself.
var (
	errDraining  = errors.New("the instance is shutting down")
	errLeaseLost = errors.New("another worker took the record")
	errNoSlot    = errors.New("no slot in this instance in time")
	errNoClaim   = errors.New("the record store did not answer the claim in time")
	errYielded   = errors.New("another record needs this instance to itself")
	errLate      = errors.New("too little time left")
	errTurn      = errors.New("other suspects are being tried")
	errSilent    = errors.New("the OCR service answers nothing at the moment")
	errDeadline  = errors.New("PROCESS_TIMEOUT is over")
	errReplaced  = errors.New("another generation of the object is live; its event is on the way")
	errMissing   = errors.New("not every page was finished")
)

// sentinels are the errors of drivers and of this package.
var sentinels = []struct {
	err   error
	code  string
	class document.Class
}{
	// The reason for stopping precedes the error that stopping caused in a call under way.
	{errDraining, document.CodeInterrupted, document.ClassOurs},
	{errNoSlot, document.CodeDeadline, document.ClassOurs},
	{errNoClaim, document.CodeStoreUnavailable, document.ClassService},
	{errYielded, document.CodeDeadline, document.ClassOurs},
	{errLate, document.CodeDeadline, document.ClassOurs},
	{errTurn, document.CodeDeadline, document.ClassOurs},
	{errSilent, document.CodeOCRUnavailable, document.ClassService},
	{errDeadline, document.CodeDeadline, document.ClassOurs},
	{document.ErrObjectGone, document.CodeObjectGone, document.ClassFinal},
	{document.ErrObjectCorrupt, document.CodeCorrupt, document.ClassFinal},
	{document.ErrObjectLocked, document.CodeEncrypted, document.ClassFinal},
	{errReplaced, document.CodeObjectGone, document.ClassService},
	{document.ErrStorageUnavailable, document.CodeStorageUnavailable, document.ClassService},
	{document.ErrStorageMisconfigured, document.CodeStorageMisconfigured, document.ClassService},
	{document.ErrStoreUnavailable, document.CodeStoreUnavailable, document.ClassService},
	{document.ErrStoreMisconfigured, document.CodeStoreMisconfigured, document.ClassService},
	{document.ErrStoreRejected, document.CodeStoreRejected, document.ClassFinal},
	{document.ErrTopicUnavailable, document.CodeTopicUnavailable, document.ClassService},
	{document.ErrTopicMisconfigured, document.CodeTopicMisconfigured, document.ClassService},
	{context.DeadlineExceeded, document.CodeDeadline, document.ClassOurs},
	{context.Canceled, document.CodeDeadline, document.ClassOurs},
}

// ocrFaults are the errors of the OCR client. An unknown kind is an internal fault.
var ocrFaults = map[ocr.Kind]struct {
	code   string
	class  document.Class
	advice string // replaces the code's
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
	ocr.KindLost:          {document.CodeOCRFailed, document.ClassSuspect, ""},
	ocr.KindBackendFailed: {document.CodeOCRFailed, document.ClassSuspect, ""},
	ocr.KindTimeout:       {document.CodeOCRTimeout, document.ClassSuspect, ""},
	ocr.KindBadResponse:   {document.CodeOCRBadResponse, document.ClassSuspect, ""},
}

// pageCodes are the codes for errors of package page.
var pageCodes = map[page.Kind]string{
	page.Unsupported: document.CodeUnsupportedMedia,
	page.TooLarge:    document.CodeTooLarge,
	page.Corrupt:     document.CodeCorrupt,
	page.Encrypted:   document.CodeEncrypted,
	page.Empty:       document.CodeEmpty,
	page.TooSlow:     document.CodeTooLarge,
}

// faultOf returns the fault for an error; the zero fault for nil. Errors are classified nowhere else. If ctx, the
// context of the failed call, has ended, its cause takes precedence; next are the drivers' errors, because an error of
// the bucket can be wrapped in one of the OCR client, which was sending its bytes.
func faultOf(ctx context.Context, err error) document.Fault {
	if err == nil {
		return document.Fault{}
	}
	err = withCause(ctx, err)
	f := document.Fault{Code: document.CodeInternal, Class: document.ClassSuspect, Message: err.Error(), Cause: err}
	if oe, ok := errors.AsType[*ocr.Error](err); ok {
		f.Code, f.Class = ocrFault(oe)
	}
	if pe, ok := errors.AsType[*page.Error](err); ok {
		f.Code, f.Class, f.Message = pageCodes[pe.Kind], document.ClassFinal, pe.Error()
		if pe.Kind == page.TooSlow {
			f.Class = document.ClassSuspect // it may be this machine's load
		}
	}
	if se, ok := errors.AsType[*struckError](err); ok {
		f.Code = se.strike.Code
	}
	if ce, ok := errors.AsType[*controlError](err); ok && !errors.Is(err, errDraining) {
		f.Code, f.Class = ce.fault(f) // even if the time has ended meanwhile
		return f
	}
	for _, s := range sentinels {
		// it says less than any other error
		ended := s.err == context.DeadlineExceeded || s.err == context.Canceled
		if errors.Is(err, s.err) && (f.Code == document.CodeInternal || !ended) {
			f.Code, f.Class = s.code, s.class
			break
		}
	}
	return f
}

// unreadable reports whether a page failed because the OCR service cannot decode its bytes, or they end too early.
func unreadable(ctx context.Context, err error) bool {
	f := faultOf(ctx, err)
	return f.Code == document.CodeOCRRejected || f.Code == document.CodeCorrupt
}

// ofObject reports whether an error at a page concerns the whole object.
func ofObject(err error) bool {
	return slices.ContainsFunc([]error{document.ErrObjectGone, document.ErrObjectCorrupt, document.ErrObjectLocked,
		document.ErrStoreRejected},
		func(e error) bool { return errors.Is(err, e) })
}

// ocrFault returns the code and class of a failed call.
func ocrFault(e *ocr.Error) (string, document.Class) {
	f, ok := ocrFaults[e.Kind]
	switch {
	case !ok:
		return document.CodeInternal, document.ClassSuspect
	case e.Status == http.StatusRequestEntityTooLarge && e.Platform:
		return f.code, document.ClassSuspect // something in front of the server has a limit below a page's size
	case e.Kind == ocr.KindTimeout && e.Phase < ocr.PhaseWait:
		return document.CodeOCRUnavailable, document.ClassService // the server never had the page
	}
	return f.code, f.class
}

// advice returns what the operator should do about a fault; empty if there is nothing to do.
func advice(f document.Fault) string {
	if f.Code == "" {
		return ""
	}
	row := document.Code(f.Code)
	if errors.Is(f.Cause, document.ErrRequesterPays) {
		return "Turn off Requester Pays on the bucket: the function reads without a billing project."
	}
	if oe, ok := errors.AsType[*ocr.Error](f.Cause); ok && f.Code == document.CodeOCRMisconfigured &&
		ocrFaults[oe.Kind].advice != "" {
		return ocrFaults[oe.Kind].advice
	}
	if row.Operator {
		return row.Advice
	}
	return ""
}

// codeOf returns the code of an error, empty for nil.
func codeOf(ctx context.Context, err error) string { return faultOf(ctx, err).Code }

// withCause wraps err together with the cause of ctx's end, since err may only say that ctx ended.
func withCause(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil && !errors.Is(err, context.Cause(ctx)) {
		return fmt.Errorf("%w: %w", context.Cause(ctx), err)
	}
	return err
}

// guard turns a panic of f into an error. It is for goroutines: observe recovers panics of the delivery's own
// goroutine.
func guard(f func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = panicked(v)
		}
	}()
	return f()
}

// panicked returns an error that holds where a panic happened, for the log. A panic's value may contain document text,
// so only the runtime's own messages are kept, and the type of anything else.
func panicked(v any) error {
	text := fmt.Sprintf("%T", v)
	if err, ok := v.(runtime.Error); ok {
		text = err.Error()
	}
	return &panicError{value: text, stack: string(debug.Stack())}
}

type panicError struct{ value, stack string }

func (e *panicError) Error() string { return "panic: " + e.value }
