package worker

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
)

// picky is a store that refuses every commit that brings page 1.
type picky struct {
	document.Store
	now *document.Stored
}

func (p *picky) Commit(_ context.Context, _ string, _ *document.Stored, ch *document.Change) (*document.Stored, error) {
	for _, pg := range ch.Pages {
		if pg.Page == 1 {
			return nil, fmt.Errorf("%w: page 1", document.ErrStoreRejected)
		}
	}
	p.now = &document.Stored{Record: ch.Record, Version: p.now.Version + 1}
	return p.now, nil
}

// TestRejectedPageIsNotLeftOpen: a page document that the store will never take ends the record, it does not leave it leased.
func TestRejectedPageIsNotLeftOpen(t *testing.T) {
	now := time.Now()
	store := &picky{now: &document.Stored{Record: &document.Record{Generation: 1, Status: document.StatusProcessing, WindowStart: now, Attempt: 1,
		Lease: &document.Lease{ID: "l", Expires: now.Add(document.LeaseTime)}}}}
	p := New(Options{Records: store, MemoryBudget: 1, Rules: document.Rules{MaxAttempts: 5, MaxDoubts: 20, RetryWindow: time.Hour,
		RetryDelay: func(int) time.Duration { return time.Minute }}})
	a := newAttempt(p, document.Event{Object: document.Object{Generation: 1}}, &claim{lease: "l", stored: store.now})
	a.total = 2
	err := a.note(t.Context(), []step{{page: document.Page{Page: 1, Generation: 1, Text: "x"}}})
	r := a.close(t.Context(), err)
	if store.now.Status != document.StatusFailed {
		t.Errorf("outcome %s, record %s, lease %v", r.outcome, store.now.Status, store.now.Lease)
	}
}
