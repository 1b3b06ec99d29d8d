package worker

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bucketocr/bucketocr/ocr"
)

func testPace(t *testing.T, places int) *pace {
	tel, err := newTelemetry(Options{})
	if err != nil {
		t.Fatal(err)
	}
	return newPace(Options{OCRPlaces: places, OCRTimeout: 2 * time.Minute,
		Log: slog.New(slog.NewTextHandler(io.Discard, nil))}, tel)
}

func timedOut() error { return &ocr.Error{Kind: ocr.KindTimeout, Phase: ocr.PhaseWait} }
func failed() error   { return &ocr.Error{Kind: ocr.KindBackendFailed} }

// hold takes n places and returns a function that gives them back.
func (p *pace) hold(t *testing.T, n int) (giveBack func()) {
	t.Helper()
	var gives []func()
	for range n {
		give, err := p.take(t.Context(), false)
		if err != nil {
			t.Fatal(err)
		}
		gives = append(gives, give)
	}
	return func() {
		for _, give := range gives {
			give()
		}
	}
}

// TestPaceFollowsTheService: the events that lower it, how far and how often, and those that raise it again.
func TestPaceFollowsTheService(t *testing.T) {
	type step struct {
		err   error
		times int
		after time.Duration
	}
	answers := func(n int) step { return step{nil, n, 0} }
	for name, c := range map[string]struct {
		used  int
		steps []step
		want  int // places
	}{
		"answers alone change nothing":    {8, []step{answers(100)}, 8},
		"a time-out halves it":            {8, []step{{timedOut(), 1, 0}}, 4},
		"time-outs of one moment are one": {8, []step{{timedOut(), 8, 0}}, 4},
		"the next after a try's time counts": {8,
			[]step{{timedOut(), 1, 0}, {timedOut(), 1, 2 * time.Minute}}, 2},
		"never below one": {8,
			[]step{{timedOut(), 1, 0}, {timedOut(), 9, 2 * time.Minute}, {timedOut(), 1, 2 * time.Minute},
				{timedOut(), 1, 2 * time.Minute}}, 1},
		"half of what was there, not of what might have": {3, []step{{timedOut(), 1, 0}}, 2},
		"429 and 503": {8, []step{{&ocr.Error{Kind: ocr.KindOverloaded}, 1, 0}},
			4},
		"a failed page is no reason": {8, []step{{failed(), 2, 0}}, 8},
		"a burst of them is":         {8, []step{{failed(), 3, 0}}, 4},
		"answers between make it none": {8,
			[]step{{failed(), 2, 0}, answers(1), {failed(), 2, 0}}, 8},
		"what is not the service's": {8,
			[]step{{&ocr.Error{Kind: ocr.KindImageSource}, 9, 0}, {errors.New("?"), 9, 0}}, 8},
		"a refused connection is no load": {8, []step{{&ocr.Error{Kind: ocr.KindUnavailable}, 9, 0}},
			8},
		"a few answers raise it a little":                    {8, []step{{timedOut(), 1, 0}, answers(7)}, 5},
		"with every page answered it comes back to its most": {8, []step{{timedOut(), 1, 0}, answers(200)}, 8},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := testPace(t, 8)
				defer p.hold(t, c.used)()
				for _, s := range c.steps {
					time.Sleep(s.after)
					for range s.times {
						p.saw(t.Context(), s.err)
					}
				}
				if got := p.limit.Places(); got != c.want || !p.limit.Admits(got-1) || p.limit.Admits(got) {
					t.Errorf("%d places, want %d, and that many admitted", got, c.want)
				}
			})
		})
	}
}

// TestSilenceIsSeveralFailuresInARow: of whatever kind may be a page's own.
func TestSilenceIsSeveralFailuresInARow(t *testing.T) {
	p := testPace(t, 8)
	for i, err := range []error{timedOut(), failed(), &ocr.Error{Kind: ocr.KindBadResponse}} {
		if p.silent() {
			t.Errorf("silent after %d", i)
		}
		p.saw(t.Context(), err)
	}
	if !p.silent() {
		t.Error("not silent after three")
	}
	p.saw(t.Context(), nil)
	if p.silent() {
		t.Error("silent after an answer")
	}
}

// TestPlacesAreGivenInOrder: a caller that wants all places waits for earlier ones and holds up later ones; a caller
// that stops waiting does not hold up others.
func TestPlacesAreGivenInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := testPace(t, 2)
		var mu sync.Mutex
		var order []string
		note := func(what string) {
			mu.Lock()
			defer mu.Unlock()
			order = append(order, what)
		}
		begin := func(name string, all bool, ctx context.Context) {
			synctest.Wait()
			go func() {
				give, err := p.take(ctx, all)
				if err != nil {
					note(name + " gave up")
					return
				}
				note(name)
				time.Sleep(time.Minute)
				give()
			}()
			synctest.Wait()
		}
		brief, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		begin("a", false, t.Context())
		begin("b", false, t.Context())
		begin("impatient", true, brief)
		begin("c", false, t.Context())
		time.Sleep(20 * time.Second)
		begin("alone", true, t.Context())
		begin("d", false, t.Context())
		begin("e", false, t.Context())
		time.Sleep(3*time.Minute + 30*time.Second)
		synctest.Wait()
		want := []string{"a", "b", "impatient gave up", "c", "alone", "d", "e"}
		if len(order) != len(want) {
			t.Fatalf("%q, want %q", order, want)
		}
		for i := range 5 { // the last two begin at once
			if order[i] != want[i] {
				t.Errorf("%q, want %q", order, want)
			}
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		if p.used != 0 || p.alone || len(p.waiting) > 0 {
			t.Errorf("left over: %+v", p)
		}
	})
}

// TestPlaceThatComesWithTheEndIsGivenBack: a place is never lost, whichever way the race ends.
func TestPlaceThatComesWithTheEndIsGivenBack(t *testing.T) {
	for _, all := range []bool{false, true} {
		for range 200 {
			synctest.Test(t, func(t *testing.T) {
				p := testPace(t, 1)
				give := p.hold(t, 1)
				ctx, cancel := context.WithCancel(t.Context())
				go func() {
					if give, err := p.take(ctx, all); err == nil {
						give()
					}
				}()
				synctest.Wait()
				go cancel()
				go give()
				synctest.Wait()
				if p.used != 0 || p.alone || len(p.waiting) > 0 {
					t.Fatalf("left over: %d used, alone %v", p.used, p.alone)
				}
			})
		}
	}
}
