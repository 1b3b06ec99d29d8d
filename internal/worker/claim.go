package worker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
)

// claim is what an attempt holds, or the outcome where there is nothing to do.
type claim struct {
	outcome document.Outcome // empty: claimed, go on
	fault   document.Fault   // with OutFailed
	stored  *document.Stored
	lease   string
	expired bool // a lease was found that its holder let run out
	fresh   bool // the first claim of this generation over an older one, or over a crash: old pages may lie about
	seat    *seat
	exit    []func()
}

func (c *claim) leave() {
	for _, f := range c.exit {
		f()
	}
	c.exit = nil
}

func (c *claim) report() report {
	r := report{outcome: c.outcome, fault: c.fault, expired: c.expired}
	if c.stored != nil && c.stored.Record != nil {
		r.rec = c.stored.Record
	}
	return r
}

// claim takes a place in the instance and then the record. Waiting for the place ends with work, writing with ctx.
func (p *Worker) claim(ctx, work context.Context, ev document.Event, expected document.Expected) (*claim, error) {
	t := document.Ticket{Lease: p.o.NewID()}
	for {
		c, v, err := p.try(ctx, work, ev, expected, t)
		if err != nil {
			return c, err
		}
		expected = seen(c.stored)
		switch v {
		case document.VerdictWantAlone:
			c.leave()
			t.Alone = true
		case document.VerdictOlder:
			c.leave()
			lives, err := p.lives(work, ev.Object)
			if err != nil || !lives {
				c.outcome = document.OutcomeSuperseded
				return c, err
			}
			t.Beaten = c.stored.Generation
		default:
			c.settle(v)
			return c, p.tidyMarker(ctx, c)
		}
	}
}

// settle turns a verdict into an outcome; a claimed record has none yet.
func (c *claim) settle(v document.Verdict) {
	switch v {
	case document.VerdictEnded:
		c.outcome = document.OutcomeDuplicate
	case document.VerdictLeased:
		c.outcome = document.OutcomeBusy
	case document.VerdictExhausted:
		c.outcome = document.OutcomeFailed
		c.fault = document.Fault{Code: c.stored.Error.Code, Class: document.ClassFinal, Message: c.stored.Error.Message}
	}
}

// try is one claim, with the place that its ticket asks for.
func (p *Worker) try(ctx, work context.Context, ev document.Event, expected document.Expected, t document.Ticket) (*claim, document.Verdict, error) {
	c := &claim{lease: t.Lease}
	returned := false
	defer func() {
		if !returned { // a panic below: the places must not go with it
			c.leave()
		}
	}()
	begun := time.Now()
	leave, err := p.gate.enter(work, t.Alone)
	if err != nil {
		returned = true
		return c, "", err
	}
	c.exit = append(c.exit, leave)
	c.seat, err = p.mem.sit(work, ev.Size)
	if err != nil {
		returned = true
		return c, "", err
	}
	c.exit = append(c.exit, c.seat.leave)
	p.o.Observer.Placed(ctx, time.Since(begun))
	var v document.Verdict
	commit, cancel := shortlyAfter(work, ctx)
	defer cancel()
	c.stored, err = document.Update(commit, p.o.Records, ev.Object.ID(), expected, func(old *document.Record) (*document.Change, error) {
		if work.Err() != nil {
			return nil, context.Cause(work)
		}
		t.Now = time.Now()
		var ch *document.Change
		ch, v = p.o.Rules.Claim(old, ev, t)
		c.fresh, c.expired = old != nil, foundExpired(old, ev, v)
		if v == document.VerdictClaimed && p.late(ctx) {
			return nil, errLate
		}
		return ch, nil
	})
	returned = true
	return c, v, err
}

// foundExpired tells whether a claim took the record from a holder that let its lease run out.
func foundExpired(old *document.Record, ev document.Event, v document.Verdict) bool {
	return (v == document.VerdictClaimed || v == document.VerdictExhausted) && old != nil && old.Generation == ev.Generation && old.Status == document.StatusProcessing
}

// errLate says that waiting for a place took so long that the rest of the time would not do. The object had no part in
// it, so nothing is written and nothing counts.
var errLate = errors.New("no place in the instance in time")

// late tells whether less than a quarter of the time for one delivery is left. (A sweep's last starter has half.)
func (p *Worker) late(ctx context.Context) bool {
	d, ok := ctx.Deadline()
	return ok && time.Until(d) < p.o.ProcessTimeout/4
}

// lives asks the bucket whether this generation is the one that stands there.
func (p *Worker) lives(ctx context.Context, o document.Object) (bool, error) {
	live, _, err := p.o.Objects.Live(ctx, o.Bucket, o.Name)
	if errors.Is(err, document.ErrObjectGone) {
		return false, nil
	}
	if err != nil {
		return false, asCause(ctx, fmt.Errorf("asking which generation lives: %w", err))
	}
	return live.Generation == o.Generation, nil
}

// tidyMarker clears the pages under a marker again: the delivery that wrote it may have died before it did.
func (p *Worker) tidyMarker(ctx context.Context, c *claim) error {
	if c.outcome == document.OutcomeDuplicate && c.stored.Status == document.StatusDeleted {
		return p.o.Records.ClearPages(ctx, c.stored.Object().ID(), 0)
	}
	return nil
}

// seen expects what an update returned: nil where there is no record.
func seen(s *document.Stored) document.Expected {
	if s == nil {
		return document.Absent()
	}
	return document.Seen(s)
}
