package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/bucketocr/bucketocr/internal/backfill"
	"github.com/bucketocr/bucketocr/internal/document"
)

// fillingReport shows what comes of a backfill.
type fillingReport struct {
	sys      system
	f        *filling
	progress *progress

	estimates []estimate // of a dry run

	mu  sync.Mutex
	bad int64 // failed or undelivered
}

// countAll goes through the listing once more, beside the run and without asking for documents, so that the bar knows how
// much there is.
func (r *fillingReport) countAll(ctx context.Context, o backfill.Options) {
	if !r.progress.bar || r.f.dry || r.f.json || r.f.limit > 0 {
		return
	}
	n := int64(0)
	err := o.Objects.ListObjects(ctx, o.Listing, func(document.Listed) error { n++; return nil })
	if err == nil {
		r.progress.of(n)
	}
}

// ended shows an object's end: each as JSON where that is wanted, else those that did not go well.
func (r *fillingReport) ended(res backfill.Result) {
	r.mu.Lock()
	bad := res.What == backfill.Undelivered || res.What == string(document.OutcomeFailed)
	if bad {
		r.bad++
	}
	n := r.bad
	r.mu.Unlock()
	if r.f.json {
		_ = json.NewEncoder(r.sys.stdout).Encode(map[string]any{
			"bucket": res.Object.Bucket, "name": res.Object.Name, "generation": res.Object.Generation,
			"document": res.Object.ID(), "result": res.What, "reason": res.Why,
		})
		return
	}
	extra := ""
	if n > 0 {
		extra = count(n) + " failed"
	}
	r.progress.add(1, extra)
	if bad {
		line := fmt.Sprintf("%-11s gs://%s/%s", res.What, res.Object.Bucket, plain(res.Object.Name))
		if res.Why != "" {
			line += "  " + res.Why
		}
		r.progress.print(r.sys.stdout, line)
	}
}

// meanings says what the results are, where the word alone does not.
var meanings = map[string]string{
	"done":               "text and status are written",
	"failed":             "the document says why: bucketocr show",
	"duplicate":          "had ended meanwhile",
	"busy":               "somebody works on it",
	"filtered":           "passed over by the function itself",
	"superseded":         "a newer generation is known",
	backfill.Left:        "has a document and is unfinished: the sweep takes it",
	backfill.Undelivered: "not delivered: run this again",
	published:            "the function takes it in its time: bucketocr stats",
}

var skipped = map[string]string{
	backfill.SkipEnded: "done or failed already",
	backfill.SkipWork:  "in work, or due for the sweep",
	backfill.SkipNew:   "came after the start: its own event is on the way",
	backfill.SkipOld:   "older than wanted",
	"folder":           "a folder's placeholder",
	"junk":             "left behind by an operating system",
	"excluded":         "excluded",
	"not_included":     "not included",
	"not_image":        "no image by type and name",
}

// report ends the command with a table.
func (r *fillingReport) report(sum backfill.Summary, err error) {
	if r.f.json {
		_ = json.NewEncoder(r.sys.stdout).Encode(map[string]any{"sum": sum, "complete": err == nil, "estimates": r.estimates})
		return
	}
	w := tabwriter.NewWriter(r.sys.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "listed\t%s\n", count(sum.Listed))
	for _, why := range slices.Sorted(maps.Keys(sum.Skipped)) {
		fmt.Fprintf(w, "passed over\t%s\t%s\n", count(sum.Skipped[why]), skipped[why])
	}
	if r.f.dry {
		fmt.Fprintf(w, "to deliver\t%s\t%s\n", count(sum.Chosen), byteCount(sum.Bytes))
		fmt.Fprintf(w, "pages\t%s\t%s\n", count(sum.Pages), pagesHint(sum))
		if err == nil && sum.Pages > 0 {
			printEstimates(w, r.estimates)
		}
	}
	for _, what := range slices.Sorted(maps.Keys(sum.Results)) {
		fmt.Fprintf(w, "%s\t%s\t%s\n", what, count(sum.Results[what]), meanings[what])
	}
	w.Flush()
	switch {
	case r.f.dry:
		fmt.Fprintln(r.sys.stdout, "\nA dry run: nothing was delivered.")
	case err != nil && sum.After != "":
		fmt.Fprintf(r.sys.stdout, "\nStopped after %s and %s requests. Run it again, or go on behind --after %s\n",
			age(time.Since(r.progress.begun)), count(sum.Requests), shellWord(sum.After))
	case err != nil:
		fmt.Fprintf(r.sys.stdout, "\nStopped after %s and %s requests. Run it again.\n", age(time.Since(r.progress.begun)), count(sum.Requests))
	case err == nil && sum.Requests > 0:
		fmt.Fprintf(r.sys.stdout, "\n%s requests in %s.\n", count(sum.Requests), age(time.Since(r.progress.begun)))
	}
}

// pagesHint says what is not known about the pages of a dry run.
func pagesHint(sum backfill.Summary) string {
	if sum.PDFs == 0 {
		return "one for each image; TIFFs may have more"
	}
	return fmt.Sprintf("at least: %s are PDFs, whose pages are counted when they are read", count(sum.PDFs))
}
