package page

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"image"
	"image/color"
	"image/draw"
	"image/gif"
	"image/png"
	"strings"
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

// TestWhiteOnTransparentIsDrawn: writing that would vanish on white is black on white, whatever the format.
func TestWhiteOnTransparentIsDrawn(t *testing.T) {
	t.Parallel()
	text := pagetest.Paper(300, 200, 14)
	straight := image.NewNRGBA(text.Rect)
	palette := color.Palette{color.NRGBA{}}
	for a := 1; a < 256; a++ {
		palette = append(palette, color.NRGBA{255, 255, 255, byte(a)})
	}
	indexed, two := image.NewPaletted(text.Rect, palette),
		image.NewPaletted(text.Rect, color.Palette{color.White, color.Transparent})
	planes := image.NewNYCbCrA(text.Rect, image.YCbCrSubsampleRatio420)
	for i, v := range text.Pix {
		copy(straight.Pix[4*i:], []byte{255, 255, 255, 255 - v})
		indexed.Pix[i], two.Pix[i] = 255-v, v>>7
		planes.Y[i], planes.A[i] = 235, 255-v
	}
	for i := range planes.Cb {
		planes.Cb[i], planes.Cr[i] = 128, 128
	}
	var flag bytes.Buffer
	if err := gif.Encode(&flag, two, nil); err != nil {
		t.Fatal(err)
	}
	want := image.Image(text)
	same := func(name, how string, blank bool, got image.Image) {
		t.Helper()
		w, h := got.Bounds().Dx(), got.Bounds().Dy()
		if worst, _ := differ(got, averaged(want, w, h)); worst > 2 || blank {
			t.Errorf("%s: off by %.1f, blank %v", name, worst, blank)
		}
		if !strings.HasSuffix(how, "drawn in black since it is white on a transparent ground") {
			t.Errorf("%s: %q", name, how)
		}
	}
	for name, data := range map[string][]byte{
		"PNG": pagetest.EncodePNG(straight), "PNG of 16 bits": pagetest.EncodePNG(drawn(image.NewNRGBA64, straight)),
		"PNG with a palette": pagetest.EncodePNG(indexed),
		"TIFF": pagetest.TIFF(binary.LittleEndian,
			pagetest.Samples(straight, pagetest.Storage{Colour: 2, Alpha: 1})),
	} {
		for _, edge := range []int{1540, 120} {
			pg, got := converted(t, data, edge)
			same(name, pg.How, pg.Blank, got)
		}
	}
	p, err := finishing{edge: 150, orientation: upright}.finish(fullRange(planes))
	if m, failed := png.Decode(bytes.NewReader(p.bytes)); cmp.Or(err, failed) != nil || !p.byOpacity {
		t.Error(err, failed)
	} else {
		same("lossy WebP", "drawn in black since it is white on a transparent ground", p.blank, m)
	}
	want = bilevel(text)
	pg, got := converted(t, flag.Bytes(), 1540)
	same("GIF", pg.How, pg.Blank, got)
}

// TestGrayPagesKeepEveryPixel: as the standard library reads them, whatever is on them, and smaller than it writes
// them.
func TestGrayPagesKeepEveryPixel(t *testing.T) {
	t.Parallel()
	for _, size := range []image.Point{{1, 1}, {1, 9}, {9, 1}, {600, 411}} {
		text := pagetest.Paper(size.X, size.Y, 12)
		part := image.NewGray(image.Rect(0, 0, size.X+5, size.Y+3))
		draw.Draw(part, part.Rect, pagetest.Paper(size.X+5, size.Y+3, 9), image.Point{}, draw.Src)
		for name, m := range map[string]*image.Gray{"clean": text, "noisy": pagetest.Scanned(text, 2),
			"part of another": part.SubImage(text.Rect).(*image.Gray)} {
			b, kind, err := encode(m, false)
			got, decodeErr := png.Decode(bytes.NewReader(b))
			if err != nil || decodeErr != nil || kind != "image/png" || got.Bounds() != text.Rect {
				t.Fatalf("%s, %v: %s, %v, %v", name, size, kind, err, decodeErr)
			}
			for y := range size.Y {
				if !bytes.Equal(got.(*image.Gray).Pix[y*size.X:][:size.X], m.Pix[y*m.Stride:][:size.X]) {
					t.Fatalf("%s, %v: row %d", name, size, y)
				}
			}
			var theirs bytes.Buffer
			if err := (&png.Encoder{CompressionLevel: png.BestSpeed}).Encode(&theirs, m); err != nil || size.X > 9 &&
				len(b) > theirs.Len() ||
				size.X > 9 && name == "noisy" && len(b) > theirs.Len()*93/100 {
				t.Errorf("%s, %v: %d bytes, image/png %d, %v", name, size, len(b), theirs.Len(), err)
			}
		}
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
