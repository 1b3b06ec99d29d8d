package page

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/jpeg"

	"github.com/bucketocr/bucketocr/internal/page/jpegfile"
	"github.com/bucketocr/bucketocr/internal/page/salvage"
)

// jpegHeader is what the segments before the first scan say. Where segments contradict each other the last one wins, as in
// image/jpeg: both must see the same picture.
type jpegHeader struct {
	frame       jpegfile.Frame
	progressive bool
	jfif        bool
	adobe       bool // an Adobe segment with its transform
	transform   byte
	orientation orientation // of the first Exif segment; 0 unknown
}

// readJPEG reads the segments up to the first scan. Of all but the few that matter nothing is kept.
func readJPEG(s *stream) (*picture, error) {
	var h jpegHeader
	err := s.skip(2)
	for err == nil {
		var marker byte
		marker, err = jpegfile.NextMarker(s)
		switch {
		case err != nil:
		case marker == jpegfile.SOS:
			return h.picture()
		case marker == jpegfile.EOI:
			return nil, corrupt("broken JPEG: it ends before its picture", nil)
		default:
			err = h.segment(s, marker)
		}
	}
	return nil, err
}

func (h *jpegHeader) segment(s *stream, marker byte) error {
	n, err := jpegfile.BodySize(s)
	switch {
	case err == jpegfile.ErrSize:
		return corrupt("broken JPEG: impossible segment", nil)
	case err != nil:
		return err
	case marker <= jpegfile.SOF2 && marker >= jpegfile.SOF0:
		return h.takeSOF(s, n, marker == jpegfile.SOF2)
	case marker == jpegfile.DHT, marker == jpegfile.DQT, marker == jpegfile.DRI, marker == jpegfile.COM:
		return s.skip(int64(n))
	case marker >= jpegfile.APP0 && marker <= jpegfile.APP15:
		return h.takeAPP(s, n, marker)
	case marker < jpegfile.SOF0:
		return corrupt(fmt.Sprintf("broken JPEG: unknown marker %#x", marker), nil)
	}
	return unsupported("JPEG " + jpegProcess(marker) + " is not supported; baseline and progressive are")
}

// jpegProcess names the kind of JPEG that a marker belongs to.
func jpegProcess(marker byte) string {
	switch {
	case marker == 0xc3:
		return "without loss"
	case marker == 0xcc || marker >= 0xc9 && marker <= 0xcf:
		return "with arithmetic coding"
	case marker >= 0xc5 && marker <= 0xc7 || marker == 0xde || marker == 0xdf:
		return "in hierarchical layers"
	}
	return fmt.Sprintf("with marker %#x", marker)
}

func (h *jpegHeader) takeAPP(s *stream, n int, marker byte) error {
	front := s.peek(min(n, 12))
	switch {
	case marker == jpegfile.APP0 && len(front) >= 5:
		h.jfif = string(front[:5]) == "JFIF\x00"
	case marker == jpegfile.APP14 && len(front) == 12 && string(front[:5]) == "Adobe":
		h.adobe, h.transform = true, front[11]
	case marker == jpegfile.APP1 && h.orientation == 0 && bytes.HasPrefix(front, []byte("Exif\x00")):
		b, err := s.Next(n)
		if err == nil && n > 6 {
			h.orientation = exifOrientation(b[6:])
		}
		return err
	}
	return s.skip(int64(n))
}

func (h *jpegHeader) takeSOF(s *stream, n int, progressive bool) error {
	body, err := s.Next(n)
	if err != nil {
		return err
	}
	f, ok := jpegfile.ParseFrame(body)
	switch n := len(f.Components); {
	case h.frame.Components != nil:
		return corrupt("broken JPEG: two frames", nil)
	case !ok:
		return corrupt("broken JPEG: frame of a wrong length", nil)
	case f.Bits != 8:
		return unsupported(fmt.Sprintf("JPEG with %d bits a channel is not supported; 8 are", f.Bits))
	case n != 1 && n != 3 && n != 4:
		return unsupported(fmt.Sprintf("JPEG with %d channels is not supported; 1, 3 and 4 are", n))
	case !f.Sampled():
		return corrupt("broken JPEG: impossible sampling", nil)
	}
	h.frame, h.progressive = f, progressive
	return nil
}

func (h *jpegHeader) picture() (*picture, error) {
	if h.frame.Components == nil {
		return nil, corrupt("broken JPEG: no frame", nil)
	}
	channels := len(h.frame.Components)
	p := &picture{decode: jpeg.Decode, header: header{width: h.frame.Width, height: h.frame.Height, orientation: max(h.orientation, upright),
		gray: channels == 1, lossy: true, memory: h.memory()}}
	if h.progressive { // some bytes of it can be one more round over all of the picture
		p.decode, p.call = nil, "jpeg"
	}
	if channels == 4 {
		p.changes = []string{"CMYK to RGB"}
	} else {
		p.salvage = "jpeg.salvage"
	}
	return p, nil
}

func decodeJPEG(_ context.Context, file []byte, _ int64, _ []int64) (image.Image, error) {
	img, err := jpeg.Decode(bytes.NewReader(file))
	return img, complaint("JPEG", err)
}

// errNothingLeft is never told: why the file could not be decoded as it is says more.
var errNothingLeft = corrupt("nothing of the picture is left", nil)

// salvageJPEG decodes what is left of a file that is cut off or broken.
func salvageJPEG(ctx context.Context, file []byte, _ int64, _ []int64) (image.Image, error) {
	completed, ok := salvage.JPEG(file)
	if !ok {
		return nil, errNothingLeft
	}
	img, err := decodeJPEG(ctx, completed, 0, nil)
	if err == nil && isEmpty(img) {
		err = errNothingLeft
	}
	return img, err
}

// isRGB tells three channels of RGB from YCbCr by the rules of image/jpeg, which are libjpeg's. Because the two agree, an
// RGB JPEG may pass as it is: Pillow, behind vLLM, sees the same colours.
func (h *jpegHeader) isRGB() bool {
	c := h.frame.Components
	if len(c) != 3 || h.jfif {
		return false
	}
	return h.adobe && h.transform == 0 || c[0].ID == 'R' && c[1].ID == 'G' && c[2].ID == 'B'
}

// memory is what image/jpeg needs: planes of whole blocks by the sampling, 4 bytes for each coefficient of a progressive
// picture, and the interleaved copy of an RGB or CMYK one. (A file that hides its Adobe segment after the first scan can
// make it copy 4 bytes a pixel that are not counted here; MaxPixels bounds that.)
func (h *jpegHeader) memory() int64 {
	const block = 8
	c := h.frame.Components
	h0, v0, perUnit := c[0].H, c[0].V, 0
	for _, c := range c {
		perUnit += c.H * c.V * block * block
	}
	if len(c) == 1 {
		h0, v0, perUnit = 1, 1, block*block
	}
	total := int64(ceilDiv(h.frame.Width, block*h0)) * int64(ceilDiv(h.frame.Height, block*v0)) * int64(perUnit)
	if h.progressive {
		total *= 1 + 4
	}
	if h.isRGB() || len(c) == 4 {
		total += 4 * int64(h.frame.Width) * int64(h.frame.Height)
	}
	return total
}

func ceilDiv(a, b int) int { return (a + b - 1) / b }
