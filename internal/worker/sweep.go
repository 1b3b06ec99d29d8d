package worker

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
)

// Sizes of a sweep.
const (
	sweepAtOnce = 4  // records worked on at the same time
	sweepBatch  = 50 // records asked for at once
)

// Swept is what one sweep came to.
type Swept struct {
	Taken    int                      // deliveries that it made
	Outcomes map[document.Outcome]int // of these
	// Due is how many records were due at its last look: those that others hold, and those that its time was not enough for.
	// It looks at a batch only, so 50 means 50 or more.
	Due     int
	Overdue time.Duration // of the one that is due longest; 0 where none is
	// PastWindow is how many of the records that it took or saw last stay unfinished although their RETRY_WINDOW is over.
	// Any fault after the window fails a record, so that these are ones that no worker manages to take to their end.
	PastWindow int
	Fault      document.Fault // of the store; its code is empty where nothing went wrong
}

// Sweep takes what is due, the longest overdue first, through the same line as any delivery, until nothing is due or half
// of the time for one delivery is over, so that the last one it starts has the other half. What the platform stopped
// delivering, a dead holder or an operator's request for another try end here. Several sweeps at once are harmless: the
// lease decides who works. It writes one log line about itself.
func (w *Worker) Sweep(ctx context.Context) Swept {
	start := time.Now()
	ctx, done := w.begin(ctx)
	defer done()
	ctx, cancel := context.WithTimeoutCause(ctx, w.o.ProcessTimeout, errDeadline)
	defer cancel()
	ctx, end := w.telemetry.sweep(ctx)
	s := &sweep{w: w, until: start.Add(w.o.ProcessTimeout / 2), seen: map[string]bool{}, past: map[string]bool{}}
	err := s.all(ctx)
	swept := s.result(ctx, err)
	w.logSweep(ctx, start, swept)
	end(swept)
	return swept
}

// sweep is one pass.
type sweep struct {
	w     *Worker
	until time.Time
	seen  map[string]bool    // tried in this pass: once is enough, whatever became of it
	stuck int                // tried, and due still
	left  []*document.Stored // due at the last look

	mu    sync.Mutex
	past  map[string]bool // records as they were seen last: whether one stays unfinished after its window
	swept Swept
}

// all takes batch after batch, and looks at last at what is due still.
func (s *sweep) all(ctx context.Context) error {
	for {
		batch, err := s.batch(ctx)
		if err != nil || len(batch) == 0 || s.over() {
			return err
		}
		s.work(ctx, batch)
	}
}

// batch reads the next records that this pass has not tried. Those that it tried and that are due still (another worker
// holds them) come first in the answer again, so the limit grows by them.
func (s *sweep) batch(ctx context.Context) ([]*document.Stored, error) {
	due, err := s.w.o.Records.Due(ctx, time.Now(), sweepBatch+s.stuck)
	if err != nil {
		return nil, err
	}
	var untried []*document.Stored
	s.stuck, s.left = 0, due
	for _, r := range due {
		if s.seen[r.Object().ID()] {
			s.stuck++
			continue
		}
		untried = append(untried, r)
	}
	return untried, nil
}

func (s *sweep) over() bool { return !time.Now().Before(s.until) || s.w.draining() }

func (s *sweep) work(ctx context.Context, batch []*document.Stored) {
	var wg sync.WaitGroup
	atOnce := make(chan struct{}, sweepAtOnce)
	for _, r := range batch {
		atOnce <- struct{}{}
		if s.over() {
			break
		}
		s.seen[r.Object().ID()] = true
		wg.Go(func() {
			defer func() { <-atOnce }()
			s.take(ctx, r)
		})
	}
	wg.Wait()
}

// take redelivers a record's own event. Where another generation is live in the bucket by now, its event may never come: the
// sweep goes on with that one.
func (s *sweep) take(ctx context.Context, r *document.Stored) {
	ev := document.Event{Kind: document.KindFinalized, ID: r.EventID, Time: r.EventTime, Object: r.Object(),
		Attributes: document.Attributes{ContentType: r.ContentType, Size: r.Size, Metadata: r.Metadata}}
	res := s.w.deliver(ctx, bySweep, ev, document.Seen(r))
	s.count(res)
	if res.live != nil {
		s.count(s.w.deliver(ctx, bySweep, *res.live, document.Unread()))
	}
}

// count adds one delivery of the sweep.
func (s *sweep) count(res Result) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.swept.Taken++
	if s.swept.Outcomes == nil {
		s.swept.Outcomes = map[document.Outcome]int{}
	}
	s.swept.Outcomes[res.Outcome]++
	if res.Record != nil {
		s.note(res.Record, time.Now())
	}
}

// note keeps how a record was seen last.
func (s *sweep) note(r *document.Record, now time.Time) {
	s.past[r.Object().ID()] = !r.Status.Ended() && now.Sub(r.WindowStart) >= s.w.o.Rules.RetryWindow
}

// result adds up what was taken and what is left.
func (s *sweep) result(ctx context.Context, err error) Swept {
	now, swept := time.Now(), s.swept
	swept.Due = len(s.left)
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

// logSweep writes the one log line of a sweep, always with the same fields.
func (w *Worker) logSweep(ctx context.Context, start time.Time, swept Swept) {
	message, at := "sweep done", level(swept.Fault)
	switch {
	case swept.Fault.Code != "":
		message = "sweep failed"
	case swept.PastWindow > 0:
		at = slog.LevelWarn
	}
	var outcomes []any
	for _, o := range []document.Outcome{document.OutcomeDone, document.OutcomeFailed, document.OutcomeRetry, document.OutcomeBusy,
		document.OutcomeDuplicate, document.OutcomeSuperseded} {
		outcomes = append(outcomes, slog.Int(string(o), swept.Outcomes[o]))
	}
	w.o.Log.LogAttrs(ctx, at, message,
		slog.Int("taken", swept.Taken), slog.Group("outcomes", outcomes...),
		slog.Int("due", swept.Due), slog.Float64("overdueSeconds", swept.Overdue.Seconds()), slog.Int("pastWindow", swept.PastWindow),
		slog.String("code", swept.Fault.Code), slog.String("error", document.Clip(swept.Fault.Message, document.MaxMessage)),
		slog.String("advice", advice(swept.Fault)), slog.Float64("seconds", time.Since(start).Seconds()),
	)
}
