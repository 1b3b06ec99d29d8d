package pipeline

import (
	"slices"
	"strings"
)

// PageBreak joins the texts of pages: a line holding a form feed.
const PageBreak = "\n\f\n"

// document is the sum of all pages, as the closing write stores it.
type document struct {
	pages    int
	text     string
	inPages  bool
	blank    bool
	warnings []string
	usage    Usage
	model    string
	unsaved  []PageRecord // page documents that go with the closing write
}

// document sums up the attempt's pages, all of which are finished. Order of completion does not show.
func (a *attempt) document() document {
	d := document{pages: a.total, blank: true, model: a.model}
	var texts []string
	size := 0
	for n := 1; n <= a.total; n++ {
		pg := a.pages[n]
		d.blank = d.blank && pg.Blank
		d.warnings = append(d.warnings, pg.Warnings...)
		d.usage = d.usage.Add(pg.Usage)
		texts = append(texts, pg.Text)
		size += len(pg.Text) + len(PageBreak)
	}
	slices.Sort(d.warnings)
	d.warnings = slices.Compact(d.warnings)
	d.inPages = size-len(PageBreak) > MaxTextBytes
	if !d.inPages {
		d.text = strings.Join(texts, PageBreak)
	}
	a.addUnsaved(&d)
	return d
}

// addUnsaved picks the page documents that the closing write must bring along: those of several pages that no commit
// stored yet, and a single page's where it has blocks or its text does not fit the record.
func (a *attempt) addUnsaved(d *document) {
	d.unsaved = a.unsaved()
	if a.total == 1 && (d.inPages || len(a.pages[1].Blocks) > 0) {
		d.unsaved = []PageRecord{a.pages[1]}
	}
}
