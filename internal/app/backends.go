package app

import (
	"context"

	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/page"
)

// Backends are the services behind the function.
type Backends struct {
	Objects document.Objects
	Records document.Store
	Turns   document.Store    // for turns between instances, and passes over buckets; nil: there is one instance
	Notify  document.Notifier // nil: ends are not announced
	Tokens  TokenSource       // used with OCR_AUTH=oidc; nil: the OCR service is called without an ID token
	Decoder *page.Decoder     // for all formats except PNG and baseline JPEG
}

// TokenSource issues ID tokens. It is safe for concurrent use.
type TokenSource interface {
	Token(ctx context.Context, audience string) (string, error)
	// Forget drops the token for an audience, which has refused it.
	Forget(audience string)
}
