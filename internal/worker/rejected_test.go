package worker_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/document/documenttest"
)

// picky is a store that refuses every commit that brings page 1.
type picky struct{ *documenttest.Memory }

func (p picky) Commit(ctx context.Context, id string, from *document.Stored, ch *document.Change) (*document.Stored, error) {
	for _, pg := range ch.Pages {
		if pg.Page == 1 {
			return nil, fmt.Errorf("%w: page 1", document.ErrStoreRejected)
		}
	}
	return p.Memory.Commit(ctx, id, from, ch)
}

// TestRejectedPageEndsTheRecord: a page document that the store will never take ends the record and does not leave it leased.
func TestRejectedPageEndsTheRecord(t *testing.T) {
	for _, pages := range []int{2, 5} {
		t.Run(fmt.Sprintf("of %d", pages), func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				w.options.Records = picky{w.records}
				if out := w.worker().Process(t.Context(), w.bucket.Put("a.tiff", book(pages))).Outcome; out != document.OutcomeFailed {
					t.Errorf("outcome %s, want failed", out)
				}
				w.want("a.tiff", document.StatusFailed, "store_rejected")
			})
		})
	}
}
