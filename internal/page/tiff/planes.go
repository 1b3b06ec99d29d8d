package tiff

import (
	"image"
	"image/color"
)

// planes lets a picture of three planes be put together where others are drawn.
type planes struct{ *image.YCbCr }

// Set does nothing: planes are copied whole.
func (planes) Set(int, int, color.Color) {}

func unwrapped(img image.Image) image.Image {
	if w, ok := img.(planes); ok {
		return w.YCbCr
	}
	return img
}

// put copies m to (x, y). It reports false if a sample of colour would have to be split.
func (w planes) put(m *image.YCbCr, x, y int) bool {
	across, down := sampling(m.SubsampleRatio)
	if x%across != 0 || y%down != 0 || !image.Pt(x, y).In(w.Rect) {
		return false
	}
	r := m.Rect.Add(image.Pt(x, y)).Intersect(w.Rect)
	copyPlane(w.Y[w.YOffset(x, y):], w.YStride, m.Y, m.YStride, r.Dx(), r.Dy())
	cw, ch := (r.Dx()+across-1)/across, (r.Dy()+down-1)/down
	copyPlane(w.Cb[w.COffset(x, y):], w.CStride, m.Cb, m.CStride, cw, ch)
	copyPlane(w.Cr[w.COffset(x, y):], w.CStride, m.Cr, m.CStride, cw, ch)
	return true
}

func copyPlane(dst []byte, dstStride int, src []byte, srcStride, w, h int) {
	for y := range h {
		copy(dst[y*dstStride:][:w], src[y*srcStride:])
	}
}

// sampling is how many pixels share a sample of colour, across and down.
func sampling(r image.YCbCrSubsampleRatio) (across, down int) {
	switch r {
	case image.YCbCrSubsampleRatio422:
		return 2, 1
	case image.YCbCrSubsampleRatio420:
		return 2, 2
	case image.YCbCrSubsampleRatio440:
		return 1, 2
	case image.YCbCrSubsampleRatio411:
		return 4, 1
	case image.YCbCrSubsampleRatio410:
		return 4, 2
	}
	return 1, 1
}
