package worker_test

import (
	"context"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/document/documenttest"
	"github.com/bucketocr/bucketocr/internal/worker"
	"github.com/bucketocr/bucketocr/ocr"
)

// instance is a process of the function that dies, with everything running in it, when it reads the killer page.
type instance struct {
	w    *world
	p    *worker.Worker
	dead atomic.Bool
	die  context.CancelFunc
	ctx  context.Context
}

const killer = "text of 66"

func (w *world) instance() *instance {
	i := &instance{w: w}
	i.ctx, i.die = context.WithCancel(w.t.Context())
	o := w.options
	o.Records = &mortal{Memory: w.records, i: i}
	o.OCR = extractor{func(ctx context.Context, img ocr.Image) (ocr.Result, error) {
		res, err := w.ExtractText(ctx, img)
		select {
		case <-time.After(2 * time.Second):
		case <-i.ctx.Done():
		}
		if res.Text == killer {
			i.dead.Store(true)
			i.die()
		}
		return res, err
	}}
	i.p = newWorker(w.t, o)
	return i
}

// mortal is the record store of a process that may die: after that, its calls have no effect.
type mortal struct {
	*documenttest.Memory
	i *instance
}

func (m *mortal) Commit(ctx context.Context, id string, from *document.Stored,
	change *document.Change) (*document.Stored, error) {
	if m.i.dead.Load() {
		return nil, errKilled
	}
	return m.Memory.Commit(ctx, id, from, change)
}

// TestPageThatKillsTheProcessFailsAlone: one page kills the process, next to fifteen good ones. The killer ends as
// failed with interrupted, every neighbour as done.
func TestPageThatKillsTheProcessFailsAlone(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		var events []document.Event
		for n := range 16 {
			width := 30 + n
			if n == 7 {
				width = 66
			}
			events = append(events, w.bucket.Put(fmt.Sprintf("%d.png", n), picture(width)))
		}
		instances := 0
		for round := 0; len(events) > 0 && round < 2000; round++ {
			i := w.instance()
			instances++
			for len(events) > 0 && !i.dead.Load() {
				events = i.deliver(events)
				time.Sleep(10 * time.Second)
			}
			time.Sleep(time.Minute)
		}
		for n := range 16 {
			if n == 7 {
				w.want("7.png", document.StatusFailed, "interrupted")
				continue
			}
			if r := w.want(fmt.Sprintf("%d.png", n), document.StatusDone, ""); r.Attempt > 5 {
				t.Errorf("%s took %d attempts", r.Name, r.Attempt)
			}
		}
		if r := w.record("7.png"); instances > 6 {
			t.Errorf("%v, %d interruptions, %d instances", r.Strikes, r.Interruptions, instances)
		}
	})
}

// deliver posts all events at once and returns those that were refused or whose process died under them.
func (i *instance) deliver(events []document.Event) []document.Event {
	var mu sync.Mutex
	var again []document.Event
	var wg sync.WaitGroup
	for _, ev := range events {
		wg.Go(func() {
			if out := i.p.Process(i.ctx, ev).Outcome; out.Refused() || i.dead.Load() {
				mu.Lock()
				again = append(again, ev)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return again
}

// TestDeliveryThatNeedsTheInstanceWaitsForTheOthers: it also holds up later ones.
func TestDeliveryThatNeedsTheInstanceWaitsForTheOthers(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		var now, most atomic.Int64
		aloneWith := int64(-1)
		w.answer = func(_ context.Context, text string) (ocr.Result, error) {
			n := now.Add(1)
			most.Store(max(most.Load(), n))
			time.Sleep(10 * time.Second)
			if text == "text of 99" {
				aloneWith = now.Load()
			}
			now.Add(-1)
			return result(text), nil
		}
		ev := w.bucket.Put("suspect.png", picture(99))
		for range 2 {
			w.die(ev)
			time.Sleep(document.LeaseTime)
		}
		p := w.worker()
		var wg sync.WaitGroup
		for n := range 6 {
			wg.Go(func() {
				time.Sleep(time.Duration(n) * time.Second)
				if n == 2 {
					p.Process(t.Context(), ev)
					return
				}
				p.Process(t.Context(), w.bucket.Put(fmt.Sprintf("%d.png", n), picture(30+n)))
			})
		}
		wg.Wait()
		if aloneWith != 1 || most.Load() < 2 {
			t.Errorf("the suspect ran beside %d others, the others %d at once", aloneWith-1, most.Load())
		}
		w.want("suspect.png", document.StatusDone, "")
		w.want("5.png", document.StatusDone, "")
	})
}

func TestPanicInTheClaimGivesTheSlotBack(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.options.MemoryBudget = 16 << 20
		p := w.worker()
		w.records.Before = func(context.Context, string, string) error { panic("driver") }
		for n := range 4 {
			ev := w.bucket.Put(fmt.Sprintf("%d.png", n), picture(30+n))
			ev.Size = 1 << 20
			p.Process(t.Context(), ev)
		}
		w.records.Before = nil
		start := time.Now()
		out := p.Process(t.Context(), w.bucket.Put("good.png", picture(50))).Outcome
		if out != document.OutcomeDone {
			t.Errorf("after four panics: %s after %v, for ever", out, time.Since(start))
		}
	})
}

// TestWaitingForASlotNeverCountsAgainstTheObject: a delivery that gets no slot in time writes nothing, and its object
// is not blamed.
func TestWaitingForASlotNeverCountsAgainstTheObject(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.options.MemoryBudget = 4 << 20 // one seat is a fourth
		w.answer = func(ctx context.Context, text string) (ocr.Result, error) {
			if strings.HasSuffix(text, "99") {
				return result(text), sleepCtx(ctx, 5*time.Second) // needs only five seconds
			}
			return result(text), sleepCtx(ctx, 449*time.Second)
		}
		late := w.bucket.Put("late.png", picture(99))
		var out document.Outcome
		n := 0
		for n = 1; n <= 25; n++ {
			p := w.worker()
			for k := range 4 {
				ev := w.bucket.Put(fmt.Sprintf("%d-%d.png", n, k), picture(30+k))
				go p.Process(t.Context(), ev)
			}
			time.Sleep(time.Millisecond)
			if out = p.Process(t.Context(), late).Outcome; !out.Refused() {
				break
			}
			time.Sleep(time.Minute)
		}
		if r := w.record("late.png"); r.Status == document.StatusFailed || len(r.Strikes) > 0 {
			t.Errorf("after %d deliveries: %s, %v, %+v", n, r.Status, r.Strikes, r.Error)
		}
		time.Sleep(10 * time.Minute)
	})
}

func sleepCtx(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return &ocr.Error{Kind: ocr.KindCanceled, Err: ctx.Err()}
	}
}

// TestPlacesAtTheOCRServiceAreTheInstances: all objects share them, and take turns while waiting.
func TestPlacesAtTheOCRServiceAreTheInstances(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.options.OCRPlaces = 3
		c := w.count(func(_ context.Context, _ int, text string) (ocr.Result, error) {
			time.Sleep(time.Second)
			return result(text), nil
		})
		p := w.worker()
		var all sync.WaitGroup
		for n := range 4 {
			ev := w.bucket.Put(fmt.Sprintf("%d.tiff", n), book(6))
			all.Go(func() { p.Process(t.Context(), ev) })
		}
		start := time.Now()
		all.Wait()
		for n := range 4 {
			w.want(fmt.Sprintf("%d.tiff", n), document.StatusDone, "")
		}
		if total, _ := c.total(); total != 24 || c.atOnce != 3 || time.Since(start) != 8*time.Second {
			t.Errorf("%d calls, %d at once, %v", total, c.atOnce, time.Since(start))
		}
	})
}

// TestWaitingForAPlaceNeverCountsAgainstTheObject: however the end of the time is noticed. A delivery whose page was
// sent is charged as usual.
func TestWaitingForAPlaceNeverCountsAgainstTheObject(t *testing.T) {
	for name, hold := range map[string]func(ctx context.Context) error{
		"a place too late": func(ctx context.Context) error { return sleepCtx(ctx, time.Hour) },
		"no place at all": func(context.Context) error {
			time.Sleep(460 * time.Second)
			return context.DeadlineExceeded
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) { crowdedOut(t, w, hold) })
		})
	}
}

func crowdedOut(t *testing.T, w *world, hold func(ctx context.Context) error) {
	w.options.OCRPlaces = 1
	w.answer = func(ctx context.Context, text string) (ocr.Result, error) { return result(text), hold(ctx) }
	p := w.worker()
	var all sync.WaitGroup
	for n, name := range []string{"first.png", "second.png"} {
		ev := w.bucket.Put(name, picture(30+n))
		all.Go(func() { p.Process(t.Context(), ev) })
		time.Sleep(time.Second)
	}
	all.Wait()
	time.Sleep(time.Minute) // until they have ended
	for _, name := range []string{"first.png", "second.png"} {
		if r := w.want(name, document.StatusRetrying, document.CodeDeadline); len(r.Strikes) > 0 {
			t.Errorf("%s: %v", name, r.Strikes)
		}
	}
	synctest.Wait()
	w.answer = nil
	if out := p.Process(t.Context(), w.bucket.Put("third.png", picture(40))).Outcome; out != document.OutcomeDone {
		t.Errorf("a page sent afterwards: %s", out)
	}
}

// TestBookWaitsForItsOwnPages: pages that wait for a place behind other pages of the same delivery may use all of its
// time, and count as usual when it ends.
func TestBookWaitsForItsOwnPages(t *testing.T) {
	for _, c := range []struct {
		name   string
		answer func(ctx context.Context, text string) (ocr.Result, error)
		status document.Status
		code   string
	}{
		{"the last ones fit", func(ctx context.Context, text string) (ocr.Result, error) {
			return result(text), sleepCtx(ctx, time.Minute) // the last two from 360 s to 420 s
		}, document.StatusDone, ""},
		{"none is answered", hang, document.StatusRetrying, document.CodeDeadline},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				w.options.Limits.MaxPages = 14
				w.options.OCRPlaces = 2
				w.answer = c.answer
				w.worker().Process(t.Context(), w.bucket.Put("a.tiff", book(14)))
				if r := w.want("a.tiff", c.status, c.code); len(r.Strikes) > 0 {
					t.Errorf("%v", r.Strikes)
				}
			})
		})
	}
}

// TestAdmissionIsBounded: admission, before a delivery's own time, takes no longer than AdmissionTime, writes nothing
// and is not the object's fault.
func TestAdmissionIsBounded(t *testing.T) {
	for _, c := range []struct {
		name    string
		prepare func(w *world, p *worker.Worker, ev document.Event)
		took    time.Duration
		code    string
		class   document.Class
	}{
		{"no memory", func(w *world, p *worker.Worker, _ document.Event) {
			for n := range 4 {
				go p.Process(w.t.Context(), w.bucket.Put(fmt.Sprintf("%d.png", n), picture(30+n)))
			}
			synctest.Wait()
		}, document.AdmissionTime - document.ClaimTime, document.CodeDeadline, document.ClassOurs},
		{"not alone", func(w *world, p *worker.Worker, ev document.Event) {
			for range 2 {
				w.die(ev)
				time.Sleep(document.LeaseTime)
			}
			go p.Process(w.t.Context(), w.bucket.Put("other.png", picture(30)))
			synctest.Wait()
		}, document.AdmissionTime - document.ClaimTime, document.CodeDeadline, document.ClassOurs},
		{"a claim that hangs", func(w *world, _ *worker.Worker, _ document.Event) { w.hangCommit(1) },
			document.AdmissionTime + time.Second, document.CodeStoreUnavailable, document.ClassService},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				w.options.MemoryBudget = 4 << 20
				w.options.Objects = stuck{w.bucket}
				p := w.worker()
				ev := w.bucket.Put("late.png", picture(50))
				saved := w.options.Objects
				w.options.Objects = w.bucket
				c.prepare(w, p, ev)
				w.options.Objects = saved
				before, start := w.records.Record(ev.Object.ID()), time.Now()
				res := p.Process(t.Context(), ev)
				if took := time.Since(start); took != c.took {
					t.Errorf("it took %v", took)
				}
				if res.Outcome != document.OutcomeRetry || res.Fault.Code != c.code || res.Fault.Class != c.class {
					t.Errorf("%s, %s %s", res.Outcome, res.Fault.Code, res.Fault.Class)
				}
				if after := w.records.Record(ev.Object.ID()); !reflect.DeepEqual(after, before) {
					t.Errorf("it wrote %+v over %+v", after, before)
				}
				time.Sleep(10 * time.Minute) // until nothing runs
			})
		})
	}
}

// TestDeliveryHasItsTimeFromTheClaim: waiting for a slot uses none of it.
func TestDeliveryHasItsTimeFromTheClaim(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.options.MemoryBudget = 4 << 20
		w.options.Objects = opening{w.bucket, 30 * time.Second}
		w.answer = func(ctx context.Context, text string) (ocr.Result, error) {
			return result(text), sleepCtx(ctx, 400*time.Second)
		}
		p := w.worker()
		for n := range 4 {
			go p.Process(t.Context(), w.bucket.Put(fmt.Sprintf("%d.png", n), picture(30+n)))
		}
		synctest.Wait()
		start := time.Now()
		if out := p.Process(t.Context(), w.bucket.Put("late.png", picture(50))).Outcome; out != document.OutcomeDone ||
			time.Since(start) != 460*time.Second {
			t.Errorf("%s after %v", out, time.Since(start))
		}
	})
}

// opening is a slow bucket.
type opening struct {
	document.Objects
	d time.Duration
}

func (o opening) Open(ctx context.Context, v document.Object) (document.Content, error) {
	time.Sleep(o.d)
	return o.Objects.Open(ctx, v)
}

// TestDeliveriesThatNeedTheInstanceTakeTurns: none holds a part of the instance while it waits for the rest.
func TestDeliveriesThatNeedTheInstanceTakeTurns(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		var events []document.Event
		for n := range 3 {
			ev := w.bucket.Put(fmt.Sprintf("%d.png", n), picture(30+n))
			for range 2 {
				w.die(ev)
				time.Sleep(document.LeaseTime)
			}
			events = append(events, ev)
		}
		var now, most atomic.Int64
		w.answer = func(_ context.Context, text string) (ocr.Result, error) {
			most.Store(max(most.Load(), now.Add(1)))
			time.Sleep(time.Second)
			now.Add(-1)
			return result(text), nil
		}
		p := w.worker()
		start := time.Now()
		var all sync.WaitGroup
		for _, ev := range events {
			all.Go(func() { p.Process(t.Context(), ev) })
		}
		all.Wait()
		for _, ev := range events {
			w.want(ev.Name, document.StatusDone, "")
		}
		if most.Load() != 1 || time.Since(start) != 3*time.Second {
			t.Errorf("%d at once, %v in all", most.Load(), time.Since(start))
		}
	})
}

// TestRefusedDeliveryLeavesItsPart: a delivery that gets no memory in time keeps no part of the instance.
func TestRefusedDeliveryLeavesItsPart(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.options.MemoryBudget = 4 << 20
		suspect := w.bucket.Put("suspect.png", picture(99))
		for range 2 {
			w.die(suspect)
			time.Sleep(document.LeaseTime)
		}
		w.options.Objects = opening{w.bucket, time.Minute}
		p := w.worker()
		var all sync.WaitGroup
		for n := range 5 {
			ev := w.bucket.Put(fmt.Sprintf("%d.png", n), picture(30+n))
			all.Go(func() { p.Process(t.Context(), ev) })
		}
		all.Wait()
		if n := len(w.records.All()); n != 5 {
			t.Fatalf("%d records, want four and the suspect's", n)
		}
		if out := p.Process(t.Context(), suspect).Outcome; out != document.OutcomeDone {
			t.Errorf("one that needs the instance to itself: %s", out)
		}
	})
}

// TestDeadlineIsNeverHeldAgainstTheObject: even if it had its slot and did not have to wait in its instance.
func TestDeadlineIsNeverHeldAgainstTheObject(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.options.Objects = stuck{w.bucket}
		w.worker().Process(t.Context(), w.bucket.Put("a.png", picture(31)))
		if r := w.want("a.png", document.StatusRetrying, document.CodeDeadline); len(r.Strikes) > 0 {
			t.Errorf("%v", r.Strikes)
		}
	})
}

// TestOthersMakeRoomForTheOneThatNeedsTheInstance: a book in work in the instance stops after the page under way, and
// continues later; otherwise a record that must run alone would never get its turn among long ones.
func TestOthersMakeRoomForTheOneThatNeedsTheInstance(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		suspect := w.bucket.Put("suspect.png", picture(99))
		w.die(suspect)
		time.Sleep(document.LeaseTime)
		c := w.count(func(_ context.Context, _ int, text string) (ocr.Result, error) {
			time.Sleep(10 * time.Second)
			return result(text), nil
		})
		w.options.OCRConcurrency = 1
		p := w.worker()
		long := w.bucket.Put("a.tiff", book(10))
		out := make(chan document.Outcome, 1)
		go func() { out <- p.Process(t.Context(), long).Outcome }()
		time.Sleep(25 * time.Second)
		start := time.Now()
		if out := p.Process(t.Context(), suspect).Outcome; out != document.OutcomeDone ||
			time.Since(start) > 20*time.Second {
			t.Errorf("the one that needs the instance: %s after %v", out, time.Since(start))
		}
		if r := w.record("a.tiff"); <-out != document.OutcomeRetry || r.PagesDone != 3 || len(r.Strikes) > 0 ||
			r.Error != nil {
			t.Errorf("the book: %+v", r)
		}
		for p.Process(t.Context(), long).Outcome == document.OutcomeRetry {
			time.Sleep(10 * time.Second)
		}
		w.want("a.tiff", document.StatusDone, "")
		if total, most := c.total(); total != 11 || most != 1 {
			t.Errorf("%d calls, %d for one page", total, most)
		}
	})
}
