package firestore

import (
	"context"
	"errors"
	"fmt"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/gcp"
)

// Three mappings of Firestore's errors to those of package document. The context is checked first: when it has ended,
// Google's client returns Canceled, DeadlineExceeded or Unknown, none of which is the context's error by errors.Is.

// dialError maps errors of making the client.
func dialError(ctx context.Context, op string, err error) error {
	kind := document.ErrStoreUnavailable
	if gcp.CredentialsRefused(err) {
		kind = document.ErrStoreMisconfigured
	}
	return storeError(ctx, op, kind, err)
}

// queryError maps errors of reading, and of deleting by name. Nothing in such a call depends on a document, so if
// Firestore rejects it, the settings are wrong: no database, one of another kind, a missing index.
func queryError(ctx context.Context, op string, err error) error {
	kind := document.ErrStoreUnavailable
	switch status.Code(err) {
	case codes.PermissionDenied, codes.Unauthenticated, codes.NotFound, codes.FailedPrecondition,
		codes.InvalidArgument, codes.Unimplemented:
		kind = document.ErrStoreMisconfigured
	}
	return storeError(ctx, op, kind, err)
}

// commitError maps errors of writing a record. Here InvalidArgument concerns the document, and NotFound the record that
// the commit is conditional on.
func commitError(ctx context.Context, err error) error {
	kind := document.ErrStoreUnavailable
	switch status.Code(err) {
	case codes.InvalidArgument:
		kind = document.ErrStoreRejected
	case codes.PermissionDenied, codes.Unauthenticated, codes.Unimplemented:
		kind = document.ErrStoreMisconfigured
	case codes.AlreadyExists, codes.FailedPrecondition, codes.NotFound, codes.Aborted:
		kind = document.ErrConflict
	case codes.Unavailable, codes.Unknown, codes.Internal, codes.DeadlineExceeded, codes.Canceled:
		return fmt.Errorf("%w: %w", document.ErrAnswerLost, storeError(ctx, "commit", kind, err))
	}
	return storeError(ctx, "commit", kind, err)
}

func storeError(ctx context.Context, op string, kind, err error) error {
	why := gcp.Cause(errors.New(status.Convert(err).Message()))
	if ended := ctx.Err(); ended != nil {
		return fmt.Errorf("firestore: %s: %w: %s", op, ended, why)
	}
	return fmt.Errorf("firestore: %s: %w: %s %s", op, kind, status.Code(err), why)
}
