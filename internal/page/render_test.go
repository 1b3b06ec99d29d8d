package page

import (
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/bucketocr/bucketocr/internal/page/pagetest"
)

// averaged computes the area average on white in the straightforward way, per pixel in floating point.
func averaged(m image.Image, w, h int) []float64 {
	b := m.Bounds()
	out := make([]float64, 0, 3*w*h)
	for y := range h {
		for x := range w {
			out = append(out, area(m, float64(b.Dx())/float64(w), float64(b.Dy())/float64(h), x, y)...)
		}
	}
	return out
}

func area(m image.Image, sx, sy float64, x, y int) []float64 {
	var sum [3]float64
	x0, x1, y0, y1 := float64(x)*sx, float64(x+1)*sx, float64(y)*sy, float64(y+1)*sy
	for v := int(y0); float64(v) < y1-1e-9; v++ {
		for u := int(x0); float64(u) < x1-1e-9; u++ {
			weight := (min(x1, float64(u+1)) - max(x0, float64(u))) * (min(y1, float64(v+1)) - max(y0, float64(v)))
			r, g, b, a := m.At(m.Bounds().Min.X+u, m.Bounds().Min.Y+v).RGBA()
			for i, c := range [3]uint32{r, g, b} {
				sum[i] += weight * float64(c+0xffff-a) / 257
			}
		}
	}
	return []float64{sum[0] / sx / sy, sum[1] / sx / sy, sum[2] / sx / sy}
}

// differ returns the largest difference of a channel, and the signal-to-noise ratio in dB.
func differ(m image.Image, want []float64) (worst, psnr float64) {
	sum, i := 0.0, 0
	for y := range m.Bounds().Dy() {
		for x := range m.Bounds().Dx() {
			c := color.NRGBAModel.Convert(m.At(x, y)).(color.NRGBA)
			for _, v := range [3]byte{c.R, c.G, c.B} {
				d := math.Abs(float64(v) - want[i])
				worst, sum = max(worst, d), sum+d*d
				i++
			}
		}
	}
	return worst, 10 * math.Log10(255*255*float64(i)/max(sum, 1e-9))
}

// withoutMargin returns the middle of a page, which is all of it unless it is thin.
func withoutMargin(m image.Image, w, h int) image.Image {
	out := image.NewRGBA(image.Rect(0, 0, w, h))
	draw.Draw(out, out.Rect, m, m.Bounds().Size().Sub(image.Pt(w, h)).Div(2), draw.Src)
	return out
}

// colourful returns smooth colours with noise, and alpha from transparent to opaque.
func colourful(w, h int) *image.NRGBA {
	r := rand.New(rand.NewPCG(5, 6))
	m := image.NewNRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			n := r.Float64() * 20
			m.SetNRGBA(x, y, color.NRGBA{pagetest.Clamp(float64(x)*230/float64(w) + n),
				pagetest.Clamp(float64(y)*230/float64(h) + n),
				pagetest.Clamp(120 + 100*math.Sin(float64(x+y)/40)), byte(min(255, (x*y)%400))})
		}
	}
	return m
}

// drawn converts src to the type that make returns.
func drawn[T draw.Image](make func(image.Rectangle) T, src image.Image) T {
	m := make(src.Bounds())
	draw.Draw(m, m.Bounds(), src, src.Bounds().Min, draw.Src)
	return m
}

// everyType returns the picture in all types that decoders return.
func everyType(src image.Image) map[string]image.Image {
	b := src.Bounds()
	palette := color.Palette{color.NRGBA{255, 0, 0, 255}, color.NRGBA{0, 90, 200, 128}, color.NRGBA{}, color.White,
		color.Black}
	ramp := color.Palette{}
	for i := range 16 {
		ramp = append(ramp, color.Gray{byte(i * 17)})
	}
	opaque := image.NewRGBA(b)
	draw.Draw(opaque, b, image.White, image.Point{}, draw.Src)
	draw.Draw(opaque, b, src, b.Min, draw.Over)
	all := map[string]image.Image{"RGBA opaque": opaque, "unknown type": struct{ image.Image }{src}}
	for name, m := range map[string]draw.Image{"Gray": image.NewGray(b), "Gray16": image.NewGray16(b),
		"NRGBA": image.NewNRGBA(b),
		"RGBA":  image.NewRGBA(b), "NRGBA64": image.NewNRGBA64(b), "RGBA64": image.NewRGBA64(b),
		"CMYK":    image.NewCMYK(b),
		"palette": image.NewPaletted(b, palette), "gray palette": image.NewPaletted(b, ramp)} {
		draw.Draw(m, b, src, b.Min, draw.Src)
		all[name] = m
	}
	return all
}

func TestRenderIsAreaAverage(t *testing.T) {
	t.Parallel()
	for name, m := range everyType(colourful(61, 47)) {
		for _, size := range [][2]int{{61, 47}, {60, 46}, {31, 24}, {20, 15}, {7, 5}, {1, 1}, {61, 1}, {1, 47},
			{61, 98}, {200, 47}, {40, 60}} {
			got := render(m, size[0], size[1], upright)
			worst, psnr := differ(got, averaged(m, size[0], size[1]))
			// Half a step for rounding the result, and as much for each pixel that was reduced to 8 bits.
			if worst > 1.6 || psnr < 50 {
				t.Errorf("%s to %v: off by %.2f, %.1f dB", name, size, worst, psnr)
			}
		}
	}
}

func TestRenderGrayStaysGray(t *testing.T) {
	t.Parallel()
	all := everyType(image.NewGray(image.Rect(0, 0, 9, 9)))
	for name, m := range all {
		if name == "palette" {
			continue // its nearest colours are black
		}
		if got, ok := render(m, 3, 3, upright).(*image.Gray); !ok {
			t.Errorf("%s: %T", name, got)
		}
	}
}

var ratios = []image.YCbCrSubsampleRatio{
	image.YCbCrSubsampleRatio444, image.YCbCrSubsampleRatio422, image.YCbCrSubsampleRatio420,
	image.YCbCrSubsampleRatio440, image.YCbCrSubsampleRatio411, image.YCbCrSubsampleRatio410}

// ycbcr subsamples the picture as an encoder does: each chroma sample is the mean of its pixels.
func ycbcr(src image.Image, ratio image.YCbCrSubsampleRatio) *image.YCbCr {
	b := src.Bounds()
	m := image.NewYCbCr(b, ratio)
	type mean struct{ cb, cr, n int }
	means := map[int]mean{}
	for y := range b.Dy() {
		for x := range b.Dx() {
			r, g, bl := onWhite(src.At(x, y))
			l, cb, cr := color.RGBToYCbCr(r, g, bl)
			m.Y[m.YOffset(x, y)] = l
			s := means[m.COffset(x, y)]
			means[m.COffset(x, y)] = mean{s.cb + int(cb), s.cr + int(cr), s.n + 1}
		}
	}
	for at, s := range means {
		m.Cb[at], m.Cr[at] = byte((s.cb+s.n/2)/s.n), byte((s.cr+s.n/2)/s.n)
	}
	return m
}

func TestRenderYCbCr(t *testing.T) {
	t.Parallel()
	src := colourful(123, 97)
	for i := range src.Pix {
		if i%4 == 3 {
			src.Pix[i] = 255
		}
	}
	for _, ratio := range ratios {
		m := ycbcr(src, ratio)
		for _, size := range [][2]int{{123, 97}, {61, 48}, {40, 32}, {9, 7}, {1, 1}, {123, 201}, {90, 120}} {
			got := render(m, size[0], size[1], upright).(*image.YCbCr)
			luma := &image.Gray{Pix: m.Y, Stride: m.YStride, Rect: m.Rect}
			worst, _ := differ(&image.Gray{Pix: got.Y, Stride: got.YStride, Rect: got.Rect},
				averaged(luma, size[0], size[1]))
			if worst > 0.51 {
				t.Errorf("%v to %v: luma off by %.2f", ratio, size, worst)
			}
			// Chroma has half the resolution, which is visible in a tiny picture.
			if _, psnr := differ(got, averaged(src, size[0], size[1])); psnr < 27 && (psnr < 24 || size[0] > 9) {
				t.Errorf("%v to %v: %.1f dB", ratio, size, psnr)
			}
		}
	}
}

// stored returns the picture as a camera with that orientation stores it: turned the other way.
func stored(m image.Image, o orientation) *image.NRGBA {
	w, h := m.Bounds().Dx(), m.Bounds().Dy()
	sw, sh := o.size(w, h)
	out := image.NewNRGBA(image.Rect(0, 0, sw, sh))
	for y := range sh {
		for x := range sw {
			var c color.Color
			switch o { // where the stored (x, y) is in the upright picture, from the Exif specification
			case 1:
				c = m.At(x, y)
			case 2:
				c = m.At(w-1-x, y)
			case 3:
				c = m.At(w-1-x, h-1-y)
			case 4:
				c = m.At(x, h-1-y)
			case 5:
				c = m.At(y, x)
			case 6:
				c = m.At(w-1-y, x)
			case 7:
				c = m.At(w-1-y, h-1-x)
			case 8:
				c = m.At(y, h-1-x)
			}
			out.Set(x, y, c)
		}
	}
	return out
}

func TestRenderOrientations(t *testing.T) {
	t.Parallel()
	src := colourful(50, 37)
	for o := orientation(1); o <= 8; o++ {
		m := stored(src, o)
		for name, m := range map[string]image.Image{"colour": m, "gray": everyType(m)["Gray"],
			"YCbCr": ycbcr(m, image.YCbCrSubsampleRatio444)} {
			for _, size := range [][2]int{{50, 37}, {25, 19}, {21, 16}, {1, 1}} { // even and odd, upright
				w, h := o.size(size[0], size[1])
				got := render(m, w, h, o)
				want := render(map[string]image.Image{"colour": src, "gray": everyType(src)["Gray"],
					"YCbCr": ycbcr(src, image.YCbCrSubsampleRatio444)}[name], size[0], size[1], upright)
				if fmt.Sprint(got) != fmt.Sprint(want) {
					t.Errorf("orientation %d, %s, %v: not the same picture", o, name, size)
				}
			}
		}
	}
}

func TestFitKeepsProportions(t *testing.T) {
	t.Parallel()
	for _, c := range [][5]int{ // width, height, edge, wanted width and height
		{4032, 3024, 1540, 1540, 1155}, {3024, 4032, 1540, 1155, 1540}, {1540, 1540, 1540, 1540, 1540},
		{1541, 10, 1540, 1540, 10}, {60000, 1, 1540, 1540, 1}, {1, 60000, 1540, 1, 1540},
		{2480, 3508, 1540, 1089, 1540},
		{10, 10, 1540, 10, 10}, {3, 2, 2, 2, 1}, {1 << 30, 1 << 29, 100, 100, 50}, {3, 3, 1, 1, 1},
	} {
		if w, ht := fit(c[0], c[1], c[2]); w != c[3] || ht != c[4] {
			t.Errorf("%v: %d x %d", c, w, ht)
		}
	}
}
