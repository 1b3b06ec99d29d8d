package worker_test

import (
	"context"
	"encoding/binary"
	"image"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/page/pagetest"
	"github.com/bucketocr/bucketocr/ocr"
)

// TestTextIsStorable: whatever the service answers, the stored text is valid UTF-8, and not larger than a store
// accepts.
func TestTextIsStorable(t *testing.T) {
	for _, c := range []struct {
		name, text, want string
		warnings         string
	}{
		{"as it is", "# Title\n\n| a | b |", "# Title\n\n| a | b |", ""},
		{"invalid UTF-8", "a\xffb", "a\uFFFDb", ""},
		{"just fits", strings.Repeat("x", document.MaxTextBytes), strings.Repeat("x", document.MaxTextBytes), ""},
		{"too long", strings.Repeat("x", document.MaxTextBytes+1), strings.Repeat("x", document.MaxTextBytes),
			"truncated"},
		{"cut on a rune", strings.Repeat("x", document.MaxTextBytes-1) + "ä",
			strings.Repeat("x", document.MaxTextBytes-1), "truncated"},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				w.answer = func(context.Context, string) (ocr.Result, error) { return result(c.text), nil }
				w.worker().Process(t.Context(), w.bucket.Put("a.png", picture(31)))
				r := w.want("a.png", document.StatusDone, "")
				if r.Text != c.want || !utf8.ValidString(r.Text) || strings.Join(r.Warnings, " ") != c.warnings ||
					r.TextInPages {
					t.Errorf("%d bytes, warnings %v", len(r.Text), r.Warnings)
				}
			})
		})
	}
}

// TestBlankPageIsDone: no text is an answer, not a failure.
func TestBlankPageIsDone(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.answer = func(context.Context, string) (ocr.Result, error) {
			r := result("")
			r.Blank = true
			return r, nil
		}
		w.worker().Process(t.Context(), w.bucket.Put("a.png", picture(31)))
		if r := w.want("a.png", document.StatusDone, ""); !r.Blank || r.Text != "" {
			t.Errorf("%+v", r)
		}
	})
}

// TestBlocksGoWithTheStatus: the page document of a page with blocks is part of the commit that sets done, and blocks
// that do not fit beside the text are left out.
func TestBlocksGoWithTheStatus(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		long := strings.Repeat("y", 60_000)
		w.answer = func(context.Context, string) (ocr.Result, error) {
			r := result(strings.Repeat("x", document.MaxTextBytes))
			r.Blocks = []ocr.Block{{Label: "title", Box: [4]int{1, 2, 3, 4}, Text: "t\xff"},
				{Label: "text", Continued: true, Text: long}, {Label: "text", Text: long}}
			r.Warnings = []string{"repetition"}
			return r, nil
		}
		ev := w.bucket.Put("a.png", picture(31))
		w.worker().Process(t.Context(), ev)
		w.want("a.png", document.StatusDone, "")
		pages, err := w.records.Pages(t.Context(), ev.Object.ID(), ev.Generation)
		if err != nil || len(pages) != 1 {
			t.Fatalf("%d pages, %v", len(pages), err)
		}
		if p := pages[0]; len(p.Blocks) != 2 || p.Blocks[0].Text != "t\uFFFD" || p.Blocks[0].Box != [4]int{
			1, 2, 3, 4} || p.Blocks[0].Continued || !p.Blocks[1].Continued || p.Width != 31 ||
			p.Warnings[0] != "repetition" {
			t.Errorf("%d blocks, %d px, %v", len(p.Blocks), p.Width, p.Warnings)
		}
		if w.records.Commits != 2 {
			t.Errorf("%d commits", w.records.Commits)
		}
	})
}

// TestUniformPageIsNotSent: it has nothing to read.
func TestUniformPageIsNotSent(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		empty := pagetest.Gray(image.NewGray(image.Rect(0, 0, 41, leastSide)), leastSide)
		w.worker().Process(t.Context(), w.bucket.Put("a.tiff", pagetest.TIFF(binary.LittleEndian, empty)))
		if r := w.want("a.tiff", document.StatusDone, ""); !r.Blank || w.calls.Load() != 0 {
			t.Errorf("blank %v, %d calls", r.Blank, w.calls.Load())
		}
	})
}
