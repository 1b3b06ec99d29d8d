package page

import (
	"bytes"
	"image"
	"image/jpeg"
	"image/png"
)

// Measured on generated pages of dense text, 1089 x 1540, best of 3, one of two shared cores (KiB and ms):
//
//	page                  flat   PNG BestSpeed   PNG default   JPEG 90
//	gray, clean           0.69      521   31       503   53     772  29
//	gray, scanned, noisy  0.09     1124   62      1104  101     793  36
//	screen, colour        0.69     1163   72      1108  104     763  40
//	photograph            0.06     2908  138      2582  509     789  68
//
// So: the fast level of PNG, always the same, since the default one takes twice the time for 3 to 11 % fewer bytes.
// Gray is PNG even if noisy: 0.3 MB and 30 ms more at worst, and no loss. Colour is PNG where it is flat, as screens
// and drawings are, and JPEG else. What came as JPEG has lost already what JPEG loses, and stays JPEG.
const (
	jpegQuality = 90
	flatPage    = 0.5 // between the 0.25 of a faintly noisy scan and the 0.69 of a screen
)

// encode writes what render returns. lossy says that it came from a lossy format.
func encode(img image.Image, lossy bool) (b []byte, kind string, err error) {
	var buf bytes.Buffer
	_, gray := img.(*image.Gray)
	colour, ok := img.(*image.RGBA) // YCbCr never is worth it: image/png would take it pixel by pixel
	if !lossy && (gray || ok && flatness(colour) >= flatPage) {
		err = (&png.Encoder{CompressionLevel: png.BestSpeed}).Encode(&buf, img)
		return buf.Bytes(), "image/png", err
	}
	err = jpeg.Encode(&buf, img, &jpeg.Options{Quality: jpegQuality})
	return buf.Bytes(), "image/jpeg", err
}

// flatness is the part of all pixels that equal their left neighbour, 1 for a picture one pixel wide.
func flatness(m *image.RGBA) float64 {
	same, all := 0, m.Rect.Dy()*(m.Rect.Dx()-1)
	for y := range m.Rect.Dy() {
		row := m.Pix[y*m.Stride:][:4*m.Rect.Dx()]
		for i := 4; i < len(row); i += 4 {
			if row[i] == row[i-4] && row[i+1] == row[i-3] && row[i+2] == row[i-2] {
				same++
			}
		}
	}
	if all == 0 {
		return 1
	}
	return float64(same) / float64(all)
}

// blankContrast is the most by which two pixels of a blank page differ, in any channel, of 255. It is as strict as it
// can be: paper without ink that was scanned differs by more, and is sent. What is found is what was never printed on:
// the empty pages of a PDF or a fax. The faintest writing differs by several times as much (TestFaintWriting shows by
// how much).
const blankContrast = 4

// isBlank reports whether there is nothing on a page, as render returns it.
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
