package pdf_test

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"strings"
	"testing"

	"github.com/bucketocr/bucketocr/internal/page/pagetest"
	"github.com/bucketocr/bucketocr/internal/page/pdf"
)

// engine is started once: it takes seconds.
var engine = &pdf.Engine{}

const room = 64 << 20

func draw(t *testing.T, b []byte, n int) *image.NRGBA {
	t.Helper()
	d, err := engine.Draw(b, n, 400, room)
	if err != nil {
		t.Fatal(err)
	}
	return d.NRGBA
}

// ink counts the dark pixels of a part of a picture, given in hundredths of its sides.
func ink(m *image.NRGBA, x0, y0, x1, y1 int) int {
	w, h, n := m.Rect.Dx(), m.Rect.Dy(), 0
	for y := y0 * h / 100; y < y1*h/100; y++ {
		for x := x0 * w / 100; x < x1*w/100; x++ {
			if c := m.NRGBAAt(x, y); c.A > 128 && int(c.R)+int(c.G)+int(c.B) < 3*160 {
				n++
			}
		}
	}
	return n
}

func TestPagesAreCountedAndDrawn(t *testing.T) {
	var pages []pagetest.PDFPage
	for i := range 3 {
		pages = append(pages, pagetest.Text(strings.Repeat("wide ", 3*i+1)))
	}
	b := pagetest.PDF("", pages)
	if n, err := engine.Count(b, room); n != 3 || err != nil {
		t.Fatal(n, err)
	}
	last := 0
	for n := 1; n <= 3; n++ {
		m := draw(t, b, n)
		if m.Rect.Dy() != 400 || m.Rect.Dx() != 283 {
			t.Errorf("page %d: %v", n, m.Rect)
		}
		if all := ink(m, 0, 0, 100, 100); all <= last || all != ink(m, 0, 0, 100, 15) {
			t.Errorf("page %d: %d dark pixels, %d at the top", n, all, ink(m, 0, 0, 100, 15))
		} else {
			last = all
		}
	}
	if _, err := engine.Draw(b, 4, 400, room); !errors.Is(err, pdf.ErrPage) {
		t.Error(err)
	}
}

// TestPageIsTurnedAndCutByItsMarks: rotation and crop box apply.
func TestPageIsTurnedAndCutByItsMarks(t *testing.T) {
	text := pagetest.Text("at the top of it", "and a second line")
	turned, cut := text, text
	turned.Dict = "/Rotate 90"
	cut.Dict = "/CropBox [0 421 595 842]"
	small := pagetest.PDFPage{Width: 72, Height: 36, Content: "0 0 36 36 re f"}
	strip := pagetest.PDFPage{Width: 14400, Height: 3}
	b := pagetest.PDF("", []pagetest.PDFPage{turned, cut, small, strip})
	m := draw(t, b, 1)
	if m.Rect.Dx() != 400 || m.Rect.Dy() != 283 || ink(m, 80, 0, 100, 100) == 0 || ink(m, 0, 0, 80, 100) != 0 {
		t.Errorf("turned: %v, %d dark pixels at the right, %d elsewhere", m.Rect, ink(m, 80, 0, 100, 100),
			ink(m, 0, 0, 80, 100))
	}
	if m = draw(t, b, 2); m.Rect.Dx() != 400 || m.Rect.Dy() != 283 || ink(m, 0, 0, 100, 50) == 0 {
		t.Errorf("cut: %v, %d dark pixels", m.Rect, ink(m, 0, 0, 100, 50))
	}
	if m = draw(t, b, 3); m.Rect.Dx() != 400 || m.Rect.Dy() != 200 || ink(m, 0, 0, 50, 100) < 39000 ||
		ink(m, 51, 0, 100, 100) > 0 {
		t.Errorf("small: %v, %d, %d", m.Rect, ink(m, 0, 0, 50, 100), ink(m, 51, 0, 100, 100))
	}
	if m = draw(t, b, 4); m.Rect.Dx() != 400 || m.Rect.Dy() != 1 {
		t.Errorf("strip: %v", m.Rect)
	}
}

// TestFormsAndNotesAreDrawn: form fields and annotations are text, too.
func TestFormsAndNotesAreDrawn(t *testing.T) {
	page := pagetest.PDFPage{Width: 200, Height: 200, Dict: "/Annots [6 0 R 7 0 R]"}
	field := "<< /Type /Annot /Subtype /Widget /FT /Tx /T (name) /V (Filled in) /F 4 /Rect [10 150 190 190] /DA (/F1 24 Tf 0 g) " +
		"/AP << /N 8 0 R >> /P 4 0 R >>"
	note := "<< /Type /Annot /Subtype /FreeText /Contents (Noted) /F 4 /Rect [10 10 190 60] /DA (/F1 24 Tf 0 g) /AP << /N 9 0 R >> >>"
	shown := func(text string, w, h int) string {
		return pagetest.Stream(
			fmt.Sprintf("/Type /XObject /Subtype /Form /BBox [0 0 %d %d] /Resources << /Font << /F1 3 0 R >> >>", w, h),
			[]byte("BT /F1 24 Tf 4 10 Td ("+text+") Tj ET"))
	}
	b := pagetest.PDF("/AcroForm << /Fields [6 0 R] /DR << /Font << /F1 3 0 R >> >> >>", []pagetest.PDFPage{page},
		field, note,
		shown("Filled in", 180, 40), shown("Noted", 180, 50))
	m := draw(t, b, 1)
	if ink(m, 0, 0, 100, 30) < 100 || ink(m, 0, 65, 100, 100) < 100 {
		t.Errorf("%d dark pixels of the form, %d of the note", ink(m, 0, 0, 100, 30), ink(m, 0, 65, 100, 100))
	}
}

func TestLockedFile(t *testing.T) {
	text := pagetest.Text("a secret")
	b := pagetest.Locked("password", text)
	if _, err := engine.Count(b, room); !errors.Is(err, pdf.ErrLocked) {
		t.Error(err)
	}
	if _, err := engine.Draw(b, 1, 400, room); !errors.Is(err, pdf.ErrLocked) {
		t.Error(err)
	}
	open := pagetest.Locked("", text) // only some rights are locked, not the reading
	if n, err := engine.Count(open, room); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	if got, want := ink(draw(t, open, 1), 0, 0, 100, 100),
		ink(draw(t, pagetest.PDF("", []pagetest.PDFPage{text}), 1), 0, 0, 100, 100); got != want {
		t.Errorf("%d dark pixels, want %d", got, want)
	}
}

func TestBrokenFile(t *testing.T) {
	sound := pagetest.PDF("", []pagetest.PDFPage{pagetest.Text("one"), pagetest.Text("two")})
	for name, b := range map[string][]byte{
		"one byte": {1}, "no PDF": []byte("%PDF-1.7\nhello"), "half": sound[:len(sound)/3],
		"no pages":  pagetest.PDF("", nil),
		"a picture": append([]byte("%PDF-"), bytes.Repeat([]byte{0xff, 0xd8}, 500)...),
	} {
		if n, err := engine.Count(b, room); !errors.Is(err, pdf.ErrBroken) {
			t.Errorf("%s: %d pages, %v", name, n, err)
		}
	}
	missing := bytes.Replace(sound, []byte("/Kids [4 0 R 6 0 R]"), []byte("/Kids [4 0 R 99 0 R]"), 1)
	if n, err := engine.Count(missing, room); n != 2 || err != nil {
		t.Fatal(n, err)
	}
	if _, err := engine.Draw(missing, 2, 400, room); !errors.Is(err, pdf.ErrPage) {
		t.Error(err)
	}
	draw(t, missing, 1)
}

// TestTooLittleRoomIsReported: never a page with parts left out.
func TestTooLittleRoomIsReported(t *testing.T) {
	m := image.NewRGBA(image.Rect(0, 0, 2480, 3508))
	for i := 3; i < len(m.Pix); i += 4 {
		m.Pix[i] = 0xff
	}
	var photo bytes.Buffer
	if err := jpeg.Encode(&photo, m, nil); err != nil {
		t.Fatal(err)
	}
	b := pagetest.PDF("", []pagetest.PDFPage{pagetest.Scan(595, 842, pagetest.FirstFree(1))}, pagetest.Stream(
		"/Type /XObject /Subtype /Image /Width 2480 /Height 3508 /ColorSpace /DeviceRGB /BitsPerComponent 8 /Filter /DCTDecode",
		photo.Bytes()))
	if _, err := engine.Draw(b, 1, 1540, 32<<20); !errors.Is(err, pdf.ErrRoom) {
		t.Error(err)
	}
	drawn, err := engine.Draw(b, 1, 1540, room)
	if err != nil || ink(drawn.NRGBA, 0, 0, 100, 100) < 1500*1000 {
		t.Error(err)
	}
}

// endless is a page that draws itself ten times ten times …
func endless() []byte {
	const levels = 12
	var more []string
	for i := range levels {
		form := fmt.Sprintf(
			"/Type /XObject /Subtype /Form /BBox [0 0 100 100] /Resources << /XObject << /X %d 0 R >> >>",
			pagetest.FirstFree(1)+i+1)
		content := strings.Repeat("/X Do ", 10)
		if i == levels-1 {
			form, content = "/Type /XObject /Subtype /Form /BBox [0 0 100 100]", "0 0 50 50 re f"
		}
		more = append(more, pagetest.Stream(form, []byte(content)))
	}
	return pagetest.PDF("", []pagetest.PDFPage{{Width: 100, Height: 100, Content: "/X Do",
		Resources: fmt.Sprintf("/XObject << /X %d 0 R >>", pagetest.FirstFree(1))}}, more...)
}

// TestPageThatDrawsItselfRunsOutOfRoom: a page that draws itself without end runs out of room.
func TestPageThatDrawsItselfRunsOutOfRoom(t *testing.T) {
	if _, err := engine.Draw(endless(), 1, 400, room); !errors.Is(err, pdf.ErrRoom) {
		t.Error(err)
	}
	draw(t, pagetest.PDF("", []pagetest.PDFPage{pagetest.Text("x")}), 1)
}

// TestTransparencyBlendsWithWhite: content that blends with the paper blends with white.
func TestTransparencyBlendsWithWhite(t *testing.T) {
	page := pagetest.PDFPage{Width: 100, Height: 100, Content: "/G gs 1 0 0 rg 0 0 100 100 re f",
		Resources: "/ExtGState << /G << /ca 0.5 /BM /Multiply >> >>",
		Dict:      "/Group << /S /Transparency /CS /DeviceRGB >>"}
	c := draw(t, pagetest.PDF("", []pagetest.PDFPage{page}), 1).NRGBAAt(200, 200)
	white := func(v uint8) int { return (int(v)*int(c.A) + 255*(255-int(c.A))) / 255 }
	if r, g := white(c.R), white(c.G); r < 250 || g < 120 || g > 135 {
		t.Errorf("%v is %d, %d on white", color.NRGBA(c), r, g)
	}
}
