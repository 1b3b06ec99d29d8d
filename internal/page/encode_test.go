package page

import (
	"image"
	"image/color"
	"image/draw"
	"testing"

	"github.com/bucketocr/bucketocr/internal/page/pagetest"
)

func TestBlankPagesAreMarked(t *testing.T) {
	t.Parallel()
	white := image.NewGray(image.Rect(0, 0, 900, 700))
	draw.Draw(white, white.Rect, image.White, image.Point{}, draw.Src)
	cream := image.NewRGBA(white.Rect)
	draw.Draw(cream, white.Rect, image.NewUniform(color.RGBA{250, 245, 220, 255}), image.Point{}, draw.Src)
	dot, clear := drawn(image.NewGray, white), image.NewNRGBA(white.Rect)
	dot.SetGray(450, 350, color.Gray{0})
	for name, c := range map[string]struct {
		data []byte
		want bool
	}{
		"white": {pagetest.EncodePNG(white), true}, "cream": {pagetest.EncodePNG(cream), true},
		"nothing at all": {pagetest.EncodePNG(clear), true},
		"one dot":        {pagetest.EncodePNG(dot), false}, "JPEG": {pagetest.EncodeJPEG(cream), true},
		"scanned paper":        {pagetest.EncodePNG(pagetest.Scanned(white, 2)), false},
		"text":                 {pagetest.EncodePNG(pagetest.Paper(900, 700, 14)), false},
		"PDF":                  {pagetest.PDF("", []pagetest.PDFPage{{Width: 600, Height: 800}}), true},
		"PDF with a full stop": {pagetest.PDF("", []pagetest.PDFPage{pagetest.Text(".")}), false},
	} {
		if pg, _ := converted(t, c.data, 400); pg.Blank != c.want {
			t.Errorf("%s: blank %v", name, pg.Blank)
		}
	}
	if pg, _ := converted(t, pagetest.EncodePNG(white), 1540); pg.Blank {
		t.Error("what passes is not looked at")
	}
}

// TestFaintWritingIsNotBlank shows the margin: by how much writing on a page of A4 at 300 DPI, scaled for the model,
// differs from the paper. The limit is 4.
func TestFaintWritingIsNotBlank(t *testing.T) {
	t.Parallel()
	const a4, edge, width, height = 3508, 1540, 1240, 877 // pixels
	for _, c := range []struct {
		name      string
		ink       uint8 // on white
		size      float64
		colourful bool
		least     int
	}{
		{"pencil, 12 pt", 200, 50, false, 50},
		{"hard pencil, 8 pt", 230, 33, false, 20},
		{"what shines through, 10 pt", 240, 42, false, 12},
		{"hardly to be seen, 8 pt", 246, 33, false, 2 * blankContrast},
		{"yellow marker", 0, 42, true, 50},
	} {
		text := pagetest.Paper(width, height, c.size)
		m := image.NewRGBA(text.Rect)
		for i, v := range text.Pix {
			faded := 255 - uint8(int(255-v)*int(255-c.ink)/255)
			pixel := []byte{faded, faded, faded, 255}
			if c.colourful {
				pixel = []byte{255, 255, v/2 + 127, 255}
			}
			copy(m.Pix[4*i:], pixel)
		}
		for kind, data := range map[string][]byte{"PNG": pagetest.EncodePNG(m), "JPEG": pagetest.EncodeJPEG(m)} {
			_, small := converted(t, data, width*edge/a4)
			got := contrast(anyContrast(small))
			t.Logf("%s, %s: %d", c.name, kind, got)
			if got < c.least {
				t.Errorf("%s, %s: %d", c.name, kind, got)
			}
		}
	}
}

// anyContrast converts a picture to a type that contrast supports.
func anyContrast(m image.Image) image.Image {
	switch m.(type) {
	case *image.Gray, *image.YCbCr, *image.RGBA:
		return m
	}
	return drawn(image.NewRGBA, m)
}
