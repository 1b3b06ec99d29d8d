package pipeline

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/bucketocr/bucketocr/internal/page"
	"github.com/bucketocr/bucketocr/ocr"
)

// one makes page n and has it read.
func (r *readers) one(work context.Context, pages *page.Pages, n int) (step, error) {
	ctx, end := r.a.p.o.Observer.Page(work, n)
	var seen PageRead
	s, err := r.extract(ctx, pages, n, &seen)
	seen.Blank, seen.Code = s.page.Blank, codeOf(asCause(work, err))
	end(seen)
	return s, err
}

// extract makes page n and sends it, unless it is blank.
func (r *readers) extract(work context.Context, pages *page.Pages, n int, seen *PageRead) (step, error) {
	begun := time.Now()
	pg, waited, err := pages.Page(work, n)
	seen.Waited, seen.Made = waited, time.Since(begun)-waited
	if err != nil {
		return step{}, err
	}
	seen.Width, seen.Height, seen.Bytes = pg.Width, pg.Height, pg.Size
	if r.a.p.o.PageMade != nil {
		r.a.p.o.PageMade(r.a.ev.Object, n, pg.How)
	}
	rec := PageRecord{Page: n, Generation: r.a.ev.Generation, Width: pg.Width, Height: pg.Height, Blank: pg.Blank}
	rec.Warnings = slices.Clone(pg.Warnings)
	if pg.Blank {
		return step{page: rec}, nil
	}
	res, err := r.ask(work, pg, seen)
	if err != nil {
		return step{}, err
	}
	rec.read(res)
	return step{page: rec, model: res.Model}, nil
}

// ask has the OCR service read a page, when this instance has a place there.
func (r *readers) ask(work context.Context, pg *page.Page, seen *PageRead) (ocr.Result, error) {
	begun := time.Now()
	leave, waited, err := r.a.p.ocr.take(work, func() { r.waited.Store(true) })
	placed := time.Now()
	seen.Waited += placed.Sub(begun)
	if err != nil {
		return ocr.Result{}, err
	}
	defer leave()
	if waited && !r.asked.Load() && r.a.p.late(work) {
		return ocr.Result{}, errLate
	}
	r.asked.Store(true)
	defer func() { seen.Extracted = time.Since(placed) }()
	return r.a.p.o.OCR.ExtractText(work, ocr.Image{Size: pg.Size, Open: pg.Open})
}

// read takes over what the OCR service answered, as text that a store accepts.
func (p *PageRecord) read(res ocr.Result) {
	text := strings.ToValidUTF8(res.Text, "\uFFFD")
	p.Text = clip(text, MaxTextBytes)
	p.Blank = res.Blank
	p.Warnings = append(p.Warnings, res.Warnings...)
	if len(p.Text) < len(text) {
		p.Warnings = append(p.Warnings, WarnTruncated)
	}
	slices.Sort(p.Warnings)
	p.Warnings = slices.Compact(p.Warnings)
	p.Usage = Usage{PromptTokens: res.Usage.PromptTokens, CompletionTokens: res.Usage.CompletionTokens}
	p.Blocks = fitting(res.Blocks, maxPageBytes-len(p.Text))
}

// Sizes of a page document, in bytes. Firestore's limit is 1,048,576 for all of it.
const (
	maxPageBytes = 1_000_000 // text and blocks together
	blockBytes   = 128       // what a block takes besides its label and text, generously
)

// fitting takes over the blocks, as many from the first as there is room for beside the text.
func fitting(blocks []ocr.Block, room int) []Block {
	var fit []Block
	for _, b := range blocks {
		text := strings.ToValidUTF8(b.Text, "\uFFFD")
		if room -= len(text) + len(b.Label) + blockBytes; room < 0 {
			break
		}
		fit = append(fit, Block{Label: b.Label, Box: b.Box, Text: text})
	}
	return fit
}
