package worker_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/page/pagetest"
	"github.com/bucketocr/bucketocr/internal/worker"
	"github.com/bucketocr/bucketocr/ocr"
)

// book returns a TIFF of n pages; page i is 100+i pixels wide, and its text contains that number. broken pages cannot
// be decoded.
func book(n int, broken ...int) []byte {
	var pictures []pagetest.Picture
	for i := 1; i <= n; i++ {
		p := pagetest.Gray(drawn(100+i), leastSide)
		for _, b := range broken {
			if b == i {
				p = p.With(259, 3, 34712) // JPEG 2000, a compression that is not supported
			}
		}
		pictures = append(pictures, p)
	}
	return pagetest.TIFF(binary.LittleEndian, pictures...)
}

// wholeText returns the text of a book of n pages.
func wholeText(n int) string {
	var texts []string
	for i := 1; i <= n; i++ {
		texts = append(texts, fmt.Sprintf("text of %d", 100+i))
	}
	return strings.Join(texts, "\n\f\n")
}

func (w *world) count(answer func(ctx context.Context, n int, text string) (ocr.Result, error)) *counted {
	c := &counted{times: map[string]int{}}
	w.answer = func(ctx context.Context, text string) (ocr.Result, error) {
		c.mu.Lock()
		c.times[text]++
		c.now++
		c.atOnce = max(c.atOnce, c.now)
		n := 0
		fmt.Sscanf(text, "text of %d", &n)
		c.mu.Unlock()
		defer func() { c.mu.Lock(); c.now--; c.mu.Unlock() }()
		return answer(ctx, n-100, text)
	}
	return c
}

func (w *world) pages(name string) []document.Page {
	w.t.Helper()
	r := w.record(name)
	pages, err := w.records.Pages(w.t.Context(), r.Object().ID(), r.Generation)
	if err != nil {
		w.t.Fatal(err)
	}
	return pages
}

// TestPagesInOrder: pages are read a few at a time and finish in any order, but are in order in the document.
func TestPagesInOrder(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		c := w.count(func(_ context.Context, n int, text string) (ocr.Result, error) {
			time.Sleep(time.Duration(10-n) * time.Second)
			return result(text), nil
		})
		if out := w.worker().Process(t.Context(),
			w.bucket.Put("a.tiff", book(9))).Outcome; out != document.OutcomeDone {
			t.Fatalf("outcome %s\n%s", out, w.log)
		}
		r := w.want("a.tiff", document.StatusDone, "")
		if r.Text != wholeText(9) || r.Pages != 9 || r.PagesDone != 9 || r.Usage.CompletionTokens != 27 ||
			len(r.Warnings) > 0 {
			t.Errorf("%+v", r)
		}
		if total, _ := c.total(); total != 9 || c.atOnce != 4 || w.bucket.Opens != 1 {
			t.Errorf("%d calls, %d at once, %d opens", total, c.atOnce, w.bucket.Opens)
		}
		for i, pg := range w.pages("a.tiff") {
			if pg.Page != i+1 || pg.Width != 101+i || pg.Height != leastSide ||
				pg.Text != fmt.Sprintf("text of %d", 101+i) {
				t.Errorf("%+v", pg)
			}
		}
	})
}

// TestEachPageIsSavedAtOnce: while the others are still being read.
func TestEachPageIsSavedAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.options.OCRConcurrency = 1
		var seen []string
		w.count(func(_ context.Context, n int, text string) (ocr.Result, error) {
			time.Sleep(time.Minute)
			r := w.record("a.tiff")
			seen = append(seen, fmt.Sprintf("%d/%d %d", r.PagesDone, r.Pages, len(w.pages("a.tiff"))))
			return result(text), nil
		})
		w.worker().Process(t.Context(), w.bucket.Put("a.tiff", book(3)))
		if got := strings.Join(seen, ", "); got != "0/0 0, 1/3 1, 2/3 2" {
			t.Error(got)
		}
	})
}

// TestFinishedPagesSurviveACrash: the process dies while any page is being read; finished pages are not read again.
func TestFinishedPagesSurviveACrash(t *testing.T) {
	const n = 9
	for at := 1; at <= n; at++ {
		t.Run(fmt.Sprint(at), func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				ev := w.bucket.Put("a.tiff", book(n))
				c := w.count(func(_ context.Context, n int, text string) (ocr.Result, error) {
					time.Sleep(time.Second + time.Duration(n)*37*time.Millisecond) // no two at the same time
					return result(text), nil
				})
				w.dying(at).Process(t.Context(), ev)
				if s := w.record("a.tiff").Status; s != document.StatusProcessing {
					t.Fatalf("page %d: status %s after the crash", at, s)
				}
				time.Sleep(document.LeaseTime)
				if out := w.worker().Process(t.Context(), ev).Outcome; out != document.OutcomeDone {
					t.Fatalf("page %d: outcome %s\n%s", at, out, w.log)
				}
				r := w.want("a.tiff", document.StatusDone, "")
				if r.Text != wholeText(n) || r.PagesDone != n || r.Attempt != 2 || r.Interruptions != 0 ||
					r.Usage.PromptTokens != 10*n {
					t.Errorf("page %d: %+v", at, r)
				}
				if total, most := c.total(); most > 2 || total > n+w.options.OCRConcurrency {
					t.Errorf("page %d: %d calls, %d for one page", at, total, most)
				}
			})
		})
	}
}

// dying returns a process that dies when page n was read: its calls have no effect from then on.
func (w *world) dying(n int) *worker.Worker {
	i := &instance{w: w}
	o := w.options
	o.Records = &mortal{Memory: w.records, i: i}
	o.OCR = extractor{func(ctx context.Context, img ocr.Image) (ocr.Result, error) {
		if i.dead.Load() {
			return ocr.Result{}, &ocr.Error{Kind: ocr.KindUnavailable}
		}
		res, err := w.ExtractText(ctx, img)
		if res.Text == fmt.Sprintf("text of %d", 100+n) {
			i.dead.Store(true)
		}
		return res, err
	}}
	return newWorker(w.t, o)
}

// TestBookContinuesInTheNextDelivery: a book that does not fit one delivery continues in the next, and no page is read
// twice except those broken off at the end of the time.
func TestBookContinuesInTheNextDelivery(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.options.Limits.MaxPages = 100
		c := w.count(func(ctx context.Context, _ int, text string) (ocr.Result, error) {
			select {
			case <-time.After(100 * time.Second):
				return result(text), nil
			case <-ctx.Done():
				return ocr.Result{}, &ocr.Error{Kind: ocr.KindCanceled, Err: ctx.Err()}
			}
		})
		ev := w.bucket.Put("a.tiff", book(40))
		p := w.worker()
		deliveries := 1
		for ; p.Process(t.Context(), ev).Outcome == document.OutcomeRetry; deliveries++ {
			r := w.want("a.tiff", document.StatusRetrying, "")
			if r.PagesDone != 16*deliveries || r.Pages != 40 || len(r.Strikes) > 0 || r.Text != "" {
				t.Fatalf("after %d deliveries: %+v", deliveries, r)
			}
		}
		r := w.want("a.tiff", document.StatusDone, "")
		total, most := c.total()
		if r.Text != wholeText(40) || deliveries != 3 || most > 2 || total > 40+4*(deliveries-1) {
			t.Errorf("%d deliveries, %d calls, %d for one page: %d of %d", deliveries, total, most, r.PagesDone,
				r.Pages)
		}
	})
}

// TestPageFailsAlone: a page that cannot be read is stored with its error, the others with their text; if none can be
// read the document fails.
func TestPageFailsAlone(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		p := w.worker()
		if out := p.Process(t.Context(), w.bucket.Put("a.tiff", book(4, 2))).Outcome; out != document.OutcomeDone {
			t.Fatalf("outcome %s\n%s", out, w.log)
		}
		r := w.want("a.tiff", document.StatusDone, "")
		pages := w.pages("a.tiff")
		if strings.Join(r.Warnings, " ") != document.WarnPageFailed || r.PagesDone != 4 || len(pages) != 4 ||
			pages[1].Error == nil || pages[1].Error.Code != "unsupported_media" || pages[1].Error.Retryable ||
			pages[2].Error != nil {
			t.Errorf("%+v\n%+v", r, pages)
		}
		if want := "text of 101\n\f\n\n\f\ntext of 103\n\f\ntext of 104"; r.Text != want {
			t.Errorf("%q", r.Text)
		}
		if out := p.Process(t.Context(),
			w.bucket.Put("b.tiff", book(3, 1, 2, 3))).Outcome; out != document.OutcomeFailed {
			t.Errorf("outcome %s", out)
		}
		w.want("b.tiff", document.StatusFailed, "unsupported_media")
	})
}

// TestPageAtItsLimitFailsAlone: a page that the service cannot answer for costs the document three attempts and then
// only itself.
func TestPageAtItsLimitFailsAlone(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		c := w.count(func(_ context.Context, n int, text string) (ocr.Result, error) {
			time.Sleep(time.Duration(n) * time.Second)
			if n == 3 {
				return ocr.Result{}, &ocr.Error{Kind: ocr.KindBadResponse}
			}
			return result(text), nil
		})
		ev := w.bucket.Put("a.tiff", book(6))
		p := w.worker()
		for p.Process(t.Context(), ev).Outcome == document.OutcomeRetry {
			if r, stored := w.record("a.tiff"), len(w.pages("a.tiff")); r.PagesDone != stored {
				t.Errorf("attempt %d: %d pages done, %d stored", r.Attempt, r.PagesDone, stored)
			}
			time.Sleep(time.Minute)
		}
		r := w.want("a.tiff", document.StatusDone, "")
		pages := w.pages("a.tiff")
		if strings.Join(r.Warnings, " ") != document.WarnPageFailed || len(pages) != 6 || pages[2].Error == nil ||
			pages[2].Error.Code != "ocr_bad_response" || strings.Count(r.Text, "text of") != 5 {
			t.Errorf("%+v\n%+v", r, pages)
		}
		if n := c.times["text of 103"]; n != 4 {
			t.Errorf("%d calls for the page", n)
		}
	})
}

// TestLongTextIsInThePages: text that does not fit one document is in the page documents.
func TestLongTextIsInThePages(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.count(func(_ context.Context, n int, text string) (ocr.Result, error) {
			return result(strings.Repeat("x", 300_000)), nil
		})
		w.worker().Process(t.Context(), w.bucket.Put("a.tiff", book(4)))
		if r := w.want("a.tiff", document.StatusDone, ""); !r.TextInPages || r.Text != "" ||
			len(w.pages("a.tiff")[3].Text) != 300_000 {
			t.Errorf("%d bytes, in pages %v", len(r.Text), r.TextInPages)
		}
	})
}

// TestPagesGoWithTheClosingWrite: a page that was read but whose own commit failed is not lost.
func TestPagesGoWithTheClosingWrite(t *testing.T) {
	down := func(context.Context) error { return document.ErrStoreUnavailable }
	for _, c := range []struct {
		name   string
		commit int // the one that fails; the claim is the first
		fail   func(ctx context.Context) error
		atOnce int // pages
		slow   int // the page that the service does not answer for; 0: none
		status document.Status
		code   string
		stored int
	}{
		{"released after a fault", 2, down, 1, 0, document.StatusRetrying, document.CodeStoreUnavailable, 1},
		{"paused at the deadline", 2, func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }, 2, 2,
			document.StatusRetrying, "", 1},
		{"complete", 4, down, 2, 0, document.StatusDone, "", 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				w.options.OCRConcurrency = c.atOnce
				w.count(func(ctx context.Context, n int, text string) (ocr.Result, error) {
					if n == c.slow {
						return hang(ctx, text)
					}
					time.Sleep(time.Duration(n) * time.Second)
					return result(text), nil
				})
				var commits atomic.Int64
				w.records.Before = func(ctx context.Context, op, _ string) error {
					if op == "commit" && commits.Add(1) == int64(c.commit) {
						return c.fail(ctx)
					}
					return nil
				}
				w.worker().Process(t.Context(), w.bucket.Put("a.tiff", book(3)))
				r := w.want("a.tiff", c.status, c.code)
				if n := len(w.pages("a.tiff")); n != c.stored || r.PagesDone != n || r.Pages != 3 {
					t.Errorf("%d pages stored, %d of %d done; want %d of 3", n, r.PagesDone, r.Pages, c.stored)
				}
			})
		})
	}
}

// TestFailedPageIsNoProgress: a delivery that read no page until its deadline reports that, even if pages failed in it.
func TestFailedPageIsNoProgress(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.answer = hang
		w.worker().Process(t.Context(), w.bucket.Put("a.tiff", book(3, 1)))
		if r := w.want("a.tiff", document.StatusRetrying, document.CodeDeadline); len(r.Strikes) > 0 ||
			r.PagesDone != 1 {
			t.Errorf("strikes %v, %d pages done", r.Strikes, r.PagesDone)
		}
	})
}

// TestResumedPagesStayAsTheyAre: pages of an earlier attempt are not written again, and the model that read them is
// kept.
func TestResumedPagesStayAsTheyAre(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.options.OCRConcurrency = 1
		fault := ocr.KindUnavailable
		w.count(func(_ context.Context, n int, text string) (ocr.Result, error) {
			if n > 1 {
				return ocr.Result{}, &ocr.Error{Kind: fault}
			}
			return result(text), nil
		})
		ev := w.bucket.Put("a.tiff", book(3))
		w.worker().Process(t.Context(), ev)
		if r := w.want("a.tiff", document.StatusRetrying, document.CodeOCRUnavailable); r.Model != "m" ||
			r.PagesDone != 1 {
			t.Errorf("%d pages done, model %q", r.PagesDone, r.Model)
		}
		first := w.pages("a.tiff")[0]
		time.Sleep(time.Minute)
		fault = ocr.KindBadImage
		w.worker().Process(t.Context(), ev)
		if r := w.want("a.tiff", document.StatusDone, ""); r.Model != "m" {
			t.Errorf("model %q", r.Model)
		}
		if again := w.pages("a.tiff")[0]; !again.Finished.Equal(first.Finished) {
			t.Errorf("page 1 was written at %v and at %v", first.Finished, again.Finished)
		}
	})
}

// TestFaultStopsItsPageOrTheBook: a fault of the service ends the attempt, a fault of a page does not delay the others.
func TestFaultStopsItsPageOrTheBook(t *testing.T) {
	for _, c := range []struct {
		kind        ocr.Kind
		code        string
		calls, done int
	}{
		{ocr.KindForbidden, document.CodeOCRMisconfigured, 2, 1},
		{ocr.KindUnavailable, document.CodeOCRUnavailable, 5, 1},
		{ocr.KindBadResponse, document.CodeOCRBadResponse, 5, 3},
		{ocr.KindTimeout, document.CodeOCRTimeout, 5, 3},
	} {
		t.Run(c.code, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				w.options.OCRConcurrency = 1
				counted := w.count(func(_ context.Context, n int, text string) (ocr.Result, error) {
					if n == 2 {
						return ocr.Result{}, &ocr.Error{Kind: c.kind, Phase: ocr.PhaseWait}
					}
					return result(text), nil
				})
				w.worker().Process(t.Context(), w.bucket.Put("a.tiff", book(4)))
				r := w.want("a.tiff", document.StatusRetrying, c.code)
				if total, _ := counted.total(); total != c.calls || r.PagesDone != c.done {
					t.Errorf("%d calls, %d pages done; want %d and %d", total, r.PagesDone, c.calls, c.done)
				}
			})
		})
	}
}

// TestNoPageIsBegunAfterAFaultOfTheService: pages in flight are finished, since they are paid for, and no others are
// sent.
func TestNoPageIsBegunAfterAFaultOfTheService(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.options.OCRConcurrency = 2
		counted := w.count(func(_ context.Context, n int, text string) (ocr.Result, error) {
			time.Sleep(time.Duration(n) * time.Second)
			if n == 1 {
				return ocr.Result{}, &ocr.Error{Kind: ocr.KindForbidden}
			}
			return result(text), nil
		})
		w.worker().Process(t.Context(), w.bucket.Put("a.tiff", book(4)))
		r := w.want("a.tiff", document.StatusRetrying, document.CodeOCRMisconfigured)
		if total, _ := counted.total(); total != 2 || r.PagesDone != 1 {
			t.Errorf("%d calls, %d pages done; want 2 and 1", total, r.PagesDone)
		}
	})
}
