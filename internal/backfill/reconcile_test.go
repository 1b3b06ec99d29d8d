package backfill

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/document/documenttest"
	"github.com/bucketocr/bucketocr/internal/event"
)

// room is a changing bucket, a function for it, and the store of its pass.
type room struct {
	*function
	passes *documenttest.Memory

	mu      sync.Mutex
	objects map[string]document.Listed
	next    int64
	asked   func(name string) // called before the bucket says whether a name exists
}

func newRoom(n int) *room {
	r := &room{function: newFunction(), passes: documenttest.NewMemory(), objects: map[string]document.Listed{}}
	for i := range n {
		r.put(fmt.Sprintf("%04d.png", i), 2*time.Hour)
	}
	return r
}

// put uploads an object of some age.
func (r *room) put(name string, age time.Duration) document.Object {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.next++
	o := document.Listed{
		Object:     document.Object{Bucket: "b", Name: name, Generation: r.next},
		Attributes: document.Attributes{ContentType: "image/png", Size: 100}, Created: time.Now().Add(-age),
	}
	if strings.HasSuffix(name, ".md") {
		o.ContentType = "text/markdown"
	}
	r.objects[name] = o
	return o.Object
}

func (r *room) remove(name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.objects, name)
}

func (r *room) ListObjects(ctx context.Context, l document.Listing, fn func(document.Listed) error) error {
	r.mu.Lock()
	var s shelf
	for _, name := range slices.Sorted(maps.Keys(r.objects)) {
		s = append(s, r.objects[name])
	}
	r.mu.Unlock()
	return s.ListObjects(ctx, l, fn)
}

func (r *room) Open(context.Context, document.Object) (document.Content, error) { panic("not asked") }

func (r *room) Live(_ context.Context, _, name string) (document.Object, document.Attributes, error) {
	if r.asked != nil {
		r.asked(name)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	o, ok := r.objects[name]
	if !ok {
		return document.Object{}, document.Attributes{}, document.ErrObjectGone
	}
	return o.Object, o.Attributes, nil
}

// Deliver handles deletion events like the function, and other events like [function].
func (r *room) Deliver(ctx context.Context, events []document.Event) []Answer {
	ev := events[0]
	if ev.Kind != document.KindDeleted {
		return r.function.Deliver(ctx, events)
	}
	_, err := document.Update(ctx, r.records, ev.Object.ID(), document.Unread(),
		func(old *document.Record) (*document.Change, error) {
			ch, _ := document.Remove(old, ev, false, time.Now())
			return ch, nil
		})
	if err != nil {
		return []Answer{{Refused, err.Error()}}
	}
	return []Answer{{Settled, string(document.OutcomeDeleted)}}
}

// run reconciles for a while, as one run of the function does.
func (r *room) run(t *testing.T, d time.Duration, holder string, with func(*Options, *Pass)) (Summary, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	o := r.options(nil)
	o.Objects, o.Gone, o.Deliver, o.Source, o.Linger = r, r, r, "reconcile", d
	p := Pass{Store: r.passes, Holder: holder}
	if with != nil {
		with(&o, &p)
	}
	return Reconcile(ctx, o, p)
}

// statuses returns the statuses of all records, by name.
func (r *room) statuses() map[string]document.Status {
	all := map[string]document.Status{}
	for _, rec := range r.records.All() {
		all[rec.Name] = rec.Status
	}
	return all
}

// TestReconcileGoesOnWhereItWasCut: a pass over many objects takes several runs, and reads nothing twice; the next pass
// begins an hour later.
func TestReconcileGoesOnWhereItWasCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 6000
		r := newRoom(n)
		runs, listed := 0, int64(0)
		for {
			sum, err := r.run(t, time.Second, fmt.Sprint("run ", runs), nil)
			if err != nil && !errors.Is(err, context.DeadlineExceeded) {
				t.Fatal(err)
			}
			listed += sum.Listed
			if runs++; sum.Complete {
				break
			}
			if sum.Left == 0 {
				t.Fatalf("cut short with nothing left: %+v", sum)
			}
		}
		if len(r.times) != n || r.most() != 1 || runs < 3 {
			t.Errorf("%d objects, one of them %d times, in %d runs", len(r.times), r.most(), runs)
		}
		if most := int64(n + runs*3*headBatch); listed > most { // objects queued when a run is cut are listed again
			t.Errorf("%d runs listed %d objects of %d", runs, listed, n)
		}
		if sum, err := r.run(t, time.Second, "too soon", nil); err != nil || !sum.Complete || sum.Listed != 0 {
			t.Errorf("at once: %+v, %v", sum, err)
		}
		time.Sleep(time.Hour)
		if sum, err := r.run(t, time.Minute, "next", nil); err != nil || sum.Listed != n || sum.Chosen != 0 {
			t.Errorf("the next pass: %+v, %v", sum, err)
		}
	})
}

// TestReconcileTakesWhatLostEventsLeft: objects without a document and documents without an object, and nothing whose
// event may be on the way.
func TestReconcileTakesWhatLostEventsLeft(t *testing.T) {
	for name, erase := range map[string]bool{"keep": false, "erase": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRoom(0)
				write := func(name string, s document.Status) {
					r.write(r.put(name, 3*time.Hour), s)
				}
				for _, name := range []string{"a.png", "gone-c.png", "kept-b.png", "gone-late.png"} {
					write(name, document.StatusDone)
				}
				write("marker.png", document.StatusDeleted)
				write("failed.png", document.StatusFailed)
				write("gone-first.png", document.StatusFailed)
				r.write(document.Object{Bucket: "another", Name: "gone-other.png", Generation: 1}, document.StatusDone)
				write("overwritten.png", document.StatusDone)
				time.Sleep(2 * time.Hour)
				for name := range r.objects {
					if strings.HasPrefix(name, "gone-") {
						r.remove(name)
					}
				}
				r.put("overwritten.png", 2*time.Hour)
				r.put("lost.png", 2*time.Hour)
				r.put("young.png", 59*time.Minute)
				r.put("notes.md", 2*time.Hour)
				r.write(document.Object{Bucket: "b", Name: "gone-young.png", Generation: 99}, document.StatusDone)
				r.asked = func(name string) {
					if name == "gone-late.png" {
						r.put(name, 0) // uploaded since the listing
					}
				}
				sum, err := r.run(t, time.Minute, "run", func(o *Options, _ *Pass) {
					if !erase {
						o.Gone = nil
					}
				})
				want := map[string]document.Status{
					"a.png": "done", "kept-b.png": "done", "marker.png": "deleted", "failed.png": "failed",
					"gone-other.png":  "done",
					"overwritten.png": "done", "lost.png": "done", "gone-young.png": "done", "gone-c.png": "done",
					"gone-first.png": "failed",
					"gone-late.png":  "done",
				}
				gone := int64(0)
				if erase {
					want["gone-c.png"], want["gone-first.png"], gone = "deleted", "deleted", 3
				}
				if got := r.statuses(); err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
					t.Errorf("%v\ngot  %v\nwant %v", err, got, want)
				}
				if sum.Chosen != 2 || sum.Gone != gone || sum.Skipped[SkipYoung] != 1 || !sum.Complete ||
					sum.Left != 0 {
					t.Errorf("%+v", sum)
				}
				if erase && (sum.Results["deleted"] != 2 || sum.Results[Returned] != 1) {
					t.Errorf("%+v", sum.Results)
				}
			})
		})
	}
}

// TestFilterLimitsErasures: the document of an object that INCLUDE or EXCLUDE leaves out is kept, as after a deletion.
func TestFilterLimitsErasures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRoom(0)
		for _, name := range []string{"kept/a.png", "gone.png"} {
			r.write(document.Object{Bucket: "b", Name: name, Generation: 9}, document.StatusDone)
		}
		time.Sleep(48 * time.Hour)
		filter, err := event.NewFilter(nil, []string{"kept/**"})
		if err != nil {
			t.Fatal(err)
		}
		sum, err := r.run(t, time.Minute, "run", func(o *Options, _ *Pass) { o.Filter = filter })
		want := map[string]document.Status{"kept/a.png": "done", "gone.png": "deleted"}
		if got := r.statuses(); err != nil || fmt.Sprint(got) != fmt.Sprint(want) || sum.Gone != 1 {
			t.Errorf("%v, %v, %+v", got, err, sum)
		}
	})
}

// TestUploadDuringAnErasureStays: an object uploaded between the bucket's answer and the erasure keeps its document.
func TestUploadDuringAnErasureStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRoom(0)
		r.write(r.put("a.png", 0), document.StatusDone)
		time.Sleep(2 * time.Hour)
		r.remove("a.png")
		r.asked = func(string) {
			defer func(o document.Object) { r.write(o, document.StatusDone) }(r.put("a.png", 0))
			r.remove("a.png") // for the answer
		}
		if _, err := r.run(t, time.Minute, "run", nil); err != nil || r.statuses()["a.png"] != document.StatusDone {
			t.Errorf("%v, %v", r.statuses(), err)
		}
	})
}

// TestRefusedErasureIsTriedAgain: a document without an object is not settled before it is erased.
func TestRefusedErasureIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRoom(0)
		r.write(r.put("a.png", 0), document.StatusDone)
		time.Sleep(2 * time.Hour)
		r.remove("a.png")
		refusals := 0
		r.records.Before = func(_ context.Context, op, _ string) error {
			if op == "commit" && refusals < 3 {
				refusals++
				return document.ErrStoreUnavailable
			}
			return nil
		}
		if sum, err := r.run(t, time.Minute, "run", nil); err != nil || sum.Results["deleted"] != 1 ||
			r.statuses()["a.png"] != document.StatusDeleted {
			t.Errorf("%+v, %v", sum, err)
		}
	})
}

// TestReconcileTakesNoMoreThanItsLimit: the next run continues.
func TestReconcileTakesNoMoreThanItsLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRoom(25)
		for i := range 3 {
			sum, err := r.run(t, time.Minute, fmt.Sprint(i), func(o *Options, _ *Pass) { o.Limit = 10 })
			if last := i == 2; err != nil || sum.Complete != last || len(r.times) != min(10*(i+1), 25) {
				t.Errorf("run %d: %+v, %v, %d taken", i, sum, err, len(r.times))
			}
		}
		if r.most() != 1 {
			t.Errorf("one was taken %d times", r.most())
		}
	})
}

// TestOneRunAtAPass: a second run leaves the bucket to the first, unless that has died.
func TestOneRunAtAPass(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRoom(3000)
		var second error
		go func() {
			time.Sleep(500 * time.Millisecond)
			_, second = r.run(t, time.Second, "second", nil)
		}()
		if _, err := r.run(t, time.Second, "first", nil); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
		synctest.Wait()
		if !errors.Is(second, ErrPassTaken) || r.most() != 1 {
			t.Errorf("%v, one taken %d times", second, r.most())
		}
		r.passes.Before = func(context.Context, string, string) error { return document.ErrStoreUnavailable }
		if _, err := r.run(t, time.Second, "blind", nil); !errors.Is(err, document.ErrStoreUnavailable) {
			t.Errorf("without its store: %v", err)
		}
	})
}

// TestObjectThatCannotBeDeliveredKeepsNothingBack: it is left and reported, and the next pass finds it again.
func TestObjectThatCannotBeDeliveredKeepsNothingBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRoom(700)
		r.answer = func(_ int, ev document.Event) Answer {
			if ev.Name == "0003.png" {
				return Answer{Refused, "HTTP 503"}
			}
			return Answer{Settled, "done"}
		}
		sum, err := r.run(t, time.Hour, "run", func(o *Options, _ *Pass) { o.Limit = 500 })
		if err != nil || sum.Complete || sum.Left != 1 || time.Since(sum.Oldest) < 2*time.Hour ||
			sum.Results["done"] != 499 {
			t.Errorf("%+v, %v", sum, err)
		}
		sum, err = r.run(t, time.Hour, "goes on", nil)
		if err != nil || !sum.Complete || sum.Listed != 200 || sum.Results["done"] != 200 {
			t.Errorf("%+v, %v", sum, err)
		}
		r.answer = nil
		time.Sleep(time.Hour)
		if sum, err := r.run(t, time.Minute, "next", nil); err != nil || sum.Chosen != 1 || sum.Left != 0 ||
			len(r.times) != 700 {
			t.Errorf("the next pass: %+v, %v", sum, err)
		}
	})
}

// dying is a process whose calls fail from one of them on.
type dying struct {
	document.Lister
	mu   sync.Mutex
	left int // calls
}

func (d *dying) step(context.Context, string, string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.left--; d.left < 0 {
		return document.ErrStoreUnavailable
	}
	return nil
}

func (d *dying) List(ctx context.Context, q document.Query, fn func(*document.Stored) error) error {
	return d.Lister.List(ctx, q, func(s *document.Stored) error {
		if err := d.step(ctx, "", ""); err != nil {
			return err
		}
		return fn(s)
	})
}

// TestReconcileCutAtEveryStep: if a run dies at any of its calls, the next one continues once the first one's time is
// over.
func TestReconcileCutAtEveryStep(t *testing.T) {
	for cut, done := 1, false; !done; cut++ {
		synctest.Test(t, func(t *testing.T) {
			r := newRoom(650)
			for i := range 100 {
				r.write(r.put(fmt.Sprintf("gone-%02d.png", i), 3*time.Hour), document.StatusDone)
			}
			time.Sleep(2 * time.Hour)
			for i := range 100 {
				r.remove(fmt.Sprintf("gone-%02d.png", i))
			}
			d := &dying{Lister: r.records, left: cut}
			r.passes.Before = d.step
			r.answer = func(int, document.Event) Answer {
				if d.step(t.Context(), "", "") != nil {
					return Answer{Wrong, "dead"}
				}
				return Answer{Settled, "done"}
			}
			_, err := r.run(t, 10*time.Second, "dies", func(o *Options, _ *Pass) { o.InFlight, o.Records = 2, d })
			r.passes.Before, r.answer = nil, nil
			done = err == nil
			time.Sleep(2 * time.Minute)
			sum, err := r.run(t, time.Minute, "next", nil)
			if err != nil || !sum.Complete {
				t.Fatalf("cut at step %d: %+v, %v", cut, sum, err)
			}
			for i := range 650 {
				if o := r.objects[fmt.Sprintf("%04d.png", i)]; r.records.Record(o.ID()) == nil {
					t.Fatalf("cut at step %d: %s has no document", cut, o.Name)
				}
			}
			for name, s := range r.statuses() {
				if strings.HasPrefix(name, "gone-") && s != document.StatusDeleted {
					t.Fatalf("cut at step %d: %s is %s", cut, name, s)
				}
			}
		})
		if cut > 40 {
			cut += 37 // the rest is alike
		}
	}
}
