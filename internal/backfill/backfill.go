// Package backfill delivers the events of objects that are in a bucket already, as if they had just been dropped: each
// object's once, at the pace that the function sets, and never more than it can take.
//
// [Run] lists the bucket, skips what has ended or is in work (the documents say so, and the sweep finishes what is in
// work), and hands the rest to a [Deliverer]: by POST to the function ([Poster]), by way of a topic, or within the
// function itself. What it did is in the documents, so a run that was stopped is simply run again; [Summary.After]
// saves the second one the listing.
//
// [Reconcile] is a run that finds what lost events left: objects without a document and, with [Options.Gone], documents
// without an object. It goes on where the run before was cut short.
//
// It cannot run away: an object is tried a few times and then left, refusals slow all down together, a row of them ends
// the run, and an answer that is not the function's ends it at once. It cannot feed on itself: it writes nothing into
// the bucket, and objects that came after it began are left to their own events.
//
// Files, in reading order:
//
//	reconcile.go Reconcile: a pass over a bucket, in as many runs as it takes
//	backfill.go  Run and its options
//	run.go       one run: choose, deliver, look at the answers
//	choose.go    which objects of the listing, and which documents, are delivered
//	deliver.go   the way to the function: what a delivery may answer, and delivery by POST
//	pace.go      how fast, and when to give up
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
	OlderThan time.Time // only objects created, and documents written, before; zero: all
	Limit     int       // events to deliver at most; 0: all
	// Gone, where set, has documents without an object erased: a deletion event is delivered of each, once the bucket
	// has said again that the name is not there. All documents of the listing's names are then read in the order of
	// names, instead of by id.
	Gone document.Objects

	Deliver  Deliverer     // nil: only count
	InFlight int           // deliveries at the same time, at least 1
	Rate     float64       // objects a second at most; 0: as fast as it goes
	Linger   time.Duration // what deliveries under way have to come to their end when ctx ends; 0: [Linger]
	Source   string        // begins the ids of the events; empty: backfill

	// Ended, where set, is told what became of each object that was chosen, one call at a time.
	Ended func(Result)
	// Passed, where set, is told of each object that is skipped, and why, one call at a time.
	Passed func(o document.Object, reason string)
	// Moved, where set, is told now and then the name up to which all is settled, one call at a time. An object that
	// could not be delivered then counts as settled: the next pass finds it again.
	Moved func(ctx context.Context, after string)
	// Sleep waits, or returns the context's error; nil: in real time.
	Sleep func(ctx context.Context, d time.Duration) error
}

// Run does it all, until the listing is through, Limit is reached or ctx ends: then nothing new is begun, and what is
// under way has [Linger] to come to its end. The summary is right whatever the error, which is ctx's, the bucket's, the
// store's, or wraps [ErrWrongAddress] or [ErrGaveUp]. It may be repeated; two runs at once do no harm but cost
// requests.
func Run(ctx context.Context, o Options) (Summary, error) {
	r := newRun(o)
	err := r.deliverAll(ctx)
	sum := r.summary()
	sum.Complete = sum.Complete && err == nil
	return sum, err
}
