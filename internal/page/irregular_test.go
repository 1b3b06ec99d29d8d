package page

import (
	"bytes"
	"image"
	"image/draw"
	"slices"
	"strings"
	"testing"

	"github.com/bucketocr/bucketocr/internal/page/pagetest"
)

// irregular returns files of every kind that the standard library rejects and other programs read, with the picture
// that they show.
func irregular(t testing.TB) map[string]struct {
	file []byte
	want image.Image
} {
	all := map[string]struct {
		file []byte
		want image.Image
	}{}
	add := func(name string, file []byte, want image.Image) {
		all[name] = struct {
			file []byte
			want image.Image
		}{file, want}
	}
	photo := pagetest.EncodeJPEG(pagetest.Photo(pagetest.Paper(90, 70, 12)))
	shown, _, err := image.Decode(bytes.NewReader(photo))
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range pagetest.IrregularJPEGs() {
		add("JPEG, "+name, change(photo), shown)
	}
	palette := testFile(t, "basn3p08-trns.png")
	clear, _, err := image.Decode(bytes.NewReader(palette))
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range pagetest.IrregularPNGs() {
		add("PNG, "+name, change(palette), clear)
	}
	paper := pagetest.FourGrays(120, 90)
	for name, kind := range pagetest.BMPs() {
		add("BMP, "+name, kind.Write(paper), paper)
	}
	for name, kind := range pagetest.GIFs(paper.Rect.Size()) {
		add("GIF, "+name, kind.Write(paper), paper)
	}
	return all
}

// TestIrregularFilesAreRead: files that other programs read become pages without a warning.
func TestIrregularFilesAreRead(t *testing.T) {
	t.Parallel()
	for name, c := range irregular(t) {
		pg, b, err := only(t, newObject(c.file), wide(80))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		m, _, err := image.Decode(bytes.NewReader(b))
		if err != nil || pg.Warnings != nil || strings.Contains(pg.How, "left empty") {
			t.Errorf("%s: %+v, %v", name, pg, err)
			continue
		}
		want := image.NewRGBA(c.want.Bounds())
		draw.Draw(want, want.Rect, image.White, image.Point{}, draw.Src)
		draw.Draw(want, want.Rect, c.want, c.want.Bounds().Min, draw.Over)
		worst, psnr := differ(m, averaged(want, m.Bounds().Dx(), m.Bounds().Dy()))
		if pg.Type == "image/png" && worst > 9 || psnr < 26 { // 9: of 16 bits per pixel
			t.Errorf("%s: off by %.1f, %.1f dB", name, worst, psnr)
		}
	}
}

// TestIrregularFilesDoNotPass: a file whose header is irregular does not pass through.
func TestIrregularFilesDoNotPass(t *testing.T) {
	t.Parallel()
	all := irregular(t)
	for _, name := range []string{"JPEG, stray bytes", "JPEG, comment of no length", "JPEG, height after the scan",
		"JPEG, channels of one number",
		"PNG, wrong sum of a comment", "PNG, transparency first"} {
		if pg, _, err := only(t, newObject(all[name].file), wide(1540)); err != nil || pg.Passed ||
			!strings.Contains(pg.How, "made regular") {
			t.Errorf("%s: %+v, %v", name, pg, err)
		}
	}
}

// TestWhatIsThereIsShown: a file that is cut off in its pixels becomes a page with a warning, which shows the upper
// part or, for BMP, the lower part.
func TestWhatIsThereIsShown(t *testing.T) {
	t.Parallel()
	paper := pagetest.FourGrays(300, 400)
	photo := pagetest.Photo(pagetest.Paper(300, 400, 14))
	cmyk := pagetest.BlockJPEG(20, 20, [][2]int{{1, 1}, {1, 1}, {1, 1}, {1, 1}}, 0, func(_, x, y int) byte {
		return byte(200 + x*y%50)
	})
	for name, file := range map[string][]byte{
		"JPEG": pagetest.EncodeJPEG(photo), "CMYK": cmyk, "PNG": pagetest.EncodePNG(photo),
		"gray PNG": pagetest.EncodePNG(pagetest.Paper(300, 400, 14)),
		"GIF":      pagetest.GIF{}.Write(paper), "BMP": pagetest.BMP{Header: 40, Depth: 24}.Write(paper),
		"BMP in runs": pagetest.BMP{Header: 40, Depth: 8, Compression: 1}.Write(paper),
	} {
		for _, size := range []int64{0, -1} {
			o := newObject(file[:len(file)*2/3])
			if size < 0 {
				o.size = size
			}
			l := &ledger{}
			pg, _, err := only(t, o, l.limits(100))
			if err != nil || !slices.Equal(pg.Warnings, []string{WarnDamaged}) ||
				!strings.HasSuffix(pg.How, ", the missing part left empty") || l.held != 0 {
				t.Errorf("%s: %+v, %v, %d bytes held", name, pg, err, l.held)
			}
		}
		if pg, _, err := only(t, newObject(file), wide(100)); err != nil || pg.Warnings != nil {
			t.Errorf("%s, whole: %+v, %v", name, pg, err)
		}
	}
}

// TestCutOffPNGOfUnknownSizeIsDecodedAtOnce: it is in memory, so there is no need to send it first.
func TestCutOffPNGOfUnknownSizeIsDecodedAtOnce(t *testing.T) {
	t.Parallel()
	file := pagetest.EncodePNG(pagetest.Paper(300, 200, 14))
	o := newObject(file[:len(file)/2])
	o.size = -1
	if pg, _, err := only(t, o, wide(1540)); err != nil || pg.Passed ||
		!slices.Equal(pg.Warnings, []string{WarnDamaged}) {
		t.Errorf("%+v, %v", pg, err)
	}
}

// TestDecodedIsAnotherPage: Decoded re-encodes the readable part of a page that passed through.
func TestDecodedIsAnotherPage(t *testing.T) {
	t.Parallel()
	photo := pagetest.EncodeJPEG(pagetest.Photo(pagetest.Paper(300, 200, 14)))
	scan := pagetest.EncodePNG(pagetest.Paper(300, 200, 14))
	white := image.NewGray(image.Rect(0, 0, 30, 40))
	draw.Draw(white, white.Rect, image.White, image.Point{}, draw.Src)
	blank := pagetest.EncodePNG(white)
	for name, c := range map[string]struct {
		file     []byte
		warnings []string
		blank    bool
	}{
		"JPEG": {photo, nil, false}, "half a JPEG": {photo[:len(photo)/2], []string{WarnDamaged}, false},
		"PNG": {scan, nil, false}, "half a PNG": {scan[:len(scan)/2], []string{WarnDamaged}, false},
		"blank": {blank, nil, true},
	} {
		l := &ledger{}
		o := newObject(c.file)
		ps, err := Split(t.Context(), o.source(), l.limits(1540))
		if err != nil {
			t.Fatal(name, err)
		}
		passed, _, err := ps.Page(t.Context(), 1)
		if err != nil || !passed.Passed {
			t.Errorf("%s: %+v, %v", name, passed, err)
		}
		pg, _, err := ps.Decoded(t.Context(), 1)
		if err != nil || pg.Passed || pg.How == passed.How || !slices.Equal(pg.Warnings, c.warnings) ||
			pg.Blank != c.blank || pg.Width != passed.Width {
			t.Errorf("%s: %+v, %v", name, pg, err)
		}
		if err := ps.Close(); err != nil || l.held != 0 || o.opens.Load() != o.closes.Load() {
			t.Errorf("%s: %v, %d bytes held, %d opens, %d closes", name, err, l.held, o.opens.Load(), o.closes.Load())
		}
	}
}
