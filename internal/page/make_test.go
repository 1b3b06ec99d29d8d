package page

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/jpeg"
	"io"
	"math/rand/v2"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"testing"

	"github.com/bucketocr/bucketocr/internal/page/pagetest"
)

var errRefused = errors.New("no memory for you")

func TestConvertedPage(t *testing.T) {
	t.Parallel()
	text := pagetest.Paper(620, 877, 12)
	bilevel := image.NewPaletted(text.Rect, color.Palette{color.Black, color.White})
	for i, v := range text.Pix {
		bilevel.Pix[i] = v >> 7
	}
	half := drawn(image.NewNRGBA, text)
	half.Pix[3] = 0
	for name, c := range map[string]struct {
		data      []byte
		edge      int
		how, kind string
	}{
		"gray":  {pagetest.EncodePNG(text), 400, "scaled 620x877 to 283x400", "image/png"},
		"1 bit": {pagetest.EncodePNG(bilevel), 400, "scaled 620x877 to 283x400", "image/png"},
		"gray stored as RGB": {pagetest.EncodePNG(drawn(image.NewRGBA, text)), 400, "scaled 620x877 to 283x400",
			"image/png"},
		"screen": {pagetest.EncodePNG(pagetest.Screen(pagetest.Paper(620, 877, 50))), 400,
			"scaled 620x877 to 283x400", "image/png"},
		"photo as PNG": {pagetest.EncodePNG(pagetest.Photo(text)), 400, "scaled 620x877 to 283x400",
			"image/jpeg"},
		"photo": {pagetest.EncodeJPEG(pagetest.Photo(text)), 400, "scaled 620x877 to 283x400",
			"image/jpeg"},
		"gray JPEG": {pagetest.EncodeJPEG(text), 400, "scaled 620x877 to 283x400", "image/jpeg"},
		"16 bit": {pagetest.EncodePNG(drawn(image.NewGray16, text)), 4000, "16 bits reduced to 8",
			"image/png"},
		"transparent": {pagetest.EncodePNG(half), 4000, "laid on white", "image/png"},
		"turned": {pagetest.WithPNGChunk(pagetest.EncodePNG(text), "eXIf", pagetest.Exif(binary.BigEndian, 6)), 400,
			"scaled 620x877 to 283x400, turned 90°", "image/png"},
		"mirrored": {pagetest.WithJPEGSegments(pagetest.EncodeJPEG(text), pagetest.ExifSegment(2)), 4000, "mirrored",
			"image/jpeg"},
	} {
		pg, m := converted(t, c.data, c.edge)
		if pg.How != c.how || pg.Type != c.kind || pg.Number != 1 {
			t.Errorf("%s: %+v", name, pg)
		}
		want := map[bool]int{true: 877, false: 400}[c.edge == 4000]
		if name == "turned" && pg.Width != want || name != "turned" && pg.Height != want {
			t.Errorf("%s: %d x %d", name, pg.Width, pg.Height)
		}
		if name == "1 bit" && shades(m) < 30 {
			t.Errorf("1 bit: %d shades: it was not averaged", shades(m))
		}
		if _, isGray := m.(*image.Gray); isGray == (name == "screen" || strings.HasPrefix(name, "photo")) {
			t.Errorf("%s: %T", name, m)
		}
	}
}

func shades(m image.Image) int {
	seen := map[byte]bool{}
	for _, v := range m.(*image.Gray).Pix {
		seen[v] = true
	}
	return len(seen)
}

// TestConvertedPageIsTheAreaAverage compares each file's page at half its size with the area average of the decoded
// picture.
func TestConvertedPageIsTheAreaAverage(t *testing.T) {
	t.Parallel()
	for name, data := range testFiles(t, "*g") {
		want, _, werr := image.Decode(bytes.NewReader(data))
		if werr != nil {
			if _, _, err := only(t, newObject(data), wide(16)); err != nil && kindOf(err) != Corrupt {
				t.Errorf("%s: %v, decoder: %v", name, err, werr)
			}
			continue
		}
		edge := max(want.Bounds().Dx(), want.Bounds().Dy()) / 2
		pg, m := converted(t, data, edge)
		if name == "ftbbn0g01.png" { // white on a transparent ground
			want = opaqueBlack(want)
		}
		w, h := fit(want.Bounds().Dx(), want.Bounds().Dy(), edge)
		worst, psnr := differ(withoutMargin(m, w, h), averaged(want, w, h))
		if pg.Type == "image/png" && worst > 2 || psnr < 22 { // 16 x 16 pixels in hard colours make a bad JPEG
			t.Errorf("%s: off by %.1f, %.1f dB", name, worst, psnr)
		}
	}
}

// opaqueBlack returns the picture in black, as opaque as it is.
func opaqueBlack(m image.Image) image.Image {
	out := image.NewRGBA(m.Bounds())
	draw.DrawMask(out, out.Rect, image.Black, image.Point{}, m, m.Bounds().Min, draw.Over)
	return out
}

func TestYCCKLooksAsDecoded(t *testing.T) {
	t.Parallel()
	data := testFile(t, "video-001.cmyk.jpeg")
	at := bytes.Index(data, []byte("Adobe")) + 11
	data[at] = 2 - data[at] // CMYK to YCCK or back
	want, _, err := image.Decode(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	_, m := converted(t, data, 75)
	if _, psnr := differ(m, averaged(want, m.Bounds().Dx(), m.Bounds().Dy())); psnr < 25 {
		t.Errorf("%.1f dB", psnr)
	}
}

// TestEveryOrientationGivesTheSamePage: the eight ways of holding a camera make the same page.
func TestEveryOrientationGivesTheSamePage(t *testing.T) {
	t.Parallel()
	src := image.NewRGBA(image.Rect(0, 0, 321, 203))
	copy(src.Pix, pagetest.Screen(pagetest.Paper(321, 203, 14)).Pix)
	var first *Page
	var firstPNG []byte
	var firstJPEG image.Image
	for o := orientation(1); o <= 8; o++ {
		m := stored(src, o)
		pg, b, err := only(t,
			newObject(pagetest.WithPNGChunk(pagetest.EncodePNG(m), "eXIf",
				pagetest.Exif(binary.LittleEndian, uint16(o)))), wide(150))
		if err != nil {
			t.Fatal(err)
		}
		_, jpg := converted(t, pagetest.WithJPEGSegments(pagetest.EncodeJPEG(m), pagetest.ExifSegment(uint16(o))), 150)
		if o == upright {
			first, firstPNG, firstJPEG = pg, b, jpg
			continue
		}
		if !bytes.Equal(b, firstPNG) || pg.Width != first.Width || pg.Height != first.Height {
			t.Errorf("PNG, orientation %d: another page: %+v", o, pg)
		}
		_, psnr := differ(jpg, averaged(firstJPEG, firstJPEG.Bounds().Dx(), firstJPEG.Bounds().Dy()))
		if jpg.Bounds() != firstJPEG.Bounds() || psnr < 30 {
			t.Errorf("JPEG, orientation %d: %v, %.1f dB", o, jpg.Bounds(), psnr)
		}
	}
}

// TestBudgetCoversAllocations: the acquired bytes cover all allocations for a page, including garbage, except for a
// twentieth, since inflating makes small garbage all the time.
func TestBudgetCoversAllocations(t *testing.T) {
	text := pagetest.Paper(700, 900, 12)
	shot := pagetest.Photo(text)
	line := &image.NRGBA{Pix: bytes.Repeat([]byte("line"), 4*300e3), Stride: 4 * 300e3,
		Rect: image.Rect(0, 0, 300e3, 4)}
	for name, data := range map[string][]byte{
		"gray PNG": pagetest.EncodePNG(text),
		"photo":    pagetest.WithJPEGSegments(pagetest.EncodeJPEG(shot), pagetest.ExifSegment(6)),
		"RGB PNG":  pagetest.EncodePNG(shot), "gray JPEG": pagetest.EncodeJPEG(text),
		"16 bits": pagetest.EncodePNG(drawn(image.NewRGBA64, text)),
		"a line":  pagetest.EncodePNG(line), "separate scans": separateScans(700, 900),
		"noise": pagetest.EncodeJPEG(noise(1500, 1200)),
	} {
		for _, edge := range []int{200, 900, 1499} {
			l := &ledger{}
			lim := wide(edge)
			lim.Budget = l
			o := newObject(withSomething(data))
			used := allocated(func() {
				if err := through(t.Context(), o, lim); err != nil {
					t.Fatal(name, err)
				}
			})
			if used > l.most+l.most/20 || l.held != 0 || len(l.acquired) != 1 {
				t.Errorf("%s to %d: acquired %v, allocated %d, %d still held", name, edge, l.acquired, used, l.held)
			}
		}
	}
}

// noise is a picture that no codec makes much smaller.
func noise(w, h int) *image.RGBA {
	m := image.NewRGBA(image.Rect(0, 0, w, h))
	r := rand.New(rand.NewPCG(1, 2))
	for i := range m.Pix {
		if m.Pix[i] = byte(r.Uint32()); i%4 == 3 {
			m.Pix[i] = 255
		}
	}
	return m
}

// separateScans is a baseline JPEG of about w x h pixels whose channels have a scan each.
func separateScans(w, h int) []byte {
	shade := func(_, x, y int) byte { return byte(100 + x*7%30 + y*5%20) }
	gray := pagetest.BlockJPEG((w+7)/8, (h+7)/8, [][2]int{{1, 1}}, -1, shade)
	frame, scan := bytes.Index(gray, []byte{0xff, 0xc0, 0}), bytes.Index(gray, []byte{0xff, 0xda, 0})
	data := gray[scan+10 : len(gray)-2]
	size := gray[frame+5 : frame+9]
	file := slices.Concat(gray[:frame],
		pagetest.JPEGSegment(0xc0, slices.Concat([]byte{8}, size, []byte{3, 1, 0x11, 0, 2, 0x11, 0, 3, 0x11, 0})))
	file = append(file, gray[frame+13:scan]...)
	for i := range byte(3) {
		file = slices.Concat(file, pagetest.JPEGSegment(0xda, []byte{1, i + 1, 0, 0, 63, 0}), data)
	}
	return append(file, 0xff, 0xd9)
}

// TestSeparateScansBecomeAPage: which is that of image/jpeg, made by the decoder process since all of it has to be
// kept.
func TestSeparateScansBecomeAPage(t *testing.T) {
	t.Parallel()
	data := separateScans(300, 200)
	want, err := jpeg.Decode(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	_, pic, err := pictureOf(t, data)
	if err != nil || pic.decode != nil {
		t.Errorf("%v, decoded here: %v", err, pic.decode != nil)
	}
	for _, edge := range []int{150, 70} {
		pg, m := converted(t, data, edge)
		if _, psnr := differ(m, averaged(want, m.Bounds().Dx(), m.Bounds().Dy())); psnr < 30 || pg.Warnings != nil {
			t.Errorf("%+v, %.1f dB", pg, psnr)
		}
	}
}

// TestPhotoNeedsLittleMemory: a baseline photo of 12 megapixels less than 12 MiB, and no more a larger one. A
// progressive one keeps what its page needs.
func TestPhotoNeedsLittleMemory(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name          string
		width, height uint16
		most          int64 // MiB
	}{
		{"video-001.q50.420.jpeg", 4032, 3024, 12}, {"video-001.q50.420.jpeg", 7700, 7700, 16},
		{"video-005.gray.q50.2x2.jpeg", 2480, 3508, 11},
		{"video-001.q50.420.progressive.jpeg", 4032, 3024, 52}, {"video-001.q50.420.progressive.jpeg", 7700, 7700, 80},
	} {
		h, err := headerOf(t, pagetest.WithJPEGSize(testFile(t, c.name), c.width, c.height))
		if err != nil || h.peak(1540) > c.most<<20 {
			t.Errorf("%s of %d x %d: %.1f MiB, %v", c.name, c.width, c.height, float64(h.peak(1540))/(1<<20), err)
		}
	}
}

// withSomething changes a file that would pass through so that it has to be decoded.
func withSomething(data []byte) []byte {
	if data[0] == 0x89 {
		return pagetest.WithPNGChunk(data, "eXIf", pagetest.Exif(binary.BigEndian, 3))
	}
	return pagetest.WithJPEGSegments(data, pagetest.ExifSegment(3))
}

func TestBudgetErrorComesBack(t *testing.T) {
	t.Parallel()
	lim := wide(50)
	lim.Budget = &ledger{refuse: errRefused}
	o := newObject(pagetest.EncodePNG(pagetest.Paper(100, 100, 9)))
	if _, _, err := only(t, o, lim); err != errRefused {
		t.Error(err)
	}
	if o.read.Load() > readSize || o.closes.Load() != 1 {
		t.Errorf("%d bytes read, %d closes", o.read.Load(), o.closes.Load())
	}
}

// TestPanicIsNoFaultOfTheObject: a decoder's panic is an error of the program. Memory is released, the source is
// closed, and the next page can be made.
func TestPanicIsNoFaultOfTheObject(t *testing.T) {
	t.Parallel()
	for _, v := range []any{"index out of range", io.ErrUnexpectedEOF} {
		l := &ledger{}
		o := newObject(pagetest.EncodePNG(pagetest.Paper(100, 100, 9)))
		ps, err := Split(t.Context(), o.source(), l.limits(50))
		if err != nil {
			t.Fatal(err)
		}
		pic := ps.entries[0].picture
		sound := pic.decode
		pic.decode = func(io.Reader, finishing) (image.Image, error) { panic(v) }
		if _, _, err := ps.Page(t.Context(), 1); err == nil || kindOf(err) != "" || l.held != 0 ||
			o.closes.Load() != 1 ||
			!strings.Contains(err.Error(), fmt.Sprint("the PNG decoder panicked: ", v)) {
			t.Errorf("%v, %d bytes held, %d closes", err, l.held, o.closes.Load())
		}
		pic.decode = sound
		if _, _, err := ps.Page(t.Context(), 1); err != nil || l.held != 0 || len(l.acquired) != 2 {
			t.Errorf("after it: %v, %d bytes held, acquired %v", err, l.held, l.acquired)
		}
		if err := ps.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestDamagedPhotoShowsWhatIsLeft: a photo whose upload broke off is shown as far as possible, with a warning.
func TestDamagedPhotoShowsWhatIsLeft(t *testing.T) {
	t.Parallel()
	whole := pagetest.EncodeJPEG(pagetest.Photo(pagetest.Paper(600, 800, 14)))
	_, want := converted(t, whole, 300)
	for name, data := range map[string][]byte{"cut off": whole[:len(whole)*2/3],
		"broken": append(bytes.Clone(whole[:len(whole)*2/3]), bytes.Repeat([]byte{0xff, 0xd8}, len(whole)/6)...)} {
		for _, size := range []int64{int64(len(data)), -1} {
			l := &ledger{}
			lim := wide(300)
			lim.Budget = l
			o := newObject(data)
			o.size = size
			pg, b, err := only(t, o, lim)
			if err != nil || !slices.Equal(pg.Warnings, []string{WarnDamaged}) ||
				!strings.HasSuffix(pg.How, "left empty") || l.held != 0 {
				t.Fatalf("%s: %+v %v", name, pg, err)
			}
			_, got := converted(t, b, 300)
			if _, psnr := differ(crop(got, 120), averaged(crop(want, 120), 225, 120)); psnr < 25 {
				t.Errorf("%s: the upper part is off: %.1f dB", name, psnr)
			}
			if o.opens.Load() != o.closes.Load() {
				t.Errorf("%s: %d opens, %d closes", name, o.opens.Load(), o.closes.Load())
			}
		}
	}
}

// TestDamagedPhotoIsAccountedFor: what is left of it is kept as a whole, which is more than the rows of a sound one.
func TestDamagedPhotoIsAccountedFor(t *testing.T) {
	t.Parallel()
	whole := pagetest.EncodeJPEG(pagetest.Photo(pagetest.Paper(1600, 1200, 14)))
	peak := func(data []byte) int64 {
		l := &ledger{}
		if _, _, err := only(t, newObject(data), l.limits(1500)); err != nil || l.held != 0 {
			t.Fatal(err, l.held)
		}
		return l.most
	}
	if sound, damaged := peak(whole), peak(whole[:len(whole)*2/3]); damaged < sound+1600*1200*3/2 {
		t.Errorf("%d bytes, damaged %d", sound, damaged)
	}
}

// TestNothingLeftIsCorrupt: a file without readable pixels is corrupt, never blank.
func TestNothingLeftIsCorrupt(t *testing.T) {
	t.Parallel()
	whole := pagetest.EncodeJPEG(pagetest.Photo(pagetest.Paper(600, 800, 14)))
	at := bytes.Index(whole, []byte{0xff, 0xda}) + 14
	for _, n := range []int{at, at + 1, at + 8, at + 60} {
		if _, _, err := only(t, newObject(whole[:n]), wide(300)); kindOf(err) != Corrupt {
			t.Errorf("%d bytes after the header: %v", n-at, err)
		}
	}
}

// TestBlankPartIsCorrupt: a damaged page whose readable part is blank is corrupt, since its text may be missing.
func TestBlankPartIsCorrupt(t *testing.T) {
	t.Parallel()
	m := image.NewGray(image.Rect(0, 0, 600, 800))
	for i := range m.Pix {
		m.Pix[i] = 255
	}
	copy(m.Pix[500*600:], pagetest.Scanned(pagetest.Paper(600, 300, 14), 5).Pix)
	png, jpeg := pagetest.EncodePNG(m), pagetest.EncodeJPEG(m)
	for name, data := range map[string][]byte{"PNG": png[:bytes.Index(png, []byte("IDAT"))+250],
		"JPEG": jpeg[:bytes.Index(jpeg, []byte{0xff, 0xda})+1000]} {
		if pg, _, err := only(t, newObject(data), wide(300)); kindOf(err) != Corrupt {
			t.Errorf("%s: %+v, %v", name, pg, err)
		}
	}
}

// crop returns the upper part of a picture.
func crop(m image.Image, h int) image.Image {
	return m.(interface {
		SubImage(image.Rectangle) image.Image
	}).SubImage(image.Rect(0, 0, m.Bounds().Dx(), h))
}

// TestLargePicturesTakeTheMemoryOfOne: large pictures, one after the other, need the memory of one, even if the garbage
// collector never starts by itself.
func TestLargePicturesTakeTheMemoryOfOne(t *testing.T) {
	data := pagetest.EncodePNG(image.NewGray(image.Rect(0, 0, large>>12, 1<<12)))
	runtime.GC()
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range 4 {
		if _, _, err := only(t, newObject(data), wide(16)); err != nil {
			t.Fatal(err)
		}
	}
	runtime.ReadMemStats(&after)
	if held := int64(after.HeapAlloc) - int64(before.HeapAlloc); held > 2*large {
		t.Errorf("%d MiB", held>>20)
	}
}

// passing returns files that pass through.
func passing(t testing.TB) map[string][]byte {
	text := pagetest.Paper(300, 400, 12)
	gray16 := testFile(t, "basn0g08.png")
	files := map[string][]byte{
		"gray PNG": pagetest.EncodePNG(text), "RGB PNG": pagetest.EncodePNG(pagetest.Screen(text)),
		"gray JPEG": pagetest.EncodeJPEG(text),
		"photo":     pagetest.EncodeJPEG(pagetest.Photo(text)),
		"photo with Exif 1": pagetest.WithJPEGSegments(pagetest.EncodeJPEG(pagetest.Photo(text)),
			pagetest.ExifSegment(1)),
		"small PNG": gray16,
	}
	for _, name := range []string{"basn0g01-30.png", "basn3p02.png", "basn3p04-31i.png", "video-001.progressive.jpeg",
		"video-001.rgb.jpeg", "video-005.gray.q50.2x2.jpeg", "video-001.q50.411.jpeg", "video-001.restart2.jpeg"} {
		files[name] = testFile(t, name)
	}
	return files
}

func TestRightPagesPassThrough(t *testing.T) {
	t.Parallel()
	for name, data := range passing(t) {
		o := newObject(data)
		ps, err := Split(t.Context(), o.source(), wide(1540))
		if err != nil {
			t.Fatal(name, err)
		}
		pg, _, err := ps.Page(t.Context(), 1)
		if err != nil {
			t.Fatal(name, err)
		}
		if read := o.read.Load(); read > readSize || o.opens.Load() != 1 {
			t.Errorf("%s: %d bytes of %d read before Open, %d opens", name, read, len(data), o.opens.Load())
		}
		cfg, format, _ := image.DecodeConfig(bytes.NewReader(data))
		if pg.How != "passed through" || pg.Size != int64(len(data)) || pg.Type != "image/"+format || pg.Number != 1 ||
			pg.Width != cfg.Width || pg.Height != cfg.Height || pg.Blank || pg.Warnings != nil {
			t.Errorf("%s: %+v", name, pg)
		}
		for try := range int64(3) { // a retried request reads it again
			b, err := content(pg)
			if err != nil || !bytes.Equal(b, data) {
				t.Errorf("%s: %d bytes of %d, %v", name, len(b), len(data), err)
			}
			if o.opens.Load() != try+1 || o.closes.Load() != try+1 {
				t.Errorf("%s, try %d: %d opens, %d closes", name, try, o.opens.Load(), o.closes.Load())
			}
		}
		if err := ps.Close(); err != nil || o.closes.Load() != 3 {
			t.Errorf("%s: %v, %d closes", name, err, o.closes.Load())
		}
		if b, err := content(pg); err != nil || !bytes.Equal(b, data) { // also after Close
			t.Errorf("%s: after Close %d bytes of %d, %v", name, len(b), len(data), err)
		}
	}
}

func TestPassThroughNeedsNoMemory(t *testing.T) {
	t.Parallel()
	lim := wide(1540)
	lim.Budget = &ledger{refuse: errRefused}
	if _, _, err := only(t, newObject(pagetest.EncodePNG(pagetest.Paper(100, 100, 9))), lim); err != nil {
		t.Error(err)
	}
}

func TestPassThroughOfUnknownSize(t *testing.T) {
	t.Parallel()
	for name, data := range passing(t) {
		o := newObject(data)
		o.size = -1
		l := &ledger{}
		lim := wide(1540)
		lim.Budget = l
		pg, b, err := only(t, o, lim)
		if err != nil || !bytes.Equal(b, data) || pg.Size != int64(len(data)) || pg.How != "passed through" {
			t.Errorf("%s: %+v %v", name, pg, err)
		}
		if _, err := content(pg); err != nil || o.opens.Load() != 1 || o.closes.Load() != 1 {
			t.Errorf("%s: %v, %d opens, %d closes", name, err, o.opens.Load(), o.closes.Load())
		}
		if l.held != 0 || l.most < 3*passMax {
			t.Errorf("%s: %+v", name, l)
		}
	}
}

func TestTooManyBytesAreConverted(t *testing.T) {
	t.Parallel()
	data := append(pagetest.EncodeJPEG(pagetest.Photo(pagetest.Paper(200, 100, 9))), make([]byte, passMax)...)
	for _, size := range []int64{int64(len(data)), -1} {
		o := newObject(data)
		o.size = size
		pg, b, err := only(t, o, wide(1540))
		if err != nil || len(b) > 1<<20 || pg.How != "re-encoded" || pg.Width != 200 {
			t.Errorf("declared %d: %+v %v", size, pg, err)
		}
		if o.opens.Load() != o.closes.Load() {
			t.Errorf("declared %d: %d opens, %d closes", size, o.opens.Load(), o.closes.Load())
		}
	}
}

// TestPassedStreamReportsFailures reads no more than the declared bytes, like net/http, and still has to see failures.
func TestPassedStreamReportsFailures(t *testing.T) {
	t.Parallel()
	data := pagetest.EncodePNG(pagetest.Scanned(pagetest.Paper(300, 400, 12), 5))
	bad := errors.New("checksum wrong")
	for name, c := range map[string]struct {
		change func(*fakeObject)
		is     error
	}{
		"checksum at the end": {func(o *fakeObject) { o.fail, o.failAt = bad, len(data) }, bad},
		"in the middle":       {func(o *fakeObject) { o.fail, o.failAt = bad, len(data)/2 }, bad},
		"shorter than said":   {func(o *fakeObject) { o.data = data[:len(data)-1] }, io.ErrUnexpectedEOF},
		"longer than said":    {func(o *fakeObject) { o.data = append(data, 0) }, nil},
	} {
		o := newObject(data)
		ps, err := Split(t.Context(), o.source(), wide(1540))
		if err != nil {
			t.Fatal(err)
		}
		pg, _, err := ps.Page(t.Context(), 1)
		if err != nil {
			t.Fatal(err)
		}
		c.change(o)
		r, err := pg.Open()
		if err != nil {
			t.Fatal(err)
		}
		_, err = io.CopyN(io.Discard, r, pg.Size)
		if err == nil || c.is != nil && !errors.Is(err, c.is) || kindOf(err) != "" {
			t.Errorf("%s: %v", name, err)
		}
		r.Close()
		ps.Close()
	}
}

func TestPassedObjectMustKeepItsSize(t *testing.T) {
	t.Parallel()
	o := newObject(pagetest.EncodePNG(pagetest.Paper(100, 100, 9)))
	pg, _, err := only(t, o, wide(1540))
	if err != nil {
		t.Fatal(err)
	}
	o.size++
	if _, err := pg.Open(); !errors.Is(err, errSize) || o.closes.Load() != o.opens.Load() {
		t.Error(err)
	}
}

// TestCutOffPNGEndsWithAnError: reading a PNG that passes through and ends within its pixels fails before the end,
// whatever the size of reads. If only later bytes are missing, it passes.
func TestCutOffPNGEndsWithAnError(t *testing.T) {
	t.Parallel()
	whole := testFile(t, "basn3p08.png")
	pixels := bytes.Index(whole, []byte("IDAT")) + 4
	end := bytes.Index(whole, []byte("IEND")) - 8 // of the pixels
	for n := pixels; n <= len(whole); n++ {
		for _, step := range []int{0, 1, 7} {
			o := newObject(whole[:n])
			o.step = step
			pg, b, err := only(t, o, wide(1540))
			if cut := n < end; cut != (kindOf(err) == Corrupt) || !cut &&
				(err != nil || !bytes.Equal(b, whole[:n]) || pg.How != "passed through") {
				t.Fatalf("%d bytes of %d, %d a read: %v", n, len(whole), step, err)
			}
			if cut := n < end; cut && len(b) >= n {
				t.Fatalf("%d bytes of %d, %d a read: all of them were given", n, len(whole), step)
			}
		}
		o := newObject(whole[:n])
		o.size = -1
		pg, _, err := only(t, o, wide(1540))
		if damaged := err == nil &&
			slices.Equal(pg.Warnings, []string{WarnDamaged}); (n < end) != (kindOf(err) == Corrupt || damaged) &&
			n < end-4 {
			t.Fatalf("%d bytes of %d, of unknown size: %+v, %v", n, len(whole), pg, err)
		}
	}
}

// TestSourceErrorComesBeforeACutOffFile: the source's error is returned instead.
func TestSourceErrorComesBeforeACutOffFile(t *testing.T) {
	t.Parallel()
	o := newObject(testFile(t, "basn3p08.png")[:1000])
	o.fail, o.failAt = io.ErrClosedPipe, 1000
	if _, _, err := only(t, o, wide(1540)); !errors.Is(err, io.ErrClosedPipe) {
		t.Error(err)
	}
}

// TestThinPageIsLaidOnWhite: a page with a side too short for the model gets margins, since servers read such pages as
// blank or reject them.
func TestThinPageIsLaidOnWhite(t *testing.T) {
	t.Parallel()
	lined := func(w, h int) *image.Gray {
		m := image.NewGray(image.Rect(0, 0, w, h))
		for i := range m.Pix {
			m.Pix[i] = byte(200 * (i / w * 8 / h % 2)) // eight stripes, the first of them black
		}
		return m
	}
	gray := func(w, h int) []byte { return pagetest.EncodePNG(lined(w, h)) }
	for name, c := range map[string]struct {
		data []byte
		edge int
		want image.Point
		kind string
		how  string
	}{
		"a strip": {gray(3, 9000), 1540, image.Pt(28, 1540), "image/png",
			"scaled 3x9000 to 1x1540, with a white margin"},
		"a line": {gray(9000, 30), 1540, image.Pt(1540, 28), "image/png",
			"scaled 9000x30 to 1540x5, with a white margin"},
		"a small one":       {gray(8, 8), 1540, image.Pt(28, 28), "image/png", "with a white margin"},
		"one pixel too few": {gray(27, 400), 1540, image.Pt(28, 400), "image/png", "with a white margin"},
		"as much as needed": {gray(28, 400), 1540, image.Pt(28, 400), "image/png", "passed through"},
		"low as needed":     {gray(400, 28), 1540, image.Pt(400, 28), "image/png", "passed through"},
		"thin once scaled": {gray(54, 3080), 1540, image.Pt(28, 1540), "image/png",
			"scaled 54x3080 to 27x1540, with a white margin"},
		"wide enough scaled": {gray(56, 3080), 1540, image.Pt(28, 1540), "image/png", "scaled 56x3080 to 28x1540"},
		"turned": {pagetest.WithPNGChunk(gray(20, 80), "eXIf", pagetest.Exif(binary.BigEndian, 6)), 1540,
			image.Pt(80, 28), "image/png", "turned 90°, with a white margin"},
		"a photo": {pagetest.EncodeJPEG(drawn(image.NewRGBA, lined(20, 80))), 1540, image.Pt(28, 80),
			"image/jpeg", "with a white margin"},
		"another format": {pagetest.TIFF(binary.LittleEndian, pagetest.Gray(lined(20, 80), 80)), 1540,
			image.Pt(28, 80), "image/png", "from TIFF, with a white margin"},
		"a small model": {gray(8, 16), 16, image.Pt(16, 16), "image/png", "with a white margin"},
	} {
		for _, sized := range []bool{true, false} {
			o := newObject(c.data)
			if !sized {
				o.size = -1
			}
			pg, b, err := only(t, o, wide(c.edge))
			if err != nil {
				t.Fatal(name, err)
			}
			if pg.Width != c.want.X || pg.Height != c.want.Y || pg.Type != c.kind || pg.How != c.how || pg.Blank {
				t.Errorf("%s, sized %v: %+v", name, sized, pg)
			}
			m, _, err := image.Decode(bytes.NewReader(b))
			if err != nil || m.Bounds().Size() != c.want {
				t.Fatalf("%s: %v, %v", name, m.Bounds(), err)
			}
			if !strings.HasSuffix(c.how, "margin") {
				continue
			}
			black, margin := 0, image.Rectangle{Max: c.want}
			for y := range c.want.Y {
				for x := range c.want.X {
					v := color.GrayModel.Convert(m.At(x, y)).(color.Gray).Y
					if v < 80 { // scaling makes ink paler
						black++
					}
					if edge := min(x, y, c.want.X-1-x, c.want.Y-1-y) == 0; edge && v > 245 {
						margin.Max = image.Point{} // found
					}
				}
			}
			if black == 0 || !margin.Empty() {
				t.Errorf("%s: %d black pixels, no white at any edge: %v", name, black, !margin.Empty())
			}
		}
	}
	dark := image.NewGray(image.Rect(0, 0, 8, 3000))
	for i := range dark.Pix {
		dark.Pix[i] = 90 // dark paper is blank, in spite of its white margin
	}
	if pg, _, err := only(t, newObject(pagetest.EncodePNG(dark)), wide(1540)); err != nil || !pg.Blank ||
		pg.Ink != LeastInk {
		t.Errorf("without ink: %+v, %v", pg, err)
	}
}
