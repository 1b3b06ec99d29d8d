package worker_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/document/documenttest"
	"github.com/bucketocr/bucketocr/ocr"
)

// Faults found by the simulations, each in a separate world.

// forbiddenFrom answers pages from n on like a misconfigured service, until the flag is cleared.
func (w *world) forbiddenFrom(n int) (*counted, *bool) {
	down := true
	c := w.count(func(_ context.Context, page int, text string) (ocr.Result, error) {
		if page >= n && down {
			return ocr.Result{}, &ocr.Error{Kind: ocr.KindForbidden}
		}
		return result(text), nil
	})
	return c, &down
}

// failOnce makes the next call of an operation fail.
func (w *world) failOnce(op string) {
	failed := false
	w.records.Before = func(_ context.Context, what, _ string) error {
		if what == op && !failed {
			failed = true
			return document.ErrStoreUnavailable
		}
		return nil
	}
}

// TestFailedResumeForgetsNoPages: an attempt that cannot load the pages of earlier ones leaves them unchanged.
func TestFailedResumeForgetsNoPages(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.options.OCRConcurrency = 1
		c, down := w.forbiddenFrom(3)
		ev := w.bucket.Put("a.tiff", book(4))
		w.worker().Process(t.Context(), ev)
		*down = false
		w.failOnce("pages")
		w.worker().Process(t.Context(), ev)
		if r := w.want("a.tiff", document.StatusRetrying, document.CodeStoreUnavailable); r.PagesDone != 2 ||
			r.Model != "m" {
			t.Errorf("%d of %d pages done, model %q", r.PagesDone, r.Pages, r.Model)
		}
		w.worker().Process(t.Context(), ev)
		w.want("a.tiff", document.StatusDone, "")
		if total, _ := c.total(); total != 5 {
			t.Errorf("%d calls for 4 pages, one of which failed once: %v", total, c.times)
		}
	})
}

// TestFailedResumeOfARereadingForgetsNoPages: the same, for a document that is read again.
func TestFailedResumeOfARereadingForgetsNoPages(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.options.OCRConcurrency = 1
		w.worker().Process(t.Context(), w.bucket.Put("a.tiff", book(4)))
		c, down := w.forbiddenFrom(3)
		w.retry("a.tiff", allPages)
		*down = false
		w.failOnce("pages")
		for range 2 {
			time.Sleep(time.Hour)
			w.worker().Sweep(t.Context())
		}
		if r := w.want("a.tiff", document.StatusDone, ""); r.Rereading != nil {
			t.Errorf("%+v", r.Rereading)
		}
		if total, _ := c.total(); total != 5 {
			t.Errorf("%d calls for 4 pages, one of which failed once: %v", total, c.times)
		}
	})
}

// TestFailedRereadingLeavesNoPages: the staged pages of a failed rereading do not stay stored.
func TestFailedRereadingLeavesNoPages(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.worker().Process(t.Context(), w.bucket.Put("a.tiff", book(3)))
		w.answer = func(context.Context, string) (ocr.Result, error) {
			return ocr.Result{}, &ocr.Error{Kind: ocr.KindBadImage}
		}
		w.retry("a.tiff", allPages)
		r := w.want("a.tiff", document.StatusDone, "")
		if staged, err := w.records.Pages(t.Context(), r.Object().ID(), -r.Generation); err != nil || len(staged) > 0 {
			t.Errorf("%d pages of the reading are left, %v; %+v", len(staged), err, r.Rereading)
		}
	})
}

// TestRereadingRemembersFailedPages: a page that failed for good is not retried by the next attempt at the same
// rereading, even if no other page was read before.
func TestRereadingRemembersFailedPages(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.options.OCRConcurrency = 1
		w.worker().Process(t.Context(), w.bucket.Put("a.tiff", book(3)))
		down := true
		c := w.count(func(_ context.Context, n int, text string) (ocr.Result, error) {
			switch {
			case n == 1:
				return ocr.Result{}, &ocr.Error{Kind: ocr.KindBadImage}
			case down:
				return ocr.Result{}, &ocr.Error{Kind: ocr.KindForbidden}
			}
			return result(text + "!"), nil
		})
		w.retry("a.tiff", allPages)
		down = false
		time.Sleep(time.Hour)
		w.worker().Sweep(t.Context())
		if r := w.want("a.tiff", document.StatusDone, ""); r.Text != "text of 101\n\f\ntext of 102!\n\f\ntext of 103!" {
			t.Errorf("%q", r.Text)
		}
		if n := c.times["text of 101"]; n != 1 {
			t.Errorf("the page that is refused was sent %d times", n)
		}
	})
}

// TestFewerPagesLeaveNoDocuments: pages that no longer exist are removed, even if none of the others has been read by
// then.
func TestFewerPagesLeaveNoDocuments(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.count(func(_ context.Context, n int, text string) (ocr.Result, error) {
			if n <= 2 {
				time.Sleep(2 * time.Second) // until the others are read
				return ocr.Result{}, &ocr.Error{Kind: ocr.KindForbidden}
			}
			return result(text), nil
		})
		ev := w.bucket.Put("a.tiff", book(4))
		w.worker().Process(t.Context(), ev)
		ev = w.bucket.PutAs("a.tiff", ev.Generation, book(2))
		w.worker().Process(t.Context(), ev)
		w.answer = nil
		w.worker().Process(t.Context(), ev)
		w.want("a.tiff", document.StatusDone, "")
		if pages := w.pages("a.tiff"); len(pages) != 2 {
			t.Errorf("a document of 2 pages has %d page documents", len(pages))
		}
	})
}

// TestColdServiceFailsNoImage: a gateway answers 500 at once while the server behind it starts, and each attempt finds
// the server cold. The image is not blamed, whether or not its instance has seen the service fail or answer before.
func TestColdServiceFailsNoImage(t *testing.T) {
	for _, c := range []struct {
		name  string
		fresh bool
	}{{"one instance", false}, {"another instance each time", true}} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				var warm time.Time
				s := &service{places: 8, work: 2 * time.Second, front: func() *reply {
					if time.Now().Before(warm) {
						return &litellmReply
					}
					return nil
				}}
				o := w.options
				o.OCR = s.client(t)
				first := newWorker(t, o)
				ev := w.bucket.Put("a.png", picture(31))
				cold := 10 * time.Minute // longer than an attempt, which leaves a suspect
				for range maxAttempts + 2 {
					p := first
					if c.fresh {
						p = newWorker(t, o)
					}
					warm, cold = time.Now().Add(cold), 90*time.Second
					if !p.Process(t.Context(), ev).Outcome.Refused() {
						break
					}
					time.Sleep(10 * time.Minute)
				}
				first.Process(t.Context(), ev)
				if r := w.want("a.png", document.StatusDone, ""); r.Text != "text of 31" {
					t.Errorf("%v: %+v", s, r)
				}
			})
		})
	}
}

// TestExhaustedRecordSaysWhy: an object that killed too many processes has no strike for an internal error.
func TestExhaustedRecordSaysWhy(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.options.OCRConcurrency = 1
		c, _ := w.forbiddenFrom(2)
		ev := w.bucket.Put("a.tiff", book(2))
		w.worker().Process(t.Context(), ev)
		c.times["text of 101"] = 0
		if _, err := document.Update(t.Context(), w.records, ev.Object.ID(), document.Unread(),
			func(old *document.Record) (*document.Change, error) {
				rec := *old
				rec.Interruptions = w.options.Rules.MaxInterruptions()
				return &document.Change{Record: &rec}, nil
			}); err != nil {
			t.Fatal(err)
		}
		w.worker().Process(t.Context(), ev)
		r := w.want("a.tiff", document.StatusDone, "")
		if pages := w.pages("a.tiff"); len(pages) != 2 || pages[1].Error == nil ||
			pages[1].Error.Code != document.CodeInterrupted {
			t.Errorf("%+v", pages)
		}
		if len(r.Strikes) > 0 {
			t.Errorf("strikes %v", r.Strikes)
		}
		ev = w.bucket.Put("b.tiff", book(2, 1)) // its first page cannot be read: it fails as a whole
		c.times["text of 102"] = 0
		w.worker().Process(t.Context(), ev)
		if _, err := document.Update(t.Context(), w.records, ev.Object.ID(), document.Unread(),
			func(old *document.Record) (*document.Change, error) {
				rec := *old
				rec.Interruptions = w.options.Rules.MaxInterruptions()
				return &document.Change{Record: &rec}, nil
			}); err != nil {
			t.Fatal(err)
		}
		w.worker().Process(t.Context(), ev)
		if r := w.record("b.tiff"); r.Status != document.StatusFailed || len(r.Strikes) > 0 {
			t.Errorf("%s with the strikes %v", r.Status, r.Strikes)
		}
	})
}

// TestRetryLeavesALiveLeaseAlone: whatever the operator's clock.
func TestRetryLeavesALiveLeaseAlone(t *testing.T) {
	for _, ahead := range []time.Duration{-10 * time.Minute, 0, 10 * time.Minute} {
		t.Run(fmt.Sprint(ahead), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.records.Now = func() time.Time { return time.Now().Add(ahead) }
				w.answer = func(_ context.Context, text string) (ocr.Result, error) {
					time.Sleep(100 * time.Second)
					return result(text), nil
				}
				done := make(chan document.Outcome, 1)
				ev := w.bucket.Put("a.png", picture(31))
				go func() { done <- w.worker().Process(t.Context(), ev).Outcome }()
				time.Sleep(45 * time.Second) // after the first renewal
				seen := w.stored("a.png")
				if _, err := document.Retry(t.Context(), w.records, seen, "me", nil); !errors.Is(err,
					document.ErrNothingToRetry) {
					t.Errorf("a lease until %v is taken at %v by the store's clock: %v", seen.Lease.Expires,
						seen.ReadAt, err)
				}
				if out := <-done; out != document.OutcomeDone {
					t.Errorf("outcome %s", out)
				}
				time.Sleep(time.Hour) // until a holder that lost its lease has noticed
			})
		})
	}
}

// TestShutdownBeforeResumeForgetsNothing: a shutdown right after the claim keeps the strikes of pages.
func TestShutdownBeforeResumeForgetsNothing(t *testing.T) {
	for range 20 {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			w.answer = func(context.Context, string) (ocr.Result, error) {
				return ocr.Result{}, &ocr.Error{Kind: ocr.KindBadResponse}
			}
			ev := w.bucket.Put("a.png", picture(31))
			w.worker().Process(t.Context(), ev)
			before := w.record("a.png").Strikes
			p := w.worker()
			w.records.After = func(context.Context, string) error { // the claim was applied
				w.records.After = nil
				ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
				defer cancel()
				_ = p.Drain(ctx)
				return nil
			}
			p.Process(t.Context(), ev)
			if r := w.want("a.png", document.StatusRetrying,
				document.CodeInterrupted); fmt.Sprint(r.Strikes) != fmt.Sprint(before) {
				t.Errorf("strikes were %v and are %v", before, r.Strikes)
			}
		})
	}
}

// TestDeadlyPageLeavesTheOthersTheirTurn: the first page of a book kills its process, and one death has another cause.
// The good pages after it are read before the last death that the document may cause.
func TestDeadlyPageLeavesTheOthersTheirTurn(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.options.OCRConcurrency = 1
		ev := w.bucket.Put("a.tiff", book(3))
		for round := range 12 {
			i := w.dyingOf("text of 101")
			w.bucket.Before = func(_ context.Context, op string, _ document.Object) error {
				if round == 1 && op == "open" {
					i.dead.Store(true) // the machine's doing
				}
				return nil
			}
			if out := i.p.Process(t.Context(), ev).Outcome; !out.Refused() && !i.dead.Load() {
				break
			}
			time.Sleep(document.LeaseTime + 10*time.Minute)
		}
		w.bucket.Before = nil
		if r := w.want("a.tiff", document.StatusDone, ""); r.Text != "\n\f\ntext of 102\n\f\ntext of 103" {
			t.Errorf("%q; %+v", r.Text, r)
		}
	})
}

// TestRereadingOfMorePagesIsWhole: a document is read again and has more pages now, and the process dies when the old
// number of pages is read.
func TestRereadingOfMorePagesIsWhole(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.options.OCRConcurrency = 1
		ev := w.bucket.Put("a.tiff", book(1))
		w.worker().Process(t.Context(), ev)
		w.bucket.PutAs("a.tiff", ev.Generation, book(3))
		if _, err := document.Retry(t.Context(), w.records, w.stored("a.tiff"), "me", allPages); err != nil {
			t.Fatal(err)
		}
		w.dyingOf("text of 102").p.Sweep(t.Context())
		time.Sleep(time.Hour)
		w.worker().Sweep(t.Context())
		if r := w.want("a.tiff", document.StatusDone, ""); r.Text != "text of 101\n\f\ntext of 102\n\f\ntext of 103" ||
			r.Rereading != nil {
			t.Errorf("%q of %d pages, %+v", r.Text, r.Pages, r.Rereading)
		}
	})
}

// TestPageThatFailsBeforeTheCountIsRemembered: a strike charged before the pages are counted may be a page's last. The
// record then forgets the page's strikes, so the failed page must be stored first, whatever happens to the process
// next.
func TestPageThatFailsBeforeTheCountIsRemembered(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		ev := w.bucket.Put("a.tiff", book(2))
		_, err := document.Update(t.Context(), w.records, ev.Object.ID(), document.Absent(),
			func(*document.Record) (*document.Change, error) {
				return &document.Change{Record: &document.Record{
					Bucket: ev.Bucket, Name: ev.Name, Generation: ev.Generation, Status: document.StatusRetrying,
					Attempt: 4, WindowStart: time.Now(), Due: time.Now(),
					Interruptions: 1, Strikes: document.Strikes{1: {Count: w.options.Rules.MaxAttempts - 1,
						Code: document.CodeOCRFailed, Open: true}},
				}}, nil
			})
		if err != nil {
			t.Fatal(err)
		}
		dead := false
		w.records.Before = func(context.Context, string, string) error {
			if dead {
				return errKilled
			}
			return nil
		}
		var sent []string
		w.answer = func(_ context.Context, text string) (ocr.Result, error) {
			dead, sent = len(sent) == 0, append(sent, text)
			return result(text), nil
		}
		w.worker().Process(t.Context(), ev)
		if !dead {
			t.Fatal("the process lives")
		}
		dead = false
		time.Sleep(time.Hour)
		w.worker().Sweep(t.Context())
		r := w.want("a.tiff", document.StatusDone, "")
		if !slices.Equal(r.Warnings, []string{document.WarnPageFailed}) ||
			!slices.Equal(sent, []string{"text of 102", "text of 102"}) {
			t.Errorf("%v, %q sent", r.Warnings, sent)
		}
	})
}

// TestBadPageBeyondALowerLimitIsLeftAlone: if fewer pages are made than in earlier attempts, and one of the others has
// all its strikes, no stored page is lost and no missing page is counted.
func TestBadPageBeyondALowerLimitIsLeftAlone(t *testing.T) {
	for _, bad := range []int{4, 5, 6} {
		t.Run(fmt.Sprint(bad), func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				w.options.Rules.MaxAttempts = 4
				w.answer = func(_ context.Context, text string) (ocr.Result, error) {
					if text == "text of 102" || text == fmt.Sprint("text of ", 100+bad) {
						return ocr.Result{}, &ocr.Error{Kind: ocr.KindBackendFailed}
					}
					return result(text), nil
				}
				ev := w.bucket.Put("a.tiff", book(6))
				for range 3 {
					w.worker().Process(t.Context(), ev)
				}
				if r := w.want("a.tiff", document.StatusRetrying, document.CodeOCRFailed); r.PagesDone != 4 ||
					r.Strikes[bad].Count != 3 {
					t.Fatalf("%d pages are done, strikes %v", r.PagesDone, r.Strikes)
				}
				w.options.Rules.MaxAttempts = 3
				w.first(3)
				id := ev.Object.ID()
				w.records.Before = func(_ context.Context, op, _ string) error {
					if r := w.records.Record(id); op == "commit" && r.Status == document.StatusProcessing &&
						r.PagesDone != len(w.pages("a.tiff")) {
						t.Errorf("%d pages are stored, and it says %d", len(w.pages("a.tiff")), r.PagesDone)
					}
					return nil
				}
				w.worker().Process(t.Context(), ev)
				r := w.want("a.tiff", document.StatusDone, "")
				kept := bad - 1 // those right after the limit that are read
				if r.Text != strings.Replace(wholeText(kept), "text of 102", "", 1) || r.PagesDone != kept ||
					!slices.Equal(r.Warnings, []string{document.WarnPageFailed, document.WarnPagesSkipped}) {
					t.Errorf("%d of %d pages, %v: %q", r.PagesDone, r.Pages, r.Warnings, r.Text)
				}
				if pages := w.pages("a.tiff"); len(pages) != kept || pages[kept-1].Page != kept {
					t.Errorf("page documents %+v", pages)
				}
			})
		})
	}
}

// TestPageThatIsGoneForAWhileKeepsItsStrikes: a version of the function that finds fewer pages keeps the others'
// strikes, so that a page that has caused all permitted deaths is not made again.
func TestPageThatIsGoneForAWhileKeepsItsStrikes(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		ev := w.bucket.Put("a.tiff", book(2))
		strikes := document.Strikes{4: {Count: w.options.Rules.MaxAttempts, Code: document.CodeInterrupted}}
		_, err := document.Update(t.Context(), w.records, ev.Object.ID(), document.Absent(),
			func(*document.Record) (*document.Change, error) {
				return &document.Change{Record: &document.Record{
					Bucket: ev.Bucket, Name: ev.Name, Generation: ev.Generation, Status: document.StatusRetrying,
					Attempt: 4, WindowStart: time.Now(), Due: time.Now(),
					Pages: 2, Strikes: strikes,
				}}, nil
			})
		if err != nil {
			t.Fatal(err)
		}
		w.answer = func(context.Context, string) (ocr.Result, error) {
			return ocr.Result{}, &ocr.Error{Kind: ocr.KindForbidden}
		}
		w.worker().Process(t.Context(), ev)
		if r := w.want("a.tiff", document.StatusRetrying, document.CodeOCRMisconfigured); r.Strikes[4] != strikes[4] {
			t.Errorf("strikes %v", r.Strikes)
		}
		w.bucket.PutAs("a.tiff", ev.Generation, book(4))
		c := w.count(func(_ context.Context, _ int, text string) (ocr.Result, error) { return result(text), nil })
		w.worker().Process(t.Context(), ev)
		r := w.want("a.tiff", document.StatusDone, "")
		if r.Pages != 4 || r.Text != wholeText(3)+"\n\f\n" || c.times["text of 104"] > 0 {
			t.Errorf("%d pages, %q, sent %v", r.Pages, r.Text, c.times)
		}
	})
}

// TestLowerLimitKeepsWhatIsRead: an attempt that makes fewer pages, and does not end the document, removes no page that
// is paid for.
func TestLowerLimitKeepsWhatIsRead(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		broken := true
		c := w.count(func(_ context.Context, n int, text string) (ocr.Result, error) {
			if broken && (n == 2 || n == 4) {
				return ocr.Result{}, &ocr.Error{Kind: ocr.KindBackendFailed}
			}
			return result(text), nil
		})
		ev := w.bucket.Put("a.tiff", book(6))
		for _, most := range []int{9, 3} {
			w.first(most)
			w.worker().Process(t.Context(), ev)
			if r := w.want("a.tiff", document.StatusRetrying, document.CodeOCRFailed); r.PagesDone != 4 ||
				len(w.pages("a.tiff")) != 4 {
				t.Errorf("with %d pages at most: %d are done, %d stored", most, r.PagesDone, len(w.pages("a.tiff")))
			}
		}
		broken = false
		w.first(9)
		w.worker().Process(t.Context(), ev)
		if r := w.want("a.tiff", document.StatusDone, ""); r.Text != wholeText(6) || c.times["text of 105"] != 1 ||
			c.times["text of 106"] != 1 {
			t.Errorf("%q, sent %v", r.Text, c.times)
		}
	})
}

// TestLeaseOfAGoneObjectIsNotLeftAlone: if the bucket does not answer whether another generation is live, the delivery
// waits until its lease would need renewal, and then releases the record.
func TestLeaseOfAGoneObjectIsNotLeftAlone(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		ev := w.bucket.Put("a.png", picture(31))
		w.bucket.Before = func(ctx context.Context, op string, _ document.Object) error {
			if op == "open" {
				return document.ErrObjectGone
			}
			<-ctx.Done()
			return fmt.Errorf("%w: %w", document.ErrStorageUnavailable, ctx.Err())
		}
		begun := time.Now()
		w.worker().Process(t.Context(), ev)
		if took := time.Since(begun); took > document.LeaseTime/2 {
			t.Errorf("it took %v, a lease lasts %v", took, document.LeaseTime)
		}
		w.want("a.png", document.StatusRetrying, document.CodeStorageUnavailable)
	})
}

// TestStoreFaultAfterTheWindowForgetsNoPages: an attempt that cannot load or store pages ends nothing, however long the
// window is over: they are read and paid for.
func TestStoreFaultAfterTheWindowForgetsNoPages(t *testing.T) {
	for _, op := range []string{"pages", "clear"} {
		t.Run(op, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				w.options.OCRConcurrency = 1
				c, down := w.forbiddenFrom(3)
				ev := w.bucket.Put("a.tiff", book(4))
				w.worker().Process(t.Context(), ev)
				*down = false
				time.Sleep(25 * time.Hour)
				w.failOnce(op)
				w.worker().Process(t.Context(), ev)
				if r := w.want("a.tiff", document.StatusRetrying, document.CodeStoreUnavailable); r.PagesDone != 2 {
					t.Errorf("%d of %d pages done", r.PagesDone, r.Pages)
				}
				w.worker().Process(t.Context(), ev)
				w.want("a.tiff", document.StatusDone, "")
				if total, _ := c.total(); total != 5 {
					t.Errorf("%d calls for 4 pages, one of which failed once: %v", total, c.times)
				}
			})
		})
	}
}

// TestRereadingThatStopsKeepsTheDocument: a rereading that ends before all pages were tried has failed, even if some
// were read.
func TestRereadingThatStopsKeepsTheDocument(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.options.OCRConcurrency = 1
		w.worker().Process(t.Context(), w.bucket.Put("a.tiff", book(4)))
		before := w.pages("a.tiff")
		w.forbiddenFrom(3)
		w.retry("a.tiff", allPages)
		for range 26 {
			time.Sleep(time.Hour)
			w.worker().Sweep(t.Context())
		}
		r := w.want("a.tiff", document.StatusDone, "")
		if r.Rereading == nil || r.Rereading.Error == nil || r.Rereading.Error.Code != document.CodeOCRMisconfigured {
			t.Errorf("%+v", r.Rereading)
		}
		if after := w.pages("a.tiff"); !reflect.DeepEqual(after, before) {
			t.Errorf("%+v, want %+v", after, before)
		}
	})
}

// publishing is a store that fails at commits of pages of a document that is being read again: only those that replace
// its own have a positive generation.
type publishing struct {
	*documenttest.Memory
	faults int // left
}

func (p *publishing) Commit(ctx context.Context, id string, from *document.Stored,
	c *document.Change) (*document.Stored, error) {
	if p.faults > 0 && c.Record.Rereading != nil && len(c.Pages) > 0 && c.Pages[0].Generation > 0 {
		p.faults--
		return nil, document.ErrStoreUnavailable
	}
	return p.Memory.Commit(ctx, id, from, c)
}

// TestLongRereadingSurvivesAStoreFault: if the store fails between the commits of a long rereading, they are repeated,
// by the next attempt if need be, and no page that was stored is read a third time.
func TestLongRereadingSurvivesAStoreFault(t *testing.T) {
	for name, faults := range map[string]int{"once": 1, "until the time is over": 1000} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				w.options.OCRConcurrency = 1
				blocks := make([]ocr.Block, 6200) // ten such pages do not fit into one commit
				calls := w.count(func(_ context.Context, _ int, text string) (ocr.Result, error) {
					r := result(text)
					r.Blocks = blocks
					return r, nil
				})
				w.worker().Process(t.Context(), w.bucket.Put("a.tiff", book(10)))
				store := &publishing{w.records, faults}
				w.options.Records = store
				if _, err := document.Retry(t.Context(), w.records, w.stored("a.tiff"), "me", allPages); err != nil {
					t.Fatal(err)
				}
				w.worker().Sweep(t.Context())
				if store.faults == faults {
					t.Fatal("the store did not fail")
				}
				store.faults = 0
				for range 2 {
					time.Sleep(time.Hour)
					w.worker().Sweep(t.Context())
				}
				// When the time is over, the last page cannot be stored either.
				if total, _ := calls.total(); total > 20+min(faults-1, 1) {
					t.Errorf("%d calls for 10 pages, read twice", total)
				}
				if r := w.want("a.tiff", document.StatusDone, ""); r.Rereading != nil {
					t.Errorf("%+v", r.Rereading)
				}
			})
		})
	}
}
