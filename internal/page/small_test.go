package page

import (
	"image"
	"image/color"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bucketocr/bucketocr/internal/page/heif"
	"github.com/bucketocr/bucketocr/internal/page/pagetest"
)

// TestPaperIsWhiteAndInkIsBlack: colours are right in AVIF, HEIC, WebP and JPEG 2000 of every depth, sampling, range
// and matrix, of narrow and odd sizes, with and without transparency.
func TestPaperIsWhiteAndInkIsBlack(t *testing.T) {
	t.Parallel()
	files := testFiles(t, "small*")
	if len(files) < 17 {
		t.Fatal(len(files), "files")
	}
	for name, data := range files {
		if unread(t, data) {
			continue
		}
		pg, m := converted(t, data, 1540)
		if pg.Width != 29 || pg.Height != 40 {
			t.Errorf("%s: %d x %d", name, pg.Width, pg.Height)
		}
		red := color.RGBA{200, 30, 60, 255}
		if strings.Contains(name, "gray") {
			red = color.RGBA{84, 84, 84, 255}
		}
		pale := red
		if strings.Contains(name, "alpha") || strings.Contains(name, "premultiplied") {
			pale = color.RGBA{227, 142, 157, 255}
		}
		for _, p := range []struct {
			x, y int
			want color.RGBA
		}{{4, 5, color.RGBA{255, 255, 255, 255}}, {22, 5, color.RGBA{255, 255, 255, 255}},
			{5, 30, color.RGBA{0, 0, 0, 255}}, {22, 28, red}, {22, 37, pale}} {
			r, g, b, _ := m.At(p.x, p.y).RGBA()
			for c, d := range []int{int(r>>8) - int(p.want.R), int(g>>8) - int(p.want.G), int(b>>8) - int(p.want.B)} {
				if max(d, -d) > 8 {
					t.Errorf("%s at %d, %d: channel %d is off by %d", name, p.x, p.y, c, d)
				}
			}
		}
		if says := strings.Contains(pg.How, "reduced to 8 bits"); says != (strings.Contains(name, "bit") ||
			strings.Contains(name, "deep")) {
			t.Errorf("%s: %q", name, pg.How)
		}
		if strings.HasSuffix(name, filepath.Ext(name)) && pg.Blank {
			t.Errorf("%s is blank", name)
		}
	}
}

// tilesOf returns a HEIC of the four tiles of a page of 400 x 300.
func tilesOf(t *testing.T, change func(*pagetest.Grid)) []byte {
	t.Helper()
	g := pagetest.Grid{Columns: 2, Rows: 2, TileWidth: 208, TileHeight: 160, Width: 400, Height: 300, Mirror: -1}
	change(&g)
	return pagetest.HEIC(testFile(t, "tiles.heic"), g)
}

func TestTransparentTilesAreLaidOnWhite(t *testing.T) {
	t.Parallel()
	if heif.HEIC() == nil {
		t.Skip("built without HEIC")
	}
	_, plain := converted(t, tilesOf(t, func(*pagetest.Grid) {}), 1540)
	_, m := converted(t, tilesOf(t, func(g *pagetest.Grid) { g.Alpha = true }), 1540)
	for y := 0; y < 300; y += 3 {
		for x := 0; x < 400; x += 3 {
			v := float64(color.GrayModel.Convert(plain.At(x, y)).(color.Gray).Y) / 255
			want := 255 * (v*v + 1 - v)
			if got := float64(color.GrayModel.Convert(m.At(x, y)).(color.Gray).Y); got < want-40 || got > want+40 {
				t.Fatalf("%d, %d: %.0f, want %.0f", x, y, got, want)
			}
		}
	}
}

func TestOverlaidPictureIsWhereItBelongs(t *testing.T) {
	t.Parallel()
	if heif.HEIC() == nil {
		t.Skip("built without HEIC")
	}
	tiles := testFile(t, "tiles.heic")
	_, tile := converted(t, tilesOf(t, func(*pagetest.Grid) {}), 1540)
	for _, at := range []image.Point{{50, 20}, {-30, 20}, {50, -16}, {31, 17}} {
		_, m := converted(t, pagetest.HEICOverlay(tiles, 208, 160, 300, 200, int16(at.X), int16(at.Y)), 1540)
		if r, g, b, _ := m.At(290, 190).RGBA(); r>>8 < 245 || g>>8 > 10 || b>>8 > 10 {
			t.Errorf("at %v: the ground is %d, %d, %d", at, r>>8, g>>8, b>>8)
		}
		part := image.Rect(0, 0, 208, 160).Add(at).Intersect(m.Bounds()).Inset(9)
		sum, n := 0, 0
		for y := part.Min.Y; y < part.Max.Y; y++ {
			for x := part.Min.X; x < part.Max.X; x++ {
				a, b := color.GrayModel.Convert(m.At(x, y)).(color.Gray).Y,
					color.GrayModel.Convert(tile.At(x-at.X, y-at.Y)).(color.Gray).Y
				sum, n = sum+int(max(a, b)-min(a, b)), n+1
			}
		}
		if sum > 6*n {
			t.Errorf("at %v: off by %d", at, sum/n)
		}
	}
}

func TestFirstPictureOfASequenceIsThePage(t *testing.T) {
	t.Parallel()
	if heif.HEIC() == nil {
		t.Skip("built without HEIC")
	}
	tiles := testFile(t, "tiles.heic")
	pg, got := converted(t, pagetest.HEICSequence(tiles, 208, 160), 1540)
	if pg.How != "from HEIC, first picture of an animation" {
		t.Error(pg.How)
	}
	want := pagetest.Screen(pagetest.Paper(400, 300, 16))
	if _, psnr := differ(got, averaged(want.SubImage(got.Bounds()), 208, 160)); psnr < 24 {
		t.Errorf("%.1f dB", psnr)
	}
}

// TestOtherFilesAreNamed: the error for an unsupported file names its type, and does not call it damaged.
func TestOtherFilesAreNamed(t *testing.T) {
	t.Parallel()
	zeros := strings.Repeat("\x00", 64)
	for what, data := range map[string]string{
		"JPEG XL":        "\xff\x0a" + zeros,
		"JPEG XL ":       "\x00\x00\x00\x0cJXL \r\n\x87\n" + zeros,
		"JPEG XR":        "II\xbc\x01" + zeros,
		"an icon (ICO)":  "\x00\x00\x01\x00\x01\x00\x20\x20\x00\x00\x01\x00\x20\x00" + zeros,
		"a cursor (CUR)": "\x00\x00\x02\x00\x01\x00\x20\x20\x00\x00\x01\x00\x20\x00" + zeros,
		"TGA": "\x00\x00\x02\x00\x00\x00\x00\x00\x00\x00\x00\x00\x20\x00\x20\x00\x18\x20" +
			zeros,
		"a Photoshop file (PSD)":      "8BPS\x00\x01" + zeros,
		"PGM":                         "P5\n3 3\n255\n" + zeros,
		"PAM":                         "P7\nWIDTH 3\n",
		"DjVu":                        "AT&TFORM" + zeros,
		"PostScript":                  "%!PS-Adobe-3.0 EPSF-3.0\n",
		"PostScript (EPS)":            "\xc5\xd0\xd3\xc6" + zeros,
		"a GIMP file (XCF)":           "gimp xcf v011\x00",
		"a Windows metafile (EMF)":    "\x01\x00\x00\x00" + zeros[:36] + " EMF" + zeros,
		"a Windows metafile (WMF)":    "\xd7\xcd\xc6\x9a" + zeros,
		"a Word file (DOCX)":          "PK\x03\x04" + zeros[:22] + "word/document.xml",
		"an OpenDocument file":        "PK\x03\x04" + zeros[:26] + "mimetypeapplication/vnd.oasis.opendocument.text",
		"a ZIP archive":               "PK\x03\x04" + zeros,
		"a Word, Excel or PowerPoint": "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + zeros,
		"RTF":                         "{\\rtf1\\ansi}",
		"HTML":                        "\n<!DOCTYPE html><p>x",
		"XML":                         "<?xml version=\"1.0\"?><a/>",
		"plain text":                  "Dear Sir or Madam, naïve",
		"a gzip file":                 "\x1f\x8b\x08" + zeros,
		"a video (MP4 or QuickTime)":  "\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom",
		"a Canon raw file (CR3)":      "\x00\x00\x00\x18ftypcrx \x00\x00\x00\x01crx isom",
		"HEIF with a short header": "\x00\x00\x00\x10ftypmif3\x00\x00\x00\x00" +
			"\x00\x00\x00\x0cmini\x00\x00\x00\x00",
		"HEIF containing a JPEG":      string(tilesOf(t, func(g *pagetest.Grid) { g.Kind = "jpeg" })),
		"uncompressed HEIF":           string(tilesOf(t, func(g *pagetest.Grid) { g.Kind = "unci" })),
		"HEIF coded as VVC":           string(tilesOf(t, func(g *pagetest.Grid) { g.Kind = "vvc1" })),
		"HEIF coded as AVC (H.264)":   string(tilesOf(t, func(g *pagetest.Grid) { g.Kind = "avc1" })),
		"HEIF containing a JPEG 2000": string(tilesOf(t, func(g *pagetest.Grid) { g.Kind = "j2k1" })),
	} {
		if heif.HEIC() == nil && strings.Contains(what, "HEIF") {
			continue
		}
		_, _, err := only(t, newObject([]byte(data)), wide(1540))
		if kindOf(err) != Unsupported || !strings.HasPrefix(err.Error(), strings.TrimSpace(what)) ||
			!strings.Contains(err.Error(), "is not supported") {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestJPEG2000BecomesAPage(t *testing.T) {
	t.Parallel()
	data := testFile(t, "small.jp2")
	if pg, _ := converted(t, data, 1540); pg.How != "from JPEG 2000" {
		t.Errorf("%q", pg.How)
	}
	if pg, _ := converted(t, data, 39); pg.Width != 28 || pg.Height != 39 ||
		pg.How != "from JPEG 2000, scaled 29x40 to 28x39" {
		t.Errorf("%+v", pg)
	}
	at := strings.Index(string(data), codestreamMagic) + 8
	for want, change := range map[Kind]string{TooLarge: "\x00\x01\x00\x00\x00\x01\x00\x00",
		Corrupt: "\x00\x00\x00\x00\x00\x00\x00\x00"} {
		large := append(append(append([]byte(nil), data[:at]...), change...), data[at+8:]...)
		if _, _, err := only(t, newObject(large), wide(1540)); kindOf(err) != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
	if _, _, err := only(t, newObject(data[:60]), wide(1540)); kindOf(err) != Corrupt {
		t.Error(err)
	}
}

// TestEngineThatCrashesBlamesTheFile: there is no second attempt, since the same bytes would crash it again.
func TestEngineThatCrashesBlamesTheFile(t *testing.T) {
	t.Parallel()
	if err := heifComplaint("AVIF", heif.ErrCrash); kindOf(err) != Corrupt {
		t.Error(err)
	}
}

// TestLargeDeepPictureNeedsLittle: 20 megapixels of 10 bits need less than half of an instance's default memory; a
// picture of tiles of that size needs memory for its planes and one tile.
func TestLargeDeepPictureNeedsLittle(t *testing.T) {
	t.Parallel()
	data := testFile(t, "10bit.avif")
	at := strings.Index(string(data), "ispe") + 8
	copy(data[at:], "\x00\x00\x15\xda\x00\x00\x0e\x61") // 5594 x 3681
	for name, c := range map[string]struct {
		data []byte
		most int64
	}{
		"deep": {data, 280 << 20},
		"tiles": {pagetest.HEIC(testFile(t, "tiles.heic"),
			pagetest.Grid{Columns: 2, Rows: 2, TileWidth: 208, TileHeight: 160, Width: 5594, Height: 3681,
				Mirror: -1}), 80 << 20},
	} {
		if unread(t, c.data) {
			continue
		}
		l := &ledger{}
		// it is smaller than declared
		if _, _, err := only(t, newObject(c.data), l.limits(1540)); name == "deep" && kindOf(err) != Corrupt {
			t.Errorf("%s: %v", name, err)
		}
		if slices.Max(l.acquired) > max(c.most, compileMemory) || l.acquired[len(l.acquired)-1] > c.most {
			t.Errorf("%s: %d MiB", name, l.acquired[len(l.acquired)-1]>>20)
		}
	}
}
