package page

import "image"

// blankContrast is the most by which two pixels of a blank page differ, in any channel, of 255. It is as strict as it can be:
// paper without ink that was scanned differs by more, and is sent. What is found is what was never printed on: the empty
// pages of a PDF or a fax. The faintest writing differs by several times as much (TestFaintWriting shows by how much).
const blankContrast = 4

// isBlank reports whether there is nothing on a page, as render gives it.
func isBlank(img image.Image) bool { return contrast(img) <= blankContrast }

// contrast is the largest difference between two pixels in one channel.
func contrast(img image.Image) int {
	switch m := img.(type) {
	case *image.Gray:
		return spread(m.Pix, 0, 1)
	case *image.YCbCr:
		return max(spread(m.Y, 0, 1), spread(m.Cb, 0, 1), spread(m.Cr, 0, 1))
	case *image.RGBA:
		return max(spread(m.Pix, 0, 4), spread(m.Pix, 1, 4), spread(m.Pix, 2, 4))
	}
	return 255
}

// spread is the difference between the largest and the smallest of every step-th byte.
func spread(pix []byte, from, step int) int {
	low, high := byte(255), byte(0)
	for i := from; i < len(pix); i += step {
		low, high = min(low, pix[i]), max(high, pix[i])
	}
	return max(0, int(high)-int(low))
}
