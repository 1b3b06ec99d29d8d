package page

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/bucketocr/bucketocr/internal/page/pagetest"
	"github.com/bucketocr/bucketocr/internal/page/sandbox"
)

// textOf returns the text of the first page of an object.
func textOf(t *testing.T, o *fakeObject, lim Limits) (Text, error) {
	t.Helper()
	ps, err := Split(t.Context(), o.source(), lim)
	if err != nil {
		t.Fatal(err)
	}
	defer ps.Close()
	text, _, err := ps.Text(t.Context(), 1)
	return text, err
}

// TestTextIsTakenOrDoubted: the text of a PDF is read or doubted within its budget, and pages can still be made.
func TestTextIsTakenOrDoubted(t *testing.T) {
	t.Parallel()
	l := &ledger{}
	text := pagetest.Text("What this page says, in more words than one.")
	drawing := text
	drawing.Content += "2 w 100 300 m 150 380 l 200 300 l 250 380 l S\n"
	o := newObject(pagetest.PDF("", []pagetest.PDFPage{text, drawing, {Width: 100, Height: 100}}))
	ps, err := Split(t.Context(), o.source(), l.limits(60))
	if err != nil {
		t.Fatal(err)
	}
	for n, want := range map[int]Text{1: {Markdown: "What this page says, in more words than one."},
		2: {Doubt: "it shows more than its text"}, 3: {Doubt: "it has no text"}} {
		if got, _, err := ps.Text(t.Context(), n); got != want || err != nil {
			t.Errorf("page %d: %+v, %v", n, got, err)
		}
		if pg, _, err := ps.Page(t.Context(), n); err != nil || pg.Number != n {
			t.Errorf("page %d: %v", n, err)
		}
	}
	if _, _, err := ps.Text(t.Context(), 4); err == nil {
		t.Error("there is no page 4")
	}
	if l.most < pdfRooms[0]+textMemory {
		t.Errorf("%d bytes were acquired at most", l.most)
	}
	if err := ps.Close(); err != nil || l.held != 0 || o.opens.Load() != 1 || o.closes.Load() != 1 {
		t.Errorf("%v: %d bytes held, %d opens, %d closes", err, l.held, o.opens.Load(), o.closes.Load())
	}
	for name, data := range map[string][]byte{"PNG": pagetest.EncodePNG(pagetest.Paper(40, 40, 12)),
		"TIFF": tiffOf(t, 20, 1), "JPEG 2000": testFile(t, "small.jp2")} {
		if got, err := textOf(t, newObject(data), wide(60)); got.Markdown != "" || got.Doubt == "" || err != nil {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

// TestTextThatTakesTooMuchIsNotAskedAgain: too much time or memory is a doubt, which holds for the rest of the object.
// Pages can still be made.
func TestTextThatTakesTooMuchIsNotAskedAgain(t *testing.T) {
	t.Parallel()
	file := pagetest.PDF("", []pagetest.PDFPage{pagetest.Text("one"), pagetest.Text("two")})
	patient := sandbox.Limits{Processor: time.Hour, Clock: time.Hour}
	for _, name := range []string{"time", "memory"} {
		l := &ledger{}
		lim := l.limits(60)
		if name == "time" {
			lim.Decoder = limited(t, patient)
		} else {
			l.total = pdfRooms[0] + textMemory/2
		}
		ps, err := Split(t.Context(), newObject(file).source(), lim)
		if err != nil {
			t.Fatal(err)
		}
		if name == "time" {
			lim.Decoder.child.Limit(sandbox.Limits{Processor: 1, Clock: time.Hour})
		}
		first, _, err := ps.Text(t.Context(), 1)
		if !strings.Contains(first.Doubt, "too much") || err != nil {
			t.Errorf("%s: %+v, %v", name, first, err)
		}
		if name == "time" {
			lim.Decoder.child.Limit(patient)
		}
		l.total = 0
		if again, _, err := ps.Text(t.Context(), 2); !strings.Contains(again.Doubt, "too much") || again == first ||
			err != nil {
			t.Errorf("%s: %+v, %v", name, again, err)
		}
		if name == "memory" { // after its process died, the engine would have to be compiled again
			if _, _, err := ps.Page(t.Context(), 1); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		if err := ps.Close(); err != nil || l.held != 0 {
			t.Errorf("%s: %v, %d bytes held", name, err, l.held)
		}
	}
}

// TestContextEndsTheLookAtText: the result is the context's error, not a doubt.
func TestContextEndsTheLookAtText(t *testing.T) {
	t.Parallel()
	ps, err := Split(t.Context(), newObject(pdfOf(1)).source(), wide(60))
	if err != nil {
		t.Fatal(err)
	}
	defer ps.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if text, _, err := ps.Text(ctx, 1); !errors.Is(err, context.Canceled) || text != (Text{}) {
		t.Errorf("%+v, %v", text, err)
	}
}
