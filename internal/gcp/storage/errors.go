package storage

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"google.golang.org/api/googleapi"

	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/gcp"
)

// wrapError wraps an error of Google's client in the matching error of package document.
//
// A 404 means the same for an object and for its bucket, which was deleted with its objects. A missing bucket cannot be
// a wrong setting, because the bucket's name is from the bucket's own event.
func wrapError(ctx context.Context, err error) error {
	if ended := ctx.Err(); ended != nil {
		return fmt.Errorf("storage: %w", ended)
	}
	kind := document.ErrStorageUnavailable
	switch status := statusOf(err); {
	case status == http.StatusNotFound, status == http.StatusGone:
		kind = document.ErrObjectGone
	case status == http.StatusRequestTimeout, status == http.StatusTooManyRequests:
	case says(err, "resourceIsEncryptedWithCustomerEncryptionKey", "encrypted by a customer-supplied encryption key"):
		kind = document.ErrObjectLocked
	case says(err, "UserProjectMissing", "requester pays bucket but no user project"):
		return fmt.Errorf("storage: %w: %w", document.ErrStorageMisconfigured, document.ErrRequesterPays)
	case status >= 400 && status < 500, gcp.CredentialsRefused(err):
		kind = document.ErrStorageMisconfigured
	}
	return fmt.Errorf("storage: %w: %s", kind, gcp.Cause(err))
}

// says reports whether a refusal contains one of words, reasons or parts of sentences. The reason in a JSON answer is
// not always the documented one, and the answer to a download is a bare sentence.
func says(err error, words ...string) bool {
	e, ok := errors.AsType[*googleapi.Error](err)
	if !ok || e.Code != http.StatusBadRequest {
		return false
	}
	body := strings.ToLower(e.Body)
	return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(body, strings.ToLower(w)) })
}

func unavailable(why string) error {
	return fmt.Errorf("storage: %w: %s", document.ErrStorageUnavailable, why)
}

// statusOf returns the HTTP status of Cloud Storage's own answer, 0 if there was none.
func statusOf(err error) int {
	if e, ok := errors.AsType[*googleapi.Error](err); ok {
		return e.Code
	}
	return 0
}

// busy reports whether another try may succeed: Cloud Storage is busy, down or did not answer. It is false for the end
// of a context.
func busy(err error) bool {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || gcp.CredentialsRefused(err) {
		return false
	}
	status := statusOf(err)
	return status == 0 || status == http.StatusRequestTimeout || status == http.StatusTooManyRequests || status >= 500
}
