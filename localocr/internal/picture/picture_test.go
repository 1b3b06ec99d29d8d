package picture

import (
	"bytes"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"math/rand/v2"
	"strings"
	"testing"

	"golang.org/x/image/draw"
)

const plenty = 1 << 20

func encodePNG(t *testing.T, img image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func encodeJPEG(t *testing.T, img image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, &jpeg.Options{Quality: 100}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func load(t *testing.T, file []byte) *image.Gray {
	t.Helper()
	out, err := Load(file, plenty)
	if err != nil {
		t.Fatal(err)
	}
	img, err := png.Decode(bytes.NewReader(out))
	if err != nil {
		t.Fatal(err)
	}
	page, ok := img.(*image.Gray)
	if !ok {
		t.Fatalf("Load made a %T, want gray", img)
	}
	return page
}

func noise(w, h int) *image.Gray {
	rng := rand.New(rand.NewPCG(1, 2))
	img := image.NewGray(image.Rect(0, 0, w, h))
	for i := range img.Pix {
		img.Pix[i] = uint8(rng.Uint32())
	}
	return img
}

func TestDoubleIsCatmullRom(t *testing.T) {
	src := noise(37, 23)
	got := double(src)
	want := image.NewRGBA(got.Rect)
	draw.CatmullRom.Scale(want, want.Rect, src, src.Rect, draw.Src, nil)
	const edge = 4 // at the edge x/image ignores the missing pixels, and double repeats the last one
	for y := edge; y < got.Rect.Dy()-edge; y++ {
		for x := edge; x < got.Rect.Dx()-edge; x++ {
			g, w := int(got.GrayAt(x, y).Y), int(want.RGBAAt(x, y).R)
			if d := g - w; d < -1 || d > 1 {
				t.Fatalf("at %d,%d: %d, x/image/draw says %d", x, y, g, w)
			}
		}
	}
}

func TestDoubleKeepsFlatPages(t *testing.T) {
	for _, v := range []uint8{0, 1, 128, 255} {
		for _, size := range []image.Point{{1, 1}, {2, 1}, {1, 3}, {5, 4}} {
			src := image.NewGray(image.Rectangle{Max: size})
			for i := range src.Pix {
				src.Pix[i] = v
			}
			for _, g := range double(src).Pix {
				if g != v {
					t.Fatalf("flat %d of %v became %d", v, size, g)
				}
			}
		}
	}
}

func TestLoadSizes(t *testing.T) {
	for _, tt := range []struct{ w, h, want int }{
		{100, 50, 200},
		{8, MaxSmallEdge, 16},
		{8, MaxSmallEdge + 1, 8},
		{MaxSmallEdge + 1, 8, MaxSmallEdge + 1},
	} {
		if got := load(t, encodePNG(t, noise(tt.w, tt.h))).Rect.Dx(); got != tt.want {
			t.Errorf("%d x %d: %d wide, want %d", tt.w, tt.h, got, tt.want)
		}
	}
}

func TestLoadColours(t *testing.T) {
	fill := func(img draw.Image, c color.Color) image.Image {
		draw.Draw(img, img.Bounds(), image.NewUniform(c), image.Point{}, draw.Src)
		return img
	}
	r := image.Rect(0, 0, 20, 20)
	palette := color.Palette{color.White, color.Black}
	for name, tt := range map[string]struct {
		file []byte
		want int
	}{
		"gray png":        {encodePNG(t, fill(image.NewGray(r), color.Gray{Y: 90})), 90},
		"16 bit gray":     {encodePNG(t, fill(image.NewGray16(r), color.Gray16{Y: 0x5a5a})), 90},
		"one bit palette": {encodePNG(t, fill(image.NewPaletted(r, palette), color.Black)), 0},
		"transparent":     {encodePNG(t, image.NewNRGBA(r)), 255},
		"half black":      {encodePNG(t, fill(image.NewNRGBA(r), color.NRGBA{A: 128})), 127},
		"colour png":      {encodePNG(t, fill(image.NewRGBA(r), color.RGBA{R: 255, A: 255})), 76},
		"gray jpeg":       {encodeJPEG(t, fill(image.NewGray(r), color.Gray{Y: 90})), 90},
		"colour jpeg":     {encodeJPEG(t, fill(image.NewRGBA(r), color.RGBA{G: 255, A: 255})), 150},
	} {
		got := int(load(t, tt.file).GrayAt(20, 20).Y)
		if got < tt.want-1 || got > tt.want+1 {
			t.Errorf("%s: gray %d, want %d", name, got, tt.want)
		}
	}
}

func TestLoadRefuses(t *testing.T) {
	good := encodePNG(t, noise(60, 40))
	for name, tt := range map[string]struct {
		file   []byte
		pixels int
		says   string
	}{
		"nothing":          {nil, plenty, "unknown format"},
		"text":             {[]byte("hello, world"), plenty, "unknown format"},
		"another format":   {[]byte("GIF89a\x01\x00\x01\x00"), plenty, "unknown format"},
		"cut off":          {good[:len(good)/2], plenty, "png"},
		"one pixel over":   {good, 60*40 - 1, "60 x 40 pixels, the limit is 2399 in all"},
		"cut off and over": {good[:40], 10, "limit"},
	} {
		_, err := Load(tt.file, tt.pixels)
		if err == nil || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: error %v, want one that says %q", name, err, tt.says)
		}
	}
	if _, err := Load(good, 60*40); err != nil {
		t.Errorf("exactly at the limit: %v", err)
	}
}

func BenchmarkLoad(b *testing.B) {
	var file bytes.Buffer
	if err := png.Encode(&file, noise(1089, 1540)); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Load(file.Bytes(), 1<<22); err != nil {
			b.Fatal(err)
		}
	}
}
