package backfill

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/wait"
)

// Sizes of a run.
const (
	maxTries = 5 // of one object

	// Linger is how long a stopped run waits for the answers to deliveries under way. The function continues them in
	// any case.
	Linger = 10 * time.Second
)

// Reasons for which a run ends early.
var (
	ErrWrongAddress = errors.New("the endpoint is not the bucketocr function")
	ErrGaveUp       = errors.New("the function keeps refusing events")
)

// run is one call of Run.
type run struct {
	o     Options
	begun time.Time
	pace  *pace

	mu      sync.Mutex
	sum     Summary
	last    string            // the last name chosen or skipped
	seq     int64             // objects chosen
	pending map[int64]pending // chosen and not settled
	ended   sync.Mutex        // one call of Ended at a time
}

// pending describes a chosen object until it is settled.
type pending struct {
	before  string    // the name chosen or skipped before it
	created time.Time // zero for a document
}

func newRun(o Options) *run {
	if o.Sleep == nil {
		o.Sleep = wait.Sleep
	}
	o.Source, o.Linger = cmp.Or(o.Source, "backfill"), cmp.Or(o.Linger, Linger)
	r := &run{o: o, begun: time.Now(), pace: newPace(o.Rate, o.Sleep), last: o.Listing.After,
		pending: map[int64]pending{}}
	r.sum.Skipped, r.sum.Results = map[string]int64{}, map[string]int64{}
	return r
}

// deliverAll lists, chooses and delivers.
func (r *run) deliverAll(ctx context.Context) error {
	deliveries, going := errgroup.WithContext(ctx)
	work, linger := lingering(going, r.o.Linger)
	defer linger()
	queue := make(chan chosen, 2*headBatch)
	for range max(r.o.InFlight, 1) {
		deliveries.Go(func() error { return r.deliver(going, work, queue) })
	}
	deliveries.Go(func() error {
		defer close(queue)
		c := &chooser{r: r, after: r.o.Listing.After, out: func(o chosen) error { return r.choose(going, o, queue) }}
		err := c.chooseAll(going)
		if errors.Is(err, errLimit) {
			return nil
		}
		if err == nil {
			r.mu.Lock()
			r.sum.Complete = true
			r.mu.Unlock()
		}
		return err
	})
	err := deliveries.Wait()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// lingering returns a context that ends d after ctx.
func lingering(ctx context.Context, d time.Duration) (work context.Context, stop func()) {
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	unhook := context.AfterFunc(ctx, func() { time.AfterFunc(d, cancel) })
	return work, func() { unhook(); cancel() }
}

// choose counts a chosen object and queues it.
func (r *run) choose(ctx context.Context, c chosen, queue chan<- chosen) error {
	r.mu.Lock()
	r.sum.count(c)
	c.seq = r.seq
	if r.o.Deliver != nil {
		r.pending[r.seq] = pending{before: r.last, created: c.Created}
	}
	r.seq++
	r.last = c.Name
	r.mu.Unlock()
	if r.o.Deliver == nil {
		return nil
	}
	select {
	case queue <- c:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// deliver takes batch after batch from the queue.
func (r *run) deliver(ctx, work context.Context, queue <-chan chosen) error {
	for {
		batch := r.take(ctx, queue)
		if len(batch) == 0 {
			return nil
		}
		for len(batch) > 0 {
			var err error
			if batch, err = r.try(ctx, work, batch); err != nil {
				return err
			}
		}
	}
}

// take waits for an object, and returns it with others already in the queue.
func (r *run) take(ctx context.Context, queue <-chan chosen) []chosen {
	var batch []chosen
	select {
	case c, ok := <-queue:
		if !ok || ctx.Err() != nil {
			return nil
		}
		batch = append(batch, c)
	case <-ctx.Done():
		return nil
	}
	for len(batch) < r.o.Deliver.Batch() {
		select {
		case c, ok := <-queue:
			if !ok {
				return batch
			}
			batch = append(batch, c)
		default:
			return batch
		}
	}
	return batch
}

// try delivers once, and returns the objects to deliver again.
func (r *run) try(ctx, work context.Context, batch []chosen) ([]chosen, error) {
	batch, err := r.stillGone(work, batch)
	if err != nil || len(batch) == 0 {
		return nil, err
	}
	leave, err := r.pace.enter(ctx, len(batch))
	if err != nil {
		return nil, err
	}
	events := make([]document.Event, len(batch))
	for i, c := range batch {
		events[i] = r.eventOf(c)
	}
	r.mu.Lock()
	r.sum.Requests += int64(len(batch))
	r.mu.Unlock()
	answers := r.o.Deliver.Deliver(work, events)
	if work.Err() != nil {
		leave.release()
		return nil, work.Err()
	}
	return r.settle(work, leave, batch, answers)
}

// stillGone asks the bucket again for each object missing from the listing: it may have been created since. Objects
// created later have another generation, which the deletion event does not affect.
func (r *run) stillGone(ctx context.Context, batch []chosen) ([]chosen, error) {
	left := batch[:0:0]
	for _, c := range batch {
		if c.gone {
			_, _, err := r.o.Gone.Live(ctx, c.Bucket, c.Name)
			switch {
			case err == nil:
				r.end(c, Returned, "")
				continue
			case !errors.Is(err, document.ErrObjectGone):
				return nil, err
			}
		}
		left = append(left, c)
	}
	return left, nil
}

// settle handles the answers, and returns the objects to deliver again.
func (r *run) settle(work context.Context, leave *pass, batch []chosen, answers []Answer) (again []chosen, err error) {
	why := ""
	for i, a := range answers {
		switch a.Verdict {
		case Settled:
			r.end(batch[i], a.What, "")
		case Never:
			r.end(batch[i], Undelivered, a.What)
		case Wrong:
			leave.release()
			return nil, fmt.Errorf("%w: %s", ErrWrongAddress, a.What)
		case Refused:
			why = a.What
			left, err := r.reject(work, &batch[i], a.What)
			if err != nil {
				leave.release()
				return nil, err
			}
			if left {
				again = append(again, batch[i])
			}
		}
	}
	if why == "" {
		leave.accepted()
	} else if leave.refused() {
		return nil, fmt.Errorf("%w: %s, %d times in a row", ErrGaveUp, why, maxSteps)
	}
	return again, nil
}

// reject checks whether a refused object has a document all the same, and reports whether to try again.
func (r *run) reject(ctx context.Context, c *chosen, why string) (again bool, err error) {
	heads, err := r.o.Records.Heads(ctx, []string{c.ID()})
	if err != nil {
		return false, err
	}
	c.tries++
	switch {
	case !c.gone && recordReason(c.Object, heads[0]) != "":
		r.end(*c, Left, why)
	case c.tries == maxTries:
		r.end(*c, Undelivered, why)
	default:
		return true, nil
	}
	return false, nil
}
