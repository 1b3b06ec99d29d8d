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

// The three ways to map what Firestore says to the errors of package document. The context is asked first: where it has
// ended, Google's client says Canceled, DeadlineExceeded or Unknown, and none of them is its error by errors.Is.

// dialError is of the making of the client.
func dialError(ctx context.Context, op string, err error) error {
	kind := document.ErrStoreUnavailable
	if gcp.CredentialsRefused(err) {
		kind = document.ErrStoreMisconfigured
	}
	return storeError(ctx, op, kind, err)
}

// queryError is of reading, and of deleting by name: nothing in such a call comes from the document, so what Firestore
// finds wrong with it is wrong with the setting: no database, one of another kind, a missing index.
func queryError(ctx context.Context, op string, err error) error {
	kind := document.ErrStoreUnavailable
	switch status.Code(err) {
	case codes.PermissionDenied, codes.Unauthenticated, codes.NotFound, codes.FailedPrecondition,
		codes.InvalidArgument, codes.Unimplemented:
		kind = document.ErrStoreMisconfigured
	}
	return storeError(ctx, op, kind, err)
}

// commitError is of writing a record. Here InvalidArgument speaks of the document, and NotFound of the record that the
// commit is conditional on.
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
