package main

import (
	"context"
	"time"

	"github.com/bucketocr/bucketocr/internal/backfill"
	"github.com/bucketocr/bucketocr/internal/ui"
)

// sweepEvery is how often Cloud Scheduler has the deployed function sweep.
const sweepEvery = 5 * time.Minute

// compared is what bucketocr up does in place of reconciliations.
const compared = "bucketocr up compares the folder with its documents every second."

// engine is what the operator's view shows of this process.
func (u *upRun) engine() ui.Engine {
	e := ui.Engine{Arrived: int(max(u.posting.Load()-inFlight, 0))} // the others are being read, or are about to
	if at := u.scanned.Load(); at != 0 {
		e.Scanned = time.Unix(0, at)
	}
	pace := u.handler.Pace()
	e.InFlight, e.Limit, e.Most = pace.InFlight, pace.Limit, pace.Most
	return e
}

// operation is what the operator's view shows of a place beside its documents: another process does the work.
func (p *place) operation() ui.Operation {
	if p.passes == nil {
		return ui.Operation{Elsewhere: "It is shown on the page that bucketocr up serves: only that process knows it.",
			Compared: compared}
	}
	return ui.Operation{
		Elsewhere: "Each instance of the function has its own; their metric bucketocr.pace shows it.",
		Sweep:     sweepEvery,
		Passes: func(ctx context.Context, bucket string) (ui.Pass, error) {
			past, err := backfill.LastPass(ctx, p.passes, bucket)
			return ui.Pass{Begun: past.Begun, Ended: past.Ended}, err
		},
	}
}
