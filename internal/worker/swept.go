package worker

import (
	"context"
	"log/slog"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
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
	// Any fault after the window fails a record, so that these are ones that nobody manages to take to their end.
	PastWindow int
	Fault      document.Fault // of the store; its code is empty where nothing went wrong
}

// note counts one delivery of the sweep.
func (s *sweep) note(r report) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.swept.Taken++
	if s.swept.Outcomes == nil {
		s.swept.Outcomes = map[document.Outcome]int{}
	}
	s.swept.Outcomes[r.outcome]++
	if r.rec != nil {
		s.meet(r.rec, time.Now())
	}
}

// meet keeps in mind how a record stood when it was seen last: whether it is unfinished after its window.
func (s *sweep) meet(r *document.Record, now time.Time) {
	s.past[r.Object().ID()] = !r.Status.Ended() && now.Sub(r.WindowStart) >= s.p.o.Rules.RetryWindow
}

// result adds up what was taken and what is left.
func (s *sweep) result(err error) Swept {
	now, w := time.Now(), s.swept
	w.Due = len(s.left)
	for _, r := range s.left {
		w.Overdue = max(w.Overdue, now.Sub(r.Due))
		s.meet(r.Record, now)
	}
	for _, past := range s.past {
		if past {
			w.PastWindow++
		}
	}
	if err != nil {
		w.Fault = faultOf(err)
	}
	return w
}

// taken are the outcomes that a sweep's line counts, always all of them.
var taken = []document.Outcome{document.OutcomeDone, document.OutcomeFailed, document.OutcomeRetry, document.OutcomeBusy, document.OutcomeDuplicate, document.OutcomeSuperseded}

// logSweep writes the one log line of a sweep, always with the same fields.
func (p *Worker) logSweep(ctx context.Context, start time.Time, w Swept) {
	message, at := "sweep done", level(w.Fault)
	switch {
	case w.Fault.Code != "":
		message = "sweep failed"
	case w.PastWindow > 0:
		at = slog.LevelWarn
	}
	var outcomes []any
	for _, o := range taken {
		outcomes = append(outcomes, slog.Int(string(o), w.Outcomes[o]))
	}
	p.o.Log.LogAttrs(ctx, at, message,
		slog.Int("taken", w.Taken), slog.Group("outcomes", outcomes...),
		slog.Int("due", w.Due), slog.Float64("overdueSeconds", w.Overdue.Seconds()), slog.Int("pastWindow", w.PastWindow),
		slog.String("code", w.Fault.Code), slog.String("error", document.Clip(w.Fault.Message, document.MaxMessage)),
		slog.String("advice", advice(w.Fault)), slog.Float64("seconds", time.Since(start).Seconds()),
	)
}
