//go:build integration

package worker_test

import (
	"context"
	"log/slog"
	"os"
	"strings"
	"testing"

	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/page"
	"github.com/bucketocr/bucketocr/internal/page/pagetest"
	"github.com/bucketocr/bucketocr/internal/worker"
)

// The decoder's process is this program too.
func TestMain(m *testing.M) {
	page.ServeIfDecoder()
	os.Exit(m.Run())
}

// TestTextOfAFileIsTakenWhereItIsWanted: with PDF_TEXT a page whose text is what it shows costs no request, and other
// pages are read as images; without it the text is not looked at.
func TestTextOfAFileIsTakenWhereItIsWanted(t *testing.T) {
	t.Parallel()
	decoder := page.NewDecoder()
	t.Cleanup(decoder.Close)
	const said = "What this page says, in more words than one."
	text := pagetest.Text(said)
	drawing := pagetest.Text(said)
	drawing.Content += "2 w 100 300 m 150 380 l 200 300 l 250 380 l S\n"
	for name, c := range map[string]struct {
		pages  []pagetest.PDFPage
		wanted bool
		ocr    int64 // pages that are sent
		source []string
	}{
		"one page":             {[]pagetest.PDFPage{text}, true, 0, []string{"pdf_text"}},
		"one page, not wanted": {[]pagetest.PDFPage{text}, false, 1, nil},
		"one page in doubt":    {[]pagetest.PDFPage{drawing}, true, 1, nil},
		"three pages": {[]pagetest.PDFPage{text, drawing, text}, true, 1,
			[]string{"pdf_text", "ocr", "pdf_text"}},
		"three, not wanted": {[]pagetest.PDFPage{text, drawing, text}, false, 3, []string{"ocr", "ocr", "ocr"}},
	} {
		w := newWorld(t)
		w.options.Log = slog.New(slog.NewJSONHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
		w.options.PDFText, w.options.OCRConcurrency = c.wanted, 1
		w.options.MemoryBudget = 512 << 20
		w.options.Limits = page.Limits{MaxBytes: 1 << 20, MaxPixels: 60e6, MaxPages: 10, Decoder: decoder}
		if out := w.worker().Process(context.Background(),
			w.bucket.Put("a.pdf", pagetest.PDF("", c.pages))).Outcome; out != document.OutcomeDone {
			t.Fatalf("%s: %s\n%s", name, out, w.log)
		}
		r := w.want("a.pdf", document.StatusDone, "")
		var sources []string
		for i, pg := range w.pages("a.pdf") {
			sources = append(sources, pg.Source)
			if taken := pg.Source == document.SourcePDFText; taken != (pg.Model == "") || taken &&
				(pg.Text != said || pg.Usage != document.Usage{} || len(pg.Warnings) > 0) {
				t.Errorf("%s: page %d: %+v", name, i+1, pg)
			}
		}
		if w.calls.Load() != c.ocr || strings.Join(sources, " ") != strings.Join(c.source, " ") || len(r.Warnings) > 0 {
			t.Errorf("%s: %d pages were sent, sources %v, %v", name, w.calls.Load(), sources, r.Warnings)
		}
		if texts := strings.Split(r.Text, document.PageBreak); len(texts) != len(c.pages) ||
			strings.Contains(r.Text, said) != (c.source != nil && c.source[0] == "pdf_text") {
			t.Errorf("%s: %q", name, r.Text)
		}
		if looked := strings.Contains(w.log.String(), worker.TextLookedAt); looked != c.wanted ||
			strings.Contains(w.log.String(), "in more words") {
			t.Errorf("%s: looked at %v\n%s", name, looked, w.log)
		}
		if w.bucket.Opens != 1 || w.records.Reads != 0 {
			t.Errorf("%s: %d opens, %d reads", name, w.bucket.Opens, w.records.Reads)
		}
	}
}
