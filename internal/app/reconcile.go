package app

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/bucketocr/bucketocr/internal/backfill"
	"github.com/bucketocr/bucketocr/internal/config"
	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/worker"
)

// maxTaken limits the deliveries of one reconciliation run per bucket: few events are ever lost, and if there are many,
// an operator should look before they cost GPU time.
const maxTaken = 1000

// reconciler walks the buckets of RECONCILE_BUCKETS.
type reconciler struct {
	buckets []string
	options backfill.Options // of every bucket
	passes  document.Store   // nil: each run begins with the first name
}

// newReconciler returns a reconciler, nil if RECONCILE_BUCKETS is empty.
func newReconciler(cfg config.Config, b Backends) (*reconciler, error) {
	if len(cfg.ReconcileBuckets) == 0 {
		return nil, nil
	}
	objects, listed := b.Objects.(document.ObjectLister)
	records, known := b.Records.(document.Lister)
	if !listed || !known || b.Turns == nil {
		return nil, errors.New("RECONCILE_BUCKETS: these stores cannot be listed")
	}
	o := backfill.Options{
		Objects: objects, Records: records, Filter: cfg.Filter, Limit: maxTaken, InFlight: cfg.OCRInstanceConcurrency,
		Source: "reconcile",
	}
	if cfg.OnDelete == config.Erase {
		o.Gone = b.Objects
	}
	return &reconciler{buckets: cfg.ReconcileBuckets, options: o, passes: b.Turns}, nil
}

// since returns a walk that reconciles objects created since then.
func (r reconciler) since(then time.Time) worker.Walk {
	r.options.NewerThan = then
	return r.walk
}

// walk is a [worker.Walk] that goes through all buckets at the same time, so that none delays another.
func (r *reconciler) walk(ctx context.Context, linger time.Duration,
	deliver func(context.Context, document.Event) worker.Result) (worker.Walked, error) {
	sums, errs := make([]backfill.Summary, len(r.buckets)), make([]error, len(r.buckets))
	var wg sync.WaitGroup
	for i, bucket := range r.buckets {
		wg.Go(func() {
			o := r.options
			o.Listing.Bucket, o.Linger, o.Deliver = bucket, linger, line(deliver)
			o.InFlight = max(o.InFlight/len(r.buckets), 1)
			var err error
			sums[i], err = backfill.Reconcile(ctx, o, backfill.Pass{Store: r.passes, Holder: rand.Text()})
			errs[i] = reconcileError(bucket, err)
		})
	}
	wg.Wait()
	all := worker.Walked{Complete: true}
	for _, sum := range sums {
		all.Listed += sum.Listed
		all.Missing += sum.Chosen
		all.Gone += sum.Gone
		all.Left += sum.Left
		all.Complete = all.Complete && sum.Complete
		if !sum.Oldest.IsZero() && (all.Oldest.IsZero() || sum.Oldest.Before(all.Oldest)) {
			all.Oldest = sum.Oldest
		}
	}
	return all, errors.Join(errs...)
}

// reconcileError returns the error of a run that is worth reporting. The next run takes care of the others: the time
// was over, another run works on the bucket, or the function accepts no more.
func reconcileError(bucket string, err error) error {
	switch {
	case err == nil, errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled),
		errors.Is(err, backfill.ErrPassTaken),
		errors.Is(err, backfill.ErrGaveUp):
		return nil
	case errors.Is(err, document.ErrObjectGone):
		return fmt.Errorf("%w: bucket %s, named in RECONCILE_BUCKETS, does not exist", document.ErrStorageMisconfigured,
			bucket)
	}
	return fmt.Errorf("bucket %s: %w", bucket, err)
}

// line delivers to the worker of this process.
type line func(context.Context, document.Event) worker.Result

// Batch implements [backfill.Deliverer].
func (line) Batch() int { return 1 }

// Deliver implements [backfill.Deliverer].
func (l line) Deliver(ctx context.Context, events []document.Event) []backfill.Answer {
	answers := make([]backfill.Answer, len(events))
	for i, ev := range events {
		answers[i] = backfill.AnswerOf(l(ctx, ev).Outcome)
	}
	return answers
}
