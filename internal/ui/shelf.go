package ui

import (
	"context"
	"sync"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/ui/render"
)

// shelfPlaces is the number of opened documents kept, so that not every page requires reading the store again.
const shelfPlaces = 4

// opened is a document in one state of its record, with its pages, which may be older.
type opened struct {
	id     string
	stored *document.Stored
	leaves
}

// leaves are the pages of a document as they were read from the store.
type leaves struct {
	pages []document.Page // by number from 1; Page is 0 for a page that was not stored yet
	done  int             // the record's PagesDone at that time
	at    time.Time
}

// shelf reads documents and keeps the last few.
type shelf struct {
	records Records
	render  *render.Renderer
	perPage time.Duration // see [Config]

	mu   sync.Mutex
	kept []*opened // last used first
}

// take returns a document in the given version, or the current one if version is empty.
func (s *shelf) take(ctx context.Context, id, version string) (*opened, error) {
	if d := s.find(id, version); d != nil {
		return d, nil
	}
	stored, err := s.records.Get(ctx, id)
	if err != nil {
		return nil, err
	}
	if stored == nil {
		return nil, errNoRecord
	}
	if d := s.find(id, stored.Write); d != nil {
		return d, nil
	}
	d := &opened{id: id, stored: stored}
	if before := s.before(id); before != nil && s.suffices(before, stored.Record) {
		d.leaves = before.leaves
	} else {
		d.done, d.at = stored.PagesDone, time.Now()
		if d.pages, err = s.pages(ctx, id, stored.Record); err != nil {
			return nil, err
		}
	}
	s.keep(d)
	return d, nil
}

// suffices reports whether the pages of an earlier state of a document will do for a newer one. A document that is
// being read changes with each page and each renewal of its lease: reading all its pages each time would cost a
// multiple of them. Once it has ended, its pages are always read.
func (s *shelf) suffices(before *opened, r *document.Record) bool {
	old := before.stored.Record
	if !old.Open() || !r.Open() || old.Generation != r.Generation || old.Pages != r.Pages {
		return false
	}
	return before.done == r.PagesDone || time.Since(before.at) < time.Duration(before.done)*s.perPage
}

// pages returns the pages in the store or, if there are none, those of the joined text.
func (s *shelf) pages(ctx context.Context, id string, r *document.Record) ([]document.Page, error) {
	if r.Status == document.StatusDeleted {
		return nil, nil
	}
	found, err := s.records.Pages(ctx, id, r.Generation)
	if err != nil {
		return nil, err
	}
	if len(found) == 0 && r.Status == document.StatusDone {
		return document.SplitPages(r), nil
	}
	total := r.Pages
	if r.Status == document.StatusDone {
		total = r.PagesDone // further pages are skipped
	}
	for _, p := range found {
		total = max(total, p.Page)
	}
	pages := make([]document.Page, min(total, maxPages))
	for _, p := range found {
		if p.Page >= 1 && p.Page <= len(pages) {
			pages[p.Page-1] = p
		}
	}
	return pages, nil
}

// maxPages limits the number of pages that a record may claim.
const maxPages = 20_000

func (s *shelf) find(id, version string) *opened {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, d := range s.kept {
		if d.id == id && version != "" && d.stored.Write == version {
			copy(s.kept[1:i+1], s.kept[:i])
			s.kept[0] = d
			return d
		}
	}
	return nil
}

// before returns the state of a document that is kept, if any.
func (s *shelf) before(id string) *opened {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range s.kept {
		if d.id == id {
			return d
		}
	}
	return nil
}

func (s *shelf) keep(d *opened) {
	s.mu.Lock()
	defer s.mu.Unlock()
	kept := []*opened{d}
	for _, k := range s.kept {
		if k.id != d.id && len(kept) < shelfPlaces {
			kept = append(kept, k)
		}
	}
	s.kept = kept
}
