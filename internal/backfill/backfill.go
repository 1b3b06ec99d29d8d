// Package backfill delivers the events of objects that are in a bucket already, as if they had just been dropped: each
// object's once, at the pace that the function sets, and never more than it can take.
//
// [Run] lists the bucket, skips what has ended or is in work (the documents say so, and the sweep finishes what is in
// work), and hands the rest to a [Deliverer]: by POST to the function ([Poster]), or by way of a topic. What it did is in
// the documents, so a run that was stopped is simply run again; [Summary.After] saves the second one the listing.
//
// It cannot run away: an object is tried a few times and then left, refusals slow all down together, a row of them ends the
// run, and an answer that is not the function's ends it at once. It cannot feed on itself: it writes nothing into the
// bucket, and objects that came after it began are left to their own events.
//
// Files, in reading order:
//
//	backfill.go  Run and its options
//	run.go       one run: choose, deliver, look at the answers
//	choose.go    which objects of the listing are delivered
//	pace.go      how fast, and when to give up
//	deliver.go   the way to the function: what a delivery may answer, and delivery by POST
//	summary.go   results and their counts
package backfill

import (
	"context"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/event"
)

// Options are what a run is made of. Objects, Records and Listing are required.
type Options struct {
	Objects document.ObjectLister
	Records document.Lister
	Listing document.Listing
	Filter  event.Filter // as the function's own; zero: every name, images only

	NewerThan time.Time // only objects created since; zero: all
	Limit     int       // objects to deliver at most; 0: all

	Deliver  Deliverer // nil: only count
	InFlight int       // deliveries at the same time, at least 1
	Rate     float64   // objects a second at most; 0: as fast as it goes

	// Ended, where set, is told what became of each object that was chosen, one call at a time.
	Ended func(Result)
	// Passed, where set, is told of each object that is skipped, and why, one call at a time.
	Passed func(o document.Object, reason string)
	// Sleep waits, or returns the context's error; nil: in real time.
	Sleep func(ctx context.Context, d time.Duration) error
}

// Run does it all, until the listing is through, Limit is reached or ctx ends: then nothing new is begun, and what is
// under way has [Linger] to come to its end. The summary is right whatever the error, which is ctx's, the bucket's, the
// store's, or wraps [ErrWrongAddress] or [ErrGaveUp]. It may be repeated; two runs at once do no harm but cost requests.
func Run(ctx context.Context, o Options) (Summary, error) {
	r := newRun(o)
	err := r.deliverAll(ctx)
	return r.summary(), err
}
