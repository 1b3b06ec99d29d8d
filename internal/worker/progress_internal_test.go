package worker

import (
	"testing"

	"github.com/bucketocr/bucketocr/internal/document"
)

// TestProgressCopiesNoStoredPage: what a commit of one page more needs does not grow with the pages that are stored.
func TestProgressCopiesNoStoredPage(t *testing.T) {
	const total = 2000
	d := &delivery{pages: pageSet{
		total: total, loaded: true, finished: map[int]document.Page{}, saved: map[int]bool{},
	}}
	for n := 1; n < total; n++ {
		d.pages.finished[n], d.pages.saved[n] = document.Page{Page: n}, true
	}
	d.pages.finished[total] = document.Page{Page: total}
	now, unsaved := d.progressed()
	if p := now.reading(&document.Record{}); p.Done != total || len(unsaved) != 1 || unsaved[0].Page != total {
		t.Errorf("%d pages are done, to be stored: %v", p.Done, unsaved)
	}
	if n := testing.AllocsPerRun(10, func() { d.progressed() }); n > 1 {
		t.Errorf("%v allocations for one page beside %d, at most 1", n, total-1)
	}
}
