package worker

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
)

// Sizes of a sweep.
const (
	sweepAtOnce = 8  // records worked on at the same time, unless places at the OCR service are limited
	sweepBatch  = 50 // records per query
)

// Sweep delivers due records, the longest overdue first, through the same steps as any delivery, until nothing is due
// or half of the time for one delivery is over, so that the last delivery it starts has the other half. It handles
// records whose events are no longer redelivered, whose worker died, or that an operator wants retried. Several sweeps
// at once are harmless: the lease decides which worker works. It writes one log line about itself.
func (w *Worker) Sweep(ctx context.Context) Swept {
	start := time.Now()
	ctx, done := w.begin(ctx)
	defer done()
	ctx, cancel := context.WithTimeoutCause(ctx, w.o.ProcessTimeout, errDeadline)
	defer cancel()
	ctx, end := w.telemetry.startSweep(ctx)
	s := &sweep{w: w, until: start.Add(w.o.ProcessTimeout / 2), seen: map[string]bool{}, past: map[string]bool{}}
	err := s.run(ctx)
	swept := s.sum(ctx, err)
	w.logSweep(ctx, start, swept)
	end(swept)
	return swept
}

// sweep is the state of one sweep.
type sweep struct {
	w     *Worker
	until time.Time
	seen  map[string]bool    // tried in this sweep, with whatever outcome
	since time.Time          // what was due before that has been tried
	left  []*document.Stored // due at the last look

	topicFails atomic.Bool // the ends that are still to be announced wait for the next sweep

	tally tally
	mu    sync.Mutex
	past  map[string]bool // whether a record, when last seen, was unfinished after its window
}

// tally counts deliveries and their outcomes.
type tally struct {
	mu       sync.Mutex
	taken    int
	outcomes map[document.Outcome]int
}

func (t *tally) count(res Result) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.taken++
	if t.outcomes == nil {
		t.outcomes = map[document.Outcome]int{}
	}
	t.outcomes[res.Outcome]++
}

// run delivers batch after batch, and finally reads which records are still due.
func (s *sweep) run(ctx context.Context) error {
	for {
		batch, err := s.batch(ctx)
		if err != nil {
			return err
		}
		if len(batch) == 0 || s.over() {
			break
		}
		s.takeBatch(ctx, batch)
	}
	if len(s.seen) == 0 { // the only look was the last
		return nil
	}
	due, err := s.w.o.Records.Due(ctx, time.Time{}, s.w.clock.now(), sweepBatch)
	s.left = due
	return err
}

// batch reads the next records that this sweep has not tried. Those that it tried are due before them, or at the same
// time, so the limit grows by the number of the latter.
func (s *sweep) batch(ctx context.Context) ([]*document.Stored, error) {
	for tried := 0; ; {
		limit := sweepBatch + tried
		due, err := s.w.o.Records.Due(ctx, s.since, s.w.clock.now(), limit)
		if err != nil {
			return nil, err
		}
		untried := slices.DeleteFunc(slices.Clone(due),
			func(r *document.Stored) bool { return s.seen[r.Object().ID()] })
		s.left, tried = due, len(due)-len(untried)
		if len(due) > 0 {
			s.since = due[len(due)-1].Due
		}
		if len(untried) > 0 || len(due) < limit {
			return untried, nil
		}
	}
}

func (s *sweep) over() bool { return !time.Now().Before(s.until) || s.w.draining() }

// takeBatch redelivers the records of a batch, a few at a time.
func (s *sweep) takeBatch(ctx context.Context, batch []*document.Stored) {
	var wg sync.WaitGroup
	atOnce := make(chan struct{}, cmp.Or(max(s.w.o.OCRPlaces, 0), sweepAtOnce))
	for _, r := range batch {
		atOnce <- struct{}{}
		if s.over() {
			break
		}
		s.seen[r.Object().ID()] = true
		wg.Go(func() {
			defer func() { <-atOnce }()
			s.redeliver(ctx, r)
		})
	}
	wg.Wait()
}

// redeliver delivers a record's own event. If another generation is live in the bucket by now, its event may never
// arrive, so the sweep delivers that one as well. Once an announcement has failed, no other is tried: a topic that
// hangs would take the sweep's whole time.
func (s *sweep) redeliver(ctx context.Context, r *document.Stored) {
	if r.Unannounced() && s.topicFails.Load() {
		return
	}
	ev := document.Event{Kind: document.KindFinalized, ID: r.EventID, Time: r.EventTime, Object: r.Object(),
		Attributes: document.Attributes{ContentType: r.ContentType, Size: r.Size, MD5: r.MD5, Metadata: r.Metadata}}
	res := s.w.deliver(ctx, bySchedule, ev, document.Seen(r))
	s.count(res)
	if c := res.Fault.Code; c == document.CodeTopicUnavailable || c == document.CodeTopicMisconfigured {
		s.topicFails.Store(true)
	}
	if res.live != nil {
		s.count(s.w.deliver(ctx, bySchedule, *res.live, document.Unread()))
	}
}

func (s *sweep) count(res Result) {
	s.tally.count(res)
	s.mu.Lock()
	defer s.mu.Unlock()
	if res.Record != nil {
		s.note(res.Record, s.w.clock.now())
	}
}

// note remembers a record as last seen.
func (s *sweep) note(r *document.Record, now time.Time) {
	s.past[r.Object().ID()] = r.Open() && now.Sub(r.WindowStart) >= s.w.o.Rules.RetryWindow
}

// sum returns the sweep's result.
func (s *sweep) sum(ctx context.Context, err error) Swept {
	now := s.w.clock.now()
	swept := Swept{Taken: s.tally.taken, Outcomes: s.tally.outcomes, Due: min(len(s.left), sweepBatch)}
	for _, r := range s.left {
		swept.Overdue = max(swept.Overdue, now.Sub(r.Due))
		s.note(r.Record, now)
	}
	for _, past := range s.past {
		if past {
			swept.PastWindow++
		}
	}
	if err != nil {
		swept.Fault = faultOf(ctx, err)
	}
	return swept
}
