package planes

import (
	"image"
	"math"

	"github.com/bucketocr/bucketocr/internal/page/jpegfile"
)

// Matrix is the conversion between RGB and luma and chroma, as numbered by ITU-T H.273 (CICP).
type Matrix int

// Matrices with special treatment. Those neither here nor in weights, and unspecified ones, are treated as BT.601.
const (
	Identity Matrix = 0 // the planes are green, blue and red, if they have the same size
	YCgCo    Matrix = 8
)

// weights holds the weights of red and blue in luma.
var weights = map[Matrix][2]float64{1: {0.2126, 0.0722}, 4: {0.30, 0.11}, 7: {0.212, 0.087}, 9: {0.2627, 0.0593},
	10: {0.2627, 0.0593}}

// ToJPEG converts the colours of a full-range picture from the given matrix to those of JPEG.
func ToJPEG(m *image.YCbCr, matrix Matrix) {
	w, known := weights[matrix]
	switch {
	case matrix == Identity && m.SubsampleRatio == image.YCbCrSubsampleRatio444:
		fromRGB(m)
	case matrix == YCgCo:
		linear(m, [3][2]float64{{-1, 1}, {1, 0}, {-1, -1}})
	case known:
		red, blue := w[0], w[1]
		green := 1 - red - blue
		linear(m, [3][2]float64{{0, 2 * (1 - red)}, {-2 * blue * (1 - blue) / green, -2 * red * (1 - red) / green},
			{2 * (1 - blue), 0}})
	}
}

// linear converts a picture whose red, green and blue are luma plus the given multiples of both chroma samples.
func linear(m *image.YCbCr, rgb [3][2]float64) {
	var luma, cb, cr [2][256]int32 // contribution of each chroma value to the three outputs, in units of 1/65536
	for c := range 2 {
		y := 0.299*rgb[0][c] + 0.587*rgb[1][c] + 0.114*rgb[2][c]
		for v := range 256 {
			part := float64(v-128) * (1 << 16)
			luma[c][v] = int32(math.Round(y * part))
			cb[c][v] = int32(math.Round((rgb[2][c] - y) / 1.772 * part))
			cr[c][v] = int32(math.Round((rgb[0][c] - y) / 1.402 * part))
		}
	}
	across, down := jpegfile.Sampling(m.SubsampleRatio)
	w, h := m.Rect.Dx(), m.Rect.Dy()
	for y := range h {
		row := m.Y[y*m.YStride:][:w]
		first, second := m.Cb[y/down*m.CStride:], m.Cr[y/down*m.CStride:]
		for x := range row {
			n := x / across
			row[x] = clamp(int32(row[x])<<16 + luma[0][first[n]] + luma[1][second[n]])
		}
		if (y+1)%down != 0 && y+1 < h {
			continue
		}
		for n := range (w + across - 1) / across {
			a, b := first[n], second[n]
			first[n] = clamp(128<<16 + cb[0][a] + cb[1][b])
			second[n] = clamp(128<<16 + cr[0][a] + cr[1][b])
		}
	}
}

func clamp(v int32) byte { return byte(max(0, min(255, (v+1<<15)>>16))) }

// fromRGB converts a picture whose planes are green, blue and red.
func fromRGB(m *image.YCbCr) {
	for y := range m.Rect.Dy() {
		at, chroma := y*m.YStride, y*m.CStride
		for x := range m.Rect.Dx() {
			g, b, r := int32(m.Y[at+x]), int32(m.Cb[chroma+x]), int32(m.Cr[chroma+x])
			m.Y[at+x] = clamp(19595*r + 38470*g + 7471*b)
			m.Cb[chroma+x] = clamp(128<<16 - 11056*r - 21712*g + 32768*b)
			m.Cr[chroma+x] = clamp(128<<16 + 32768*r - 27440*g - 5328*b)
		}
	}
}
