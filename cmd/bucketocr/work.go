package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/bucketocr/bucketocr/internal/event"
	"github.com/bucketocr/bucketocr/internal/wait"
)

const (
	pace     = time.Second // between two scans of the folder, and two sweeps
	inFlight = 4           // deliveries at the same time
)

// errAllDone ends a run with --once.
var errAllDone = errors.New("all is done")

// work scans, delivers and sweeps until all is done (--once), until somebody stops it or until something breaks.
func (u *upRun) work(ctx context.Context, service *ocrService) (int, error) {
	if n, err := u.local.Records.ExpireLeases(ctx); err != nil {
		return exitFailed, err
	} else if n > 0 {
		fmt.Fprintf(u.sys.stdout, "%d left over from a run that was killed: taken up again\n", n)
	}
	after := context.WithoutCancel(ctx)
	watch, unwatch := context.WithCancel(after)
	loops, run := errgroup.WithContext(ctx)
	loops.Go(func() error { return u.scanning(run) })
	loops.Go(func() error { return u.sweeping(run) })
	loops.Go(func() error { return service.wait(run) })
	watching := make(chan error, 1)
	go func() { watching <- u.screen.watch(watch); close(watching) }()
	loops.Go(func() error {
		select {
		case err := <-watching: // before anybody ended it
			return err
		case <-run.Done():
			return nil
		}
	})

	<-run.Done()
	u.drain(after, ctx.Err() != nil)
	err := loops.Wait()
	unwatch()
	return u.finish(ctx, errors.Join(err, <-watching))
}

// drain lets running deliveries finish or releases them, and stops the server.
func (u *upRun) drain(ctx context.Context, stopped bool) {
	if stopped {
		fmt.Fprintln(u.sys.stdout, "stopping: what is in hand is finished or put back (Ctrl-C again ends at once)")
	}
	ctx, cancel := context.WithTimeout(ctx, stopTime)
	defer cancel()
	if err := errors.Join(u.handler.Drain(ctx), u.poster.server.Shutdown(ctx)); err != nil {
		fmt.Fprintln(u.sys.stderr, "bucketocr up: not all could be put back: the next run takes it up")
	}
}

// scanning delivers what the folder has to say. With --once it ends when there is nothing left to do.
func (u *upRun) scanning(ctx context.Context) error {
	posts, ctx := errgroup.WithContext(ctx)
	posts.SetLimit(inFlight)
	for {
		posting := u.posting.Load() // before the scan, which brings back what a delivery gave up meanwhile
		changes, err := u.bucket.Scan(ctx)
		if err != nil {
			return errors.Join(ignoreEnd(ctx, err), posts.Wait())
		}
		for _, p := range changes.Passed {
			fmt.Fprintf(u.sys.stdout, "passed over: %q, it %s\n", p.Name, p.Why)
		}
		for _, ev := range changes.Events {
			u.posting.Add(1)
			posts.Go(func() error { return u.deliver(context.WithoutCancel(ctx), ev) })
		}
		idle := changes.Pending == 0 && len(changes.Events) == 0
		if u.once && idle && posting == 0 {
			if done, err := u.allDone(ctx); done || err != nil {
				return errors.Join(err, posts.Wait(), errAllDone)
			}
		}
		if wait.Sleep(ctx, pace) != nil {
			return posts.Wait()
		}
	}
}

// allDone tells whether no record is unfinished: each of those has a due time.
func (u *upRun) allDone(ctx context.Context) (bool, error) {
	due, err := u.records.Due(ctx, time.Now().AddDate(100, 0, 0), 1)
	return len(due) == 0, ignoreEnd(ctx, err)
}

// sweeping is what redelivery and Cloud Scheduler are in the cloud.
func (u *upRun) sweeping(ctx context.Context) error {
	for wait.Sleep(ctx, pace) == nil {
		if _, err := u.poster.post(context.WithoutCancel(ctx), event.Sweep(rand.Text(), time.Now())); err != nil {
			return ignoreEnd(ctx, err)
		}
	}
	return nil
}

// ignoreEnd drops an error that only says that the run has ended.
func ignoreEnd(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// finish shows what came of it and gives the exit code.
func (u *upRun) finish(ctx context.Context, err error) (int, error) {
	switch {
	case ctx.Err() != nil:
		u.screen.catchUp(context.WithoutCancel(ctx))
		return stoppedCode(ctx), nil
	case errors.Is(err, errAllDone):
		return u.screen.summary(ctx)
	}
	return exitFailed, err
}
