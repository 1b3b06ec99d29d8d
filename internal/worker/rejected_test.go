package worker_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/document/documenttest"
	"github.com/bucketocr/bucketocr/ocr"
)

// picky is a store that refuses every commit with page 1.
type picky struct{ *documenttest.Memory }

func (p picky) Commit(ctx context.Context, id string, from *document.Stored, ch *document.Change) (*document.Stored,
	error) {
	for _, pg := range ch.Pages {
		if pg.Page == 1 {
			return nil, fmt.Errorf("%w: page 1", document.ErrStoreRejected)
		}
	}
	return p.Memory.Commit(ctx, id, from, ch)
}

// TestRejectedPageEndsTheRecord: a page document that the store never accepts ends the record instead of leaving it
// leased.
func TestRejectedPageEndsTheRecord(t *testing.T) {
	for _, pages := range []int{2, 5} {
		t.Run(fmt.Sprintf("of %d", pages), func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				w.options.Records = picky{w.records}
				if out := w.worker().Process(t.Context(),
					w.bucket.Put("a.tiff", book(pages))).Outcome; out != document.OutcomeFailed {
					t.Errorf("outcome %s, want failed", out)
				}
				w.want("a.tiff", document.StatusFailed, "store_rejected")
			})
		})
	}
}

// TestRejectedRereadingEnds: a new reading that the store never accepts ends with that error, is paid for once, and
// leaves the document as it was.
func TestRejectedRereadingEnds(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.worker().Process(t.Context(), w.bucket.Put("a.png", picture(31)))
		before := w.want("a.png", document.StatusDone, "")
		w.answer = func(_ context.Context, text string) (ocr.Result, error) { // now with blocks, in a page document
			r := result(text + " and better")
			r.Blocks = []ocr.Block{{Label: "text", Box: [4]int{1, 2, 3, 4}, Text: text}}
			return r, nil
		}
		w.options.Records = picky{w.records}
		calls := w.calls.Load()
		w.retry("a.png", allPages)
		r := w.want("a.png", document.StatusDone, "")
		if r.Text != before.Text || r.Lease != nil || !r.Due.IsZero() || r.Interruptions > 0 || r.Rereading == nil ||
			r.Rereading.Error == nil || r.Rereading.Error.Code != document.CodeStoreRejected {
			t.Errorf("%+v", r)
		}
		if n := w.calls.Load() - calls; n != 1 {
			t.Errorf("%d pages were sent", n)
		}
	})
}

// fussy is a store that refuses every record with metadata, or every record.
type fussy struct {
	*documenttest.Memory
	all bool
}

func (f fussy) Commit(ctx context.Context, id string, from *document.Stored, ch *document.Change) (*document.Stored,
	error) {
	if f.all || ch.Record.Metadata != nil {
		return nil, fmt.Errorf("%w: metadata", document.ErrStoreRejected)
	}
	return f.Memory.Commit(ctx, id, from, ch)
}

// TestRejectedClaimIsVisible: an object whose record the store refuses because of the uploader's attributes gets a
// document that says so. If the store accepts nothing, the event is not acknowledged.
func TestRejectedClaimIsVisible(t *testing.T) {
	for _, all := range []bool{false, true} {
		t.Run(fmt.Sprintf("all %v", all), func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				w.options.Records = fussy{w.records, all}
				res := w.worker().Process(t.Context(), w.bucket.Put("a.png", picture(31)))
				if all {
					if !res.Outcome.Refused() || res.Fault.Code != document.CodeStoreRejected ||
						len(w.records.All()) > 0 {
						t.Errorf("%s %s", res.Outcome, res.Fault.Code)
					}
					return
				}
				if r := w.want("a.png", document.StatusFailed, document.CodeStoreRejected); r.Metadata != nil ||
					r.Attempt != 1 || res.Outcome != document.OutcomeFailed {
					t.Errorf("%s, %+v", res.Outcome, r)
				}
				if w.calls.Load() > 0 {
					t.Error("a page was sent")
				}
			})
		})
	}
}
