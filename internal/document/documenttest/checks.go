package documenttest

import (
	"context"
	"errors"
	"testing"

	"github.com/bucketocr/bucketocr/internal/document"
)

// check is one test of the suite. It has its own store, which is empty at first.
type check struct {
	name string
	run  func(t *testing.T, ctx context.Context, s document.Store)
}

// set returns an UpdateFunc that replaces any record.
func set(c document.Change) document.UpdateFunc {
	return func(*document.Record) (*document.Change, error) { return &c, nil }
}

// plus is an UpdateFunc that adds one to Interruptions.
func plus(old *document.Record) (*document.Change, error) {
	next := *old
	next.Interruptions++
	return &document.Change{Record: &next}, nil
}

// mustUpdate calls Update and fails the test on an error.
func mustUpdate(t *testing.T, ctx context.Context, s document.Store, id string, expected document.Expected,
	fn document.UpdateFunc) *document.Stored {
	t.Helper()
	got, err := document.Update(ctx, s, id, expected, fn)
	if err != nil {
		t.Fatalf("Update: %v", err)
	}
	if got == nil || got.Record == nil {
		t.Fatalf("Update gave no record: %+v", got)
	}
	return got
}

// mustCreate stores r under its own id, with every stamp.
func mustCreate(t *testing.T, ctx context.Context, s document.Store, r document.Record) *document.Stored {
	t.Helper()
	stamps := document.StampCreated | document.StampStarted
	return mustUpdate(t, ctx, s, r.Object().ID(), document.Unread(), set(document.Change{Record: &r, Stamps: stamps}))
}

// mustGet reads a record that must exist.
func mustGet(t *testing.T, ctx context.Context, s document.Store, id string) *document.Stored {
	t.Helper()
	got, err := s.Get(ctx, id)
	if err != nil {
		t.Fatalf("Get: %v", err)
	}
	if got == nil || got.Record == nil {
		t.Fatalf("Get(%s) found nothing", id)
	}
	return got
}

// mustPages reads the pages of one generation.
func mustPages(t *testing.T, ctx context.Context, s document.Store, id string, generation int64) []document.Page {
	t.Helper()
	got, err := s.Pages(ctx, id, generation)
	if err != nil {
		t.Fatalf("Pages: %v", err)
	}
	return got
}

var errOwn = errors.New("the function's own")

// mustCreateDue stores records with the given names, due at the given minutes.
func mustCreateDue(t *testing.T, ctx context.Context, s document.Store, minutes map[string]int) {
	t.Helper()
	for name, m := range minutes {
		r := claimed(name)
		r.Due = at(m)
		mustCreate(t, ctx, s, r)
	}
}
