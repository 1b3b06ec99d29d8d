// Package backfill delivers events for objects that are already in a bucket, as if they had just been uploaded: one per
// object, at a pace set by the function, never more than it can take.
//
// [Run] lists the bucket, skips objects whose documents have ended or are in work (the sweep finishes those), and
// passes the rest to a [Deliverer]: by POST to the function ([Poster]), by way of a topic, or within the function
// itself. Its progress is in the documents, so a stopped run is simply run again; [Summary.After] saves the second run
// part of the listing.
//
// [Reconcile] is a run that finds objects without a document and, with [Options.Gone], documents without an object,
// which lost events leave behind. It continues where the previous run was cut short.
//
// A run cannot get out of control: an object is tried a few times and then left, refusals slow down all deliveries
// together, a series of refusals ends the run, and an answer that is not the function's ends it at once. It cannot feed
// on itself: it writes nothing into the bucket, and leaves objects created after its start to their own events.
//
// Files, in reading order:
//
//	reconcile.go Reconcile: a pass over a bucket, in as many runs as necessary
//	backfill.go  Run and its options
//	run.go       one run: choosing, delivering, handling the answers
//	choose.go    choosing objects of the listing, and documents, to deliver
//	deliver.go   the interface to the function, and delivery by POST
//	pace.go      limiting the pace, and giving up
//	summary.go   results and their counts
package backfill

import (
	"context"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/event"
)

// Options configure a run. Objects, Records and Listing are required.
type Options struct {
	Objects document.ObjectLister
	Records document.Lister
	Listing document.Listing
	Filter  event.Filter // the function's filter; zero: every name, images only

	NewerThan time.Time // only objects created since; zero: all
	OlderThan time.Time // only objects created, and documents written, before; zero: all
	Limit     int       // events to deliver at most; 0: all
	// Gone, if set, makes the run erase documents without an object: it delivers a deletion event for each, once the
	// bucket has confirmed that the name does not exist. All documents of the listing's names are then read in the
	// order of names, instead of by id.
	Gone document.Objects

	Deliver  Deliverer     // nil: only count
	InFlight int           // deliveries at the same time, at least 1
	Rate     float64       // objects per second at most; 0: no limit
	Linger   time.Duration // time for deliveries under way to finish when ctx ends; 0: [Linger]
	Source   string        // prefix of the events' ids; empty: backfill

	// Ended, if set, is called with the result of each chosen object, never concurrently.
	Ended func(Result)
	// Passed, if set, is called with each skipped object and the reason, never concurrently.
	Passed func(o document.Object, reason string)
	// Moved, if set, is called now and then, never concurrently, with the name up to which everything is settled. An
	// object that could not be delivered counts as settled: the next pass finds it again.
	Moved func(ctx context.Context, after string)
	// Sleep waits, or returns the context's error; nil: it waits in real time.
	Sleep func(ctx context.Context, d time.Duration) error
}

// Run runs until the end of the listing, Limit or the end of ctx: then it begins nothing new, and deliveries under way
// have [Linger] to finish. The summary is correct whatever the error, which is ctx's, the bucket's or the store's, or
// wraps [ErrWrongAddress] or [ErrGaveUp]. It may be repeated; two runs at once only cost more requests.
func Run(ctx context.Context, o Options) (Summary, error) {
	r := newRun(o)
	err := r.deliverAll(ctx)
	sum := r.summary()
	sum.Complete = sum.Complete && err == nil
	return sum, err
}
