package worker_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/document/documenttest"
	"github.com/bucketocr/bucketocr/ocr"
)

// hangCommit makes the n-th commit hang until its context ends.
func (w *world) hangCommit(n int) {
	var mu sync.Mutex
	seen := 0
	w.records.Before = func(ctx context.Context, op, id string) error {
		if op != "commit" {
			return nil
		}
		mu.Lock()
		seen++
		hang := seen == n
		mu.Unlock()
		if hang {
			<-ctx.Done()
			return ctx.Err()
		}
		return nil
	}
}

// TestDoneIsNeverWithoutItsPage: a renewal hangs, the page is finished meanwhile, and the delivery's time ends.
func TestDoneIsNeverWithoutItsPage(t *testing.T) {
	for i := range 12 {
		t.Run(fmt.Sprint("run ", i), func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				w.options.OCRConcurrency = 1
				w.options.ProcessTimeout = 64 * time.Second // work 60 s
				w.bucket.Before = func(_ context.Context, op string, _ document.Object) error {
					if op == "open" {
						time.Sleep(31 * time.Second)
					}
					return nil
				}
				w.hangCommit(2) // the renewal, 30 s to 60 s
				w.answer = func(ctx context.Context, text string) (ocr.Result, error) {
					time.Sleep(5 * time.Second)
					return result(text), nil
				}
				out := w.worker().Process(t.Context(), w.bucket.Put("a.png", picture(31))).Outcome
				r := w.record("a.png")
				if r.Status == document.StatusDone && r.Text != "text of 31" {
					t.Errorf("run %d: %s: status %s text %q pages %d/%d usage %v", i, out, r.Status, r.Text,
						r.PagesDone, r.Pages, r.Usage)
				}
			})
		})
	}
}

// TestPageSurvivesAHungRenewal: a page that was read while a renewal hung is kept when the delivery's time ends.
func TestPageSurvivesAHungRenewal(t *testing.T) {
	for i := range 12 {
		t.Run(fmt.Sprint("run ", i), func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				w.options.ProcessTimeout = 64 * time.Second // work 60 s
				w.hangCommit(2)                             // the renewal, 30 s to 60 s
				w.answer = func(ctx context.Context, text string) (ocr.Result, error) {
					time.Sleep(40 * time.Second)
					return result(text), nil
				}
				out := w.worker().Process(t.Context(), w.bucket.Put("a.png", picture(31))).Outcome
				if r := w.record("a.png"); r.Status != document.StatusDone {
					t.Errorf("run %d: the page was read at 40 s, delivery at 60 s: %s, %s", i, out, r.Status)
				}
			})
		})
	}
}

func blocked(text string) ocr.Result {
	r := result(text)
	r.Blocks = []ocr.Block{{Label: "text", Box: [4]int{1, 2, 3, 4}, Text: text}}
	return r
}

// TestLostLeaseNeverTouchesNewerPages: an attempt that lost its lease does not touch the page documents of the
// generation that took over.
func TestLostLeaseNeverTouchesNewerPages(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.answer = func(context.Context, string) (ocr.Result, error) {
			return ocr.Result{}, &ocr.Error{Kind: ocr.KindUnavailable}
		}
		p := w.worker()
		old := w.bucket.Put("a.png", picture(31))
		p.Process(t.Context(), old) // retrying
		w.answer = func(_ context.Context, text string) (ocr.Result, error) { return blocked(text), nil }
		once := sync.Once{}
		var newer document.Event
		w.records.Before = func(ctx context.Context, op, id string) error {
			if op == "clear" {
				slow := false
				once.Do(func() { slow = true })
				if slow { // Firestore answers this query slowly, or the instance is starved of CPU
					newer = w.bucket.Put("a.png", picture(32))
					if out := w.worker().Process(context.WithoutCancel(ctx),
						newer).Outcome; out != document.OutcomeDone {
						t.Errorf("newer: %s", out)
					}
				}
			}
			return nil
		}
		if out := p.Process(t.Context(), old).Outcome; out != document.OutcomeSuperseded {
			t.Errorf("older: %s", out)
		}
		w.records.Before = nil
		r := w.want("a.png", document.StatusDone, "")
		pages, _ := w.records.Pages(t.Context(), newer.Object.ID(), newer.Generation)
		if r.Generation != newer.Generation || len(pages) != 1 {
			t.Errorf("done, generation %d, %d page documents, want 1", r.Generation, len(pages))
		}
	})
}

// TestErasingNeverTouchesNewerPages: neither the deletion of the old generation nor a late copy of an event that
// finds the marker clears the pages of the new one.
func TestErasingNeverTouchesNewerPages(t *testing.T) {
	for _, by := range []string{"deletion", "copy finds the marker"} {
		t.Run(by, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				w.options.Erase = true
				w.answer = func(_ context.Context, text string) (ocr.Result, error) { return blocked(text), nil }
				p := w.worker()
				old := w.bucket.Put("a.png", picture(31))
				p.Process(t.Context(), old)
				gone := w.bucket.Delete("a.png")
				if by != "deletion" {
					p.Process(t.Context(), gone)
					gone = old
				}
				var newer document.Event
				once := sync.Once{}
				w.records.Before = func(ctx context.Context, op, id string) error {
					if op == "clear" {
						slow := false
						once.Do(func() { slow = true })
						if slow {
							newer = w.bucket.Put("a.png", picture(32))
							if out := w.worker().Process(context.WithoutCancel(ctx),
								newer).Outcome; out != document.OutcomeDone {
								t.Errorf("newer: %s", out)
							}
						}
					}
					return nil
				}
				out := p.Process(t.Context(), gone).Outcome
				w.records.Before = nil
				w.want("a.png", document.StatusDone, "")
				pages, _ := w.records.Pages(t.Context(), newer.Object.ID(), newer.Generation)
				if len(pages) != 1 {
					t.Errorf("%s: the new generation is done and has %d page documents, want 1", out, len(pages))
				}
			})
		})
	}
}

// TestLeaseIsRenewedWhilePagesAreCleared: however long clearing and reading page documents takes, the page is read
// once.
func TestLeaseIsRenewedWhilePagesAreCleared(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.answer = func(context.Context, string) (ocr.Result, error) {
			return ocr.Result{}, &ocr.Error{Kind: ocr.KindUnavailable}
		}
		ev := w.bucket.Put("a.png", picture(31))
		w.worker().Process(t.Context(), ev) // retrying
		w.calls.Store(0)
		w.answer = func(_ context.Context, text string) (ocr.Result, error) {
			time.Sleep(20 * time.Second)
			return result(text), nil
		}
		var slow atomic.Bool
		slow.Store(true)
		w.records.Before = func(ctx context.Context, op, id string) error {
			if op == "clear" && slow.Swap(false) {
				time.Sleep(95 * time.Second)
			}
			return nil
		}
		done := make(chan document.Outcome)
		go func() { done <- w.worker().Process(t.Context(), ev).Outcome }()
		time.Sleep(91 * time.Second)
		second := w.worker().Process(t.Context(), ev).Outcome // the platform's next copy
		first := <-done
		if r := w.record("a.png"); w.calls.Load() != 1 || r.Attempt != 2 {
			t.Errorf("%d calls of the OCR service, attempt %d (%s, %s): the first holder lived all the time",
				w.calls.Load(), r.Attempt, first, second)
		}
	})
}

// versioned is a bucket that keeps its noncurrent generations.
type versioned struct {
	*documenttest.Bucket
	kept map[int64][]byte
	live func()
}

func (v *versioned) Open(ctx context.Context, o document.Object) (document.Content, error) {
	c, err := v.Bucket.Open(ctx, o)
	if b, ok := v.kept[o.Generation]; err != nil && ok {
		return document.Content{ReadCloser: io.NopCloser(bytes.NewReader(b)), Size: int64(len(b))}, nil
	}
	return c, err
}

func (v *versioned) Live(ctx context.Context, bucket, name string) (document.Object, document.Attributes, error) {
	o, a, err := v.Bucket.Live(ctx, bucket, name)
	if v.live != nil {
		f := v.live
		v.live = nil
		f()
	}
	return o, a, err
}

// TestAnswerAboutLiveGenerationIsHeldAgainstItsRecord: the bucket's answer may be outdated by the time it is used: it
// counts only for the record's generation that raised the question.
func TestAnswerAboutLiveGenerationIsHeldAgainstItsRecord(t *testing.T) {
	for _, keeps := range []bool{true, false} {
		t.Run(fmt.Sprintf("versioned %v", keeps), func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				v := &versioned{Bucket: w.bucket, kept: map[int64][]byte{}}
				if keeps {
					v.kept[7] = picture(33)
				}
				w.options.Objects = v
				w.answer = func(_ context.Context, text string) (ocr.Result, error) {
					time.Sleep(10 * time.Second)
					return result(text), nil
				}
				w.worker().Process(t.Context(), w.bucket.PutAs("a.png", 100, picture(31)))
				seven := w.bucket.PutAs("a.png", 7, picture(33)) // generations are not promised to grow
				newest := make(chan document.Outcome, 1)
				v.live = func() { // the answer is "7"; before it arrives:
					ev := w.bucket.PutAs("a.png", 200, picture(35))
					go func() { newest <- w.worker().Process(t.Context(), ev).Outcome }()
					time.Sleep(time.Second)
				}
				out := w.worker().Process(t.Context(), seven).Outcome
				n := <-newest
				for range 6 {
					time.Sleep(15 * time.Minute)
					w.worker().Sweep(t.Context())
				}
				r := w.record("a.png")
				if r.Generation != 200 || n != document.OutcomeDone {
					t.Errorf("newest event: %s (acked: %v), older: %s; at last: %s, generation %d, %q, error %v", n,
						!n.Refused(), out, r.Status, r.Generation, r.Text, r.Error)
				}
			})
		})
	}
}

// TestNewerTakesOverAtOnce: the old holder's closing write is refused, whatever its content.
func TestNewerTakesOverAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.answer = func(ctx context.Context, text string) (ocr.Result, error) {
			if text == "text of 31" {
				time.Sleep(20 * time.Second)
			}
			return result(text), nil
		}
		old := w.bucket.Put("a.png", picture(31))
		done := make(chan document.Outcome)
		go func() { done <- w.worker().Process(t.Context(), old).Outcome }()
		time.Sleep(time.Second)
		if out := w.worker().Process(t.Context(),
			w.bucket.Put("a.png", picture(32))).Outcome; out != document.OutcomeDone {
			t.Errorf("newer: %s", out)
		}
		if out := <-done; out != document.OutcomeSuperseded {
			t.Errorf("older: %s", out)
		}
		if r := w.want("a.png", document.StatusDone, ""); r.Text != "text of 32" {
			t.Errorf("text %q", r.Text)
		}
	})
}

// TestDeadHolderIsReplaced: a copy while the lease is live is refused, and after it a redelivery or the sweep alone
// finishes the work.
func TestDeadHolderIsReplaced(t *testing.T) {
	for _, by := range []string{"redelivery", "sweep"} {
		t.Run(by, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				ev := w.bucket.Put("a.png", picture(31))
				w.die(ev)
				p := w.worker()
				if out := p.Process(t.Context(), ev).Outcome; out != document.OutcomeBusy || !out.Refused() {
					t.Fatalf("while leased: %s", out)
				}
				time.Sleep(document.LeaseTime + document.DueGrace)
				if by == "sweep" {
					if s := p.Sweep(t.Context()); s.Fault.Code != "" {
						t.Fatal(s.Fault.Message)
					}
				} else if out := p.Process(t.Context(), ev).Outcome; out != document.OutcomeDone {
					t.Fatalf("after the lease: %s", out)
				}
				r := w.want("a.png", document.StatusDone, "")
				if r.Attempt != 2 || r.Text != "text of 31" || r.Interruptions != 0 {
					t.Errorf("%+v", r)
				}
			})
		})
	}
}

// TestPanicInARenewalReleasesTheRecord: at once, and the log shows where it happened.
func TestPanicInARenewalReleasesTheRecord(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.answer = hang
		var commits atomic.Int64
		w.records.Before = func(_ context.Context, op, _ string) error {
			if op == "commit" && commits.Add(1) == 2 {
				panic("driver")
			}
			return nil
		}
		start := time.Now()
		w.worker().Process(t.Context(), w.bucket.Put("a.png", picture(31)))
		if r := w.want("a.png", document.StatusRetrying, "internal"); r.Strikes[0].Count != 1 {
			t.Errorf("%v, want one strike", r.Strikes)
		}
		if took := time.Since(start); took != document.RenewEvery ||
			!strings.Contains(w.log.String(), "lease_test.go") {
			t.Errorf("after %v\n%s", took, w.log)
		}
	})
}

// TestDeliveryNeverRacesItself: commits of one delivery wait for each other, so that none finds the record changed and
// has to read it.
func TestDeliveryNeverRacesItself(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.count(func(_ context.Context, n int, text string) (ocr.Result, error) {
			// page 1 before a renewal, page 2 with it, page 3 after it
			time.Sleep(29*time.Second + time.Duration(n)*500*time.Millisecond)
			return result(text), nil
		})
		w.records.After = func(context.Context, string) error {
			time.Sleep(time.Second)
			return nil
		}
		w.worker().Process(t.Context(), w.bucket.Put("a.tiff", book(3)))
		if r := w.want("a.tiff", document.StatusDone, ""); w.records.Reads != 0 || r.Text != wholeText(3) {
			t.Errorf("%d reads, %q", w.records.Reads, r.Text)
		}
	})
}

// TestClosingWriteWaitsForARenewal: a renewal that is under way when the delivery's time ends is not raced.
func TestClosingWriteWaitsForARenewal(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.options.ProcessTimeout = 32800 * time.Millisecond // work ends at 30.75 s
		w.answer = hang
		var commits atomic.Int64
		w.records.After = func(context.Context, string) error {
			if commits.Add(1) == 2 {
				time.Sleep(time.Second)
			}
			return nil
		}
		w.worker().Process(t.Context(), w.bucket.Put("a.png", picture(31)))
		if w.want("a.png", document.StatusRetrying, document.CodeDeadline); w.records.Reads != 0 ||
			w.records.Commits != 3 {
			t.Errorf("%d reads, %d commits", w.records.Reads, w.records.Commits)
		}
	})
}

// TestPagesFinishedMeanwhileShareACommit: pages that are finished while another one is being saved go with one commit.
func TestPagesFinishedMeanwhileShareACommit(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.count(func(_ context.Context, n int, text string) (ocr.Result, error) {
			time.Sleep(time.Second + time.Duration(n)*100*time.Millisecond)
			return result(text), nil
		})
		w.records.After = func(context.Context, string) error {
			time.Sleep(time.Second)
			return nil
		}
		w.worker().Process(t.Context(), w.bucket.Put("a.tiff", book(4)))
		if r := w.want("a.tiff", document.StatusDone, ""); w.records.Commits != 4 || len(w.pages("a.tiff")) != 4 ||
			r.PagesDone != 4 {
			t.Errorf("%d commits, want the claim, page 1, pages 2 to 4, and the end", w.records.Commits)
		}
	})
}

// TestLostLeaseEndsTheWork: the first renewal that finds the record taken ends the pages in flight.
func TestLostLeaseEndsTheWork(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.answer = func(ctx context.Context, text string) (ocr.Result, error) {
			if text == "text of 31" {
				return hang(ctx, text)
			}
			return result(text), nil
		}
		old := w.bucket.Put("a.png", picture(31))
		start := time.Now()
		done := make(chan document.Outcome)
		go func() { done <- w.worker().Process(t.Context(), old).Outcome }()
		time.Sleep(time.Second)
		w.worker().Process(t.Context(), w.bucket.Put("a.png", picture(32)))
		if out := <-done; out != document.OutcomeSuperseded || time.Since(start) != document.RenewEvery {
			t.Errorf("%s after %v", out, time.Since(start))
		}
	})
}

// TestHungRenewalKeepsNothing: a hanging renewal is given up in time for the next commit to keep the lease.
func TestHungRenewalKeepsNothing(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.hangCommit(2) // the renewal, 30 s to 60 s
		w.count(func(_ context.Context, n int, text string) (ocr.Result, error) {
			time.Sleep(time.Duration(n*40) * time.Second)
			return result(text), nil
		})
		ev := w.bucket.Put("a.tiff", book(3))
		done := make(chan document.Outcome)
		go func() { done <- w.worker().Process(t.Context(), ev).Outcome }()
		time.Sleep(document.LeaseTime + time.Second)
		if n := len(w.pages("a.tiff")); n != 2 {
			t.Errorf("%d pages are saved, want 2", n)
		}
		if out := w.worker().Process(t.Context(), ev).Outcome; out != document.OutcomeBusy {
			t.Errorf("a copy of the event: %s", out)
		}
		if out := <-done; out != document.OutcomeDone {
			t.Errorf("outcome %s", out)
		}
	})
}

// TestLeaseExpiredIsReported: a delivery says whether its claim found the lease of a dead holder of the same
// generation.
func TestLeaseExpiredIsReported(t *testing.T) {
	unavailable := func(context.Context, string) (ocr.Result, error) {
		return ocr.Result{}, &ocr.Error{Kind: ocr.KindUnavailable}
	}
	dies := func(w *world, ev document.Event) { w.die(ev); time.Sleep(document.LeaseTime) }
	for _, c := range []struct {
		name    string
		prepare func(w *world, ev document.Event)
		answer  func(context.Context, string) (ocr.Result, error)
		newer   bool
		want    string
	}{
		{"no record", nil, nil, false, "done false"},
		{"a live holder", func(w *world, ev document.Event) { w.die(ev) }, nil, false, "busy false"},
		{"a dead holder", dies, nil, false, "done true"},
		{"a dead holder, and then a fault", dies, unavailable, false, "retry true"},
		{"a dead holder of an older generation", dies, nil, true, "done false"},
		{"a released record", func(w *world, ev document.Event) {
			w.answer = unavailable
			w.worker().Process(w.t.Context(), ev)
		}, nil, false, "done false"},
		{"the last dead holder", func(w *world, ev document.Event) {
			for range 1 + w.options.Rules.MaxAttempts { // the first names no page
				dies(w, ev)
			}
		}, nil, false, "failed true"},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				ev := w.bucket.Put("a.png", picture(31))
				if c.prepare != nil {
					c.prepare(w, ev)
				}
				if c.newer {
					ev = w.bucket.Put("a.png", picture(32))
				}
				w.answer = c.answer
				res := w.worker().Process(t.Context(), ev)
				if got := fmt.Sprint(res.Outcome, " ", res.LeaseExpired); got != c.want {
					t.Errorf("got %s, want %s", got, c.want)
				}
			})
		})
	}
}

// TestNothingIsClaimedAfterItsTime: a claim that was overtaken while its commit hung does not try again.
func TestNothingIsClaimedAfterItsTime(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		old := w.bucket.Put("a.png", picture(31))
		ev := w.bucket.Put("a.png", picture(32))
		var hung atomic.Bool
		w.records.Before = func(ctx context.Context, op, id string) error {
			if op != "commit" || hung.Swap(true) {
				return nil
			}
			time.Sleep(document.AdmissionTime + time.Second/2)
			_, err := document.Update(context.WithoutCancel(ctx), w.records, id, document.Absent(),
				func(*document.Record) (*document.Change, error) {
					return &document.Change{Record: &document.Record{Bucket: "b", Name: "a.png",
						Generation: old.Generation,
						Status:     document.StatusDone}}, nil
				})
			return err
		}
		if out := w.worker().Process(t.Context(), ev).Outcome; out != document.OutcomeRetry || w.calls.Load() != 0 {
			t.Errorf("%s, %d calls", out, w.calls.Load())
		}
		if r := w.record("a.png"); r.Generation != old.Generation {
			t.Errorf("generation %d was claimed", r.Generation)
		}
	})
}

// TestCommitThatFindsTheLeaseLostEndsTheWork: at once, whatever pages are in flight.
func TestCommitThatFindsTheLeaseLostEndsTheWork(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.count(func(ctx context.Context, n int, text string) (ocr.Result, error) {
			if n == 2 {
				return hang(ctx, text)
			}
			time.Sleep(5 * time.Second)
			return result(text), nil
		})
		old := w.bucket.Put("a.tiff", book(2))
		start := time.Now()
		done := make(chan document.Outcome)
		go func() { done <- w.worker().Process(t.Context(), old).Outcome }()
		time.Sleep(time.Second)
		go w.worker().Process(t.Context(), w.bucket.Put("a.tiff", picture(32)))
		if out := <-done; out != document.OutcomeSuperseded || time.Since(start) != 5*time.Second {
			t.Errorf("%s after %v", out, time.Since(start))
		}
		time.Sleep(10 * time.Minute)
	})
}
