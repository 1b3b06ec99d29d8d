package app

import (
	"context"

	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/page"
)

// Backends are what the function works on.
type Backends struct {
	Objects document.Objects
	Records document.Store
	Turns   document.Store    // for turns between instances, and passes over buckets; nil: there is one instance
	Notify  document.Notifier // announces ends; nil: they are not announced
	Tokens  TokenSource       // used with OCR_AUTH=oidc; nil: the OCR service is called without an ID token
	Decoder *page.Decoder     // for all but PNG and baseline JPEG
}

// TokenSource issues ID tokens. It is safe for concurrent use.
type TokenSource interface {
	Token(ctx context.Context, audience string) (string, error)
	// Forget drops the token of an audience that has refused it.
	Forget(audience string)
}
