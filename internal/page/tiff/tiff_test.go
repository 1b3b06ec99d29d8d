package tiff_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"image"
	"image/color"
	"image/draw"
	"os"
	"path/filepath"
	"strings"
	"testing"

	xtiff "golang.org/x/image/tiff"

	"github.com/bucketocr/bucketocr/internal/page/pagetest"
	"github.com/bucketocr/bucketocr/internal/page/tiff"
)

var orders = []binary.AppendByteOrder{binary.LittleEndian, binary.BigEndian}

// colours returns a picture in which no two rows or columns are equal.
func colours(w, h int) *image.RGBA {
	m := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			m.SetRGBA(x, y, color.RGBA{byte(x * 255 / w), byte(y * 255 / h), byte(128 + 100*(x+y)/(w+h)), 255})
		}
	}
	return m
}

func gray(w, h int) *image.Gray {
	m := image.NewGray(image.Rect(0, 0, w, h))
	draw.Draw(m, m.Rect, colours(w, h), image.Point{}, draw.Src)
	return m
}

func planar(w, h int) *image.YCbCr {
	m := image.NewYCbCr(image.Rect(0, 0, w, h), image.YCbCrSubsampleRatio420)
	for i := range m.Y {
		m.Y[i] = byte(i * 255 / len(m.Y))
	}
	for i := range m.Cb {
		m.Cb[i], m.Cr[i] = byte(64+i*128/len(m.Cb)), byte(192-i*128/len(m.Cb))
	}
	return m
}

// near fails the test if a channel differs by more than by.
func near(t *testing.T, name string, got, want image.Image, by int) {
	t.Helper()
	if got.Bounds().Size() != want.Bounds().Size() {
		t.Fatalf("%s: %v, want %v", name, got.Bounds(), want.Bounds())
	}
	for y := range want.Bounds().Dy() {
		for x := range want.Bounds().Dx() {
			a := color.NRGBAModel.Convert(got.At(got.Bounds().Min.X+x, got.Bounds().Min.Y+y)).(color.NRGBA)
			b := color.NRGBAModel.Convert(want.At(want.Bounds().Min.X+x, want.Bounds().Min.Y+y)).(color.NRGBA)
			for _, d := range []int{int(a.R) - int(b.R), int(a.G) - int(b.G), int(a.B) - int(b.B),
				int(a.A) - int(b.A)} {
				if d > by || -d > by {
					t.Fatalf("%s at %d, %d: %v, want %v", name, x, y, a, b)
				}
			}
		}
	}
}

// decode decodes a page, with damage as an error.
func decode(p *tiff.Page, ctx context.Context, b []byte) (image.Image, error) {
	img, damage, err := p.Decode(ctx, b)
	return img, cmp.Or(err, damage)
}

func pages(t *testing.T, b []byte) []tiff.Page {
	t.Helper()
	p, err := tiff.Pages(context.Background(), b, 100)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestFilesDecodeAsByXImage compares the results for real files with golang.org/x/image/tiff.
func TestFilesDecodeAsByXImage(t *testing.T) {
	t.Parallel()
	names, _ := filepath.Glob("../testdata/*.tiff")
	if len(names) < 10 {
		t.Fatal(names)
	}
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		want, wantErr := xtiff.Decode(bytes.NewReader(b))
		p := pages(t, b)
		got, err := decode(&p[0], context.Background(), b)
		if (err != nil) != (wantErr != nil) || len(p) != 1 {
			t.Fatalf("%s: %d pages, %v, the decoder by itself: %v", name, len(p), err, wantErr)
		}
		if err == nil {
			near(t, name, got, want, 0)
			if got.Bounds().Size() != image.Pt(p[0].Width, p[0].Height) {
				t.Errorf("%s: says %d x %d", name, p[0].Width, p[0].Height)
			}
		}
	}
}

// TestScannersFilesDecode: kinds of pages that scanners and design programs write, alone and together in one file.
func TestScannersFilesDecode(t *testing.T) {
	t.Parallel()
	g, c, y := gray(70, 50), colours(70, 50), planar(64, 48)
	inverted := image.NewGray(g.Rect)
	for i, v := range g.Pix {
		inverted.Pix[i] = ^v
	}
	kinds := []struct {
		name    string
		picture pagetest.Picture
		want    image.Image
		by      int
	}{
		{"gray", pagetest.Gray(g, 50), g, 0},
		{"gray in strips", pagetest.Gray(g, 7), g, 0},
		{"CMYK", pagetest.CMYK(c), c, 1},
		{"JPEG, YCbCr", pagetest.JPEG(y, 48), y, 12},
		{"JPEG, YCbCr in strips", pagetest.JPEG(y, 16), y, 12},
		{"JPEG, last strip short", pagetest.JPEG(y, 32), y, 12},
		{"JPEG, gray", pagetest.JPEG(g, 50), g, 12},
		{"JPEG, gray in strips", pagetest.JPEG(g, 8), g, 12},
		{"JPEG, white is zero", pagetest.JPEG(inverted, 8).With(262, 3, 0), g, 12},
		{"thumbnail", pagetest.Gray(gray(7, 5), 5).With(254, 4, 1), nil, 0},
		{"bits", pagetest.Bilevel(g), bilevel(g), 0},
	}
	for _, order := range orders {
		var all []pagetest.Picture
		for _, k := range kinds {
			all = append(all, k.picture)
		}
		b := pagetest.TIFF(order, all...)
		n := 0
		list := pages(t, b)
		for _, k := range kinds {
			if k.want == nil {
				continue
			}
			p := list[n]
			if n++; p.Lossy != (k.name[:4] == "JPEG") || p.Memory < int64(p.Width*p.Height) || p.Orientation != 1 {
				t.Errorf("%s: %+v", k.name, p)
			}
			img, err := decode(&p, context.Background(), b)
			if err != nil {
				t.Fatalf("%v, %s: %v", order, k.name, err)
			}
			near(t, k.name, img, k.want, k.by)
		}
		if n != len(list) {
			t.Errorf("%d pages, want %d", len(list), n)
		}
	}
}

func bilevel(m *image.Gray) *image.Gray {
	out := image.NewGray(m.Rect)
	for i, v := range m.Pix {
		out.Pix[i] = -(v >> 7)
	}
	return out
}

// TestJPEGOfRGBKeepsItsColours: only the directory declares that JPEG strips are RGB.
func TestJPEGOfRGBKeepsItsColours(t *testing.T) {
	t.Parallel()
	y := planar(64, 48)
	b := pagetest.TIFF(binary.LittleEndian, pagetest.JPEG(y, 48).With(262, 3, 2))
	img, err := decode(&pages(t, b)[0], context.Background(), b)
	if err != nil {
		t.Fatal(err)
	}
	if r, g, _, _ := img.At(0, 0).RGBA(); r>>8 > 20 || g>>8 < 40 || g>>8 > 90 {
		t.Errorf("%v: the planes are not taken as red, green, blue", img.At(0, 0))
	}
}

// TestThumbnailsAloneArePages: if a file has only thumbnails, they are its pages.
func TestThumbnailsAloneArePages(t *testing.T) {
	t.Parallel()
	p := pages(t, pagetest.TIFF(binary.BigEndian, pagetest.Gray(gray(7, 5), 5).With(254, 4, 1)))
	if len(p) != 1 || p[0].Width != 7 {
		t.Errorf("%+v", p)
	}
}

// TestRawFilesAreUnsupported: a file of thumbnails whose photos are not among its pages is a camera's.
func TestRawFilesAreUnsupported(t *testing.T) {
	t.Parallel()
	small := pagetest.Gray(gray(7, 5), 5).With(254, 4, 1)
	for name, first := range map[string]pagetest.Picture{
		"NEF": small.With(330, 4, 8), "several": small.With(330, 4, 8, 8), "DNG": small.With(50706, 1, 1, 4, 0, 0),
	} {
		_, err := tiff.Pages(context.Background(), pagetest.TIFF(binary.LittleEndian, first, small), 100)
		if _, ok := errors.AsType[tiff.UnsupportedError](err); !ok || !strings.Contains(err.Error(), "raw file") {
			t.Errorf("%s: %v", name, err)
		}
	}
	p := pages(t, pagetest.TIFF(binary.LittleEndian, pagetest.Gray(gray(9, 9), 9).With(330, 4, 8), small))
	if len(p) != 1 || p[0].Width != 9 || p[0].Err != nil {
		t.Errorf("a page with smaller versions of itself: %+v", p)
	}
}

// TestMasksAreNoPages: the transparency mask of a page is skipped as a thumbnail is.
func TestMasksAreNoPages(t *testing.T) {
	t.Parallel()
	page, mask := pagetest.Gray(gray(9, 9), 9), pagetest.Bilevel(gray(9, 9)).With(262, 3, 4)
	p := pages(t, pagetest.TIFF(binary.BigEndian, page, mask.With(254, 4, 4), page, mask.With(254, 4, 5)))
	if len(p) != 2 || p[0].Err != nil || p[1].Err != nil {
		t.Errorf("%+v", p)
	}
}

func TestOrientationAndChanges(t *testing.T) {
	t.Parallel()
	four := pagetest.CMYK(colours(8, 8)).With(262, 3, 2)
	for _, c := range []struct {
		name    string
		picture pagetest.Picture
		o       int
		changes []string
	}{
		{"turned", pagetest.Gray(gray(8, 8), 8).With(274, 3, 6), 6, nil},
		{"impossible", pagetest.Gray(gray(8, 8), 8).With(274, 3, 9), 1, nil},
		{"transparent", four.With(338, 3, 2), 1, []string{"laid on white"}},
		{"a fourth channel of no meaning", four.With(338, 3, 0), 1, nil},
		{"CMYK", pagetest.CMYK(colours(8, 8)), 1, []string{"CMYK to RGB"}},
	} {
		b := pagetest.TIFF(binary.LittleEndian, c.picture)
		p := pages(t, b)[0]
		if p.Orientation != c.o || len(p.Changes) != len(c.changes) || len(c.changes) > 0 &&
			p.Changes[0] != c.changes[0] {
			t.Errorf("%s: %+v", c.name, p)
		}
		if img, err := decode(&p, context.Background(), b); err != nil {
			t.Errorf("%s: %v", c.name, err)
		} else if _, _, _, a := img.At(3, 3).RGBA(); c.o == 1 && c.changes == nil && a != 0xffff {
			t.Errorf("%s: not opaque", c.name)
		}
	}
}

func TestUnsupportedPagesSayWhy(t *testing.T) {
	t.Parallel()
	g := pagetest.Gray(gray(8, 8), 8)
	four := pagetest.CMYK(colours(8, 8))
	for name, p := range map[string]pagetest.Picture{
		"compressed with Zstandard":              g.With(259, 3, 50000),
		"compressed with WebP":                   g.With(259, 3, 50001),
		"with unknown compression 77":            g.With(259, 3, 77),
		"with 33 bits per channel":               g.With(258, 3, 33),
		"with 16 bits per channel":               g.With(258, 3, 16).With(262, 3, 3),
		"with floating-point samples":            g.With(258, 3, 32).With(339, 3, 3),
		"with signed samples":                    g.With(339, 3, 2),
		"fax with more than one bit per pixel":   g.With(259, 3, 4),
		"in LogLuv colours":                      g.With(262, 3, 32845),
		"in unknown colours 99":                  g.With(262, 3, 99),
		"with 65535 channels":                    g.With(277, 3, 65535),
		"with 1 channels, which does not match":  g.With(262, 3, 2),
		"with channels of different bit depths":  four.With(258, 3, 8, 8, 8, 16),
		"in YCbCr with more than three channels": four.With(262, 3, 6),
		"in YCbCr sampled 4 x 4":                 four.With(262, 3, 6).With(277, 3, 3).With(530, 3, 4, 4),
		"with transparency in JPEG":              g.With(277, 3, 2).With(258, 3, 8, 8).With(259, 3, 7),
		"compressed with old-style JPEG":         four.With(259, 3, 6),
		"with 12 bits per channel":               g.With(259, 3, 7).With(258, 3, 12),
	} {
		b := pagetest.TIFF(binary.LittleEndian, p)
		q := pages(t, b)[0]
		if u, ok := errors.AsType[tiff.UnsupportedError](q.Err); !ok || !strings.Contains(string(u), name) {
			t.Errorf("%s: %v", name, q.Err)
		}
		if _, err := decode(&q, context.Background(), b); err != q.Err {
			t.Errorf("%s: %v", name, err)
		}
	}
}
