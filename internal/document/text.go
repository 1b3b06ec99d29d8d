package document

import (
	"context"
	"strings"
	"unicode/utf8"
)

// MaxTextBytes is the most text that one document holds, in bytes of UTF-8; longer text is only in the page documents.
// Firestore's own limit is 1,048,576 bytes for the whole document, including names and fields.
const MaxTextBytes = 900_000

// PageBreak joins the texts of pages: a line holding a form feed.
const PageBreak = "\n\f\n"

// Text returns the whole text of a record, wherever it is stored: all pages in order, joined by [PageBreak], and empty
// unless the record is done. If the text is in the pages, it costs one read per page. store must be the record's store;
// the error is the store's.
func Text(ctx context.Context, store Store, r *Record) (string, error) {
	if r.Status != StatusDone {
		return "", nil
	}
	if !r.TextInPages {
		return r.Text, nil
	}
	pages, err := store.Pages(ctx, r.Object().ID(), r.Generation)
	if err != nil {
		return "", err
	}
	return JoinPages(pages), nil
}

// JoinPages returns the texts of pages, in the given order, joined by [PageBreak].
func JoinPages(pages []Page) string {
	texts := make([]string, len(pages))
	for i, p := range pages {
		texts[i] = p.Text
	}
	return strings.Join(texts, PageBreak)
}

// SplitPages returns the pages of a record whose text is in the record itself. A record of one page has no page
// document, so the page gets the record's properties.
func SplitPages(r *Record) []Page {
	texts := strings.Split(r.Text, PageBreak)
	if len(texts) != r.PagesDone {
		texts = []string{r.Text}
	}
	pages := make([]Page, len(texts))
	for i, text := range texts {
		pages[i] = Page{Page: i + 1, Generation: r.Generation, Text: text, Blank: r.Blank, Finished: r.Finished}
		if len(texts) == 1 {
			pages[i].Warnings = r.Warnings
			if r.CopiedFrom != "" {
				pages[i].Source = SourceCopy
			}
		}
	}
	return pages
}

// Clip returns s as valid UTF-8 (each run of bad bytes becomes U+FFFD), cut to at most limit bytes and never inside a
// rune.
func Clip(s string, limit int) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) <= limit {
		return s
	}
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return s[:limit]
}
