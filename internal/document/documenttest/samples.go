package documenttest

import (
	"math"
	"strings"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
)

// at returns a time so many minutes after the suite's epoch, with microseconds.
func at(minutes int) time.Time {
	return time.Date(2026, 11, 23, 10, 2, 11, 482_913_000, time.UTC).Add(time.Duration(minutes) * time.Minute)
}

// claimed returns a record as a first claim writes it, without stamps.
func claimed(name string) document.Record {
	return document.Record{
		Bucket: "acme-scans", Name: name, Generation: 1795428131470921, ContentType: "image/png", Size: 481233,
		Status: document.StatusProcessing, Attempt: 1, WindowStart: at(0), Due: at(7),
		Lease:   &document.Lease{ID: "lease-1", Expires: at(2)},
		EventID: "9251834470915227", EventTime: at(-1),
	}
}

// idOf returns the id of claimed(name).
func idOf(name string) string {
	r := claimed(name)
	return r.Object().ID()
}

// full returns a record with a value in every field that a status other than done permits.
func full() document.Record {
	r := claimed("inbox/2026-11/Rechnung 7.png")
	r.Generation, r.Size = math.MaxInt64, math.MaxInt64-1
	r.Owner, r.MD5 = "Ñandú", "900150983cd24fb0d6963f7d28e17f72"
	r.Metadata = map[string]string{"uploader": "scanner-3", "Straße": "Ñandú 🦜", "empty": "", "a.b/c`d": "odd key"}
	r.Status = document.StatusRetrying
	r.Pages, r.PagesDone, r.Blank, r.TextInPages = 12, 3, true, true
	r.Warnings = []string{document.WarnDamaged, document.WarnTruncated}
	r.Model, r.Mode, r.Profile = "lightonai/LightOnOCR-2-1B", "layout", "lightonocr-3-1b"
	r.CopiedFrom, r.ReuseKey = idOf("the first"), "5feceb66ffc86f38d952786c6d696c79"
	r.Usage = document.Usage{PromptTokens: 1_234_567, CompletionTokens: 7654}
	r.Attempt, r.Interruptions = 9, 2
	r.Strikes = document.Strikes{0: {Count: 1, Code: "interrupted"}, 7: {Code: "ocr_timeout"},
		12: {Count: 2, Code: "ocr_failed", Open: true}}
	r.Rereading = &document.Rereading{Requested: at(5), By: "someone else", Pages: []int{1, 12}, PagesDone: 1,
		Model: "m",
		Error: &document.Error{Code: "too_large", Message: "m"}}
	r.Retried, r.RetriedBy = at(3), "someone@example.com"
	r.Error = &document.Error{Code: "ocr_timeout", Message: "no answer in 120s", Retryable: true}
	r.Lease = &document.Lease{ID: "lease-2", Expires: at(4), Alone: true, Page: 3}
	r.Notified = new(true)
	r.Created, r.Started, r.Finished = at(10), at(11), at(12)
	return r
}

// done returns a record as Complete writes it.
func done(name, text string) document.Record {
	r := claimed(name)
	r.Status, r.Text, r.Pages, r.PagesDone = document.StatusDone, text, 1, 1
	r.Lease, r.Due = nil, time.Time{}
	return r
}

// marker returns the record of an erased object.
func marker() document.Record {
	return document.Record{
		Bucket: "acme-scans", Name: "gone.png", Generation: 17, Owner: "Ñandú", Status: document.StatusDeleted,
		EventID: "e-2", EventTime: at(5), Created: at(1), MarkerExpires: at(7 * 24 * 60),
	}
}

// onePage returns a page document with a value in every field.
func onePage(generation int64, page int) document.Page {
	return document.Page{
		Model: "m", Source: document.SourcePDFText,
		Page: page, Generation: generation, Text: "# Seite\n\nÜber 3 €", Warnings: []string{document.WarnRepetition},
		Blank: true, Error: &document.Error{Code: "corrupt", Message: "cut off"}, Width: 1200, Height: 1540,
		Turned: 270,
		Blocks: []document.Block{
			{Label: "title", Box: [4]int{0, 10, 999, 1000}, Text: "Seite"},
			{Label: "text", Continued: true, Box: [4]int{1, 2, 3, 4}, Text: "und weiter"},
			{Label: "", Box: [4]int{}, Text: ""},
		},
		Usage: document.Usage{PromptTokens: 900, CompletionTokens: 31},
	}
}

// text returns exactly n bytes of UTF-8 with runes of one to four bytes.
func text(n int) string {
	const runes = "aß€🦜\n\x00\"\\"
	s := strings.Repeat(runes, n/len(runes))
	return s + strings.Repeat("x", n-len(s))
}
