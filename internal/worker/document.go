package worker

import (
	"slices"
	"strings"

	"github.com/bucketocr/bucketocr/internal/document"
)

// document sums up the attempt's pages, all of which are finished. Order of completion does not show.
func (a *attempt) document() document.Contents {
	d := document.Contents{Pages: a.total, Blank: true, Model: a.model}
	var texts []string
	size := 0
	for n := 1; n <= a.total; n++ {
		pg := a.pages[n]
		d.Blank = d.Blank && pg.Blank
		d.Warnings = append(d.Warnings, pg.Warnings...)
		d.Usage = d.Usage.Add(pg.Usage)
		texts = append(texts, pg.Text)
		size += len(pg.Text) + len(document.PageBreak)
	}
	slices.Sort(d.Warnings)
	d.Warnings = slices.Compact(d.Warnings)
	d.InPages = size-len(document.PageBreak) > document.MaxTextBytes
	if !d.InPages {
		d.Text = strings.Join(texts, document.PageBreak)
	}
	a.addUnsaved(&d)
	return d
}

// addUnsaved picks the page documents that the closing write must bring along: those of several pages that no commit
// stored yet, and a single page's where it has blocks or its text does not fit the record.
func (a *attempt) addUnsaved(d *document.Contents) {
	d.Unsaved = a.unsaved()
	if a.total == 1 && (d.InPages || len(a.pages[1].Blocks) > 0) {
		d.Unsaved = []document.Page{a.pages[1]}
	}
}
