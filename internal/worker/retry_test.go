package worker_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/document/documenttest"
	"github.com/bucketocr/bucketocr/ocr"
)

// stored returns the record as an operator sees it before a retry.
func (w *world) stored(name string) *document.Stored {
	w.t.Helper()
	s, err := w.records.Get(w.t.Context(), document.Object{Bucket: "b", Name: name}.ID())
	if err != nil || s == nil {
		w.t.Fatalf("no record of %q: %v", name, err)
	}
	return s
}

// retry requests a retry and runs a sweep.
func (w *world) retry(name string, redo func(document.Page) bool) {
	w.t.Helper()
	if _, err := document.Retry(w.t.Context(), w.records, w.stored(name), "me", redo); err != nil {
		w.t.Fatal(err)
	}
	if before := w.stored(name); before.Status == document.StatusDone {
		if r := w.want(name, document.StatusDone, ""); r.Rereading == nil || r.Text == "" || r.Finished.IsZero() {
			w.t.Errorf("after the request: %+v", r)
		}
		if s := w.worker().Sweep(w.t.Context()); s.Fault.Code != "" {
			w.t.Fatal(s.Fault.Message)
		}
		return
	}
	r := w.want(name, document.StatusRetrying, "")
	if len(r.Strikes) > 0 || r.Interruptions != 0 || r.RetriedBy != "me" || !r.Retried.Equal(time.Now()) ||
		!r.WindowStart.Equal(time.Now()) || !r.Due.Equal(time.Now()) || r.Text != "" || !r.Finished.IsZero() {
		w.t.Errorf("after the request: %+v", r)
	}
	if s := w.worker().Sweep(w.t.Context()); s.Fault.Code != "" {
		w.t.Fatal(s.Fault.Message)
	}
}

func allPages(document.Page) bool { return true }

// TestRetryOfFailedStartsAfresh: a failed record is retried with fresh budgets; its attempts keep counting.
func TestRetryOfFailedStartsAfresh(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		broken := true
		w.answer = func(_ context.Context, text string) (ocr.Result, error) {
			if broken {
				return ocr.Result{}, &ocr.Error{Kind: ocr.KindBadImage}
			}
			return result(text), nil
		}
		w.worker().Process(t.Context(), w.bucket.Put("a.png", picture(31)))
		w.want("a.png", document.StatusFailed, "ocr_rejected")
		broken = false
		w.retry("a.png", nil)
		if r := w.want("a.png", document.StatusDone, ""); r.Text != "text of 31" || r.Attempt != 2 {
			t.Errorf("%+v", r)
		}
	})
}

// TestRetryKeepsPages: pages that were read stay and are not paid for again; the failed page is retried.
func TestRetryKeepsPages(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		broken := true
		c := w.count(func(_ context.Context, n int, text string) (ocr.Result, error) {
			if n == 2 && broken {
				return ocr.Result{}, &ocr.Error{Kind: ocr.KindBadImage}
			}
			return result(text), nil
		})
		w.worker().Process(t.Context(), w.bucket.Put("a.tiff", book(3)))
		if r := w.want("a.tiff", document.StatusDone, ""); !slices.Equal(r.Warnings,
			[]string{document.WarnPageFailed}) {
			t.Fatalf("%+v", r)
		}
		broken = false
		w.retry("a.tiff", nil)
		r := w.want("a.tiff", document.StatusDone, "")
		if r.Text != wholeText(3) || len(r.Warnings) > 0 || r.Usage.CompletionTokens != 9 || r.PagesDone != 3 {
			t.Errorf("%+v", r)
		}
		if total, most := c.total(); total != 4 || most != 2 {
			t.Errorf("%d calls, %d for one page", total, most)
		}
		if _, err := document.Retry(t.Context(), w.records, w.stored("a.tiff"), "me", nil); !errors.Is(err,
			document.ErrNothingToRetry) {
			t.Errorf("all is read, and asked for again: %v", err)
		}
	})
}

// TestRereadingReplacesNothingUntilItIsComplete: pages, text and status stay through faults and crashes in between,
// pages already read are not read again, and at the end everything is replaced at once.
func TestRereadingReplacesNothingUntilItIsComplete(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.options.OCRConcurrency = 1
		w.worker().Process(t.Context(), w.bucket.Put("a.tiff", book(4)))
		down := true
		c := w.count(func(_ context.Context, n int, text string) (ocr.Result, error) {
			if n == 3 && down {
				return ocr.Result{}, &ocr.Error{Kind: ocr.KindForbidden}
			}
			return result(text + " and better"), nil
		})
		before := w.record("a.tiff")
		w.retry("a.tiff", allPages)
		r := w.want("a.tiff", document.StatusDone, "")
		if r.Text != before.Text || r.Pages != 4 || r.PagesDone != 4 || !r.Finished.Equal(before.Finished) ||
			r.Lease != nil || r.Due.IsZero() {
			t.Errorf("between two attempts: %+v", r)
		}
		for i, pg := range w.pages("a.tiff") {
			if pg.Text != fmt.Sprintf("text of %d", 101+i) {
				t.Errorf("page %d between two attempts: %q", pg.Page, pg.Text)
			}
		}
		down = false
		time.Sleep(time.Hour)
		if s := w.worker().Sweep(t.Context()); s.Fault.Code != "" {
			t.Fatal(s.Fault.Message)
		}
		r = w.want("a.tiff", document.StatusDone, "")
		if r.Rereading != nil || strings.Count(r.Text, "and better") != 4 || r.Usage.CompletionTokens != 12 {
			t.Errorf("in the end: %+v", r)
		}
		for _, pg := range w.pages("a.tiff") {
			if !strings.HasSuffix(pg.Text, "and better") {
				t.Errorf("page %d: %q", pg.Page, pg.Text)
			}
		}
		if total, most := c.total(); total != 5 || most != 2 {
			t.Errorf("%d calls, %d for one page; want 5 and 2", total, most)
		}
		if staged, err := w.records.Pages(t.Context(), r.Object().ID(), -r.Generation); err != nil || len(staged) > 0 {
			t.Errorf("%d pages are left over, %v", len(staged), err)
		}
	})
}

// TestFailedRereadingDestroysNothing: with a misspelt model or a page that has become unreadable, in objects of one
// page or many, the document stays as it was, with the reason for the failure.
func TestFailedRereadingDestroysNothing(t *testing.T) {
	for name, c := range map[string]struct {
		file []byte
		kind ocr.Kind
		code string
	}{
		"a misspelt model, one page":  {picture(31), ocr.KindWrongModel, document.CodeOCRMisconfigured},
		"a misspelt model, a book":    {book(3), ocr.KindWrongModel, document.CodeOCRMisconfigured},
		"refused, one page":           {picture(31), ocr.KindBadImage, document.CodeOCRRejected},
		"refused, a book":             {book(3), ocr.KindBadImage, document.CodeOCRRejected},
		"the engine fails, one page":  {picture(31), ocr.KindBackendFailed, document.CodeOCRFailed},
		"the engine fails, all pages": {book(3), ocr.KindBackendFailed, document.CodeOCRFailed},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				p := w.worker()
				p.Process(t.Context(), w.bucket.Put("a", c.file))
				before, pages := w.want("a", document.StatusDone, ""), w.pages("a")
				w.answer = func(context.Context, string) (ocr.Result, error) {
					return ocr.Result{}, &ocr.Error{Kind: c.kind}
				}
				w.retry("a", allPages)
				for range 25 {
					time.Sleep(time.Hour)
					_ = p.Sweep(t.Context())
				}
				r := w.want("a", document.StatusDone, "")
				if r.Text != before.Text || r.Pages != before.Pages || r.Model != before.Model ||
					!reflect.DeepEqual(w.pages("a"), pages) ||
					!r.Due.IsZero() || r.Rereading == nil || r.Rereading.Error == nil ||
					r.Rereading.Error.Code != c.code {
					t.Errorf("%+v, %+v", r, r.Rereading)
				}
				w.answer = nil
				w.retry("a", allPages)
				if r := w.want("a", document.StatusDone, ""); r.Rereading != nil || r.Text != before.Text {
					t.Errorf("asked for again, with a good service: %+v", r)
				}
			})
		})
	}
}

// TestRereadingKeepsAPageThatFailsNow: the earlier text is worth more than an error.
func TestRereadingKeepsAPageThatFailsNow(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.worker().Process(t.Context(), w.bucket.Put("a.tiff", book(3)))
		w.count(func(_ context.Context, n int, text string) (ocr.Result, error) {
			if n == 2 {
				return ocr.Result{}, &ocr.Error{Kind: ocr.KindBadImage}
			}
			return result(text + "!"), nil
		})
		w.retry("a.tiff", allPages)
		if r := w.want("a.tiff", document.StatusDone,
			""); r.Text != "text of 101!\n\f\ntext of 102\n\f\ntext of 103!" || len(r.Warnings) > 0 {
			t.Errorf("%q %v", r.Text, r.Warnings)
		}
		if pg := w.pages("a.tiff")[1]; pg.Text != "text of 102" || pg.Error != nil {
			t.Errorf("%+v", pg)
		}
	})
}

// TestRetryDropsOwnPage: the request removes the page document of an object of one page: without blocks the next
// reading writes none.
func TestRetryDropsOwnPage(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		blocks := []ocr.Block{{Label: "title", Text: "x"}}
		w.answer = func(_ context.Context, text string) (ocr.Result, error) {
			r := result(text)
			r.Blocks = blocks
			return r, nil
		}
		w.worker().Process(t.Context(), w.bucket.Put("a.png", picture(31)))
		if n := len(w.pages("a.png")); n != 1 {
			t.Fatalf("%d page documents", n)
		}
		blocks = nil
		w.retry("a.png", nil)
		if r, n := w.want("a.png", document.StatusDone, ""), len(w.pages("a.png")); r.Text != "text of 31" || n != 0 {
			t.Errorf("%d page documents; %+v", n, r)
		}
	})
}

// TestRetryWritesOnlyOverWhatWasSeen: nothing is written over what the operator has not seen.
func TestRetryWritesOnlyOverWhatWasSeen(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.answer = func(context.Context, string) (ocr.Result, error) {
			return ocr.Result{}, &ocr.Error{Kind: ocr.KindBadImage}
		}
		w.worker().Process(t.Context(), w.bucket.Put("a.png", picture(31)))
		seen := w.stored("a.png")
		w.retry("a.png", nil)
		before := w.records.Commits
		if _, err := document.Retry(t.Context(), w.records, seen, "me", nil); !errors.Is(err, document.ErrNotAsSeen) {
			t.Errorf("seen before another try: %v", err)
		}
		ev := w.bucket.Put("a.png", picture(32))
		seen = w.stored("a.png")
		w.worker().Process(t.Context(), ev)
		if _, err := document.Retry(t.Context(), w.records, seen, "me", nil); !errors.Is(err, document.ErrNotAsSeen) {
			t.Errorf("seen before an overwrite: %v", err)
		}
		if w.records.Commits != before+2 {
			t.Errorf("%d commits beyond the overwrite's", w.records.Commits-before-2)
		}
	})
}

// TestRetryStuck: a record whose holder died long ago is processed at once, with fresh budgets; one whose holder is
// alive is left alone, and the commits of a holder that was only slow are refused afterwards.
func TestRetryStuck(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		ev := w.bucket.Put("a.png", picture(31))
		release := make(chan struct{})
		var asked atomic.Bool
		w.answer = func(_ context.Context, text string) (ocr.Result, error) {
			if asked.CompareAndSwap(false, true) {
				<-release
				return result("the slow one's text"), nil
			}
			return result(text), nil
		}
		w.records.Before = func(_ context.Context, op, _ string) error {
			if op == "commit" && asked.Load() && time.Since(ev.Time) > 0 && w.calls.Load() == 1 {
				return document.ErrStoreUnavailable // the holder's renewals do not get through
			}
			return nil
		}
		slow := make(chan document.Outcome, 1)
		go func() { slow <- w.worker().Process(t.Context(), ev).Outcome }()
		time.Sleep(time.Minute)
		if _, err := document.Retry(t.Context(), w.records, w.stored("a.png"), "me", nil); !errors.Is(err,
			document.ErrNothingToRetry) {
			t.Errorf("while the lease lives: %v", err)
		}
		time.Sleep(6*time.Minute + time.Second) // long after the lease's end, between two renewals
		synctest.Wait()
		w.records.Before = nil
		w.retry("a.png", nil)
		if r := w.want("a.png", document.StatusDone, ""); r.Text != "text of 31" || r.Interruptions != 0 {
			t.Errorf("%+v", r)
		}
		close(release)
		if out := <-slow; out != document.OutcomeDuplicate {
			t.Errorf("the slow one: %s", out)
		}
		if r := w.want("a.png", document.StatusDone, ""); r.Text != "text of 31" {
			t.Errorf("the slow one wrote %+v", r)
		}
	})
}

// counting is a store that records how many page documents each commit removes.
type counting struct {
	*documenttest.Memory
	drops []int
}

func (c *counting) Commit(ctx context.Context, id string, from *document.Stored, ch *document.Change) (*document.Stored,
	error) {
	c.drops = append(c.drops, len(ch.Drop))
	return c.Memory.Commit(ctx, id, from, ch)
}

// TestRetryOfALongBookIsSeveralCommits: none removes more documents than a store accepts at once, and the retry is
// requested once all are removed.
func TestRetryOfALongBookIsSeveralCommits(t *testing.T) {
	t.Parallel()
	store := &counting{Memory: documenttest.NewMemory()}
	o := document.Object{Bucket: "b", Name: "a.pdf", Generation: 1}
	const pages = 1001
	rec := &document.Record{Bucket: o.Bucket, Name: o.Name, Generation: 1, Status: document.StatusFailed, Pages: pages,
		PagesDone: pages,
		Error:     &document.Error{Code: document.CodeOCRFailed, Message: "m"}}
	var stored *document.Stored
	for n := 1; n <= pages; n++ {
		pg := document.Page{Page: n, Generation: 1, Error: rec.Error}
		if n == 500 {
			pg = document.Page{Page: n, Generation: 1, Text: "read"}
		}
		var err error
		if stored, err = document.Update(t.Context(), store.Memory, o.ID(), document.Unread(),
			func(*document.Record) (*document.Change, error) {
				return &document.Change{Record: rec, Pages: []document.Page{pg}}, nil
			}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := document.Retry(t.Context(), store, stored, "me", nil); err != nil {
		t.Fatal(err)
	}
	left, err := store.Pages(t.Context(), o.ID(), 1)
	if r := store.Record(o.ID()); err != nil || len(left) != 1 || r.Status != document.StatusRetrying ||
		r.PagesDone != 1 || !slices.Equal(store.drops, []int{400, 400, 200}) {
		t.Errorf("%d pages left, %v; commits of %v; %+v", len(left), err, store.drops, r)
	}
}
