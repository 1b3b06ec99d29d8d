package worker

import (
	"context"
	"sync"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
)

// Sizes of a sweep.
const (
	sweepAtOnce = 4  // records worked on at the same time
	sweepBatch  = 50 // records asked for at once
)

// Sweep takes what is due, the longest overdue first, through the same walk as any delivery, until nothing is due or half
// of the time for one delivery is over, so that the last one it starts has the other half. What the platform stopped
// delivering, a dead holder or a person's wish for another try end here. Several sweeps at once are harmless: the lease
// decides who works. It writes one log line about itself. The error, if any, is the store's.
func (p *Worker) Sweep(ctx context.Context) error {
	start := time.Now()
	ctx, leave, ok := p.enter(ctx)
	s := &sweep{p: p, until: start.Add(p.o.ProcessTimeout / 2), seen: map[string]bool{}, past: map[string]bool{}}
	err := errDraining
	ctx, end := p.o.Observer.Sweep(ctx)
	if ok {
		defer leave()
		err = s.all(ctx)
	}
	swept := s.result(err)
	p.logSweep(ctx, start, swept)
	end(swept)
	return err
}

// sweep is one pass.
type sweep struct {
	p     *Worker
	until time.Time
	seen  map[string]bool    // tried in this pass: once is enough, whatever came of it
	stuck int                // tried, and due still
	left  []*document.Stored // due at the last look
	past  map[string]bool    // those met, and whether they stay unfinished after their window

	mu    sync.Mutex
	swept Swept
}

// all takes batch after batch, and looks at last at what is due still.
func (s *sweep) all(ctx context.Context) error {
	for {
		batch, err := s.batch(ctx)
		if err != nil || len(batch) == 0 {
			return err
		}
		if s.over() {
			return nil
		}
		s.work(ctx, batch)
	}
}

// batch reads the next records that this pass has not tried. Those that it tried and that are due still (somebody else
// holds them) come first in the answer again, so the limit grows by them.
func (s *sweep) batch(ctx context.Context) ([]*document.Stored, error) {
	due, err := s.p.o.Records.Due(ctx, time.Now(), sweepBatch+s.stuck)
	if err != nil {
		return nil, err
	}
	var fresh []*document.Stored
	s.stuck, s.left = 0, due
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

func (s *sweep) work(ctx context.Context, batch []*document.Stored) {
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
func (s *sweep) one(ctx context.Context, r *document.Stored) {
	ev := document.Event{Kind: document.KindFinalized, ID: r.EventID, Time: r.EventTime, Object: r.Object(),
		Attributes: document.Attributes{ContentType: r.ContentType, Size: r.Size, Metadata: r.Metadata}}
	rep := s.p.process(ctx, ev, document.Seen(r))
	s.note(rep)
	if rep.living != nil {
		s.note(s.p.process(ctx, *rep.living, document.Unread()))
	}
}
