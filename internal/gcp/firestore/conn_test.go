package firestore

import (
	"context"
	"errors"
	"net/http"
	"testing"

	"cloud.google.com/go/auth"
	"cloud.google.com/go/compute/metadata"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/bucketocr/bucketocr/internal/document"
)

type failing struct{ err error }

func (f failing) Token(context.Context) (*auth.Token, error) { return nil, f.err }

// TestPassingTokenFailureIsNoMisconfiguration: gRPC returns an error of the credentials as it is if it has a status,
// and as Unauthenticated otherwise.
func TestPassingTokenFailureIsNoMisconfiguration(t *testing.T) {
	t.Parallel()
	answer := func(code int) error { return &auth.Error{Response: &http.Response{StatusCode: code}} }
	for name, c := range map[string]struct {
		err  error
		want error
	}{
		"metadata server down":         {errors.New("connection refused"), document.ErrStoreUnavailable},
		"metadata server starts":       {&metadata.Error{Code: 503}, document.ErrStoreUnavailable},
		"token service fails":          {answer(500), document.ErrStoreUnavailable},
		"token service is busy":        {answer(429), document.ErrStoreUnavailable},
		"no account":                   {&metadata.Error{Code: 404}, document.ErrStoreMisconfigured},
		"key revoked":                  {answer(400), document.ErrStoreMisconfigured},
		"the wait for a token is over": {context.DeadlineExceeded, document.ErrStoreUnavailable},
	} {
		_, err := tokens{failing{c.err}}.Token(t.Context())
		if _, ok := status.FromError(err); !ok {
			err = status.Errorf(codes.Unauthenticated, "transport: per-RPC creds failed due to error: %v", err)
		}
		for _, got := range []error{queryError(t.Context(), "get", err), commitError(t.Context(), err)} {
			if !errors.Is(got, c.want) {
				t.Errorf("%s: %v", name, got)
			}
		}
	}
}
