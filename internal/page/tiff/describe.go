package tiff

import (
	"fmt"
	"math"
	"slices"
)

// pixel says how the samples of a pixel are stored.
type pixel struct {
	colour  uint64 // photometric interpretation
	n       int    // samples per pixel
	bits    int    // per sample
	alpha   int    // index of the alpha sample; 0: none
	scaled  bool   // colours are multiplied by alpha
	planes  int    // number of pieces that store a block of pixels: 1, or one for each sample
	sampled [2]int // of YCbCr without JPEG: how many pixels share a chroma sample, horizontally and vertically
}

// describe sets the page's fields from its entries.
func (p *Page) describe() {
	if p.Err != nil {
		return
	}
	p.aside, p.raw = p.isAside(), p.count(tagPictures)+p.count(tagDNG) > 0
	p.Width, p.Height = p.side(tagWidth), p.side(tagHeight)
	p.Shape = p.shape()
	p.Orientation = validOrientation(p.number(tagOrientation, 0, 1))
	p.describePixel()
	if what := p.unsupported(); what != "" {
		p.Err = UnsupportedError("TIFF " + what)
		return
	}
	p.Lossy = p.jpeg()
	p.Gray = p.colour <= blackIsZero && p.alpha == 0
	if p.bits > 8 {
		p.Changes = append(p.Changes, fmt.Sprintf("%d bits reduced to 8", p.bits))
	}
	switch p.colour {
	case cmyk:
		p.Changes = append(p.Changes, "CMYK to RGB")
	case cieLab, iccLab:
		p.Changes = append(p.Changes, "Lab to RGB")
	}
	if p.alpha > 0 {
		p.Changes = append(p.Changes, "laid on white")
	}
	p.Memory = p.memory()
}

// mostSamples is the largest number of samples per pixel that is supported.
const mostSamples = 16

func (p *Page) describePixel() {
	p.bits = int(min(p.number(tagBits, 0, 1), math.MaxInt32))
	p.n = int(min(p.number(tagSamples, 0, uint64(max(1, p.count(tagBits)))), math.MaxInt32))
	p.colour = p.number(tagPhotometric, 0, p.usualColour())
	p.planes = 1
	if p.number(tagPlanar, 0, 1) == 2 {
		p.planes = p.n
	}
	p.sampled = [2]int{int(p.number(tagSubsampling, 0, 2)), int(p.number(tagSubsampling, 1, 2))}
	if p.planes > 1 {
		p.sampled = [2]int{1, 1}
	}
	extra := p.count(tagExtraSamples)
	for i := range min(extra, p.n-p.colours(), mostSamples) {
		if a := p.number(tagExtraSamples, i, 0); a == 1 || a == 2 {
			p.alpha, p.scaled = p.colours()+i, a == 1
			return
		}
	}
	// All viewers take a fourth RGB sample for alpha. A second gray sample comes from programs that drop the tag. If it
	// were not used, a page would have black areas that hide black text, since transparent pixels are mostly black.
	if extra == 0 && (p.colour == rgb && p.n == 4 || p.colour <= blackIsZero && p.n == 2) {
		p.alpha = p.colours()
	}
}

// usualColour returns the photometric interpretation of a page that does not declare one.
func (p *Page) usualColour() uint64 {
	switch c := p.compression(); {
	case p.n >= 3:
		return rgb
	case c == faxRows || c == fax3 || c == fax4 || c == faxWords:
		return whiteIsZero
	}
	return blackIsZero
}

// colours returns how many samples, from the first on, are colours.
func (p *Page) colours() int {
	switch p.colour {
	case rgb, ycbcr, cieLab, iccLab:
		return 3
	case cmyk:
		return 4
	}
	return 1
}

// side returns a length in pixels. It caps impossible values at the largest int32, which exceeds every limit.
func (p *Page) side(tag uint16) int { return int(min(p.number(tag, 0, 0), math.MaxInt32)) }

// Ratios of a page's resolutions: below the first pixels count as square, since scanners round, and above the second
// the numbers are taken for wrong. A fax has 204 x 98, 204 x 196 or 204 x 391 dots per inch.
const (
	leastOblong = 1.25
	mostOblong  = 4
)

// shape returns the size of the page with square pixels, in the finer of its resolutions.
func (p *Page) shape() [2]int {
	w, h := p.Width, p.Height
	switch across, down := p.fraction(tagAcross), p.fraction(tagDown); {
	case across == 0 || down == 0:
	case across >= leastOblong*down && across <= mostOblong*down:
		h = int(float64(h)*across/down + 0.5)
	case down >= leastOblong*across && down <= mostOblong*across:
		w = int(float64(w)*down/across + 0.5)
	}
	return [2]int{w, h}
}

// block returns the size of the strips or tiles, each side at most the largest int32.
func (p *Page) block() (w, h int) {
	if p.tiled() {
		return p.side(tagTileWidth), p.side(tagTileHeight)
	}
	if rows := p.side(tagRowsPerStrip); rows > 0 {
		return p.Width, min(rows, p.Height)
	}
	return p.Width, p.Height
}

// memory returns the peak bytes of decoding: the picture in its decoded type, a decompressed block, a row of samples,
// the block as planes if it is YCbCr, and its bytes if their bits have to be reversed. JPEG pieces are decoded
// separately, in whole blocks, and copied.
func (p *Page) memory() int64 {
	result := 4.0
	if p.alpha == 0 && p.colour <= blackIsZero || p.paletted() {
		result = 1
	}
	bw, bh := p.block()
	w, h, n := float64(bw), float64(bh), float64(p.n)
	bytes := float64(p.Width) * float64(p.Height) * result
	if p.jpeg() { // twice, in case a damaged one has to be salvaged
		pixel := 2 * n
		if p.n > 1 && p.colour != ycbcr {
			pixel += 4
		}
		bytes += (w+64)*(h+64)*pixel + 3*min(p.mostBytes(), float64(len(p.file)))
	}
	switch {
	case p.compression() == oldJPEG: // all of it at once, and its joined bytes
		bytes += 7*float64(p.Width+64)*float64(p.Height+64) + 3*float64(len(p.file))
	case !p.jpeg():
		bytes += (w*n*float64(p.bits)/8 + n) * h
	}
	if p.colour == ycbcr {
		bytes += 3 * (w + 4) * (h + 4)
	}
	if p.number(tagFillOrder, 0, 1) == 2 {
		bytes += min(p.mostBytes(), float64(len(p.file)))
	}
	return int64(min(bytes+2*w*n+decoderMemory, 1<<62)) // a file may declare more than fits
}

// decoderMemory bounds the bytes of the decompressors' tables and buffers.
const decoderMemory = 128 << 10

// paletted reports whether samples are palette indices without alpha.
func (p *Page) paletted() bool { return p.colour == palette && p.alpha == 0 }

// Names of values that occur in practice and are not supported.
var (
	compressions = map[uint64]string{32809: "ThunderScan", 34661: "JBIG", 34676: "SGI LogLuv", 34677: "SGI LogLuv",
		34712: "JPEG 2000",
		33003: "JPEG 2000", 33005: "JPEG 2000", 34715: "JBIG2", 34887: "LERC", 34892: "lossy DNG", 34925: "LZMA",
		50000: "Zstandard",
		50001: "WebP", 50002: "JPEG XL", 52546: "JPEG XL", 32766: "NeXT's RLE", 32895: "CT's RLE", 32908: "Pixar's log",
		32909: "Pixar's deflate"}
	colourModels = map[uint64]string{4: "that is a transparency mask", 10: "in ITU Lab colours",
		32803: "of raw camera data",
		32844: "in LogL", 32845: "in LogLuv colours", 34892: "of raw camera data"}
	sampleFormats = map[uint64]string{2: "signed", 3: "floating-point", 5: "complex", 6: "complex"}
)

// unsupported names the first unsupported property of the page, "" if there is none.
func (p *Page) unsupported() string {
	c := p.compression()
	known := []uint64{uncompressed, faxRows, fax3, fax4, lzw, oldJPEG, newJPEG, deflate, faxWords, packBits, oldDeflate}
	if compressions[c] != "" {
		return "compressed with " + compressions[c]
	}
	if !slices.Contains(known, c) {
		return fmt.Sprintf("with unknown compression %d", c)
	}
	if colourModels[p.colour] != "" {
		return colourModels[p.colour]
	}
	if p.colour > iccLab || p.colour == 7 {
		return fmt.Sprintf("in unknown colours %d", p.colour)
	}
	if p.n < p.colours() || p.n > mostSamples {
		return fmt.Sprintf("with %d channels, which does not match its colours", p.n)
	}
	for i := range min(p.count(tagBits), p.n) {
		if p.number(tagBits, i, 0) != uint64(p.bits) {
			return "with channels of different bit depths"
		}
	}
	if s := p.number(tagSampleFormat, 0, 1); sampleFormats[s] != "" {
		return "with " + sampleFormats[s] + " samples"
	}
	return p.unsupportedBits(c)
}

// unsupportedBits checks the bits per sample against the compression and colours.
func (p *Page) unsupportedBits(compression uint64) string {
	most, least := 32, 1
	switch {
	case p.colour == palette:
		most = 8
	case p.jpeg(), p.colour == ycbcr, p.colour == cieLab, p.colour == iccLab:
		most, least = 8, 8
	}
	fax := compression == fax3 || compression == fax4 || compression == faxRows || compression == faxWords
	_, known := ratios[p.sampled]
	differences := p.predicted() && p.bits != 8 && p.bits != 16 && p.bits != 32
	switch {
	case p.bits < least || p.bits > most || p.bits > 16 && p.bits%8 != 0, differences:
		return fmt.Sprintf("with %d bits per channel", p.bits)
	case fax && (p.bits != 1 || p.n != 1):
		return "compressed as fax with more than one bit per pixel"
	case p.predicted() && p.number(tagPredictor, 0, 1) != 2:
		return "with floating-point samples"
	case p.colour == ycbcr && p.n != 3:
		return "in YCbCr with more than three channels"
	case p.colour == ycbcr && !p.jpeg() && !known:
		return fmt.Sprintf("in YCbCr sampled %d x %d", p.sampled[0], p.sampled[1])
	case p.jpeg() && p.planes == 1 && p.n == 2:
		return "with transparency in JPEG"
	case compression == oldJPEG && (p.planes > 1 || p.n != 1 && p.n != 3):
		return "compressed with old-style JPEG in planes"
	}
	return ""
}

func (p *Page) predicted() bool {
	c := p.compression()
	return (c == lzw || c == deflate || c == oldDeflate) && p.number(tagPredictor, 0, 1) > 1
}
