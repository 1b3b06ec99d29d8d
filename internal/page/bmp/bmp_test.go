package bmp

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"image"
	"testing"

	"github.com/bucketocr/bucketocr/internal/page/pagetest"
)

// off returns the largest difference of a picture on white from a gray one.
func off(m image.Image, want *image.Paletted) int {
	most := 0
	for y := range want.Rect.Dy() {
		for x := range want.Rect.Dx() {
			r, g, b, a := m.At(x, y).RGBA()
			w, _, _, _ := want.At(x, y).RGBA()
			for _, v := range []uint32{r, g, b} {
				d := int((v+0xffff-a)>>8) - int(w>>8)
				most = max(most, d, -d)
			}
		}
	}
	return most
}

// TestEveryKindIsRead: each kind of file decodes to the same picture, within its bits.
func TestEveryKindIsRead(t *testing.T) {
	t.Parallel()
	want := pagetest.FourGrays(61, 40)
	for name, f := range pagetest.BMPs() {
		file := f.Write(want)
		if !Is(file) {
			t.Errorf("%s: not recognized", name)
		}
		p, err := Read(file[:min(len(file), HeadSize)])
		if err != nil || p.Width != 61 || p.Height != 40 {
			t.Errorf("%s: %+v, %v", name, p, err)
			continue
		}
		m, rows, err := p.Decode(context.Background(), file)
		if err != nil || rows != 40 || m.Bounds().Size() != want.Rect.Size() {
			t.Errorf("%s: %d rows, %v", name, rows, err)
			continue
		}
		if d := off(m, want); d > 8 {
			t.Errorf("%s: off by %d", name, d)
		}
	}
}

// TestPixelsAreNotWhereThePaletteIs: if the header's offset of the pixels is that of the palette, the pixels follow the
// palette.
func TestPixelsAreNotWhereThePaletteIs(t *testing.T) {
	t.Parallel()
	want := pagetest.FourGrays(61, 40)
	for _, f := range []pagetest.BMP{{Header: 40, Depth: 8}, {Header: 40, Depth: 4}, {Header: 12, Depth: 8},
		{Header: 40, Depth: 8, Colours: 4, Entries: 4}} {
		file := f.Write(want)
		binary.LittleEndian.PutUint32(file[10:], uint32(14+f.Header))
		p, err := Read(file)
		if err != nil {
			t.Fatalf("%+v: %v", f, err)
		}
		m, rows, err := p.Decode(context.Background(), file)
		if err != nil || rows != 40 {
			t.Errorf("%+v: %d rows, %v", f, rows, err)
			continue
		}
		if d := off(m, want); d > 8 {
			t.Errorf("%+v: off by %d", f, d)
		}
	}
}

// TestCutOffRowsAreWhite: in a file that is cut off, the complete rows are right, and the others white.
func TestCutOffRowsAreWhite(t *testing.T) {
	t.Parallel()
	want := pagetest.FourGrays(61, 40)
	for name, f := range pagetest.BMPs() {
		file := f.Write(want)
		p, err := Read(file)
		if err != nil {
			t.Fatal(name, err)
		}
		file = file[:len(file)-len(p.pixelsOf(file))/3]
		m, rows, err := p.Decode(context.Background(), file)
		if err != nil || rows < 5 && f.Depth > 2 || rows > 36 {
			t.Errorf("%s: %d rows, %v", name, rows, err)
			continue
		}
		part := image.NewPaletted(want.Rect, want.Palette)
		for y := range 40 {
			stored := 39 - y
			if f.TopDown {
				stored = y
			}
			for x := range 61 {
				if part.SetColorIndex(x, y, 3); stored < rows {
					part.SetColorIndex(x, y, want.ColorIndexAt(x, y))
				} else if stored == rows && f.Compression != 0 {
					part.Set(x, y, m.At(x, y)) // part of a row
				}
			}
		}
		if d := off(m, part); d > 8 {
			t.Errorf("%s: off by %d in %d rows", name, d, rows)
		}
	}
}

func TestAlphaIsUsedWhereItIsMeant(t *testing.T) {
	t.Parallel()
	want := pagetest.FourGrays(20, 20)
	masks := []uint32{0xff0000, 0xff00, 0xff, 0xff000000}
	file := pagetest.BMP{Header: 108, Depth: 32, Compression: 3, Masks: masks, Alpha: 64}.Write(want)
	p, err := Read(file)
	if err != nil {
		t.Fatal(err)
	}
	m, _, _ := p.Decode(context.Background(), file)
	if _, _, _, a := m.At(3, 3).RGBA(); a>>8 != 64 {
		t.Errorf("alpha %d", a>>8)
	}
	file = pagetest.BMP{Header: 108, Depth: 32, Compression: 3, Masks: masks}.Write(want)
	m, _, _ = p.Decode(context.Background(), file)
	if _, _, _, a := m.At(3, 3).RGBA(); a != 0xffff {
		t.Errorf("alpha %d where all is 0", a>>8)
	}
}

// TestEndBeforeTheLastRow: if runs end with a mark, no row is missing, and skipped pixels are white.
func TestEndBeforeTheLastRow(t *testing.T) {
	t.Parallel()
	file := pagetest.BMP{Header: 40, Depth: 8, Compression: 1}.Write(pagetest.FourGrays(4, 4))
	p, err := Read(file)
	if err != nil {
		t.Fatal(err)
	}
	for end, want := range map[string]int{"\x04\x00\x00\x00\x00\x01": 4, "\x04\x00\x00\x00": 1, "\x04\x00": 1} {
		m, rows, err := p.Decode(context.Background(), append(file[:p.pixels:p.pixels], end...))
		low, _, _, _ := m.At(3, 3).RGBA()
		high, _, _, _ := m.At(3, 2).RGBA()
		if err != nil || rows != want || low != 0 || high != 0xffff {
			t.Errorf("% x: %d rows, %x, %x, %v", end, rows, low, high, err)
		}
	}
}

func TestUnsupportedAndBrokenHeaders(t *testing.T) {
	t.Parallel()
	small := pagetest.FourGrays(9, 9)
	for _, c := range []struct {
		name string
		file []byte
		want error
	}{
		{"JPEG", pagetest.BMP{Header: 40, Depth: 24, Compression: 4}.Write(small), Unsupported("that contains a JPEG")},
		{"PNG", pagetest.BMP{Header: 124, Depth: 24, Compression: 5}.Write(small), Unsupported("that contains a PNG")},
		{"Huffman", pagetest.BMP{Header: 64, Depth: 1, Compression: 3}.Write(small),
			Unsupported("with Huffman coding")},
		{"64 bits", pagetest.BMP{Header: 40, Depth: 64}.Write(image.NewPaletted(image.Rect(0, 0, 9, 0), small.Palette)),
			ErrBroken},
		{"runs of 1 bit", pagetest.BMP{Header: 40, Depth: 1,
			Compression: 1}.Write(image.NewPaletted(small.Rect, small.Palette)), ErrBroken},
		{"cut off", pagetest.BMP{Header: 124, Depth: 8}.Write(small)[:60], ErrCut},
		{"cut off in the masks",
			pagetest.BMP{Header: 40, Depth: 16, Compression: 3, Masks: []uint32{1, 2, 4}}.Write(small)[:60], ErrCut},
	} {
		if _, err := Read(c.file[:min(len(c.file), HeadSize)]); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestIsNeedsMoreThanTwoLetters(t *testing.T) {
	t.Parallel()
	file := pagetest.BMP{Header: 40, Depth: 8}.Write(pagetest.FourGrays(9, 9))
	for name, b := range map[string][]byte{"short": file[:17],
		"text": []byte("BMW is a maker of cars and motorcycles."), "nothing": nil,
		"zeros": make([]byte, 100), "array of nothing": append([]byte("BA"), make([]byte, 50)...),
		"40": append([]byte{40}, make([]byte, 60)...)} {
		if Is(b) {
			t.Errorf("%s is", name)
		}
	}
	if !Is(bytes.Clone(file[:18])) {
		t.Error("the shortest is not")
	}
}

// FuzzDecode: no bytes cause a panic, or take more memory than the declared size needs.
func FuzzDecode(f *testing.F) {
	m := pagetest.FourGrays(17, 9)
	for _, kind := range pagetest.BMPs() {
		f.Add(kind.Write(m))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := Read(b[:min(len(b), HeadSize)])
		if err != nil || p.Width > 1<<12 || p.Height > 1<<12 {
			return
		}
		img, rows, err := p.Decode(context.Background(), b)
		if err != nil || img.Bounds() != image.Rect(0, 0, p.Width, p.Height) || rows < 0 || rows > p.Height {
			t.Fatal(rows, err)
		}
	})
}
