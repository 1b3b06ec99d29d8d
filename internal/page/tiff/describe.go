package tiff

import (
	"fmt"
	"math"
	"slices"
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
	case p.transparent():
		p.Changes = append(p.Changes, "laid on white")
	}
	p.Memory = p.memory()
}

// side is a length in pixels; what no picture can have is returned as the largest number, which no limit lets pass.
func (p *Page) side(tag uint16) int { return int(min(p.number(tag, 0, 0), math.MaxInt32)) }

// transparent reports whether there is a fourth channel beside RGB that means transparency.
func (p *Page) transparent() bool {
	a := p.number(tagExtraSamples, 0, 0)
	return p.samples() == 4 && (a == 1 || a == 2)
}

// block is the size of the pieces that the picture is stored in, never larger than the limits of int32.
func (p *Page) block() (w, h int) {
	if p.tiled() {
		return p.side(tagTileWidth), p.side(tagTileHeight)
	}
	if rows := p.side(tagRowsPerStrip); rows > 0 {
		return p.Width, min(rows, p.Height)
	}
	return p.Width, p.Height
}

// memory is the picture in the type that the decoder chooses, and a piece of it as stored, compressed and not, while its
// buffer grows. JPEG pieces are decoded apart, in whole blocks, and copied.
func (p *Page) memory() int64 {
	pixel := 4.0
	if p.samples() == 1 {
		pixel = 1
	}
	if p.bits() == 16 {
		pixel *= 2
	}
	bw, bh := p.block()
	w, h := float64(bw), float64(bh)
	bytes := float64(p.Width) * float64(p.Height) * pixel
	if p.Lossy {
		bytes += (w + 64) * (h + 64) * (3 + pixel)
	} else {
		bytes += (w*float64(p.samples())*float64(p.bits())/8 + 1) * h * 4
	}
	return int64(min(bytes, 1<<62)) // a file may declare more than fits
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
	case !slices.Contains([]uint32{1, 2, 3, 4, 5, jpegCompression, 8, 32946, 32773}, c):
		return fmt.Sprintf("TIFF compression %d", c)
	case p.number(tagPlanar, 0, 1) != 1 && n > 1:
		return "TIFF with a plane for each colour"
	case p.number(tagSampleFormat, 0, 1) != 1:
		return "TIFF of other than whole numbers"
	case bits != 1 && bits != 8 && bits != 16 || c == jpegCompression && bits != 8:
		return fmt.Sprintf("TIFF with %d bits a channel", bits)
	}
	jpeg := c == jpegCompression
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
