package tiff

import (
	"image"

	"github.com/bucketocr/bucketocr/internal/page/jpegfile"
)

// ratios maps the supported chroma subsampling, horizontal and vertical.
var ratios = map[[2]int]image.YCbCrSubsampleRatio{{1, 1}: image.YCbCrSubsampleRatio444,
	{2, 1}: image.YCbCrSubsampleRatio422,
	{2, 2}: image.YCbCrSubsampleRatio420, {1, 2}: image.YCbCrSubsampleRatio440, {4, 1}: image.YCbCrSubsampleRatio411,
	{4, 2}: image.YCbCrSubsampleRatio410}

// newYCbCr returns a white picture.
func newYCbCr(r image.Rectangle, ratio image.YCbCrSubsampleRatio) *image.YCbCr {
	m := image.NewYCbCr(r, ratio)
	fill(m.Y, 0xff)
	fill(m.Cb, 0x80)
	fill(m.Cr, 0x80)
	return m
}

// putUnits puts rows of units at (x, y). A unit is the luma samples of some pixels, followed by the two chroma samples
// that they share.
func (d *decoder) putUnits(x, y, rows int) {
	across, down := d.sampled[0], d.sampled[1]
	block := image.NewYCbCr(image.Rect(0, 0, ceilDiv(d.blockWidth, across)*across, ceilDiv(rows, down)*down),
		ratios[d.sampled])
	units := d.packed[0].pix
	luma, chroma := d.levels()
	for top := 0; top < block.Rect.Dy(); top += down {
		for left := 0; left < block.Rect.Dx(); left += across {
			for i := range across * down {
				block.Y[block.YOffset(left+i%across, top+i/across)] = luma[units[i]]
			}
			at := block.COffset(left, top)
			block.Cb[at], block.Cr[at] = chroma[units[across*down]], chroma[units[across*down+1]]
			units = units[across*down+2:]
		}
	}
	putPlanes(d.img.(*image.YCbCr), block, x, y)
}

// levels returns tables that stretch samples to the full range, if black and white are not 0 and 255, as in video.
func (d *decoder) levels() (luma, chroma [256]byte) {
	stretch := func(table *[256]byte, tag int, zero, span int) {
		from, to := int(d.number(tagReference, tag, uint64(zero))), int(d.number(tagReference, tag+1, 255))
		if to <= from || to > 255 {
			from, to = zero, 255
		}
		for v := range table {
			table[v] = byte(max(0, min(255, zero+(v-from)*span/(to-from))))
		}
	}
	stretch(&luma, 0, 0, 255)
	stretch(&chroma, 2, 128, 127)
	return luma, chroma
}

// putPlanes copies m to (x, y) of w. It reports false if a chroma sample would have to be split.
func putPlanes(w, m *image.YCbCr, x, y int) bool {
	across, down := jpegfile.Sampling(m.SubsampleRatio)
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
