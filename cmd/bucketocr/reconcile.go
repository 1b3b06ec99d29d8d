package main

import (
	"context"

	"time"

	"github.com/spf13/pflag"

	"github.com/bucketocr/bucketocr/internal/backfill"
)

const reconcileHelp = `Finds what lost events have left undone below gs://BUCKET/PREFIX and delivers those events: for
objects without a document and, with --erase, for documents whose object is gone. With --local,
does the same for a folder, through the bucketocr up process that is running there.

The deployed function does this every day (RECONCILE_BUCKETS) for objects since the first
deployment; this command does it at once, or shows what it would find (--dry-run), for all objects,
or only those that --newer-than, --include and --exclude select. Those younger than an hour are left
to their own events.
The function decides: it ignores names that INCLUDE and EXCLUDE leave out, and it erases only with
ON_DELETE=erase, answering "filtered" otherwise. Before a document is erased, its object is looked
up once more; the document of an object that was uploaded meanwhile is kept.

Refusals, Ctrl-C and --after work as in bucketocr backfill. Exits with 1 if any object failed or
could not be delivered. Costs one list operation per thousand objects and one read per image or,
with --erase, one read per document.
` + placeText + targetText + `
Example: bucketocr reconcile gs://my-scans --dry-run
         bucketocr reconcile gs://my-scans --erase
`

func reconcileFlags(fs *pflag.FlagSet) action {
	f := newBackfillCmd(fs, "reconcile")
	fs.Var(&f.older, "older-than",
		"only objects created, or documents written, before this `TIME`: 24h (ago), 2026-11-24 or RFC 3339 (default 1h ago)")
	fs.Var(&f.newer, "newer-than", "only objects created after this `TIME`, for instance the first deployment")
	fs.BoolVar(&f.erase, "erase", false, "also erase documents whose object is gone")
	section(fs, "Selection", "newer-than", "older-than", "erase")
	return func(ctx context.Context, sys system, args []string) int {
		if f.older.IsZero() {
			f.older.Time = time.Now().Add(-backfill.MinAge)
		}
		return f.run(ctx, sys, args)
	}
}
