// Package documenttest holds the test suite that every record store must pass: the contracts of [document.Store],
// [document.Watcher] and [document.Lister] as tests. The rules work with any store that passes it.
//
// Files, in reading order:
//
//	records.go     the suite
//	roundtrip.go   reading what was written
//	updates.go     Update on the store
//	races.go       concurrent writers
//	pages.go       page documents
//	names.go       hostile names and metadata
//	due.go         records that are due
//	reusable.go    records whose text may be copied
//	listing.go     lists, heads and tallies
//	watching.go    the watch
//	checks.go      a check, and the calls that checks make
//	samples.go     sample records
//	differ.go      comparing records
//	memory.go      a store in memory, for tests of other packages
//	memorylist.go  lists and watches of that store
//	bucket.go      a bucket in memory
package documenttest

import (
	"context"
	"testing"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
)

// patience ends a test whose store hangs. No test waits for it.
const patience = 2 * time.Minute

// Records runs the suite. Each test calls open once, for its own empty store, and may run in parallel with others; open
// registers closing with t.Cleanup. Records returns when all tests have ended. A store that is also a
// [document.Watcher] or a [document.Lister] is tested as one.
//
// A store must keep times to the microsecond, and text and names in valid UTF-8 to the byte; in invalid UTF-8, each bad
// byte or run of bad bytes becomes U+FFFD. It may return an empty list or map as empty or nil.
func Records(t *testing.T, open func(t *testing.T) document.Store) {
	run(t, open, patience)
}

func run(t *testing.T, open func(t *testing.T) document.Store, patience time.Duration) {
	var all []check
	for _, part := range [][]check{roundTrip, updates, races, pages, due, reusable, names, watching, listing} {
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
