package tiff

import "encoding/binary"

// FormatError is what is wrong with a broken file.
type FormatError string

func (e FormatError) Error() string { return "tiff: " + string(e) }

// UnsupportedError names what a file holds that is not decoded here.
type UnsupportedError string

func (e UnsupportedError) Error() string { return "tiff: " + string(e) + " is not supported" }

const errCut = FormatError("the file is cut off")

// Page is one picture of a file.
type Page struct {
	At            int64    // place of its directory in the file, see PageAt
	Width, Height int      // as stored, 0 if it does not say
	Orientation   int      // as in Exif, 1 to 8
	Gray          bool     // one channel
	Lossy         bool     // JPEG inside
	Changes       []string // what decoding changes, in words
	Memory        int64    // bytes that Decode needs at its peak, beside the file
	Err           error    // what is wrong with it; the rest may not be valid then

	reduced bool // a thumbnail of another page
	order   binary.ByteOrder
	entries map[uint16]entry
	file    []byte // while it is needed: a page must not keep the file alive
}

// entrySize is the bytes of one entry in a directory: tag (2), kind (2), count (4), and the value or where it lies (4).
const entrySize = 12

// Kinds of numbers.
const kindByte, kindShort, kindLong, kindUndefined = 1, 3, 4, 7

// sizeOf returns the bytes that a number of a kind takes, 0 for a kind that is of no use here.
func sizeOf(kind uint16) int64 {
	switch kind {
	case kindByte, kindUndefined:
		return 1
	case kindShort:
		return 2
	case kindLong:
		return 4
	}
	return 0
}

// numberAt reads a number of a kind that sizeOf knows.
func numberAt(order binary.ByteOrder, kind uint16, b []byte) uint32 {
	switch kind {
	case kindShort:
		return uint32(order.Uint16(b))
	case kindLong:
		return order.Uint32(b)
	}
	return uint32(b[0])
}

// entry is one value of a directory: count numbers of a kind, and where they lie in the file.
type entry struct {
	kind     uint16
	count    uint32
	at, size int64
	raw      []byte // the numbers as stored, while the file is there: see value
}

// Tags that matter here.
const (
	tagSubfile, tagWidth, tagHeight, tagBits       = 254, 256, 257, 258
	tagCompression, tagPhotometric, tagFillOrder   = 259, 262, 266
	tagStripOffsets, tagOrientation, tagSamples    = 273, 274, 277
	tagRowsPerStrip, tagStripCounts, tagPlanar     = 278, 279, 284
	tagT4, tagT6, tagPredictor, tagColorMap        = 292, 293, 317, 320
	tagTileWidth, tagTileHeight                    = 322, 323
	tagTileOffsets, tagTileCounts                  = 324, 325
	tagExtraSamples, tagSampleFormat, tagJPEGTable = 338, 339, 347
)

// useful are the tags that are kept: passed to the decoder (see alone), or read here.
var useful = append([]uint16{tagSubfile, tagOrientation, tagSamples, tagPlanar, tagSampleFormat, tagJPEGTable}, passed...)

// Photometric interpretations.
const (
	whiteIsZero, blackIsZero, rgb, palette = 0, 1, 2, 3
	cmyk, ycbcr                            = 5, 6
)

const jpegCompression = 7

// passed are the tags that the decoder is shown, in order.
var passed = []uint16{tagWidth, tagHeight, tagBits, tagCompression, tagPhotometric, tagFillOrder, tagStripOffsets,
	tagRowsPerStrip, tagStripCounts, tagT4, tagT6, tagPredictor, tagColorMap, tagTileWidth, tagTileHeight, tagTileOffsets,
	tagTileCounts, tagExtraSamples}

// value returns an entry with its bytes; count is 0 if there is none.
func (p *Page) value(tag uint16) entry {
	e := p.entries[tag]
	e.raw = p.file[e.at:][:e.size]
	return e
}

// number returns the value with index i of a tag, otherwise if there is none.
func (p *Page) number(tag uint16, i int, otherwise uint32) uint32 {
	v := p.value(tag)
	if i >= int(v.count) {
		return otherwise
	}
	return numberAt(p.order, v.kind, v.raw[sizeOf(v.kind)*int64(i):])
}

func (p *Page) count(tag uint16) int { return int(p.entries[tag].count) }

// samples is how many channels a pixel has.
func (p *Page) samples() int {
	return int(p.number(tagSamples, 0, uint32(max(1, p.count(tagBits)))))
}

func (p *Page) bits() uint32        { return p.number(tagBits, 0, 1) }
func (p *Page) photometric() uint32 { return p.number(tagPhotometric, 0, blackIsZero) }
func (p *Page) compression() uint32 { return p.number(tagCompression, 0, 1) }
func (p *Page) tiled() bool         { return p.number(tagTileWidth, 0, 0) != 0 }
