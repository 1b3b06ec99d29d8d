package worker_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/document/documenttest"
	"github.com/bucketocr/bucketocr/ocr"
)

// TestControlPageDecides: a page that fails alone at a healthy service is charged only if the control page is read
// after it; the result of the control page determines the record's error.
func TestControlPageDecides(t *testing.T) {
	answer := func(text string) func(context.Context) (ocr.Result, error) {
		return func(context.Context) (ocr.Result, error) { return result(text), nil }
	}
	fail := func(e ocr.Error) func(context.Context) (ocr.Result, error) {
		return func(context.Context) (ocr.Result, error) { return ocr.Result{}, &e }
	}
	after := func(times ...time.Duration) func(context.Context) (ocr.Result, error) {
		return func(context.Context) (ocr.Result, error) {
			time.Sleep(times[0])
			times = append(times[1:], times[0])
			return result("HARBOUR"), nil
		}
	}
	for name, c := range map[string]struct {
		control func(context.Context) (ocr.Result, error)
		code    string
		strike  document.Strike
	}{
		"read slowly": {after(30 * time.Second), document.CodeOCRTimeout,
			document.Strike{Count: 1, Code: "ocr_timeout"}},
		"read behind the page": {after(100*time.Second, time.Second), document.CodeOCRTimeout,
			document.Strike{Count: 1, Code: "ocr_timeout"}},
		"read behind a queue": {after(31 * time.Second), document.CodeOCRUnavailable,
			document.Strike{Code: "ocr_timeout"}},
		"read": {answer("# Harbour\n"), document.CodeOCRTimeout,
			document.Strike{Count: 1, Code: "ocr_timeout"}},
		"read as another word": {answer("HARBOR"), document.CodeOCRMisconfigured,
			document.Strike{Code: "ocr_timeout"}},
		"blank": {answer(""), document.CodeOCRMisconfigured, document.Strike{Code: "ocr_timeout"}},
		"answered with a web page": {fail(ocr.Error{Kind: ocr.KindBadResponse}), document.CodeOCRMisconfigured,
			document.Strike{Code: "ocr_timeout"}},
		"refused as an image": {fail(ocr.Error{Kind: ocr.KindBadImage}), document.CodeOCRMisconfigured,
			document.Strike{Code: "ocr_timeout"}},
		"refused for its size": {fail(ocr.Error{Kind: ocr.KindTooLarge, Status: 413, Platform: true}),
			document.CodeOCRMisconfigured, document.Strike{Code: "ocr_timeout"}},
		"not answered in time": {fail(ocr.Error{Kind: ocr.KindTimeout, Phase: ocr.PhaseWait}),
			document.CodeOCRUnavailable, document.Strike{Code: "ocr_timeout"}},
		"lost while time lasts": {fail(ocr.Error{Kind: ocr.KindLost}), document.CodeOCRUnavailable,
			document.Strike{Code: "ocr_timeout", Open: true}},
		"forbidden": {fail(ocr.Error{Kind: ocr.KindForbidden}), document.CodeOCRMisconfigured,
			document.Strike{Code: "ocr_timeout"}},
		"refused while time lasts": {fail(ocr.Error{Kind: ocr.KindUnavailable}), document.CodeOCRUnavailable,
			document.Strike{Code: "ocr_timeout", Open: true}},
		"busy while time lasts": {fail(ocr.Error{Kind: ocr.KindOverloaded}), document.CodeOCRUnavailable,
			document.Strike{Code: "ocr_timeout", Open: true}},
		"500 while time lasts": {fail(ocr.Error{Kind: ocr.KindBackendFailed}), document.CodeOCRUnavailable,
			document.Strike{Code: "ocr_timeout", Open: true}},
		"not answered till the end": {func(ctx context.Context) (ocr.Result, error) { return hang(ctx, "") },
			document.CodeDeadline, document.Strike{Code: "ocr_timeout", Open: true}},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				w.control = func(ctx context.Context) (ocr.Result, error) {
					if w.controls.Load() == 1 { // before the page is sent alone
						return result("HARBOUR"), nil
					}
					return c.control(ctx)
				}
				w.answer = func(context.Context, string) (ocr.Result, error) {
					time.Sleep(2 * time.Second)
					return ocr.Result{}, &ocr.Error{Kind: ocr.KindTimeout, Phase: ocr.PhaseWait}
				}
				w.worker().Process(t.Context(), w.bucket.Put("a.png", picture(31)))
				if r := w.want("a.png", document.StatusRetrying, c.code); len(r.Strikes) != 1 ||
					r.Strikes[1] != c.strike {
					t.Errorf("strikes %+v, want %+v", r.Strikes, c.strike)
				}
			})
		})
	}
}

// TestStrikeWaitsForTheNextDelivery: if the service did not come back in time, the next delivery sends the control page
// before anything else, and charges the strike once that is read, not before.
func TestStrikeWaitsForTheNextDelivery(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		down := true
		w.control = func(context.Context) (ocr.Result, error) {
			if down && w.controls.Load() > 1 {
				return ocr.Result{}, &ocr.Error{Kind: ocr.KindUnavailable}
			}
			return result("HARBOUR"), nil
		}
		w.answer = func(context.Context, string) (ocr.Result, error) {
			return ocr.Result{}, &ocr.Error{Kind: ocr.KindLost}
		}
		ev := w.bucket.Put("a.png", picture(31))
		p := w.worker()
		p.Process(t.Context(), ev) // the service takes the page alone, and is away from then on
		for range 3 {
			time.Sleep(time.Minute)
			calls := w.calls.Load() - w.controls.Load()
			p.Process(t.Context(), ev)
			if r := w.record("a.png"); r.Strikes[1] != (document.Strike{Code: "ocr_failed", Open: true}) ||
				w.calls.Load()-w.controls.Load() != calls {
				t.Fatalf("the service is away still: %+v, %d pages sent", r.Strikes,
					w.calls.Load()-w.controls.Load()-calls)
			}
		}
		down = false
		calls := w.calls.Load() - w.controls.Load()
		p.Process(t.Context(), ev)
		if r := w.record("a.png"); r.Strikes[1] != (document.Strike{Count: 1, Code: "ocr_failed"}) ||
			w.calls.Load()-w.controls.Load() != calls {
			t.Errorf("the service is back: %+v, %d pages sent", r.Strikes, w.calls.Load()-w.controls.Load()-calls)
		}
		w.answer = nil
		p.Process(t.Context(), ev)
		if r := w.want("a.png", document.StatusDone, ""); r.Strikes != nil {
			t.Errorf("%+v", r.Strikes)
		}
	})
}

// TestDrainLeavesTheStrikeOpen: a page that failed alone, perhaps because it kills the server, is not sent again by the
// next instance before the control page is read, and is charged then, although a drain ended the wait for that.
func TestDrainLeavesTheStrikeOpen(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		down := false
		w.control = func(context.Context) (ocr.Result, error) {
			if down {
				return ocr.Result{}, &ocr.Error{Kind: ocr.KindLost}
			}
			return result("HARBOUR"), nil
		}
		w.answer = func(context.Context, string) (ocr.Result, error) {
			down = w.controls.Load() > 0 // sent alone
			return ocr.Result{}, &ocr.Error{Kind: ocr.KindLost}
		}
		ev, p := w.bucket.Put("a.png", picture(31)), w.worker()
		ended := make(chan struct{})
		go func() { p.Process(t.Context(), ev); close(ended) }()
		time.Sleep(5 * time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := p.Drain(ctx); err != nil {
			t.Fatal(err)
		}
		<-ended
		if r := w.record("a.png"); r.Strikes[1] != (document.Strike{Code: "ocr_failed", Open: true}) {
			t.Errorf("after the drain: %+v", r.Strikes)
		}
		down = false
		sent := w.calls.Load() - w.controls.Load()
		w.worker().Process(t.Context(), ev)
		if r := w.record("a.png"); r.Strikes[1] != (document.Strike{Count: 1, Code: "ocr_failed"}) ||
			w.calls.Load()-w.controls.Load() != sent {
			t.Errorf("the next instance: %+v, %d pages sent", r.Strikes, w.calls.Load()-w.controls.Load()-sent)
		}
	})
}

// TestSuspectIsAloneAtTheService: while a suspect and its control page are sent, no other page of the instance is sent,
// nor a suspect of another instance.
func TestSuspectIsAloneAtTheService(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		var now, suspects [2]atomic.Int64
		var at [2]func(ctx context.Context, text string) (ocr.Result, error)
		for i := range at {
			first := map[string]bool{}
			at[i] = func(_ context.Context, text string) (ocr.Result, error) {
				bad := text == "text of 99" || text == "HARBOUR"
				now[i].Add(1)
				defer now[i].Add(-1)
				if bad {
					if first[text] || text == "HARBOUR" {
						suspects[i].Add(1)
						defer suspects[i].Add(-1)
						if n := now[i].Load(); n != 1 {
							t.Errorf("instance %d: a suspect is sent beside %d other pages", i, n-1)
						}
						if suspects[1-i].Load() > 0 {
							t.Error("two instances send a suspect at the same time")
						}
					}
					first[text] = true
				}
				time.Sleep(20 * time.Second)
				if text == "text of 99" {
					return ocr.Result{}, &ocr.Error{Kind: ocr.KindBackendFailed}
				}
				return result(text), nil
			}
		}
		turns := documenttest.NewMemory()
		for i := range at {
			o := w.options
			o.Turns, o.OCRPlaces = turns, 8
			o.OCR = extractor{func(ctx context.Context, img ocr.Image) (ocr.Result, error) {
				res, err := w.ExtractText(ctx, img)
				if err != nil {
					return res, err
				}
				return at[i](ctx, res.Text)
			}}
			p := newWorker(t, o)
			for n := range 6 {
				width := 30 + n
				if n == 2 {
					width = 99
				}
				ev := w.bucket.Put(fmt.Sprintf("%d-%d.png", i, n), picture(width))
				go func() {
					time.Sleep(time.Duration(n) * 7 * time.Second)
					for p.Process(t.Context(), ev).Outcome.Refused() {
						time.Sleep(10 * time.Second)
					}
				}()
			}
		}
		time.Sleep(2 * time.Hour)
		for i := range 2 {
			for n := range 6 {
				if n == 2 {
					w.want(fmt.Sprintf("%d-%d.png", i, n), document.StatusFailed, document.CodeOCRFailed)
				} else {
					w.want(fmt.Sprintf("%d-%d.png", i, n), document.StatusDone, "")
				}
			}
		}
	})
}

// TestTurnOfADeadProcessComesFree: at the end of its delivery's time.
func TestTurnOfADeadProcessComesFree(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		turns := documenttest.NewMemory()
		w.options.Turns = turns
		if _, err := document.Update(t.Context(), turns, "suspects", document.Absent(),
			func(old *document.Record) (*document.Change, error) {
				ch, _ := document.TakeTurn(old, "suspects", "dead", time.Now(), time.Now().Add(10*time.Minute))
				return ch, nil
			}); err != nil {
			t.Fatal(err)
		}
		once := true
		w.answer = func(_ context.Context, text string) (ocr.Result, error) {
			if once {
				once = false
				return ocr.Result{}, &ocr.Error{Kind: ocr.KindLost}
			}
			return result(text), nil
		}
		ev := w.bucket.Put("a.png", picture(31))
		p := w.worker()
		p.Process(t.Context(), ev)
		if r := w.want("a.png", document.StatusRetrying,
			document.CodeDeadline); r.Strikes[1] != (document.Strike{Code: "ocr_failed"}) {
			t.Errorf("%+v", r.Strikes)
		}
		begun, calls := time.Now(), w.calls.Load()
		for p.Process(t.Context(), ev).Outcome.Refused() {
			if w.calls.Load() != calls || time.Since(begun) > 15*time.Minute {
				t.Fatalf("after %v: %d pages sent", time.Since(begun), w.calls.Load()-calls)
			}
			time.Sleep(time.Minute)
		}
		w.want("a.png", document.StatusDone, "")
	})
}

// TestOneDeliveryWaitsForASilentService: one delivery probes the service. The others are released after a minute, with
// the reason, so that an outage does not keep the instance busy.
func TestOneDeliveryWaitsForASilentService(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.options.OCRPlaces = 4
		down := func(context.Context) (ocr.Result, error) { return ocr.Result{}, &ocr.Error{Kind: ocr.KindLost} }
		w.control = down
		w.answer = func(ctx context.Context, _ string) (ocr.Result, error) { return down(ctx) }
		p := w.worker()
		var long atomic.Int64
		for n := range 12 {
			ev := w.bucket.Put(fmt.Sprintf("%d.png", n), picture(30+n))
			go func() {
				begun := time.Now()
				res := p.Process(t.Context(), ev)
				if res.Outcome != document.OutcomeRetry || res.Fault.Code != document.CodeOCRUnavailable &&
					res.Fault.Code != document.CodeDeadline {
					t.Errorf("%s: %s %s", ev.Name, res.Outcome, res.Fault.Code)
				}
				if time.Since(begun) > 4*time.Minute {
					long.Add(1)
				}
			}()
		}
		time.Sleep(10 * time.Minute)
		if long.Load() != 1 {
			t.Errorf("%d deliveries waited, want 1", long.Load())
		}
		if total := w.calls.Load() - w.controls.Load(); total > 12 {
			t.Errorf("%d pages were sent for twelve, to a service that answers nothing", total)
		}
		for n := range 12 {
			if r := w.record(fmt.Sprintf("%d.png", n)); r.Strikes[1].Count > 0 {
				t.Errorf("%d.png: %+v", n, r.Strikes)
			}
		}
	})
}
