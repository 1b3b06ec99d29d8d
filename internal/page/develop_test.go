package page

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"image"
	"image/color"
	"io"
	"strings"
	"testing"
)

// ledger keeps account for Limits.Reserve.
type ledger struct {
	held, most int64
	calls      int
}

func (l *ledger) reserve(ctx context.Context, n int64) error {
	if ctx.Err() != nil || n == l.held && n > 0 || n > l.held && l.held > 0 {
		panic("more is reserved while something is held, or given back with a dead context")
	}
	l.held, l.most, l.calls = n, max(l.most, n), l.calls+1
	return nil
}

var errRefused = errors.New("no memory for you")

func (l *ledger) refuse(ctx context.Context, n int64) error { return errRefused }

func TestDevelop(t *testing.T) {
	text := paper(t, 620, 877, 12)
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
		"gray":               {encodePNG(t, text), 400, "scaled 620x877 to 283x400", "image/png"},
		"1 bit":              {encodePNG(t, bilevel), 400, "scaled 620x877 to 283x400", "image/png"},
		"gray stored as RGB": {encodePNG(t, drawn(image.NewRGBA, text)), 400, "scaled 620x877 to 283x400", "image/png"},
		"screen":             {encodePNG(t, screen(paper(t, 620, 877, 50))), 400, "scaled 620x877 to 283x400", "image/png"},
		"photo as PNG":       {encodePNG(t, photo(text)), 400, "scaled 620x877 to 283x400", "image/jpeg"},
		"photo":              {encodeJPEG(t, photo(text)), 400, "scaled 620x877 to 283x400", "image/jpeg"},
		"gray JPEG":          {encodeJPEG(t, text), 400, "scaled 620x877 to 283x400", "image/jpeg"},
		"16 bit":             {encodePNG(t, drawn(image.NewGray16, text)), 4000, "16 bits reduced to 8", "image/png"},
		"transparent":        {encodePNG(t, half), 4000, "laid on white", "image/png"},
		"turned": {withChunk(encodePNG(t, text), "eXIf", exif(binary.BigEndian, 6)), 400,
			"scaled 620x877 to 283x400, turned 90°", "image/png"},
		"mirrored": {withSegments(encodeJPEG(t, text), exifSegment(2)), 4000, "mirrored", "image/jpeg"},
	} {
		pg, m := picture(t, c.data, c.edge)
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
		pg, m := picture(t, data, edge)
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
	_, m := picture(t, data, 75)
	if _, psnr := differ(m, averaged(want, m.Bounds().Dx(), m.Bounds().Dy())); psnr < 25 {
		t.Errorf("%.1f dB", psnr)
	}
}

// TestOrientationsLookTheSame: a camera held in eight ways gives one page.
func TestOrientationsLookTheSame(t *testing.T) {
	src := image.NewRGBA(image.Rect(0, 0, 321, 203))
	copy(src.Pix, screen(paper(t, 321, 203, 14)).Pix)
	var first *Page
	var firstPNG []byte
	var firstJPEG image.Image
	for o := orientation(1); o <= 8; o++ {
		m := stored(src, o)
		pg, b, err := only(t, newObject(withChunk(encodePNG(t, m), "eXIf", exif(binary.LittleEndian, uint16(o)))), wide(150))
		if err != nil {
			t.Fatal(err)
		}
		_, jpg := picture(t, withSegments(encodeJPEG(t, m), exifSegment(uint16(o))), 150)
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

// TestReserveCoversAll: what is told to Reserve is not less than all that making the page allocates, garbage included, but
// for a twentieth: inflating makes small garbage all the time.
func TestReserveCoversAll(t *testing.T) {
	text := paper(t, 700, 900, 12)
	shot := photo(text)
	line := &image.NRGBA{Pix: bytes.Repeat([]byte("line"), 4*600e3), Stride: 4 * 600e3, Rect: image.Rect(0, 0, 600e3, 4)}
	for name, data := range map[string][]byte{
		"gray PNG": encodePNG(t, text), "photo": withSegments(encodeJPEG(t, shot), exifSegment(6)),
		"RGB PNG": encodePNG(t, shot), "gray JPEG": encodeJPEG(t, text), "16 bits": encodePNG(t, drawn(image.NewRGBA64, text)),
		"a line": encodePNG(t, line),
	} {
		for _, edge := range []int{200, 900} {
			l := &ledger{}
			lim := wide(edge)
			lim.Reserve = l.reserve
			o := newObject(withSomething(data))
			used := allocated(func() {
				if err := through(t.Context(), o, lim); err != nil {
					t.Fatal(name, err)
				}
			})
			if used > l.most+l.most/20 || l.held != 0 || l.calls != 2 {
				t.Errorf("%s to %d: reserved %d, allocated %d, %+v", name, edge, l.most, used, l)
			}
		}
	}
}

// withSomething makes a file that would pass one that has to be decoded.
func withSomething(data []byte) []byte {
	if data[0] == 0x89 {
		return withChunk(data, "eXIf", exif(binary.BigEndian, 3))
	}
	return withSegments(data, exifSegment(3))
}

func TestReserveRefuses(t *testing.T) {
	lim := wide(50)
	lim.Reserve = (&ledger{}).refuse
	o := newObject(encodePNG(t, paper(t, 100, 100, 9)))
	if _, _, err := only(t, o, lim); err != errRefused {
		t.Error(err)
	}
	if o.read.Load() > chunk || o.closes.Load() != 1 {
		t.Errorf("%d bytes read, %d closes", o.read.Load(), o.closes.Load())
	}
}

func TestPanicIsNoFaultOfTheObject(t *testing.T) {
	_, err := guarded(&header{format: "PNG", decode: func(input) (image.Image, error) { panic("index out of range") }}, input{})
	if err == nil || kindOf(err) != "" || !strings.Contains(err.Error(), "PNG decoder panicked: index out of range") {
		t.Error(err)
	}
	// Through the door: the memory is given back, the source closed, the next page can be made.
	l := &ledger{}
	lim := wide(50)
	lim.Reserve = l.reserve
	o := newObject(encodePNG(t, paper(t, 100, 100, 9)))
	ps, err := Split(t.Context(), o.source(), lim)
	if err != nil {
		t.Fatal(err)
	}
	head := ps.leaves[0].head
	decode := head.decode
	head.decode = func(input) (image.Image, error) { panic(io.ErrUnexpectedEOF) }
	if _, err := ps.Page(t.Context(), 1); err == nil || kindOf(err) != "" || l.held != 0 || o.closes.Load() != 1 {
		t.Errorf("%v, %+v", err, l)
	}
	head.decode = decode
	if _, err := ps.Page(t.Context(), 1); err != nil || l.calls != 4 {
		t.Error(err)
	}
}
