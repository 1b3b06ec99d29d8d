// Package backfill delivers the events of objects that are in a bucket already, as if they had just been dropped: each
// object's once, at the pace that the function sets, and never more than it can take.
//
// [Run] lists the bucket, passes over what has ended or is in work (the documents say so, and the sweep finishes what is in
// work), and hands the rest to a [Deliverer]: by POST to the function ([Poster]), or by way of a topic. What it did is in
// the documents, so a run that was stopped is simply run again; [Summary.After] saves the second one the listing.
//
// It cannot run away: an object is tried a few times and then left, refusals slow all down together, a row of them ends the
// run, and an answer that is not the function's ends it at once. It cannot feed on itself: it writes nothing into the
// bucket, and objects that came after it began are left to their own events.
package backfill

import (
	"context"
	"errors"
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
	// Passed, where set, is told of each object that is passed over, and why, one call at a time.
	Passed func(o document.Object, reason string)
	// Sleep waits, or returns the context's error; nil: in real time.
	Sleep func(ctx context.Context, d time.Duration) error
}

// Deliverer brings events to the function. It is called concurrently, with at most Batch events at a time, and answers
// for each. An event may be delivered again after any answer but a settled one.
type Deliverer interface {
	Deliver(ctx context.Context, events []document.Event) []Answer
	Batch() int
}

// Verdict is what a delivery came to.
type Verdict int

// The verdicts.
const (
	Settled Verdict = iota // taken over for good
	Refused                // not now: the function refuses, is not there or did not answer. Its record may stand all the same
	Never                  // this event cannot be said at all, others can
	Wrong                  // what answers is not the function, or does not let us in: nothing will change by trying again
)

// Answer is what came of one delivery.
type Answer struct {
	Verdict Verdict
	What    string // the outcome, or in words why not
}

// Result is what became of one object.
type Result struct {
	Object document.Object
	What   string // an outcome, "published", [Left] or [Undelivered]
	Why    string // in words, of the last two
}

// What becomes of an object besides the outcomes.
const (
	Left        = "left"        // it has a document and is unfinished: the sweep has it
	Undelivered = "undelivered" // no document either: it has to be delivered again
)

// Why an object is passed over, besides the filter's reasons.
const (
	SkipEnded = "ended"   // this generation is done or failed
	SkipWork  = "in_work" // somebody works on it, or will: the sweep has it
	SkipNew   = "new"     // it came after the run began: its own event is on the way
	SkipOld   = "old"     // it is older than wanted
)

// Summary is what a run has done. Counts are of objects unless they say otherwise.
type Summary struct {
	Listed  int64            `json:"listed"`
	Skipped map[string]int64 `json:"skipped"` // by reason
	Chosen  int64            `json:"chosen"`
	Bytes   int64            `json:"bytes"` // of those chosen
	Pages   int64            `json:"pages"` // that those chosen have at least: one each
	PDFs    int64            `json:"pdfs"`  // among them, whose pages are not known
	Results map[string]int64 `json:"results"`
	// Requests is how many deliveries were made in all, repetitions too.
	Requests int64 `json:"requests"`
	// After is the name up to which all is settled; a run that begins behind it misses nothing.
	After string `json:"after,omitempty"`
}

// Why a run ends before its time.
var (
	ErrWrongAddress = errors.New("what answers is not the function")
	ErrGaveUp       = errors.New("the function takes nothing more")
)

// Run does it all, until the listing is through, Limit is reached or ctx ends: then nothing new is begun, and what is
// under way has [Linger] to come to its end. The summary is right whatever the error, which is ctx's, the bucket's, the
// store's, or wraps [ErrWrongAddress] or [ErrGaveUp]. It may be repeated; two runs at once do no harm but cost requests.
func Run(ctx context.Context, o Options) (Summary, error) {
	r := newRun(o)
	err := r.all(ctx)
	return r.summary(), err
}
