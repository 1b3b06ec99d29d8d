//go:build integration

package firestore

import (
	"errors"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/bucketocr/bucketocr/internal/document"
)

func TestCommitErrorsAreClassified(t *testing.T) {
	t.Parallel()
	for code, want := range map[codes.Code]error{
		codes.InvalidArgument:  document.ErrStoreRejected,
		codes.PermissionDenied: document.ErrStoreMisconfigured,
		codes.Unauthenticated:  document.ErrStoreMisconfigured,
		codes.DataLoss:         document.ErrStoreUnavailable,
	} {
		t.Run(code.String(), func(t *testing.T) {
			t.Parallel()
			r, p := proxied(t)
			p.Refuse("Commit", 1, code)
			if _, err := document.Update(t.Context(), r, page1.ID(), document.Unread(), claim); !errors.Is(err, want) {
				t.Errorf("Update = %v, want %v", err, want)
			}
			if n := p.Calls("Commit"); n != 1 {
				t.Errorf("%d commits, want 1", n)
			}
		})
	}
}

func TestReadErrorsAreClassified(t *testing.T) {
	t.Parallel()
	for code, want := range map[codes.Code]error{
		codes.NotFound:           document.ErrStoreMisconfigured, // no database: a missing document is not an error
		codes.PermissionDenied:   document.ErrStoreMisconfigured,
		codes.Unauthenticated:    document.ErrStoreMisconfigured,
		codes.FailedPrecondition: document.ErrStoreMisconfigured, // no index, or a database of another kind
		codes.InvalidArgument:    document.ErrStoreMisconfigured,
		codes.ResourceExhausted:  document.ErrStoreUnavailable,
		codes.Unknown:            document.ErrStoreUnavailable,
		codes.Unavailable:        nil, // Google's client tries again
		codes.Internal:           nil,
	} {
		t.Run(code.String(), func(t *testing.T) {
			t.Parallel()
			r, p := proxied(t)
			check := func(method string, call func() error) {
				t.Helper()
				p.Refuse(method, 1, code)
				if err := call(); !errors.Is(err, want) || want == nil && err != nil {
					t.Errorf("%v, want %v", err, want)
				}
			}
			ctx, id := t.Context(), page1.ID()
			check("BatchGetDocuments", func() error { _, err := r.Get(ctx, id); return err })
			check("BatchGetDocuments", func() error {
				_, err := document.Update(ctx, r, id, document.Unread(), claim)
				return err
			})
			check("RunQuery", func() error { _, err := r.Due(ctx, time.Time{}, time.Now(), 1); return err })
			check("RunQuery", func() error { _, err := r.Pages(ctx, id, 1); return err })
			check("RunQuery", func() error { return r.ClearPages(ctx, id, 1) })
			check("RunQuery", func() error { _, err := r.Reusable(ctx, "k"); return err })
		})
	}
}

// A list that breaks off is started again, without duplicates.
func TestBrokenListHoldsNothingTwice(t *testing.T) {
	t.Parallel()
	r, p := proxied(t)
	stored := mustUpdate(t, r, document.Unread(), claim)
	for range 4 {
		stored = mustUpdate(t, r, document.Seen(stored), plus)
	}
	p.CutAnswer("RunQuery", 1, 2, codes.Unavailable)
	pages, err := r.Pages(t.Context(), page1.ID(), page1.Generation)
	if err != nil || len(pages) != 4 {
		t.Errorf("%d pages, %v; want 4", len(pages), err)
	}
}

// A document that Firestore refuses.
func TestOversizedDocumentIsRejected(t *testing.T) {
	t.Parallel()
	r := emulated(t)
	tooBig := func(*document.Record) (*document.Change, error) {
		big := &document.Record{Status: document.StatusDone, Text: string(make([]byte, 2<<20))}
		return &document.Change{Record: big}, nil
	}
	if _, err := document.Update(t.Context(), r, page1.ID(), document.Unread(), tooBig); !errors.Is(err,
		document.ErrStoreRejected) {
		t.Errorf("Update = %v, want ErrStoreRejected", err)
	}
	if got, err := r.Get(t.Context(), page1.ID()); got != nil || err != nil {
		t.Errorf("Get = %v, %v; want nothing", got, err)
	}
}
