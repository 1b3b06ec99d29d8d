// Package documenttest holds the suite that every record store must pass: what [document.Store] and [document.Watcher]
// say, as tests. The rules hold over any store that passes it.
package documenttest

import (
	"context"
	"testing"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
)

// patience ends a test whose store hangs. No test waits for it.
const patience = 2 * time.Minute

// check is one test of the suite: it has the store, empty at its start, to itself.
type check struct {
	name string
	run  func(t *testing.T, ctx context.Context, s document.Store)
}

// Records runs the suite. Each test calls open once, for an empty store of its own, and may run beside the others; open
// closes what it opened with t.Cleanup. Records returns when all tests have ended. A store that is also a
// [document.Watcher] or a [document.Lister] is tested as one.
//
// A store must keep times to the microsecond, text and names of any valid UTF-8 to the byte; in what is not valid UTF-8,
// each bad byte or run of bad bytes becomes U+FFFD. Whether an empty list or map comes back empty or nil is its choice.
func Records(t *testing.T, open func(t *testing.T) document.Store) {
	run(t, open, patience)
}

func run(t *testing.T, open func(t *testing.T) document.Store, patience time.Duration) {
	var all []check
	for _, part := range [][]check{roundTrip, updates, races, pages, due, names, watching, listing} {
		all = append(all, part...)
	}
	t.Run("records", func(t *testing.T) {
		for _, c := range all {
			t.Run(c.name, func(t *testing.T) {
				t.Parallel()
				ctx, cancel := context.WithTimeout(t.Context(), patience)
				t.Cleanup(cancel)
				c.run(t, ctx, open(t))
			})
		}
	})
}

// set is the UpdateFunc that replaces whatever stands there.
func set(c document.Change) document.UpdateFunc {
	return func(*document.Record) (*document.Change, error) { return &c, nil }
}

// plus is the UpdateFunc that adds one to Faults.
func plus(old *document.Record) (*document.Change, error) {
	next := *old
	next.Faults++
	return &document.Change{Record: &next}, nil
}

// mustUpdate is Update that has to work.
func mustUpdate(t *testing.T, ctx context.Context, s document.Store, id string, expected document.Expected, fn document.UpdateFunc) *document.Stored {
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

// mustGet reads a record that has to be there.
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
