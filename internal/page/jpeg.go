package page

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"image/jpeg"

	"github.com/bucketocr/bucketocr/internal/page/jpegfile"
	"github.com/bucketocr/bucketocr/internal/page/salvage"
)

// jpegHeader is what the segments before the first scan say. Where segments contradict each other the last one wins, as
// in image/jpeg: both must see the same picture.
type jpegHeader struct {
	frame       jpegfile.Frame
	progressive bool
	jfif        bool
	adobe       bool // an Adobe segment with its transform
	transform   byte
	orientation orientation // of the first Exif segment; 0 unknown
	irregular   bool        // read by other programs, but not by image/jpeg
	below       bool        // its height is declared after the picture
}

// readJPEG reads the segments up to the first scan. Of all but the few that matter nothing is kept.
func readJPEG(s *stream) (*picture, error) {
	var h jpegHeader
	b, err := s.Next(3)
	if err == nil {
		h.irregular = b[2] != 0xff // stray bytes, which the OCR service does not take for a JPEG
		s.pos--
	}
	for err == nil {
		var marker byte
		marker, err = jpegfile.NextMarker(s)
		switch {
		case err != nil:
		case marker == jpegfile.SOS && h.below:
			if h.frame.Height, err = heightBelow(s); err == nil {
				return h.picture()
			}
		case marker == jpegfile.SOS:
			return h.picture()
		case marker == jpegfile.EOI:
			return nil, corrupt("the JPEG ends before its picture", nil)
		case marker == jpegfile.SOI, marker == jpegfile.TEM:
			h.irregular = true
		default:
			err = h.segment(s, marker)
		}
	}
	return nil, err
}

func (h *jpegHeader) segment(s *stream, marker byte) error {
	n, err := jpegfile.BodySize(s)
	app := marker >= jpegfile.APP0 && marker <= jpegfile.APP15
	switch {
	case err == jpegfile.ErrSize && (app || marker == jpegfile.COM):
		h.irregular = true
		return nil
	case err == jpegfile.ErrSize:
		return corrupt("the JPEG is damaged before its picture begins", nil)
	case err != nil:
		return err
	case marker <= jpegfile.SOF2 && marker >= jpegfile.SOF0:
		return h.takeSOF(s, n, marker == jpegfile.SOF2)
	case marker == jpegfile.DNL:
		h.irregular = true
		return s.skip(int64(n))
	case marker == jpegfile.DHT, marker == jpegfile.DQT, marker == jpegfile.DRI, marker == jpegfile.COM:
		return s.skip(int64(n))
	case app:
		return h.takeAPP(s, n, marker)
	}
	if process := jpegProcess(marker); process != "" {
		return unsupported("JPEG " + process + " is not supported; baseline and progressive JPEG are")
	}
	return corrupt("the JPEG is damaged before its picture begins", nil)
}

// jpegProcess names the kind of JPEG that a marker belongs to; "" if it belongs to none.
func jpegProcess(marker byte) string {
	switch {
	case marker == 0xc3:
		return "with lossless compression"
	case marker == 0xcc || marker >= 0xc9 && marker <= 0xcf:
		return "with arithmetic coding"
	case marker >= 0xc5 && marker <= 0xc7 || marker == 0xde || marker == 0xdf:
		return "in hierarchical layers"
	case marker == 0xf7:
		return "with lossless compression (JPEG-LS)"
	case marker >= jpegfile.SOF0:
		return "with an extension that is not known"
	}
	return ""
}

// heightBelow reads the height that follows the first scan.
func heightBelow(s *stream) (int, error) {
	for {
		marker, err := jpegfile.NextMarker(s)
		if err != nil {
			return 0, err
		}
		if marker != jpegfile.DNL {
			return 0, corrupt("the JPEG does not say how high its picture is", nil)
		}
		n, err := jpegfile.BodySize(s)
		if err == nil && n == 2 {
			var b []byte
			if b, err = s.Next(2); err == nil {
				return int(binary.BigEndian.Uint16(b)), nil
			}
		}
		if err != nil && err != jpegfile.ErrSize {
			return 0, err
		}
	}
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
		return corrupt("the JPEG is damaged before its picture begins", nil)
	case !ok, !f.Sampled():
		return corrupt("the JPEG's description of its picture is damaged", nil)
	case f.Bits != 8:
		return unsupported(fmt.Sprintf("JPEG with %d bits a channel is not supported; JPEG with 8 is", f.Bits))
	case n != 1 && n != 3 && n != 4:
		return unsupported(fmt.Sprintf("JPEG with %d channels is not supported; gray, colour and CMYK are", n))
	}
	h.frame, h.progressive, h.below = f, progressive, f.Height == 0
	h.irregular = h.irregular || h.below || !h.regular()
	return nil
}

func (h *jpegHeader) picture() (*picture, error) {
	if h.frame.Components == nil {
		return nil, corrupt("the JPEG does not describe its picture", nil)
	}
	channels := len(h.frame.Components)
	p := &picture{
		decode: jpeg.Decode,
		header: header{width: h.frame.Width, height: h.frame.Height, orientation: max(h.orientation, upright),
			gray: channels == 1, lossy: true, memory: h.memory()}}
	p.salvage, p.args = "jpeg.salvage", []int64{int64(h.frame.Height)}
	switch {
	case h.irregular:
		p.decode, p.call, p.salvage = nil, p.salvage, ""
		p.changes = append(p.changes, "irregular JPEG made regular")
	case h.progressive: // some bytes of it can be one more round over all of the picture
		p.decode, p.call = nil, "jpeg"
	}
	if channels == 4 {
		p.changes = append(p.changes, "CMYK to RGB")
	}
	return p, nil
}

// regular reports whether the channels are as image/jpeg wants them: each with a number of its own, and sampled in one
// of the usual ways.
func (h *jpegHeader) regular() bool {
	c := h.frame.Components
	for i := range c {
		for _, other := range c[:i] {
			if c[i].ID == other.ID {
				return false
			}
		}
	}
	switch len(c) {
	case 3:
		return h.sampledAsUsual()
	case 4:
		return h.sampledAsUsual() && c[3].H == c[0].H && c[3].V == c[0].V
	}
	return true
}

// sampledAsUsual reports whether chroma is sampled in one of the ways that package image knows.
func (h *jpegHeader) sampledAsUsual() bool {
	c := h.frame.Components
	for ratio := image.YCbCrSubsampleRatio444; ratio <= image.YCbCrSubsampleRatio410; ratio++ {
		across, down := jpegfile.Sampling(ratio)
		if c[0].H == across*c[1].H && c[0].V == down*c[1].V && c[1].H == c[2].H && c[1].V == c[2].V {
			return true
		}
	}
	return false
}

func decodeJPEG(_ context.Context, file []byte, _ int64, _ []int64) (image.Image, error) {
	img, err := jpeg.Decode(bytes.NewReader(file))
	return img, complaint("JPEG", err)
}

// salvageJPEG decodes what image/jpeg refuses: a file that is cut off, broken or irregular. Its own number is the
// height.
func salvageJPEG(ctx context.Context, file []byte, _ int64, args []int64) (image.Image, error) {
	if len(args) != 1 {
		return nil, fmt.Errorf("page: a JPEG was to be salvaged with %v", args)
	}
	return salvaged(salvage.JPEG(ctx, file, int(args[0])))
}

// salvaged is a picture that was salvaged, or why not.
func salvaged(p salvage.Part, err error) (image.Image, error) {
	switch {
	case errors.Is(err, salvage.ErrNothing):
		return nil, errNothingLeft
	case err != nil:
		return nil, err
	}
	return partly(p.Image, p.There, p.All, p.Wrong)
}

// isRGB tells three channels of RGB from YCbCr by the rules of image/jpeg, which are libjpeg's. Because the two agree,
// an RGB JPEG may pass as it is: Pillow, behind vLLM, sees the same colours.
func (h *jpegHeader) isRGB() bool {
	c := h.frame.Components
	if len(c) != 3 || h.jfif {
		return false
	}
	return h.adobe && h.transform == 0 || c[0].ID == 'R' && c[1].ID == 'G' && c[2].ID == 'B'
}

// memory is what image/jpeg needs: planes of whole blocks by the sampling, 4 bytes for each coefficient of a
// progressive picture, and the interleaved copy of an RGB or CMYK one, or one of odd sampling. What is salvaged needs
// no more. (A file that hides its Adobe segment after the first scan can make it copy 4 bytes a pixel that are not
// counted here; MaxPixels bounds that.)
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
	if h.isRGB() || len(c) == 4 || len(c) == 3 && !h.sampledAsUsual() {
		total += 4 * int64(h.frame.Width) * int64(h.frame.Height)
	}
	return total
}

func ceilDiv(a, b int) int { return (a + b - 1) / b }
