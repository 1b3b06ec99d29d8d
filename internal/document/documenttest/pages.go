package documenttest

import (
	"context"
	"testing"

	"github.com/bucketocr/bucketocr/internal/document"
)

// pages: the page documents beside a record.
var pages = []check{
	{"pages come with the record", pagesWithRecord},
	{"pages in order and overwritten", pagesInOrder},
	{"pages of a refused change", pagesRefused},
	{"pages dropped with the record", pagesDropped},
	{"clear all generations but one", clearPages},
	{"clear many pages", clearMany},
	{"pages belong to one record", pagesApart},
}

// addPages returns an UpdateFunc that stores pages and leaves the rest of the record alone.
func addPages(pages ...document.Page) document.UpdateFunc {
	return func(old *document.Record) (*document.Change, error) {
		next := *old
		next.PagesDone += len(pages)
		return &document.Change{Record: &next, Pages: pages}, nil
	}
}

// numbers returns the page numbers, in the given order.
func numbers(pages []document.Page) []int {
	got := make([]int, len(pages))
	for i, p := range pages {
		got[i] = p.Page
	}
	return got
}

func pagesWithRecord(t *testing.T, ctx context.Context, s document.Store) {
	r := claimed("two pages")
	want := []document.Page{onePage(r.Generation, 1), {Page: 2, Generation: r.Generation}}
	stored := mustUpdate(t, ctx, s, r.Object().ID(), document.Unread(), set(document.Change{Record: &r, Pages: want}))
	got := mustPages(t, ctx, s, r.Object().ID(), r.Generation)
	for i := range got {
		if got[i].Finished.IsZero() {
			t.Errorf("page %d: finished is not set", got[i].Page)
		}
		if got[i].Finished.After(stored.Updated) {
			t.Errorf("page %d finished %v, after its commit %v", got[i].Page, got[i].Finished, stored.Updated)
		}
		got[i].Finished = want[i%2].Finished
	}
	same(t, "Pages", want, got)
}

func pagesInOrder(t *testing.T, ctx context.Context, s document.Store) {
	stored := mustCreate(t, ctx, s, claimed("order"))
	id, g := stored.Object().ID(), stored.Generation
	for _, batch := range [][]int{{12000, 3}, {1, 11, 2}, {3}} {
		var more []document.Page
		for _, n := range batch {
			more = append(more, document.Page{Page: n, Generation: g, Width: len(batch)})
		}
		stored = mustUpdate(t, ctx, s, id, document.Seen(stored), addPages(more...))
	}
	got := mustPages(t, ctx, s, id, g)
	same(t, "page numbers", []int{1, 2, 3, 11, 12000}, numbers(got))
	if len(got) == 5 && got[2].Width != 1 {
		t.Errorf("page 3 was not overwritten: width %d", got[2].Width)
	}
}

func pagesRefused(t *testing.T, ctx context.Context, s document.Store) {
	first := mustCreate(t, ctx, s, claimed("zombie"))
	id := first.Object().ID()
	mustUpdate(t, ctx, s, id, document.Seen(first), plus)
	_, err := document.Update(ctx, s, id, document.Seen(first), func(old *document.Record) (*document.Change, error) {
		if old.Interruptions > 0 {
			return nil, errOwn
		}
		return addPages(onePage(old.Generation, 1))(old)
	})
	if err != errOwn {
		t.Errorf("Update = %v, want the function's error", err)
	}
	if got := mustPages(t, ctx, s, id, first.Generation); len(got) != 0 {
		t.Errorf("a refused change left pages %v", numbers(got))
	}
}

func pagesDropped(t *testing.T, ctx context.Context, s document.Store) {
	stored := mustCreate(t, ctx, s, claimed("dropped"))
	id, g := stored.Object().ID(), stored.Generation
	stored = mustUpdate(t, ctx, s, id, document.Seen(stored),
		addPages(onePage(g, 1), onePage(g, 2), onePage(g, 3), onePage(g-1, 2)))
	stored = mustUpdate(t, ctx, s, id, document.Seen(stored), func(old *document.Record) (*document.Change, error) {
		return &document.Change{Record: old, Pages: []document.Page{onePage(g, 4)}, Drop: []int{2, 3, 9}}, nil
	})
	same(t, "pages left", []int{1, 4}, numbers(mustPages(t, ctx, s, id, g)))
	same(t, "pages of another generation", []int{2}, numbers(mustPages(t, ctx, s, id, g-1)))
	before := stored
	mustUpdate(t, ctx, s, id, document.Seen(stored), plus)
	_, err := document.Update(ctx, s, id, document.Seen(before), func(old *document.Record) (*document.Change, error) {
		if old.Interruptions > 0 {
			return nil, errOwn
		}
		return &document.Change{Record: old, Drop: []int{1}}, nil
	})
	if err != errOwn {
		t.Errorf("Update = %v, want the function's error", err)
	}
	same(t, "pages left by a refused change", []int{1, 4}, numbers(mustPages(t, ctx, s, id, g)))
}

func clearPages(t *testing.T, ctx context.Context, s document.Store) {
	stored := mustCreate(t, ctx, s, claimed("generations"))
	id := stored.Object().ID()
	for _, g := range []int64{1, 7, 8, stored.Generation} {
		stored = mustUpdate(t, ctx, s, id, document.Seen(stored), addPages(onePage(g, 1), onePage(g, 2)))
	}
	count := func(g int64) int { return len(mustPages(t, ctx, s, id, g)) }
	for range 2 { // it may be repeated
		if err := s.ClearPages(ctx, id, 7); err != nil {
			t.Fatalf("ClearPages: %v", err)
		}
		// Those of the record's own generation stay: the caller that keeps 7 was overtaken.
		same(t, "pages left", []int{0, 2, 0, 2}, []int{count(1), count(7), count(8), count(stored.Generation)})
	}
	if err := s.ClearPages(ctx, id, 0); err != nil {
		t.Fatalf("ClearPages: %v", err)
	}
	same(t, "pages left of any", []int{0, 0, 0, 2}, []int{count(1), count(7), count(8), count(stored.Generation)})
	same(t, "the record", stored, mustGet(t, ctx, s, id))
	mustUpdate(t, ctx, s, id, document.Seen(stored), func(old *document.Record) (*document.Change, error) {
		marker := &document.Record{Bucket: old.Bucket, Name: old.Name, Generation: old.Generation,
			Status: document.StatusDeleted}
		return &document.Change{Record: marker}, nil
	})
	if err := s.ClearPages(ctx, id, 0); err != nil || count(stored.Generation) != 0 {
		t.Errorf("under a marker: %v, %d pages left", err, count(stored.Generation))
	}
}

func clearMany(t *testing.T, ctx context.Context, s document.Store) {
	stored := mustCreate(t, ctx, s, claimed("many"))
	id := stored.Object().ID()
	const batches, size = 6, 150
	for b := range batches {
		var more []document.Page
		for i := range size {
			more = append(more, document.Page{Page: b*size + i + 1, Generation: 5})
		}
		stored = mustUpdate(t, ctx, s, id, document.Seen(stored), addPages(more...))
	}
	if got := len(mustPages(t, ctx, s, id, 5)); got != batches*size {
		t.Fatalf("%d pages stored, want %d", got, batches*size)
	}
	if err := s.ClearPages(ctx, id, stored.Generation); err != nil {
		t.Fatalf("ClearPages: %v", err)
	}
	if got := len(mustPages(t, ctx, s, id, 5)); got != 0 {
		t.Errorf("%d pages left, want none", got)
	}
}

func pagesApart(t *testing.T, ctx context.Context, s document.Store) {
	a, b := mustCreate(t, ctx, s, claimed("a")), mustCreate(t, ctx, s, claimed("b"))
	mustUpdate(t, ctx, s, a.Object().ID(), document.Seen(a), addPages(onePage(a.Generation, 1)))
	mustUpdate(t, ctx, s, b.Object().ID(), document.Seen(b), addPages(onePage(b.Generation, 2)))
	if err := s.ClearPages(ctx, a.Object().ID(), 0); err != nil {
		t.Fatalf("ClearPages: %v", err)
	}
	same(t, "the other record's pages", []int{2}, numbers(mustPages(t, ctx, s, b.Object().ID(), b.Generation)))
}
