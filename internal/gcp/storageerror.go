package gcp

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"cloud.google.com/go/auth"
	"cloud.google.com/go/compute/metadata"
	"google.golang.org/api/googleapi"

	"github.com/bucketocr/bucketocr/internal/document"
)

// credentialsError says that no credentials were found, or none that can be used.
type credentialsError struct{ error }

func (e *credentialsError) Unwrap() error { return e.error }

// storageError maps what Google's client says to the pipeline's words.
//
// A bucket that is gone took its objects with it: 404 means the same for both. A wrong setting it cannot be, because the
// bucket's name comes from the bucket's own event.
func storageError(ctx context.Context, err error) error {
	if ended := ctx.Err(); ended != nil {
		return fmt.Errorf("storage: %w", ended)
	}
	kind := document.ErrStorageUnavailable
	switch status := storageStatus(err); {
	case status == http.StatusNotFound, status == http.StatusGone:
		kind = document.ErrObjectGone
	case status == http.StatusRequestTimeout, status == http.StatusTooManyRequests:
	case status >= 400 && status < 500, refusedCredentials(err):
		kind = document.ErrStorageMisconfigured
	}
	return fmt.Errorf("storage: %w: %s", kind, cause(err))
}

func unavailable(why string) error {
	return fmt.Errorf("storage: %w: %s", document.ErrStorageUnavailable, why)
}

// storageStatus is the HTTP status of Cloud Storage's own answer, 0 where there was none.
func storageStatus(err error) int {
	if e, ok := errors.AsType[*googleapi.Error](err); ok {
		return e.Code
	}
	return 0
}

// storageBusy tells what another try may change: busy, down, no answer. A context's end is not among it.
func storageBusy(err error) bool {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || refusedCredentials(err) {
		return false
	}
	status := storageStatus(err)
	return status == 0 || status == http.StatusRequestTimeout || status == http.StatusTooManyRequests || status >= 500
}

// refusedCredentials tells that a person must act before there will be an access token.
func refusedCredentials(err error) bool {
	if e, ok := errors.AsType[*auth.Error](err); ok && e.Response != nil {
		return e.Response.StatusCode/100 == 4 && e.Response.StatusCode != http.StatusTooManyRequests
	}
	if e, ok := errors.AsType[*metadata.Error](err); ok {
		return e.Code/100 == 4 && e.Code != http.StatusTooManyRequests
	}
	if _, ok := errors.AsType[metadata.NotDefinedError](err); ok {
		return true
	}
	_, ok := errors.AsType[*credentialsError](err)
	return ok
}

// maxCause bounds, in bytes, what is kept of another's words.
const maxCause = 200

// cause is an error's first line, short and valid UTF-8: whole bodies of answers belong in no log.
func cause(err error) string {
	text := err.Error()
	if e, ok := errors.AsType[*url.Error](err); ok {
		text = e.Err.Error() // without the URL
	}
	if e, ok := errors.AsType[*googleapi.Error](err); ok {
		text = fmt.Sprintf("HTTP %d %s", e.Code, e.Message)
	}
	if e, ok := errors.AsType[*auth.Error](err); ok && e.Response != nil {
		text = fmt.Sprintf("no access token: HTTP %d", e.Response.StatusCode)
	}
	text, _, _ = strings.Cut(strings.TrimSpace(strings.ToValidUTF8(text, "\uFFFD")), "\n")
	if len(text) <= maxCause {
		return text
	}
	end := maxCause
	for !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end]
}
