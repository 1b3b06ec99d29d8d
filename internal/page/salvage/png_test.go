package salvage

import (
	"bytes"
	"context"
	"encoding/binary"
	"image"
	"image/png"
	"testing"

	"github.com/bucketocr/bucketocr/internal/page/pagetest"
)

// TestWholePNGsAreDecodedAlike compares with image/png, for whole files and for files that end after their pixels.
func TestWholePNGsAreDecodedAlike(t *testing.T) {
	t.Parallel()
	for name, b := range files(t, "*n*.png") {
		want, err := png.Decode(bytes.NewReader(b))
		if err != nil {
			continue
		}
		for _, file := range [][]byte{b, b[:len(b)-12], b[:bytes.Index(b, []byte("IEND"))-10]} {
			p, err := PNG(context.Background(), file)
			if err != nil || p.There != p.All || p.Wrong || !same(p.Image, want, image.Rectangle{}) {
				t.Errorf("%s: %v, %d of %d rows", name, err, p.There, p.All)
			}
		}
	}
}

// same reports whether two pictures are the same, as a whole or in part.
func same(a, b image.Image, part image.Rectangle) bool {
	if part.Empty() {
		part = b.Bounds()
	}
	for y := part.Min.Y; y < part.Max.Y; y++ {
		for x := part.Min.X; x < part.Max.X; x++ {
			r, g, bl, al := a.At(x, y).RGBA()
			r2, g2, b2, a2 := b.At(x, y).RGBA()
			if r != r2 || g != g2 || bl != b2 || al != a2 {
				return false
			}
		}
	}
	return a.Bounds() == b.Bounds()
}

// TestBrokenPNGsShowTheirUpperPart: rows before damage are intact, rows after it white or transparent.
func TestBrokenPNGsShowTheirUpperPart(t *testing.T) {
	t.Parallel()
	text := pagetest.Scanned(pagetest.Paper(200, 160, 12), 9)
	whole := pagetest.EncodePNG(text)
	half := len(whole) / 2
	noise := bytes.Clone(whole)
	for i := half; i < half+300; i++ {
		noise[i] ^= byte(i * 7)
	}
	for name, b := range map[string][]byte{"cut off": whole[:half], "noise in it": noise} {
		p, err := PNG(context.Background(), b)
		if err != nil || p.There < 40 || p.There > 120 && name == "cut off" {
			t.Errorf("%s: %v, %d rows", name, err, p.There)
			continue
		}
		m := p.Image.(*image.Gray)
		if name == "cut off" &&
			(!same(m, text, image.Rect(0, 0, 200, p.There)) && p.There > 0 || m.GrayAt(199, 159).Y != 255) {
			t.Errorf("%s: another picture", name)
		}
		if p.There == p.All && !p.Wrong {
			t.Errorf("%s: as if whole", name)
		}
	}
}

// TestInterlacedPNGIsLessSharp: pixels of earlier passes replace missing later ones.
func TestInterlacedPNGIsLessSharp(t *testing.T) {
	t.Parallel()
	b := files(t, "basn3p04-31i.png")["basn3p04-31i.png"]
	want, err := png.Decode(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(b, []byte("IDAT"))
	n := int(binary.BigEndian.Uint32(b[at-4:]))
	p, err := PNG(context.Background(), b[:at+4+n*3/4])
	if err != nil || p.There >= p.All || p.There < 20 {
		t.Fatalf("%v, %d of %d rows", err, p.There, p.All)
	}
	if d := off(p.Image, want, 0, want.Bounds().Dy()); d > 40 {
		t.Errorf("off by %.1f", d)
	}
	y := want.Bounds().Dy()/2*2 - 1 // the last row of the last pass
	for x := range want.Bounds().Dx() {
		if p.Image.At(x, y) != p.Image.At(x, y-1) {
			t.Errorf("a missing pixel is not like the one above")
		}
	}
}

// TestPNGIsPutInOrder: wrong checksums of unimportant chunks, transparency before the palette, and superfluous or
// overlong chunks are tolerated.
func TestPNGIsPutInOrder(t *testing.T) {
	t.Parallel()
	b := files(t, "basn3p08-trns.png")["basn3p08-trns.png"]
	want, err := png.Decode(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range pagetest.IrregularPNGs() {
		p, err := PNG(context.Background(), change(b))
		if err != nil || p.There != p.All || p.Wrong || !same(p.Image, want, image.Rectangle{}) {
			t.Errorf("%s: %v, %d of %d rows", name, err, p.There, p.All)
		}
	}
}

// TestTransparencyOfMoreColoursThanThereAreIsIgnored: as in libpng.
func TestTransparencyOfMoreColoursThanThereAreIsIgnored(t *testing.T) {
	t.Parallel()
	b := files(t, "basn3p08-trns.png")["basn3p08-trns.png"]
	p, err := PNG(context.Background(), pagetest.WithTransparency(b, make([]byte, 300)))
	if err != nil {
		t.Fatal(err)
	}
	if o, ok := p.Image.(interface{ Opaque() bool }); !ok || !o.Opaque() {
		t.Errorf("%T is transparent", p.Image)
	}
}
