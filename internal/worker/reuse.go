package worker

import (
	"context"
	"log/slog"

	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/ocr"
)

// An object with the same bytes as one that was read has the same text. The text is copied from a document that matches
// (see [document.ReuseKey]), by an attempt that finds no page of its own object read yet. After an operator's retry
// nothing is copied: the operator wants the object read. If copying fails for any reason, the object is read.

// copied holds the pages that a delivery takes instead of reading.
type copied struct {
	pages []document.Page
	from  string // id of the document that was read
	model string
}

// reader describes how this worker reads, apart from the model.
func (w *Worker) reader() document.Reader {
	return document.Reader{Mode: w.o.Mode, Profile: w.o.OCR.Profile().Name, PDFText: w.o.PDFText}
}

// findCopy returns the pages of a document whose object has the same bytes; nil if there is none, or reuse does not
// apply. It writes nothing.
func (d *delivery) findCopy(ctx context.Context) *copied {
	rec, replaced := d.record(), d.replaced
	d.replaced = nil
	if !d.w.o.Reuse || !rec.Retried.IsZero() || rec.PagesDone > 0 {
		return nil
	}
	by := d.w.reader()
	by.Model = *d.w.model.Load()
	key := document.ReuseKey(rec, by)
	if key == "" {
		return nil
	}
	ctx, end := d.w.telemetry.startPart(ctx, "reuse")
	var c *copied
	err := guard(func() (err error) {
		if replaced != nil && replaced.ReuseKey == key { // the same bytes were uploaded again
			c, err = d.copyReplaced(ctx, replaced)
		}
		if c == nil && err == nil {
			c, err = d.copyFound(ctx, key)
		}
		return err
	})
	if f := faultOf(ctx, err); err != nil && ctx.Err() == nil {
		d.w.o.Log.LogAttrs(ctx, slog.LevelWarn, "no text reused", slog.String("bucket", d.ev.Bucket),
			slog.String("name", d.ev.Name), slog.String("code", f.Code),
			slog.String("error", document.Clip(f.Message, document.MaxMessage)))
	}
	end(codeOf(ctx, err))
	return c
}

// copyReplaced copies the previous generation, whose record is overwritten and whose pages are not cleared yet.
func (d *delivery) copyReplaced(ctx context.Context, replaced *document.Record) (*copied, error) {
	pages, err := d.pagesToCopy(ctx, replaced)
	if err != nil {
		return nil, err
	}
	return d.copyOf(replaced, pages), nil
}

// copyFound copies the document that the store finds.
func (d *delivery) copyFound(ctx context.Context, key string) (*copied, error) {
	origin, err := d.w.o.Records.Reusable(ctx, key)
	if err != nil || origin == nil {
		return nil, err
	}
	pages, err := d.pagesToCopy(ctx, origin.Record)
	if err != nil {
		return nil, err
	}
	if !saysAll(origin.Record) { // the pages may belong to another state than the record, or be cleared
		now, err := d.w.o.Records.Get(ctx, origin.Object().ID())
		if err != nil || now == nil || now.ReuseKey != key || !now.Finished.Equal(origin.Finished) {
			return nil, err
		}
	}
	return d.copyOf(origin.Record, pages), nil
}

// pagesToCopy reads the page documents of an origin; none if the record holds everything.
func (d *delivery) pagesToCopy(ctx context.Context, origin *document.Record) ([]document.Page, error) {
	if saysAll(origin) {
		return nil, nil
	}
	return d.w.o.Records.Pages(ctx, origin.Object().ID(), origin.Generation)
}

// saysAll reports whether an origin has no page documents. In layout mode even a single page has one if it has blocks.
func saysAll(origin *document.Record) bool {
	return origin.Pages == 1 && origin.Mode == ocr.ModePlain
}

func (d *delivery) copyOf(origin *document.Record, pages []document.Page) *copied {
	copies, from := document.Copied(origin, pages, d.ev.Generation)
	if copies == nil {
		return nil
	}
	return &copied{copies, from, origin.Model}
}

// takeCopy marks copied pages as finished. The closing write stores them.
func (d *delivery) takeCopy(ctx context.Context, c *copied) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.pages.total, d.pages.model, d.pages.copied, d.pages.moved = len(c.pages), c.model, c.from, true
	for _, pg := range c.pages {
		d.pages.finished[pg.Page] = pg
	}
	d.w.telemetry.pagesCopied(ctx, len(c.pages))
}
