package worker_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/document/documenttest"
	"github.com/bucketocr/bucketocr/internal/worker"
	"github.com/bucketocr/bucketocr/ocr"
)

// instance is a process of the function that dies, with all that runs in it, when it reads the killer page.
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

// mortal is a record store as a dead process sees it: nothing it does arrives.
type mortal struct {
	*documenttest.Memory
	i *instance
}

func (m *mortal) Commit(ctx context.Context, id string, from *document.Stored, change *document.Change) (*document.Stored, error) {
	if m.i.dead.Load() {
		return nil, fmt.Errorf("%w: dead", document.ErrStoreUnavailable)
	}
	return m.Memory.Commit(ctx, id, from, change)
}

// TestKillerRunsAlone: one page kills the process, fifteen good ones stand beside it. The killer ends failed with
// interrupted, every neighbour done.
func TestKillerRunsAlone(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		var events []document.Event
		for n := range 16 {
			width := 20 + n
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
		if r := w.record("7.png"); r.Faults != 5 || r.Doubts > 3 || instances > 10 {
			t.Errorf("%d faults, %d doubts, %d instances died", r.Faults, r.Doubts, instances)
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

// TestAloneWaitsForTheOthers and holds up those who come later.
func TestAloneWaitsForTheOthers(t *testing.T) {
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
				p.Process(t.Context(), w.bucket.Put(fmt.Sprintf("%d.png", n), picture(20+n)))
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
