package page

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/jpeg"
	"image/png"
)

// Measured on generated pages of dense text, 1089 x 1540, least processor time of 8 (KiB and ms); image/png at its fast
// level, and the two levels of encodeGray:
//
//	page                   flat   image/png   repetitions   frequencies   JPEG 90
//	gray, clean            0.72     469  24     451  12       554   6     829  26
//	gray, a fax scaled     0.74     444  24     424  11       542   6     790  26
//	gray, faintly noisy    0.36     849  43     759  17       677   6     800  28
//	gray, scanned, noisy   0.10    1130  56    1085  20       997   6     839  30
//	screen, colour         0.69    1163  72                               793  40
//	photograph             0.06    2908 138                               789  68
//
// So PNG is always written at the fast level: the default one takes twice the time for 3 to 11 % fewer bytes. Gray is
// PNG even if noisy: at most 0.2 MB more, in less time and without loss. Colour is PNG if it is flat, like screenshots
// and drawings, else JPEG. Pages from a lossy format become JPEG: they have suffered that loss already.
const (
	jpegQuality = 90
	flatPage    = 0.5 // between the 0.38 of a faintly noisy scan and the 0.69 of a screen
)

// encode encodes a picture returned by render. lossy says that it came from a lossy format.
func encode(img image.Image, lossy bool) (b []byte, kind string, err error) {
	var buf bytes.Buffer
	buf.Grow(img.Bounds().Dx()*img.Bounds().Dy()/2 + 1<<10) // roughly the final size
	gray, isGray := img.(*image.Gray)
	colour, isRGB := img.(*image.RGBA) // YCbCr is not worth it: image/png converts it pixel by pixel
	switch {
	case !lossy && isGray:
		err = encodeGray(&buf, gray)
	case !lossy && isRGB && flatness(colour.Pix, colour.Stride, 4, colour.Rect) >= flatPage:
		err = (&png.Encoder{CompressionLevel: png.BestSpeed}).Encode(&buf, img)
	default:
		err = jpeg.Encode(&buf, img, &jpeg.Options{Quality: jpegQuality})
		return buf.Bytes(), "image/jpeg", err
	}
	return buf.Bytes(), "image/png", err
}

// encodeGray writes a PNG without filters: image/png spends more time choosing a filter for each row than compressing
// it, and makes pages of text larger. Pictures with little repetition are only Huffman-coded.
func encodeGray(w *bytes.Buffer, m *image.Gray) error {
	size := m.Rect.Size()
	w.WriteString(pngMagic)
	header := binary.BigEndian.AppendUint32(nil, uint32(size.X))
	header = binary.BigEndian.AppendUint32(header, uint32(size.Y))
	chunk := beginChunk(w, "IHDR")
	w.Write(append(header, 8, pngGray, 0, 0, 0))
	endChunk(w, chunk)
	chunk = beginChunk(w, "IDAT")
	level := zlib.HuffmanOnly
	if flatness(m.Pix, m.Stride, 1, m.Rect) >= flatPage {
		level = zlib.BestSpeed
	}
	z, err := zlib.NewWriterLevel(w, level)
	if err != nil {
		return err
	}
	for y := range size.Y {
		_, _ = z.Write([]byte{0}) // no filter
		_, _ = z.Write(m.Pix[y*m.Stride:][:size.X])
	}
	err = z.Close()
	endChunk(w, chunk)
	endChunk(w, beginChunk(w, "IEND"))
	return err
}

// beginChunk begins a PNG chunk and returns the index of its type.
func beginChunk(w *bytes.Buffer, kind string) int {
	w.WriteString("\x00\x00\x00\x00" + kind)
	return w.Len() - len(kind)
}

// endChunk completes the chunk at from with its length and checksum.
func endChunk(w *bytes.Buffer, from int) {
	chunk := w.Bytes()[from:]
	binary.BigEndian.PutUint32(w.Bytes()[from-4:], uint32(len(chunk)-4))
	_, _ = w.Write(binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE(chunk)))
}

// flatness returns the fraction of pixels, step bytes each, that equal their left neighbour; 1 for a picture one pixel
// wide.
func flatness(pix []byte, stride, step int, r image.Rectangle) float64 {
	same, all := 0, r.Dy()*(r.Dx()-1)
	for y := range r.Dy() {
		row := pix[y*stride:][:step*r.Dx()]
		if step == 1 {
			for i := 1; i < len(row); i++ {
				if row[i] == row[i-1] {
					same++
				}
			}
			continue
		}
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

// blankContrast is the largest difference, of 255, between two pixels of a blank page in any channel. It is as strict
// as possible: scanned empty paper varies more, and is sent. Only pages that never were on paper count as blank, like
// the empty pages of a PDF or a fax. The faintest writing differs by several times as much (see TestFaintWriting).
const blankContrast = 4

// isBlank reports whether a page returned by render is empty.
func isBlank(img image.Image) bool { return contrast(img) <= blankContrast }

// contrast returns the largest difference between two pixels in one channel.
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

// spread returns the difference between the largest and the smallest of every step-th byte.
func spread(pix []byte, from, step int) int {
	low, high := byte(255), byte(0)
	for i := from; i < len(pix); i += step {
		low, high = min(low, pix[i]), max(high, pix[i])
	}
	return max(0, int(high)-int(low))
}
