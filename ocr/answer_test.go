package ocr_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/bucketocr/bucketocr/ocr"
	"github.com/bucketocr/bucketocr/ocr/ocrtest"
)

// TestListsOnWhichTwoAnswersAgree: lists whose lines differ little or count, and lines to fill in, are on the page if
// two answers have them, and are not warned of.
func TestListsOnWhichTwoAnswersAgree(t *testing.T) {
	t.Parallel()
	lines := func(n int, line func(i int) string) string {
		var b strings.Builder
		for i := range n {
			b.WriteString(line(i) + "\n")
		}
		return strings.TrimSpace(b.String())
	}
	for name, text := range map[string]string{
		"screws":  lines(44, func(i int) string { return fmt.Sprintf("Schraube M%d x %d", 3+i%7, 10+i*7%90) }),
		"trains":  lines(44, func(i int) string { return fmt.Sprintf("%02d:%02d Hamburg Hbf", 5+i/3, i*17%60) }),
		"numbers": lines(400, func(i int) string { return fmt.Sprint(i + 1) }),
		"a line":  "# Name\n\n" + strings.Repeat("_", 520),
	} {
		s, r, err := readWith(t, ocrtest.Text(text))
		if err != nil || r.Text != text || r.Warnings != nil || s.Counts().Requests > 2 {
			t.Errorf("%s: %d of %d bytes, %q, %d requests, %v", name, len(r.Text), len(text), r.Warnings,
				s.Counts().Requests, err)
		}
	}
	invented := "# Name\n\n" + strings.Repeat(".", 5000)
	_, r, err := readWith(t, ocrtest.Text(invented))
	if err != nil || !slices.Equal(r.Warnings, []string{"repetition"}) {
		t.Errorf("5,000 dots: %q, %v", r.Warnings, err)
	}
}

// TestTextBehindALoopIsKept: if a limit cuts the text off soon after the model has left a loop, what it read after that
// is kept, and the text is said to be cut off.
func TestTextBehindALoopIsKept(t *testing.T) {
	t.Parallel()
	const behind = "The punishment above was set by Mr Hale. Next: the second sheet of"
	_, r, err := readWith(t, ocrtest.Finish("length", prose+"\n\n"+strings.Repeat(overleaf, 90)+"\n"+behind))
	if err != nil || !strings.HasSuffix(r.Text, strings.TrimSpace(overleaf)+"\n\n"+behind) ||
		strings.Count(r.Text, overleaf) != 1 || !slices.Equal(r.Warnings, []string{"repetition", "truncated"}) {
		t.Errorf("%q, %q, %v", r.Text[max(0, len(r.Text)-200):], r.Warnings, err)
	}
}

// TestMarkersAloneAreNoText: in layout mode, an answer without any text on a page with ink is marked, unless it is a
// picture.
func TestMarkersAloneAreNoText(t *testing.T) {
	t.Parallel()
	for label, warnings := range map[string][]string{"text": {"no_text"}, "table": {"no_text"}, "image": nil} {
		s := ocrtest.New(t, ocrtest.Models("lightonai/LightOnOCR-3-1B"))
		s.Default(ocrtest.Text("![" + label + "](10,10,990,990)"))
		c := newClient(t, s, func(cfg *ocr.Config) {
			cfg.Model, cfg.Mode = "lightonai/LightOnOCR-3-1B", ocr.ModeLayout
		})
		r, err := c.ExtractText(patience(t), page(t, true, 0.05).Image)
		if err != nil || r.Text != "" || r.Blank || !slices.Equal(r.Warnings, warnings) {
			t.Errorf("%s: %q, blank %t, %q, %v", label, r.Text, r.Blank, r.Warnings, err)
		}
	}
}
