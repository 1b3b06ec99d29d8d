//go:build integration

// The processes that it starts are not under the race detector in any case.

package main

import (
	"bytes"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bucketocr/bucketocr/internal/page/pagetest"
	"github.com/bucketocr/bucketocr/ocr"
)

// printed is the text of the pages below, lines about as wide as a page of 300 DPI is high.
var printed = []string{
	"The invoice is for paper and ink, which came by train in the first week of the year and was paid for in cash before the end of it.",
	"Nobody could say where the other boxes had gone, though two of the men remember that they were seen on the platform at noon.",
	"When we asked at the office, the clerk looked through the book from the first page to the last and found no word about them.",
	"Please write to us as soon as you can, and tell us how many there were, what they held and who had been asked to take them away.",
	"The price of what is lost will be taken from the next bill, as we have done since the house was opened by your father and mine.",
	"We hope that all of you are well, that the roof was mended before the rain, and that the children like their school in the new town.",
}

// bilevel is a page as a fax has it: black or white, nothing between.
func bilevel(m *image.Gray) *image.Paletted {
	out := image.NewPaletted(m.Rect, color.Palette{color.Black, color.White})
	for i, v := range m.Pix {
		out.Pix[i] = v >> 7
	}
	return out
}

// tinted is a page in dark blue on yellowish paper, as a camera sees it.
func tinted(m *image.Gray) *image.RGBA {
	r := rand.New(rand.NewPCG(1, 2))
	out := image.NewRGBA(m.Rect)
	for i, v := range m.Pix {
		noise := r.IntN(16)
		out.Set(i%m.Stride, i/m.Stride,
			color.RGBA{uint8(20 + int(v)*85/100 + noise), uint8(30 + int(v)*8/10 + noise),
				uint8(90 + int(v)*45/100 + noise), 255})
	}
	return out
}

// wordsOf are a text's words; the engine takes a letter for its capital now and then.
func wordsOf(text string) []string { return strings.Fields(strings.ToLower(text)) }

// TestReadable: the built-in OCR reads a page of 1 bit and one in colour as well when they have been scaled to what the
// model looks at as it does before: every word of them.
func TestReadable(t *testing.T) {
	if testing.Short() {
		t.Skip("builds localocr")
	}
	sheet := pagetest.Sheet(46, printed...) // 11 pt at 300 DPI
	var bits, colour bytes.Buffer
	if err := png.Encode(&bits, bilevel(sheet)); err != nil {
		t.Fatal(err)
	}
	if err := jpeg.Encode(&colour, tinted(sheet), &jpeg.Options{Quality: 90}); err != nil {
		t.Fatal(err)
	}
	d := newDesk(t, map[string][]byte{"bits.png": bits.Bytes(), "colour.jpg": colour.Bytes()})
	d.env = nil
	code, out := d.up(t.Context(), "--once", "--verbose")
	if code != exitGood {
		t.Fatalf("exit code %d\n%s", code, out)
	}
	program, err := cachedOCR(checkout())
	if err != nil {
		t.Fatal(err)
	}
	logs, err := os.Create(filepath.Join(t.TempDir(), "localocr.log"))
	if err != nil {
		t.Fatal(err)
	}
	s, err := startOCR(t.Context(), program, logs)
	if err != nil {
		t.Fatal(err)
	}
	defer s.stop()
	c, err := ocr.New(ocr.Config{URL: s.url})
	if err != nil {
		t.Fatal(err)
	}
	for name, whole := range map[string][]byte{"bits.png": bits.Bytes(), "colour.jpg": colour.Bytes()} {
		want(t, out, name+"  scaled ")
		before, err := c.ExtractText(t.Context(), ocr.Bytes(whole))
		if err != nil {
			t.Fatal(err)
		}
		words := wordsOf(strings.Join(printed, " "))
		for when, text := range map[string]string{"before": before.Text, "after": d.text(name)} {
			if got := wordsOf(text); !slices.Equal(got, words) {
				t.Errorf("%s, %s: %q", name, when, got)
			}
		}
	}
}
