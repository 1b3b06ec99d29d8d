// Package documenttest holds the suite that every record store must pass: what [document.Store] and [document.Watcher]
// say, as tests. The rules hold over any store that passes it.
//
// Files, in reading order:
//
//	records.go     the suite
//	roundtrip.go   what is written is read again
//	updates.go     Update over the store
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
//	memorylist.go  its lists and its watch
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

// Records runs the suite. Each test calls open once, for an empty store of its own, and may run beside the others; open
// closes what it opened with t.Cleanup. Records returns when all tests have ended. A store that is also a
// [document.Watcher] or a [document.Lister] is tested as one.
//
// A store must keep times to the microsecond, text and names of any valid UTF-8 to the byte; in what is not valid
// UTF-8, each bad byte or run of bad bytes becomes U+FFFD. Whether an empty list or map comes back empty or nil is its
// choice.
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
