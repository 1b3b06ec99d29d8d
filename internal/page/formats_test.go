package page

import (
	"bytes"
	"encoding/binary"
	"image"
	"image/color"
	"image/gif"
	"slices"
	"strings"
	"testing"

	_ "golang.org/x/image/bmp"
	_ "golang.org/x/image/tiff"
	"golang.org/x/image/webp"

	"github.com/bucketocr/bucketocr/internal/page/pagetest"
	"github.com/bucketocr/bucketocr/internal/page/sandbox"
)

// TestEveryFormatBecomesAPage: every kind of file other than PNG and JPEG becomes a page of the right size, type and
// look, both scaled and unscaled.
func TestEveryFormatBecomesAPage(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		w, h int
		kind string
		how  string // after the format, if it is not scaled
	}{
		"bmp_1bpp.bmp":                        {96, 73, "png", ""},
		"bmp_4bpp.bmp":                        {96, 73, "png", ""},
		"bmp_8bpp.bmp":                        {96, 73, "png", ""},
		"video-001.bmp":                       {150, 103, "jpeg", ""},
		"yellow_rose-small-v5.bmp":            {28, 28, "png", "with a white margin"},
		"triangle-001.gif":                    {256, 128, "png", ""},
		"video-001.interlaced.gif":            {150, 103, "jpeg", ""},
		"video-005.gray.gif":                  {150, 103, "png", ""},
		"blue-purple-pink.lossy.webp":         {150, 100, "jpeg", ""},
		"video-001.lossy.webp":                {150, 103, "jpeg", ""},
		"gopher-doc.4bpp.lossless.webp":       {75, 100, "png", ""},
		"gopher-doc.with-alpha.lossless.webp": {75, 100, "png", "laid on white"},
		"yellow_rose.lossy-with-alpha.webp":   {400, 301, "jpeg", "laid on white"},
		"bw-deflate.tiff":                     {153, 55, "png", ""},
		"bw-gopher_ccittGroup3.tiff":          {153, 55, "png", ""},
		"bw-gopher_ccittGroup4.tiff":          {153, 55, "png", ""},
		"bw-packbits.tiff":                    {153, 55, "png", ""},
		"no_compress.tiff":                    {28, 28, "png", "laid on white, with a white margin"},
		"no_rps.tiff":                         {28, 28, "png", "laid on white, with a white margin"},
		"video-001-16bit.tiff":                {150, 103, "jpeg", "16 bits reduced to 8"},
		"video-001-gray-16bit.tiff":           {150, 103, "png", "16 bits reduced to 8"},
		"video-001-gray.tiff":                 {150, 103, "png", ""},
		"video-001-paletted.tiff":             {150, 103, "jpeg", ""},
		"video-001-tile-64x64.tiff":           {150, 103, "jpeg", ""},
		"video-001-strip-64.tiff":             {150, 103, "jpeg", ""},
	} {
		data := testFile(t, name)
		want, format, err := image.Decode(bytes.NewReader(data))
		if err != nil {
			t.Fatal(name, err)
		}
		for _, edge := range []int{4000, max(c.w, c.h) * 2 / 3} {
			pg, m := converted(t, data, edge)
			w, h := fit(want.Bounds().Dx(), want.Bounds().Dy(), edge)
			worst, psnr := differ(withoutMargin(m, w, h), averaged(want, w, h))
			if pg.Type == "image/png" && worst > 2 || psnr < 22 {
				t.Errorf("%s to %d: off by %.1f, %.1f dB", name, edge, worst, psnr)
			}
			if edge < 4000 {
				continue
			}
			if pg.Width != c.w || pg.Height != c.h || pg.Type != "image/"+c.kind {
				t.Errorf("%s: %d x %d as %s", name, pg.Width, pg.Height, pg.Type)
			}
			if how := strings.TrimPrefix(strings.TrimPrefix(strings.ToLower(pg.How), "from "+format),
				", "); how != c.how {
				t.Errorf("%s: %q", name, pg.How)
			}
		}
	}
	if _, _, err := only(t, newObject(testFile(t, "invalid-palette-ref.tiff")), wide(1540)); kindOf(err) != Corrupt {
		t.Error(err)
	}
}

// animated makes an animation of a still WebP: a canvas with the picture as the first frame, and a second frame.
func animated(t testing.TB, still []byte) []byte {
	t.Helper()
	chunks, err := webpChunks(still)
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := webp.DecodeConfig(bytes.NewReader(still))
	if err != nil {
		t.Fatal(err)
	}
	frame := make([]byte, frameHead)
	frame[6], frame[7] = byte(cfg.Width-1), byte((cfg.Width-1)>>8)
	frame[9], frame[10] = byte(cfg.Height-1), byte((cfg.Height-1)>>8)
	for _, c := range chunks {
		if c.name != "VP8X" {
			frame = appendChunk(frame, c.name, c.body)
		}
	}
	canvas := []byte{2, 0, 0, 0, 0xff, 1, 0, 0xff, 1, 0}
	body := appendChunk(nil, "VP8X", canvas)
	body = appendChunk(body, "ANIM", make([]byte, 6))
	body = appendChunk(appendChunk(body, "ANMF", frame), "ANMF", frame)
	return riff(body)
}

func riff(body []byte) []byte {
	file := binary.LittleEndian.AppendUint32([]byte("RIFF"), uint32(len(body)+4))
	return append(append(file, "WEBP"...), body...)
}

func TestFirstPictureOfAnAnimatedWebPIsThePage(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"video-001.lossy.webp", "gopher-doc.4bpp.lossless.webp",
		"yellow_rose.lossy-with-alpha.webp"} {
		still := testFile(t, name)
		_, want := converted(t, still, 100)
		pg, got := converted(t, animated(t, still), 100)
		if !strings.Contains(pg.How, "first picture of an animation") {
			t.Errorf("%s: %q", name, pg.How)
		}
		if worst, _ := differ(got, averaged(want, got.Bounds().Dx(), got.Bounds().Dy())); worst > 1 {
			t.Errorf("%s: off by %.1f", name, worst)
		}
	}
}

// TestListingAnAnimationCopiesNothing: the size of the first picture is found without a copy of it, which no budget
// holds in the function's own process.
func TestListingAnAnimationCopiesNothing(t *testing.T) {
	chunks, err := webpChunks(testFile(t, "video-001.lossy.webp"))
	if err != nil {
		t.Fatal(err)
	}
	file, err := sandbox.NewFile(bytes.NewReader(animated(t,
		riff(appendChunk(nil, "VP8 ", append(chunks[0].body, make([]byte, 1<<20)...))))), -1)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var list []entry
	used := allocated(func() { list, err = webpPages(t.Context(), &object{file: file}, 0) })
	if err != nil || list[0].picture.width != 150 || list[0].picture.height != 103 || used > 64<<10 {
		t.Errorf("%+v, %v, %d bytes allocated", list, err, used)
	}
}

// TestBytesBehindAWebPDoNotMatter: neither behind its end nor behind its picture.
func TestBytesBehindAWebPDoNotMatter(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"video-001.lossy.webp", "gopher-doc.4bpp.lossless.webp",
		"yellow_rose.lossy-with-alpha.webp"} {
		still := testFile(t, name)
		for _, file := range [][]byte{still, animated(t, still)} {
			_, want, err := only(t, newObject(file), wide(100))
			if err != nil {
				t.Fatal(err)
			}
			for what, changed := range map[string][]byte{
				"zeros": append(file[:len(file):len(file)], make([]byte, 9)...),
				"text":  append(file[:len(file):len(file)], "trailing text"...),
				"a broken chunk": riff(append(append(file[12:len(file):len(file)], make([]byte, len(file)&1)...),
					"EXIF\xff\xff\x00\x00II*"...)),
			} {
				if pg, got, err := only(t, newObject(changed), wide(100)); err != nil || !bytes.Equal(got, want) ||
					pg.Warnings != nil {
					t.Errorf("%s, %s: %+v, %v", name, what, pg, err)
				}
			}
		}
	}
}

func TestWebPIsTurnedUpright(t *testing.T) {
	t.Parallel()
	for _, before := range []string{"", "Exif\x00\x00"} {
		chunks, err := webpChunks(testFile(t, "video-001.lossy.webp"))
		if err != nil {
			t.Fatal(err)
		}
		body := appendChunk(nil, "VP8X", []byte{8, 0, 0, 0, 149, 0, 0, 102, 0, 0})
		body = appendChunk(body, chunks[0].name, chunks[0].body)
		body = appendChunk(body, "EXIF", append([]byte(before), pagetest.Exif(binary.LittleEndian, 6)...))
		if pg, _ := converted(t, riff(body), 1540); pg.Width != 103 || pg.How != "from WebP, turned 90°" {
			t.Errorf("%+v", pg)
		}
	}
}

// TestTransparentGIFIsLaidOnWhite: transparent pixels are white, and so is the screen around the first frame.
func TestTransparentGIFIsLaidOnWhite(t *testing.T) {
	t.Parallel()
	frame := image.NewPaletted(image.Rect(10, 20, 40, 60), color.Palette{color.RGBA{}, color.Black, color.White})
	frame.SetColorIndex(11, 21, 1)
	var b bytes.Buffer
	err := gif.EncodeAll(&b, &gif.GIF{Image: []*image.Paletted{frame, frame}, Delay: []int{1, 1},
		Config: image.Config{Width: 100, Height: 100}})
	if err != nil {
		t.Fatal(err)
	}
	pg, m := converted(t, b.Bytes(), 1540)
	r, _, _, _ := m.At(0, 0).RGBA()
	ink, _, _, _ := m.At(11, 21).RGBA()
	if pg.Width != 100 || pg.Height != 100 || r != 0xffff || ink != 0 {
		t.Errorf("%+v, %x, %x", pg, r, ink)
	}
}

// tiffOf returns a TIFF of gray pages, page n being n0+n pixels wide.
func tiffOf(t testing.TB, n0, n int) []byte {
	t.Helper()
	var pictures []pagetest.Picture
	for i := range n {
		pictures = append(pictures, pagetest.Gray(pagetest.Paper(n0+i+1, 60, 9), 60))
	}
	return pagetest.TIFF(binary.LittleEndian, pictures...)
}

func TestTIFFIsTurnedUpright(t *testing.T) {
	t.Parallel()
	src := pagetest.Paper(90, 60, 9)
	for o := orientation(1); o <= 8; o++ {
		m := drawn(image.NewGray, stored(src, o))
		pg, got := converted(t, pagetest.TIFF(binary.BigEndian, pagetest.Gray(m, 16).With(0x0112, 3, uint32(o))), 1540)
		if worst, _ := differ(got, averaged(src, 90, 60)); pg.Width != 90 || worst > 0 {
			t.Errorf("orientation %d: %+v, off by %.1f", o, pg, worst)
		}
	}
}

// TestFaxHasTheShapeOfItsPaper: pixels that are not square are stretched, also in a picture that is turned; a ratio
// that rounding explains, or nothing does, is ignored.
func TestFaxHasTheShapeOfItsPaper(t *testing.T) {
	t.Parallel()
	coarse, tall := pagetest.Paper(216, 108, 9), pagetest.Paper(100, 300, 9)
	for name, c := range map[string]struct {
		m            *image.Gray
		across, down [2]uint32
		orientation  orientation
		w, h         int
	}{
		"standard":          {coarse, [2]uint32{204, 1}, [2]uint32{98, 1}, 1, 216, 225},
		"in centimetres":    {coarse, [2]uint32{8040, 100}, [2]uint32{385, 10}, 1, 216, 226},
		"turned":            {coarse, [2]uint32{204, 1}, [2]uint32{98, 1}, 6, 225, 216},
		"superfine":         {tall, [2]uint32{204, 1}, [2]uint32{391, 1}, 1, 192, 300},
		"fine":              {tall, [2]uint32{204, 1}, [2]uint32{196, 1}, 1, 100, 300},
		"square":            {tall, [2]uint32{300, 1}, [2]uint32{300, 1}, 1, 100, 300},
		"only one":          {tall, [2]uint32{300, 1}, [2]uint32{0, 1}, 1, 100, 300},
		"neither":           {tall, [2]uint32{}, [2]uint32{}, 1, 100, 300},
		"out of proportion": {tall, [2]uint32{300, 1}, [2]uint32{72, 1}, 1, 100, 300},
	} {
		p := pagetest.Fax(c.m, 4, 50, pagetest.FaxOptions{}).With(282, 5, c.across[:]...).With(283, 5, c.down[:]...)
		p = p.With(274, 3, uint32(c.orientation))
		for _, edge := range []int{1540, 90} {
			pg, got := converted(t, pagetest.TIFF(binary.BigEndian, p), edge)
			w, h := fit(c.w, c.h, edge)
			if pg.Width != w || pg.Height != h {
				t.Errorf("%s: %d x %d, want %d x %d (%s)", name, pg.Width, pg.Height, w, h, pg.How)
			}
			if c.orientation == upright {
				if worst, _ := differ(got, averaged(bilevel(c.m), w, h)); worst > 1 {
					t.Errorf("%s: off by %.1f", name, worst)
				}
			}
		}
	}
}

// bilevel returns the picture in black and white, as a fax stores it.
func bilevel(m *image.Gray) *image.Gray {
	out := image.NewGray(m.Rect)
	for i, v := range m.Pix {
		out.Pix[i] = v >> 7 * 255
	}
	return out
}

// TestBudgetCoversAStretchedFax: its page may have several times the pixels of the file.
func TestBudgetCoversAStretchedFax(t *testing.T) {
	p := pagetest.Fax(pagetest.Paper(1500, 400, 12), 4, 400, pagetest.FaxOptions{}).With(282, 5, 400, 1).
		With(283, 5, 100, 1)
	l := &ledger{}
	lim := wide(1540)
	lim.Budget, lim.Decoder = l, nil
	o := newObject(pagetest.TIFF(binary.LittleEndian, p))
	var pg *Page
	used := allocated(func() {
		var err error
		if pg, _, err = only(t, o, lim); err != nil {
			t.Fatal(err)
		}
	})
	if pg.Height != 1540 || used > l.most {
		t.Errorf("%d x %d, acquired %v, allocated %d", pg.Width, pg.Height, l.acquired, used)
	}
}

// TestBrokenTIFFShowsWhatThereIs: only pages that lack rows or strips have a warning; a page without readable pixels
// fails.
func TestBrokenTIFFShowsWhatThereIs(t *testing.T) {
	t.Parallel()
	src := pagetest.Paper(90, 60, 9)
	fax := pagetest.Fax(src, 4, 60, pagetest.FaxOptions{Missing: 20})
	strip := pagetest.Gray(src, 16)
	strip.Strips[3] = nil
	data := pagetest.TIFF(binary.LittleEndian, pagetest.Gray(src, 16), fax, strip, pagetest.Picture{Tags: strip.Tags})
	ps, err := Split(t.Context(), newObject(data).source(), wide(1540))
	if err != nil {
		t.Fatal(err)
	}
	defer ps.Close()
	for i, damaged := range []bool{false, true, true} {
		pg, _, err := ps.Page(t.Context(), i+1)
		if err != nil || slices.Contains(pg.Warnings, WarnDamaged) != damaged ||
			strings.Contains(pg.How, "missing") != damaged {
			t.Errorf("page %d: %+v, %v", i+1, pg, err)
		}
	}
	if _, _, err := ps.Page(t.Context(), 4); kindOf(err) != Corrupt ||
		err.Error() != "the TIFF is damaged: part of the picture is missing" {
		t.Error(err)
	}
}
