package main

import (
	"context"

	"time"

	"github.com/spf13/pflag"

	"github.com/bucketocr/bucketocr/internal/backfill"
)

const reconcileHelp = `Finds what lost events left below gs://BUCKET/PREFIX, and delivers the events that did not come: of objects without a document, and
with --erase of documents whose object is gone. With --local those of a folder, to the bucketocr up process that runs there.

The deployed function does the same by itself every day (RECONCILE_BUCKETS); this command shows what it would find (--dry-run), and
does it at once. Objects younger than an hour are left to their own events. The function decides: what INCLUDE and EXCLUDE leave
out it ignores, and it erases only with ON_DELETE=erase; otherwise its answer is filtered. Each document to be erased is looked up
in the bucket once more before, and one whose object was uploaded meanwhile stays.

Refusals, Ctrl-C and --after are as for bucketocr backfill. Exits with 1 where an object failed or could not be delivered. It costs a
list operation for each thousand objects and a read for each image among them, or with --erase a read for each document.
` + placeText + targetText + `
Example: bucketocr reconcile gs://my-scans --dry-run
         bucketocr reconcile gs://my-scans --erase
`

func reconcileFlags(fs *pflag.FlagSet) action {
	f := newBackfillCmd(fs, "reconcile")
	fs.Var(&f.older, "older-than",
		"only what was created or written before this `TIME`: 24h (ago), 2026-11-24 or RFC 3339 (default 1h ago)")
	fs.BoolVar(&f.erase, "erase", false, "have documents erased, too, whose object is gone")
	section(fs, "Selection", "older-than", "erase")
	return func(ctx context.Context, sys system, args []string) int {
		if f.older.IsZero() {
			f.older.Time = time.Now().Add(-backfill.MinAge)
		}
		return f.run(ctx, sys, args)
	}
}
