// Package planes converts luma and chroma planes, as video codecs store them, to those of JPEG: 8 bits, full range and
// the colours of BT.601. Pictures are changed in place.
//
// Files, in reading order: planes.go tables for depth and range, and transparency; matrix.go colours.
package planes

import (
	"image"
	"math"

	"github.com/bucketocr/bucketocr/internal/page/jpegfile"
)

// Luma returns a table from luma samples of the given bits, at most 16, to bytes. If full is false, samples are in
// video range: with 8 bits, black is 16 and white is 235.
func Luma(bits int, full bool) []byte {
	if full {
		return table(bits, 0, 0, 255)
	}
	return table(bits, 16, 0, 219)
}

// Chroma is like Luma for chroma samples, which are centred on 128.
func Chroma(bits int, full bool) []byte {
	if full {
		return table(bits, 128, 128, 255)
	}
	return table(bits, 128, 128, 224)
}

// table returns a table that stretches span to 255 and maps from to to, all in units of 8 bits. Samples with more bits
// are larger by a power of two, except that full range ends at the largest sample.
func table(bits int, from, to, span float64) []byte {
	t := make([]byte, 1<<bits)
	scale := math.Ldexp(1, bits-8)
	from *= scale
	if span *= scale; span == 255*scale {
		span = float64(len(t) - 1)
	}
	for v := range t {
		t[v] = byte(math.Round(max(0, min(255, to+(float64(v)-from)*255/span))))
	}
	return t
}

// FromVideo converts a picture with 8 bits from video range to full range.
func FromVideo(m *image.YCbCr) {
	luma, chroma := Luma(8, false), Chroma(8, false)
	apply(m.Y, luma)
	apply(m.Cb, chroma)
	apply(m.Cr, chroma)
}

func apply(pix, table []byte) {
	t := (*[256]byte)(table)
	for i, v := range pix {
		pix[i] = t[v]
	}
}

// OnWhite composites the part r of a picture on white. alpha returns the opacities of row y of r, counted from 0, as
// r.Dx() bytes that are valid until the next call; premultiplied says that the colours are already multiplied by them.
// A picture without chroma is gray.
func OnWhite(m *image.YCbCr, r image.Rectangle, premultiplied bool, alpha func(y int) []byte) {
	across, down := 1, 1
	if len(m.Cb) > 0 {
		across, down = jpegfile.Sampling(m.SubsampleRatio)
	}
	clipped := r.Intersect(m.Rect)
	if clipped.Empty() {
		return
	}
	sums, counts := make([]int, (clipped.Dx()-1)/across+2), make([]int, (clipped.Dx()-1)/across+2)
	for y := clipped.Min.Y; y < clipped.Max.Y; y++ {
		a := alpha(y - r.Min.Y)[clipped.Min.X-r.Min.X:][:clipped.Dx()]
		row := m.Y[(y-m.Rect.Min.Y)*m.YStride+clipped.Min.X-m.Rect.Min.X:]
		row = row[:len(a)]
		for x, v := range row {
			row[x] = lay(v, a[x], 0, premultiplied)
		}
		if len(m.Cb) == 0 {
			continue
		}
		first := clipped.Min.X / across
		for x, v := range a {
			n := (clipped.Min.X+x)/across - first
			sums[n] += int(v)
			counts[n]++
		}
		if (y+1)%down != 0 && y+1 < clipped.Max.Y {
			continue
		}
		at := (y/down-m.Rect.Min.Y/down)*m.CStride + first - m.Rect.Min.X/across
		for n, count := range counts {
			if count > 0 {
				mean := byte((sums[n] + count/2) / count)
				m.Cb[at+n] = lay(m.Cb[at+n], mean, 128, premultiplied)
				m.Cr[at+n] = lay(m.Cr[at+n], mean, 128, premultiplied)
			}
		}
		clear(sums)
		clear(counts)
	}
}

// lay composites a sample on white. zero is the neutral sample: 0 for luma, 128 for chroma.
func lay(v, alpha, zero byte, premultiplied bool) byte {
	white, part := 255, int(alpha)
	if zero != 0 {
		white = int(zero)
	}
	if premultiplied {
		part = 255
	}
	sum := (int(v)-int(zero))*part + (white-int(zero))*(255-int(alpha))
	const up = 256 // keeps the sum positive for rounding
	return byte(max(0, min(255, int(zero)+(sum+127+255*up)/255-up)))
}
