package main

import (
	"context"
	"time"

	"github.com/bucketocr/bucketocr/internal/backfill"
	"github.com/bucketocr/bucketocr/internal/ui"
)

// sweepEvery is the interval at which Cloud Scheduler triggers the deployed function's sweep.
const sweepEvery = 5 * time.Minute

// compared describes the substitute for reconciliations in bucketocr up.
const compared = "bucketocr up compares the folder with its documents every second."

// engine returns this process's state for the operator's view.
func (u *upRun) engine() ui.Engine {
	e := ui.Engine{Arrived: int(max(u.posting.Load()-inFlight, 0))} // the others are being read, or about to be
	if at := u.scanned.Load(); at != 0 {
		e.Scanned = time.Unix(0, at)
	}
	pace := u.handler.Pace()
	e.InFlight, e.Limit, e.Most = pace.InFlight, pace.Limit, pace.Most
	return e
}

// operation returns what the operator's view shows for a place whose documents another process writes.
func (p *place) operation() ui.Operation {
	if p.passes == nil {
		return ui.Operation{Elsewhere: "Only the bucketocr up process knows this; its page shows it.",
			Compared: compared}
	}
	return ui.Operation{
		Elsewhere: "Each instance of the function has its own; the metric bucketocr.pace shows them.",
		Sweep:     sweepEvery,
		Passes: func(ctx context.Context, bucket string) (ui.Pass, error) {
			past, err := backfill.LastPass(ctx, p.passes, bucket)
			return ui.Pass{Begun: past.Begun, Ended: past.Ended}, err
		},
	}
}
