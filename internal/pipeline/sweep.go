package pipeline

import (
	"context"
	"sync"
	"time"
)

// Sizes of a sweep.
const (
	sweepAtOnce = 4  // records worked on at the same time
	sweepBatch  = 50 // records asked for at once
)

// Sweep takes what is due, the longest overdue first, through the same walk as any delivery, until nothing is due or half
// of the time for one delivery is over, so that the last one it starts has the other half. What the platform stopped
// delivering, a dead holder or a person's wish for another try end here. Several sweeps at once are harmless: the lease
// decides who works. The error, if any, is the store's.
func (p *Pipeline) Sweep(ctx context.Context) error {
	ctx, leave, ok := p.enter(ctx)
	if !ok {
		return errDraining
	}
	defer leave()
	s := sweep{p: p, until: time.Now().Add(p.o.ProcessTimeout / 2), seen: map[string]bool{}}
	for {
		batch, err := s.batch(ctx)
		if err != nil || len(batch) == 0 {
			return err
		}
		s.work(ctx, batch)
	}
}

// sweep is one pass.
type sweep struct {
	p     *Pipeline
	until time.Time
	seen  map[string]bool // tried in this pass: once is enough, whatever came of it
	stuck int             // tried, and due still
}

// batch reads the next records that this pass has not tried. Those that it tried and that are due still (somebody else
// holds them) come first in the answer again, so the limit grows by them.
func (s *sweep) batch(ctx context.Context) ([]*Stored, error) {
	if s.over() {
		return nil, nil
	}
	due, err := s.p.o.Records.Due(ctx, time.Now(), sweepBatch+s.stuck)
	if err != nil {
		return nil, err
	}
	var fresh []*Stored
	s.stuck = 0
	for _, r := range due {
		if s.seen[r.Object().ID()] {
			s.stuck++
			continue
		}
		fresh = append(fresh, r)
	}
	return fresh, nil
}

func (s *sweep) over() bool { return !time.Now().Before(s.until) || s.p.draining() }

func (s *sweep) work(ctx context.Context, batch []*Stored) {
	var wg sync.WaitGroup
	places := make(chan struct{}, sweepAtOnce)
	for _, r := range batch {
		places <- struct{}{}
		if s.over() {
			break
		}
		s.seen[r.Object().ID()] = true
		wg.Go(func() {
			defer func() { <-places }()
			s.one(ctx, r)
		})
	}
	wg.Wait()
}

// one redelivers a record's own event. Where another generation lives in the bucket by now, its event may never come:
// the sweep goes on with that one.
func (s *sweep) one(ctx context.Context, r *Stored) {
	ev := Event{Kind: Finalized, ID: r.EventID, Time: r.EventTime, Object: r.Object(),
		Attributes: Attributes{ContentType: r.ContentType, Size: r.Size, Metadata: r.Metadata}}
	if rep := s.p.process(ctx, ev, r); rep.living != nil {
		s.p.process(ctx, *rep.living, nil)
	}
}
