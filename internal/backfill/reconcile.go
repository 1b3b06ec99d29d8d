package backfill

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
)

// Times of a reconciliation.
const (
	// MinAge is how old an object or a document must be: until then its own event may be on the way.
	MinAge = time.Hour

	passRest  = time.Hour        // from the end of a pass until the next may begin
	passGrace = time.Minute      // how much longer than its time a run may take
	moveEvery = 10 * time.Second // between two writes of a run's progress
	giveTime  = 5 * time.Second  // for the last write
)

// ErrPassTaken means that another run works on the pass over this bucket.
var ErrPassTaken = errors.New("another run reconciles this bucket")

// Pass identifies a run and the store of passes, so that a run continues where the previous one was cut short.
type Pass struct {
	Store  document.Store // separate from that of the records
	Holder string         // id of this run, never repeated
}

// passID returns the id of the record of a bucket's pass.
func passID(bucket string) string { return "reconcile-" + bucket }

// Past describes the passes over a bucket so far.
type Past struct {
	Begun time.Time // of the pass under way; zero: none is
	Ended time.Time // of the last complete pass; zero: none
}

// LastPass reads the state of a bucket's passes. It is zero for a bucket that was never reconciled.
func LastPass(ctx context.Context, passes document.Store, bucket string) (Past, error) {
	r, err := passes.Get(ctx, passID(bucket))
	if err != nil || r == nil {
		return Past{}, err
	}
	return Past{Begun: r.WindowStart, Ended: r.Finished}, nil
}

// Reconcile runs one part of a pass over the bucket of o.Listing: objects without a document that are older than
// [MinAge], and with [Options.Gone] documents without an object. It begins after the name at which the last run ended
// or, if that completed the pass, begins a new one, at the earliest an hour later: until then the summary is complete
// and empty. ctx must have a deadline.
//
// Of two runs at once, the second returns [ErrPassTaken]. If a run dies, the next one can take over the pass a minute
// after the end of the first one's time, from a name a few seconds before the point of death. Other errors are those of
// [Run].
func Reconcile(ctx context.Context, o Options, p Pass) (Summary, error) {
	after, rests, err := p.take(ctx, o)
	if err != nil || rests {
		return Summary{Complete: err == nil}, err
	}
	o.Listing.After = after
	o.OlderThan = time.Now().Add(-MinAge)
	saved := time.Now()
	o.Moved = func(ctx context.Context, after string) {
		if time.Since(saved) < moveEvery {
			return
		}
		saved = time.Now()
		_ = p.move(ctx, o.Listing.Bucket, after)
	}
	sum, err := Run(ctx, o)
	return sum, errors.Join(err, p.give(ctx, o.Listing.Bucket, sum))
}

// take takes the pass for this run. It returns the name after which the run begins, or reports that there is nothing to
// do yet.
func (p Pass) take(ctx context.Context, o Options) (after string, rests bool, err error) {
	deadline, _ := ctx.Deadline()
	id := passID(o.Listing.Bucket)
	seen, err := p.Store.Get(ctx, id)
	if err != nil {
		return "", false, err
	}
	ahead := time.Duration(0)
	expected := document.Absent()
	if seen != nil {
		ahead = time.Until(seen.ReadAt) // leases are by the store's clock
		expected = document.Seen(seen)
	}
	var taken bool
	stored, err := document.Update(ctx, p.Store, id, expected,
		func(old *document.Record) (ch *document.Change, _ error) {
			now := time.Now().Add(ahead)
			if rests = old != nil && old.Lease == nil && old.WindowStart.IsZero() &&
				now.Sub(old.Finished) < passRest; rests {
				return nil, nil
			}
			ch, taken = document.TakePass(old, o.Listing.Bucket, p.Holder, now, deadline.Add(ahead+o.Linger+passGrace))
			return ch, nil
		})
	switch {
	case err != nil:
		return "", false, fmt.Errorf("taking the pass over bucket %s: %w", o.Listing.Bucket, err)
	case rests:
		return "", true, nil
	case !taken:
		return "", false, fmt.Errorf("%w: %s", ErrPassTaken, o.Listing.Bucket)
	}
	return stored.Name, false, nil
}

func (p Pass) move(ctx context.Context, bucket, after string) error {
	_, err := document.Update(ctx, p.Store, passID(bucket), document.Unread(),
		func(old *document.Record) (*document.Change, error) {
			return document.MovePass(old, p.Holder, after), nil
		})
	return err
}

// give ends the run, even if ctx has ended.
func (p Pass) give(ctx context.Context, bucket string, sum Summary) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), giveTime)
	defer cancel()
	_, err := document.Update(ctx, p.Store, passID(bucket), document.Unread(),
		func(old *document.Record) (*document.Change, error) {
			return document.GivePass(old, p.Holder, sum.After, sum.Complete), nil
		})
	return err
}
