package worker

import (
	"context"
	"maps"
	"slices"

	"github.com/bucketocr/bucketocr/internal/document"
)

// A document that is read again keeps its status, text and pages until the new reading is complete. Meanwhile its new
// pages are stored under the negative of their generation, where readers of the document do not see them.

// pageGeneration is the generation under which this delivery stores pages.
func (d *delivery) pageGeneration() int64 {
	if d.before != nil {
		return -d.ev.Generation
	}
	return d.ev.Generation
}

// resumeRereading loads the document's own pages and marks as finished those that need no new reading and those that an
// earlier attempt at the same request has read.
func (d *delivery) resumeRereading(ctx context.Context, before *document.Record) error {
	var own []document.Page
	var err error
	if before.Pages > 1 {
		own, err = d.w.o.Records.Pages(ctx, d.id, d.ev.Generation)
	} else {
		own = document.SplitPages(before)
	}
	if err != nil {
		return err
	}
	d.before = map[int]document.Page{}
	d.pages.total, d.pages.copied = before.Pages, before.CopiedFrom
	again := before.Rereading.Pages
	for _, pg := range own {
		d.before[pg.Page] = pg
		beyond := d.pages.most > 0 && pg.Page > d.pages.most // it could not be read again
		if beyond || len(again) > 0 && !slices.Contains(again, pg.Page) {
			d.takeOver([]document.Page{pg})
			d.continues(before)
		}
	}
	if before.Rereading.PagesDone == 0 { // new pages that are stored belong to an earlier request
		return d.w.o.Records.ClearPages(ctx, d.id, d.ev.Generation)
	}
	d.pages.model, d.pages.reader = before.Rereading.Model, document.Reader{} // it is not known how those were read
	staged, err := d.w.o.Records.Pages(ctx, d.id, -d.ev.Generation)
	d.takeOver(staged)
	return err
}

// publishRereading replaces the document's pages with the new ones, and then its text. A page that failed only in the
// new reading stays as it was.
func (d *delivery) publishRereading(ctx context.Context, pages pageSet, res Result) Result {
	staged := pages
	pages.finished = maps.Clone(pages.finished)
	var fresh []document.Page
	for n := 1; n <= pages.made(); n++ {
		pg := pages.finished[n]
		if pg.Generation > 0 { // not read again
			continue
		}
		old, had := d.before[n]
		if pg.Error != nil && had && old.Error == nil {
			pages.finished[n] = old
			continue
		}
		pg.Generation = d.ev.Generation
		pages.finished[n] = pg
		fresh = append(fresh, pg)
	}
	contents := d.sum(pages)
	for n := range d.before {
		if n > pages.made() {
			contents.Drop = append(contents.Drop, n)
		}
	}
	if only := pages.finished[1]; pages.total == 1 && !only.SaysMore() {
		contents.Drop = append(contents.Drop, 1) // left by the previous reading, if any
	} else {
		batches := document.Batches(fresh)
		for i, batch := range batches {
			if contents.Unsaved = batch; i == len(batches)-1 {
				break
			}
			if err := d.commitPatiently(ctx, func(old *document.Record) *document.Change {
				c := document.Renew(old, d.w.clock.now())
				c.Pages = batch
				return c
			}); err != nil {
				res.Fault = faultOf(ctx, err)
				return d.release(ctx, staged, res) // the next attempt publishes them
			}
		}
	}
	return d.finishWith(ctx, pages, contents, res)
}

// tidyRereading clears the staged pages once the reading is over. After a crash or a fault here, the next request
// clears them.
func (d *delivery) tidyRereading(ctx context.Context, res Result) Result {
	if d.before != nil && res.Record != nil && res.Record.Generation == d.ev.Generation && !res.Record.Open() {
		_ = d.w.o.Records.ClearPages(ctx, d.id, d.ev.Generation)
	}
	return res
}
