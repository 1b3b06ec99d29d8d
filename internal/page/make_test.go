package page

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"image/color"
	"io"
	"strings"
	"testing"

	"github.com/bucketocr/bucketocr/internal/page/pagetest"
)

var errRefused = errors.New("no memory for you")

func TestConvertedPage(t *testing.T) {
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
		"gray":               {pagetest.EncodePNG(text), 400, "scaled 620x877 to 283x400", "image/png"},
		"1 bit":              {pagetest.EncodePNG(bilevel), 400, "scaled 620x877 to 283x400", "image/png"},
		"gray stored as RGB": {pagetest.EncodePNG(drawn(image.NewRGBA, text)), 400, "scaled 620x877 to 283x400", "image/png"},
		"screen":             {pagetest.EncodePNG(pagetest.Screen(pagetest.Paper(620, 877, 50))), 400, "scaled 620x877 to 283x400", "image/png"},
		"photo as PNG":       {pagetest.EncodePNG(pagetest.Photo(text)), 400, "scaled 620x877 to 283x400", "image/jpeg"},
		"photo":              {pagetest.EncodeJPEG(pagetest.Photo(text)), 400, "scaled 620x877 to 283x400", "image/jpeg"},
		"gray JPEG":          {pagetest.EncodeJPEG(text), 400, "scaled 620x877 to 283x400", "image/jpeg"},
		"16 bit":             {pagetest.EncodePNG(drawn(image.NewGray16, text)), 4000, "16 bits reduced to 8", "image/png"},
		"transparent":        {pagetest.EncodePNG(half), 4000, "laid on white", "image/png"},
		"turned": {pagetest.WithPNGChunk(pagetest.EncodePNG(text), "eXIf", pagetest.Exif(binary.BigEndian, 6)), 400,
			"scaled 620x877 to 283x400, turned 90°", "image/png"},
		"mirrored": {pagetest.WithJPEGSegments(pagetest.EncodeJPEG(text), pagetest.ExifSegment(2)), 4000, "mirrored", "image/jpeg"},
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

// TestEveryFile makes a page of each file, halved, and compares it with the area average of what the decoder gives.
func TestEveryFile(t *testing.T) {
	for name, data := range testFiles(t, "*g") {
		want, _, werr := image.Decode(bytes.NewReader(data))
		if werr != nil {
			if _, _, err := only(t, newObject(data), wide(16)); kindOf(err) != Corrupt {
				t.Errorf("%s: %v, decoder: %v", name, err, werr)
			}
			continue
		}
		edge := max(want.Bounds().Dx(), want.Bounds().Dy()) / 2
		pg, m := converted(t, data, edge)
		worst, psnr := differ(m, averaged(want, m.Bounds().Dx(), m.Bounds().Dy()))
		if pg.Type == "image/png" && worst > 2 || psnr < 22 { // 16 x 16 in hard colours is no good JPEG
			t.Errorf("%s: off by %.1f, %.1f dB", name, worst, psnr)
		}
	}
}

func TestYCCK(t *testing.T) {
	data := testFile(t, "video-001.cmyk.jpeg")
	at := bytes.Index(data, []byte("Adobe")) + 11
	data[at] = 2 - data[at] // the other of CMYK and YCCK
	want, _, err := image.Decode(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	_, m := converted(t, data, 75)
	if _, psnr := differ(m, averaged(want, m.Bounds().Dx(), m.Bounds().Dy())); psnr < 25 {
		t.Errorf("%.1f dB", psnr)
	}
}

// TestOrientationsLookTheSame: a camera held in eight ways gives one page.
func TestOrientationsLookTheSame(t *testing.T) {
	src := image.NewRGBA(image.Rect(0, 0, 321, 203))
	copy(src.Pix, pagetest.Screen(pagetest.Paper(321, 203, 14)).Pix)
	var first *Page
	var firstPNG []byte
	var firstJPEG image.Image
	for o := orientation(1); o <= 8; o++ {
		m := stored(src, o)
		pg, b, err := only(t, newObject(pagetest.WithPNGChunk(pagetest.EncodePNG(m), "eXIf", pagetest.Exif(binary.LittleEndian, uint16(o)))), wide(150))
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

// TestBudgetCoversAllocations: what is acquired is not less than all that making the page allocates, garbage included, but for a
// twentieth: inflating makes small garbage all the time.
func TestBudgetCoversAllocations(t *testing.T) {
	text := pagetest.Paper(700, 900, 12)
	shot := pagetest.Photo(text)
	line := &image.NRGBA{Pix: bytes.Repeat([]byte("line"), 4*600e3), Stride: 4 * 600e3, Rect: image.Rect(0, 0, 600e3, 4)}
	for name, data := range map[string][]byte{
		"gray PNG": pagetest.EncodePNG(text), "photo": pagetest.WithJPEGSegments(pagetest.EncodeJPEG(shot), pagetest.ExifSegment(6)),
		"RGB PNG": pagetest.EncodePNG(shot), "gray JPEG": pagetest.EncodeJPEG(text), "16 bits": pagetest.EncodePNG(drawn(image.NewRGBA64, text)),
		"a line": pagetest.EncodePNG(line),
	} {
		for _, edge := range []int{200, 900} {
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

// withSomething makes a file that would pass one that has to be decoded.
func withSomething(data []byte) []byte {
	if data[0] == 0x89 {
		return pagetest.WithPNGChunk(data, "eXIf", pagetest.Exif(binary.BigEndian, 3))
	}
	return pagetest.WithJPEGSegments(data, pagetest.ExifSegment(3))
}

func TestBudgetErrorComesBack(t *testing.T) {
	lim := wide(50)
	lim.Budget = &ledger{refuse: errRefused}
	o := newObject(pagetest.EncodePNG(pagetest.Paper(100, 100, 9)))
	if _, _, err := only(t, o, lim); err != errRefused {
		t.Error(err)
	}
	if o.read.Load() > chunk || o.closes.Load() != 1 {
		t.Errorf("%d bytes read, %d closes", o.read.Load(), o.closes.Load())
	}
}

// faulty is a picture whose decoder panics while that is set.
type faulty struct {
	picture
	panics any
}

func (p *faulty) decode(ctx context.Context, in input) (image.Image, error) {
	if p.panics != nil {
		panic(p.panics)
	}
	return p.picture.decode(ctx, in)
}

// TestPanicIsNoFaultOfTheObject: a decoder's panic is an error of the program. The memory is released, the source closed, and
// the next page can be made.
func TestPanicIsNoFaultOfTheObject(t *testing.T) {
	t.Parallel()
	for _, v := range []any{"index out of range", io.ErrUnexpectedEOF} {
		l := &ledger{}
		o := newObject(pagetest.EncodePNG(pagetest.Paper(100, 100, 9)))
		ps, err := Split(t.Context(), o.source(), l.limits(50))
		if err != nil {
			t.Fatal(err)
		}
		p := &faulty{ps.entries[0].picture, v}
		ps.entries[0].picture = p
		if _, _, err := ps.Page(t.Context(), 1); err == nil || kindOf(err) != "" || l.held != 0 || o.closes.Load() != 1 ||
			!strings.Contains(err.Error(), fmt.Sprint("the PNG decoder panicked: ", v)) {
			t.Errorf("%v, %d bytes held, %d closes", err, l.held, o.closes.Load())
		}
		p.panics = nil
		if _, _, err := ps.Page(t.Context(), 1); err != nil || l.held != 0 || len(l.acquired) != 2 {
			t.Errorf("after it: %v, %d bytes held, acquired %v", err, l.held, l.acquired)
		}
		if err := ps.Close(); err != nil {
			t.Error(err)
		}
	}
}
