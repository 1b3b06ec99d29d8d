package ui

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/document/documenttest"
	"github.com/bucketocr/bucketocr/internal/ui/render"
)

// billed is a store that counts the page documents it reads.
type billed struct {
	*documenttest.Memory
	pages int
}

func (b *billed) Pages(ctx context.Context, id string, generation int64) ([]document.Page, error) {
	list, err := b.Memory.Pages(ctx, id, generation)
	b.pages += len(list)
	return list, err
}

// A document that is open while it is being read, or read again, does not cost all its pages with each change of its
// record; once it has ended it is shown with all of them.
func TestOpenDocumentCostsFewReads(t *testing.T) {
	t.Parallel()
	const book = 200
	reading := func(r *document.Record, n int) { r.Status, r.PagesDone = document.StatusProcessing, n }
	readAgain := func(r *document.Record, n int) {
		r.Status, r.PagesDone, r.Rereading = document.StatusDone, book, &document.Rereading{PagesDone: n}
	}
	for name, c := range map[string]struct {
		change  func(r *document.Record, n int)
		perPage time.Duration
		most    int // page documents until the end
	}{
		"its pages are read":                     {reading, 100 * time.Millisecond, 10 * book},
		"its pages are read, and reads are free": {reading, 0, book * (book + 1) / 2},
		"it is read again":                       {readAgain, 0, book},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				d := &desk{t: t, store: documenttest.NewMemory()}
				store := &billed{Memory: d.store}
				s := &shelf{records: store, render: render.New(), perPage: c.perPage}
				look := func(id string) *opened {
					t.Helper()
					got, err := s.take(t.Context(), id, d.store.Record(id).Write)
					if err != nil {
						t.Fatal(err)
					}
					return got
				}
				shown := 0
				for n := 1; n <= book; n++ {
					write := func(pages ...document.Page) string {
						return d.write("book.pdf", func(r *document.Record) {
							r.Text, r.TextInPages, r.Pages = "", true, book
							c.change(r, n)
						}, pages...)
					}
					look(write(document.Page{Page: n, Text: fmt.Sprint("page ", n)}))
					time.Sleep(time.Second / 2)
					got := look(write()) // its lease is renewed
					if got.stored.Write != d.store.Record(got.id).Write {
						t.Fatal("an old state is shown")
					}
					for shown < book && got.pages[shown].Page > 0 {
						shown++
					}
					time.Sleep(time.Second / 2)
				}
				if store.pages > c.most {
					t.Errorf("%d page documents were read, want at most %d", store.pages, c.most)
				}
				if name == "its pages are read" && shown < book*3/4 {
					t.Errorf("only %d of %d pages were shown while they were read", shown, book)
				}
				id := d.write("book.pdf", func(r *document.Record) {
					r.Status, r.PagesDone, r.Rereading = document.StatusDone, book, nil
				}, document.Page{Page: 1, Text: "read again"})
				got := look(id)
				for i, p := range got.pages {
					if p.Page != i+1 || i == 0 && p.Text != "read again" {
						t.Errorf("page %d of the finished document: %+v", i+1, p)
					}
				}
				if len(got.pages) != book {
					t.Errorf("%d pages", len(got.pages))
				}
			})
		})
	}
}
