package gcp

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"cloud.google.com/go/auth"
	"cloud.google.com/go/compute/metadata"
	"google.golang.org/api/googleapi"

	"github.com/bucketocr/bucketocr/internal/document"
)

// CredentialsError means that there are no credentials, or none that can be used.
type CredentialsError struct{ Err error }

func (e *CredentialsError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *CredentialsError) Unwrap() error { return e.Err }

// CredentialsRefused reports whether err means that no access token can be obtained until an operator acts.
func CredentialsRefused(err error) bool {
	if e, ok := errors.AsType[*auth.Error](err); ok && e.Response != nil {
		return e.Response.StatusCode/100 == 4 && e.Response.StatusCode != http.StatusTooManyRequests
	}
	if e, ok := errors.AsType[*metadata.Error](err); ok {
		return e.Code/100 == 4 && e.Code != http.StatusTooManyRequests
	}
	if _, ok := errors.AsType[metadata.NotDefinedError](err); ok {
		return true
	}
	_, ok := errors.AsType[*CredentialsError](err)
	return ok
}

// maxCause is the maximum length, in bytes, of another program's message that is kept.
const maxCause = 200

// Cause returns an error's first line, short and valid UTF-8: whole response bodies do not belong in logs.
func Cause(err error) string {
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
	text, _, _ = strings.Cut(strings.TrimSpace(text), "\n")
	return document.Clip(text, maxCause)
}
