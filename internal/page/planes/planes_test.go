package planes

import (
	"image"
	"image/color"
	"testing"
)

func TestRange(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		table []byte
		at    int
		want  byte
	}{
		{Luma(8, true), 77, 77}, {Luma(8, false), 16, 0}, {Luma(8, false), 235, 255}, {Luma(8, false), 3, 0},
		{Luma(8, false), 255, 255},
		{Luma(10, true), 1023, 255}, {Luma(10, true), 0, 0}, {Luma(10, false), 64, 0}, {Luma(10, false), 940, 255},
		{Luma(12, false), 3760, 255},
		{Luma(16, true), 65535, 255}, {Chroma(8, true), 9, 9}, {Chroma(8, false), 128, 128}, {Chroma(8, false), 16, 1},
		{Chroma(8, false), 240, 255},
		{Chroma(10, false), 512, 128}, {Chroma(12, true), 2048, 128}, {Chroma(10, true), 1023, 255},
	} {
		if got := c.table[c.at]; got != c.want {
			t.Errorf("%d of %d: %d, want %d", c.at, len(c.table), got, c.want)
		}
	}
}

// TestMatrix: a colour encoded with any matrix is restored.
func TestMatrix(t *testing.T) {
	t.Parallel()
	for matrix, w := range map[Matrix][2]float64{1: {0.2126, 0.0722}, 5: {0.299, 0.114}, 6: {0.299, 0.114},
		2: {0.299, 0.114}, 9: {0.2627, 0.0593},
		7: {0.212, 0.087}, Identity: {}, YCgCo: {}} {
		for _, ratio := range []image.YCbCrSubsampleRatio{image.YCbCrSubsampleRatio444, image.YCbCrSubsampleRatio422,
			image.YCbCrSubsampleRatio420} {
			if matrix == Identity && ratio != image.YCbCrSubsampleRatio444 {
				ToJPEG(image.NewYCbCr(image.Rect(0, 0, 5, 3), ratio), matrix) // there is no such thing
				continue
			}
			want := color.RGBA{200, 60, 90, 255}
			r, g, b := 200.0, 60.0, 90.0
			y := w[0]*r + (1-w[0]-w[1])*g + w[1]*b
			cb, cr := (b-y)/(2*(1-w[1])), (r-y)/(2*(1-w[0]))
			switch matrix {
			case Identity:
				y, cb, cr = g, b-128, r-128
			case YCgCo:
				y, cb, cr = r/4+g/2+b/4, -r/4+g/2-b/4, r/2-b/2
			}
			m := image.NewYCbCr(image.Rect(0, 0, 5, 3), ratio)
			fill(m.Y, byte(y+0.5))
			fill(m.Cb, byte(cb+128.5))
			fill(m.Cr, byte(cr+128.5))
			ToJPEG(m, matrix)
			for i := range 15 {
				got := color.RGBAModel.Convert(m.At(i%5, i/5)).(color.RGBA)
				if far(got.R, want.R) || far(got.G, want.G) || far(got.B, want.B) {
					t.Fatalf("matrix %d, %v, %d: %v", matrix, ratio, i, got)
				}
			}
		}
	}
}

func far(a, b byte) bool { return max(a, b)-min(a, b) > 3 }

func fill(b []byte, v byte) {
	for i := range b {
		b[i] = v
	}
}

// TestOnWhite compares OnWhite with package color, pixel by pixel, in part of a picture.
func TestOnWhite(t *testing.T) {
	t.Parallel()
	for _, premultiplied := range []bool{false, true} {
		for alpha := 0; alpha < 256; alpha += 51 {
			m := image.NewYCbCr(image.Rect(0, 0, 9, 7), image.YCbCrSubsampleRatio420)
			y, cb, cr := color.RGBToYCbCr(200, 60, 90)
			if premultiplied {
				y, cb, cr = byte(int(y)*alpha/255), byte(128+(int(cb)-128)*alpha/255), byte(128+(int(cr)-128)*alpha/255)
			}
			fill(m.Y, y)
			fill(m.Cb, cb)
			fill(m.Cr, cr)
			part := image.Rect(2, 2, 20, 6)
			line := make([]byte, 18)
			fill(line, byte(alpha))
			OnWhite(m, part, premultiplied, func(int) []byte { return line })
			over := func(v int) byte { return byte((v*alpha + 255*(255-alpha)) / 255) }
			got := color.RGBAModel.Convert(m.At(4, 4)).(color.RGBA)
			if far(got.R, over(200)) || far(got.G, over(60)) || far(got.B, over(90)) {
				t.Errorf("alpha %d, premultiplied %v: %v", alpha, premultiplied, got)
			}
			if m.YCbCrAt(1, 1) != (color.YCbCr{Y: y, Cb: cb, Cr: cr}) ||
				m.YCbCrAt(8, 6) != (color.YCbCr{Y: y, Cb: cb, Cr: cr}) {
				t.Error("it changed what is beside the part")
			}
		}
	}
}
