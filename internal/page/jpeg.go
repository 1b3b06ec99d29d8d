package page

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"io"

	"github.com/bucketocr/bucketocr/internal/page/jpegdecode"
	"github.com/bucketocr/bucketocr/internal/page/jpegfile"
	"github.com/bucketocr/bucketocr/internal/page/salvage"
)

// jpegHeader holds the contents of the segments before the first scan. Where segments contradict each other the last
// one wins, as in image/jpeg: all decoders must see the same picture.
type jpegHeader struct {
	frame       jpegfile.Frame
	progressive bool
	jfif        bool
	adobe       bool // an Adobe segment with its transform
	transform   byte
	orientation orientation // of the first Exif segment; 0 unknown
	irregular   bool        // accepted by other programs, but not by image/jpeg
	below       bool        // the height is declared after the first scan
	parted      bool        // the first scan lacks a channel
}

// readJPEG reads the segments up to the first scan. Segments that do not matter are skipped.
func readJPEG(s *stream) (*picture, error) {
	var h jpegHeader
	b, err := s.Next(3)
	if err == nil {
		h.irregular = b[2] != 0xff // stray bytes: the OCR service does not recognize the file as JPEG
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
			front := s.peek(3)
			h.parted = len(front) == 3 && int(front[2]) < len(h.frame.Components)
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

// jpegProcess returns the kind of JPEG that a marker belongs to, or "".
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
		return "with an unknown extension"
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
			return 0, corrupt("the JPEG does not declare its height", nil)
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
		decode: decodeJPEG, header: header{width: h.frame.Width, height: h.frame.Height,
			orientation: max(h.orientation, upright),
			gray:        channels == 1, lossy: true, memory: jpegMemory, sized: h.strips, salvageSized: h.kept,
			salvage: "jpeg"}}
	_, known := h.shown().Ratio()
	p.planar = known || channels == 1
	p.args = []int64{int64(h.frame.Height)}
	// a few bytes of a progressive file can cost another pass over the whole picture
	if h.irregular || h.progressive || h.parted {
		p.decode, p.call, p.salvage, p.sized = nil, p.salvage, "", h.kept
	}
	if h.irregular {
		p.changes = append(p.changes, "irregular JPEG made regular")
	}
	if channels == 4 {
		p.changes = append(p.changes, "CMYK to RGB")
	}
	return p, nil
}

// regular reports whether image/jpeg supports the channels: they have distinct IDs and one of the usual samplings.
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

// sampledAsUsual reports whether package image has the chroma subsampling.
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

// decodeJPEG decodes and scales a baseline JPEG while reading it.
func decodeJPEG(r io.Reader, f finishing) (image.Image, error) {
	s := &jpegSink{f: f}
	if err := jpegdecode.Decode(context.Background(), r, s); err != nil { // r checks the context
		return nil, err
	}
	return s.picture(), nil
}

// salvageJPEG decodes a file in memory that is progressive, truncated, damaged or irregular. The call's argument is the
// height.
func salvageJPEG(ctx context.Context, file []byte, f finishing, args []int64) (image.Image, error) {
	if len(args) != 1 {
		return nil, fmt.Errorf("page: invalid JPEG decoder arguments %v", args)
	}
	s := &jpegSink{f: f}
	res, err := jpegdecode.Salvage(ctx, file, int(args[0]), s)
	switch {
	case errors.Is(err, jpegdecode.ErrNothing):
		return nil, errNothingLeft
	case err != nil:
		return nil, err
	}
	return partly(s.picture(), res.There, res.All, res.Wrong)
}

// salvaged converts the results of package salvage.
func salvaged(p salvage.Part, err error) (image.Image, error) {
	switch {
	case errors.Is(err, salvage.ErrNothing):
		return nil, errNothingLeft
	case err != nil:
		return nil, err
	}
	return partly(p.Image, p.There, p.All, p.Wrong)
}

// jpegMemory is the bytes that decoding a JPEG needs in addition to samples: tables and read buffers.
const jpegMemory = 128 << 10

// strips returns the bytes of one row of units, all that is held of a baseline JPEG.
func (h *jpegHeader) strips(edge int) (total int64) {
	p := h.shown()
	w, ht := fit(p.Width, p.Height, edge)
	maxH, _ := p.MaxSampling()
	for i, by := range reductions(p, w, ht) {
		side, c := int64(8/by), p.Channels[i]
		total += int64(ceilDiv(p.Width, 8*maxH)) * int64(c.H) * int64(c.V) * side * side
	}
	return total
}

// kept returns the bytes held of a JPEG that is decoded as a whole: samples, or for a progressive one the sums of its
// coefficients and two bits for each.
func (h *jpegHeader) kept(edge int) (total int64) {
	p := h.shown()
	w, ht := fit(p.Width, p.Height, edge)
	maxH, maxV := p.MaxSampling()
	for i, by := range reductions(p, w, ht) {
		side, c := int64(8/by), p.Channels[i]
		block := side * side
		if h.progressive {
			block = 2*block + 16
		}
		total += int64(ceilDiv(p.Width, 8*maxH)) * int64(c.H) * int64(ceilDiv(p.Height, 8*maxV)) * int64(c.V) * block
	}
	return total + h.strips(edge)
}

// shown returns the Picture that the decoder will pass to its sink.
func (h *jpegHeader) shown() jpegdecode.Picture {
	p := jpegdecode.Picture{Width: h.frame.Width, Height: h.frame.Height, Channels: h.frame.Components}
	if len(p.Channels) == 1 {
		p.Channels = []jpegfile.Component{{H: 1, V: 1}}
	}
	p.Colours = jpegdecode.ColoursOf(p.Channels, h.jfif, h.adobe, h.transform)
	return p
}

func ceilDiv(a, b int) int { return (a + b - 1) / b }
