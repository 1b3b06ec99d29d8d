package tiff

import (
	"fmt"
	"math"
)

// describe fills in what the page says about itself.
func (p *Page) describe() {
	if p.Err != nil {
		return
	}
	p.reduced = p.number(tagSubfile, 0, 0)&1 == 1
	p.Width, p.Height = p.side(tagWidth), p.side(tagHeight)
	p.Orientation = validOrientation(p.number(tagOrientation, 0, 1))
	if what := p.unsupported(); what != "" {
		p.Err = UnsupportedError(what)
		return
	}
	p.Lossy = p.compression() == jpegCompression
	p.Gray = p.samples() == 1 && p.photometric() != palette
	if p.bits() == 16 {
		p.Changes = append(p.Changes, "16 bits reduced to 8")
	}
	switch {
	case p.photometric() == cmyk:
		p.Changes = append(p.Changes, "CMYK to RGB")
	case p.samples() == 4 && p.alpha() != 0:
		p.Changes = append(p.Changes, "laid on white")
	}
	p.Memory = p.memory()
}

// side is a length in pixels; what no picture can have is returned as the largest number, which no limit lets pass.
func (p *Page) side(tag uint16) int {
	if n := p.number(tag, 0, 0); n <= math.MaxInt32 {
		return int(n)
	}
	return math.MaxInt32
}

// alpha is what a fourth channel beside RGB means: 1 or 2 transparency, 0 nothing.
func (p *Page) alpha() uint32 {
	if a := p.number(tagExtraSamples, 0, 0); a <= 2 {
		return a
	}
	return 0
}

// block is the size of the pieces that the picture is stored in, never larger than the limits of int32.
func (p *Page) block() (w, h int) {
	if p.tiled() {
		return p.side(tagTileWidth), p.side(tagTileHeight)
	}
	rows := p.side(tagRowsPerStrip)
	if rows == 0 || rows > p.Height {
		rows = p.Height
	}
	return p.Width, rows
}

// memory is the picture in the type that the decoder chooses, and a piece of it as stored, compressed and not, while its
// buffer grows. JPEG pieces are decoded apart, in whole blocks, and copied.
func (p *Page) memory() int64 {
	pixel := int64(4)
	if p.samples() == 1 {
		pixel = 1
	}
	if p.bits() == 16 {
		pixel *= 2
	}
	w, h := p.block()
	picture, piece := area(p.Width, p.Height), area(w, h)
	if p.Lossy {
		return plus(times(picture, pixel), times(area(w+64, h+64), 3+pixel))
	}
	stored := times(piece, int64(p.samples())*int64(p.bits()))/8 + int64(h)
	return plus(times(picture, pixel), times(stored, 4))
}

func area(w, h int) int64 { return int64(w) * int64(h) }

func times(a, b int64) int64 {
	if b != 0 && a > math.MaxInt64/b {
		return math.MaxInt64
	}
	return a * b
}

func plus(a, b int64) int64 {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}

// compressions names what is met in the wild and not decoded.
var compressions = map[uint32]string{6: "old JPEG", 34712: "JPEG 2000", 34925: "LZMA", 50000: "Zstandard", 50001: "WebP",
	34661: "JBIG", 34715: "JBIG2", 50002: "JPEG XL", 34887: "LERC"}

// unsupported names what keeps a page from being decoded here, "" if nothing.
func (p *Page) unsupported() string {
	n, bits := p.samples(), p.bits()
	for i := range min(p.count(tagBits), 8) {
		if p.number(tagBits, i, 0) != bits {
			return "TIFF with channels of different bits"
		}
	}
	c := p.compression()
	switch {
	case compressions[c] != "":
		return "TIFF with " + compressions[c]
	case c != 1 && c != 2 && c != 3 && c != 4 && c != 5 && c != jpegCompression && c != 8 && c != 32946 && c != 32773:
		return fmt.Sprintf("TIFF compression %d", c)
	case p.number(tagPlanar, 0, 1) != 1 && n > 1:
		return "TIFF with a plane for each colour"
	case p.number(tagSampleFormat, 0, 1) != 1:
		return "TIFF of other than whole numbers"
	case bits != 1 && bits != 8 && bits != 16 || c == jpegCompression && bits != 8:
		return fmt.Sprintf("TIFF with %d bits a channel", bits)
	}
	return p.unsupportedColour(n, bits)
}

func (p *Page) unsupportedColour(n int, bits uint32) string {
	jpeg := p.compression() == jpegCompression
	switch colour := p.photometric(); {
	case (colour == whiteIsZero || colour == blackIsZero) && n == 1, colour == palette && n == 1 && bits <= 8 && !jpeg:
		return ""
	case colour == rgb && (n == 3 || n == 4 && !jpeg) && bits >= 8:
		return ""
	case colour == cmyk && n == 4 && bits == 8 && !jpeg, colour == ycbcr && n == 3 && jpeg:
		return ""
	default:
		return fmt.Sprintf("TIFF of colour model %d with %d channels", colour, n)
	}
}
