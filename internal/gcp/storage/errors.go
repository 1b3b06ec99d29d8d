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

// wrapError wraps what Google's client says in the error of package document that it means.
//
// A bucket that is gone took its objects with it: 404 means the same for both. A wrong setting it cannot be, because
// the bucket's name comes from the bucket's own event.
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

// says reports whether a refusal holds one of the words, a reason or part of a sentence. Where the answer is JSON the
// reason is not always the one that is documented, and instead of an object's bytes comes a bare sentence.
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

// statusOf returns the HTTP status of Cloud Storage's own answer, 0 where there was none.
func statusOf(err error) int {
	if e, ok := errors.AsType[*googleapi.Error](err); ok {
		return e.Code
	}
	return 0
}

// busy reports whether another try may succeed: busy, down, no answer. The end of a context is none of these.
func busy(err error) bool {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || gcp.CredentialsRefused(err) {
		return false
	}
	status := statusOf(err)
	return status == 0 || status == http.StatusRequestTimeout || status == http.StatusTooManyRequests || status >= 500
}
