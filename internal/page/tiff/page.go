package tiff

import "encoding/binary"

// FormatError describes what is wrong with a broken file, for its owner.
type FormatError string

func (e FormatError) Error() string { return "tiff: " + string(e) }

// UnsupportedError names an unsupported feature of a file.
type UnsupportedError string

func (e UnsupportedError) Error() string { return "tiff: " + string(e) + " is not supported" }

const ErrCut = FormatError("it is cut off")

// Page is one picture of a file.
type Page struct {
	At            int64    // offset of its directory in the file, see PageAt
	Width, Height int      // as stored; 0 if unknown
	Shape         [2]int   // width and height of the same picture with square pixels, at least the stored ones
	Orientation   int      // as in Exif, 1 to 8
	Gray          bool     // no colours, and opaque
	Lossy         bool     // JPEG inside
	Changes       []string // what decoding changes, for people
	Memory        int64    // peak bytes that Decode needs, in addition to the file
	Err           error    // why it cannot be decoded; the other fields may be invalid then

	aside bool // a thumbnail or the transparency mask of another page
	raw   bool // it belongs to a camera's raw file, or has further pictures of its own
	pixel      // how its samples are stored
	layout
	entries map[uint16]entry
	file    []byte // set only while it is needed: a page must not keep the file alive
}

// Kinds of values.
const (
	kindByte, kindShort, kindLong, kindRational, kindUndefined = 1, 3, 4, 5, 7
	// signed, though the values used here are never negative
	kindSignedByte, kindSignedShort, kindSignedLong = 6, 8, 9
	kindPlace, kindLong8, kindPlace8                = 13, 16, 18
)

// sizeOf returns the size of a value of a kind in bytes, 0 for kinds that are not used.
func sizeOf(kind uint16) int {
	switch kind {
	case kindByte, kindUndefined, kindSignedByte:
		return 1
	case kindShort, kindSignedShort:
		return 2
	case kindLong, kindPlace, kindSignedLong:
		return 4
	case kindRational, kindLong8, kindPlace8:
		return 8
	}
	return 0
}

// numberAt reads a value of a kind that sizeOf knows. A fraction is rounded down.
func numberAt(order binary.ByteOrder, kind uint16, b []byte) uint64 {
	switch kind {
	case kindShort, kindSignedShort:
		return uint64(order.Uint16(b))
	case kindLong, kindPlace, kindSignedLong:
		return uint64(order.Uint32(b))
	case kindLong8, kindPlace8:
		return order.Uint64(b)
	case kindRational:
		return uint64(order.Uint32(b) / max(1, order.Uint32(b[4:])))
	}
	return uint64(b[0])
}

// entry is a directory entry: count values of a kind, at an offset in the file.
type entry struct {
	kind      uint16
	at, count int
}

// Tags that are used.
const (
	tagSubfile, tagWidth, tagHeight, tagBits                   = 254, 256, 257, 258
	tagCompression, tagPhotometric, tagFillOrder               = 259, 262, 266
	tagStripOffsets, tagOrientation, tagSamples                = 273, 274, 277
	tagRowsPerStrip, tagStripCounts, tagPlanar                 = 278, 279, 284
	tagAcross, tagDown                                         = 282, 283 // pixels per unit of length
	tagT4, tagT6, tagPredictor, tagColorMap                    = 292, 293, 317, 320
	tagTileWidth, tagTileHeight, tagTileOffsets, tagTileCounts = 322, 323, 324, 325
	tagExtraSamples, tagSampleFormat, tagJPEGTables            = 338, 339, 347
	tagOldJPEG, tagOldJPEGSize, tagOldRestart                  = 513, 514, 515
	tagOldQuantization, tagOldDC, tagOldAC                     = 519, 520, 521
	tagSubsampling, tagReference                               = 530, 532
	tagPictures, tagDNG                                        = 330, 50706
)

// useful lists the tags that are kept.
var useful = []uint16{
	tagSubfile, tagWidth, tagHeight, tagBits, tagCompression, tagPhotometric, tagFillOrder, tagStripOffsets,
	tagOrientation, tagSamples, tagRowsPerStrip, tagStripCounts, tagPlanar, tagAcross, tagDown, tagT4, tagT6,
	tagPredictor, tagColorMap, tagTileWidth,
	tagTileHeight, tagTileOffsets, tagTileCounts, tagExtraSamples, tagSampleFormat, tagJPEGTables, tagOldJPEG,
	tagOldJPEGSize, tagOldRestart,
	tagOldQuantization, tagOldDC, tagOldAC, tagSubsampling, tagReference, tagPictures, tagDNG}

// needed lists the tags without which a page would be decoded wrongly or not at all.
var needed = []uint16{
	tagBits, tagStripOffsets, tagTileOffsets, tagColorMap, tagExtraSamples, tagSampleFormat, tagJPEGTables}

// Photometric interpretations.
const (
	whiteIsZero, blackIsZero, rgb, palette = 0, 1, 2, 3
	cmyk, ycbcr, cieLab, iccLab            = 5, 6, 8, 9
)

// Compressions.
const (
	uncompressed, faxRows, fax3, fax4, lzw = 1, 2, 3, 4, 5
	oldJPEG, newJPEG, deflate              = 6, 7, 8
	faxWords, packBits, oldDeflate         = 32771, 32773, 32946
)

// bytes returns the values of a tag as stored.
func (p *Page) bytes(tag uint16) []byte {
	e := p.entries[tag]
	return p.file[e.at:][:e.count*sizeOf(e.kind)]
}

// number returns the i-th value of a tag, or otherwise if there is none.
func (p *Page) number(tag uint16, i int, otherwise uint64) uint64 {
	e := p.entries[tag]
	if i >= e.count {
		return otherwise
	}
	return numberAt(p.order, e.kind, p.file[e.at+i*sizeOf(e.kind):])
}

// fraction returns the first value of a tag, unlike number without rounding it, or 0 if there is none.
func (p *Page) fraction(tag uint16) float64 {
	if e := p.entries[tag]; e.kind == kindRational {
		b := p.file[e.at:]
		return float64(p.order.Uint32(b)) / max(1, float64(p.order.Uint32(b[4:])))
	}
	return float64(p.number(tag, 0, 0))
}

func (p *Page) count(tag uint16) int { return p.entries[tag].count }

func (p *Page) compression() uint64 { return p.number(tagCompression, 0, uncompressed) }
func (p *Page) isAside() bool       { return p.number(tagSubfile, 0, 0)&(1|4) != 0 }
func (p *Page) tiled() bool         { return p.number(tagTileWidth, 0, 0) != 0 }
func (p *Page) jpeg() bool          { return p.compression() == newJPEG || p.compression() == oldJPEG }
