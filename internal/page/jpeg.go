package page

import (
	"bytes"
	"fmt"
	"image/jpeg"
)

// Markers of JPEG.
const (
	jpegSOF0, jpegSOF1, jpegSOF2 = 0xc0, 0xc1, 0xc2 // baseline, extended, progressive
	jpegDHT                      = 0xc4
	jpegRST0, jpegRST7           = 0xd0, 0xd7
	jpegEOI, jpegSOS             = 0xd9, 0xda
	jpegDQT, jpegDRI             = 0xdb, 0xdd
	jpegAPP0, jpegAPP1           = 0xe0, 0xe1
	jpegAPP14, jpegAPP15         = 0xee, 0xef
	jpegCOM                      = 0xfe
)

// jpegHeader is what the segments before the first scan say. Where segments contradict each other the last one wins, as in
// image/jpeg: both must see the same picture.
type jpegHeader struct {
	framed        bool
	progressive   bool
	width, height int
	comps         []jpegComp
	jfif          bool
	adobe         bool // an Adobe segment with its transform
	transform     byte
	exif          bool // the first Exif segment is read; more of them are not asked
	orientation   orientation
}

type jpegComp struct {
	id   byte
	h, v int // sampling factors
}

// readJPEG reads the segments up to the first scan. Of all but the few that matter nothing is kept.
func readJPEG(s *stream) (*header, error) {
	h := jpegHeader{orientation: upright}
	if err := s.skip(2); err != nil {
		return nil, err
	}
	for {
		marker, err := nextMarker(s)
		if err == nil && marker == jpegSOS {
			return h.header()
		}
		if err == nil {
			err = h.segment(s, marker)
		}
		if err != nil {
			return nil, cutOff(err)
		}
	}
}

// nextMarker finds the next marker that begins a segment, as liberally as image/jpeg and libjpeg do: stray bytes before it
// and fill bytes are passed over, restart markers too.
func nextMarker(s *stream) (byte, error) {
	for {
		marker, err := anyMarker(s)
		switch {
		case err != nil:
			return 0, err
		case marker == jpegEOI:
			return 0, corrupt("broken JPEG: it ends before its picture", nil)
		case marker == 0 || jpegRST0 <= marker && marker <= jpegRST7:
			continue
		}
		return marker, nil
	}
}

func anyMarker(s *stream) (byte, error) {
	b, err := s.next(2)
	if err != nil {
		return 0, err
	}
	front, marker := b[0], b[1]
	for front != 0xff || marker == 0xff {
		if b, err = s.next(1); err != nil {
			return 0, err
		}
		front, marker = marker, b[0]
	}
	return marker, nil
}

func (h *jpegHeader) segment(s *stream, marker byte) error {
	b, err := s.next(2)
	if err != nil {
		return err
	}
	n := int(b[0])<<8 + int(b[1]) - 2
	if n < 0 {
		return corrupt("broken JPEG: impossible segment", nil)
	}
	switch {
	case marker <= jpegSOF2 && marker >= jpegSOF0:
		return h.takeSOF(s, n, marker == jpegSOF2)
	case marker == jpegDHT, marker == jpegDQT, marker == jpegDRI, marker == jpegCOM:
		return s.skip(int64(n))
	case marker >= jpegAPP0 && marker <= jpegAPP15:
		return h.takeAPP(s, n, marker)
	case marker < jpegSOF0:
		return corrupt(fmt.Sprintf("broken JPEG: unknown marker %#x", marker), nil)
	}
	return unsupported("JPEG " + jpegProcess(marker) + " is not supported; baseline and progressive are")
}

// jpegProcess names the kind of JPEG that a marker stands for.
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
	case marker == jpegAPP0 && len(front) >= 5:
		h.jfif = string(front[:5]) == "JFIF\x00"
	case marker == jpegAPP14 && len(front) == 12 && string(front[:5]) == "Adobe":
		h.adobe, h.transform = true, front[11]
	case marker == jpegAPP1 && !h.exif && bytes.HasPrefix(front, []byte("Exif\x00")):
		b, err := s.next(n)
		if err == nil && n > 6 {
			h.exif, h.orientation = true, exifOrientation(b[6:])
		}
		return err
	}
	return s.skip(int64(n))
}

func (h *jpegHeader) takeSOF(s *stream, n int, progressive bool) error {
	b, err := s.next(n)
	switch {
	case err != nil:
		return err
	case h.framed:
		return corrupt("broken JPEG: two frames", nil)
	case n < 6 || n != 6+3*int(b[5]):
		return corrupt("broken JPEG: frame of a wrong length", nil)
	case b[0] != 8:
		return unsupported(fmt.Sprintf("JPEG with %d bits a channel is not supported; 8 are", b[0]))
	case b[5] != 1 && b[5] != 3 && b[5] != 4:
		return unsupported(fmt.Sprintf("JPEG with %d channels is not supported; 1, 3 and 4 are", b[5]))
	}
	h.framed, h.progressive = true, progressive
	h.height, h.width = int(b[1])<<8+int(b[2]), int(b[3])<<8+int(b[4])
	for b = b[6:]; len(b) > 0; b = b[3:] {
		c := jpegComp{id: b[0], h: int(b[1] >> 4), v: int(b[1] & 15)}
		if c.h < 1 || c.h > 4 || c.v < 1 || c.v > 4 {
			return corrupt("broken JPEG: impossible sampling", nil)
		}
		h.comps = append(h.comps, c)
	}
	return nil
}

func (h *jpegHeader) header() (*header, error) {
	if !h.framed {
		return nil, corrupt("broken JPEG: no frame", nil)
	}
	g := &header{format: "JPEG", width: h.width, height: h.height, orientation: h.orientation,
		lossy: true, mendable: len(h.comps) < 4, channels: min(len(h.comps), 3), memory: h.memory(), decode: streamed(jpeg.Decode)}
	if len(h.comps) == 4 {
		g.mends = append(g.mends, "CMYK to RGB")
	}
	return g, nil
}

// isRGB tells three channels of RGB from YCbCr by the rules of image/jpeg, which are libjpeg's. Because the two agree, an
// RGB JPEG may pass as it is: Pillow, behind vLLM, sees the same colours.
func (h *jpegHeader) isRGB() bool {
	if len(h.comps) != 3 || h.jfif {
		return false
	}
	return h.adobe && h.transform == 0 || h.comps[0].id == 'R' && h.comps[1].id == 'G' && h.comps[2].id == 'B'
}

// memory is what image/jpeg holds: planes of whole blocks by the sampling, 4 bytes for each coefficient of a progressive
// picture, and the interleaved copy of an RGB or CMYK one. (A file that hides its Adobe segment behind the first scan can
// make it copy 4 bytes a pixel that are not counted here; MaxPixels bounds that.)
func (h *jpegHeader) memory() int64 {
	const block = 8
	h0, v0 := h.comps[0].h, h.comps[0].v
	if len(h.comps) == 1 {
		h0, v0 = 1, 1
	}
	across, down := ceilDiv(h.width, block*h0), ceilDiv(h.height, block*v0)
	perUnit := int64(0)
	for _, c := range h.comps {
		perUnit += int64(c.h) * int64(c.v) * block * block
	}
	if len(h.comps) == 1 {
		perUnit = block * block
	}
	total := int64(across) * int64(down) * perUnit
	if h.progressive {
		total *= 1 + 4
	}
	if h.isRGB() || len(h.comps) == 4 {
		total += 4 * int64(h.width) * int64(h.height)
	}
	return total
}

func ceilDiv(a, b int) int { return (a + b - 1) / b }
