package document_test

import (
	"testing"

	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/document/documenttest"
)

func TestClipCutsBetweenRunes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		s     string
		limit int
		want  string
	}{
		{"abc", 3, "abc"}, {"abc", 2, "ab"}, {"aé", 2, "a"}, {"aé", 3, "aé"}, {"é", 1, ""}, {"abc", 0, ""},
		{"a\xff\xfeb", 9, "a\uFFFDb"}, {"a\xff", 3, "a"},
	} {
		if got := document.Clip(c.s, c.limit); got != c.want {
			t.Errorf("Clip(%q, %d) = %q, want %q", c.s, c.limit, got, c.want)
		}
	}
}

// TestTextIsWhereverItIsStored: in the record or in its pages, and empty before the record is done.
func TestTextIsWhereverItIsStored(t *testing.T) {
	t.Parallel()
	store := documenttest.NewMemory()
	r := document.Record{Bucket: "b", Name: "n", Generation: 5, Status: document.StatusDone, TextInPages: true,
		Pages: 2, PagesDone: 2}
	_, err := document.Update(t.Context(), store, r.Object().ID(), document.Absent(),
		func(*document.Record) (*document.Change, error) {
			return &document.Change{Record: &r, Pages: []document.Page{
				{Page: 2, Generation: 5, Text: "two"}, {Page: 1, Generation: 5, Text: "one"},
				{Page: 1, Generation: 4, Text: "old"}}}, nil
		})
	if err != nil {
		t.Fatal(err)
	}
	inRecord, unfinished := r, r
	inRecord.TextInPages, inRecord.Text = false, "here"
	unfinished.Status = document.StatusRetrying
	for want, r := range map[string]document.Record{"one\n\f\ntwo": r, "here": inRecord, "": unfinished} {
		if got, err := document.Text(t.Context(), store, &r); got != want || err != nil {
			t.Errorf("Text = %q, %v; want %q", got, err, want)
		}
	}
}
