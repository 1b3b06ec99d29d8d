package gif

import (
	"bytes"
	"context"
	"errors"
	"image"
	stdgif "image/gif"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/bucketocr/bucketocr/internal/page/jpegfile"
	"github.com/bucketocr/bucketocr/internal/page/pagetest"
)

// decode decodes a file's first picture.
func decode(file []byte) (m *image.Paletted, there, all int, err error) {
	s := &jpegfile.Bytes{File: file}
	p, err := Read(s)
	if err != nil {
		return nil, 0, 0, err
	}
	return p.Decode(context.Background(), file[s.At:])
}

// same reports whether two pictures are equal on white, in the rows from 0 to bottom.
func same(a, b image.Image, bottom int) bool {
	for y := range bottom {
		for x := range b.Bounds().Dx() {
			r, g, bl, al := a.At(x, y).RGBA()
			r2, g2, b2, al2 := b.At(x, y).RGBA()
			if r-al != r2-al2 || g-al != g2-al2 || bl-al != b2-al2 {
				return false
			}
		}
	}
	return a.Bounds().Size() == b.Bounds().Size()
}

// TestEveryKindIsRead: each kind of file decodes to the same picture.
func TestEveryKindIsRead(t *testing.T) {
	t.Parallel()
	want := pagetest.FourGrays(301, 200)
	for name, f := range pagetest.GIFs(want.Rect.Size()) {
		m, there, all, err := decode(f.Write(want))
		if err != nil || there != 200 || all != 200 || !same(m, want, 200) {
			t.Errorf("%s: %d of %d rows, %v", name, there, all, err)
		}
	}
}

// TestDecodesAsTheStandardLibrary compares the results for other programs' files with image/gif.
func TestDecodesAsTheStandardLibrary(t *testing.T) {
	t.Parallel()
	names, _ := filepath.Glob("../testdata/*.gif")
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		want, err := stdgif.Decode(bytes.NewReader(b))
		if err != nil {
			t.Fatal(name, err)
		}
		if m, there, all, err := decode(b); err != nil || there != all || !same(m, want, want.Bounds().Dy()) {
			t.Errorf("%s: %d of %d rows, %v", name, there, all, err)
		}
	}
}

// TestPictureIsOnItsScreen: the screen around the picture is white.
func TestPictureIsOnItsScreen(t *testing.T) {
	t.Parallel()
	small := pagetest.FourGrays(40, 30)
	clear(small.Pix) // black
	m, _, _, err := decode(pagetest.GIF{Screen: image.Pt(100, 50), At: image.Pt(20, 10)}.Write(small))
	if err != nil || m.Rect != image.Rect(0, 0, 100, 50) {
		t.Fatal(m, err)
	}
	for at, want := range map[image.Point]uint32{{19, 9}: 0xffff, {20, 10}: 0, {59, 39}: 0, {60, 40}: 0xffff} {
		if r, _, _, _ := m.At(at.X, at.Y).RGBA(); r != want {
			t.Errorf("%v: %x", at, r)
		}
	}
}

// TestMissingPaletteIsGray: a file without a palette decodes to grays.
func TestMissingPaletteIsGray(t *testing.T) {
	t.Parallel()
	want := pagetest.FourGrays(40, 30)
	m, _, _, err := decode(pagetest.GIF{NoPalette: true}.Write(want))
	if err != nil {
		t.Fatal(err)
	}
	for y := range 30 {
		for x := range 40 {
			if r, _, _, _ := m.At(x, y).RGBA(); r>>8 != uint32(want.ColorIndexAt(x, y))*85 {
				t.Fatalf("%d, %d: %x", x, y, r)
			}
		}
	}
}

// TestCutOffRowsAreWhite: in a file that is cut off or broken, the rows before the fault are right, and the others
// white, or, if interlaced, like those above.
func TestCutOffRowsAreWhite(t *testing.T) {
	t.Parallel()
	want := pagetest.FourGrays(301, 200)
	usual := pagetest.GIF{}.Write(want)
	broken := bytes.Clone(usual)
	for i := len(usual) / 2; i < len(usual); i++ {
		broken[i] = 0xff
	}
	for name, b := range map[string][]byte{"cut off": usual[:len(usual)/2], "broken": broken} {
		m, there, all, err := decode(b)
		if err != nil || there < 50 || there >= all || !same(m, want, there) {
			t.Errorf("%s: %d of %d rows, %v", name, there, all, err)
			continue
		}
		if r, _, _, _ := m.At(300, 199).RGBA(); r != 0xffff && name == "cut off" {
			t.Errorf("%s: %x", name, r)
		}
	}
	interlaced := pagetest.GIF{Interlaced: true}.Write(want)
	m, there, _, err := decode(interlaced[:len(interlaced)*3/4])
	if err != nil || there < 100 || there == 200 {
		t.Fatal(there, err)
	}
	for y := 2*(there-100) + 1; y < 200; y += 2 { // half of the rows are in the last pass
		if !bytes.Equal(m.Pix[y*m.Stride:][:301], m.Pix[(y-1)*m.Stride:][:301]) {
			t.Errorf("row %d is missing, and not like the one above", y)
		}
	}
}

func TestNoPicture(t *testing.T) {
	t.Parallel()
	sound := pagetest.GIF{}.Write(pagetest.FourGrays(9, 9))
	at := bytes.IndexByte(sound[13:], 0x2c) + 13
	wide := bytes.Clone(sound)
	wide[at+10] = 12
	for name, c := range map[string]struct {
		file []byte
		want error
	}{
		"no picture": {append(bytes.Clone(sound[:at]), 0x3b), ErrNoPicture}, "codes of 13 bits": {wide, ErrBroken},
		"cut off": {sound[:at+4], io.ErrUnexpectedEOF}, "cut off in the palette": {sound[:20], io.ErrUnexpectedEOF},
	} {
		if _, _, _, err := decode(c.file); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzDecode: no bytes cause a panic.
func FuzzDecode(f *testing.F) {
	for _, kind := range pagetest.GIFs(image.Pt(17, 9)) {
		f.Add(kind.Write(pagetest.FourGrays(17, 9)))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		s := &jpegfile.Bytes{File: b}
		p, err := Read(s)
		if err != nil || p.Width*p.Height > 1<<22 {
			return
		}
		if m, there, all, err := p.Decode(context.Background(), b[s.At:]); err != nil || there > all ||
			m.Rect != image.Rect(0, 0, p.Width, p.Height) {
			t.Fatal(there, all, err)
		}
	})
}
