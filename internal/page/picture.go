package page

import (
	"fmt"
	"image"

	"github.com/bucketocr/bucketocr/internal/page/sandbox"
)

// Kinds of picture that the child answers with: the bytes of their planes, one behind the other.
const (
	pictureNRGBA = iota
	pictureGray
	pictureYCbCr // and the ratio added
)

// sent is a picture as an answer: width, height and kind, and its bytes. Its rows have nothing between them.
func sent(img image.Image) (sandbox.Message, error) {
	m := sandbox.Message{Args: []int64{int64(img.Bounds().Dx()), int64(img.Bounds().Dy())}}
	switch p := img.(type) {
	case *image.NRGBA:
		m.Args, m.Data = append(m.Args, pictureNRGBA), p.Pix
	case *image.Gray:
		m.Args, m.Data = append(m.Args, pictureGray), p.Pix
	case *image.YCbCr:
		m.Args = append(m.Args, pictureYCbCr+int64(p.SubsampleRatio))
		m.Data = append(append(append(m.Data, p.Y...), p.Cb...), p.Cr...)
	default:
		return m, fmt.Errorf("page: a decoder gave %T", img)
	}
	return m, nil
}

// received is the picture of an answer.
func received(m sandbox.Message) (image.Image, error) {
	if len(m.Args) != 3 || m.Args[0] < 1 || m.Args[1] < 1 || m.Args[0] > 1<<31 || m.Args[1] > 1<<31 {
		return nil, fmt.Errorf("page: a decoder answered %v", m.Args)
	}
	w, h := int(m.Args[0]), int(m.Args[1])
	r := image.Rect(0, 0, w, h)
	switch kind := m.Args[2]; {
	case kind == pictureNRGBA && len(m.Data) == 4*w*h:
		return &image.NRGBA{Pix: m.Data, Stride: 4 * w, Rect: r}, nil
	case kind == pictureGray && len(m.Data) == w*h:
		return &image.Gray{Pix: m.Data, Stride: w, Rect: r}, nil
	case kind >= pictureYCbCr && kind <= pictureYCbCr+int64(image.YCbCrSubsampleRatio410):
		if p := planesOf(r, image.YCbCrSubsampleRatio(kind-pictureYCbCr), m.Data); p != nil {
			return p, nil
		}
	}
	return nil, fmt.Errorf("page: a decoder answered %v with %d bytes", m.Args, len(m.Data))
}

// planesOf divides bytes into the planes of a picture; nil if there are too few or too many.
func planesOf(r image.Rectangle, ratio image.YCbCrSubsampleRatio, b []byte) *image.YCbCr {
	across, down := sampling(ratio)
	y, stride := r.Dx()*r.Dy(), ceilDiv(r.Dx(), across)
	chroma := stride * ceilDiv(r.Dy(), down)
	if len(b) != y+2*chroma {
		return nil
	}
	return &image.YCbCr{Y: b[:y], Cb: b[y : y+chroma], Cr: b[y+chroma:], YStride: r.Dx(), CStride: stride, SubsampleRatio: ratio, Rect: r}
}
