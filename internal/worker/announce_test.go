package worker_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/document/documenttest"
	"github.com/bucketocr/bucketocr/ocr"
)

// topic is the topic for announcing ends. A failed announcement may have arrived all the same.
type topic struct {
	mu    sync.Mutex
	told  []document.End
	fails func() error
	after func() error
}

func (p *topic) Notify(ctx context.Context, e document.End) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if p.fails != nil {
		if err := p.fails(); err != nil {
			return fmt.Errorf("%w: %w", document.ErrTopicUnavailable, err)
		}
	}
	p.mu.Lock()
	p.told = append(p.told, e)
	p.mu.Unlock()
	if p.after != nil {
		if err := p.after(); err != nil {
			return fmt.Errorf("%w: %w", document.ErrTopicUnavailable, err)
		}
	}
	return nil
}

// said returns the announced ends, in words.
func (p *topic) said() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var all []string
	for _, e := range p.told {
		all = append(all, strings.TrimSpace(fmt.Sprintf("%s %s %s", e.Name, e.Status, e.Code)))
	}
	return strings.Join(all, ", ")
}

// announcing makes the world's workers announce ends.
func (w *world) announcing() *topic {
	p := &topic{}
	w.options.Notify = p
	return p
}

// ends are the stored ends, for comparison with the announcements.
type ends struct {
	mu     sync.Mutex
	stored []document.End
}

// follow notes a commit that was applied.
func (e *ends) follow(w *world, id string) {
	if r := w.records.Record(id); r.Unannounced() {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.stored = append(e.stored, document.EndOf(r))
	}
}

// check checks that exactly the stored ends were announced.
func (e *ends) check(t *testing.T, p *topic) {
	t.Helper()
	for _, end := range e.stored {
		if !slices.ContainsFunc(p.told, func(told document.End) bool {
			return told.Write == end.Write && told.Status == end.Status
		}) {
			t.Errorf("%s %d %s was not announced", end.Name, end.Generation, end.Status)
		}
	}
	for _, told := range p.told {
		if !slices.ContainsFunc(e.stored, func(end document.End) bool {
			return told.Write == end.Write && told.Status == end.Status && told.Generation == end.Generation
		}) {
			t.Errorf("%s %d %s was invented", told.Name, told.Generation, told.Status)
		}
	}
}

// TestEachEndIsAnnounced: every end is announced once, and nothing else is.
func TestEachEndIsAnnounced(t *testing.T) {
	for name, c := range map[string]struct {
		do   func(w *world)
		want string
	}{
		"done": {func(w *world) { w.worker().Process(w.t.Context(), w.bucket.Put("a.png", picture(121))) },
			"a.png done"},
		"failed": {func(w *world) { w.worker().Process(w.t.Context(), w.bucket.Put("a.png", []byte("x"))) },
			"a.png failed unsupported_media"},
		"duplicate": {func(w *world) {
			ev := w.bucket.Put("a.png", picture(121))
			w.worker().Process(w.t.Context(), ev)
			w.worker().Process(w.t.Context(), ev)
		}, "a.png done"},
		"put back": {func(w *world) {
			w.answer = func(context.Context, string) (ocr.Result, error) {
				return ocr.Result{}, &ocr.Error{Kind: ocr.KindUnavailable}
			}
			w.worker().Process(w.t.Context(), w.bucket.Put("a.png", picture(121)))
		}, ""},
		"refused by the store": {func(w *world) {
			n := 0
			w.records.Before = func(_ context.Context, op, _ string) error {
				if n++; op == "commit" && n == 1 {
					return document.ErrStoreRejected
				}
				return nil
			}
			w.worker().Process(w.t.Context(), w.bucket.Put("a.png", picture(121)))
		}, "a.png failed store_rejected"},
		"overwritten": {func(w *world) {
			w.worker().Process(w.t.Context(), w.bucket.Put("a.png", picture(121)))
			w.worker().Process(w.t.Context(), w.bucket.Put("a.png", picture(122)))
		}, "a.png done, a.png done"},
		"erased": {func(w *world) {
			ev := w.bucket.Put("a.png", picture(121))
			w.worker().Process(w.t.Context(), ev)
			ev.Kind = document.KindDeleted
			w.worker().Process(w.t.Context(), ev)
			w.worker().Process(w.t.Context(), ev)
		}, "a.png done, a.png deleted"},
		"erased, never read": {func(w *world) {
			ev := w.bucket.Put("a.png", picture(121))
			ev.Kind = document.KindDeleted
			w.worker().Process(w.t.Context(), ev)
		}, ""},
		"read again": {func(w *world) {
			w.worker().Process(w.t.Context(), w.bucket.Put("a.png", picture(121)))
			if _, err := document.Retry(w.t.Context(), w.records, w.stored("a.png"), "me", nil); err != nil {
				w.t.Fatal(err)
			}
			w.worker().Sweep(w.t.Context())
		}, "a.png done, a.png done"},
		"could not be read again": {func(w *world) {
			w.worker().Process(w.t.Context(), w.bucket.Put("a.png", picture(121)))
			if _, err := document.Retry(w.t.Context(), w.records, w.stored("a.png"), "me", nil); err != nil {
				w.t.Fatal(err)
			}
			w.bucket.Delete("a.png")
			w.worker().Sweep(w.t.Context())
		}, "a.png done"},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				p := w.announcing()
				w.options.Erase = true
				c.do(w)
				if got := p.said(); got != c.want {
					t.Errorf("announced: %q, want %q\n%s", got, c.want, w.log)
				}
				if r := w.record("a.png"); r.Unannounced() || !r.Open() && !r.Due.IsZero() {
					t.Errorf("left to do: %+v", r)
				}
			})
		})
	}
}

// TestAnnouncementSaysHowItEnded: the document, how it ended and when, and no text.
func TestAnnouncementSaysHowItEnded(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		p := w.announcing()
		w.answer = func(_ context.Context, text string) (ocr.Result, error) {
			r := result(text)
			r.Warnings = []string{document.WarnTruncated}
			return r, nil
		}
		ev := w.bucket.Put("a.png", picture(121))
		w.worker().Process(t.Context(), ev)
		if len(p.told) != 1 {
			t.Fatalf("%+v", p.told)
		}
		e := p.told[0]
		if e.ID != ev.Object.ID() || e.Object != ev.Object || e.Pages != 1 ||
			!slices.Equal(e.Warnings, []string{document.WarnTruncated}) || e.Time.IsZero() || e.Write == "" {
			t.Errorf("%+v", e)
		}
		if strings.Contains(fmt.Sprintf("%+v", e), "text of") {
			t.Errorf("it holds text: %+v", e)
		}
	})
}

// TestTopicThatIsAwayCostsNothingButTime: the end is stored, the message is acknowledged, and the sweep announces the
// end later; an object that is overwritten meanwhile waits for the announcement.
func TestTopicThatIsAwayCostsNothingButTime(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		p := w.announcing()
		p.fails = func() error { return context.DeadlineExceeded }
		res := w.worker().Process(t.Context(), w.bucket.Put("a.png", picture(121)))
		if res.Outcome != document.OutcomeDone || res.Fault.Code != document.CodeTopicUnavailable {
			t.Errorf("%s, %+v", res.Outcome, res.Fault)
		}
		overwritten := w.bucket.Put("a.png", picture(122))
		if res := w.worker().Process(t.Context(), overwritten); res.Outcome != document.OutcomeRetry ||
			res.Fault.Code != document.CodeTopicUnavailable {
			t.Errorf("over an end that is not announced: %s, %+v", res.Outcome, res.Fault)
		}
		if _, err := document.Retry(t.Context(), w.records, w.stored("a.png"), "me", nil); err == nil {
			t.Error("a person may have it read again")
		}
		p.fails = nil
		w.worker().Sweep(t.Context())
		if p.said() != "" {
			t.Errorf("announced before it was due: %s", p.said())
		}
		time.Sleep(document.DueGrace)
		w.worker().Sweep(t.Context())
		w.worker().Sweep(t.Context())
		w.worker().Process(t.Context(), overwritten)
		if p.said() != "a.png done, a.png done" || w.calls.Load() != 2 {
			t.Errorf("%s, %d pages read", p.said(), w.calls.Load())
		}
	})
}

// TestTopicThatHangsIsUnavailable: the worker's own limit for it is no deadline of the delivery.
func TestTopicThatHangsIsUnavailable(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.options.Notify = &hanging{}
		res := w.worker().Process(t.Context(), w.bucket.Put("a.png", picture(121)))
		if res.Outcome != document.OutcomeDone || res.Fault.Code != document.CodeTopicUnavailable {
			t.Errorf("%s, %+v", res.Outcome, res.Fault)
		}
	})
}

// TestTopicThatHangsDelaysNoOtherWork: a sweep gives a topic that fails the time of its first announcements, reads each
// record that is due once, however many ends are unannounced, and turns to the others.
func TestTopicThatHangsDelaysNoOtherWork(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		const ends = 400
		w.options.Notify = &hanging{}
		p := w.worker()
		w.answer = func(_ context.Context, text string) (ocr.Result, error) { return result(text), nil }
		for n := range ends {
			p.Process(t.Context(), w.bucket.Put(fmt.Sprintf("%d.png", n), picture(30+n%50)))
		}
		w.answer = func(context.Context, string) (ocr.Result, error) {
			return ocr.Result{}, &ocr.Error{Kind: ocr.KindUnavailable}
		}
		p.Process(t.Context(), w.bucket.Put("late.png", picture(99)))
		w.answer = nil
		time.Sleep(time.Hour)
		topic := &hanging{}
		w.options.Notify = topic
		records := &listed{Memory: w.records}
		w.options.Records = records
		w.worker().Sweep(t.Context())
		if status := w.stored("late.png").Status; status != document.StatusDone {
			t.Error("late.png is", status)
		}
		if asked := topic.asked.Load(); asked > 10 || records.n > ends+200 {
			t.Errorf("the topic was asked %d times, %d records were listed", asked, records.n)
		}
	})
}

// listed counts the records that Due returns.
type listed struct {
	*documenttest.Memory
	n int
}

func (l *listed) Due(ctx context.Context, since, now time.Time, limit int) ([]*document.Stored, error) {
	due, err := l.Memory.Due(ctx, since, now, limit)
	l.n += len(due)
	return due, err
}

// hanging is a topic that does not answer.
type hanging struct{ asked atomic.Int64 }

func (h *hanging) Notify(ctx context.Context, _ document.End) error {
	h.asked.Add(1)
	<-ctx.Done()
	return ctx.Err()
}

// TestSwitchedOffAnnouncementsAreForgotten: after NOTIFY_TOPIC was unset, the sweep clears pending announcements.
func TestSwitchedOffAnnouncementsAreForgotten(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		p := w.announcing()
		p.fails = func() error { return context.DeadlineExceeded }
		w.worker().Process(t.Context(), w.bucket.Put("a.png", picture(121)))
		w.options.Notify = nil
		time.Sleep(document.DueGrace)
		w.worker().Sweep(t.Context())
		if r := w.want("a.png", document.StatusDone, ""); r.Notified != nil {
			t.Errorf("%+v", r)
		}
	})
}

// TestCrashAnywhereAnnouncesEachEnd: an object is read, overwritten, read and erased by a process that dies before or
// after any of its calls, and by its successor, which begins with the events or the sweep: every stored end is
// announced, and no other.
func TestCrashAnywhereAnnouncesEachEnd(t *testing.T) {
	for _, lost := range []bool{false, true} { // only the answer
		for _, events := range []bool{false, true} { // before the sweep
			for at := range 32 {
				t.Run(fmt.Sprintf("call %d, lost %v, events first %v", at, lost, events), func(t *testing.T) {
					bubble(t, func(t *testing.T, w *world) { crashAndAnnounce(t, w, at, lost, events) })
				})
			}
		}
	}
}

func crashAndAnnounce(t *testing.T, w *world, at int, lost, events bool) {
	p := w.announcing()
	w.options.Erase = true
	e := &ends{}
	follow := func(_ context.Context, id string) error { e.follow(w, id); return nil }
	n := 0
	die := func() error {
		if n++; n > at {
			return fmt.Errorf("%w: dead", document.ErrStoreUnavailable)
		}
		return nil
	}
	w.records.After = follow
	if lost {
		w.records.After = func(_ context.Context, id string) error { e.follow(w, id); return die() }
		p.after = die
	} else {
		w.records.Before = func(context.Context, string, string) error { return die() }
		p.fails = die
	}
	first := w.bucket.Put("a.png", picture(121))
	w.worker().Process(t.Context(), first)
	second := w.bucket.Put("a.png", picture(122))
	w.worker().Process(t.Context(), second)
	gone := second
	gone.Kind = document.KindDeleted
	if at%2 == 0 {
		w.worker().Process(t.Context(), gone)
	}

	w.heal()
	w.records.After, p.fails, p.after = follow, nil, nil
	redeliver := func() {
		for _, ev := range []document.Event{second, first} {
			w.worker().Process(t.Context(), ev)
		}
	}
	if events {
		redeliver()
	}
	time.Sleep(document.LeaseTime + document.DueGrace)
	w.worker().Sweep(t.Context())
	redeliver()
	w.bucket.Delete("a.png")
	w.worker().Process(t.Context(), gone)
	time.Sleep(document.LeaseTime + document.DueGrace)
	w.worker().Sweep(t.Context())
	if r := w.record("a.png"); r.Status != document.StatusDeleted || r.Unannounced() || !r.Due.IsZero() {
		t.Errorf("it ended as %+v", r)
	}
	if pages, _ := w.records.Pages(t.Context(), first.Object.ID(), second.Generation); len(pages) > 0 {
		t.Errorf("pages are left: %v", pages)
	}
	e.check(t, p)
}

// TestErasureIsAnnouncedWhenItsPagesAreGone: even if the process that erased the object died before it cleared them.
func TestErasureIsAnnouncedWhenItsPagesAreGone(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		p := w.announcing()
		w.options.Erase = true
		ev := w.bucket.Put("a.tiff", book(2))
		w.worker().Process(t.Context(), ev)
		left := func() int {
			pages, err := w.records.Pages(t.Context(), ev.Object.ID(), ev.Generation)
			if err != nil {
				t.Fatal(err)
			}
			return len(pages)
		}
		if left() != 2 {
			t.Fatalf("%d pages", left())
		}
		w.records.Before = func(_ context.Context, op, _ string) error {
			if op == "clear" {
				return document.ErrStoreUnavailable
			}
			return nil
		}
		gone := ev
		gone.Kind = document.KindDeleted
		w.worker().Process(t.Context(), gone)
		if p.said() != "a.tiff done" {
			t.Fatalf("announced too early: %s", p.said())
		}
		w.heal()
		p.fails = func() error {
			if left() > 0 {
				t.Error("announced while its pages are stored")
			}
			return nil
		}
		time.Sleep(document.DueGrace)
		w.worker().Sweep(t.Context())
		if p.said() != "a.tiff done, a.tiff deleted" || left() != 0 {
			t.Errorf("%s, %d pages", p.said(), left())
		}
	})
}
