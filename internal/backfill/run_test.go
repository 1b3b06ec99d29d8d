package backfill

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/document/documenttest"
)

// shelf is a bucket that can be listed.
type shelf []document.Listed

func (s shelf) ListObjects(ctx context.Context, l document.Listing, fn func(document.Listed) error) error {
	for _, o := range s {
		if err := ctx.Err(); err != nil {
			return err
		}
		if o.Bucket == l.Bucket && strings.HasPrefix(o.Name, l.Prefix) && o.Name > l.After {
			if err := fn(o); err != nil {
				return err
			}
		}
	}
	return nil
}

// full returns a shelf of n images created a day ago.
func full(n int) shelf {
	var s shelf
	for i := range n {
		s = append(s, document.Listed{
			Object:     document.Object{Bucket: "b", Name: fmt.Sprintf("%06d.png", i), Generation: int64(i + 1)},
			Attributes: document.Attributes{ContentType: "image/png", Size: 100},
			Created:    time.Now().Add(-24 * time.Hour),
		})
	}
	return s
}

// function receives the events.
type function struct {
	records *documenttest.Memory
	answer  func(n int, ev document.Event) Answer // n counts all deliveries from 1

	mu     sync.Mutex
	calls  int
	times  map[string]int // deliveries by name
	now    int
	atOnce int
}

func newFunction() *function {
	return &function{records: documenttest.NewMemory(), times: map[string]int{}}
}

func (f *function) Batch() int { return 1 }

func (f *function) Deliver(ctx context.Context, events []document.Event) []Answer {
	f.mu.Lock()
	f.calls++
	n := f.calls
	f.times[events[0].Name]++
	f.now++
	f.atOnce = max(f.atOnce, f.now)
	f.mu.Unlock()
	defer func() { f.mu.Lock(); f.now--; f.mu.Unlock() }()
	time.Sleep(10 * time.Millisecond)
	if ctx.Err() != nil {
		return []Answer{{Refused, "no answer"}}
	}
	a := Answer{Settled, "done"}
	if f.answer != nil {
		a = f.answer(n, events[0])
	}
	if a.Verdict == Settled {
		f.write(events[0].Object, document.StatusDone)
	}
	return []Answer{a}
}

// write stores a record.
func (f *function) write(o document.Object, s document.Status) {
	rec := &document.Record{Bucket: o.Bucket, Name: o.Name, Generation: o.Generation, Status: s}
	_, err := document.Update(context.Background(), f.records, o.ID(), document.Unread(),
		func(*document.Record) (*document.Change, error) {
			return &document.Change{Record: rec}, nil
		})
	if err != nil {
		panic(err)
	}
}

func (f *function) options(s shelf) Options {
	return Options{Objects: s, Records: f.records, Listing: document.Listing{Bucket: "b"}, Deliver: f, InFlight: 8}
}

// most returns the largest number of deliveries of one object.
func (f *function) most() (most int) {
	for _, n := range f.times {
		most = max(most, n)
	}
	return most
}

// TestEveryObjectOnce: with refusals at random, each object is settled once, and a second run delivers nothing.
func TestEveryObjectOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 20_000
		f, s := newFunction(), full(n)
		rng := rand.New(rand.NewPCG(1, 2))
		f.answer = func(int, document.Event) Answer {
			if rng.IntN(10) == 0 {
				return Answer{Refused, "HTTP 503"}
			}
			return Answer{Settled, "done"}
		}
		o := f.options(s)
		o.InFlight = 1 // for the random numbers' sake
		sum, err := Run(t.Context(), o)
		if err != nil || sum.Results["done"]+sum.Results[Undelivered] != n || sum.Results[Undelivered] > 5 ||
			sum.After == "" {
			t.Fatalf("%+v, %v", sum, err)
		}
		settled := sum.Results["done"]
		f.answer = nil
		again, err := Run(t.Context(), f.options(s))
		if err != nil || again.Requests != n-settled || again.Skipped[SkipEnded] != settled {
			t.Errorf("again: %+v, %v", again, err)
		}
	})
}

// TestStopAndResume: a run stopped at any point loses nothing, and the next one, from its mark on, repeats nothing.
func TestStopAndResume(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 2000
		f, s := newFunction(), full(n)
		after := ""
		for stops := 0; ; stops++ {
			ctx, cancel := context.WithTimeout(t.Context(), time.Duration(100+stops*37)*time.Millisecond)
			o := f.options(s)
			o.Listing.After = after
			sum, err := Run(ctx, o)
			cancel()
			if sum.After < after {
				t.Fatalf("the mark went back from %s to %s", after, sum.After)
			}
			after = sum.After
			if err == nil {
				break
			}
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Fatal(err)
			}
		}
		if len(f.times) != n || f.most() != 1 || f.calls != n {
			t.Errorf("%d objects in %d deliveries, one %d times", len(f.times), f.calls, f.most())
		}
		if f.atOnce != 8 {
			t.Errorf("%d at once", f.atOnce)
		}
	})
}

// TestNoRunaway: whatever the function answers, the number of requests stays bounded.
func TestNoRunaway(t *testing.T) {
	for name, c := range map[string]struct {
		answer func(f *function) func(int, document.Event) Answer
		bound  int
		want   error
	}{
		"always refused": {func(*function) func(int, document.Event) Answer {
			return func(int, document.Event) Answer { return Answer{Refused, "HTTP 503"} }
		}, 8 + maxSteps, ErrGaveUp},
		"claimed, and put back": {func(f *function) func(int, document.Event) Answer {
			return func(_ int, ev document.Event) Answer {
				f.write(ev.Object, document.StatusRetrying)
				return Answer{Refused, "the function released it"}
			}
		}, 8 + maxSteps, ErrGaveUp},
		"wrong address": {func(*function) func(int, document.Event) Answer {
			return func(int, document.Event) Answer { return Answer{Wrong, "HTTP 200 without an outcome"} }
		}, 8, ErrWrongAddress},
		"wrong after a while": {func(*function) func(int, document.Event) Answer {
			return func(n int, _ document.Event) Answer {
				if n > 100 {
					return Answer{Wrong, "HTTP 403"}
				}
				return Answer{Settled, "done"}
			}
		}, 110, ErrWrongAddress},
		"says done, writes nothing": {func(*function) func(int, document.Event) Answer {
			return func(int, document.Event) Answer { return Answer{Settled, "filtered"} }
		}, 5000, nil},
		"every other one": {func(*function) func(int, document.Event) Answer {
			return func(n int, _ document.Event) Answer {
				if n%2 == 0 {
					return Answer{Refused, "HTTP 429"}
				}
				return Answer{Settled, "done"}
			}
		}, 2*5000 + 10, nil},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFunction()
				f.answer = c.answer(f)
				sum, err := Run(t.Context(), f.options(full(5000)))
				if !errors.Is(err, c.want) || c.want == nil && err != nil {
					t.Errorf("%v, want %v", err, c.want)
				}
				if f.calls > c.bound || int64(f.calls) != sum.Requests {
					t.Errorf("%d requests, %d counted; at most %d were to be", f.calls, sum.Requests, c.bound)
				}
			})
		})
	}
}

// TestOutage: while the function refuses, it is tried now and then with one delivery at a time; then everything
// continues.
func TestOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFunction()
		from, to := time.Now().Add(time.Second), time.Now().Add(4*time.Minute)
		var during atomic.Int64
		f.answer = func(int, document.Event) Answer {
			if time.Now().After(from) && time.Now().Before(to) {
				during.Add(1)
				return Answer{Refused, "HTTP 503"}
			}
			return Answer{Settled, "done"}
		}
		sum, err := Run(t.Context(), f.options(full(5000)))
		if err != nil || sum.Results["done"] < 4990 || sum.Results["done"]+sum.Results[Undelivered] != 5000 {
			t.Errorf("%+v, %v", sum, err)
		}
		if n := during.Load(); n > 8+maxSteps {
			t.Errorf("%d requests during the outage", n)
		}
	})
}

// TestChooses: objects that have ended, are in work, filtered out, too old or too new are skipped.
func TestChooses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, s := newFunction(), full(10)
		f.write(s[0].Object, document.StatusDone)
		f.write(s[1].Object, document.StatusFailed)
		f.write(s[2].Object, document.StatusProcessing)
		f.write(s[3].Object, document.StatusRetrying)
		old := s[4].Object
		old.Generation -= 4
		f.write(old, document.StatusDone) // of another generation
		s[5].Created = time.Now().Add(time.Hour)
		s[6].Name, s[6].ContentType = "6.txt", "text/plain"
		s[7].Created = time.Now().Add(-48 * time.Hour)
		s[8].ContentType = "application/pdf"
		slices.SortFunc(s, func(a, b document.Listed) int { return strings.Compare(a.Name, b.Name) })
		o := f.options(s)
		o.NewerThan = time.Now().Add(-25 * time.Hour)
		o.Deliver = nil
		dry, err := Run(t.Context(), o)
		want := map[string]int64{SkipEnded: 2, SkipWork: 2, SkipNew: 1, SkipOld: 1, "not_image": 1}
		if err != nil || dry.Chosen != 3 || dry.PDFs != 1 || dry.Bytes != 300 || dry.Listed != 10 ||
			fmt.Sprint(dry.Skipped) != fmt.Sprint(want) {
			t.Errorf("%+v, %v", dry, err)
		}
		o.Deliver, o.Limit = f, 2
		sum, err := Run(t.Context(), o)
		if err != nil || sum.Chosen != 2 || sum.Results["done"] != 2 || f.calls != 2 {
			t.Errorf("with a limit: %+v, %v", sum, err)
		}
	})
}

// TestRate: the rate per second is kept.
func TestRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFunction()
		o := f.options(full(101))
		o.Rate = 10
		begun := time.Now()
		if sum, err := Run(t.Context(), o); err != nil || sum.Results["done"] != 101 {
			t.Errorf("%+v, %v", sum, err)
		}
		if d := time.Since(begun); d < 9900*time.Millisecond {
			t.Errorf("101 objects at 10 a second in %v of fake time", d)
		}
	})
}

// TestLeft: an object that was claimed and refused is left to the sweep, and not delivered again.
func TestLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFunction()
		f.answer = func(_ int, ev document.Event) Answer {
			if ev.Generation == 3 {
				f.write(ev.Object, document.StatusRetrying)
				return Answer{Refused, "the function released it"}
			}
			return Answer{Settled, "done"}
		}
		var ended []string
		o := f.options(full(5))
		o.Ended = func(r Result) { ended = append(ended, r.What) }
		sum, err := Run(t.Context(), o)
		slices.Sort(ended)
		if err != nil || sum.Results[Left] != 1 || sum.Results["done"] != 4 || f.most() != 1 || len(ended) != 5 {
			t.Errorf("%+v, %v, %v", sum, err, ended)
		}
	})
}
