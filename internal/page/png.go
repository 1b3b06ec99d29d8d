package page

import (
	"context"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/png"
	"io"
	"math"
	"slices"

	"github.com/bucketocr/bucketocr/internal/page/salvage"
)

const pngMagic = "\x89PNG\r\n\x1a\n"

// Colour types of PNG.
const (
	pngGray      = 0
	pngRGB       = 2
	pngPalette   = 3
	pngGrayAlpha = 4
	pngRGBAlpha  = 6
)

// pngDepths lists the valid bits per channel, by colour type.
var pngDepths = map[byte][]byte{pngGray: {1, 2, 4, 8, 16}, pngRGB: {8, 16}, pngPalette: {1, 2, 4, 8},
	pngGrayAlpha: {8, 16}, pngRGBAlpha: {8, 16}}

// pngHeader holds the contents of the chunks before the first IDAT.
type pngHeader struct {
	width, height                  uint32
	depth, colour                  byte
	interlaced                     bool
	palette, transparent, animated bool
	orientation                    orientation // 0 unknown
	irregular                      bool        // accepted by other programs, but not by image/png
}

// errPNGHeader reports damage before the first IDAT.
var errPNGHeader = corrupt("the PNG is damaged before its picture begins", nil)

// readPNG reads the chunks up to the first IDAT and verifies their checksums. Chunks that do not matter are skipped.
func readPNG(s *stream) (*picture, error) {
	var h pngHeader
	err := s.skip(int64(len(pngMagic)))
	for first := true; err == nil; first = false {
		var b []byte
		if b, err = s.Next(8); err != nil {
			break
		}
		n, kind := int64(binary.BigEndian.Uint32(b)), string(b[4:])
		switch {
		case first != (kind == "IHDR"):
			return nil, errPNGHeader
		case n > 1<<31-1:
			return nil, errPNGHeader
		case kind == "IDAT":
			return h.picture()
		}
		var right bool
		b, right, err = chunkBody(s, kind, n)
		switch ancillary := kind[0]&0x20 != 0; {
		case err != nil:
		case right:
			err = h.take(kind, n, b)
		case ancillary:
			h.irregular = true
		default:
			err = errPNGHeader
		}
	}
	return nil, err
}

// chunkBody reads a chunk's n bytes and reports whether their checksum is right. It returns the beginning of the body,
// about exifMax bytes, if the kind is of interest.
func chunkBody(s *stream, kind string, n int64) (body []byte, right bool, err error) {
	sum := crc32.ChecksumIEEE([]byte(kind))
	for n > 0 {
		b, err := s.Next(int(min(n, readSize)))
		if err != nil {
			return nil, false, err
		}
		sum = crc32.Update(sum, crc32.IEEETable, b)
		n -= int64(len(b))
		if (kind == "IHDR" || kind == "eXIf") && len(body) < exifMax {
			body = append(body, b...)
		}
	}
	b, err := s.Next(checksum)
	return body, err == nil && binary.BigEndian.Uint32(b) == sum, err
}

// take evaluates a chunk of n bytes.
func (h *pngHeader) take(kind string, n int64, body []byte) error {
	switch kind {
	case "IHDR":
		return h.takeIHDR(body)
	case "PLTE":
		switch {
		case h.colour == pngPalette && (n == 0 || n%3 != 0 || n > 3*256):
			return errPNGHeader
		case h.palette, n == 0, n%3 != 0, n > 3<<h.depth, n > 3*256, h.colour == pngGray, h.colour == pngGrayAlpha:
			h.irregular = true
		}
		h.palette = true
	case "tRNS":
		h.takeTRNS(n)
	case "acTL":
		h.animated = true
	case "eXIf":
		if h.orientation == 0 {
			h.orientation = exifOrientation(body)
		}
	}
	return nil
}

// takeTRNS evaluates a transparency chunk of n bytes and ignores one that does not fit the colour type.
func (h *pngHeader) takeTRNS(n int64) {
	takes, most := [...]int64{pngGray: 2, pngRGB: 6, pngPalette: 1, pngGrayAlpha: math.MaxInt64,
		pngRGBAlpha: math.MaxInt64}[h.colour], int64(256)
	if h.colour != pngPalette {
		most = takes
	}
	h.irregular = h.irregular || h.transparent || n < takes || n > most || h.colour == pngPalette && !h.palette
	h.transparent = h.transparent || n >= takes
}

func (h *pngHeader) takeIHDR(b []byte) error {
	if len(b) != 13 {
		return errPNGHeader
	}
	h.width, h.height = binary.BigEndian.Uint32(b), binary.BigEndian.Uint32(b[4:])
	h.depth, h.colour, h.interlaced = b[8], b[9], b[12] == 1
	if h.width >= 1<<31 || h.height >= 1<<31 || b[12] > 1 || !slices.Contains(pngDepths[h.colour], h.depth) {
		return corrupt("the PNG's description of its picture is damaged", nil)
	}
	if b[10] != 0 || b[11] != 0 {
		return unsupported("PNG with a nonstandard compression or filter is not supported")
	}
	return nil
}

func (h *pngHeader) picture() (*picture, error) {
	if h.colour == pngPalette && !h.palette {
		return nil, corrupt("the PNG's palette is missing", nil)
	}
	p := &picture{
		decode: decodePNG, header: header{width: int(h.width), height: int(h.height),
			orientation: max(h.orientation, upright),
			gray:        h.colour == pngGray && !h.transparent, memory: h.memory(), salvage: "png.salvage"}}
	if h.irregular {
		p.decode, p.call, p.salvage = nil, p.salvage, ""
		p.changes = append(p.changes, "irregular PNG made regular")
	}
	if h.transparent || h.colour == pngGrayAlpha || h.colour == pngRGBAlpha {
		p.changes = append(p.changes, "laid on white")
	}
	if h.depth == 16 {
		p.changes = append(p.changes, "16 bits reduced to 8")
	}
	if h.animated {
		p.changes = append(p.changes, "first picture of an animation")
	}
	return p, nil
}

// memory returns the bytes that image/png needs: the picture in the type that it chooses, two rows as stored
// (significant for very wide pictures), and for an interlaced picture seven passes, together as large as the picture.
func (h *pngHeader) memory() int64 {
	pixel, channels := int64(4),
		[...]int64{pngGray: 1, pngRGB: 3, pngPalette: 1, pngGrayAlpha: 2, pngRGBAlpha: 4}[h.colour]
	if h.colour == pngPalette || h.colour == pngGray && !h.transparent {
		pixel = 1
	}
	if h.depth == 16 {
		pixel *= 2
	}
	rows := 2 * (int64(h.width)*channels*int64(h.depth)/8 + 2)
	picture := times(int64(h.width)*int64(h.height), pixel)
	if h.interlaced {
		picture = times(picture, 2)
	}
	return plus(picture, rows)
}

func decodePNG(r io.Reader, _ finishing) (image.Image, error) { return png.Decode(r) }

// salvagePNG decodes a truncated, damaged or irregular file, which image/png refuses.
func salvagePNG(ctx context.Context, file []byte, _ int64, _ []int64) (image.Image, error) {
	return salvaged(salvage.PNG(ctx, file))
}

// pngReader reads a PNG that passes unchanged. If the file ends in the middle of its pixels, it returns an *Error
// instead of the last bytes, so that the model does not read half a page. Other damage is left to the decoder of the
// OCR service.
type pngReader struct {
	*stream
	n      int64 // bytes read
	chunks chunkWalk
}

func (r *pngReader) Read(p []byte) (int, error) {
	n, err := r.stream.Read(p)
	cut := r.chunks.endsInPixels(p[:n])
	if r.n += int64(n); cut && (r.n == r.size || err == io.EOF) {
		return 0, errCut
	}
	return n, err
}

// chunkWalk is a position in a PNG.
type chunkWalk struct {
	left   int64 // bytes until the next chunk header
	head   [8]byte
	n      int // bytes of head read so far
	pixels bool
}

func newChunkWalk() chunkWalk { return chunkWalk{left: int64(len(pngMagic))} }

// endsInPixels consumes the next bytes of the file and reports whether pixels would be missing if it ended there.
func (w *chunkWalk) endsInPixels(b []byte) bool {
	for len(b) > 0 {
		n := min(w.left, int64(len(b)))
		if w.left, b = w.left-n, b[n:]; w.left > 0 {
			break
		}
		n = int64(copy(w.head[w.n:], b))
		if w.n, b = w.n+int(n), b[n:]; w.n == len(w.head) {
			kind := string(w.head[4:])
			w.n, w.left, w.pixels = 0, int64(binary.BigEndian.Uint32(w.head[:]))+checksum, kind == "IDAT"
			if kind == "IEND" {
				w.left = math.MaxInt64 // ignore the rest
			}
		}
	}
	return w.pixels && w.left > checksum
}

// checksum is the bytes after a chunk's body. A file that lacks no more than these has all its pixels.
const checksum = 4
