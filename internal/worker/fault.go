package worker

import (
	"context"
	"errors"

	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/page"
	"github.com/bucketocr/bucketocr/ocr"
)

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
	class document.Class
}{
	// Why the work was ended goes before what that did to a call under way.
	{errDraining, document.CodeInterrupted, document.ClassService},
	{errLate, document.CodeDeadline, document.ClassService}, // also where the time was over at last
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

// faultOf is the table of DESIGN 5. Nothing else decides what an error means. What a driver says goes first: an error of
// the bucket can come wrapped in one of the OCR client that was sending its bytes.
func faultOf(err error) document.Fault {
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

var pageCodes = map[page.Kind]string{
	page.Unsupported: document.CodeUnsupportedMedia,
	page.TooLarge:    document.CodeTooLarge,
	page.Corrupt:     document.CodeCorrupt,
	page.Encrypted:   document.CodeEncrypted,
	page.Empty:       document.CodeEmpty,
}
