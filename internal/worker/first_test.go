package worker_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/ocr"
)

// first makes the first most pages of longer objects be read.
func (w *world) first(most int) { w.options.Limits.MaxPages, w.options.Limits.First = most, true }

// wantFirst checks a document of the first pages of a book of nine.
func (w *world) wantFirst(read int) {
	w.t.Helper()
	r := w.want("a.tiff", document.StatusDone, "")
	skipped := slices.Equal(r.Warnings, []string{document.WarnPagesSkipped})
	if r.Text != wholeText(read) || r.Pages != 9 || r.PagesDone != read || skipped != (read < 9) {
		w.t.Errorf("%d of %d pages, %v: %q", r.PagesDone, r.Pages, r.Warnings, r.Text)
	}
	var numbers []int
	for _, pg := range w.pages("a.tiff") {
		numbers = append(numbers, pg.Page)
	}
	if len(numbers) != read || numbers[0] != 1 || numbers[read-1] != read {
		w.t.Errorf("page documents %v", numbers)
	}
}

// TestFirstPagesOfALongObjectAreRead: MAX_PAGES pages are read, and no other is sent; with the other setting the object
// fails.
func TestFirstPagesOfALongObjectAreRead(t *testing.T) {
	for _, most := range []int{1, 4, 8, 9} {
		t.Run(fmt.Sprint(most), func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				w.first(most)
				ev := w.bucket.Put("a.tiff", book(9))
				w.worker().Process(t.Context(), ev)
				w.wantFirst(most)
				if w.worker().Process(t.Context(), ev); w.calls.Load() != int64(most) {
					t.Errorf("%d pages were sent", w.calls.Load())
				}
			})
		})
	}
	t.Run("refused", func(t *testing.T) {
		bubble(t, func(t *testing.T, w *world) {
			w.options.Limits.MaxPages = 8
			w.worker().Process(t.Context(), w.bucket.Put("a.tiff", book(9)))
			w.want("a.tiff", document.StatusFailed, "too_large")
		})
	})
}

// TestFirstPagesSurviveACrash: the process dies while any one of them is read; none is read twice, and no other page is
// read.
func TestFirstPagesSurviveACrash(t *testing.T) {
	const most = 5
	for at := 1; at <= most; at++ {
		t.Run(fmt.Sprint(at), func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				w.first(most)
				ev := w.bucket.Put("a.tiff", book(9))
				c := w.count(func(_ context.Context, n int, text string) (ocr.Result, error) {
					time.Sleep(time.Second + time.Duration(n)*37*time.Millisecond)
					return result(text), nil
				})
				w.dying(at).Process(t.Context(), ev)
				time.Sleep(document.LeaseTime)
				w.worker().Process(t.Context(), ev)
				w.wantFirst(most)
				if total, _ := c.total(); total > most+w.options.OCRConcurrency {
					t.Errorf("%d pages were sent", total)
				}
			})
		})
	}
}

// TestSkippedPagesAreReadOnRequest: with a higher limit only they are read, and a lower one removes no page.
func TestSkippedPagesAreReadOnRequest(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.first(3)
		w.worker().Process(t.Context(), w.bucket.Put("a.tiff", book(9)))
		w.wantFirst(3)
		skipped := func(p document.Page) bool { return slices.Contains(p.Warnings, document.WarnPagesSkipped) }
		w.retry("a.tiff", skipped) // the limit is as before
		w.wantFirst(3)
		w.first(7)
		w.retry("a.tiff", skipped)
		w.wantFirst(7)
		if w.calls.Load() != 7 {
			t.Errorf("%d pages were sent", w.calls.Load())
		}
		w.first(2)
		w.retry("a.tiff", allPages)
		w.wantFirst(7)
		if w.calls.Load() != 9 {
			t.Errorf("%d pages were sent", w.calls.Load())
		}
		w.first(20)
		w.retry("a.tiff", skipped)
		w.wantFirst(9)
		if w.calls.Load() != 11 {
			t.Errorf("%d pages were sent", w.calls.Load())
		}
		if _, err := document.Retry(t.Context(), w.records, w.stored("a.tiff"), "me",
			skipped); err != document.ErrNothingToRetry {
			t.Errorf("with no page skipped: %v", err)
		}
	})
}
